//! From the request that was decided to the transaction of alloy, field by field.

use alloy::consensus::{TxEip1559, TxEip2930, TxEip7702, TxLegacy, TypedTransaction};
use alloy::eips::eip2930::{AccessList, AccessListItem};
use alloy::eips::eip7702::{Authorization, SignedAuthorization};
use alloy::primitives::{TxKind, U256};
use alloy::signers::SignerSync;
use alloy::signers::local::PrivateKeySigner;
use oneclaw_core::amount::Amount;
use oneclaw_core::transaction::{self as decided, TransactionIntent, TransactionRequest, TxType};

use crate::SignError;

/// The chain of a transaction. Without one it could be replayed on every chain (EIP-155).
pub(crate) fn chain_id(request: &TransactionRequest) -> Result<u64, SignError> {
    request
        .chain
        .as_ref()
        .map(|chain| chain.id)
        .filter(|id| *id != 0)
        .ok_or(SignError::Field {
            field: "chain",
            must: "must be named, with an id above 0: a transaction is signed for one chain",
        })
}

/// The unsigned transaction. Authorisations that the sender gives are signed here, because they are part of it.
pub(crate) fn transaction(
    intent: &TransactionIntent,
    chain_id: u64,
    signer: &PrivateKeySigner,
) -> Result<TypedTransaction, SignError> {
    if intent.tx_type != TxType::SetCode && !intent.authorizations.is_empty() {
        return Err(SignError::Field {
            field: "authorizations",
            must: "belong to transactions of type 4",
        });
    }
    match intent.tx_type {
        TxType::Legacy => legacy(intent, chain_id).map(TypedTransaction::from),
        TxType::AccessList => access_list(intent, chain_id).map(TypedTransaction::from),
        TxType::DynamicFee => dynamic_fee(intent, chain_id).map(TypedTransaction::from),
        TxType::SetCode => set_code(intent, chain_id, signer).map(TypedTransaction::from),
    }
}

fn legacy(intent: &TransactionIntent, chain_id: u64) -> Result<TxLegacy, SignError> {
    if !intent.access_list.is_empty() {
        return Err(SignError::Field {
            field: "access_list",
            must: "belongs to transactions of types 1, 2 and 4",
        });
    }
    Ok(TxLegacy {
        chain_id: Some(chain_id),
        nonce: intent.nonce,
        gas_price: gas_price(intent)?,
        gas_limit: intent.gas_limit,
        to: target(intent),
        value: intent.value.into(),
        input: intent.data.clone(),
    })
}

fn access_list(intent: &TransactionIntent, chain_id: u64) -> Result<TxEip2930, SignError> {
    Ok(TxEip2930 {
        chain_id,
        nonce: intent.nonce,
        gas_price: gas_price(intent)?,
        gas_limit: intent.gas_limit,
        to: target(intent),
        value: intent.value.into(),
        access_list: access(intent),
        input: intent.data.clone(),
    })
}

fn dynamic_fee(intent: &TransactionIntent, chain_id: u64) -> Result<TxEip1559, SignError> {
    Ok(TxEip1559 {
        chain_id,
        nonce: intent.nonce,
        gas_limit: intent.gas_limit,
        max_fee_per_gas: max_fee(intent)?,
        max_priority_fee_per_gas: tip(intent)?,
        to: target(intent),
        value: intent.value.into(),
        access_list: access(intent),
        input: intent.data.clone(),
    })
}

fn set_code(
    intent: &TransactionIntent,
    chain_id: u64,
    signer: &PrivateKeySigner,
) -> Result<TxEip7702, SignError> {
    let to = intent.to.ok_or(SignError::Field {
        field: "to",
        must: "must be there in a transaction of type 4, which creates no contract (EIP-7702)",
    })?;
    if intent.authorizations.is_empty() {
        return Err(SignError::Field {
            field: "authorizations",
            must: "must have at least one entry in a transaction of type 4 (EIP-7702)",
        });
    }
    let authorization_list = intent
        .authorizations
        .iter()
        .map(|given| authorization(given, intent.nonce, chain_id, signer))
        .collect::<Result<_, _>>()?;
    Ok(TxEip7702 {
        chain_id,
        nonce: intent.nonce,
        gas_limit: intent.gas_limit,
        max_fee_per_gas: max_fee(intent)?,
        max_priority_fee_per_gas: tip(intent)?,
        to,
        value: intent.value.into(),
        access_list: access(intent),
        authorization_list,
        input: intent.data.clone(),
    })
}

fn authorization(
    given: &decided::Authorization,
    nonce: u64,
    chain_id: u64,
    signer: &PrivateKeySigner,
) -> Result<SignedAuthorization, SignError> {
    let inner = Authorization {
        chain_id: U256::from(given.chain_id),
        address: given.address,
        nonce: given.nonce,
    };
    let Some(signature) = &given.signature else {
        // The sender's nonce goes up before authorisations are looked at. With another one, this would be of no use here,
        // but somebody else could use it later.
        if Some(given.nonce) != nonce.checked_add(1) {
            return Err(SignError::Field {
                field: "authorizations.nonce",
                must: "must be the transaction's nonce plus 1 where the sender itself authorises (EIP-7702)",
            });
        }
        if given.chain_id != 0 && given.chain_id != chain_id {
            return Err(SignError::Field {
                field: "authorizations.chain_id",
                must: "must be the transaction's chain, or 0, where the sender itself authorises (EIP-7702)",
            });
        }
        let signature = signer
            .sign_hash_sync(&inner.signature_hash())
            .map_err(|_| SignError::Algorithm)?;
        return Ok(inner.into_signed(signature));
    };
    Ok(SignedAuthorization::new_unchecked(
        inner,
        signature.y_parity,
        signature.r.into(),
        signature.s.into(),
    ))
}

fn target(intent: &TransactionIntent) -> TxKind {
    intent.to.map_or(TxKind::Create, TxKind::Call)
}

fn access(intent: &TransactionIntent) -> AccessList {
    let items = intent.access_list.iter().map(|item| AccessListItem {
        address: item.address,
        storage_keys: item.storage_keys.clone(),
    });
    AccessList(items.collect())
}

fn fee(amount: Amount, field: &'static str) -> Result<u128, SignError> {
    u128::try_from(amount).map_err(|_| SignError::Field {
        field,
        must: "must be below 2^128 wei",
    })
}

fn max_fee(intent: &TransactionIntent) -> Result<u128, SignError> {
    fee(intent.fees.max_fee_per_gas, "max_fee_per_gas")
}

fn tip(intent: &TransactionIntent) -> Result<u128, SignError> {
    fee(
        intent.fees.max_priority_fee_per_gas,
        "max_priority_fee_per_gas",
    )
}

fn gas_price(intent: &TransactionIntent) -> Result<u128, SignError> {
    if intent.fees.max_fee_per_gas != intent.fees.max_priority_fee_per_gas {
        return Err(SignError::Field {
            field: "max_priority_fee_per_gas",
            must: "must equal `max_fee_per_gas` in transactions of types 0 and 1, which have one gas price",
        });
    }
    fee(intent.fees.max_fee_per_gas, "gas_price")
}
