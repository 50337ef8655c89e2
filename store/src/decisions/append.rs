//! Storing records, many in a statement, and what they share once.

use std::collections::{BTreeMap, HashMap};
use std::sync::{LazyLock, Mutex, PoisonError};

use oneclaw_core::ids::OrgId;

use super::{DecisionBasis, NewDecision, pack};
use crate::audit::NewEvent;
use crate::db::{Inserts, Tx, Value, params};
use crate::error::Result;

/// Columns of a record.
const COLUMNS: usize = 11;

/// How long a basis counts as stored and in use, in milliseconds. Purging leaves it for a day longer than that.
const TRUSTED_MS: i64 = 60 * 60 * 1000;

/// Bases that are remembered, at 48 bytes each.
const MOST: usize = 100_000;

static RECORDS: LazyLock<Inserts<COLUMNS>> = LazyLock::new(|| {
    Inserts::into(
        "decisions (org_id, id, at, world, verdict, code, principal, vault_id, path, basis, body)",
    )
});

type BasisKey = (OrgId, [u8; 32]);

/// Which bases are stored already, as far as this node knows.
#[derive(Debug, Default)]
pub(crate) struct Bases {
    stored: Mutex<HashMap<BasisKey, i64>>,
}

impl Bases {
    fn is_stored(&self, key: &BasisKey, now: i64) -> bool {
        let stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        stored
            .get(key)
            .is_some_and(|at| (0..TRUSTED_MS).contains(&now.saturating_sub(*at)))
    }

    /// Remembers what was stored. Called once the transaction is durable.
    pub(crate) fn remember(&self, new: Vec<(BasisKey, i64)>) {
        if new.is_empty() {
            return;
        }
        let mut stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        if stored.len().saturating_add(new.len()) > MOST {
            stored.clear();
        }
        stored.extend(new);
    }
}

/// Stores the records that come with events. Gives what [`Bases::remember`] takes once it is durable.
pub(crate) async fn append(
    tx: &mut Tx,
    bases: &Bases,
    events: &[NewEvent],
) -> Result<Vec<(BasisKey, i64)>> {
    let records: Vec<(&NewEvent, &NewDecision)> = events
        .iter()
        .filter_map(|event| Some((event, event.decision.as_deref()?)))
        .collect();
    if records.is_empty() {
        return Ok(Vec::new());
    }
    let new = append_bases(tx, bases, &records).await?;
    let rows = records
        .iter()
        .map(|(event, decision)| values(event, decision));
    RECORDS
        .run(tx, rows)
        .await
        .map_err(|e| e.duplicate_is("event"))?;
    Ok(new)
}

async fn append_bases(
    tx: &mut Tx,
    bases: &Bases,
    records: &[(&NewEvent, &NewDecision)],
) -> Result<Vec<(BasisKey, i64)>> {
    // In the order of the keys, so that two nodes rarely wait for each other.
    let mut new: BTreeMap<BasisKey, (i64, &DecisionBasis)> = BTreeMap::new();
    for (event, decision) in records {
        let key = (event.org_id, decision.basis.digest);
        let now = event.at.as_millis();
        if !bases.is_stored(&key, now) {
            new.insert(key, (now, &decision.basis));
        }
    }
    for ((org, digest), (now, basis)) in &new {
        tx.execute_one(
            "INSERT INTO decision_bases (org_id, digest, body, used_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (org_id, digest) DO UPDATE SET used_at = CASE \
             WHEN decision_bases.used_at > excluded.used_at THEN decision_bases.used_at ELSE excluded.used_at END",
            params![*org, digest.as_slice(), basis.body.as_str(), *now],
        )
        .await?;
    }
    let mut settings: BTreeMap<(OrgId, &str), (i64, &str)> = BTreeMap::new();
    for ((org, _), (now, basis)) in &new {
        for (digest, text) in &basis.settings {
            settings.insert((*org, digest), (*now, text));
        }
    }
    for ((org, digest), (now, text)) in settings {
        tx.execute_one(
            "INSERT INTO settings_blobs (org_id, digest, body, used_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (org_id, digest) DO UPDATE SET used_at = CASE \
             WHEN settings_blobs.used_at > excluded.used_at THEN settings_blobs.used_at ELSE excluded.used_at END",
            params![org, digest, pack(text), now],
        )
        .await?;
    }
    Ok(new.into_iter().map(|(key, (now, _))| (key, now)).collect())
}

fn values(event: &NewEvent, decision: &NewDecision) -> [Value; COLUMNS] {
    [
        event.org_id.into(),
        event.id.into(),
        event.at.into(),
        decision.world.into(),
        decision.verdict.into(),
        (&decision.code).into(),
        decision.principal.to_string().into(),
        decision.vault_id.into(),
        decision.path.clone().into(),
        decision.basis.digest.as_slice().into(),
        decision.body.as_slice().into(),
    ]
}
