//! The audit trail: a chain of authenticated events for every organisation.

mod append;
mod chain;
mod checkpoints;
mod read;
mod retention;
mod sinks;
mod start;
mod verify;

use std::net::IpAddr;
use std::sync::Arc;

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{EventId, OrgId, VaultId};
use serde_json::Value;

use crate::decisions::NewDecision;

pub(crate) use self::append::append;
pub(crate) use self::chain::AuditKey;
pub use self::checkpoints::{ChainSpan, StoredCheckpoint};
pub use self::read::EventPage;
pub use self::retention::Removed;
pub use self::sinks::{AuditSink, MAX_SINKS, SinkState};

/// What is hashed, in words.
pub const CHAIN_STRUCTURE: &str = "integrity_hash = lower-case hex of HMAC-SHA256(server key, JSON array \
     [integrity_hash of the event before or \"\", id, org_id, actor_type, actor_id, action, resource_type, resource_id, \
     vault_id, details as canonical JSON text, ip, milliseconds since 1970])";

/// Longest action, actor, resource that is kept, in bytes; what is longer is cut.
const MAX_WORD_BYTES: usize = 1024;

/// Something that happened, about to be recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// Its id; no two events share one.
    pub id: EventId,
    /// The organisation whose chain it goes to.
    pub org_id: OrgId,
    /// For example `secret.read`.
    pub action: String,
    /// `user`, `agent`, `system` or `anonymous`.
    pub actor_type: String,
    /// Bare id, or empty.
    pub actor_id: String,
    /// For example `secret`.
    pub resource_type: String,
    /// An id or a path, or empty.
    pub resource_id: String,
    /// The vault it is about.
    pub vault_id: Option<VaultId>,
    /// An object of whatever else is worth knowing. Never a secret.
    pub details: Value,
    /// Where the caller spoke from.
    pub ip: Option<IpAddr>,
    /// When it happened.
    pub at: Timestamp,
    /// The record of the decision that it tells of, if it tells of one: stored with it.
    pub decision: Option<Arc<NewDecision>>,
}

/// An event in its chain.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEvent {
    /// Its id.
    pub id: EventId,
    /// The organisation whose chain it is in.
    pub org_id: OrgId,
    /// For example `secret.read`.
    pub action: String,
    /// `user`, `agent`, `system` or `anonymous`.
    pub actor_type: String,
    /// Bare id, or empty.
    pub actor_id: String,
    /// For example `secret`.
    pub resource_type: String,
    /// An id or a path, or empty.
    pub resource_id: String,
    /// The vault it is about.
    pub vault_id: Option<VaultId>,
    /// An object of whatever else is worth knowing.
    pub details: Value,
    /// Where the caller spoke from.
    pub ip: Option<IpAddr>,
    /// When it happened.
    pub at: Timestamp,
    /// Its place in the chain, from 1.
    pub seq: i64,
    /// The event before it.
    pub prev_event_id: Option<EventId>,
    /// See [`CHAIN_STRUCTURE`].
    pub integrity_hash: String,
}

/// Which events to look for. What is absent is not asked about.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// `user`, `agent`, `system` or `anonymous`.
    pub actor_type: Option<String>,
    /// Bare id.
    pub actor_id: Option<String>,
    /// For example `secret.read`.
    pub action: Option<String>,
    /// For example `secret`.
    pub resource_type: Option<String>,
    /// An id or a path; also matches events in the vault with this id.
    pub resource_id: Option<String>,
    /// Events in the vault with this id.
    pub vault_id: Option<String>,
    /// Not before this instant.
    pub from: Option<Timestamp>,
    /// Not after this instant.
    pub to: Option<Timestamp>,
    /// Most events in an answer; at least 1 and at most 1,000 are given.
    pub limit: i64,
    /// Events to pass over.
    pub offset: i64,
    /// Events older than this one alone: where the page before ended.
    pub before: Option<EventId>,
}

/// The outcome of a verification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// Events looked at, up to and with the first that is wrong.
    pub events_checked: i64,
    /// Events whose hash and link are right.
    pub events_verified: i64,
    /// Nothing was altered, inserted or removed in the part of the chain that was looked at.
    pub chain_valid: bool,
    /// The first event that is not as it was written, or is missing; also none when all that is missing is unknown.
    pub broken_at: Option<EventId>,
    /// The last event that was removed because of its age, if any was: the chain goes on from it.
    pub begins_after: Option<EventId>,
}
