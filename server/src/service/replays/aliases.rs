//! Names under which official clients know some of this.

use std::collections::BTreeMap;

use oneclaw_core::api::{
    GuardrailReplayRequest, GuardrailRevision, GuardrailRevisionList, GuardrailShadowReport,
    Replay, ShadowedPlugin,
};
use oneclaw_core::ids::{AgentId, OrgId};
use oneclaw_core::recorded::TRANSACTION_GUARDRAIL;
use oneclaw_core::verdict::Verdict;
use oneclaw_store::{AuditEvent, EventFilter, StoreError};
use serde_json::{Map, Value};

use super::candidate::{Candidate, Demand, GuardrailDraft};
use super::{MAX_DAYS, Spec, admin, filter};
use crate::service::agents::is_guardrail;
use crate::service::caller::{Caller, RequestContext};
use crate::service::decisions::body::{Answer, Recorded};
use crate::service::decisions::read::DecisionQuery;
use crate::service::decisions::record::{ALLOW, DENY};
use crate::service::error::{Result, ServiceError};
use crate::service::{Services, time};

/// Decisions that one report looks at, the newest first.
const MOST_REPORTED: usize = 10_000;
/// Decisions read at a time for it.
const PAGE: i64 = 1000;
/// Revisions in one answer.
const MOST_REVISIONS: usize = 100;
/// Events of one action that are looked at for them, the newest first.
const MOST_EVENTS: usize = 20_000;
/// Events read at a time.
const EVENTS: i64 = 200;
/// Examples of disagreement in a report.
const MOST_SAMPLES: usize = 20;

/// Actions that change guardrails.
const CHANGES: [&str; 5] = [
    "agent.register",
    "agent.update",
    "agent.deactivate",
    "org.guardrails.update",
    "org.guardrails.remove",
];

impl Services {
    /// `POST /v1/agents/{agent_id}/guardrails/replay`
    ///
    /// # Errors
    /// Names the field at fault; [`ServiceError::NotFound`] for an agent of another organisation.
    pub async fn replay_guardrails(
        &self,
        context: &RequestContext,
        caller: &Caller,
        agent: AgentId,
        request: GuardrailReplayRequest,
    ) -> Result<Replay> {
        admin(caller)?;
        let days = request.days.unwrap_or(7);
        if !(1..=MAX_DAYS).contains(&days) {
            return Err(ServiceError::field(
                "days",
                format!("must be from 1 to {MAX_DAYS}"),
            ));
        }
        let candidate = match request.draft_guardrails {
            None | Some(Value::Null) => Candidate::Current,
            Some(draft @ Value::Object(_)) => Candidate::Guardrails(GuardrailDraft {
                agent_id: agent.to_string(),
                fields: Map::from_iter([("guardrails".to_owned(), draft)]),
            }),
            Some(_) => {
                return Err(ServiceError::field(
                    "draft_guardrails",
                    "must be an object, like the field `guardrails` of an agent",
                ));
            }
        };
        self.store
            .agent(caller.org(), agent)
            .await?
            .ok_or(ServiceError::NotFound("no such agent"))?;
        let candidate = self.check_candidate(context, caller, candidate).await?;
        let wanted = oneclaw_core::api::ReplayFilter {
            agent: Some(agent.to_string()),
            world: Some(TRANSACTION_GUARDRAIL.to_owned()),
            days: Some(days),
            ..Default::default()
        };
        let spec = Spec {
            candidate,
            filter: filter(wanted, context.at)?,
            demand: Demand::default(),
            reasons: false,
        };
        self.queue_replay(context, caller, spec).await
    }

    /// `GET /v1/org/guardrail-shadow-report`: what guardrails decided, and what those would have that are merely watched.
    ///
    /// # Errors
    /// Names the parameter at fault.
    pub async fn guardrail_shadow_report(
        &self,
        caller: &Caller,
        since: Option<String>,
        until: Option<String>,
    ) -> Result<GuardrailShadowReport> {
        admin(caller)?;
        let query = DecisionQuery {
            world: Some(TRANSACTION_GUARDRAIL.to_owned()),
            since: since.clone(),
            until: until.clone(),
            ..DecisionQuery::default()
        };
        let filter = query.filter()?;
        let mut report = GuardrailShadowReport {
            since,
            until,
            decisions: 0,
            allowed: 0,
            denied: 0,
            denied_by_code: BTreeMap::new(),
            shadow: Vec::new(),
            sample_decisions: Vec::new(),
            is_complete: true,
        };
        let mut after = None;
        let mut looked_at = 0_usize;
        loop {
            let rows = self
                .store
                .decisions(caller.org(), &filter, after, PAGE)
                .await?;
            let Some(last) = rows.last() else { break };
            after = Some((last.at, last.id));
            looked_at = looked_at.saturating_add(rows.len());
            for row in rows {
                count(&mut report, &Recorded::read(row)?);
            }
            if looked_at >= MOST_REPORTED {
                report.is_complete = false;
                break;
            }
        }
        for plugin in &mut report.shadow {
            plugin.concordance_rate = rate(plugin.agree, plugin.decisions);
        }
        Ok(report)
    }

    /// `GET /v1/org/guardrail-revisions`: who changed guardrails when, newest first, as the audit trail has it.
    ///
    /// # Errors
    /// What the database says.
    pub async fn guardrail_revisions(&self, caller: &Caller) -> Result<GuardrailRevisionList> {
        admin(caller)?;
        let mut events = Vec::new();
        for action in CHANGES {
            events.extend(self.changes_of_guardrails(caller.org(), action).await?);
        }
        events.sort_by_key(|event| std::cmp::Reverse(event.seq));
        let revisions = events
            .into_iter()
            .take(MOST_REVISIONS)
            .map(|event| GuardrailRevision {
                id: event.id.to_string(),
                created_at: time::format(event.at),
                action: event.action.clone(),
                actor_type: event.actor_type.clone(),
                actor_id: event.actor_id.clone(),
                agent_id: (event.resource_type == "agent").then(|| event.resource_id.clone()),
                fields: fields(&event),
            })
            .collect();
        Ok(GuardrailRevisionList { revisions })
    }

    /// Events of one action that changed guardrails, the newest first: as many as one answer takes, or fewer if there are
    /// no more among the latest events.
    async fn changes_of_guardrails(&self, org: OrgId, action: &str) -> Result<Vec<AuditEvent>> {
        let mut filter = EventFilter {
            action: Some(action.to_owned()),
            limit: EVENTS,
            ..EventFilter::default()
        };
        let mut changes = Vec::new();
        let mut looked_at = 0_usize;
        while changes.len() < MOST_REVISIONS && looked_at < MOST_EVENTS {
            let page = match self.store.events(org, &filter).await {
                // Where the page before ended, the trail was cut for its age meanwhile: nothing older is left.
                Err(StoreError::NotFound) if filter.before.is_some() => break,
                page => page?,
            };
            filter.before = page.events.last().map(|event| event.id);
            looked_at = looked_at.saturating_add(page.events.len());
            changes.extend(page.events.into_iter().filter(changes_guardrails));
            if !page.has_more {
                break;
            }
        }
        Ok(changes)
    }
}

/// What is done to the guardrails of the organisation always does; what is done to an agent, if it names one of them.
fn changes_guardrails(event: &AuditEvent) -> bool {
    event.resource_type != "agent" || !fields(event).is_empty()
}

/// The guardrails that an event names.
fn fields(event: &AuditEvent) -> Vec<String> {
    event
        .details
        .get("profile_fields")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .filter(|field| is_guardrail(field))
        .map(str::to_owned)
        .collect()
}

fn count(report: &mut GuardrailShadowReport, recorded: &Recorded) {
    report.decisions = report.decisions.saturating_add(1);
    if recorded.row.verdict == ALLOW {
        report.allowed = report.allowed.saturating_add(1);
    } else {
        report.denied = report.denied.saturating_add(1);
        let code = recorded.row.code.clone();
        let count = report.denied_by_code.entry(code).or_insert(0);
        *count = count.saturating_add(1);
    }
    let mut disagrees = false;
    for (plugin, answer) in recorded.basis.plugins.iter().zip(&recorded.answers) {
        if plugin.is_enforced() {
            continue;
        }
        let known = report
            .shadow
            .iter()
            .position(|known| known.digest == plugin.digest && known.name == plugin.name);
        let place = known.unwrap_or_else(|| {
            report.shadow.push(ShadowedPlugin {
                name: plugin.name.clone(),
                version: plugin.version.clone(),
                digest: plugin.digest.clone(),
                ..ShadowedPlugin::default()
            });
            report.shadow.len().saturating_sub(1)
        });
        let Some(shadowed) = report.shadow.get_mut(place) else {
            continue;
        };
        shadowed.decisions = shadowed.decisions.saturating_add(1);
        // What abstains leaves the outcome as it is.
        let would = would(answer).unwrap_or(recorded.row.verdict.as_str());
        let number = match (would, recorded.row.verdict.as_str()) {
            (DENY, ALLOW) => &mut shadowed.would_deny,
            (ALLOW, held) if held != ALLOW => &mut shadowed.would_allow,
            _ => &mut shadowed.agree,
        };
        *number = number.saturating_add(1);
        disagrees |= would != recorded.row.verdict;
        if answer.failure.is_some() {
            shadowed.failed = shadowed.failed.saturating_add(1);
        }
    }
    if disagrees && report.sample_decisions.len() < MOST_SAMPLES {
        report.sample_decisions.push(recorded.row.id.to_string());
    }
}

fn would(answer: &Answer) -> Option<&'static str> {
    match answer.verdict {
        Some(Verdict::Allow(_)) => Some(ALLOW),
        Some(Verdict::Deny(_) | Verdict::RequireApproval(_)) | None => Some(DENY),
        Some(Verdict::Abstain) => None,
    }
}

/// Of a hundred thousand, exactly: `0.98765`.
fn rate(part: u64, whole: u64) -> String {
    let parts = part
        .saturating_mul(100_000)
        .checked_div(whole)
        .unwrap_or(100_000);
    format!("{}.{:05}", parts / 100_000, parts % 100_000)
}
