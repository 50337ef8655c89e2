//! The arithmetic of the chain: what an event's hash covers, and the seal of the last one.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::start::Start;
use crate::error::{Result, StoreError};

/// The key that authenticates the audit trail.
#[derive(Clone)]
pub(crate) struct AuditKey(Zeroizing<[u8; 32]>);

impl fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuditKey(..)")
    }
}

/// An event exactly as it stands in the database.
pub(super) struct RawEvent {
    pub org_id: String,
    pub seq: i64,
    pub id: String,
    pub action: String,
    pub actor_type: String,
    pub actor_id: String,
    pub resource_type: String,
    pub resource_id: String,
    pub vault_id: Option<String>,
    pub details: String,
    pub ip: Option<String>,
    pub at: i64,
    pub prev_event_id: Option<String>,
    pub integrity_hash: String,
}

/// The end of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    /// Number of the last event; 0 before the first.
    pub seq: i64,
    /// The last event.
    pub event_id: Option<String>,
    /// Its hash; empty before the first.
    pub hash: String,
}

impl AuditKey {
    pub(crate) fn new(key: [u8; 32]) -> Self {
        Self(Zeroizing::new(key))
    }

    /// The hash of an event that follows one with `prev_hash`, or begins the chain with an empty one.
    pub(super) fn hash(&self, prev_hash: &str, event: &RawEvent) -> Result<String> {
        self.mac(&(
            prev_hash,
            &event.id,
            &event.org_id,
            &event.actor_type,
            &event.actor_id,
            &event.action,
            &event.resource_type,
            &event.resource_id,
            &event.vault_id,
            &event.details,
            &event.ip,
            event.at,
        ))
    }

    /// What proves that a chain ends where its head says. Without the key nobody can cut the end off and say that the
    /// event before was the last.
    pub(super) fn seal(&self, org_id: &str, head: &Head) -> Result<String> {
        // An array of another length than an event's: neither can be taken for the other.
        self.mac(&("head", org_id, head.seq, &head.event_id, &head.hash))
    }

    /// What proves that a chain begins after an event that was removed because of its age.
    pub(super) fn seal_start(&self, org_id: &str, start: &Start) -> Result<String> {
        // Again an array of a length of its own.
        self.mac(&(
            "start",
            org_id,
            start.seq,
            &start.event_id,
            &start.hash,
            start.removed_at,
        ))
    }

    fn mac(&self, fields: &impl serde::Serialize) -> Result<String> {
        let text = serde_json::to_vec(fields).map_err(|_| StoreError::Conflict("json"))?;
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(self.0.as_slice())
            .map_err(|e| StoreError::Unavailable(e.to_string()))?;
        mac.update(&text);
        Ok(hex::encode(mac.finalize().into_bytes()))
    }
}
