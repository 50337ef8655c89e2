//! Signed checkpoints, and the events they are made over.

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{EventId, OrgId};

use super::verify::Walk;
use super::{AuditEvent, start};
use crate::Store;
use crate::db::{Row, params};
use crate::error::{Result, StoreError};
use crate::json;

/// Most rows in one answer.
const MAX_PAGE: i64 = 1000;

/// A checkpoint as it is kept. What the note says is for whoever signs and verifies it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCheckpoint {
    /// Whose chain.
    pub org_id: OrgId,
    /// Events that it covers, from the first on.
    pub size: i64,
    /// The tree up to there: roots of its complete subtrees, in hexadecimal.
    pub roots: Vec<String>,
    /// The signed note.
    pub note: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Where a chain begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainSpan {
    /// Number of the last event that was removed because of its age; 0 if none was.
    pub after: i64,
    /// That event.
    pub after_event: Option<EventId>,
    /// Number of the last event.
    pub through: i64,
}

/// The columns of a checkpoint.
macro_rules! checkpoint_columns {
    () => {
        "org_id, size, roots, note, created_at"
    };
}

impl StoredCheckpoint {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            org_id: row.parsed("org_id")?,
            size: row.int("size")?,
            roots: row.json("roots")?,
            note: row.text("note")?,
            created_at: row.time("created_at")?,
        })
    }
}

impl Store {
    /// Where an organisation's chain begins and ends, as its seals say.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when a seal does not hold.
    pub async fn chain_span(&self, org: OrgId) -> Result<ChainSpan> {
        let mut snapshot = self.db.snapshot().await?;
        let mut walk = Walk::new(&mut snapshot, &self.audit_key, org);
        let through = walk.head().await?.map_or(0, |head| head.seq);
        let start = start::sealed(walk.tx, walk.key, &walk.org).await?;
        Ok(ChainSpan {
            after: start.as_ref().map_or(0, |start| start.seq),
            after_event: start.and_then(|start| start.event_id.parse().ok()),
            through,
        })
    }

    /// The events behind number `after`, oldest first, at most `limit` of them. Each was verified, with its link to the
    /// one before.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when the chain does not hold there.
    pub async fn verified_events(
        &self,
        org: OrgId,
        after: i64,
        limit: i64,
    ) -> Result<Vec<AuditEvent>> {
        let mut snapshot = self.db.snapshot().await?;
        let mut walk = Walk::new(&mut snapshot, &self.audit_key, org);
        let broken = walk.segment(after, limit.clamp(1, MAX_PAGE)).await?;
        if let Some(broken) = broken {
            return Err(StoreError::Corrupt(match broken.event {
                Some(id) => format!("the audit chain of an organisation is broken at event {id}"),
                None => "the audit chain of an organisation is broken".to_owned(),
            }));
        }
        let rows = snapshot
            .all(
                super::read::EVENTS_AFTER,
                params![org, after, limit.clamp(1, MAX_PAGE)],
            )
            .await?;
        rows.iter().map(AuditEvent::from_row).collect()
    }

    /// The events behind number `after`, oldest first, at most `limit` of them and 1,000, as they stand.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for an event that was altered beyond reading.
    pub async fn events_after(
        &self,
        org: OrgId,
        after: i64,
        limit: i64,
    ) -> Result<Vec<AuditEvent>> {
        let params = params![org, after, limit.clamp(1, MAX_PAGE)];
        let rows = self.db.all(super::read::EVENTS_AFTER, params).await?;
        rows.iter().map(AuditEvent::from_row).collect()
    }

    /// Organisations whose chain has grown by at least one event since their newest checkpoint; in the order of their ids
    /// behind `after`, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn chains_to_sign(&self, after: Option<OrgId>, limit: i64) -> Result<Vec<OrgId>> {
        let rows = self
            .db
            .all(
                "SELECT h.org_id FROM audit_heads h WHERE h.org_id > $1 AND h.seq > \
                 COALESCE((SELECT max(c.size) FROM audit_checkpoints c WHERE c.org_id = h.org_id), 0) \
                 ORDER BY h.org_id LIMIT $2",
                params![
                    after.map(|org| org.to_string()).unwrap_or_default(),
                    limit.clamp(1, MAX_PAGE)
                ],
            )
            .await?;
        rows.iter().map(|row| row.parsed("org_id")).collect()
    }

    /// The newest checkpoint of a chain that covers at most `size` events.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn newest_checkpoint(
        &self,
        org: OrgId,
        size: i64,
    ) -> Result<Option<StoredCheckpoint>> {
        const SQL: &str = concat!(
            "SELECT ",
            checkpoint_columns!(),
            " FROM audit_checkpoints WHERE org_id = $1 AND size <= $2 ORDER BY size DESC LIMIT 1"
        );
        let row = self.db.optional(SQL, params![org, size]).await?;
        row.as_ref().map(StoredCheckpoint::from_row).transpose()
    }

    /// The checkpoints of a chain that cover more than `after` events, smallest first, at most `limit` and 1,000.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn checkpoints(
        &self,
        org: OrgId,
        after: i64,
        limit: i64,
    ) -> Result<Vec<StoredCheckpoint>> {
        const SQL: &str = concat!(
            "SELECT ",
            checkpoint_columns!(),
            " FROM audit_checkpoints WHERE org_id = $1 AND size > $2 ORDER BY size LIMIT $3"
        );
        let params = params![org, after, limit.clamp(1, MAX_PAGE)];
        let rows = self.db.all(SQL, params).await?;
        rows.iter().map(StoredCheckpoint::from_row).collect()
    }

    /// Keeps a checkpoint. If there is one of that size already, that one stays.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn add_checkpoint(&self, checkpoint: &StoredCheckpoint) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute(
            "INSERT INTO audit_checkpoints (org_id, size, roots, note, created_at) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (org_id, size) DO NOTHING",
            params![
                checkpoint.org_id,
                checkpoint.size,
                json::text(&checkpoint.roots)?,
                &checkpoint.note,
                checkpoint.created_at,
            ],
        )
        .await?;
        tx.commit().await
    }
}
