//! What is asked of the policy engine.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::ids::{OrgId, VaultId};
use crate::path::SecretPath;
use crate::principal::Principal;

/// What the caller wants to do at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Permission {
    /// Obtain values, and see the path in listings.
    Read,
    /// Store a new version; covers delete and rotate.
    Write,
    /// Delete every version.
    Delete,
    /// Replace the value by a generated one.
    Rotate,
}

impl Permission {
    /// Every permission, in wire order.
    pub const ALL: [Self; 4] = [Self::Read, Self::Write, Self::Delete, Self::Rotate];

    /// The word used on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Delete => "delete",
            Self::Rotate => "rotate",
        }
    }
}

/// A key and a value that a request carries beyond its closed fields.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Fact {
    /// Dotted name, for example `token.auth_method`.
    pub key: String,
    /// The value as text.
    pub value: String,
}

/// May this principal do this at this path, now, from here?
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AccessRequest {
    /// The organisation that owns the vault, and to which the caller belongs.
    pub org: OrgId,
    /// The vault.
    pub vault: VaultId,
    /// The path in the vault.
    pub path: SecretPath,
    /// What is to be done there.
    pub permission: Permission,
    /// Who asks.
    pub principal: Principal,
    /// Whether the caller created the vault.
    pub owner: bool,
    /// The environment that the caller's token was issued for.
    pub environment: Option<String>,
    /// Where the caller speaks from, as the server saw it; IPv4-mapped addresses are IPv4.
    pub client: IpAddr,
    /// When the server took the request up.
    pub at: Timestamp,
    /// Anything else that plugins may want to know.
    pub facts: Vec<Fact>,
}

impl AccessRequest {
    /// An injective encoding: two requests have the same bytes only if they are equal. Used for the request digest.
    #[must_use]
    pub fn canonical_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        out.extend_from_slice(b"oneclaw/access-request/1\0");
        let mut put = |bytes: &[u8]| {
            out.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
            out.extend_from_slice(bytes);
        };
        put(self.org.as_uuid().as_bytes());
        put(self.vault.as_uuid().as_bytes());
        put(self.path.as_str().as_bytes());
        put(self.permission.as_str().as_bytes());
        put(self.principal.kind().as_str().as_bytes());
        put(self.principal.uuid().as_bytes());
        put(&[u8::from(self.owner)]);
        match &self.environment {
            Some(environment) => {
                put(&[1]);
                put(environment.as_bytes());
            }
            None => put(&[0]),
        }
        match self.client {
            IpAddr::V4(v4) => put(&v4.octets()),
            IpAddr::V6(v6) => put(&v6.octets()),
        }
        put(&self.at.as_millis().to_be_bytes());
        put(&(self.facts.len() as u64).to_be_bytes());
        for fact in &self.facts {
            put(fact.key.as_bytes());
            put(fact.value.as_bytes());
        }
        out
    }
}
