//! The identity keys that every agent gets when it is made: Ed25519 for SSH, P-256 for key agreement.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{EncodePrivateKey, KeypairBytes};
use p256::SecretKey;
use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::random::{self, RandomError};

/// How often a P-256 key is drawn again. One draw fails with a probability of 2^-32: four failures mean that the source of
/// randomness is broken.
const DRAWS: u32 = 4;

/// Both pairs of keys of one agent.
pub struct IdentityKeys {
    /// Ed25519 public key: base64 of the raw 32 bytes (RFC 8032).
    pub ssh_public_base64: String,
    /// Ed25519 private key: PKCS#8 PEM, version 1 (RFC 8410 §7).
    pub ssh_private: SecretString,
    /// P-256 public key: base64 of the uncompressed point, 65 bytes beginning with 4 (SEC 1 §2.3.3).
    pub ecdh_public_base64: String,
    /// P-256 private key: PKCS#8 PEM (RFC 5958).
    pub ecdh_private: SecretString,
}

impl fmt::Debug for IdentityKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdentityKeys")
            .field("ssh_public_base64", &self.ssh_public_base64)
            .field("ecdh_public_base64", &self.ecdh_public_base64)
            .finish_non_exhaustive()
    }
}

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// No randomness.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// A key could not be written in PKCS#8.
    #[error("a key could not be encoded: {0}")]
    Encoding(ed25519_dalek::pkcs8::Error),
    /// The operating system's randomness is not random.
    #[error("the random source gave no valid P-256 key in {DRAWS} draws")]
    Draws,
}

/// Makes both pairs.
///
/// # Errors
/// If the operating system gives no randomness.
pub fn generate() -> Result<IdentityKeys, IdentityError> {
    let (ssh_public, ssh_private) = ed25519()?;
    let (ecdh_public, ecdh_private) = p256()?;
    Ok(IdentityKeys {
        ssh_public_base64: STANDARD.encode(ssh_public),
        ssh_private,
        ecdh_public_base64: STANDARD.encode(ecdh_public),
        ecdh_private,
    })
}

fn ed25519() -> Result<([u8; 32], SecretString), IdentityError> {
    let seed = Zeroizing::new(random::bytes::<32>()?);
    let public = SigningKey::from_bytes(&seed).verifying_key().to_bytes();
    // Without the public key the encoding is version 1 of PKCS#8, which more tools read than version 2.
    let pair = KeypairBytes {
        secret_key: *seed,
        public_key: None,
    };
    Ok((public, pem(&pair)?))
}

fn p256() -> Result<(Box<[u8]>, SecretString), IdentityError> {
    for _ in 0..DRAWS {
        let scalar = Zeroizing::new(random::bytes::<32>()?);
        // Zero and numbers beyond the order of the group are no keys; drawing again keeps the choice even.
        if let Ok(key) = SecretKey::from_slice(scalar.as_slice()) {
            return Ok((key.public_key().to_sec1_bytes(), pem(&key)?));
        }
    }
    Err(IdentityError::Draws)
}

fn pem(key: &impl EncodePrivateKey) -> Result<SecretString, IdentityError> {
    let pem = key
        .to_pkcs8_pem(LineEnding::LF)
        .map_err(IdentityError::Encoding)?;
    Ok(SecretString::from(pem.as_str()))
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::pkcs8::DecodePrivateKey;
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn the_private_halves_belong_to_the_public_ones() {
        let keys = generate().unwrap();
        let ssh = SigningKey::from_pkcs8_pem(keys.ssh_private.expose_secret()).unwrap();
        assert_eq!(
            STANDARD.encode(ssh.verifying_key().as_bytes()),
            keys.ssh_public_base64
        );
        let ecdh = SecretKey::from_pkcs8_pem(keys.ecdh_private.expose_secret()).unwrap();
        assert_eq!(
            STANDARD.encode(ecdh.public_key().to_sec1_bytes()),
            keys.ecdh_public_base64
        );
    }

    #[test]
    fn public_keys_have_the_published_shapes() {
        let keys = generate().unwrap();
        assert_eq!(STANDARD.decode(keys.ssh_public_base64).unwrap().len(), 32);
        let point = STANDARD.decode(keys.ecdh_public_base64).unwrap();
        assert_eq!((point.len(), point[0]), (65, 4));
    }

    #[test]
    fn private_keys_are_pkcs8_pem_of_version_1() {
        let keys = generate().unwrap();
        for pem in [&keys.ssh_private, &keys.ecdh_private] {
            let pem = pem.expose_secret();
            assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----\n"));
            assert!(pem.trim_end().ends_with("-----END PRIVATE KEY-----"));
            let body: String = pem.lines().filter(|l| !l.starts_with("-----")).collect();
            let der = STANDARD.decode(body).unwrap();
            // SEQUENCE, length, then INTEGER 0 for version 1.
            let version = der.iter().position(|&b| b == 2).unwrap();
            assert_eq!(der[version..version + 3], [2, 1, 0]);
        }
    }

    #[test]
    fn debug_output_shows_public_keys_alone() {
        let keys = generate().unwrap();
        let shown = format!("{keys:?}");
        assert!(shown.contains(&keys.ssh_public_base64));
        assert!(!shown.contains("PRIVATE") && !shown.contains("ssh_private"));
    }
}
