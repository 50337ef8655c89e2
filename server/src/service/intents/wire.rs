//! Stored transactions as they travel.

use oneclaw_core::api;
use oneclaw_store::{IntentMode, Transaction, TransactionStatus};

use super::super::time;

/// Whether the request that signed a transaction is still about to send it. Until that is over, the chain may refuse it and
/// its budget be given back, so that nobody may have its bytes.
pub fn is_under_way(stored: &Transaction) -> bool {
    stored.mode == IntentMode::Submit
        && (stored.status == TransactionStatus::Pending
            || stored.status == TransactionStatus::Signed && stored.last_checked_at.is_none())
}

/// A transaction as it travels, with its bytes if `signed` and if they may leave: those of one that failed may not, for
/// its budget was given back, nor those of one for which that may happen yet.
pub fn transaction(stored: &Transaction, signed: bool) -> api::Transaction {
    let failed = matches!(
        stored.status,
        TransactionStatus::Failed
            | TransactionStatus::SimulationFailed
            | TransactionStatus::Pending
    );
    api::Transaction {
        id: stored.id.to_string(),
        agent_id: stored.agent_id.to_string(),
        chain: stored.chain_name.clone(),
        chain_id: stored.chain_id,
        to: stored.to_address.map(|to| to.to_checksum(None)),
        from: stored.from_address.to_checksum(None),
        value_wei: stored.value_wei.to_string(),
        nonce: stored.nonce,
        status: stored.status.as_str().to_owned(),
        tx_type: stored.tx_type,
        signed_tx: stored
            .signed_tx
            .clone()
            .filter(|_| signed && !failed && !is_under_way(stored)),
        tx_hash: stored.tx_hash.clone().filter(|_| !failed),
        error_message: stored.error_message.clone(),
        created_at: time::format(stored.created_at),
        signed_at: stored.signed_at.map(time::format),
        simulation_id: stored.simulation_id.clone(),
        simulation_status: stored.simulation_status.clone(),
        max_fee_per_gas: stored.max_fee_per_gas.map(|fee| fee.to_string()),
        max_priority_fee_per_gas: stored.max_priority_fee_per_gas.map(|fee| fee.to_string()),
        gas_limit: stored.gas_limit,
        block_number: stored.block_number,
        gas_used: stored.gas_used,
        effective_gas_price: stored.effective_gas_price.map(|price| price.to_string()),
        final_state: stored.final_state.map(|state| state.as_str().to_owned()),
        replaces: stored.replaces.map(|id| id.to_string()),
        replaced_by: stored.replaced_by.map(|id| id.to_string()),
        intent_key_id: stored.intent_key_id.clone(),
        title: None,
        detail: None,
    }
}
