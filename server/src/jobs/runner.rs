//! Keeps a job going: on one server at a time, whichever holds its lease.

use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior};

use crate::service::error::Result;
use crate::service::leases::Lease;
use crate::service::{Services, SharedServices};

/// Between two renewals of a lease: a third of [`crate::service::leases::LEASE_MS`].
const RENEWAL: Duration = Duration::from_secs(10);
/// Longest wait after a round that failed.
const RETRY: Duration = Duration::from_secs(30);

/// A job that one server does at a time.
///
/// When the server that does it dies, another one takes over within half a minute and begins a new round: a round must bear
/// being cut off anywhere. What it writes should be tied to the lease where doing it twice would do harm.
pub trait Job: Sync {
    /// Its name in the table `jobs`.
    const NAME: &'static str;
    /// How often each server looks whether it is due.
    const LOOK: Duration;

    /// A cheap look whether there is anything to do, before the job is taken.
    ///
    /// # Errors
    /// What the database says.
    fn is_waiting(&self, services: &Services) -> impl Future<Output = Result<bool>> + Send {
        let _ = services;
        async { Ok(true) }
    }

    /// One round; answers in what time the next is due, by the clock of the services. It is dropped when the lease is lost.
    ///
    /// # Errors
    /// Logged; the next round comes after half a minute at most.
    fn round(
        &self,
        services: &Services,
        lease: &Lease,
    ) -> impl Future<Output = Result<Duration>> + Send;
}

/// Does a job whenever it is due and no other server does it. Never ends.
pub async fn keep<J: Job>(services: &SharedServices, job: &J) {
    let mut ticks = ticks(J::LOOK);
    loop {
        ticks.tick().await;
        if let Err(error) = look(services, job).await {
            tracing::warn!(job = J::NAME, %error, "job {} failed; it is tried again", J::NAME);
        }
    }
}

/// Ticks at once and then every so often. A round that takes longer puts the next tick off; none is made up for.
pub fn ticks(every: Duration) -> Interval {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

async fn look<J: Job>(services: &SharedServices, job: &J) -> Result<()> {
    if !job.is_waiting(services).await? {
        return Ok(());
    }
    let Some(lease) = services.claim_job(J::NAME).await? else {
        return Ok(());
    };
    let round = tokio::select! {
        round = job.round(services, &lease) => round,
        lost = lose(services, &lease) => return lost,
    };
    let again = round
        .as_ref()
        .map_or(RETRY.min(J::LOOK.saturating_mul(5)), |again| *again);
    let again_ms = i64::try_from(again.as_millis()).unwrap_or(i64::MAX);
    services.end_lease(&lease, again_ms).await?;
    round.map(|_| ())
}

/// Renews the lease; ends when it is lost.
async fn lose(services: &SharedServices, lease: &Lease) -> Result<()> {
    loop {
        tokio::time::sleep(RENEWAL).await;
        match services.renew_lease(lease).await {
            Ok(true) => {}
            Ok(false) => {
                tracing::warn!(
                    job = lease.job,
                    "another server has taken over job {}",
                    lease.job
                );
                return Ok(());
            }
            // It may be renewed yet; if not, what the round writes is refused.
            Err(error) => {
                tracing::warn!(job = lease.job, %error, "the lease of job {} could not be renewed", lease.job)
            }
        }
    }
}
