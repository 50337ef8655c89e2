//! Budgets: entries of amounts that were spent or are held for what is under way, added up exactly.

use std::collections::{BTreeMap, BTreeSet};

use oneclaw_core::amount::Amount;
use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{OrgId, TransactionId};

use super::NewReservation;
use crate::Store;
use crate::db::{Db, Row, Tx, Value, malformed, params};
use crate::error::Result;

/// What of a budget is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BudgetQuery {
    /// Names the budget within its organisation.
    pub key: String,
    /// What is counted.
    pub asset: String,
    /// An entry counts if it is later than this. For a calendar period, give the last millisecond before it.
    pub since: Timestamp,
}

/// What a budget holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetSum {
    /// What was asked for.
    pub query: BudgetQuery,
    /// For what was signed, up to 2^256 − 1.
    pub spent: Amount,
    /// For what is under way, up to 2^256 − 1.
    pub reserved: Amount,
}

impl BudgetSum {
    /// Both, up to 2^256 − 1.
    #[must_use]
    pub fn total(&self) -> Amount {
        self.spent.saturating_add(self.reserved)
    }
}

/// Entries of one family are left out; no transaction has this id.
const NO_FAMILY: &str = "";

/// The sums of the eight parts of an amount.
macro_rules! summed {
    () => {
        "CAST(SUM(a0) AS BIGINT) AS a0, CAST(SUM(a1) AS BIGINT) AS a1, CAST(SUM(a2) AS BIGINT) AS a2, \
         CAST(SUM(a3) AS BIGINT) AS a3, CAST(SUM(a4) AS BIGINT) AS a4, CAST(SUM(a5) AS BIGINT) AS a5, \
         CAST(SUM(a6) AS BIGINT) AS a6, CAST(SUM(a7) AS BIGINT) AS a7"
    };
}

const SUMS: &str = concat!(
    "SELECT state, ",
    summed!(),
    " FROM budget_entries WHERE org_id = $1 AND budget_key = $2 AND asset = $3 AND at > $4 AND family <> $5 \
     GROUP BY state"
);

const COLUMNS: [&str; 8] = ["a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7"];

impl Store {
    /// What budgets hold at this moment, in the order of the queries.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn budget_sums(&self, org: OrgId, queries: &[BudgetQuery]) -> Result<Vec<BudgetSum>> {
        let mut sums = Vec::with_capacity(queries.len());
        for query in queries {
            sums.push(read(&self.db, org, query).await?);
        }
        Ok(sums)
    }
}

impl Store {
    /// What the ledger says now that budgets held just before an instant. What was given back since is not in it.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn budget_sums_before(
        &self,
        org: OrgId,
        queries: &[BudgetQuery],
        until: Timestamp,
    ) -> Result<Vec<BudgetSum>> {
        const SQL: &str = concat!(
            "SELECT state, ",
            summed!(),
            " FROM budget_entries WHERE org_id = $1 AND budget_key = $2 AND asset = $3 AND at > $4 AND at < $5 \
             GROUP BY state"
        );
        let mut sums = Vec::with_capacity(queries.len());
        for query in queries {
            let params = params![org, &query.key, &query.asset, query.since, until];
            sums.push(sum(&self.db.all(SQL, params).await?, query)?);
        }
        Ok(sums)
    }
}

async fn read(db: &Db, org: OrgId, query: &BudgetQuery) -> Result<BudgetSum> {
    let rows = db.all(SUMS, sum_params(org, query, NO_FAMILY)).await?;
    sum(&rows, query)
}

/// What a budget holds without the entries of a family.
pub(super) async fn read_in(
    tx: &mut Tx,
    org: OrgId,
    query: &BudgetQuery,
    family: Option<&str>,
) -> Result<BudgetSum> {
    let params = sum_params(org, query, family.unwrap_or(NO_FAMILY));
    let rows = tx.all(SUMS, params).await?;
    sum(&rows, query)
}

fn sum_params(org: OrgId, query: &BudgetQuery, family: &str) -> Vec<Value> {
    params![org, &query.key, &query.asset, query.since, family]
}

fn sum(rows: &[Row], query: &BudgetQuery) -> Result<BudgetSum> {
    let mut sum = BudgetSum {
        query: query.clone(),
        spent: Amount::ZERO,
        reserved: Amount::ZERO,
    };
    for row in rows {
        let amount = amount(row)?;
        match row.text("state")?.as_str() {
            "settled" => sum.spent = amount,
            "reserved" => sum.reserved = amount,
            _ => return Err(malformed("state")),
        }
    }
    Ok(sum)
}

/// Locks budgets until the transaction ends, in one order everywhere.
pub(super) async fn lock(tx: &mut Tx, org: OrgId, keys: &BTreeSet<String>) -> Result<()> {
    for key in keys {
        tx.execute_one(
            "INSERT INTO budget_locks (org_id, budget_key) VALUES ($1, $2) \
             ON CONFLICT (org_id, budget_key) DO UPDATE SET org_id = excluded.org_id",
            params![org, key],
        )
        .await?;
    }
    Ok(())
}

/// What is asked for in all, by budget and asset; saturating, which no limit but the largest passes.
pub(super) fn totals(reservations: &[NewReservation]) -> BTreeMap<(&str, &str), Amount> {
    let mut totals = BTreeMap::new();
    for reservation in reservations {
        let place = (
            reservation.budget.key.as_str(),
            reservation.budget.asset.as_str(),
        );
        let total = totals.entry(place).or_insert(Amount::ZERO);
        *total = total.saturating_add(reservation.amount);
    }
    totals
}

/// Moves the entries of a family to a later instant: whatever of it is included, is included from now on.
pub(super) async fn renew(tx: &mut Tx, family: &str, at: Timestamp) -> Result<()> {
    tx.execute(
        "UPDATE budget_entries SET at = $2 WHERE family = $1 AND at < $2",
        params![family, at],
    )
    .await?;
    Ok(())
}

/// Where an entry belongs.
pub(super) struct Place<'a> {
    pub org: OrgId,
    pub transaction: TransactionId,
    pub family: &'a str,
    pub at: Timestamp,
}

/// Holds amounts for a transaction. What its family holds already is not held again: one of them at most is included.
pub(super) async fn reserve(
    tx: &mut Tx,
    place: &Place<'_>,
    totals: &BTreeMap<(&str, &str), Amount>,
) -> Result<()> {
    for ((key, asset), amount) in totals {
        let excess = amount.saturating_sub(held(tx, place.family, key, asset).await?);
        if excess.is_zero() {
            continue;
        }
        let mut params = params![
            place.transaction,
            place.family,
            place.org,
            *key,
            *asset,
            place.at
        ];
        params.extend(parts(excess).map(Value::Int));
        tx.execute_one(
            "INSERT INTO budget_entries (transaction_id, family, org_id, budget_key, asset, at, a0, a1, a2, a3, a4, \
             a5, a6, a7, state) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 'reserved')",
            params,
        )
        .await?;
    }
    Ok(())
}

async fn held(tx: &mut Tx, family: &str, key: &str, asset: &str) -> Result<Amount> {
    const SQL: &str = concat!(
        "SELECT ",
        summed!(),
        " FROM budget_entries WHERE family = $1 AND budget_key = $2 AND asset = $3 GROUP BY budget_key"
    );
    let row = tx.optional(SQL, params![family, key, asset]).await?;
    row.map_or(Ok(Amount::ZERO), |row| amount(&row))
}

/// Lowers the entries of a transaction for an asset to an amount; smaller ones stay.
pub(super) async fn lower(
    tx: &mut Tx,
    transaction: TransactionId,
    asset: &str,
    to: Amount,
) -> Result<()> {
    let rows = tx
        .all(
            "SELECT budget_key, a0, a1, a2, a3, a4, a5, a6, a7 FROM budget_entries \
             WHERE transaction_id = $1 AND asset = $2 ORDER BY budget_key",
            params![transaction, asset],
        )
        .await?;
    for row in rows {
        if amount(&row)? <= to {
            continue;
        }
        let mut params = params![transaction, asset, row.text("budget_key")?];
        params.extend(parts(to).map(Value::Int));
        tx.execute_one(
            "UPDATE budget_entries SET a0 = $4, a1 = $5, a2 = $6, a3 = $7, a4 = $8, a5 = $9, a6 = $10, a7 = $11 \
             WHERE transaction_id = $1 AND asset = $2 AND budget_key = $3",
            params,
        )
        .await?;
    }
    Ok(())
}

/// Eight numbers of 32 bits, least significant first.
fn parts(amount: Amount) -> [i64; 8] {
    let [a, b, c, d] = amount.limbs();
    let low = |limb: u64| i64::from(limb as u32);
    let high = |limb: u64| i64::from((limb >> 32) as u32);
    [
        low(a),
        high(a),
        low(b),
        high(b),
        low(c),
        high(c),
        low(d),
        high(d),
    ]
}

/// The amount whose eight parts a row has, each of which may be a sum of many. What is beyond 2^256 − 1 counts as that,
/// which no limit but the largest lets pass.
fn amount(row: &Row) -> Result<Amount> {
    let mut parts = [0_u64; 8];
    for (part, column) in parts.iter_mut().zip(COLUMNS) {
        *part = row.unsigned(column)?;
    }
    Ok(carried(parts))
}

fn carried(parts: [u64; 8]) -> Amount {
    let mut carry = 0_u128;
    let mut digits = [0_u64; 8];
    for (digit, part) in digits.iter_mut().zip(parts) {
        let sum = u128::from(part) + carry;
        *digit = (sum & 0xffff_ffff) as u64;
        carry = sum >> 32;
    }
    if carry > 0 {
        return Amount::MAX;
    }
    let [a, b, c, d, e, f, g, h] = digits;
    Amount::from_limbs([a | b << 32, c | d << 32, e | f << 32, g | h << 32])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn summed(amounts: &[Amount]) -> Amount {
        let mut sums = [0_u64; 8];
        for amount in amounts {
            for (sum, part) in sums.iter_mut().zip(parts(*amount)) {
                *sum += u64::try_from(part).unwrap();
            }
        }
        carried(sums)
    }

    #[test]
    fn sums_are_exact_up_to_the_largest_amount_and_stop_there() {
        let almost = Amount::MAX.checked_sub(Amount::ONE).unwrap();
        assert_eq!(summed(&[almost, Amount::ONE]), Amount::MAX);
        assert_eq!(summed(&[Amount::MAX, Amount::ONE]), Amount::MAX);
        assert_eq!(summed(&[Amount::MAX; 100]), Amount::MAX);
        assert_eq!(summed(&[]), Amount::ZERO);
    }

    proptest! {
        #[test]
        fn sums_by_parts_are_sums(amounts: Vec<[u64; 4]>) {
            let amounts: Vec<Amount> = amounts.into_iter().map(Amount::from_limbs).collect();
            let expected = amounts.iter().fold(Amount::ZERO, |sum, amount| sum.saturating_add(*amount));
            prop_assert_eq!(summed(&amounts), expected);
        }
    }
}
