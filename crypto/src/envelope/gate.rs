//! The only way to a value: with a permit that covers its place.

use oneclaw_core::clock::Timestamp;
use oneclaw_policy_host::{MaySeal, Permit, ReadSecret, SigningPermit};
use secrecy::{ExposeSecret, SecretString};

use super::{EnvelopeError, Sealed, SecretRef, VaultKey, keys};
use crate::aead;

const VALUE: &str = "oneclaw/secret-value/1";

/// Encrypts a value with a fresh data key, at a place that the permit covers. Takes a permit to write or to rotate; one to
/// read or delete does not do:
///
/// ```compile_fail,E0277
/// use oneclaw_core::clock::Timestamp;
/// use oneclaw_crypto::envelope::{SecretRef, VaultKey, seal};
/// use oneclaw_policy_host::{Permit, ReadSecret};
/// use secrecy::SecretString;
/// fn write(permit: &Permit<ReadSecret>, key: &VaultKey, at: SecretRef<'_>, value: &SecretString, now: Timestamp) {
///     let _ = seal(permit, key, at, value, now);
/// }
/// ```
///
/// # Errors
/// If the permit is for another place or has expired, or there is no randomness.
pub fn seal<A: MaySeal>(
    permit: &Permit<A>,
    key: &VaultKey,
    at: SecretRef<'_>,
    value: &SecretString,
    now: Timestamp,
) -> Result<Sealed, EnvelopeError> {
    permit.covers(at.org, at.vault, at.path, now)?;
    seal_value(key, at, value)
}

/// Decrypts a value, at a place that the permit covers.
///
/// Nothing else opens a value. A permit to write does not:
///
/// ```compile_fail,E0308
/// use oneclaw_core::clock::Timestamp;
/// use oneclaw_crypto::envelope::{Sealed, SecretRef, VaultKey, open};
/// use oneclaw_policy_host::{Permit, WriteSecret};
/// fn read(permit: &Permit<WriteSecret>, key: &VaultKey, at: SecretRef<'_>, sealed: &Sealed, now: Timestamp) {
///     let _ = open(permit, key, at, sealed, now);
/// }
/// ```
///
/// and the key of the vault is not to be had by itself:
///
/// ```compile_fail,E0616
/// use oneclaw_crypto::envelope::VaultKey;
/// fn take(key: &VaultKey) -> &[u8; 32] {
///     &key.key
/// }
/// ```
///
/// With a permit to read it compiles:
///
/// ```
/// use oneclaw_core::clock::Timestamp;
/// use oneclaw_crypto::envelope::{Sealed, SecretRef, VaultKey, open};
/// use oneclaw_policy_host::{Permit, ReadSecret};
/// fn read(permit: &Permit<ReadSecret>, key: &VaultKey, at: SecretRef<'_>, sealed: &Sealed, now: Timestamp) {
///     let _ = open(permit, key, at, sealed, now);
/// }
/// ```
///
/// # Errors
/// If the permit is for another place or has expired, or the value does not belong to this key and place, or was changed.
pub fn open(
    permit: &Permit<ReadSecret>,
    key: &VaultKey,
    at: SecretRef<'_>,
    sealed: &Sealed,
    now: Timestamp,
) -> Result<SecretString, EnvelopeError> {
    permit.covers(at.org, at.vault, at.path, now)?;
    open_value(key, at, sealed)
}

/// Decrypts a signing key for as long as `use_key` takes, at the place that the permit to sign names. The key is wiped when
/// `use_key` returns.
///
/// For the signer alone, which encodes what it signs from the same permit. A permit to read does not do:
///
/// ```compile_fail,E0308
/// use oneclaw_core::clock::Timestamp;
/// use oneclaw_crypto::envelope::{Sealed, SecretRef, VaultKey, open_for_signing};
/// use oneclaw_policy_host::{Permit, ReadSecret};
/// fn sign(permit: &Permit<ReadSecret>, key: &VaultKey, at: SecretRef<'_>, sealed: &Sealed, now: Timestamp) {
///     let _ = open_for_signing(permit, key, at, sealed, now, |_| ());
/// }
/// ```
///
/// a permit to sign opens no value:
///
/// ```compile_fail,E0308
/// use oneclaw_core::clock::Timestamp;
/// use oneclaw_crypto::envelope::{Sealed, SecretRef, VaultKey, open};
/// use oneclaw_policy_host::SigningPermit;
/// fn read(permit: &SigningPermit, key: &VaultKey, at: SecretRef<'_>, sealed: &Sealed, now: Timestamp) {
///     let _ = open(permit, key, at, sealed, now);
/// }
/// ```
///
/// and the key cannot be kept by reference:
///
/// ```compile_fail
/// use oneclaw_core::clock::Timestamp;
/// use oneclaw_crypto::envelope::{Sealed, SecretRef, VaultKey, open_for_signing};
/// use oneclaw_policy_host::SigningPermit;
/// use secrecy::SecretString;
/// fn keep<'a>(permit: &SigningPermit, key: &VaultKey, at: SecretRef<'_>, sealed: &Sealed, now: Timestamp) -> &'a SecretString {
///     open_for_signing(permit, key, at, sealed, now, |value| value).unwrap()
/// }
/// ```
///
/// With a permit to sign it compiles:
///
/// ```
/// use oneclaw_core::clock::Timestamp;
/// use oneclaw_crypto::envelope::{Sealed, SecretRef, VaultKey, open_for_signing};
/// use oneclaw_policy_host::SigningPermit;
/// fn sign(permit: &SigningPermit, key: &VaultKey, at: SecretRef<'_>, sealed: &Sealed, now: Timestamp) {
///     let _ = open_for_signing(permit, key, at, sealed, now, |_| ());
/// }
/// ```
///
/// # Errors
/// If the permit is for another place or version or has expired, or the value does not belong to this key and place, or was
/// changed.
pub fn open_for_signing<T>(
    permit: &SigningPermit,
    key: &VaultKey,
    at: SecretRef<'_>,
    sealed: &Sealed,
    now: Timestamp,
    use_key: impl FnOnce(&SecretString) -> T,
) -> Result<T, EnvelopeError> {
    // A place has no id of a secret in it; path and version, which are bound into the encryption, say which it is.
    let secret = permit.request().key.secret;
    permit.covers(at.org, secret, at.vault, at.path, at.version, now)?;
    Ok(use_key(&open_value(key, at, sealed)?))
}

/// Encrypts a key that the server just made for an agent, which no policy was asked about because nobody asked for it.
/// Works at `agents/{id}/…/private_key` alone. Reading it back needs a permit as everything does.
///
/// # Errors
/// If the path is another, or there is no randomness.
pub fn seal_without_permit_for_system_vault(
    key: &VaultKey,
    at: SecretRef<'_>,
    value: &SecretString,
) -> Result<Sealed, EnvelopeError> {
    let path = at.path.as_str();
    if !(path.starts_with("agents/") && path.ends_with("/private_key")) {
        return Err(EnvelopeError::NotASystemPath(at.path.clone()));
    }
    seal_value(key, at, value)
}

pub(super) fn seal_value(
    key: &VaultKey,
    at: SecretRef<'_>,
    value: &SecretString,
) -> Result<Sealed, EnvelopeError> {
    let data_key = aead::generate_key()?;
    let aad = at.associated_data(VALUE);
    Ok(Sealed {
        wrapped_data_key: keys::wrap_data_key(key, at, &data_key)?,
        ciphertext: aead::seal(&data_key, &aad, value.expose_secret().as_bytes())?,
    })
}

pub(super) fn open_value(
    key: &VaultKey,
    at: SecretRef<'_>,
    sealed: &Sealed,
) -> Result<SecretString, EnvelopeError> {
    let data_key = keys::unwrap_data_key(key, at, &sealed.wrapped_data_key)?;
    let aad = at.associated_data(VALUE);
    let plain = aead::open(&data_key, &aad, &sealed.ciphertext)?;
    // Copied at its exact length into the secret; the buffer it comes from is wiped.
    std::str::from_utf8(&plain)
        .map(SecretString::from)
        .map_err(|_| EnvelopeError::NotText)
}

#[cfg(test)]
mod tests;
