//! The audit trail.

use serde_json::Value;

use super::{body, secret_body};

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
        /// Give it as `cursor` to get the page behind this one; absent when there is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub next_cursor: Option<String>,
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
        /// The last event that was removed because of its age, if any was. The chain goes on from it.
        pub begins_after_event_id: Option<String>,
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

body! {
    /// A signed statement of how long a chain was and what stood in it.
    pub struct AuditCheckpoint {
        /// Events that it covers, from the first on.
        pub size: i64,
        /// Root of the Merkle tree (RFC 6962) over them, in hexadecimal.
        pub root_hash: String,
        /// The signed note. Keep it somewhere else: it shows later whether an old copy was put back.
        pub note: String,
        /// RFC 3339.
        pub created_at: String,
    }
}

body! {
    /// Checkpoints, smallest first.
    pub struct AuditCheckpointList {
        /// The checkpoints.
        pub checkpoints: Vec<AuditCheckpoint>,
    }
}

body! {
    /// What checkpoints are verified with.
    pub struct AuditCheckpointKey {
        /// `Ed25519`
        pub algorithm: String,
        /// Four bytes in hexadecimal, which begin every signature.
        pub key_id: String,
        /// 32 bytes in hexadecimal.
        pub public_key: String,
        /// Name, id and key in the notation of signed notes; `1claw audit verify --key` takes it.
        pub verifier_key: String,
    }
}

secret_body! {
    /// A sink to set up.
    pub struct CreateAuditSinkRequest {
        /// For display; no two of an organisation are the same.
        pub name: String,
        /// `https`, `syslog` or `file`.
        pub kind: String,
        /// A URL; a host with a port, with `tls://` or `udp://` before it if it is not plain TCP; or the name of a file.
        pub target: String,
        /// For `https`: the value of the header `Authorization`. Never shown again.
        #[serde(default)]
        pub authorization: Option<String>,
        /// `beginning` (unless told) sends everything that there is, `now` what comes from now on.
        #[serde(default)]
        pub begin: Option<String>,
    }
}

body! {
    /// Changes to a sink.
    pub struct UpdateAuditSinkRequest {
        /// Whether it is sent anything. When it is again, it goes on where it was.
        #[serde(default)]
        pub is_active: Option<bool>,
    }
}

body! {
    /// A sink and how far it has got.
    pub struct AuditSink {
        /// Its id.
        pub id: String,
        /// For display.
        pub name: String,
        /// `https`, `syslog` or `file`.
        pub kind: String,
        /// A URL; a host with a port, with `tls://` or `udp://` before it if it is not plain TCP; or the name of a file.
        pub target: String,
        /// Whether it is sent an `Authorization`.
        pub has_authorization: bool,
        /// Whether it is sent anything.
        pub is_active: bool,
        /// Number of the last event that has arrived.
        pub position: i64,
        /// Events that have not.
        pub lag_events: i64,
        /// Age of the oldest of them, in seconds.
        pub lag_seconds: i64,
        /// When something last arrived, RFC 3339.
        pub delivered_at: Option<String>,
        /// Attempts in a row that failed.
        pub failures: i64,
        /// When it is tried again, if the last attempt failed.
        pub next_attempt_at: Option<String>,
        /// Why the last attempt failed.
        pub last_error: Option<String>,
        /// The human who set it up.
        pub created_by: String,
        /// RFC 3339.
        pub created_at: String,
    }
}

body! {
    /// Sinks, oldest first.
    pub struct AuditSinkList {
        /// The sinks.
        pub sinks: Vec<AuditSink>,
    }
}
