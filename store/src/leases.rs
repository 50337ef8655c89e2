//! Scheduled jobs: which server does one, and when it is due again.
//!
//! A lease is a row with a token that goes up whenever the job changes hands. What a job writes can be tied to its lease
//! with [`hold`]: a server that was taken for dead, and was not, changes nothing any more.

use oneclaw_core::clock::Timestamp;
use uuid::Uuid;

use crate::Store;
use crate::db::{Tx, params};
use crate::error::{Result, StoreError};

/// The right to do a job, until it runs out or another server takes over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The job.
    pub job: String,
    /// The server that holds it.
    pub owner: Uuid,
    /// Goes up with every lease of the job.
    pub token: i64,
}

/// A job, as the servers see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobState {
    /// Who has it, or had it last.
    pub lease: Lease,
    /// Until when nobody else takes it; 1970 when nobody has it.
    pub leased_until: Timestamp,
    /// When it is due again.
    pub due_at: Timestamp,
}

impl Store {
    /// A job, once a server has taken it for the first time.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn job(&self, job: &str) -> Result<Option<JobState>> {
        let row = self
            .db
            .optional(
                "SELECT owner, token, leased_until, due_at FROM jobs WHERE name = $1",
                params![job],
            )
            .await?;
        row.map(|row| {
            Ok(JobState {
                lease: Lease {
                    job: job.to_owned(),
                    owner: row.parsed("owner")?,
                    token: row.int("token")?,
                },
                leased_until: row.time("leased_until")?,
                due_at: row.time("due_at")?,
            })
        })
        .transpose()
    }

    /// Takes a job that is due and that nobody holds, until `until`. None means that it is not due or that somebody does it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn claim_job(
        &self,
        job: &str,
        owner: Uuid,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Lease>> {
        // Looking costs nothing; the statement after it decides.
        let busy = self
            .db
            .optional(
                "SELECT token FROM jobs WHERE name = $1 AND (leased_until > $2 OR due_at > $2)",
                params![job, now],
            )
            .await?;
        if busy.is_some() {
            return Ok(None);
        }
        let mut tx = self.db.begin().await?;
        let row = tx
            .optional(
                "INSERT INTO jobs (name, owner, token, leased_until, due_at) VALUES ($1, $2, 1, $4, $3) \
                 ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, token = jobs.token + 1, \
                 leased_until = excluded.leased_until \
                 WHERE jobs.leased_until <= $3 AND jobs.due_at <= $3 RETURNING token",
                params![job, owner, now, until],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        let token = row.int("token")?;
        tx.commit().await?;
        Ok(Some(Lease {
            job: job.to_owned(),
            owner,
            token,
        }))
    }

    /// Goes on holding a job until `until`.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] `lease` when another server has taken it over.
    pub async fn renew_lease(&self, lease: &Lease, until: Timestamp) -> Result<()> {
        let mut tx = self.db.begin().await?;
        change(
            &mut tx,
            "UPDATE jobs SET leased_until = $3 WHERE name = $1 AND token = $2",
            params![&lease.job, lease.token, until],
        )
        .await?;
        tx.commit().await
    }

    /// Gives a job back, to be done again from `due_at` on.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] `lease` when another server has taken it over.
    pub async fn end_lease(&self, lease: &Lease, due_at: Timestamp) -> Result<()> {
        let mut tx = self.db.begin().await?;
        change(
            &mut tx,
            "UPDATE jobs SET leased_until = 0, due_at = $3 WHERE name = $1 AND token = $2",
            params![&lease.job, lease.token, due_at],
        )
        .await?;
        tx.commit().await
    }

    /// Gives back every job that a server holds, because it stops.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn release_jobs(&self, owner: Uuid) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute(
            "UPDATE jobs SET leased_until = 0, token = token + 1 WHERE owner = $1 AND leased_until > 0",
            params![owner],
        )
        .await?;
        tx.commit().await
    }
}

/// Makes sure, inside a transaction, that the job is still held, and keeps others from taking it over until the transaction
/// ends. Comes first in the transaction.
///
/// # Errors
/// [`StoreError::Conflict`] `lease` when another server has taken it over.
pub(crate) async fn hold(tx: &mut Tx, lease: &Lease) -> Result<()> {
    change(
        tx,
        "UPDATE jobs SET token = token WHERE name = $1 AND token = $2",
        params![&lease.job, lease.token],
    )
    .await
}

async fn change(tx: &mut Tx, sql: &'static str, params: Vec<crate::db::Value>) -> Result<()> {
    match tx.execute_one(sql, params).await {
        Err(StoreError::NotFound) => Err(StoreError::Conflict("lease")),
        other => other,
    }
}
