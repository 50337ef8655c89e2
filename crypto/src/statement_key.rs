//! Keys that sign what the server states, such as receipts of decisions. Their public halves are published.

use std::fmt;

use ed25519_dalek::{Signer, SigningKey};

use crate::root_key::RootKey;

/// An Ed25519 key, derived from the root key for one kind of statement.
pub struct StatementKey(SigningKey);

impl fmt::Debug for StatementKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StatementKey(redacted)")
    }
}

impl StatementKey {
    /// The key of a server with this root key, for statements of the kind that `label` names.
    #[must_use]
    pub fn derive(root: &RootKey, label: &str) -> Self {
        Self(SigningKey::from_bytes(&root.derive(label)))
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    /// A signature (RFC 8032).
    #[must_use]
    pub fn sign(&self, text: &[u8]) -> [u8; 64] {
        self.0.sign(text).to_bytes()
    }
}
