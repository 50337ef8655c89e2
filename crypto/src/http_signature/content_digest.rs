//! `Content-Digest` (RFC 9530), which ties the body to the signature.

use sfv::{Dictionary, ListEntry};
use sha2::{Digest, Sha256, Sha512};

use super::{Message, SignatureError, dictionary};
use crate::compare::equal_bytes;

/// Every digest that can be checked must be that of the body, and there must be one; others are not looked at.
pub(super) fn check(message: &Message<'_>) -> Result<(), SignatureError> {
    let digests = dictionary(message, "content-digest")?;
    let sha_256 = given(&digests, "sha-256")?;
    let sha_512 = given(&digests, "sha-512")?;
    if sha_256.is_none() && sha_512.is_none() {
        return Err(SignatureError::NoDigest);
    }
    if sha_256.is_some_and(|given| !equal_bytes(given, &Sha256::digest(message.body))) {
        return Err(SignatureError::OtherBody("sha-256"));
    }
    if sha_512.is_some_and(|given| !equal_bytes(given, &Sha512::digest(message.body))) {
        return Err(SignatureError::OtherBody("sha-512"));
    }
    Ok(())
}

fn given<'a>(
    digests: &'a Dictionary,
    algorithm: &'static str,
) -> Result<Option<&'a [u8]>, SignatureError> {
    match digests.get(algorithm) {
        None => Ok(None),
        Some(ListEntry::Item(item)) => item
            .bare_item
            .as_byte_sequence()
            .map(Some)
            .ok_or(SignatureError::OtherBody(algorithm)),
        Some(ListEntry::InnerList(_)) => Err(SignatureError::OtherBody(algorithm)),
    }
}
