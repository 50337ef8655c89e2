//! Envelope encryption of secret values, behind permits.
//!
//! What is encrypted is bound to its place by associated data: a value, or its key, that is copied to another organisation,
//! vault, path or version in the database does not open there.

mod gate;
mod keys;

use std::fmt;

use oneclaw_core::ids::{OrgId, VaultId};
use oneclaw_core::path::SecretPath;
use oneclaw_policy_host::PermitError;

use crate::aead::AeadError;
use crate::random::RandomError;
use crate::root_key::KeyServiceError;

pub use gate::{open, open_for_signing, seal, seal_without_permit_for_system_vault};
pub use keys::{VaultKey, rewrap_data_key, rewrap_vault_key, unwrap_vault_key, wrap_vault_key};

/// Where a value stands. All four parts are bound into its encryption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecretRef<'a> {
    /// The organisation that owns the vault.
    pub org: OrgId,
    /// The vault.
    pub vault: VaultId,
    /// The path in the vault.
    pub path: &'a SecretPath,
    /// The version of the secret, from 1.
    pub version: i64,
}

impl SecretRef<'_> {
    /// An injective encoding, begun by what it is for: every part has a fixed length, but for the path, which comes last.
    fn associated_data(&self, purpose: &str) -> Vec<u8> {
        let path = self.path.as_str().as_bytes();
        let mut out = place(purpose, self.org, self.vault);
        out.reserve_exact(8 + path.len());
        out.extend_from_slice(&self.version.to_be_bytes());
        out.extend_from_slice(path);
        out
    }
}

/// `purpose`, a NUL, organisation and vault.
fn place(purpose: &str, org: OrgId, vault: VaultId) -> Vec<u8> {
    let mut out = Vec::with_capacity(purpose.len() + 33);
    out.extend_from_slice(purpose.as_bytes());
    out.push(0);
    out.extend_from_slice(org.as_uuid().as_bytes());
    out.extend_from_slice(vault.as_uuid().as_bytes());
    out
}

/// An encrypted value and its encrypted key: what the database holds of one version of a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The data key, encrypted with the key of the vault.
    pub wrapped_data_key: Vec<u8>,
    /// The value, encrypted with the data key.
    pub ciphertext: Vec<u8>,
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.ciphertext.len())
    }
}

/// Why a value or key was not sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// The permit is for another place, or has expired.
    #[error(transparent)]
    Permit(#[from] PermitError),
    /// Another key, another place, or changed bytes: they cannot be told apart.
    #[error(
        "the stored secret is damaged, was moved from another place, or belongs to another vault key"
    )]
    Damaged,
    /// What was decrypted is no text; it was not sealed by this module.
    #[error("the stored secret is not text")]
    NotText,
    /// Only the keys that the server makes for agents are sealed without a permit.
    #[error("path `{0}` is not one where the server keeps keys of agents")]
    NotASystemPath(SecretPath),
    /// The key of the vault could not be wrapped or unwrapped.
    #[error(transparent)]
    KeyService(#[from] KeyServiceError),
    /// No randomness.
    #[error(transparent)]
    Random(#[from] RandomError),
}

impl From<AeadError> for EnvelopeError {
    fn from(error: AeadError) -> Self {
        match error {
            AeadError::Format | AeadError::Authentication => Self::Damaged,
            AeadError::Random(e) => Self::Random(e),
        }
    }
}

#[cfg(test)]
mod tests;
