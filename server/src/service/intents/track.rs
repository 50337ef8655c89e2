//! What happens to transactions after they were sent: sent again until a node has them, looked for until they are final.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use oneclaw_chain::{Receipt, Rpc};
use oneclaw_core::amount::Amount;
use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::EventId;
use oneclaw_crypto::random;
use oneclaw_store::{Chain, FinalState, NewEvent, Transaction, TransactionStatus};
use serde_json::json;
use tokio::task::{AbortHandle, JoinSet};

use super::super::Services;
use super::super::error::{Result, ServiceError};

/// Rows that stay without a signature for so long are given up, and signed ones sent by somebody else than the request
/// that signed them: no request takes that long unless it was cut off.
const PENDING_SECONDS: i64 = 15;
/// Intents that are given up in one round.
const ROUND: i64 = 256;
/// Transactions of one chain that are looked at in one round.
const CHAIN_ROUND: i64 = 128;
/// Most blocks back of which a node is asked for a nonce: nodes keep the state of the last 128.
const DEEPEST: u64 = 64;

/// The chains that are being asked. Each at its own pace, so that one that hangs delays no other.
#[derive(Debug, Default)]
pub struct Rounds {
    tasks: JoinSet<()>,
    busy: BTreeMap<u64, AbortHandle>,
}

/// What a look at a transaction showed.
enum Seen {
    /// It is in a block, or will never be.
    Settled,
    /// It was in a block that is gone.
    Gone,
    /// It is not to be seen.
    Waiting,
}

impl Services {
    /// Starts a round for every chain that has none running. Errors of one transaction leave the others alone.
    pub async fn tend_transactions(self: &Arc<Self>, rounds: &mut Rounds) {
        if let Err(error) = self.abandon().await {
            tracing::warn!(%error, "abandoned intents could not be given up; the next round tries again");
        }
        let chains = match self.store.chains_to_track().await {
            Ok(chains) => chains,
            Err(error) => {
                tracing::warn!(%error, "sent transactions could not be listed; the next round tries again");
                return;
            }
        };
        // What a task answers or dies of is in the log already.
        while rounds.tasks.try_join_next().is_some() {}
        rounds.busy.retain(|_, task| !task.is_finished());
        for chain_id in chains {
            let services = Arc::clone(self);
            if let Entry::Vacant(free) = rounds.busy.entry(chain_id) {
                free.insert(rounds.tasks.spawn(async move {
                    if let Err(error) = services.tend_chain(chain_id).await {
                        tracing::warn!(chain_id, %error, "sent transactions could not be followed up; the next round tries again");
                    }
                }));
            }
        }
    }

    async fn tend_chain(&self, chain_id: u64) -> Result<()> {
        let now = self.clock.now();
        let interrupted = now.plus_seconds(-PENDING_SECONDS);
        let waiting = self
            .store
            .transactions_to_track(chain_id, CHAIN_ROUND, now.plus_millis(1), interrupted)
            .await?;
        let chain = self.store.chain_by_chain_id(chain_id).await?;
        let rpc = chain.as_ref().and_then(|chain| self.chains.rpc(chain));
        for transaction in waiting {
            let id = transaction.id;
            // Before anything is sent again: from here on it is not given up any more.
            self.store.note_check(id, self.clock.now()).await?;
            let (Some(chain), Some(rpc)) = (&chain, &rpc) else {
                continue;
            };
            match self.tend(chain, rpc, transaction).await {
                Ok(()) => {}
                // Neither would it answer for the others.
                Err(error @ ServiceError::ChainUnavailable(_)) => {
                    tracing::debug!(%id, %error, "the chain does not answer; a later round tries again");
                    return Ok(());
                }
                Err(error) => {
                    tracing::debug!(%id, %error, "a sent transaction could not be followed up; a later round tries again");
                }
            }
        }
        Ok(())
    }

    /// Gives up what was never signed: nothing was sent, because nothing is sent before it is stored as signed.
    async fn abandon(&self) -> Result<()> {
        let now = self.clock.now();
        let before = now.plus_seconds(-PENDING_SECONDS);
        let given_up = self
            .store
            .abandon_pending(before, ROUND, |transaction| {
                record_of(transaction, "transaction.abandoned", now)
            })
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

    async fn tend(&self, chain: &Chain, rpc: &Rpc, transaction: Transaction) -> Result<()> {
        let send_again = match self.look(rpc, chain, &transaction).await? {
            Seen::Settled => false,
            // The node may have dropped it with the block.
            Seen::Gone => true,
            // Also one that a node had already: it may have dropped it, and takes it again without harm.
            Seen::Waiting => {
                transaction.status == TransactionStatus::Signed || is_overdue(&transaction)
            }
        };
        if send_again {
            self.send(Some(rpc), transaction).await?;
        }
        Ok(())
    }

    /// Looks for a receipt, or for a reason why there never will be one.
    async fn look(&self, rpc: &Rpc, chain: &Chain, transaction: &Transaction) -> Result<Seen> {
        let hash = transaction
            .tx_hash
            .as_deref()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| {
                ServiceError::Internal(format!("transaction {} has no hash", transaction.id))
            })?;
        if let Some(receipt) = rpc.receipt(hash).await? {
            self.included(rpc, chain, transaction, &receipt).await?;
            return Ok(Seen::Settled);
        }
        let was_included = transaction.final_state.is_some();
        if was_included {
            self.store
                .forget_receipt(transaction.id, self.clock.now())
                .await?;
        }
        let Some(nonce) = transaction.nonce else {
            return Ok(Seen::Waiting);
        };
        let sender = transaction.from_address;
        // Another transaction of this nonce is in a block, deep enough to stay there. The receipt is asked for again, for
        // it may have come between.
        if rpc.latest_nonce(sender).await? > nonce {
            let depth = chain.confirmations.clamp(1, DEEPEST);
            let head = rpc.block_number().await?;
            let settled = match head.checked_sub(depth - 1) {
                Some(block) => rpc.nonce_at(sender, block).await? > nonce,
                None => false,
            };
            if !settled || rpc.receipt(hash).await?.is_some() {
                return Ok(Seen::Waiting);
            }
            let state = if transaction.replaced_by.is_some() {
                FinalState::Replaced
            } else {
                FinalState::Dropped
            };
            let at = self.clock.now();
            self.store
                .mark_final(transaction.id, state, at, None)
                .await?;
            return Ok(Seen::Settled);
        }
        Ok(if was_included {
            Seen::Gone
        } else {
            Seen::Waiting
        })
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

/// The record of what became of an intent without anybody's doing, on account of the agent it was for.
pub(super) fn record_of(transaction: &Transaction, action: &str, now: Timestamp) -> NewEvent {
    NewEvent {
        decision: None,
        id: EventId::from_uuid(random::new_id()),
        org_id: transaction.org_id,
        action: action.to_owned(),
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
