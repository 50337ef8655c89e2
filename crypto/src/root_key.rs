//! The root key, and the service behind which it, or an external key service, stands.

mod file;

use std::fmt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hkdf::Hkdf;
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::aead::{self, AeadError, Key};
use crate::random::RandomError;

const WRAP_LABEL: &str = "oneclaw/key-wrap/1";
const FINGERPRINT_LABEL: &str = "oneclaw/root-key-fingerprint/1";
const FINGERPRINT_BYTES: usize = 8;

/// Encrypts and decrypts the keys of vaults. [`RootKey`] does it in this process; an external key service can stand here
/// instead.
pub trait KeyService: Send + Sync {
    /// Encrypts a key and binds it to `aad`: [`KeyService::unwrap`] must fail with any other.
    ///
    /// # Errors
    /// If the service cannot be reached, or no randomness is to be had.
    fn wrap(&self, aad: &[u8], key: &[u8]) -> Result<Vec<u8>, KeyServiceError>;

    /// Decrypts what [`KeyService::wrap`] made with the same `aad`.
    ///
    /// # Errors
    /// If it was wrapped with another key or another `aad`, was changed, or the service cannot be reached.
    fn unwrap(&self, aad: &[u8], wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyServiceError>;
}

/// Why a key was not wrapped or unwrapped.
#[derive(Debug, thiserror::Error)]
pub enum KeyServiceError {
    /// It was wrapped by another root key.
    #[error(
        "this was encrypted with another root key; start the server with the key that made the data"
    )]
    OtherKey,
    /// The right root key, but another place, or changed bytes.
    #[error("the wrapped key is damaged or was moved from another place")]
    Authentication,
    /// No randomness.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// An external service did not answer.
    #[error("the key service is not available: {0}")]
    Unavailable(String),
}

impl From<AeadError> for KeyServiceError {
    fn from(error: AeadError) -> Self {
        match error {
            AeadError::Format | AeadError::Authentication => Self::Authentication,
            AeadError::Random(e) => Self::Random(e),
        }
    }
}

/// Why there is no root key.
#[derive(Debug, thiserror::Error)]
pub enum RootKeyError {
    /// Not 32 bytes in one of the two notations.
    #[error(
        "the root key must be 32 bytes, written as 64 hexadecimal digits or in base64; `openssl rand -base64 32` makes one"
    )]
    Text,
    /// The content of the file is not a key.
    #[error(
        "`{0}` does not hold a root key: 32 bytes, written as 64 hexadecimal digits or in base64"
    )]
    FileText(PathBuf),
    /// Others could read it.
    #[error(
        "the root key file `{path}` can be read or written by others (mode {mode:03o}); run `chmod 600 {path}`"
    )]
    FileMode {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not read or not made.
    #[error("the root key file `{path}` could not be {action}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What was tried: `read`, `created`.
        action: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
    /// No randomness to make one.
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// The 256-bit key at the top. It encrypts nothing itself: keys for each purpose are derived from it.
pub struct RootKey {
    key: Key,
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RootKey({})", self.fingerprint())
    }
}

impl RootKey {
    /// A fresh key that is stored nowhere.
    ///
    /// # Errors
    /// If the operating system gives no randomness.
    pub fn generate() -> Result<Self, RandomError> {
        Ok(Self {
            key: aead::generate_key()?,
        })
    }

    /// Reads the key from a file, or makes the file, with mode 0600 and durably, if there is none. The flag says whether
    /// it was made. Several processes may do this at once: all end up with the same key.
    ///
    /// # Errors
    /// If the file can be read by others, holds no key, or cannot be read or made.
    pub fn load_or_create(path: &Path) -> Result<(Self, bool), RootKeyError> {
        if let Some(text) = file::read(path)? {
            return Ok((Self::from_file_text(path, &text)?, false));
        }
        let fresh = Self::generate()?;
        if file::create(path, &fresh.to_text())? {
            return Ok((fresh, true));
        }
        // Another process was faster.
        let text = file::read(path)?.ok_or_else(|| RootKeyError::File {
            path: path.to_owned(),
            action: "read",
            source: std::io::ErrorKind::NotFound.into(),
        })?;
        Ok((Self::from_file_text(path, &text)?, false))
    }

    /// Reads the key from text: 64 hexadecimal digits, or base64 (RFC 4648 §4) of 32 bytes. White space around it is
    /// ignored.
    ///
    /// # Errors
    /// If it is neither.
    pub fn from_text(text: &SecretString) -> Result<Self, RootKeyError> {
        let text = text.expose_secret().trim();
        let decoded = Zeroizing::new(match text.len() {
            64 => hex::decode(text).map_err(|_| RootKeyError::Text)?,
            _ => STANDARD.decode(text).map_err(|_| RootKeyError::Text)?,
        });
        let key = aead::to_key(&decoded).map_err(|_| RootKeyError::Text)?;
        Ok(Self { key })
    }

    fn from_file_text(path: &Path, text: &SecretString) -> Result<Self, RootKeyError> {
        Self::from_text(text).map_err(|_| RootKeyError::FileText(path.to_owned()))
    }

    fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(48));
        STANDARD.encode_string(self.key.as_slice(), &mut text);
        text.push('\n');
        text
    }

    /// A key for one purpose, named by its label: HKDF-SHA256 (RFC 5869) with the label as `info`.
    #[must_use]
    pub fn derive(&self, label: &str) -> Zeroizing<[u8; 32]> {
        let mut out = Key::default();
        let hkdf = Hkdf::<Sha256>::new(None, self.key.as_slice());
        // The only error is an output of more than 255 blocks; ours is one block.
        let expanded = hkdf.expand(label.as_bytes(), out.as_mut_slice());
        debug_assert!(expanded.is_ok());
        out
    }

    /// 16 hexadecimal digits that tell root keys apart and reveal nothing about them.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        hex::encode(self.fingerprint_bytes())
    }

    fn fingerprint_bytes(&self) -> [u8; FINGERPRINT_BYTES] {
        let derived = self.derive(FINGERPRINT_LABEL);
        let mut out = [0; FINGERPRINT_BYTES];
        out.iter_mut()
            .zip(derived.iter())
            .for_each(|(o, d)| *o = *d);
        out
    }
}

/// A wrapped key is the fingerprint of the root key (8 bytes) and an AES-256-GCM box; the fingerprint lets a wrong root key
/// be told from damage.
impl KeyService for RootKey {
    fn wrap(&self, aad: &[u8], key: &[u8]) -> Result<Vec<u8>, KeyServiceError> {
        let mut out = self.fingerprint_bytes().to_vec();
        out.extend(aead::seal(&self.derive(WRAP_LABEL), aad, key)?);
        Ok(out)
    }

    fn unwrap(&self, aad: &[u8], wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyServiceError> {
        let (fingerprint, sealed) = wrapped
            .split_first_chunk::<FINGERPRINT_BYTES>()
            .ok_or(KeyServiceError::Authentication)?;
        if *fingerprint != self.fingerprint_bytes() {
            return Err(KeyServiceError::OtherKey);
        }
        Ok(aead::open(&self.derive(WRAP_LABEL), aad, sealed)?)
    }
}

#[cfg(test)]
mod tests;
