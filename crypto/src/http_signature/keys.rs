//! Public keys, as people hand them over.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use ed25519_dalek::VerifyingKey;
use ed25519_dalek::pkcs8::DecodePublicKey;

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// Text that is no usable public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PublicKeyError {
    /// Neither of the two forms.
    #[error(
        "must be an Ed25519 public key: its 32 bytes in base64, or PEM that begins with `-----BEGIN PUBLIC KEY-----`"
    )]
    Form,
    /// A private key, which must not be sent to anybody.
    #[error(
        "is a private key; keep it, make a new one since this one has travelled, and register the public half of that"
    )]
    Private,
    /// 32 bytes that nobody's key can be.
    #[error(
        "is not a point of Ed25519 that can be anybody's public key; send the bytes that your library gives"
    )]
    Point,
}

/// Reads an Ed25519 public key: 32 bytes in base64 (RFC 4648 §4 or §5, padded or not), or PEM with a
/// `SubjectPublicKeyInfo` (RFC 8410). White space around it does not matter.
///
/// # Errors
/// [`PublicKeyError`]: another form, bytes that are no point or not the one encoding of it, and points of small order,
/// for which signatures by nobody hold.
pub fn parse_public_key(text: &str) -> Result<[u8; 32], PublicKeyError> {
    let text = text.trim();
    if text.contains("PRIVATE KEY-----") {
        return Err(PublicKeyError::Private);
    }
    let key = if text.starts_with("-----BEGIN") {
        VerifyingKey::from_public_key_pem(text).map_err(|_| PublicKeyError::Form)?
    } else {
        let bytes = STANDARD
            .decode(text)
            .or_else(|_| URL_SAFE.decode(text))
            .ok()
            .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
            .ok_or(PublicKeyError::Form)?;
        VerifyingKey::from_bytes(&bytes).map_err(|_| PublicKeyError::Point)?
    };
    let is_canonical = key.to_edwards().compress().as_bytes() == key.as_bytes();
    if key.is_weak() || !is_canonical {
        return Err(PublicKeyError::Point);
    }
    Ok(key.to_bytes())
}

/// The id that a key has if its owner chooses none: its SHA-256 thumbprint (RFC 7638, RFC 8037 §2), 43 characters of
/// base64url.
#[must_use]
pub fn thumbprint(public_key: &[u8; 32]) -> String {
    crate::token::thumbprint(public_key)
}
