//! Removing the oldest events of a chain in such a way that the rest of it still verifies.

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::OrgId;

use super::NewEvent;
use super::start::{self, Start};
use super::verify::Walk;
use crate::Store;
use crate::db::{Tx, params};
use crate::error::{Result, StoreError};

/// Organisations in one answer.
const MAX_PAGE: i64 = 1000;

/// What was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removed {
    /// Events.
    pub events: i64,
    /// Number of the last of them.
    pub through: i64,
}

impl Store {
    /// Organisations with an event that happened before an instant, in the order of their ids behind `after`, at most
    /// `limit`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn chains_older_than(
        &self,
        before: Timestamp,
        after: Option<OrgId>,
        limit: i64,
    ) -> Result<Vec<OrgId>> {
        let rows = self
            .db
            .all(
                "SELECT h.org_id FROM audit_heads h WHERE h.org_id > $1 AND EXISTS \
                 (SELECT 1 FROM audit_events e WHERE e.org_id = h.org_id AND e.at < $2) ORDER BY h.org_id LIMIT $3",
                params![
                    after.map(|org| org.to_string()).unwrap_or_default(),
                    before,
                    limit.clamp(1, MAX_PAGE)
                ],
            )
            .await?;
        rows.iter().map(|row| row.parsed("org_id")).collect()
    }

    /// Removes events that happened before an instant, from the beginning of the chain up to its next checkpoint; none
    /// that a sink in use has not got or a webhook in use has not looked at. They are verified first, and what is left is sealed to the last of them. `event`
    /// says so in the chain. Call again until nothing is removed.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when the chain does not hold there: then nothing is removed.
    pub async fn remove_old_events(
        &self,
        org: OrgId,
        before: Timestamp,
        event: impl FnOnce(Removed) -> NewEvent,
    ) -> Result<Option<Removed>> {
        let mut tx = self.db.begin().await?;
        let found = start::sealed(&mut tx, &self.audit_key, &org.to_string()).await?;
        let start = found.unwrap_or_default();
        let Some(through) = removable(&mut tx, org, &start, before).await? else {
            return Ok(None);
        };
        let mut walk = Walk::new(&mut tx, &self.audit_key, org);
        if walk
            .segment(start.seq, through - start.seq)
            .await?
            .is_some()
        {
            return Err(StoreError::Corrupt(
                "the oldest events of an audit chain are not as they were recorded, and are kept as they are".to_owned(),
            ));
        }
        let last = tx
            .one(
                "SELECT id, integrity_hash FROM audit_events WHERE org_id = $1 AND seq = $2",
                params![org, through],
            )
            .await?;
        let removed = Removed {
            events: through - start.seq,
            through,
        };
        let event = event(removed);
        let sealed = Start {
            seq: through,
            event_id: last.text("id")?,
            hash: last.text("integrity_hash")?,
            removed_at: event.at.as_millis(),
        };
        let seal = self.audit_key.seal_start(&org.to_string(), &sealed)?;
        tx.execute_one(
            "INSERT INTO audit_starts (org_id, seq, event_id, hash, removed_at, seal) VALUES ($1, $2, $3, $4, $5, $6) \
             ON CONFLICT (org_id) DO UPDATE SET seq = excluded.seq, event_id = excluded.event_id, \
             hash = excluded.hash, removed_at = excluded.removed_at, seal = excluded.seal \
             WHERE audit_starts.seq < excluded.seq",
            params![org, sealed.seq, sealed.event_id, sealed.hash, sealed.removed_at, seal],
        )
        .await?;
        tx.execute(
            "DELETE FROM audit_events WHERE org_id = $1 AND seq <= $2",
            params![org, through],
        )
        .await?;
        self.finish(tx, &[event]).await?;
        Ok(Some(removed))
    }
}

/// The next checkpoint behind the beginning, if everything up to it is old enough and has arrived everywhere.
async fn removable(
    tx: &mut Tx,
    org: OrgId,
    start: &Start,
    before: Timestamp,
) -> Result<Option<i64>> {
    let row = tx
        .optional(
            "SELECT c.size FROM audit_checkpoints c WHERE c.org_id = $1 AND c.size > $2 ORDER BY c.size LIMIT 1",
            params![org, start.seq],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let size = row.int("size")?;
    let in_the_way = tx
        .optional(
            "SELECT e.id FROM audit_events e WHERE e.org_id = $1 AND e.seq <= $2 AND e.at >= $3 UNION ALL \
             SELECT s.id FROM audit_sinks s WHERE s.org_id = $1 AND s.is_active AND s.position < $2 UNION ALL \
             SELECT w.id FROM webhooks w WHERE w.org_id = $1 AND w.is_active AND w.event_cursor < $2 LIMIT 1",
            params![org, size, before],
        )
        .await?;
    Ok(in_the_way.is_none().then_some(size))
}
