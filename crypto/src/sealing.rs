//! Data of the server itself, sealed at rest: what waits in the database and is nobody's secret of a vault, such as a mail
//! with a key in it. Values of vaults are sealed by [`crate::envelope`], against a permit.

use std::fmt;

use zeroize::Zeroizing;

use crate::aead::{self, AeadError, Key};
use crate::random::RandomError;
use crate::root_key::RootKey;

/// Why something was not sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum SealingError {
    /// Another root key, another place, or changed bytes: they cannot be told apart.
    #[error(
        "the sealed data is damaged, was moved from another place, or belongs to another root key"
    )]
    Damaged,
    /// No randomness.
    #[error(transparent)]
    Random(#[from] RandomError),
}

impl From<AeadError> for SealingError {
    fn from(error: AeadError) -> Self {
        match error {
            AeadError::Format | AeadError::Authentication => Self::Damaged,
            AeadError::Random(e) => Self::Random(e),
        }
    }
}

/// A key for one purpose, derived from the root key: what one purpose seals does not open for another.
///
/// ```
/// use oneclaw_crypto::root_key::RootKey;
/// use oneclaw_crypto::sealing::SealingKey;
///
/// let root = RootKey::generate()?;
/// let mails = SealingKey::derive(&root, "mail/1");
/// let sealed = mails.seal(b"the id of the row", b"a text")?;
/// assert_eq!(mails.open(b"the id of the row", &sealed)?.as_slice(), b"a text");
/// assert!(mails.open(b"another row", &sealed).is_err());
/// assert!(SealingKey::derive(&root, "totp/1").open(b"the id of the row", &sealed).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SealingKey {
    key: Key,
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey(redacted)")
    }
}

impl SealingKey {
    /// The key for a purpose, such as `mail/1`.
    #[must_use]
    pub fn derive(root: &RootKey, purpose: &str) -> Self {
        Self {
            key: root.derive(&format!("oneclaw/sealing/{purpose}")),
        }
    }

    /// Encrypts `plain` and binds it to its place, for example the id of its row.
    ///
    /// # Errors
    /// If the operating system gives no randomness.
    pub fn seal(&self, place: &[u8], plain: &[u8]) -> Result<Vec<u8>, SealingError> {
        Ok(aead::seal(&self.key, place, plain)?)
    }

    /// Decrypts what [`SealingKey::seal`] made for the same place.
    ///
    /// # Errors
    /// [`SealingError::Damaged`] for anything else.
    pub fn open(&self, place: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealingError> {
        Ok(aead::open(&self.key, place, sealed)?)
    }
}
