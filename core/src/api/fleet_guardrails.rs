//! Guardrails for many agents at once.

use serde_json::{Map, Value};

use super::body;

body! {
    /// `PUT /v1/org/guardrails` and the same for a label: the whole of it, in place of what was there.
    pub struct SetFleetGuardrailsRequest {
        /// Guardrail fields as an agent has them, `tx_max_value` and so on, and `guardrails`.
        #[serde(flatten)]
        pub fields: Map<String, Value>,
    }
}

body! {
    /// Guardrails that hold for many agents, besides what each of them has itself.
    pub struct FleetGuardrails {
        /// `organisation` or `label`.
        pub scope: String,
        /// `team=red`; absent for the organisation's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub label: Option<String>,
        /// The fields that are set; `{}` for none.
        pub guardrails: Value,
        /// Which change of the organisation's guardrails made it; 0 before the first.
        pub revision: i64,
        /// `user:` and an id.
        pub updated_by: Option<String>,
        /// RFC 3339.
        pub updated_at: Option<String>,
    }
}

body! {
    /// The guardrails of all labels that have any.
    pub struct FleetGuardrailsList {
        /// By label.
        pub labels: Vec<FleetGuardrails>,
    }
}

body! {
    /// One change of an organisation's guardrails for many agents.
    pub struct FleetGuardrailRevision {
        /// Counts the changes, from 1.
        pub revision: i64,
        /// `organisation` or `label`.
        pub scope: String,
        /// `team=red`; absent for the organisation's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub label: Option<String>,
        /// What held from then on; `null` if they were removed.
        pub guardrails: Option<Value>,
        /// `user:` and an id.
        pub changed_by: String,
        /// RFC 3339.
        pub changed_at: String,
        /// The audit event that records it.
        pub event_id: String,
    }
}

body! {
    /// Changes, newest first.
    pub struct FleetGuardrailRevisionList {
        /// At most as many as asked for.
        pub revisions: Vec<FleetGuardrailRevision>,
        /// For the next page: `before` this revision; absent on the last page.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub next_before: Option<i64>,
    }
}
