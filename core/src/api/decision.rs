//! Decisions, and why they came out as they did.

use serde_json::Value;

use super::body;

body! {
    /// A decision in a list.
    pub struct DecisionSummary {
        /// The id of its audit event; the `decision_id` of a refusal.
        pub id: String,
        /// RFC 3339.
        pub created_at: String,
        /// `access-policy` or `transaction-guardrail`.
        pub world: String,
        /// What held: `allow`, `deny` or `require-approval`.
        pub verdict: String,
        /// A stable word for why.
        pub code: String,
        /// `user` or `agent`.
        pub principal_type: String,
        /// Bare id.
        pub principal_id: String,
        /// The vault it is about.
        pub vault_id: Option<String>,
        /// The path in it.
        pub path: Option<String>,
    }
}

body! {
    /// A page of decisions.
    pub struct DecisionList {
        /// Newest first.
        pub decisions: Vec<DecisionSummary>,
        /// Decisions in this answer.
        pub count: usize,
        /// For the parameter `cursor` of the next page; absent on the last one.
        pub next_cursor: Option<String>,
    }
}

body! {
    /// What one plugin answered.
    pub struct DecisionPlugin {
        /// The name in its manifest.
        pub name: String,
        /// The version in its manifest.
        pub version: String,
        /// SHA-256 of the component, in hexadecimal.
        pub digest: String,
        /// SHA-256 of its settings, in hexadecimal.
        pub settings_digest: String,
        /// `enforce`, `canary` or `shadow`; the answer of the last does not count.
        pub mode: String,
        /// Which attachment of the organisation it was; absent for a plugin that every organisation has.
        pub attachment_id: Option<String>,
        /// `allow`, `deny`, `require-approval`, `abstain` or `failed`.
        pub verdict: String,
        /// Its reason: `code`, and `message`, `rule`, `condition` and `figures` where there are any. Of a failure, `code` and
        /// `message`.
        pub reason: Value,
        /// Room that it wanted held in budgets.
        pub reservations: Value,
        /// The budgets that it saw.
        pub budgets: Value,
        /// Its remarks.
        pub notes: Vec<String>,
        /// Units of fuel.
        pub fuel: u64,
        /// Microseconds.
        pub elapsed_us: u64,
    }
}

body! {
    /// Why, in words, and what would have to be different.
    pub struct DecisionExplanation {
        /// A sentence.
        pub summary: String,
        /// The plugin that decided, or `gate` for what is refused before or after the plugins.
        pub decided_by: String,
        /// The rule that decided, for example a policy id; empty if none did.
        pub rule: String,
        /// The condition that failed; empty if none did.
        pub condition: String,
        /// Limit, attempt and what counted already, in base units, where there are figures.
        pub figures: Value,
        /// What would have to be different. Where several refuse, the first says so, and each of the others is about one of them.
        pub would_allow: Vec<String>,
        /// When it would be allowed, if that is a matter of time and known. RFC 3339.
        pub allowed_from: Option<String>,
    }
}

body! {
    /// A decision, complete.
    pub struct DecisionDetail {
        /// As in the list.
        #[serde(flatten)]
        pub summary: DecisionSummary,
        /// SHA-256 of the canonical bytes of the request, in hexadecimal; absent if there was no request yet.
        pub request_digest: Option<String>,
        /// The request, as the plugins saw it.
        pub request: Value,
        /// What ran the plugins.
        pub engine: String,
        /// What each plugin answered, in the order in which they were asked.
        pub plugins: Vec<DecisionPlugin>,
        /// Why.
        pub explanation: DecisionExplanation,
        /// SHA-256 of the stored record, which its audit event names under `details.record`.
        pub record_digest: String,
    }
}

body! {
    /// What the server signed about a decision.
    pub struct DecisionReceipt {
        /// What is said: `type`, `issuer`, `org_id`, `decision_id`, `decided_at`, `world`, `principal`, `verdict`, `code`,
        /// `request_digest`, `record_digest`, `engine`, and for each of `plugins` its `name`, `version`, `digest`,
        /// `settings_digest`, `mode`, `verdict` and `code`.
        pub receipt: Value,
        /// `EdDSA`
        pub alg: String,
        /// Which key of `/.well-known/jwks.json`.
        pub kid: String,
        /// Over the canonical text (RFC 8785) of `receipt`, in base64url without padding.
        pub signature: String,
    }
}
