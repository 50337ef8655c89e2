//! The heart of the Intents API: an intent is decided, its nonce leased, its budgets held, and all of it recorded, in one
//! transaction of the database.

mod budgets;
mod nonces;
mod payees;
mod transitions;

use std::collections::BTreeSet;
use std::fmt;

use oneclaw_core::amount::Amount;
use oneclaw_core::ids::TransactionId;

pub use self::budgets::{BudgetQuery, BudgetSum};
use self::nonces::Sender;
pub use self::transitions::{Failure, Receipt, SignedIntent};
use crate::Store;
use crate::audit::NewEvent;
use crate::db::{Tx, params};
use crate::error::{Result, StoreError, retried};
use crate::transactions::{
    Transaction, TransactionStatus, insert_transaction, transaction_columns,
};

/// How long an idempotency key counts, in milliseconds: 24 hours.
pub(crate) const KEY_COUNTS_MS: i64 = 24 * 60 * 60 * 1000;

/// Which nonce a transaction is to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NonceWish {
    /// It needs none. One that replaces another has that one's, whatever is wished for.
    None,
    /// This one, below 2^63 − 1. Later leases go on behind it.
    Explicit(u64),
    /// The smallest that was given back, or else the next one.
    Next {
        /// How many transactions of the sender the chain knows, pending ones included; 0 if it cannot be asked.
        at_least: u64,
    },
}

/// A client's word for a request: sent again under it, the request is not carried out again.
#[derive(Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// The word; an agent's own.
    pub key: String,
    /// Hash of the request.
    pub body_digest: Vec<u8>,
}

impl fmt::Debug for Idempotency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Idempotency").finish_non_exhaustive()
    }
}

/// An intent about to be decided.
#[derive(Debug, Clone)]
pub struct IntentDraft {
    /// Its record, `pending`, without a nonce. The decision may fill in what it does not know yet; its ids, its sender and
    /// its time stay.
    pub transaction: Transaction,
    /// Which nonce it is to have.
    pub nonce: NonceWish,
    /// The budgets that the decision is to see.
    pub budgets: Vec<BudgetQuery>,
    /// The client's word for the request.
    pub idempotency: Option<Idempotency>,
    /// The transaction of the same agent whose place it takes: same sender, same chain, same nonce.
    pub replaces: Option<TransactionId>,
}

/// Room to be held in a budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewReservation {
    /// Where, and since when what is in it counts.
    pub budget: BudgetQuery,
    /// How much to hold.
    pub amount: Amount,
    /// The most that may be in it then.
    pub limit: Amount,
}

/// An intent that was allowed.
#[derive(Debug, Clone)]
pub struct Proceed {
    /// Its record, complete but for the nonce, which is put in.
    pub transaction: Transaction,
    /// Room to be held.
    pub reservations: Vec<NewReservation>,
    /// Tells of the decision.
    pub event: NewEvent,
}

/// What was decided.
#[derive(Debug, Clone)]
pub enum Judgement {
    /// It goes ahead.
    Proceed(Box<Proceed>),
    /// It does not, and leaves no trace.
    Refuse,
}

/// What became of an intent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Committed {
    /// It is recorded as pending, its nonce leased, its budgets held.
    Done(Box<Transaction>),
    /// The same request was carried out before; this is its record now. Nothing was decided.
    Existing(Box<Transaction>),
    /// Another request was carried out under the same word. Nothing was decided.
    IdempotencyConflict,
    /// It was allowed, but there is no room. Nothing of it was stored.
    Exceeded {
        /// Index of the reservation that there is no room for.
        reservation: usize,
        /// What is in that budget.
        current: Amount,
    },
    /// It was refused. Nothing of it was stored.
    Refused,
    /// What it was to replace cannot be replaced: it is not under way, is included already, or was replaced before.
    ReplacedAlready,
}

/// What is to be replaced.
struct Original {
    family: String,
    nonce: u64,
}

impl Store {
    /// Has an intent decided while its nonce and its budgets are locked, and records it if it goes ahead: nonce,
    /// reservations, record, idempotency key and audit event, or none of them.
    ///
    /// `decide` gets the nonce and the sums of the budgets in the order of the draft's queries, and must be quick: others
    /// wait meanwhile. It may be called again, with other values, when the database had to undo an attempt; the last
    /// call counts. The amounts of all reservations in one budget for one asset are added up, and the sum must fit under
    /// each of their limits.
    ///
    /// When the intent replaces another one, the sums leave out what that one and those before it hold, and only what
    /// exceeds it is held in addition: one of them at most is ever included. What they hold counts from the time of the
    /// new one, and goes on counting whichever is included.
    ///
    /// # Errors
    /// [`StoreError::Conflict`]: `transaction` for an id that is known or a record that is not the draft's, `nonce` or
    /// `chain id` for numbers that are too large, `replaces` for a transaction of another chain or sender.
    /// [`StoreError::NotFound`] when the agent has no transaction that could be replaced by that id.
    pub async fn commit_intent(
        &self,
        draft: IntentDraft,
        mut decide: impl FnMut(Option<u64>, &[BudgetSum]) -> Judgement + Send,
    ) -> Result<Committed> {
        if draft.transaction.status != TransactionStatus::Pending {
            return Err(StoreError::Conflict("status"));
        }
        let mut keys: BTreeSet<String> = draft
            .budgets
            .iter()
            .map(|query| query.key.clone())
            .collect();
        retried!(self.try_commit(&draft, &mut keys, &mut decide))
    }

    async fn try_commit(
        &self,
        draft: &IntentDraft,
        keys: &mut BTreeSet<String>,
        decide: &mut (impl FnMut(Option<u64>, &[BudgetSum]) -> Judgement + Send),
    ) -> Result<Committed> {
        let record = &draft.transaction;
        let mut tx = self.db.begin().await?;
        if let Some(idempotency) = &draft.idempotency
            && let Some(before) = claim_key(&mut tx, record, idempotency).await?
        {
            return Ok(before);
        }
        let original = match draft.replaces {
            Some(id) => match claim_original(&mut tx, record, id).await? {
                Some(original) => Some(original),
                None => return Ok(Committed::ReplacedAlready),
            },
            None => None,
        };
        let wish = original
            .as_ref()
            .map_or(draft.nonce, |original| NonceWish::Explicit(original.nonce));
        let sender = Sender::new(record.chain_id, record.from_address)?;
        let nonce = nonces::lease(&mut tx, sender, wish).await?;

        let family = original.as_ref().map(|original| original.family.as_str());
        budgets::lock(&mut tx, record.org_id, keys).await?;
        let mut sums = Vec::with_capacity(draft.budgets.len());
        for query in &draft.budgets {
            sums.push(budgets::read_in(&mut tx, record.org_id, query, family).await?);
        }
        let Judgement::Proceed(proceed) = decide(nonce, &sums) else {
            return Ok(Committed::Refused);
        };
        let Proceed {
            transaction,
            reservations,
            event,
        } = *proceed;
        if !is_same(&transaction, record) {
            return Err(StoreError::Conflict("transaction"));
        }
        let transaction = Transaction {
            nonce,
            replaces: draft.replaces,
            ..transaction
        };

        let more: BTreeSet<String> = reservations
            .iter()
            .map(|reservation| reservation.budget.key.clone())
            .filter(|key| !keys.contains(key))
            .collect();
        // Another attempt locks all of them in order, and so waits for nobody who waits for it.
        keys.extend(more.iter().cloned());
        budgets::lock(&mut tx, record.org_id, &more).await?;
        for reservation in &reservations {
            if !sums.iter().any(|sum| sum.query == reservation.budget) {
                let query = &reservation.budget;
                sums.push(budgets::read_in(&mut tx, record.org_id, query, family).await?);
            }
        }
        if let Some((reservation, current)) = without_room(&reservations, &sums) {
            return Ok(Committed::Exceeded {
                reservation,
                current,
            });
        }

        let own = transaction.id.to_string();
        let family = family.unwrap_or(&own);
        insert_transaction(&mut tx, &transaction, family).await?;
        budgets::renew(&mut tx, family, transaction.created_at).await?;
        let place = budgets::Place {
            org: transaction.org_id,
            transaction: transaction.id,
            family,
            at: transaction.created_at,
        };
        budgets::reserve(&mut tx, &place, &budgets::totals(&reservations)).await?;
        self.finish(tx, &[event]).await?;
        Ok(Committed::Done(Box::new(transaction)))
    }
}

/// Whether a record is the draft's, with more filled in.
fn is_same(record: &Transaction, draft: &Transaction) -> bool {
    let key = |it: &Transaction| {
        (
            it.id,
            it.org_id,
            it.agent_id,
            it.chain_id,
            it.from_address,
            it.created_at,
            it.status,
        )
    };
    key(record) == key(draft)
}

/// The first reservation that does not fit, and what is in its budget.
fn without_room(reservations: &[NewReservation], sums: &[BudgetSum]) -> Option<(usize, Amount)> {
    reservations.iter().enumerate().find_map(|(index, wanted)| {
        let current = sums
            .iter()
            .find(|sum| sum.query == wanted.budget)
            .map_or(Amount::MAX, BudgetSum::total);
        let after = reservations
            .iter()
            .filter(|other| {
                other.budget.key == wanted.budget.key && other.budget.asset == wanted.budget.asset
            })
            .try_fold(current, |sum, other| sum.checked_add(other.amount));
        let fits = after.is_some_and(|after| after <= wanted.limit);
        (!fits).then_some((index, current))
    })
}

/// Claims the client's word for a request; answers what became of an earlier one.
async fn claim_key(
    tx: &mut Tx,
    record: &Transaction,
    idempotency: &Idempotency,
) -> Result<Option<Committed>> {
    // An attempt that is under way holds the row, so that this waits for what becomes of it.
    let row = tx
        .one(
            "INSERT INTO idempotency (agent_id, idempotency_key, body_digest, transaction_id, created_at) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (agent_id, idempotency_key) DO UPDATE \
             SET agent_id = excluded.agent_id RETURNING body_digest, transaction_id, created_at",
            params![
                record.agent_id,
                &idempotency.key,
                idempotency.body_digest.as_slice(),
                record.id,
                record.created_at
            ],
        )
        .await?;
    let holder: TransactionId = row.parsed("transaction_id")?;
    if holder == record.id {
        return Ok(None);
    }
    if row.time("created_at")?.plus_millis(KEY_COUNTS_MS) <= record.created_at {
        tx.execute_one(
            "UPDATE idempotency SET body_digest = $3, transaction_id = $4, created_at = $5 \
             WHERE agent_id = $1 AND idempotency_key = $2",
            params![
                record.agent_id,
                &idempotency.key,
                idempotency.body_digest.as_slice(),
                record.id,
                record.created_at
            ],
        )
        .await?;
        return Ok(None);
    }
    if row.bytes("body_digest")? != idempotency.body_digest {
        return Ok(Some(Committed::IdempotencyConflict));
    }
    const SQL: &str = concat!(
        "SELECT ",
        transaction_columns!(),
        " FROM transactions WHERE id = $1 AND agent_id = $2"
    );
    let row = tx
        .optional(SQL, params![holder, record.agent_id])
        .await?
        .ok_or_else(|| StoreError::Corrupt("an idempotency key names no transaction".to_owned()))?;
    let existing = Transaction::from_row(&row)?;
    Ok(Some(Committed::Existing(Box::new(existing))))
}

/// Marks what is to be replaced, unless it cannot be.
async fn claim_original(
    tx: &mut Tx,
    record: &Transaction,
    id: TransactionId,
) -> Result<Option<Original>> {
    let claimed = tx
        .optional(
            "UPDATE transactions SET replaced_by = $2 WHERE id = $1 AND agent_id = $3 AND replaced_by IS NULL \
             AND status IN ('signed', 'broadcast') AND mode = 'submit' AND final_state IS NULL \
             RETURNING family, nonce, chain_id, from_address",
            params![id, record.id, record.agent_id],
        )
        .await?;
    let Some(row) = claimed else {
        let known = tx
            .optional(
                "SELECT id FROM transactions WHERE id = $1 AND agent_id = $2",
                params![id, record.agent_id],
            )
            .await?;
        return known.map_or(Err(StoreError::NotFound), |_| Ok(None));
    };
    let Some(nonce) = row.opt_unsigned("nonce")? else {
        return Err(StoreError::Conflict("replaces"));
    };
    if row.unsigned::<u64>("chain_id")? != record.chain_id
        || row.parsed::<oneclaw_core::transaction::Address>("from_address")? != record.from_address
    {
        return Err(StoreError::Conflict("replaces"));
    }
    Ok(Some(Original {
        family: row.text("family")?,
        nonce,
    }))
}
