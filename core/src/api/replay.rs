//! Replays of recorded decisions.

use std::collections::BTreeMap;

use serde_json::Value;

use super::body;

/// Which decisions; what is absent is not asked about.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct ReplayFilter {
    /// Those of the last so many days.
    pub days: Option<i64>,
    /// RFC 3339, inclusive.
    pub since: Option<String>,
    /// RFC 3339, exclusive; now unless told.
    pub until: Option<String>,
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
    /// SHA-256 of a component that took part.
    pub plugin: Option<String>,
}

body! {
    /// `POST /v1/replays`
    pub struct CreateReplayRequest {
        /// `current` (the default), `recorded`, or an object with one of `policies` (`vault_id` with `set`, or `add` and
        /// `remove`), `guardrails` (`agent_id`, `fields`), `settings` (`world`, `settings`), `plugin` (`digest`, `world`,
        /// `settings`) and `attachment` (`id`, `version`, `settings`, `scope`).
        #[serde(default)]
        pub candidate: Option<Value>,
        /// Which decisions.
        #[serde(default)]
        pub filter: Option<ReplayFilter>,
        /// What has to hold: `{"no_new_allow": true}` or `{"max_changes": 3}`, or both.
        #[serde(default)]
        pub gate: Option<Value>,
        /// Also list decisions that come out the same for another reason.
        #[serde(default)]
        pub include_reasons: Option<bool>,
    }
}

body! {
    /// A replay, and how far it is.
    pub struct Replay {
        /// Its id.
        pub id: String,
        /// `queued`, `running`, `done`, `cancelled` or `failed`.
        pub status: String,
        /// RFC 3339.
        pub created_at: String,
        /// RFC 3339.
        pub started_at: Option<String>,
        /// RFC 3339.
        pub finished_at: Option<String>,
        /// What takes the place of what decided.
        pub candidate: Value,
        /// Which decisions.
        pub filter: Value,
        /// What has to hold.
        pub gate: Value,
        /// Whether it holds; `null` until the replay is done, and without a gate.
        pub gate_passed: Option<bool>,
        /// Decisions to look at.
        pub total: i64,
        /// Decisions looked at.
        pub done: i64,
        /// The same verdict for the same reason.
        pub same: u64,
        /// The same verdict for another reason.
        pub other_reason: u64,
        /// Verdicts that change.
        pub changes: u64,
        /// Allowed then, and not now.
        pub allow_to_deny: u64,
        /// Not allowed then, and now.
        pub deny_to_allow: u64,
        /// From a denial to a wish for approval, or back.
        pub other_changes: u64,
        /// It cannot be told what would hold. No gate passes then.
        pub undetermined: u64,
        /// Nothing that the candidate could change, such as refusals before any plugin was asked.
        pub untouched: u64,
        /// Failed then for want of time or room, which need not happen again.
        pub not_reproducible: u64,
        /// Changes that are listed, at most 10000.
        pub changes_listed: i64,
        /// Why it failed.
        pub error: Option<String>,
    }
}

body! {
    /// Replays.
    pub struct ReplayList {
        /// Newest first.
        pub replays: Vec<Replay>,
    }
}

body! {
    /// A page of what would change.
    pub struct ReplayChangeList {
        /// Each with `decision_id`, `before` and `after`; or with `undetermined`, which says why it cannot be told.
        pub changes: Vec<Value>,
        /// For the parameter `cursor` of the next page; absent on the last one.
        pub next_cursor: Option<String>,
    }
}

body! {
    /// `POST /v1/agents/{agent_id}/guardrails/replay`
    pub struct GuardrailReplayRequest {
        /// Reach back so many days; 7 unless told.
        #[serde(default)]
        pub days: Option<i64>,
        /// The document that would be the agent's `guardrails`; absent: the agent as it is now.
        #[serde(default)]
        pub draft_guardrails: Option<Value>,
    }
}

body! {
    /// What guardrails decided, and what those would have that are merely watched.
    pub struct GuardrailShadowReport {
        /// As asked for.
        pub since: Option<String>,
        /// As asked for.
        pub until: Option<String>,
        /// Decisions that were looked at.
        pub decisions: u64,
        /// Allowed among them.
        pub allowed: u64,
        /// Refused among them.
        pub denied: u64,
        /// The refused ones by code.
        pub denied_by_code: BTreeMap<String, u64>,
        /// Plugins whose answers were recorded and did not count.
        pub shadow: Vec<ShadowedPlugin>,
        /// Ids of decisions that one of these would have changed, twenty at most.
        pub sample_decisions: Vec<String>,
        /// Whether every decision of that time was looked at; at most 10000 are.
        pub is_complete: bool,
    }
}

/// What a plugin would have changed that is merely watched.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ShadowedPlugin {
    /// The name in its manifest.
    pub name: String,
    /// The version in its manifest.
    pub version: String,
    /// SHA-256 of the component.
    pub digest: String,
    /// Decisions that it answered.
    pub decisions: u64,
    /// Where it would have changed nothing.
    pub agree: u64,
    /// Where it would have refused what was allowed.
    pub would_deny: u64,
    /// Where it allowed what was refused. It would have stayed refused: a denial outweighs it.
    pub would_allow: u64,
    /// Where it failed.
    pub failed: u64,
    /// `agree` of `decisions`, for example `0.98765`.
    pub concordance_rate: String,
}

body! {
    /// Changes of guardrails.
    pub struct GuardrailRevisionList {
        /// Newest first, a hundred at most.
        pub revisions: Vec<GuardrailRevision>,
    }
}

body! {
    /// A change of guardrails.
    pub struct GuardrailRevision {
        /// The id of its audit event.
        pub id: String,
        /// RFC 3339.
        pub created_at: String,
        /// For example `agent.update`.
        pub action: String,
        /// Who did it.
        pub actor_type: String,
        /// Bare id.
        pub actor_id: String,
        /// Whose guardrails; absent for those of the organisation.
        pub agent_id: Option<String>,
        /// Fields that were given.
        pub fields: Vec<String>,
    }
}
