//! Work that no request waits for.

use std::time::Duration;

use tokio::task::JoinHandle;

use crate::service::SharedServices;

/// Between two purges of what has expired.
const PURGE_INTERVAL: Duration = Duration::from_secs(600);

/// Starts the jobs; they end when the handle is aborted.
pub fn spawn(services: SharedServices) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(PURGE_INTERVAL);
        loop {
            ticks.tick().await;
            // Expired revocations and refresh tokens mean nothing any more, on whichever node this runs first.
            if let Err(error) = services.store.purge_expired(services.clock.now()).await {
                tracing::warn!(%error, "expired tokens could not be purged; the next round tries again");
            }
        }
    })
}
