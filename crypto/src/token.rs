//! Access tokens: JWTs (RFC 7519) signed with Ed25519 (RFC 8037), and the keys that sign them.
//!
//! There is one algorithm. The provider that is installed in the `jsonwebtoken` crate knows no other, so that a token which
//! claims another algorithm meets no code that could accept it. Verification is strict (`verify_strict`).

mod keys;
mod provider;

use oneclaw_core::ids::{OrgId, VaultId};
use oneclaw_core::principal::Principal;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub(crate) use keys::thumbprint;
pub use keys::{TokenKeys, generate_seed, key_id};

/// Longest token that is looked at, in bytes. Scopes and bindings make tokens long; this is far beyond what fits a header.
pub const MAX_TOKEN_BYTES: usize = 64 * 1024;

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Whom it stands for.
    pub sub: Principal,
    /// The organisation.
    pub org: OrgId,
    /// Path globs of an agent, or scopes of a personal key.
    pub scopes: Vec<String>,
    /// The vaults that an agent is bound to; empty binds to none in particular, that is, to no restriction.
    pub vault_ids: Vec<VaultId>,
    /// When it was issued, in seconds since the epoch.
    pub iat: i64,
    /// From when on it is refused, in seconds since the epoch.
    pub exp: i64,
    /// Its own identifier, by which it can be revoked.
    pub jti: Uuid,
    /// Humans: the session that its refresh tokens belong to; ends with it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sid: Option<Uuid>,
    /// Who issued it: the public base URL of the server.
    pub iss: String,
    /// Agents: whether transaction intents were enabled at issue.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub intents_api_enabled: Option<bool>,
    /// Agents: the environment they are tagged with.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub environment: Option<String>,
    /// Humans: their role in the organisation.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub role: Option<String>,
}

/// Why a token is not accepted, or a set of keys not usable. The messages do not quote the token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a token of ours: shape, header, algorithm or claims.
    #[error("the token is malformed")]
    Malformed,
    /// Signed by a key that is not, or no longer, ours.
    #[error("the token was signed with an unknown key")]
    UnknownKey,
    /// The signature does not belong to the content.
    #[error("the signature of the token is wrong")]
    BadSignature,
    /// Past its time.
    #[error("the token has expired")]
    Expired,
    /// Issued under another base URL.
    #[error("the token was issued by another server")]
    WrongIssuer,
    /// No key to sign with.
    #[error("there is no key to sign tokens with")]
    NoKeys,
    /// A stored key does not have the identifier it is stored under.
    #[error("the token key stored as `{0}` has another identifier; the key table is damaged")]
    KeyId(String),
    /// The token could not be written.
    #[error("the token could not be signed")]
    Signing,
}

#[cfg(test)]
mod tests;
