//! Several reads and events in one commit.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use oneclaw_core::ids::SecretId;

use super::ReadOutcome;
use crate::audit::{self, AuditKey, NewEvent};
use crate::db::{Db, Tx, Value};
use crate::decisions::{self, Bases};
use crate::error::{Result, StoreError};
use crate::usage::Counters;

/// How often a batch is tried that another node's transaction got in the way of.
const ATTEMPTS: usize = 4;

/// Versions in one statement. Each number has its own text, so there are few of them.
const CHUNKS: [usize; 3] = [32, 8, 1];

static RAISES: LazyLock<[(usize, String); 3]> = LazyLock::new(|| CHUNKS.map(|n| (n, raise(n))));

/// A version of a secret.
type Version = (SecretId, i64);

/// An event, and the version whose count goes up with it; when it cannot, the other event is recorded instead.
#[derive(Debug)]
pub(super) struct Entry {
    pub event: NewEvent,
    pub count: Option<(SecretId, i64, NewEvent)>,
}

/// Where entries go.
pub(super) struct Chains<'a> {
    pub db: &'a Db,
    pub key: &'a AuditKey,
    pub bases: &'a Bases,
    /// Requests that are counted along.
    pub counters: &'a Counters,
}

/// Commits entries, all at once if possible. An entry that the database refuses fails alone: the batch is halved until it
/// stands by itself.
pub(super) async fn commit_all(chains: &Chains<'_>, entries: &[Entry]) -> Vec<Result<ReadOutcome>> {
    let mut outcomes = Vec::with_capacity(entries.len());
    let mut pending = vec![entries];
    while let Some(part) = pending.pop() {
        match commit(chains, part).await {
            Ok(done) => outcomes.extend(done.into_iter().map(Ok)),
            Err(error) if part.len() > 1 && concerns_one(&error) => {
                let (front, back) = part.split_at(part.len() / 2);
                pending.push(back);
                pending.push(front);
            }
            Err(error) => outcomes.extend(part.iter().map(|_| Err(error.clone()))),
        }
    }
    outcomes
}

/// Whether an error can be the fault of one entry rather than of the database.
fn concerns_one(error: &StoreError) -> bool {
    !matches!(error, StoreError::Unavailable(_))
}

async fn commit(chains: &Chains<'_>, entries: &[Entry]) -> Result<Vec<ReadOutcome>> {
    let mut attempt = 1;
    loop {
        match try_commit(chains, entries).await {
            // The database undid one of two transactions that waited for each other: nothing of it was stored.
            Err(error) if error.is_deadlock() && attempt < ATTEMPTS => attempt += 1,
            other => return other,
        }
    }
}

async fn try_commit(chains: &Chains<'_>, entries: &[Entry]) -> Result<Vec<ReadOutcome>> {
    let mut tx = chains.db.begin().await?;
    let usage = chains.counters.write(&mut tx).await?;
    match finish(tx, chains, entries).await {
        Ok(outcomes) => {
            usage.settle(chains.counters);
            Ok(outcomes)
        }
        Err(error) => {
            usage.give_back(chains.counters);
            Err(error)
        }
    }
}

async fn finish(mut tx: Tx, chains: &Chains<'_>, entries: &[Entry]) -> Result<Vec<ReadOutcome>> {
    let outcomes = count(&mut tx, entries).await?;
    let events: Vec<NewEvent> = entries
        .iter()
        .zip(&outcomes)
        .map(|(entry, outcome)| match (outcome, &entry.count) {
            (ReadOutcome::Exhausted, Some((_, _, exhausted))) => exhausted.clone(),
            _ => entry.event.clone(),
        })
        .collect();
    let new = decisions::append(&mut tx, chains.bases, &events).await?;
    audit::append(&mut tx, chains.key, &events).await?;
    tx.commit().await?;
    chains.bases.remember(new);
    Ok(outcomes)
}

/// Raises the counts. Reads of one version are counted together, and first come is first served when there is room for
/// some of them only.
async fn count(tx: &mut Tx, entries: &[Entry]) -> Result<Vec<ReadOutcome>> {
    // In the order of the keys, so that two nodes rarely wait for each other.
    let mut reads: BTreeMap<Version, Vec<usize>> = BTreeMap::new();
    for (index, entry) in entries.iter().enumerate() {
        if let Some((secret, version, _)) = &entry.count {
            reads.entry((*secret, *version)).or_default().push(index);
        }
    }
    let wanted: Vec<_> = reads
        .iter()
        .map(|(version, readers)| (*version, readers.len()))
        .collect();
    let raised = raise_all(tx, &wanted).await?;
    let mut outcomes = vec![ReadOutcome::Counted; entries.len()];
    for (version, readers) in reads {
        if raised.contains(&version) {
            continue;
        }
        let room = raise_some(tx, version, readers.len()).await?;
        for index in readers.into_iter().skip(room) {
            if let Some(outcome) = outcomes.get_mut(index) {
                *outcome = ReadOutcome::Exhausted;
            }
        }
    }
    Ok(outcomes)
}

/// Counts all reads of each version that has room for all of them; answers which ones had.
async fn raise_all(tx: &mut Tx, wanted: &[(Version, usize)]) -> Result<BTreeSet<Version>> {
    let mut raised = BTreeSet::new();
    let mut rest = wanted;
    for (size, sql) in RAISES.iter() {
        while let Some((chunk, later)) = rest.split_at_checked(*size) {
            let params = chunk
                .iter()
                .flat_map(|((secret, version), reads)| {
                    let reads = i64::try_from(*reads).unwrap_or(i64::MAX);
                    [Value::from(*secret), (*version).into(), reads.into()]
                })
                .collect();
            for row in tx.all(sql, params).await? {
                raised.insert((row.parsed("secret_id")?, row.int("version")?));
            }
            rest = later;
        }
    }
    Ok(raised)
}

/// Counts reads of a version that had not room for all of them; answers for how many it had.
async fn raise_some(tx: &mut Tx, version: Version, wanted: usize) -> Result<usize> {
    let mut counted = 0;
    while counted + 1 < wanted && !raise_all(tx, &[(version, 1)]).await?.is_empty() {
        counted += 1;
    }
    Ok(counted)
}

/// The statement that counts reads of so many versions.
fn raise(versions: usize) -> String {
    let wanted: Vec<String> = (0..versions)
        .map(|row| format!("(${}, ${}, ${})", row * 3 + 1, row * 3 + 2, row * 3 + 3))
        .collect();
    format!(
        "WITH wanted (secret_id, version, reads) AS (VALUES {}) UPDATE secret_versions \
         SET access_count = access_count + wanted.reads FROM wanted \
         WHERE secret_versions.secret_id = wanted.secret_id AND secret_versions.version = wanted.version \
         AND disabled_at IS NULL AND (max_access_count IS NULL OR access_count <= max_access_count - wanted.reads) \
         RETURNING secret_versions.secret_id, secret_versions.version",
        wanted.join(", ")
    )
}
