//! Keys of vaults and data keys: made, wrapped, unwrapped, rotated.

use std::fmt;

use oneclaw_core::ids::{OrgId, VaultId};
use zeroize::Zeroizing;

use super::{EnvelopeError, SecretRef, place};
use crate::aead::{self, Key};
use crate::random::RandomError;
use crate::root_key::{KeyService, KeyServiceError};

const VAULT_KEY: &str = "oneclaw/vault-key/1";
const DATA_KEY: &str = "oneclaw/data-key/1";

/// The key of one vault. It leaves this module only encrypted.
pub struct VaultKey {
    pub(super) key: Key,
}

impl fmt::Debug for VaultKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VaultKey(redacted)")
    }
}

impl VaultKey {
    /// A fresh key.
    ///
    /// # Errors
    /// If the operating system gives no randomness.
    pub fn generate() -> Result<Self, RandomError> {
        Ok(Self {
            key: aead::generate_key()?,
        })
    }
}

/// Encrypts the key of a vault with the root key and binds it to the vault.
///
/// # Errors
/// If the key service fails.
pub fn wrap_vault_key(
    service: &dyn KeyService,
    org: OrgId,
    vault: VaultId,
    key: &VaultKey,
) -> Result<Vec<u8>, EnvelopeError> {
    Ok(service.wrap(&place(VAULT_KEY, org, vault), key.key.as_slice())?)
}

/// Decrypts the key of a vault.
///
/// # Errors
/// If it was wrapped with another root key or for another vault, was changed, or the key service fails.
pub fn unwrap_vault_key(
    service: &dyn KeyService,
    org: OrgId,
    vault: VaultId,
    wrapped: &[u8],
) -> Result<VaultKey, EnvelopeError> {
    let bytes: Zeroizing<Vec<u8>> = service.unwrap(&place(VAULT_KEY, org, vault), wrapped)?;
    let key = aead::to_key(&bytes).map_err(KeyServiceError::from)?;
    Ok(VaultKey { key })
}

/// Rotates the root key: the same vault key, wrapped by another.
///
/// # Errors
/// As [`unwrap_vault_key`] and [`wrap_vault_key`].
pub fn rewrap_vault_key(
    old: &dyn KeyService,
    new: &dyn KeyService,
    org: OrgId,
    vault: VaultId,
    wrapped: &[u8],
) -> Result<Vec<u8>, EnvelopeError> {
    let key = unwrap_vault_key(old, org, vault, wrapped)?;
    wrap_vault_key(new, org, vault, &key)
}

/// Rotates the key of a vault: the same data key, wrapped by another. The value is neither opened nor encrypted anew, so no
/// permit is needed.
///
/// # Errors
/// If the data key was wrapped with another vault key or for another place, or was changed.
pub fn rewrap_data_key(
    old: &VaultKey,
    new: &VaultKey,
    at: SecretRef<'_>,
    wrapped: &[u8],
) -> Result<Vec<u8>, EnvelopeError> {
    let data_key = unwrap_data_key(old, at, wrapped)?;
    wrap_data_key(new, at, &data_key)
}

pub(super) fn wrap_data_key(
    vault_key: &VaultKey,
    at: SecretRef<'_>,
    data_key: &Key,
) -> Result<Vec<u8>, EnvelopeError> {
    let aad = at.associated_data(DATA_KEY);
    Ok(aead::seal(&vault_key.key, &aad, data_key.as_slice())?)
}

pub(super) fn unwrap_data_key(
    vault_key: &VaultKey,
    at: SecretRef<'_>,
    wrapped: &[u8],
) -> Result<Key, EnvelopeError> {
    let aad = at.associated_data(DATA_KEY);
    Ok(aead::open_key(&vault_key.key, &aad, wrapped)?)
}
