//! Work that no request waits for.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use crate::service::SharedServices;
use crate::service::intents::Rounds;

/// Between two purges of what has expired.
const PURGE_INTERVAL: Duration = Duration::from_secs(600);
/// Between two looks at transactions that are under way.
const TRANSACTIONS_INTERVAL: Duration = Duration::from_secs(1);

/// Starts the jobs; they end when the handle is aborted.
pub fn spawn(services: SharedServices) -> JoinHandle<()> {
    tokio::spawn(async move {
        tokio::join!(purge(&services), tend_transactions(&services));
    })
}

/// On every node: what they do to a transaction can be done twice without harm.
async fn tend_transactions(services: &SharedServices) {
    let mut ticks = tokio::time::interval(TRANSACTIONS_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut rounds = Rounds::default();
    loop {
        ticks.tick().await;
        services.tend_transactions(&mut rounds).await;
    }
}

async fn purge(services: &SharedServices) {
    let mut ticks = tokio::time::interval(PURGE_INTERVAL);
    loop {
        ticks.tick().await;
        // Expired revocations and refresh tokens mean nothing any more, on whichever node this runs first.
        if let Err(error) = services.store.purge_expired(services.clock.now()).await {
            tracing::warn!(%error, "expired tokens could not be purged; the next round tries again");
        }
    }
}
