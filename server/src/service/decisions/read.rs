//! Decisions, listed and looked up.

use oneclaw_core::api::{DecisionDetail, DecisionList, DecisionPlugin, DecisionSummary};
use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{AgentId, EventId};
use oneclaw_core::principal::Principal;
use oneclaw_core::recorded::{ACCESS_POLICY, Question, TRANSACTION_GUARDRAIL};
use oneclaw_core::verdict::Verdict;
use oneclaw_store::DecisionFilter;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::body::{Answer, Recorded};
use super::explain::explain;
use super::record::{ALLOW, DENY, REQUIRE_APPROVAL};
use crate::service::caller::Caller;
use crate::service::check;
use crate::service::error::{Result, ServiceError};
use crate::service::{Services, time};

/// Most decisions in one page.
const MAX_PAGE: i64 = 1000;

pub(super) const NO_DECISION: ServiceError = ServiceError::NotFound("no such decision");

/// A question to the records; empty text counts as absent.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DecisionQuery {
    /// Id of an agent.
    pub agent: Option<String>,
    /// `agent:<uuid>` or `user:<uuid>`.
    pub principal: Option<String>,
    /// Id of a vault.
    pub vault: Option<String>,
    /// Beginning of a path.
    pub path_prefix: Option<String>,
    /// `allow`, `deny` or `require-approval`.
    pub verdict: Option<String>,
    /// For example `policy/no-match`.
    pub code: Option<String>,
    /// `access-policy` or `transaction-guardrail`.
    pub world: Option<String>,
    /// SHA-256 of a component, in hexadecimal.
    pub plugin: Option<String>,
    /// RFC 3339, inclusive.
    pub since: Option<String>,
    /// RFC 3339, exclusive.
    pub until: Option<String>,
}

fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn one_of(field: &str, text: Option<String>, words: &[&str]) -> Result<Option<String>> {
    match given(text) {
        Some(word) if !words.contains(&word.as_str()) => Err(ServiceError::field(
            field,
            format!("must be one of {}", words.join(", ")),
        )),
        word => Ok(word),
    }
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
    field: &str,
    text: Option<String>,
) -> Result<Option<T>> {
    given(text)
        .map(|text| {
            text.parse()
                .map_err(|e: T::Err| ServiceError::field(field, e.to_string()))
        })
        .transpose()
}

impl DecisionQuery {
    /// What is asked for, as the store takes it.
    ///
    /// # Errors
    /// Names the parameter at fault.
    pub(in crate::service) fn filter(self) -> Result<DecisionFilter> {
        let agent: Option<AgentId> = parsed("agent", self.agent)?;
        let principal: Option<Principal> = parsed("principal", self.principal)?;
        let plugin_digest = given(self.plugin);
        if plugin_digest.as_ref().is_some_and(|digest| {
            digest.len() != 64
                || !digest
                    .bytes()
                    .all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'))
        }) {
            return Err(ServiceError::field(
                "plugin",
                "must be the SHA-256 of a component, as 64 lower-case hexadecimal digits",
            ));
        }
        Ok(DecisionFilter {
            principal: agent.map(Principal::Agent).or(principal),
            vault_id: parsed("vault", self.vault)?,
            path_prefix: given(self.path_prefix),
            verdict: one_of("verdict", self.verdict, &[ALLOW, DENY, REQUIRE_APPROVAL])?,
            code: given(self.code),
            world: one_of("world", self.world, &[ACCESS_POLICY, TRANSACTION_GUARDRAIL])?,
            plugin_digest,
            since: time::parse_option("since", self.since.as_deref())?,
            until: time::parse_option("until", self.until.as_deref())?,
        })
    }
}

impl Services {
    /// `GET /v1/decisions`. Owners and admins see those of the organisation, everybody else their own.
    ///
    /// # Errors
    /// Names the parameter at fault.
    pub async fn decisions(
        &self,
        caller: &Caller,
        query: DecisionQuery,
        cursor: Option<&str>,
        limit: Option<i64>,
    ) -> Result<DecisionList> {
        let mut filter = query.filter()?;
        let limit = check::page("limit", limit, 100, 1, MAX_PAGE)?;
        let after = cursor
            .filter(|cursor| !cursor.is_empty())
            .map(place)
            .transpose()?;
        if !caller.is_admin() {
            let own = caller.principal();
            if filter.principal.is_some_and(|principal| principal != own) {
                return Ok(list(Vec::new(), None));
            }
            filter.principal = Some(own);
        }
        // One more than is shown tells whether there is a next page.
        let mut rows = self
            .store
            .decisions(caller.org(), &filter, after, limit.saturating_add(1))
            .await?;
        let shown = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = rows.len() > shown;
        rows.truncate(shown);
        let next = rows
            .last()
            .filter(|_| has_more)
            .map(|row| format!("{}.{}", row.at.as_millis(), row.id));
        Ok(list(rows.iter().map(summary).collect(), next))
    }

    /// `GET /v1/decisions/{id}`
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] for what the caller may not see.
    pub async fn decision(&self, caller: &Caller, id: EventId) -> Result<DecisionDetail> {
        let recorded = self.recorded(caller, id).await?;
        // What the policies of others say is for those who manage them.
        let built_in = recorded
            .basis
            .plugins
            .iter()
            .find(|plugin| plugin.attachment.is_none() && !plugin.settings.is_empty());
        let settings = match built_in {
            Some(plugin) if caller.is_admin() => {
                self.store
                    .decision_settings(caller.org(), &plugin.settings)
                    .await?
            }
            _ => None,
        };
        let explanation = explain(&recorded, settings.as_deref());
        Ok(DecisionDetail {
            summary: summary(&recorded.row),
            request_digest: recorded.question.as_ref().map(request_digest).transpose()?,
            request: match &recorded.question {
                Some(Question::Access(request)) => json!(request),
                Some(Question::Transaction(request)) => json!(request),
                None => Value::Null,
            },
            engine: recorded.basis.engine.clone(),
            plugins: plugins(&recorded),
            explanation,
            record_digest: hex::encode(recorded.row.digest),
        })
    }

    /// A record that the caller may see.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] otherwise.
    pub(super) async fn recorded(&self, caller: &Caller, id: EventId) -> Result<Recorded> {
        let row = self
            .store
            .decision(caller.org(), id)
            .await?
            .filter(|row| caller.is_admin() || row.principal == caller.principal())
            .ok_or(NO_DECISION)?;
        Recorded::read(row)
    }
}

fn list(decisions: Vec<DecisionSummary>, next_cursor: Option<String>) -> DecisionList {
    DecisionList {
        count: decisions.len(),
        decisions,
        next_cursor,
    }
}

fn place(cursor: &str) -> Result<(Timestamp, EventId)> {
    let read = |cursor: &str| {
        let (at, id) = cursor.split_once('.')?;
        Some((Timestamp::from_millis(at.parse().ok()?), id.parse().ok()?))
    };
    read(cursor).ok_or_else(|| {
        ServiceError::field("cursor", "must be the `next_cursor` of the page before")
    })
}

/// SHA-256 of the canonical bytes of a request, in hexadecimal.
///
/// # Errors
/// None for requests that were recorded.
pub(super) fn request_digest(question: &Question) -> Result<String> {
    let bytes = question
        .canonical_bytes()
        .map_err(|e| ServiceError::Internal(e.to_string()))?;
    Ok(hex::encode(Sha256::digest(bytes)))
}

/// A decision in a list.
pub(super) fn summary(row: &oneclaw_store::Decision) -> DecisionSummary {
    DecisionSummary {
        id: row.id.to_string(),
        created_at: time::format(row.at),
        world: row.world.clone(),
        verdict: row.verdict.clone(),
        code: row.code.clone(),
        principal_type: row.principal.kind().as_str().to_owned(),
        principal_id: row.principal.uuid().to_string(),
        vault_id: row.vault_id.map(|id| id.to_string()),
        path: row.path.clone(),
    }
}

fn plugins(recorded: &Recorded) -> Vec<DecisionPlugin> {
    recorded
        .basis
        .plugins
        .iter()
        .zip(&recorded.answers)
        .map(|(plugin, answer)| DecisionPlugin {
            name: plugin.name.clone(),
            version: plugin.version.clone(),
            digest: plugin.digest.clone(),
            settings_digest: plugin.settings.clone(),
            mode: plugin.mode.clone(),
            attachment_id: plugin.attachment.clone(),
            verdict: verdict_word(answer).to_owned(),
            reason: reason(answer),
            reservations: json!(answer.reservations),
            budgets: json!(answer.budgets),
            notes: answer.notes.clone(),
            fuel: answer.fuel,
            elapsed_us: answer.micros,
        })
        .collect()
}

/// The word for what a plugin answered.
pub(super) fn verdict_word(answer: &Answer) -> &'static str {
    match &answer.verdict {
        Some(Verdict::Allow(_)) => ALLOW,
        Some(Verdict::Deny(_)) => DENY,
        Some(Verdict::RequireApproval(_)) => REQUIRE_APPROVAL,
        Some(Verdict::Abstain) => "abstain",
        None => "failed",
    }
}

fn reason(answer: &Answer) -> Value {
    match (&answer.verdict, &answer.failure) {
        (Some(Verdict::Allow(reason) | Verdict::Deny(reason)), _) => json!(reason),
        (Some(Verdict::RequireApproval(approval)), _) => json!(approval.reason),
        (_, Some((code, detail))) => json!({"code": code, "message": detail}),
        _ => Value::Null,
    }
}
