//! The audit trail.

use serde_json::Value;

use super::body;

body! {
    /// One recorded event.
    pub struct AuditEvent {
        /// Event id.
        pub id: String,
        /// Organisation whose chain it stands in.
        pub org_id: String,
        /// For example `secret.read`.
        pub action: String,
        /// `user`, `agent`, `system` or `anonymous`.
        pub actor_type: String,
        /// Bare id, or empty.
        pub actor_id: String,
        /// For example `secret`.
        pub resource_type: String,
        /// Id or path, or empty.
        pub resource_id: String,
        /// What else there is to know; never a secret.
        pub details: Value,
        /// Client address, as the server saw it.
        pub ip_address: Option<String>,
        /// RFC 3339.
        pub created_at: String,
        /// The event before it in the chain; `null` for the first.
        pub prev_event_id: Option<String>,
        /// HMAC-SHA256 over the event and the hash before it, lower-case hexadecimal.
        pub integrity_hash: String,
    }
}

body! {
    /// A page of events.
    pub struct AuditEventList {
        /// Newest first.
        pub events: Vec<AuditEvent>,
        /// Events in this answer.
        pub count: usize,
        /// Events that match, on all pages.
        pub total: i64,
    }
}

body! {
    /// Whether the chain holds.
    pub struct AuditVerification {
        /// Nothing was altered, inserted or removed among the events checked.
        pub chain_valid: bool,
        /// Events whose hash and link are right.
        pub events_verified: i64,
        /// Events looked at.
        pub events_checked: i64,
        /// The first event that is not as it was written, if there is one.
        pub broken_at_event_id: Option<String>,
        /// How the chain is made.
        pub scheme: AuditScheme,
    }
}

body! {
    /// How the chain is made.
    pub struct AuditScheme {
        /// `HMAC-SHA256`
        pub algorithm: String,
        /// What is hashed.
        pub chain_structure: String,
        /// `integrity_hash`
        pub hash_field: String,
        /// `prev_event_id`
        pub link_field: String,
        /// Where to read more.
        pub documentation: String,
    }
}
