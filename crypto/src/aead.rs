//! AES-256-GCM boxes: `format (1 byte) || nonce (12 bytes) || ciphertext || tag (16 bytes)`.
//!
//! Nonces are random. That is safe for 2^32 messages a key (NIST SP 800-38D §8.3); no key of ours comes near: a data key
//! encrypts one value, a vault key wraps one data key per version, the root key wraps one key per vault.

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce};
use zeroize::Zeroizing;

use crate::random::{self, RandomError};

/// The only format so far. A box that begins with another byte comes from a newer version, or is damaged.
const FORMAT: u8 = 1;
const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
const HEADER_BYTES: usize = 1 + NONCE_BYTES;

/// A 256-bit key.
pub(crate) type Key = Zeroizing<[u8; 32]>;

/// Why a box was not made or not opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AeadError {
    /// Not a box at all.
    #[error("the encrypted data is damaged or of a newer format")]
    Format,
    /// Wrong key, wrong associated data, or changed bytes: they cannot be told apart.
    #[error("the encrypted data does not belong to this key and place, or was changed")]
    Authentication,
    /// No nonce could be drawn.
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// Encrypts `plain` and binds it to `aad`.
pub(crate) fn seal(key: &[u8; 32], aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, AeadError> {
    let nonce: [u8; NONCE_BYTES] = random::bytes()?;
    // The buffer has its final capacity from the start, so that growing it leaves no copy of the plain text behind;
    // it is wiped if encryption fails half-way.
    let mut text = Zeroizing::new(Vec::with_capacity(plain.len().saturating_add(TAG_BYTES)));
    text.extend_from_slice(plain);
    Aes256Gcm::new(key.into())
        .encrypt_in_place(&Nonce::from(nonce), aad, &mut *text)
        .map_err(|_| AeadError::Authentication)?;
    let mut sealed = Vec::with_capacity(HEADER_BYTES.saturating_add(text.len()));
    sealed.push(FORMAT);
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(&text);
    Ok(sealed)
}

/// Decrypts what [`seal`] made with the same key and `aad`.
pub(crate) fn open(
    key: &[u8; 32],
    aad: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, AeadError> {
    let (header, text) = sealed
        .split_first_chunk::<HEADER_BYTES>()
        .ok_or(AeadError::Format)?;
    let [format, nonce @ ..] = *header;
    if format != FORMAT {
        return Err(AeadError::Format);
    }
    let mut plain = Zeroizing::new(text.to_vec());
    Aes256Gcm::new(key.into())
        .decrypt_in_place(&Nonce::from(nonce), aad, &mut *plain)
        .map_err(|_| AeadError::Authentication)?;
    Ok(plain)
}

/// Like [`open`], for content that is itself a key.
pub(crate) fn open_key(key: &[u8; 32], aad: &[u8], sealed: &[u8]) -> Result<Key, AeadError> {
    to_key(&open(key, aad, sealed)?)
}

/// 32 bytes as a key.
pub(crate) fn to_key(bytes: &[u8]) -> Result<Key, AeadError> {
    let mut key = Key::default();
    if bytes.len() != key.len() {
        return Err(AeadError::Format);
    }
    key.copy_from_slice(bytes);
    Ok(key)
}

/// A fresh random key.
pub(crate) fn generate_key() -> Result<Key, RandomError> {
    let mut key = Key::default();
    random::fill(key.as_mut_slice())?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// AES-256-GCM test case 16 of the GCM specification (McGrew and Viega, appendix B).
    #[test]
    fn opens_a_published_vector() {
        let key: [u8; 32] =
            hex::decode("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308")
                .unwrap()
                .try_into()
                .unwrap();
        let mut sealed = vec![FORMAT];
        sealed.extend(hex::decode("cafebabefacedbaddecaf888").unwrap());
        sealed.extend(
            hex::decode(
                "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7\
                 b08b1056828838c5f61e6393ba7a0abcc9f662",
            )
            .unwrap(),
        );
        sealed.extend(hex::decode("76fc6ece0f4e1768cddf8853bb2d551b").unwrap());
        let aad = hex::decode("feedfacedeadbeeffeedfacedeadbeefabaddad2").unwrap();
        let plain = open(&key, &aad, &sealed).unwrap();
        assert_eq!(
            hex::encode(&*plain),
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449\
             a6b525b16aedf5aa0de657ba637b39"
        );
    }

    #[test]
    fn the_same_text_is_never_encrypted_to_the_same_bytes() {
        let key = generate_key().unwrap();
        assert_ne!(
            seal(&key, b"a", b"x").unwrap(),
            seal(&key, b"a", b"x").unwrap()
        );
    }

    #[test]
    fn a_truncated_box_and_an_unknown_format_are_refused() {
        let key = generate_key().unwrap();
        let mut sealed = seal(&key, b"", b"x").unwrap();
        for length in 0..sealed.len() {
            assert!(open(&key, b"", &sealed[..length]).is_err(), "{length}");
        }
        sealed[0] = 2;
        assert!(matches!(open(&key, b"", &sealed), Err(AeadError::Format)));
    }
}
