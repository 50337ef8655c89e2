//! The keys that sign tokens: one signs, all verify, so that tokens outlive the rotation of keys.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ed25519_dalek::SigningKey;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use oneclaw_core::clock::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{Claims, MAX_TOKEN_BYTES, TokenError, provider};
use crate::random::{self, RandomError};

/// The seed of a fresh key (RFC 8032 §5.1.5).
///
/// # Errors
/// If the operating system gives no randomness.
pub fn generate_seed() -> Result<Zeroizing<[u8; 32]>, RandomError> {
    let mut seed = Zeroizing::new([0; 32]);
    random::fill(seed.as_mut_slice())?;
    Ok(seed)
}

/// The identifier of a key: the SHA-256 thumbprint of its public half (RFC 7638, RFC 8037 §2), in base64url.
#[must_use]
pub fn key_id(seed: &[u8; 32]) -> String {
    thumbprint(&public_key(seed))
}

fn public_key(seed: &[u8; 32]) -> [u8; 32] {
    SigningKey::from_bytes(seed).verifying_key().to_bytes()
}

pub(crate) fn thumbprint(public: &[u8; 32]) -> String {
    // The required members in lexical order, without white space (RFC 7638 §3.2).
    let x = URL_SAFE_NO_PAD.encode(public);
    let canonical = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    URL_SAFE_NO_PAD.encode(Sha256::digest(canonical))
}

/// The keys of a server.
pub struct TokenKeys {
    signing: EncodingKey,
    current: PublicKey,
    older: Vec<PublicKey>,
}

struct PublicKey {
    id: String,
    bytes: [u8; 32],
    verifying: DecodingKey,
}

impl PublicKey {
    fn new(bytes: [u8; 32]) -> Self {
        Self {
            id: thumbprint(&bytes),
            bytes,
            verifying: DecodingKey::from_ed_der(&bytes),
        }
    }
}

impl fmt::Debug for TokenKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<_> = self.public_keys().map(|k| &k.id).collect();
        f.debug_struct("TokenKeys").field("ids", &ids).finish()
    }
}

impl TokenKeys {
    /// From pairs of identifier and seed. The first key signs; the others only verify what they signed before.
    ///
    /// # Errors
    /// If there is none, or an identifier is not that of its key.
    pub fn new(keys: Vec<(String, Zeroizing<[u8; 32]>)>) -> Result<Self, TokenError> {
        provider::install();
        let mut public = Vec::with_capacity(keys.len());
        for (id, seed) in &keys {
            let key = PublicKey::new(public_key(seed));
            if key.id != *id {
                return Err(TokenError::KeyId(id.clone()));
            }
            public.push(key);
        }
        let mut public = public.into_iter();
        let (Some((_, seed)), Some(current)) = (keys.first(), public.next()) else {
            return Err(TokenError::NoKeys);
        };
        Ok(Self {
            signing: EncodingKey::from_ed_der(seed.as_slice()),
            current,
            older: public.collect(),
        })
    }

    fn public_keys(&self) -> impl Iterator<Item = &PublicKey> {
        std::iter::once(&self.current).chain(&self.older)
    }

    fn header(id: &str) -> Header {
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(id.to_owned());
        header
    }

    /// Writes and signs a token.
    ///
    /// # Errors
    /// If the claims cannot be written as JSON, which does not happen with claims that were checked.
    pub fn sign(&self, claims: &Claims) -> Result<String, TokenError> {
        jsonwebtoken::encode(&Self::header(&self.current.id), claims, &self.signing)
            .map_err(|_| TokenError::Signing)
    }

    /// Reads a token that one of these keys signed for this issuer and that has not expired at `now`.
    ///
    /// # Errors
    /// The first thing that is wrong with it. Nothing the token says is looked at before its signature has been verified,
    /// apart from which key is to verify it.
    pub fn verify(&self, token: &str, now: Timestamp, issuer: &str) -> Result<Claims, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::Malformed);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Malformed)?;
        let id = header.kid.as_deref().ok_or(TokenError::Malformed)?;
        let key = self.public_keys().find(|k| k.id == id);
        // We wrote the header ourselves or the token is not ours: no `crit`, `jwk`, `x5u` or other algorithm gets through.
        if header != Self::header(id) {
            return Err(TokenError::Malformed);
        }
        let key = key.ok_or(TokenError::UnknownKey)?;
        let data = jsonwebtoken::decode::<Claims>(token, &key.verifying, &validation()).map_err(
            |error| match error.kind() {
                ErrorKind::InvalidSignature => TokenError::BadSignature,
                _ => TokenError::Malformed,
            },
        )?;
        let claims = data.claims;
        if claims.iss != issuer {
            return Err(TokenError::WrongIssuer);
        }
        if now.as_seconds() >= claims.exp {
            return Err(TokenError::Expired);
        }
        Ok(claims)
    }

    /// How many keys there are: the one that signs and those that only verify.
    #[must_use]
    pub fn count(&self) -> usize {
        1 + self.older.len()
    }

    /// The identifier of the key that signs.
    #[must_use]
    pub fn current_id(&self) -> &str {
        &self.current.id
    }

    /// The public keys as a JWK set (RFC 7517), the signing key first.
    #[must_use]
    pub fn jwks(&self) -> Value {
        let keys: Vec<Value> = self
            .public_keys()
            .map(|key| {
                json!({
                    "kty": "OKP",
                    "crv": "Ed25519",
                    "alg": "EdDSA",
                    "use": "sig",
                    "kid": key.id,
                    "x": URL_SAFE_NO_PAD.encode(key.bytes),
                })
            })
            .collect();
        json!({ "keys": keys })
    }

    /// The public half of the key that signs: base64 of its 32 bytes.
    #[must_use]
    pub fn public_key_base64(&self) -> String {
        STANDARD.encode(self.current.bytes)
    }
}

/// Signature and algorithm alone: the crate would read the system clock, ours is handed in.
fn validation() -> Validation {
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation
}
