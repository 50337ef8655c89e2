//! Which server does a scheduled job: see [`oneclaw_store::Lease`].

pub use oneclaw_store::Lease;
use oneclaw_store::StoreError;

use super::Services;
use super::error::Result;

/// How long a job stays with a server that is not heard of any more, in milliseconds.
pub const LEASE_MS: i64 = 30_000;

impl Services {
    /// Takes a job, if it is due and nobody has it.
    ///
    /// # Errors
    /// What the database says.
    pub async fn claim_job(&self, job: &str) -> Result<Option<Lease>> {
        let now = self.clock.now();
        let until = now.plus_millis(LEASE_MS);
        Ok(self.store.claim_job(job, self.node, now, until).await?)
    }

    /// Goes on holding a job. False means that another server has it now.
    ///
    /// # Errors
    /// What the database says.
    pub async fn renew_lease(&self, lease: &Lease) -> Result<bool> {
        let until = self.clock.now().plus_millis(LEASE_MS);
        match self.store.renew_lease(lease, until).await {
            Err(StoreError::Conflict("lease")) => Ok(false),
            other => Ok(other.map(|()| true)?),
        }
    }

    /// Gives a job back, to be done again in so many milliseconds.
    ///
    /// # Errors
    /// What the database says.
    pub async fn end_lease(&self, lease: &Lease, again_in_ms: i64) -> Result<()> {
        let due_at = self.clock.now().plus_millis(again_in_ms);
        match self.store.end_lease(lease, due_at).await {
            // Another server has it, and says when it is due.
            Err(StoreError::Conflict("lease")) => Ok(()),
            other => Ok(other?),
        }
    }

    /// Gives every job back, because the server stops.
    ///
    /// # Errors
    /// What the database says.
    pub async fn release_jobs(&self) -> Result<()> {
        Ok(self.store.release_jobs(self.node).await?)
    }
}
