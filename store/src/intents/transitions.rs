//! What happens to an intent after it was recorded. Each step is an update that fails if somebody else was first.

use oneclaw_core::amount::Amount;
use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::TransactionId;
use oneclaw_core::transaction::Address;

use super::{budgets, nonces, payees};
use crate::Store;
use crate::audit::NewEvent;
use crate::db::{number, params};
use crate::error::{Result, StoreError, retried};
use crate::transactions::{FinalState, Transaction, TransactionStatus};

/// How an intent is given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Why, for the client to see.
    pub message: String,
    /// Whether it may be given up although it is signed: only when it is certain that no node will take it. Once
    /// [`Store::note_check`] was called, its bytes may be anywhere, and it is not given up all the same.
    pub even_if_signed: bool,
    /// Whether its nonce may be leased again.
    pub give_back: bool,
    /// Whether the client may try again under the same idempotency key: only when it never had an answer.
    pub release_key: bool,
}

/// What was made of an intent that was allowed.
#[derive(Debug, Clone, Copy)]
pub struct SignedIntent<'a> {
    /// The signed transaction, or nothing where something else was signed.
    pub signed_tx: &'a str,
    /// Its hash, or that of what was signed.
    pub tx_hash: Option<&'a str>,
    /// `signed`, or `sign_only` for what is not to be sent.
    pub status: TransactionStatus,
    /// When.
    pub at: Timestamp,
    /// Whoever gains something by it: they count as paid from now on.
    pub payees: &'a [Address],
}

/// Where a transaction ended up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The block that it is in.
    pub block_number: u64,
    /// Hash of that block.
    pub block_hash: String,
    /// Gas that it took.
    pub gas_used: u64,
    /// Wei paid for each unit of gas.
    pub effective_gas_price: Amount,
    /// What it came to.
    pub state: FinalState,
    /// When the chain was asked.
    pub at: Timestamp,
}

impl Store {
    /// Stores what was signed, and makes what is held in budgets count as spent. Only after `true` may the signature be
    /// used: `false` means that the intent was given up.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] `status` for another status than the two.
    pub async fn mark_signed(
        &self,
        id: TransactionId,
        signed: SignedIntent<'_>,
        event: Option<NewEvent>,
    ) -> Result<bool> {
        if !matches!(
            signed.status,
            TransactionStatus::Signed | TransactionStatus::SignOnly
        ) {
            return Err(StoreError::Conflict("status"));
        }
        retried!(self.try_mark_signed(id, signed, event.as_ref()))
    }

    async fn try_mark_signed(
        &self,
        id: TransactionId,
        signed: SignedIntent<'_>,
        event: Option<&NewEvent>,
    ) -> Result<bool> {
        let mut tx = self.db.begin().await?;
        let moved = tx
            .execute(
                "UPDATE transactions SET status = $2, signed_tx = $3, tx_hash = $4, signed_at = $5 \
                 WHERE id = $1 AND status = 'pending'",
                params![
                    id,
                    signed.status.as_str(),
                    signed.signed_tx,
                    signed.tx_hash.map(str::to_owned),
                    signed.at
                ],
            )
            .await?;
        if moved == 0 {
            return Ok(false);
        }
        tx.execute(
            "UPDATE budget_entries SET state = 'settled' WHERE transaction_id = $1",
            params![id],
        )
        .await?;
        payees::note(&mut tx, id, signed.payees, signed.at).await?;
        self.finish(tx, &events(event)).await?;
        Ok(true)
    }

    /// Notes that a node has taken it. `false` unless it was `signed`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn mark_broadcast(
        &self,
        id: TransactionId,
        at: Timestamp,
        event: Option<NewEvent>,
    ) -> Result<bool> {
        let mut tx = self.db.begin().await?;
        let moved = tx
            .execute(
                "UPDATE transactions SET status = 'broadcast', broadcast_at = $2, error_message = NULL \
                 WHERE id = $1 AND status = 'signed'",
                params![id, at],
            )
            .await?;
        if moved == 0 {
            return Ok(false);
        }
        self.finish(tx, &events(event.as_ref())).await?;
        Ok(true)
    }

    /// Gives an intent up: what it holds in budgets is free again, and, as the failure says, its nonce and its
    /// idempotency key. `false` if it is not `pending` (nor `signed`, where that is allowed), or is in a block.
    ///
    /// Of transactions that replace each other, what the failed one holds stays held for a later one that counts on it.
    /// A nonce stays leased while another transaction has it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn mark_failed(
        &self,
        id: TransactionId,
        failure: &Failure,
        event: Option<NewEvent>,
    ) -> Result<bool> {
        retried!(self.try_mark_failed(id, failure, event.as_ref()))
    }

    async fn try_mark_failed(
        &self,
        id: TransactionId,
        failure: &Failure,
        event: Option<&NewEvent>,
    ) -> Result<bool> {
        let mut tx = self.db.begin().await?;
        let row = tx
            .optional(
                "UPDATE transactions SET status = 'failed', error_message = $2 WHERE id = $1 \
                 AND final_state IS NULL AND (status = 'pending' \
                 OR (status = 'signed' AND $3 AND last_checked_at IS NULL)) \
                 RETURNING family, chain_id, from_address, nonce, replaced_by",
                params![id, &failure.message, failure.even_if_signed],
            )
            .await?;
        let Some(row) = row else {
            return Ok(false);
        };
        if failure.give_back
            && let Some(nonce) = row.opt_unsigned("nonce")?
        {
            let sender =
                nonces::Sender::new(row.unsigned("chain_id")?, row.parsed("from_address")?)?;
            nonces::give_back(&mut tx, sender, nonce).await?;
        }
        if row.opt_text("replaced_by")?.is_none() {
            tx.execute(
                "DELETE FROM budget_entries WHERE transaction_id = $1",
                params![id],
            )
            .await?;
        }
        tx.execute(
            "DELETE FROM budget_entries WHERE family = $1 AND NOT EXISTS (SELECT 1 FROM transactions t \
             WHERE t.family = $1 AND t.status IN ('pending', 'signed', 'sign_only', 'broadcast'))",
            params![row.text("family")?],
        )
        .await?;
        // What it was to replace may be replaced by another.
        tx.execute(
            "UPDATE transactions SET replaced_by = NULL WHERE replaced_by = $1",
            params![id],
        )
        .await?;
        if failure.release_key {
            tx.execute(
                "DELETE FROM idempotency WHERE transaction_id = $1",
                params![id],
            )
            .await?;
        }
        self.finish(tx, &events(event)).await?;
        Ok(true)
    }

    /// Notes what went wrong without giving the intent up.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn note_error(&self, id: TransactionId, message: &str) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute_one(
            "UPDATE transactions SET error_message = $2 WHERE id = $1",
            params![id, message],
        )
        .await?;
        tx.commit().await
    }

    /// Notes that the chain was asked, or the transaction sent again, with nothing new to tell. From then on what is
    /// signed cannot be given up any more: call it before its bytes are handed out or sent a second time.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn note_check(&self, id: TransactionId, at: Timestamp) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute_one(
            "UPDATE transactions SET last_checked_at = $2, attempts = attempts + 1 WHERE id = $1",
            params![id, at],
        )
        .await?;
        tx.commit().await
    }

    /// Stores in which block a transaction is, also when it is another one than before. One that no node was known to have
    /// taken counts as broadcast from then on. `false` if it was never sent, or its end is known.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] `block number` or `gas used` for numbers of 2^63 and more.
    pub async fn record_receipt(
        &self,
        id: TransactionId,
        receipt: &Receipt,
        event: Option<NewEvent>,
    ) -> Result<bool> {
        let mut tx = self.db.begin().await?;
        let moved = tx
            .execute(
                "UPDATE transactions SET status = 'broadcast', broadcast_at = COALESCE(broadcast_at, $7), \
                 block_number = $2, block_hash = $3, gas_used = $4, effective_gas_price = $5, final_state = $6, \
                 last_checked_at = $7, attempts = attempts + 1 WHERE id = $1 AND status IN ('signed', 'broadcast') \
                 AND (final_state IS NULL OR final_state IN ('included', 'reverted'))",
                params![
                    id,
                    number(receipt.block_number, "block number")?,
                    &receipt.block_hash,
                    number(receipt.gas_used, "gas used")?,
                    receipt.effective_gas_price,
                    receipt.state.as_str(),
                    receipt.at,
                ],
            )
            .await?;
        if moved == 0 {
            return Ok(false);
        }
        self.finish(tx, &events(event.as_ref())).await?;
        Ok(true)
    }

    /// Forgets the block of a transaction, because that block is gone. `false` unless it was in one that could go.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn forget_receipt(&self, id: TransactionId, at: Timestamp) -> Result<bool> {
        let mut tx = self.db.begin().await?;
        let moved = tx
            .execute(
                "UPDATE transactions SET block_number = NULL, block_hash = NULL, gas_used = NULL, \
                 effective_gas_price = NULL, final_state = NULL, last_checked_at = $2, attempts = attempts + 1 \
                 WHERE id = $1 AND final_state IN ('included', 'reverted')",
                params![id, at],
            )
            .await?;
        tx.commit().await?;
        Ok(moved == 1)
    }

    /// Notes the end of a transaction. `false` if it was known before, or the transaction was never signed.
    ///
    /// What was held for a transaction that was replaced or dropped goes on counting until its window has passed: that may
    /// refuse what would be allowed, and never allows what should be refused.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] `final state` for a state that something may come after.
    pub async fn mark_final(
        &self,
        id: TransactionId,
        state: FinalState,
        at: Timestamp,
        event: Option<NewEvent>,
    ) -> Result<bool> {
        if !state.is_final() {
            return Err(StoreError::Conflict("final state"));
        }
        let mut tx = self.db.begin().await?;
        let moved = tx
            .execute(
                "UPDATE transactions SET final_state = $2, last_checked_at = $3 WHERE id = $1 \
                 AND status IN ('signed', 'sign_only', 'broadcast') \
                 AND (final_state IS NULL OR final_state IN ('included', 'reverted'))",
                params![id, state.as_str(), at],
            )
            .await?;
        if moved == 0 {
            return Ok(false);
        }
        self.finish(tx, &events(event.as_ref())).await?;
        Ok(true)
    }

    /// Lowers what a transaction holds of an asset, for example `fees`, to what was paid in the end; never raises it. What
    /// belongs to transactions that replaced each other stays as it is: it is shared between them.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn settle_fees(&self, id: TransactionId, asset: &str, paid: Amount) -> Result<()> {
        let mut tx = self.db.begin().await?;
        // The row first, so that nobody replaces it meanwhile.
        let alone = tx
            .optional(
                "UPDATE transactions SET attempts = attempts WHERE id = $1 AND replaces IS NULL \
                 AND replaced_by IS NULL RETURNING id",
                params![id],
            )
            .await?;
        if alone.is_some() {
            budgets::lower(&mut tx, id, asset, paid).await?;
        }
        tx.commit().await
    }

    /// Gives up at most `limit` intents from before `before` that are still pending: nothing of them was sent, because
    /// nothing is sent before it is stored as signed. Their nonces and idempotency keys are free again. Answers those
    /// that were given up here and not elsewhere. `event` tells of one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; those that were given up until then stay so.
    pub async fn abandon_pending(
        &self,
        before: Timestamp,
        limit: i64,
        event: impl Fn(&Transaction) -> NewEvent + Send + Sync,
    ) -> Result<Vec<Transaction>> {
        let failure = Failure {
            message: "The request was interrupted before it was signed; nothing was sent"
                .to_owned(),
            even_if_signed: false,
            give_back: true,
            release_key: true,
        };
        let mut abandoned = Vec::new();
        for mut transaction in self.stale_pending(before, limit).await? {
            let event = event(&transaction);
            if self
                .mark_failed(transaction.id, &failure, Some(event))
                .await?
            {
                transaction.status = TransactionStatus::Failed;
                transaction.error_message = Some(failure.message.clone());
                abandoned.push(transaction);
            }
        }
        Ok(abandoned)
    }
}

fn events(event: Option<&NewEvent>) -> Vec<NewEvent> {
    event.cloned().into_iter().collect()
}
