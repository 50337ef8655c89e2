//! The organisation's own plugins are asked beside those that come with the server. Any of them can refuse; none can open
//! what another has closed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{AttachmentId, OrgId};
use oneclaw_core::request::AccessRequest;
use oneclaw_policy_host::{
    AttachedPlugin, Attachment, DecidedAccess, Permit, ReadSecret, decide_access,
};
use oneclaw_store::Agent;

use super::signing::Asked;
use super::uploaded::{InForce, PluginSet, Ticket};
use super::{Gate, PERMIT_TTL_MS};
use crate::service::caller::Caller;
use crate::service::error::{Result, ServiceError};

/// How long the organisation's own plugins may take over one listing. What is not decided by then is not listed.
const LISTING_TIME: Duration = Duration::from_secs(1);

impl Gate {
    /// How the organisation's attachments stand on this node.
    ///
    /// # Errors
    /// What the database says.
    pub async fn plugins_in_force(
        &self,
        org: OrgId,
        now: Timestamp,
    ) -> Result<std::collections::HashMap<AttachmentId, InForce>> {
        self.uploaded.in_force(org, now).await
    }

    /// Decides on an access: by `attached`, and by what the organisation has attached at `revision`. Also tells who was
    /// asked.
    ///
    /// # Errors
    /// When it cannot be found out what is attached.
    pub(super) async fn ask_about_access(
        &self,
        caller: &Caller,
        request: AccessRequest,
        mut attached: Vec<Attachment>,
        revision: i64,
    ) -> Result<(DecidedAccess, Vec<Attachment>)> {
        let own = match self
            .own_plugins(&attached, request.org, revision, request.at)
            .await?
        {
            Some(set) => {
                let labels = labels_of(caller.agent().map(|session| &session.agent));
                set.for_access(request.vault, &request.path, request.principal, &labels)
            }
            None => Vec::new(),
        };
        if own.is_empty() {
            let decided = decide_access(request, &attached, PERMIT_TTL_MS);
            return Ok((decided, attached));
        }
        let (own, ticket) = self.uploaded.admit(request.org, own).await;
        attached.extend(own);
        // They may compute up to their limits, which must not hold up a thread that serves others.
        let (decided, attached) = tokio::task::spawn_blocking(move || {
            let decided = decide_access(request, &attached, PERMIT_TTL_MS);
            (decided, attached)
        })
        .await
        .map_err(|error| ServiceError::Internal(error.to_string()))?;
        ticket.settle(decided.evaluations());
        Ok((decided, attached))
    }

    /// Permits for those of these requests of one caller that are allowed. `None` never is. Those that are merely watched are not
    /// asked: nothing is recorded of a single path.
    ///
    /// # Errors
    /// When it cannot be found out what is attached.
    pub(super) async fn ask_about_listing(
        &self,
        caller: &Caller,
        requests: Vec<Option<AccessRequest>>,
        attached: Vec<Attachment>,
        revision: i64,
        now: Timestamp,
    ) -> Result<Vec<Option<Permit<ReadSecret>>>> {
        let org = caller.org();
        let set = self.own_plugins(&attached, org, revision, now).await?;
        let ticket = match &set {
            Some(_) => self.uploaded.enter(org).await,
            None => Some(Ticket::none()),
        };
        let own: Vec<Vec<Attachment>> = match &set {
            Some(set) => {
                let labels = labels_of(caller.agent().map(|session| &session.agent));
                requests
                    .iter()
                    .map(|request| match request {
                        Some(r) => {
                            let mut own = set.for_access(r.vault, &r.path, r.principal, &labels);
                            own.retain(|attachment| attachment.stage.counts());
                            own
                        }
                        None => Vec::new(),
                    })
                    .collect()
            }
            None => vec![Vec::new(); requests.len()],
        };
        // Thousands of decisions in a row must not hold up a thread that serves others.
        tokio::task::spawn_blocking(move || {
            let mut left = if ticket.is_some() {
                LISTING_TIME
            } else {
                Duration::ZERO
            };
            let mut permit = |request: AccessRequest, own: Vec<Attachment>| {
                if own.is_empty() {
                    let decided = decide_access(request, &attached, PERMIT_TTL_MS);
                    return decided.into_permit::<ReadSecret>().ok();
                }
                if left.is_zero() {
                    return None;
                }
                let started = Instant::now();
                let all: Vec<Attachment> = attached.iter().cloned().chain(own).collect();
                let decided = decide_access(request, &all, PERMIT_TTL_MS);
                left = left.saturating_sub(started.elapsed());
                decided.into_permit::<ReadSecret>().ok()
            };
            let permits = requests
                .into_iter()
                .zip(own)
                .map(|(request, own)| request.and_then(|request| permit(request, own)))
                .collect();
            if let Some(ticket) = ticket {
                ticket.settle_time(LISTING_TIME.saturating_sub(left));
            }
            permits
        })
        .await
        .map_err(|error| ServiceError::Internal(error.to_string()))
    }

    /// Adds what the organisation has attached to those who are asked about a signature.
    ///
    /// # Errors
    /// When it cannot be found out what is attached.
    pub(super) async fn with_own_guardrails(
        &self,
        mut asked: Vec<Asked>,
        agent: &Agent,
        chain: Option<&str>,
        now: Timestamp,
    ) -> Result<(Vec<Asked>, Ticket)> {
        let org = agent.org_id;
        if asked.is_empty() {
            return Ok((asked, Ticket::none()));
        }
        let revision = self.store.plugins_revision(org).await?;
        let Some(set) = self.uploaded.set(org, revision, now).await? else {
            return Ok((asked, Ticket::none()));
        };
        let principal = oneclaw_core::principal::Principal::Agent(agent.id);
        let own = set.for_signature(chain, principal, &labels_of(Some(agent)));
        if own.is_empty() {
            return Ok((asked, Ticket::none()));
        }
        let (own, ticket) = self.uploaded.admit(org, own).await;
        asked.extend(own.into_iter().map(Asked::of));
        Ok((asked, ticket))
    }

    /// The organisation's plugins, where anybody at all decides: none of them takes the place of one that is missing.
    async fn own_plugins(
        &self,
        attached: &[Attachment],
        org: OrgId,
        revision: i64,
        now: Timestamp,
    ) -> Result<Option<Arc<PluginSet>>> {
        if attached.is_empty() {
            return Ok(None);
        }
        self.uploaded.set(org, revision, now).await
    }
}

impl Asked {
    /// A plugin, with the budgets that it wants to see.
    fn of(attachment: Attachment) -> Self {
        let (plugin, queries) = match &attachment.plugin {
            AttachedPlugin::Ready(configured, _) => (
                configured.plugin().identity().name.clone(),
                configured.budget_queries().to_vec(),
            ),
            AttachedPlugin::Failed(plugin, _) => (plugin.name.clone(), Vec::new()),
        };
        Self {
            attachment,
            plugin,
            queries,
        }
    }
}

/// The labels of an agent; a human has none.
fn labels_of(agent: Option<&Agent>) -> impl Fn(&str, &str) -> bool {
    move |key, value| agent.is_some_and(|agent| agent.labels().any(|label| label == (key, value)))
}
