//! The plugins that an organisation has attached, as decisions ask them.
//!
//! What is attached has a revision, which the gate reads with every decision. At a new revision the set is put together
//! anew, from what is unchanged and what has to be made ready; decisions under way keep the set they began with. A version
//! that cannot be made ready leaves the one before it in force, and says so.

mod meter;
mod set;

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{AttachmentId, EventId, OrgId};
use oneclaw_crypto::random;
use oneclaw_policy_host::{AttachedPlugin, Attachment, Evaluation, Failure};
use oneclaw_store::{NewEvent, Store};
use quick_cache::sync::Cache;
use serde_json::json;
use tokio::time::Instant;

use self::meter::Meter;
pub use self::set::InForce;
pub(super) use self::set::PluginSet;
use super::super::error::Result;
use super::super::plugins::PluginRuntime;

/// Organisations whose plugins are kept ready.
const KEPT: usize = 1_024;
/// After which a version that could not be made ready is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(10);
/// Reports that are remembered, so that each is made once.
const REPORTS: usize = 4_096;

/// Finds what is attached, and keeps it ready.
#[derive(Debug)]
pub(super) struct Uploaded {
    runtime: Arc<PluginRuntime>,
    store: Store,
    /// By organisation and revision. Whoever wants a set that is being put together waits for it; nobody else does.
    sets: Cache<(OrgId, i64), Arc<PluginSet>>,
    /// From which unchanged configurations are taken over.
    latest: Cache<OrgId, Arc<PluginSet>>,
    meters: Cache<OrgId, Arc<Meter>>,
    reported: Mutex<HashSet<(AttachmentId, i64)>>,
}

impl Uploaded {
    pub(super) fn new(runtime: Arc<PluginRuntime>, store: Store) -> Self {
        Self {
            runtime,
            store,
            sets: Cache::new(KEPT * 2),
            latest: Cache::new(KEPT),
            meters: Cache::new(KEPT),
            reported: Mutex::default(),
        }
    }

    /// What is attached at a revision, or at a later one.
    ///
    /// # Errors
    /// What the database says. A plugin that cannot be made ready is no error: it is part of the set.
    pub(super) async fn set(
        &self,
        org: OrgId,
        revision: i64,
        now: Timestamp,
    ) -> Result<Option<Arc<PluginSet>>> {
        if revision == 0 {
            return Ok(None);
        }
        let key = (org, revision);
        if let Some(set) = self.sets.get(&key) {
            if !set.is_worth_another_try(RETRY_AFTER) {
                return Ok(Some(set));
            }
            self.sets.remove(&key);
        }
        // Boxed, because every decision would carry the room for what few of them do.
        let building = Box::pin(self.build(org, now));
        let set = self.sets.get_or_insert_async(&key, building).await?;
        Ok(Some(set))
    }

    async fn build(&self, org: OrgId, now: Timestamp) -> Result<Arc<PluginSet>> {
        let stored = self.store.plugin_set(org).await?;
        let known = self.latest.get(&org);
        let set = PluginSet::build(&self.runtime, org, stored, known.as_deref()).await?;
        let set = Arc::new(set);
        self.latest.insert(org, Arc::clone(&set));
        self.report(org, &set, now).await;
        Ok(set)
    }

    /// Records once what could not be made ready.
    async fn report(&self, org: OrgId, set: &PluginSet, now: Timestamp) {
        for failed in set.failed() {
            let place = (failed.id, failed.revision);
            {
                let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
                if reported.len() >= REPORTS {
                    reported.clear();
                }
                if !reported.insert(place) {
                    continue;
                }
            }
            let in_force = failed.in_force.word();
            tracing::error!(
                attachment = %failed.id, revision = failed.revision, plugin = failed.plugin.name,
                version = failed.plugin.version, in_force, detail = failed.detail,
                "an attached plugin cannot be made ready"
            );
            let event = NewEvent {
                id: EventId::from_uuid(random::new_id()),
                org_id: org,
                action: "plugin.attachment.failed".to_owned(),
                actor_type: "system".to_owned(),
                actor_id: String::new(),
                resource_type: "attachment".to_owned(),
                resource_id: failed.id.to_string(),
                details: json!({
                    "plugin": failed.plugin.name, "version": failed.plugin.version, "digest": failed.plugin.digest,
                    "revision": failed.revision, "detail": failed.detail, "in_force": in_force,
                }),
                vault_id: None,
                ip: None,
                at: now,
                decision: None,
            };
            if let Err(error) = self.store.record(event).await {
                tracing::error!(%error, "that a plugin cannot be made ready could not be recorded");
            }
        }
    }

    /// How each attachment stands on this node.
    pub(super) async fn in_force(
        &self,
        org: OrgId,
        now: Timestamp,
    ) -> Result<HashMap<AttachmentId, InForce>> {
        let revision = self.store.plugins_revision(org).await?;
        let set = self.set(org, revision, now).await?;
        Ok(set.map(|set| set.standings()).unwrap_or_default())
    }

    /// Waits until the organisation's plugins may take processor time. What is not let in is answered for: attachments
    /// that count become failures, and so do those that are watched, which changes nothing.
    ///
    /// Where none counts, nobody waits.
    pub(super) async fn admit(
        &self,
        org: OrgId,
        attachments: Vec<Attachment>,
    ) -> (Vec<Attachment>, Ticket) {
        let ticket = if attachments.iter().any(|a| a.stage.counts()) {
            self.enter(org).await
        } else {
            let meter = self.meter(org);
            let charge = meter.try_enter(Instant::now()).ok();
            charge.map(|charge| Ticket(Some((meter, charge))))
        };
        match ticket {
            Some(ticket) => (attachments, ticket),
            None => (attachments.into_iter().map(busy).collect(), Ticket::none()),
        }
    }

    /// Waits for leave to take processor time; `None` when that takes too long.
    pub(super) async fn enter(&self, org: OrgId) -> Option<Ticket> {
        let meter = self.meter(org);
        let charge = meter.wait().await?;
        Some(Ticket(Some((meter, charge))))
    }

    fn meter(&self, org: OrgId) -> Arc<Meter> {
        let fresh = || Ok::<_, Infallible>(Arc::new(Meter::default()));
        match self.meters.get_or_insert_with(&org, fresh) {
            Ok(meter) => meter,
            Err(never) => match never {},
        }
    }
}

/// Leave to take processor time. What was really taken is settled at the end.
#[derive(Debug)]
pub(super) struct Ticket(Option<(Arc<Meter>, Duration)>);

impl Ticket {
    /// For where no plugin of the organisation is asked.
    pub(super) fn none() -> Self {
        Self(None)
    }

    /// Settles what the organisation's own plugins took.
    pub(super) fn settle(mut self, evaluations: &[Evaluation]) {
        let own = evaluations.iter().filter(|e| e.attachment.is_some());
        self.finish(own.map(|e| e.elapsed).sum());
    }

    /// Settles what a stretch of work took.
    pub(super) fn settle_time(mut self, taken: Duration) {
        self.finish(taken);
    }

    fn finish(&mut self, taken: Duration) {
        if let Some((meter, charge)) = self.0.take() {
            meter.leave(charge, taken, Instant::now());
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.finish(Duration::ZERO);
    }
}

/// An organisation whose plugins have used up their processor time is refused, and nobody else is.
fn busy(attachment: Attachment) -> Attachment {
    let plugin = match attachment.plugin {
        AttachedPlugin::Ready(configured, _) => {
            let failure = Failure::new(
                "internal/plugin-busy",
                "the plugins of this organisation have used up their share of the processor",
            );
            AttachedPlugin::Failed(Arc::new(configured.plugin().identity().clone()), failure)
        }
        failed @ AttachedPlugin::Failed(..) => failed,
    };
    Attachment {
        plugin,
        ..attachment
    }
}
