//! A transaction that is stuck is sent again with higher fees, or its place is taken by nothing. Both pass the guardrails
//! like any other.

use oneclaw_core::amount::Amount;
use oneclaw_core::api::{self, ReplaceTransactionRequest, TransactionRequestBody};
use oneclaw_core::ids::{AgentId, TransactionId};
use oneclaw_core::transaction::{Fees, TxType};
use oneclaw_store::{Transaction, TransactionStatus};

use super::super::Services;
use super::super::caller::{Caller, RequestContext};
use super::super::error::{Result, ServiceError};
use super::fees;
use super::prepare::Purpose;
use super::proof::SignableRequest;
use super::request::{self, FeeWish, MIN_GAS};
use super::submit::Decided;
use super::wire;

const UNKNOWN: ServiceError = ServiceError::NotFound("no such transaction");

/// What takes the place of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replacement {
    /// The same, with higher fees.
    SpeedUp,
    /// A transfer of nothing to the sender itself, with higher fees.
    Cancel,
}

impl Services {
    /// `POST …/transactions/{tx_id}/replace` and `…/cancel`
    ///
    /// # Errors
    /// [`ServiceError::Conflict`] for a transaction that is not waiting to be included; as
    /// [`Services::submit_transaction`] for the rest.
    #[expect(clippy::too_many_arguments, reason = "the parts of one request")]
    pub async fn replace_transaction(
        &self,
        context: &RequestContext,
        caller: &Caller,
        agent: AgentId,
        id: TransactionId,
        replacement: Replacement,
        body: &ReplaceTransactionRequest,
        request: &SignableRequest,
    ) -> Result<api::Transaction> {
        let actor = self.actor(context, caller, agent).await?;
        let proof = self.proven(context, caller, &actor.agent, request).await?;
        let stored = self.store.transaction(agent, id).await?.ok_or(UNKNOWN)?;
        let waiting = matches!(
            stored.status,
            TransactionStatus::Signed | TransactionStatus::Broadcast
        ) && stored.kind == "transaction"
            && stored.final_state.is_none()
            && stored.replaced_by.is_none();
        if !waiting {
            return Err(ServiceError::Conflict(
                "this transaction is not waiting to be included in a block".to_owned(),
            ));
        }
        let body = self.replacing(&stored, replacement, body).await?;
        let prepared = self
            .prepare_transaction(context, actor, &body, Purpose::Submit, proof)
            .await?;
        if prepared.request.sender != stored.from_address {
            return Err(ServiceError::Conflict(
                "only the key that signed a transaction can replace it; give its `signing_key_path` if it had one"
                    .to_owned(),
            ));
        }
        let (rpc, key) = (prepared.rpc.clone(), prepared.key.clone());
        match self.decide(context, prepared, None, Some(id)).await? {
            Decided::Allowed(permit, transaction) => {
                let signed = self
                    .sign_and_store(
                        context,
                        caller,
                        permit,
                        &key,
                        transaction,
                        TransactionStatus::Signed,
                    )
                    .await?;
                let sent = self.send(rpc.as_ref(), signed).await?;
                Ok(wire::transaction(&sent, true))
            }
            Decided::Existing(_) | Decided::SimulationFailed(_) => Err(ServiceError::Internal(
                "a replacement was taken for something else".to_owned(),
            )),
        }
    }

    /// The replacement as if it had been asked for by itself.
    async fn replacing(
        &self,
        stored: &Transaction,
        replacement: Replacement,
        body: &ReplaceTransactionRequest,
    ) -> Result<TransactionRequestBody> {
        let chain = api::ChainRef::Id(stored.chain_id);
        let rpc = self.chains.rpc(&self.chain_for(&chain).await?);
        let tx_type = match stored.tx_type {
            Some(0) => TxType::Legacy,
            Some(1) => TxType::AccessList,
            Some(4) => {
                return Err(ServiceError::Conflict(
                    "a transaction of type 4 (EIP-7702) cannot be replaced by this server"
                        .to_owned(),
                ));
            }
            _ => TxType::DynamicFee,
        };
        let before = Fees {
            max_fee_per_gas: stored.max_fee_per_gas.unwrap_or(Amount::ZERO),
            max_priority_fee_per_gas: stored.max_priority_fee_per_gas.unwrap_or(Amount::ZERO),
        };
        let fees = fees::raised(rpc.as_ref(), tx_type, before, wish(body)?).await?;
        let has_price = matches!(tx_type, TxType::Legacy | TxType::AccessList);
        let cancel = replacement == Replacement::Cancel;
        Ok(TransactionRequestBody {
            to: if cancel {
                Some(stored.from_address.to_checksum(None))
            } else {
                stored.to_address.map(|to| to.to_checksum(None))
            },
            value: Some(if cancel {
                "0".to_owned()
            } else {
                stored
                    .value_wei
                    .to_units(oneclaw_core::amount::NATIVE_DECIMALS)
            }),
            data: stored.data.clone().filter(|_| !cancel),
            chain: Some(chain),
            nonce: stored.nonce,
            gas_limit: if cancel {
                Some(MIN_GAS)
            } else {
                stored.gas_limit
            },
            gas_price: has_price.then(|| fees.max_fee_per_gas.to_string()),
            max_fee_per_gas: (!has_price).then(|| fees.max_fee_per_gas.to_string()),
            max_priority_fee_per_gas: (!has_price)
                .then(|| fees.max_priority_fee_per_gas.to_string()),
            tx_type: Some(if has_price { 0 } else { 2 }),
            signing_key_path: body.signing_key_path.clone(),
            vault_id: body.vault_id.clone(),
            ..TransactionRequestBody::default()
        })
    }
}

fn wish(body: &ReplaceTransactionRequest) -> Result<FeeWish> {
    let price = request::wei("gas_price", body.gas_price.as_deref())?;
    let max_fee = request::wei("max_fee_per_gas", body.max_fee_per_gas.as_deref())?;
    let priority = request::wei(
        "max_priority_fee_per_gas",
        body.max_priority_fee_per_gas.as_deref(),
    )?;
    match (price, max_fee, priority) {
        (None, None, None) => Ok(FeeWish::Automatic),
        (Some(price), None, None) => Ok(FeeWish::GasPrice(price)),
        (None, Some(max_fee), priority) => Ok(FeeWish::Dynamic { max_fee, priority }),
        _ => Err(ServiceError::field(
            "max_fee_per_gas",
            "give `max_fee_per_gas` (with or without `max_priority_fee_per_gas`) or `gas_price`, not both",
        )),
    }
}
