//! What happens to transactions after they were sent: sent again until a node has them, looked for until they are final.

use oneclaw_chain::{Receipt, Rpc};
use oneclaw_core::amount::Amount;
use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::EventId;
use oneclaw_crypto::random;
use oneclaw_store::{Chain, FinalState, NewEvent, Transaction, TransactionStatus};
use serde_json::json;

use super::super::Services;
use super::super::error::{Result, ServiceError};

/// Rows that stay without a signature for so long are given up: no request lives that long.
const PENDING_SECONDS: i64 = 15;
/// Transactions that are looked at in one round.
const ROUND: i64 = 256;

impl Services {
    /// One round of everything. Errors of one transaction leave the others alone.
    pub async fn tend_transactions(&self) {
        if let Err(error) = self.abandon().await {
            tracing::warn!(%error, "abandoned intents could not be given up; the next round tries again");
        }
        let now = self.clock.now();
        let waiting = match self
            .store
            .transactions_to_track(ROUND, now.plus_millis(1))
            .await
        {
            Ok(waiting) => waiting,
            Err(error) => {
                tracing::warn!(%error, "sent transactions could not be listed; the next round tries again");
                return;
            }
        };
        for transaction in waiting {
            let id = transaction.id;
            if let Err(error) = self.tend(transaction).await {
                tracing::debug!(%id, %error, "a sent transaction could not be followed up; a later round tries again");
            }
            if let Err(error) = self.store.note_check(id, self.clock.now()).await {
                tracing::warn!(%id, %error, "a look at a sent transaction could not be noted");
            }
        }
    }

    /// Gives up what was never signed: nothing was sent, because nothing is sent before it is stored as signed.
    async fn abandon(&self) -> Result<()> {
        let now = self.clock.now();
        let before = now.plus_seconds(-PENDING_SECONDS);
        let given_up = self
            .store
            .abandon_pending(before, ROUND, |transaction| abandoned(transaction, now))
            .await?;
        if !given_up.is_empty() {
            let count = given_up.len();
            tracing::info!(
                count,
                "intents that were interrupted before they were signed have been given up"
            );
        }
        Ok(())
    }

    async fn tend(&self, transaction: Transaction) -> Result<()> {
        let Some(chain) = self.store.chain_by_chain_id(transaction.chain_id).await? else {
            return Ok(());
        };
        let Some(rpc) = self.chains.rpc(&chain) else {
            return Ok(());
        };
        match self.look(&rpc, &chain, &transaction).await? {
            true => Ok(()),
            // Also one that a node had already: it may have dropped it, and takes it again without harm.
            false
                if transaction.status == TransactionStatus::Signed || is_overdue(&transaction) =>
            {
                self.send(Some(&rpc), transaction).await.map(|_| ())
            }
            false => Ok(()),
        }
    }

    /// Looks for a receipt, or for a reason why there never will be one. `false`: still waiting.
    async fn look(&self, rpc: &Rpc, chain: &Chain, transaction: &Transaction) -> Result<bool> {
        let hash = transaction
            .tx_hash
            .as_deref()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| {
                ServiceError::Internal(format!("transaction {} has no hash", transaction.id))
            })?;
        if let Some(receipt) = rpc.receipt(hash).await? {
            self.included(rpc, chain, transaction, &receipt).await?;
            return Ok(true);
        }
        let Some(nonce) = transaction.nonce else {
            return Ok(false);
        };
        let sender = transaction.from_address;
        // Another transaction of this nonce is in a block. The receipt is asked for again, for it may have come between.
        if rpc.latest_nonce(sender).await? > nonce && rpc.receipt(hash).await?.is_none() {
            let state = if transaction.replaced_by.is_some() {
                FinalState::Replaced
            } else {
                FinalState::Dropped
            };
            let at = self.clock.now();
            self.store
                .mark_final(transaction.id, state, at, None)
                .await?;
            return Ok(true);
        }
        Ok(false)
    }

    async fn included(
        &self,
        rpc: &Rpc,
        chain: &Chain,
        transaction: &Transaction,
        receipt: &Receipt,
    ) -> Result<()> {
        let confirmations = chain.confirmations.max(1);
        let head = rpc.block_number().await?;
        let deep = head.saturating_add(1) >= receipt.block_number.saturating_add(confirmations);
        // What the chain itself calls final counts even if fewer blocks were asked for than that takes.
        let finalized = rpc
            .finalized_block()
            .await?
            .is_some_and(|block| block >= receipt.block_number);
        let state = match (deep || finalized, receipt.success) {
            (true, true) => FinalState::Finalized,
            (true, false) => FinalState::FinalizedReverted,
            (false, true) => FinalState::Included,
            (false, false) => FinalState::Reverted,
        };
        let place = oneclaw_store::Receipt {
            block_number: receipt.block_number,
            block_hash: receipt.block_hash.to_string(),
            gas_used: receipt.gas_used,
            effective_gas_price: receipt.effective_gas_price,
            state,
            at: self.clock.now(),
        };
        let paid = receipt
            .effective_gas_price
            .checked_mul(Amount::from(receipt.gas_used))
            .unwrap_or(Amount::MAX);
        self.store
            .record_receipt(transaction.id, &place, None)
            .await?;
        if state.is_final() {
            self.store.settle_fees(transaction.id, "fees", paid).await?;
        }
        Ok(())
    }
}

/// The record of an intent that was given up, on account of the agent it was for.
fn abandoned(transaction: &Transaction, now: Timestamp) -> NewEvent {
    NewEvent {
        id: EventId::from_uuid(random::new_id()),
        org_id: transaction.org_id,
        action: "transaction.abandoned".to_owned(),
        actor_type: "agent".to_owned(),
        actor_id: transaction.agent_id.to_string(),
        resource_type: "transaction".to_owned(),
        resource_id: transaction.id.to_string(),
        vault_id: None,
        details: json!({"nonce": transaction.nonce, "chain": transaction.chain_name}),
        ip: None,
        at: now,
    }
}

/// Sent a while ago and not to be seen: every so often it is sent again, ever more rarely.
fn is_overdue(transaction: &Transaction) -> bool {
    transaction.attempts > 0 && transaction.attempts.count_ones() == 1 && transaction.attempts >= 16
}
