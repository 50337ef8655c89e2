//! Sinks: places outside that every event of a chain is sent to.

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{OrgId, SinkId, UserId};

use super::NewEvent;
use crate::Store;
use crate::db::{Row, params};
use crate::error::{Result, StoreError};

/// Most sinks of an organisation.
pub const MAX_SINKS: i64 = 16;
/// Most sinks in one answer to a worker.
const MAX_DUE: i64 = 100;

/// A place outside, and how far it has got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditSink {
    /// Its id.
    pub id: SinkId,
    /// Whose events it gets.
    pub org_id: OrgId,
    /// For display; no two of an organisation are the same.
    pub name: String,
    /// `https`, `syslog` or `file`.
    pub kind: String,
    /// A URL, a host with a port, or the name of a file.
    pub target: String,
    /// What it is sent to prove who sends, sealed.
    pub sealed: Option<Vec<u8>>,
    /// Whether it is sent anything, and holds back the removal of old events.
    pub is_active: bool,
    /// Number of the last event that has arrived.
    pub position: i64,
    /// When that was.
    pub delivered_at: Option<Timestamp>,
    /// Attempts in a row that failed.
    pub failures: i64,
    /// Not tried before; while somebody is at it, when they are taken for lost.
    pub retry_at: Timestamp,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// Who set it up.
    pub created_by: UserId,
    /// When.
    pub created_at: Timestamp,
}

/// A sink and how far behind it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkState {
    /// The sink.
    pub sink: AuditSink,
    /// Number of the last event of the chain.
    pub newest: i64,
    /// When the oldest event happened that has not arrived.
    pub waiting_since: Option<Timestamp>,
}

/// The columns of a sink, in a query where the table is called `s`.
macro_rules! sink_columns {
    () => {
        "s.id, s.org_id, s.name, s.kind, s.target, s.sealed, s.is_active, s.position, s.delivered_at, s.failures, \
         s.retry_at, s.last_error, s.created_by, s.created_at"
    };
}

impl AuditSink {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.parsed("id")?,
            org_id: row.parsed("org_id")?,
            name: row.text("name")?,
            kind: row.text("kind")?,
            target: row.text("target")?,
            sealed: row.opt_bytes("sealed")?,
            is_active: row.bool("is_active")?,
            position: row.int("position")?,
            delivered_at: row.opt_time("delivered_at")?,
            failures: row.int("failures")?,
            retry_at: row.time("retry_at")?,
            last_error: row.opt_text("last_error")?,
            created_by: row.parsed("created_by")?,
            created_at: row.time("created_at")?,
        })
    }
}

impl Store {
    /// Sets up a sink.
    ///
    /// # Errors
    /// [`StoreError::Conflict`]: `sink` for a name that is taken, `sinks` when there are [`MAX_SINKS`] already.
    pub async fn create_sink(&self, sink: &AuditSink, event: NewEvent) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute_one(
            "INSERT INTO audit_sinks (id, org_id, name, kind, target, sealed, is_active, position, delivered_at, \
             failures, retry_at, last_error, created_by, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, NULL, 0, $9, NULL, $10, $11)",
            params![
                sink.id,
                sink.org_id,
                &sink.name,
                &sink.kind,
                &sink.target,
                sink.sealed.clone(),
                sink.is_active,
                sink.position,
                sink.retry_at,
                sink.created_by,
                sink.created_at,
            ],
        )
        .await
        .map_err(|e| e.duplicate_is("sink"))?;
        let sql = "SELECT count(*) AS n FROM audit_sinks WHERE org_id = $1";
        if tx.one(sql, params![sink.org_id]).await?.int("n")? > MAX_SINKS {
            return Err(StoreError::Conflict("sinks"));
        }
        self.finish(tx, &[event]).await
    }

    /// The sinks of an organisation, oldest first, and how far behind they are.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn sinks(&self, org: OrgId) -> Result<Vec<SinkState>> {
        const SQL: &str = concat!(
            "SELECT ",
            sink_columns!(),
            ", COALESCE((SELECT h.seq FROM audit_heads h WHERE h.org_id = s.org_id), 0) AS newest, \
             (SELECT e.at FROM audit_events e WHERE e.org_id = s.org_id AND e.seq > s.position \
             ORDER BY e.seq LIMIT 1) AS waiting_since \
             FROM audit_sinks s WHERE s.org_id = $1 ORDER BY s.created_at, s.id LIMIT $2"
        );
        let rows = self.db.all(SQL, params![org, MAX_SINKS]).await?;
        rows.iter()
            .map(|row| {
                Ok(SinkState {
                    sink: AuditSink::from_row(row)?,
                    newest: row.int("newest")?,
                    waiting_since: row.opt_time("waiting_since")?,
                })
            })
            .collect()
    }

    /// Stops or resumes a sink. It goes on where it was, at once.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn switch_sink(
        &self,
        org: OrgId,
        id: SinkId,
        is_active: bool,
        event: NewEvent,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute_one(
            "UPDATE audit_sinks SET is_active = $3, failures = 0, last_error = NULL, retry_at = $4 \
             WHERE id = $1 AND org_id = $2",
            params![id, org, is_active, event.at],
        )
        .await?;
        self.finish(tx, &[event]).await
    }

    /// Removes a sink.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn delete_sink(&self, org: OrgId, id: SinkId, event: NewEvent) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute_one(
            "DELETE FROM audit_sinks WHERE id = $1 AND org_id = $2",
            params![id, org],
        )
        .await?;
        self.finish(tx, &[event]).await
    }

    /// Sinks that something waits for and nobody is at, at most 100.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn sinks_due(&self, now: Timestamp) -> Result<Vec<AuditSink>> {
        const SQL: &str = concat!(
            "SELECT ",
            sink_columns!(),
            " FROM audit_sinks s JOIN audit_heads h ON h.org_id = s.org_id \
             WHERE s.is_active AND s.retry_at <= $1 AND s.position < h.seq ORDER BY s.retry_at, s.id LIMIT $2"
        );
        let rows = self.db.all(SQL, params![now, MAX_DUE]).await?;
        rows.iter().map(AuditSink::from_row).collect()
    }

    /// Takes a sink, as it was found, until an instant. `false` when another node was first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn take_sink(&self, sink: &AuditSink, until: Timestamp) -> Result<bool> {
        let mut tx = self.db.begin().await?;
        let taken = tx
            .execute(
                "UPDATE audit_sinks SET retry_at = $2 WHERE id = $1 AND retry_at = $3 AND position = $4 AND is_active",
                params![sink.id, until, sink.retry_at, sink.position],
            )
            .await?;
        tx.commit().await?;
        Ok(taken == 1)
    }

    /// Records that everything up to `to` has arrived, if the sink stood at `from` and has not been taken by another;
    /// it stays taken until `until`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when it was taken, stopped or removed in the meantime: then nothing more must be sent.
    pub async fn advance_sink(
        &self,
        id: SinkId,
        (from, to): (i64, i64),
        (taken_until, until): (Timestamp, Timestamp),
        at: Timestamp,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute_one(
            "UPDATE audit_sinks SET position = $3, delivered_at = $5, failures = 0, last_error = NULL, retry_at = $6 \
             WHERE id = $1 AND position = $2 AND retry_at = $4 AND is_active",
            params![id, from, to, taken_until, at, until],
        )
        .await?;
        tx.commit().await
    }

    /// Records that an attempt failed, or gives the sink back when `error` is none; it is due again at `retry_at`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn release_sink(
        &self,
        id: SinkId,
        taken_until: Timestamp,
        retry_at: Timestamp,
        error: Option<&str>,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        let failed = i64::from(error.is_some());
        tx.execute(
            "UPDATE audit_sinks SET retry_at = $3, failures = failures + $4, last_error = COALESCE($5, last_error) \
             WHERE id = $1 AND retry_at = $2",
            params![id, taken_until, retry_at, failed, error.map(str::to_owned)],
        )
        .await?;
        tx.commit().await
    }
}
