//! A look back: the signed bytes are decoded and compared with what was decided. The encoder is not asked.

use alloy::consensus::transaction::SignerRecoverable;
use alloy::consensus::{Transaction, TxEnvelope};
use alloy::eips::eip2718::{Decodable2718, Typed2718};
use alloy::eips::eip7702::SignedAuthorization;
use alloy::primitives::{Address, Signature, U256};
use oneclaw_core::amount::Amount;
use oneclaw_core::transaction::{self as decided, B256, TransactionIntent, TxType};

use crate::SignError;

/// Checks that `raw` is this transaction, on this chain, signed by this account with a low `s` (EIP-2). Returns its hash.
pub(crate) fn transaction(
    raw: &[u8],
    intent: &TransactionIntent,
    chain_id: u64,
    sender: Address,
) -> Result<B256, SignError> {
    let signed =
        TxEnvelope::decode_2718_exact(raw).map_err(|_| SignError::Differs("the encoding"))?;
    let amount = |value: u128| Amount::from(value);
    let fees = &intent.fees;
    let has_tip = matches!(intent.tx_type, TxType::DynamicFee | TxType::SetCode);
    let tip = has_tip.then_some(fees.max_priority_fee_per_gas);
    let price = (!has_tip).then_some(fees.max_fee_per_gas);
    let comparisons = [
        ("type", signed.ty() == intent.tx_type.number()),
        ("chain", signed.chain_id() == Some(chain_id)),
        ("nonce", signed.nonce() == intent.nonce),
        ("gas_limit", signed.gas_limit() == intent.gas_limit),
        (
            "max_fee_per_gas",
            amount(signed.max_fee_per_gas()) == fees.max_fee_per_gas,
        ),
        (
            "max_priority_fee_per_gas",
            signed.max_priority_fee_per_gas().map(amount) == tip,
        ),
        ("gas_price", signed.gas_price().map(amount) == price),
        ("to", signed.to() == intent.to),
        ("value", Amount::from(signed.value()) == intent.value),
        ("data", *signed.input() == intent.data),
        ("access_list", same_access_list(&signed, intent)),
        (
            "authorizations",
            same_authorizations(&signed, intent, sender),
        ),
        ("signature", is_low(signed.signature())),
        (
            "sender",
            signed.recover_signer().is_ok_and(|it| it == sender),
        ),
    ];
    comparisons.into_iter().find(|(_, same)| !same).map_or_else(
        || Ok(*signed.tx_hash()),
        |(field, _)| Err(SignError::Differs(field)),
    )
}

/// Checks that this is the account's signature over the hash, with a low `s`.
pub(crate) fn signature(
    signature: &Signature,
    hash: &B256,
    sender: Address,
) -> Result<(), SignError> {
    let is_senders = signature
        .recover_address_from_prehash(hash)
        .is_ok_and(|it| it == sender);
    if is_senders && is_low(signature) {
        Ok(())
    } else {
        Err(SignError::Differs("signature"))
    }
}

fn is_low(signature: &Signature) -> bool {
    signature.normalize_s().is_none()
}

fn same_access_list(signed: &TxEnvelope, intent: &TransactionIntent) -> bool {
    let Some(list) = signed.access_list() else {
        return intent.tx_type == TxType::Legacy && intent.access_list.is_empty();
    };
    list.len() == intent.access_list.len()
        && list.iter().zip(&intent.access_list).all(|(is, should)| {
            is.address == should.address && is.storage_keys == should.storage_keys
        })
}

fn same_authorizations(signed: &TxEnvelope, intent: &TransactionIntent, sender: Address) -> bool {
    let list = signed.authorization_list().unwrap_or_default();
    list.len() == intent.authorizations.len()
        && list
            .iter()
            .zip(&intent.authorizations)
            .all(|(is, should)| same_authorization(is, should, sender))
}

fn same_authorization(
    is: &SignedAuthorization,
    should: &decided::Authorization,
    sender: Address,
) -> bool {
    let same_words = is.chain_id == U256::from(should.chain_id)
        && is.address == should.address
        && is.nonce == should.nonce;
    let same_signature = match &should.signature {
        Some(given) => {
            is.y_parity() == given.y_parity
                && is.r() == U256::from_be_bytes(given.r.0)
                && is.s() == U256::from_be_bytes(given.s.0)
        }
        None => is.recover_authority().is_ok_and(|it| it == sender),
    };
    same_words && same_signature
}
