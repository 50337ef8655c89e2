//! API keys and refresh tokens: a prefix that says what it is, and 256 random bits. Only a keyed hash is stored.
//!
//! A fast hash is right here, unlike for passwords: nobody can try 2^256 keys. It is keyed with a key that is not in the
//! database, so that a copy of the database alone does not even allow a guess to be checked.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::SecretString;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::random::{self, RandomError};
use crate::root_key::RootKey;

/// Begins the API key of an agent. Official clients tell agents by it: changing it locks every agent out.
pub const AGENT_PREFIX: &str = "ocv_";
/// Begins the personal API key of a human.
pub const PERSONAL_PREFIX: &str = "1ck_";
/// Begins a refresh token.
pub const REFRESH_PREFIX: &str = "1rt_";

/// How many characters of a key may be shown and stored in clear.
pub const DISPLAY_CHARACTERS: usize = 12;

const LABEL: &str = "oneclaw/key-hash/1";

/// A key that was just made. Its text exists nowhere else and cannot be had again.
pub struct NewKey {
    /// What the holder keeps.
    pub text: SecretString,
    /// The first [`DISPLAY_CHARACTERS`] characters, for lists and look-up.
    pub display_prefix: String,
    /// What is stored.
    pub hash: [u8; 32],
}

impl fmt::Debug for NewKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewKey")
            .field("display_prefix", &self.display_prefix)
            .finish_non_exhaustive()
    }
}

/// Makes keys and the hashes by which they are found again.
pub struct KeyHasher {
    /// Padded with zeros to a whole block of SHA-256, as HMAC does itself (RFC 2104 §2).
    block: Zeroizing<[u8; 64]>,
}

impl fmt::Debug for KeyHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHasher(redacted)")
    }
}

impl KeyHasher {
    /// With a key derived from the root key. Every stored hash becomes useless when the root key changes; an
    /// installation that rotates its root key keeps a key of its own and uses [`KeyHasher::from_key`].
    #[must_use]
    pub fn new(root: &RootKey) -> Self {
        Self::from_key(root.derive(LABEL))
    }

    /// With a key of 256 random bits.
    #[must_use]
    pub fn from_key(key: Zeroizing<[u8; 32]>) -> Self {
        let mut block = Zeroizing::new([0; 64]);
        block.iter_mut().zip(key.iter()).for_each(|(b, k)| *b = *k);
        Self { block }
    }

    /// A fresh key: the prefix and 32 random bytes in base64url without padding.
    ///
    /// # Errors
    /// If the operating system gives no randomness.
    pub fn generate(&self, prefix: &str) -> Result<NewKey, RandomError> {
        let entropy = Zeroizing::new(random::bytes::<32>()?);
        let encoded = Zeroizing::new(URL_SAFE_NO_PAD.encode(entropy.as_slice()));
        let mut text = Zeroizing::new(String::with_capacity(prefix.len() + encoded.len()));
        text.push_str(prefix);
        text.push_str(&encoded);
        Ok(NewKey {
            display_prefix: display_prefix(&text),
            hash: self.hash(&text),
            text: SecretString::from(text.as_str()),
        })
    }

    /// The hash under which a key is stored: HMAC-SHA256 of its whole text, prefix included.
    #[must_use]
    pub fn hash(&self, text: &str) -> [u8; 32] {
        let mut mac = <Hmac<Sha256> as KeyInit>::new((&*self.block).into());
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

/// The part of a key that may be shown: its first [`DISPLAY_CHARACTERS`] characters, of which at most 8 are random.
#[must_use]
pub fn display_prefix(text: &str) -> String {
    text.chars().take(DISPLAY_CHARACTERS).collect()
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn hasher(byte: u8) -> KeyHasher {
        KeyHasher::from_key(Zeroizing::new([byte; 32]))
    }

    #[test]
    fn a_key_is_its_prefix_and_256_random_bits() {
        for prefix in [AGENT_PREFIX, PERSONAL_PREFIX, REFRESH_PREFIX] {
            let key = hasher(1).generate(prefix).unwrap();
            let text = key.text.expose_secret();
            let random = text.strip_prefix(prefix).unwrap();
            assert_eq!(URL_SAFE_NO_PAD.decode(random).unwrap().len(), 32);
            assert_eq!(key.display_prefix.len(), 12);
            assert!(text.starts_with(&key.display_prefix));
        }
    }

    #[test]
    fn a_key_is_found_by_its_hash_and_only_with_the_same_hashing_key() {
        let key = hasher(1).generate(AGENT_PREFIX).unwrap();
        let text = key.text.expose_secret();
        assert_eq!(hasher(1).hash(text), key.hash);
        assert_ne!(hasher(2).hash(text), key.hash);
        assert_ne!(hasher(1).hash(&text.replacen("ocv_", "1ck_", 1)), key.hash);
    }

    /// RFC 4231 §4.2 uses a key of 20 bytes, which HMAC pads with zeros: the same key in 32 bytes gives the same result.
    #[test]
    fn the_hash_is_hmac_sha256() {
        let mut key = [0u8; 32];
        key[..20].fill(0x0b);
        assert_eq!(
            hex::encode(KeyHasher::from_key(Zeroizing::new(key)).hash("Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        );
    }

    #[test]
    fn debug_output_shows_no_secret() {
        let hasher = hasher(1);
        let key = hasher.generate(PERSONAL_PREFIX).unwrap();
        let shown = format!("{key:?} {hasher:?}");
        let (_, hidden) = key.text.expose_secret().split_at(12);
        assert!(!shown.contains(hidden));
        assert!(!shown.contains("1, 1"));
        assert!(shown.contains(&key.display_prefix));
    }
}
