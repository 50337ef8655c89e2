//! Submitting, signing, previewing.

use oneclaw_core::api::{
    self, SignRequest, SignResponse, SignedTransaction, TransactionRequestBody,
};
use oneclaw_core::ids::{AgentId, TransactionId};
use oneclaw_core::transaction::IntentSignature;
use oneclaw_crypto::random;
use oneclaw_policy_host::SigningPermit;
use oneclaw_signer::Signed;
use oneclaw_store::{Idempotency, SignedIntent, Transaction, TransactionStatus};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::super::Services;
use super::super::caller::{Caller, RequestContext};
use super::super::check;
use super::super::error::{Result, ServiceError};
use super::super::events::{self, EventExt};
use super::super::gate::{IntentToDecide, Outcome};
use super::prepare::{Obstacle, Prepared, Purpose, with_nonce};
use super::proof::SignableRequest;
use super::record::new_record;
use super::wire;

/// What became of a submitted transaction.
#[derive(Debug)]
pub enum Submitted {
    /// It was signed, and sent if the chain has an RPC.
    Created(api::Transaction),
    /// The same had been submitted before under the same key.
    Replayed(api::Transaction),
    /// The simulation reverted: nothing was signed.
    SimulationFailed(api::Transaction),
}

impl Services {
    /// `POST …/transactions`
    ///
    /// # Errors
    /// Names the field at fault; [`ServiceError::Guardrail`]; [`ServiceError::Conflict`]; what does not answer.
    pub async fn submit_transaction(
        &self,
        context: &RequestContext,
        caller: &Caller,
        agent: AgentId,
        body: &TransactionRequestBody,
        idempotency_key: Option<&str>,
        request: &SignableRequest,
    ) -> Result<Submitted> {
        let actor = self.actor(context, caller, agent).await?;
        let idempotency = idempotency(body, idempotency_key)?;
        let proof = self.proven(context, caller, &actor.agent, request).await?;
        if let Some(idempotency) = &idempotency
            && let Some(replayed) = self.replayed(agent, idempotency, context).await?
        {
            return Ok(Submitted::Replayed(replayed));
        }
        let prepared = self
            .prepare_transaction(context, actor, body, Purpose::Submit, proof)
            .await?;
        let (rpc, key) = (prepared.rpc.clone(), prepared.key.clone());
        match self.decide(context, prepared, idempotency, None).await? {
            Decided::Existing(transaction) => Ok(Submitted::Replayed(replay(&transaction)?)),
            Decided::SimulationFailed(transaction) => {
                Ok(Submitted::SimulationFailed(simulation_failed(&transaction)))
            }
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
                Ok(Submitted::Created(wire::transaction(&sent, true)))
            }
        }
    }

    /// `POST …/transactions/sign`: never sent.
    ///
    /// # Errors
    /// As [`Services::submit_transaction`]; a simulation that reverts is [`ServiceError::Invalid`].
    pub async fn sign_transaction(
        &self,
        context: &RequestContext,
        caller: &Caller,
        agent: AgentId,
        body: &TransactionRequestBody,
        request: &SignableRequest,
    ) -> Result<std::result::Result<SignedTransaction, api::Transaction>> {
        let signed = self
            .signed_only(context, caller, agent, body, request, Purpose::SignOnly)
            .await?;
        Ok(match signed {
            Err(failed) => Err(failed),
            Ok(stored) => Ok(SignedTransaction {
                id: stored.id.to_string(),
                signed_tx: stored.signed_tx.clone().unwrap_or_default(),
                tx_hash: stored.tx_hash.clone().unwrap_or_default(),
                from: stored.from_address.to_checksum(None),
                to: stored.to_address.map(|to| to.to_checksum(None)),
                chain: stored.chain_name.clone(),
                chain_id: stored.chain_id,
                nonce: stored.nonce.unwrap_or_default(),
                value_wei: stored.value_wei.to_string(),
                status: stored.status.as_str().to_owned(),
                simulation_id: stored.simulation_id.clone(),
                simulation_status: stored.simulation_status.clone(),
                max_fee_per_gas: stored.max_fee_per_gas.map(|fee| fee.to_string()),
                max_priority_fee_per_gas: stored
                    .max_priority_fee_per_gas
                    .map(|fee| fee.to_string()),
            }),
        })
    }

    async fn signed_only(
        &self,
        context: &RequestContext,
        caller: &Caller,
        agent: AgentId,
        body: &TransactionRequestBody,
        request: &SignableRequest,
        purpose: Purpose,
    ) -> Result<std::result::Result<Transaction, api::Transaction>> {
        let actor = self.actor(context, caller, agent).await?;
        let proof = self.proven(context, caller, &actor.agent, request).await?;
        let prepared = self
            .prepare_transaction(context, actor, body, purpose, proof)
            .await?;
        let key = prepared.key.clone();
        match self.decide(context, prepared, None, None).await? {
            Decided::Allowed(permit, transaction) => Ok(Ok(self
                .sign_and_store(
                    context,
                    caller,
                    permit,
                    &key,
                    transaction,
                    TransactionStatus::SignOnly,
                )
                .await?)),
            Decided::SimulationFailed(transaction) => Ok(Err(simulation_failed(&transaction))),
            Decided::Existing(_) => Err(ServiceError::Internal(
                "an intent without a key of the client exists already".to_owned(),
            )),
        }
    }

    /// `POST …/sign`
    ///
    /// # Errors
    /// As [`Services::submit_transaction`].
    pub async fn sign_intent(
        &self,
        context: &RequestContext,
        caller: &Caller,
        agent: AgentId,
        body: &SignRequest,
        request: &SignableRequest,
    ) -> Result<std::result::Result<SignResponse, api::Transaction>> {
        if body.intent_type == "transaction" {
            let body = &body.transaction;
            let signed = self
                .signed_only(context, caller, agent, body, request, Purpose::Sign)
                .await?;
            return Ok(signed.map(|stored| SignResponse {
                intent_type: "transaction".to_owned(),
                chain: stored.chain_name,
                from: stored.from_address.to_checksum(None),
                signed_tx: stored.signed_tx,
                tx_hash: stored.tx_hash,
                tx_type: stored.tx_type,
                id: Some(stored.id.to_string()),
                ..SignResponse::default()
            }));
        }
        let actor = self.actor(context, caller, agent).await?;
        let proof: Option<IntentSignature> =
            self.proven(context, caller, &actor.agent, request).await?;
        let prepared = self.prepare_other(context, actor, body, proof).await?;
        let key = prepared.key.clone();
        let kind = prepared.request.intent.kind();
        let Decided::Allowed(permit, transaction) =
            self.decide(context, prepared, None, None).await?
        else {
            return Err(ServiceError::Internal(
                "typed data was taken for a transaction".to_owned(),
            ));
        };
        let (signed, payees) = self.made(*permit, &key, &transaction).await?;
        let Signed::Signature { bytes, hash } = signed else {
            return Err(ServiceError::Internal(
                "typed data was signed as a transaction".to_owned(),
            ));
        };
        let event = events::by_caller(
            context,
            caller,
            "intent.signed",
            "transaction",
            transaction.id,
        )
        .with_details(json!({"kind": kind, "hash": hash.to_string()}));
        let hash = hash.to_string();
        let signed = SignedIntent {
            signed_tx: "",
            tx_hash: Some(&hash),
            status: TransactionStatus::SignOnly,
            at: self.clock.now(),
            payees: &payees,
        };
        self.store_signature(&transaction, signed, event).await?;
        let hash = Some(hash);
        let is = |word: &str| kind == word;
        Ok(Ok(SignResponse {
            intent_type: body.intent_type.clone(),
            chain: transaction.chain_name.clone(),
            from: transaction.from_address.to_checksum(None),
            signature: Some(format!("0x{}", hex::encode(bytes))),
            message_hash: hash.clone().filter(|_| is("personal_sign")),
            typed_data_hash: hash.filter(|_| is("typed_data")),
            id: Some(transaction.id.to_string()),
            ..SignResponse::default()
        }))
    }

    async fn replayed(
        &self,
        agent: AgentId,
        idempotency: &Idempotency,
        context: &RequestContext,
    ) -> Result<Option<api::Transaction>> {
        match self
            .store
            .idempotent_transaction(agent, &idempotency.key, context.at)
            .await?
        {
            Some((digest, _)) if digest != idempotency.body_digest => Err(ServiceError::Conflict(
                "this Idempotency-Key was used for another request; use a new one for each intent"
                    .to_owned(),
            )),
            Some((_, transaction)) => replay(&transaction).map(Some),
            None => Ok(None),
        }
    }

    /// The decision, and what stands in the way behind it.
    pub(super) async fn decide(
        &self,
        context: &RequestContext,
        prepared: Prepared,
        idempotency: Option<Idempotency>,
        replaces: Option<TransactionId>,
    ) -> Result<Decided> {
        let chains = self.chain_names().await?;
        let mut record = new_record(context, &prepared);
        record.replaces = replaces;
        let outcome = self
            .gate
            .decide_intent(
                context,
                &chains,
                IntentToDecide {
                    caller: &prepared.actor.caller,
                    agent: &prepared.actor.agent,
                    request: prepared.request,
                    record: record.clone(),
                    nonce: prepared.nonce,
                    idempotency,
                    is_obstructed: prepared.obstacle.is_some(),
                    with_nonce,
                },
            )
            .await?;
        match (outcome, prepared.obstacle) {
            (
                Outcome::Allowed {
                    permit,
                    transaction,
                },
                _,
            ) => Ok(Decided::Allowed(permit, *transaction)),
            (Outcome::Existing(transaction), _) => Ok(Decided::Existing(*transaction)),
            (Outcome::Obstructed, Some(Obstacle::Reverted(reason))) => {
                record.status = TransactionStatus::SimulationFailed;
                record.error_message = Some(reason.clone());
                let event = events::by_caller(
                    context,
                    &prepared.actor.caller,
                    "transaction.simulation_failed",
                    "transaction",
                    record.id,
                )
                .with_details(json!({"reason": reason}));
                self.store.record_unsigned(&record, event).await?;
                Ok(Decided::SimulationFailed(record))
            }
            (Outcome::Obstructed, Some(Obstacle::WouldFail(reason))) => Err(ServiceError::field(
                "gas_limit",
                format!(
                    "cannot be estimated, for the transaction would fail: {reason}; give one to have it signed all the same"
                ),
            )),
            (Outcome::Obstructed, Some(Obstacle::NotSimulated(reason))) => {
                Err(ServiceError::ChainUnavailable(format!(
                    "the simulation that is wanted could not be made: {reason}"
                )))
            }
            (Outcome::Obstructed, None) => Err(ServiceError::Internal(
                "an intent was obstructed by nothing".to_owned(),
            )),
        }
    }
}

/// What the gate and the obstacles behind it left.
pub(super) enum Decided {
    Allowed(Box<SigningPermit>, Transaction),
    Existing(Transaction),
    SimulationFailed(Transaction),
}

fn idempotency(body: &TransactionRequestBody, key: Option<&str>) -> Result<Option<Idempotency>> {
    let Some(key) = key.filter(|key| !key.is_empty()) else {
        return Ok(None);
    };
    let text = serde_json::to_vec(body).map_err(|e| ServiceError::Internal(e.to_string()))?;
    Ok(Some(Idempotency {
        key: check::client_key("Idempotency-Key", key)?,
        body_digest: Sha256::digest(&text).to_vec(),
    }))
}

/// The answer to a request that was made before: 409 as long as the first is under way.
fn replay(transaction: &Transaction) -> Result<api::Transaction> {
    if wire::is_under_way(transaction) {
        return Err(ServiceError::Conflict(
            "a request with this Idempotency-Key is under way; ask again in a moment".to_owned(),
        ));
    }
    Ok(wire::transaction(transaction, true))
}

fn simulation_failed(transaction: &Transaction) -> api::Transaction {
    let reason = transaction.error_message.clone().unwrap_or_default();
    api::Transaction {
        title: Some("Unprocessable Entity".to_owned()),
        detail: Some(format!(
            "the transaction would revert: {reason}; nothing was signed"
        )),
        ..wire::transaction(transaction, false)
    }
}

/// A new id.
pub(super) fn new_id() -> TransactionId {
    TransactionId::from_uuid(random::new_id())
}
