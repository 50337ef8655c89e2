//! The row of an intent, as it is before anything was decided.

use oneclaw_core::amount::Amount;
use oneclaw_core::ids::EventId;
use oneclaw_core::transaction::Intent;
use oneclaw_crypto::random;
use oneclaw_store::{Transaction, TransactionStatus};

use super::super::caller::RequestContext;
use super::prepare::Prepared;
use super::submit::new_id;

/// The row for a prepared intent.
pub fn new_record(context: &RequestContext, prepared: &Prepared) -> Transaction {
    let request = &prepared.request;
    let base = Transaction {
        id: new_id(),
        org_id: request.org,
        agent_id: prepared.actor.agent.id,
        kind: request.intent.kind().to_owned(),
        mode: prepared.purpose.mode(),
        chain_name: prepared.chain.name.clone(),
        chain_id: prepared.chain.chain_id,
        from_address: request.sender,
        to_address: None,
        value_wei: Amount::ZERO,
        data: None,
        nonce: None,
        tx_type: None,
        gas_limit: None,
        max_fee_per_gas: None,
        max_priority_fee_per_gas: None,
        status: TransactionStatus::Pending,
        signed_tx: None,
        tx_hash: None,
        error_message: None,
        simulation_id: prepared.trial.as_ref().and_then(|trial| trial.id.clone()),
        simulation_status: prepared.trial.as_ref().map(|trial| trial.status.to_owned()),
        request_digest: String::new(),
        decision_event: EventId::from_uuid(random::new_id()),
        intent_key_id: request.signature.as_ref().map(|proof| proof.key_id.clone()),
        replaces: None,
        replaced_by: None,
        created_at: context.at,
        signed_at: None,
        broadcast_at: None,
        block_number: None,
        block_hash: None,
        gas_used: None,
        effective_gas_price: None,
        final_state: None,
        last_checked_at: None,
        attempts: 0,
    };
    match &request.intent {
        Intent::Transaction(intent) => Transaction {
            to_address: intent.to,
            value_wei: intent.value,
            data: (!intent.data.is_empty()).then(|| intent.data.to_string()),
            tx_type: Some(intent.tx_type.number()),
            gas_limit: Some(intent.gas_limit),
            max_fee_per_gas: Some(intent.fees.max_fee_per_gas),
            max_priority_fee_per_gas: Some(intent.fees.max_priority_fee_per_gas),
            ..base
        },
        Intent::TypedData(intent) => Transaction {
            to_address: intent.verifying_contract,
            ..base
        },
        Intent::Message(_) | Intent::Digest(_) => base,
    }
}
