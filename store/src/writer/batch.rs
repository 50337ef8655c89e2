//! Several reads and events in one commit.

use std::collections::BTreeMap;

use oneclaw_core::ids::SecretId;

use super::ReadOutcome;
use crate::audit::{self, AuditKey, NewEvent};
use crate::db::{Db, Tx, params};
use crate::error::{Result, StoreError};

/// How often a batch is tried that another node's transaction got in the way of.
const ATTEMPTS: usize = 4;

/// An event, and the version whose count goes up with it; when it cannot, the other event is recorded instead.
#[derive(Debug)]
pub(super) struct Entry {
    pub event: NewEvent,
    pub count: Option<(SecretId, i64, NewEvent)>,
}

/// Commits entries, all at once if possible. An entry that the database refuses fails alone: the batch is halved until it
/// stands by itself.
pub(super) async fn commit_all(
    db: &Db,
    key: &AuditKey,
    entries: &[Entry],
) -> Vec<Result<ReadOutcome>> {
    let mut outcomes = Vec::with_capacity(entries.len());
    let mut pending = vec![entries];
    while let Some(part) = pending.pop() {
        match commit(db, key, part).await {
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

async fn commit(db: &Db, key: &AuditKey, entries: &[Entry]) -> Result<Vec<ReadOutcome>> {
    let mut attempt = 1;
    loop {
        match try_commit(db, key, entries).await {
            // The database undid one of two transactions that waited for each other: nothing of it was stored.
            Err(error) if error.is_deadlock() && attempt < ATTEMPTS => attempt += 1,
            other => return other,
        }
    }
}

async fn try_commit(db: &Db, key: &AuditKey, entries: &[Entry]) -> Result<Vec<ReadOutcome>> {
    let mut tx = db.begin().await?;
    let outcomes = count(&mut tx, entries).await?;
    let events: Vec<NewEvent> = entries
        .iter()
        .zip(&outcomes)
        .map(|(entry, outcome)| match (outcome, &entry.count) {
            (ReadOutcome::Exhausted, Some((_, _, exhausted))) => exhausted.clone(),
            _ => entry.event.clone(),
        })
        .collect();
    audit::append(&mut tx, key, &events).await?;
    tx.commit().await?;
    Ok(outcomes)
}

/// Raises the counts. Reads of one version are counted together, and first come is first served when there is room for
/// some of them only.
async fn count(tx: &mut Tx, entries: &[Entry]) -> Result<Vec<ReadOutcome>> {
    // In the order of the keys, so that two nodes never wait for each other.
    let mut reads: BTreeMap<(SecretId, i64), Vec<usize>> = BTreeMap::new();
    for (index, entry) in entries.iter().enumerate() {
        if let Some((secret, version, _)) = &entry.count {
            reads.entry((*secret, *version)).or_default().push(index);
        }
    }
    let mut outcomes = vec![ReadOutcome::Counted; entries.len()];
    for ((secret, version), indices) in reads {
        let room = raise(tx, secret, version, indices.len()).await?;
        for index in indices.into_iter().skip(room) {
            if let Some(outcome) = outcomes.get_mut(index) {
                *outcome = ReadOutcome::Exhausted;
            }
        }
    }
    Ok(outcomes)
}

/// Counts up to `wanted` reads of a version; answers how many there was room for.
async fn raise(tx: &mut Tx, secret: SecretId, version: i64, wanted: usize) -> Result<usize> {
    const SQL: &str = "UPDATE secret_versions SET access_count = access_count + $3 \
         WHERE secret_id = $1 AND version = $2 AND disabled_at IS NULL \
         AND (max_access_count IS NULL OR access_count <= max_access_count - $3)";
    let all = i64::try_from(wanted).unwrap_or(i64::MAX);
    if tx.execute(SQL, params![secret, version, all]).await? == 1 {
        return Ok(wanted);
    }
    let mut counted = 0;
    while counted + 1 < wanted && tx.execute(SQL, params![secret, version, 1_i64]).await? == 1 {
        counted += 1;
    }
    Ok(counted)
}
