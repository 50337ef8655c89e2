//! Work that no request waits for.

mod runner;

use std::time::Duration;

use tokio::task::JoinHandle;

use self::runner::ticks;
pub use self::runner::{Job, keep};
use crate::service::error::Result;
use crate::service::intents::Rounds;
use crate::service::leases::Lease;
use crate::service::mail::{RELAY_PAUSE_MS, Round};
use crate::service::plugins::CatchUp;
use crate::service::{Services, SharedServices};

/// Between two looks at transactions that are under way.
const TRANSACTIONS_INTERVAL: Duration = Duration::from_secs(1);

/// Between two looks at what was uploaded.
const PLUGINS_INTERVAL: Duration = Duration::from_secs(2);
/// Between two looks at the files that facts come from.
const FACTS_INTERVAL: Duration = Duration::from_secs(2);
/// Between two looks at sinks that are behind.
const DELIVERY_INTERVAL: Duration = Duration::from_secs(1);

/// Starts the jobs; they end when the handle is aborted.
pub fn spawn(services: SharedServices) -> JoinHandle<()> {
    tokio::spawn(async move {
        tokio::join!(
            tend_transactions(&services),
            catch_up_on_plugins(&services),
            keep_facts(&services),
            keep(&services, &Purge),
            keep(&services, &Mail),
            keep(&services, &Webhooks),
            keep(&services, &Replays),
            keep(&services, &SelfCheck),
            keep(&services, &Audit),
            deliver_audit(&services),
            keep(&services, &Enrolment),
            keep(&services, &MailRequests),
        );
    })
}

/// On every node: each compiles for itself what was uploaded through another.
async fn catch_up_on_plugins(services: &SharedServices) {
    let mut ticks = ticks(PLUGINS_INTERVAL);
    let mut progress = CatchUp::default();
    loop {
        ticks.tick().await;
        services.catch_up_on_plugins(&mut progress).await;
    }
}

/// On every node: each reads its own files.
async fn keep_facts(services: &SharedServices) {
    if !services.facts.has_files() {
        return;
    }
    let mut ticks = ticks(FACTS_INTERVAL);
    loop {
        ticks.tick().await;
        services.facts.refresh().await;
    }
}

/// On every node: what they do to a transaction can be done twice without harm.
async fn tend_transactions(services: &SharedServices) {
    let mut ticks = ticks(TRANSACTIONS_INTERVAL);
    let mut rounds = Rounds::default();
    loop {
        ticks.tick().await;
        services.tend_transactions(&mut rounds).await;
    }
}

/// On every node: a sink is taken by one of them at a time.
async fn deliver_audit(services: &SharedServices) {
    let mut ticks = ticks(DELIVERY_INTERVAL);
    loop {
        ticks.tick().await;
        loop {
            match services.deliver_audit().await {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    tracing::warn!(%error, "audit sinks could not be served; the next round tries again");
                    break;
                }
            }
        }
    }
}

/// Signs the audit chains that have grown, and removes events that are too old.
struct Audit;

impl Job for Audit {
    const NAME: &'static str = "audit";
    const LOOK: Duration = Duration::from_secs(30);

    async fn round(&self, services: &Services, _: &Lease) -> Result<Duration> {
        services.sign_chains().await?;
        services.remove_old_events().await?;
        Ok(Duration::from_secs(3600))
    }
}

/// Removes what has expired and means nothing any more.
struct Purge;

impl Job for Purge {
    const NAME: &'static str = "purge";
    const LOOK: Duration = Duration::from_secs(30);

    async fn round(&self, services: &Services, _: &Lease) -> Result<Duration> {
        let now = services.clock.now();
        services.store.purge_expired(now).await?;
        services.store.purge_shares(now).await?;
        services.purge_decisions().await?;
        Ok(Duration::from_secs(600))
    }
}

/// Tells webhooks.
struct Webhooks;

impl Job for Webhooks {
    const NAME: &'static str = "webhooks";
    const LOOK: Duration = Duration::from_secs(1);

    async fn is_waiting(&self, services: &Services) -> Result<bool> {
        services.has_webhook_work().await
    }

    async fn round(&self, services: &Services, _: &Lease) -> Result<Duration> {
        services.tend_webhooks().await?;
        Ok(Duration::ZERO)
    }
}

/// Sends mails.
struct Mail;

impl Job for Mail {
    const NAME: &'static str = "mail";
    const LOOK: Duration = Duration::from_secs(1);

    async fn is_waiting(&self, services: &Services) -> Result<bool> {
        services.has_due_mail().await
    }

    async fn round(&self, services: &Services, lease: &Lease) -> Result<Duration> {
        Ok(match services.send_mails(lease).await? {
            Round::Done => Duration::ZERO,
            Round::NoRelay => Duration::from_millis(RELAY_PAUSE_MS.unsigned_abs()),
        })
    }
}

/// Makes recorded decisions again, for whoever asked to.
struct Replays;

impl Job for Replays {
    const NAME: &'static str = "replays";
    const LOOK: Duration = Duration::from_secs(1);

    async fn is_waiting(&self, services: &Services) -> Result<bool> {
        services.has_replays().await
    }

    async fn round(&self, services: &Services, _: &Lease) -> Result<Duration> {
        while services.replay_round().await? {}
        Ok(Duration::ZERO)
    }
}

/// Looks every night whether recorded decisions still come out as they did.
struct SelfCheck;

impl Job for SelfCheck {
    const NAME: &'static str = "decision_self_check";
    const LOOK: Duration = Duration::from_secs(60);

    async fn is_waiting(&self, services: &Services) -> Result<bool> {
        Ok(services.config.decisions.self_check > 0)
    }

    async fn round(&self, services: &Services, _: &Lease) -> Result<Duration> {
        services.check_decisions().await?;
        Ok(Duration::from_secs(24 * 60 * 60))
    }
}

/// Looks into agents that ask to be let in.
struct Enrolment;

impl Job for Enrolment {
    const NAME: &'static str = "enrolment";
    const LOOK: Duration = Duration::from_secs(1);

    async fn is_waiting(&self, services: &Services) -> Result<bool> {
        services.has_received_enrollments().await
    }

    async fn round(&self, services: &Services, lease: &Lease) -> Result<Duration> {
        services.look_into_enrollments(lease).await?;
        Ok(Duration::ZERO)
    }
}

/// Looks into wishes for mails with links.
struct MailRequests;

impl Job for MailRequests {
    const NAME: &'static str = "mail-requests";
    const LOOK: Duration = Duration::from_secs(1);

    async fn is_waiting(&self, services: &Services) -> Result<bool> {
        services.has_mail_requests().await
    }

    async fn round(&self, services: &Services, lease: &Lease) -> Result<Duration> {
        services.answer_mail_requests(lease).await?;
        Ok(Duration::ZERO)
    }
}
