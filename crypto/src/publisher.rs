//! Signatures of those who publish plugins: plain Ed25519 (RFC 8032).

use ed25519_dalek::{Signature, VerifyingKey};

/// Whether `signature` is that of the holder of `public_key` over `message`. What is no key and what is no signature holds
/// for nothing; so do keys of small order and second encodings of a signature.
#[must_use]
pub fn verify(public_key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let Ok(key) = <[u8; 32]>::try_from(public_key) else {
        return false;
    };
    let Ok(signature) = Signature::from_slice(signature) else {
        return false;
    };
    VerifyingKey::from_bytes(&key).is_ok_and(|key| key.verify_strict(message, &signature).is_ok())
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer as _, SigningKey};

    use super::*;

    #[test]
    fn a_signature_holds_for_its_key_and_its_message_alone() {
        let key = SigningKey::from_bytes(&[3; 32]);
        let public = key.verifying_key().to_bytes();
        let mut signature = key.sign(b"text").to_bytes();
        assert!(verify(&public, b"text", &signature));
        assert!(!verify(&public, b"texT", &signature));
        let other = SigningKey::from_bytes(&[4; 32]).verifying_key().to_bytes();
        assert!(!verify(&other, b"text", &signature));
        assert!(!verify(&public[1..], b"text", &signature));
        assert!(!verify(&public, b"text", &signature[1..]));
        signature[0] ^= 1;
        assert!(!verify(&public, b"text", &signature));
    }
}
