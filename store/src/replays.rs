//! Replays: what is to be decided again, how far that is, and what would change.

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{EventId, OrgId};
use oneclaw_core::principal::Principal;
use serde_json::Value as Json;
use uuid::Uuid;

use crate::Store;
use crate::audit::NewEvent;
use crate::db::{Row, params};
use crate::error::{Result, StoreError};
use crate::json;

/// Replays of an organisation that may wait or run at a time.
pub const MAX_OPEN_REPLAYS: i64 = 8;

/// Most changes in one answer.
const MAX_PAGE: i64 = 1000;

/// A replay.
#[derive(Debug, Clone, PartialEq)]
pub struct Replay {
    /// Its id.
    pub id: Uuid,
    /// The organisation.
    pub org_id: OrgId,
    /// Who asked for it.
    pub created_by: Principal,
    /// When.
    pub created_at: Timestamp,
    /// What is to be done, as an object.
    pub spec: Json,
    /// `queued`, `running`, `done`, `cancelled` or `failed`.
    pub state: String,
    /// Decisions to look at.
    pub total: i64,
    /// Decisions looked at.
    pub done: i64,
    /// What came of them, as an object of numbers.
    pub counts: Json,
    /// The last decision looked at.
    pub cursor: Option<(Timestamp, EventId)>,
    /// When it was first taken up.
    pub started_at: Option<Timestamp>,
    /// When it came to its end.
    pub finished_at: Option<Timestamp>,
    /// Why it failed.
    pub error: Option<String>,
    /// Once it is done: whether it met what was demanded of it, if something was.
    pub gate_passed: Option<bool>,
}

/// How a replay came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplayEnd<'a> {
    /// Every decision was looked at.
    Done {
        /// Whether it met what was demanded of it, if something was.
        gate_passed: Option<bool>,
    },
    /// For this reason, not every decision was.
    Failed(&'a str),
}

/// A decision that would come out differently.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplayChange {
    /// Its place among the changes, from 1.
    pub n: i64,
    /// The decision.
    pub decision_id: EventId,
    /// What it was and would be, as an object.
    pub body: Json,
}

/// A page of decisions that was looked at.
#[derive(Debug, Clone)]
pub struct ReplayProgress {
    /// Decisions in it.
    pub looked_at: i64,
    /// What came of all decisions so far.
    pub counts: Json,
    /// The last of them.
    pub cursor: (Timestamp, EventId),
    /// What would change.
    pub changes: Vec<ReplayChange>,
}

macro_rules! columns {
    () => {
        "id, org_id, created_by, created_at, spec, state, total, done, counts, cursor_at, cursor_id, started_at, \
         finished_at, error, gate_passed"
    };
}

impl Replay {
    fn from_row(row: &Row) -> Result<Self> {
        let at = row.opt_time("cursor_at")?;
        let id = row.opt_parsed("cursor_id")?;
        Ok(Self {
            id: row.parsed("id")?,
            org_id: row.parsed("org_id")?,
            created_by: row.parsed("created_by")?,
            created_at: row.time("created_at")?,
            spec: row.json("spec")?,
            state: row.text("state")?,
            total: row.int("total")?,
            done: row.int("done")?,
            counts: row.json("counts")?,
            cursor: at.zip(id),
            started_at: row.opt_time("started_at")?,
            finished_at: row.opt_time("finished_at")?,
            error: row.opt_text("error")?,
            gate_passed: row.opt_bool("gate_passed")?,
        })
    }
}

impl Store {
    /// Adds a replay to those that wait.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] `replays` when too many of the organisation wait or run.
    pub async fn add_replay(&self, replay: &Replay, event: NewEvent) -> Result<()> {
        let mut tx = self.db.begin().await?;
        let open = tx
            .one(
                "SELECT count(*) AS n FROM replays WHERE org_id = $1 AND state IN ('queued', 'running')",
                params![replay.org_id],
            )
            .await?
            .int("n")?;
        if open >= MAX_OPEN_REPLAYS {
            return Err(StoreError::Conflict("replays"));
        }
        tx.execute_one(
            "INSERT INTO replays (id, org_id, created_by, created_at, spec, state, total, done, counts) \
             VALUES ($1, $2, $3, $4, $5, 'queued', $6, 0, $7)",
            params![
                replay.id,
                replay.org_id,
                replay.created_by.to_string(),
                replay.created_at,
                json::text(&replay.spec)?,
                replay.total,
                json::text(&replay.counts)?
            ],
        )
        .await?;
        self.finish(tx, &[event]).await
    }

    /// One replay.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn replay(&self, org: OrgId, id: Uuid) -> Result<Option<Replay>> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM replays WHERE org_id = $1 AND id = $2"
        );
        let row = self.db.optional(SQL, params![org, id]).await?;
        row.map(|row| Replay::from_row(&row)).transpose()
    }

    /// The latest replays of an organisation, newest first, a hundred at most.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn replays(&self, org: OrgId) -> Result<Vec<Replay>> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM replays WHERE org_id = $1 ORDER BY created_at DESC, id DESC LIMIT 100"
        );
        let rows = self.db.all(SQL, params![org]).await?;
        rows.iter().map(Replay::from_row).collect()
    }

    /// Whether a replay waits, or was left unfinished.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn has_replays_to_do(&self) -> Result<bool> {
        let row = self
            .db
            .optional(
                "SELECT id FROM replays WHERE state IN ('queued', 'running') LIMIT 1",
                vec![],
            )
            .await?;
        Ok(row.is_some())
    }

    /// Takes up the oldest replay that waits or was left unfinished. Whoever worked on it before cannot store anything of it
    /// from now on.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn take_up_replay(&self, worker: Uuid, now: Timestamp) -> Result<Option<Replay>> {
        const SQL: &str = concat!(
            "UPDATE replays SET state = 'running', worker = $1, started_at = COALESCE(started_at, $2) \
             WHERE state IN ('queued', 'running') AND id = (SELECT id FROM replays \
             WHERE state IN ('queued', 'running') ORDER BY created_at, id LIMIT 1) RETURNING ",
            columns!()
        );
        let mut tx = self.db.begin().await?;
        let row = tx.optional(SQL, params![worker, now]).await?;
        tx.commit().await?;
        row.map(|row| Replay::from_row(&row)).transpose()
    }

    /// Stores how far a worker has come. Answers `false` when the replay is not its to go on with: cancelled, or taken over.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn advance_replay(
        &self,
        id: Uuid,
        worker: Uuid,
        progress: ReplayProgress,
    ) -> Result<bool> {
        let mut tx = self.db.begin().await?;
        let (at, last) = progress.cursor;
        let is_ours = tx
            .execute(
                "UPDATE replays SET done = done + $3, counts = $4, cursor_at = $5, cursor_id = $6 \
                 WHERE id = $1 AND worker = $2 AND state = 'running'",
                params![
                    id,
                    worker,
                    progress.looked_at,
                    json::text(&progress.counts)?,
                    at,
                    last
                ],
            )
            .await?
            == 1;
        if !is_ours {
            return Ok(false);
        }
        for change in progress.changes {
            tx.execute_one(
                "INSERT INTO replay_changes (replay_id, n, decision_id, body) VALUES ($1, $2, $3, $4)",
                params![id, change.n, change.decision_id, json::text(&change.body)?],
            )
            .await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Brings a replay to its end. Answers `false` when it is not the worker's.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn end_replay(
        &self,
        id: Uuid,
        worker: Uuid,
        now: Timestamp,
        end: ReplayEnd<'_>,
        event: NewEvent,
    ) -> Result<bool> {
        let mut tx = self.db.begin().await?;
        let (state, error, gate_passed) = match end {
            ReplayEnd::Done { gate_passed } => ("done", None, gate_passed),
            ReplayEnd::Failed(error) => ("failed", Some(error.to_owned()), None),
        };
        let is_ours = tx
            .execute(
                "UPDATE replays SET state = $3, finished_at = $4, error = $5, gate_passed = $6 \
                 WHERE id = $1 AND worker = $2 AND state = 'running'",
                params![id, worker, state, now, error, gate_passed],
            )
            .await?
            == 1;
        if is_ours {
            self.finish(tx, &[event]).await?;
        }
        Ok(is_ours)
    }

    /// Cancels a replay that waits or runs. Answers `false` when it has come to its end already.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none.
    pub async fn cancel_replay(
        &self,
        org: OrgId,
        id: Uuid,
        now: Timestamp,
        event: NewEvent,
    ) -> Result<bool> {
        let mut tx = self.db.begin().await?;
        let is_open = tx
            .execute(
                "UPDATE replays SET state = 'cancelled', finished_at = $3 \
                 WHERE id = $1 AND org_id = $2 AND state IN ('queued', 'running')",
                params![id, org, now],
            )
            .await?
            == 1;
        if is_open {
            self.finish(tx, &[event]).await?;
            return Ok(true);
        }
        let known = tx
            .optional(
                "SELECT id FROM replays WHERE id = $1 AND org_id = $2",
                params![id, org],
            )
            .await?;
        known.map_or(Err(StoreError::NotFound), |_| Ok(false))
    }

    /// What a replay would change, behind the change with this number.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn replay_changes(
        &self,
        id: Uuid,
        after: i64,
        limit: i64,
    ) -> Result<Vec<ReplayChange>> {
        let rows = self
            .db
            .all(
                "SELECT n, decision_id, body FROM replay_changes WHERE replay_id = $1 AND n > $2 ORDER BY n LIMIT $3",
                params![id, after, limit.clamp(1, MAX_PAGE)],
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(ReplayChange {
                    n: row.int("n")?,
                    decision_id: row.parsed("decision_id")?,
                    body: row.json("body")?,
                })
            })
            .collect()
    }

    /// Removes replays that came to their end before `cutoff`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn purge_replays(&self, cutoff: Timestamp) -> Result<u64> {
        let mut tx = self.db.begin().await?;
        let gone = tx
            .execute(
                "DELETE FROM replays WHERE finished_at < $1",
                params![cutoff],
            )
            .await?;
        tx.commit().await?;
        Ok(gone)
    }

    /// Stores what a check of recorded decisions found.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn store_decision_check(
        &self,
        now: Timestamp,
        checked: i64,
        mismatches: i64,
        events: &[NewEvent],
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute_one(
            "INSERT INTO decision_checks (id, at, checked, mismatches) VALUES (1, $1, $2, $3) \
             ON CONFLICT (id) DO UPDATE SET at = excluded.at, checked = excluded.checked, \
             mismatches = excluded.mismatches",
            params![now, checked, mismatches],
        )
        .await?;
        self.finish(tx, events).await
    }

    /// How many decisions came out differently when they were last checked.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn decision_mismatches(&self) -> Result<i64> {
        let row = self
            .db
            .optional(
                "SELECT mismatches FROM decision_checks WHERE id = 1",
                vec![],
            )
            .await?;
        row.map_or(Ok(0), |row| row.int("mismatches"))
    }

    /// The ids of all organisations.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn org_ids(&self) -> Result<Vec<OrgId>> {
        let rows = self
            .db
            .all("SELECT id FROM orgs ORDER BY id", vec![])
            .await?;
        rows.iter().map(|row| row.parsed("id")).collect()
    }
}
