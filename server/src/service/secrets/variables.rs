//! Values of environment variables: sealed and opened next to the permit for the path that policies know them by.

use oneclaw_core::api::Sensitive;
use oneclaw_core::clock::Timestamp;
use oneclaw_core::path::SecretPath;
use oneclaw_crypto::envelope::{self, Sealed, SecretRef};
use oneclaw_crypto::random;
use oneclaw_policy_host::{MaySeal, Permit, ReadSecret};
use oneclaw_store::{EnvValue, Vault};
use secrecy::{ExposeSecret, SecretString};

use super::super::Services;
use super::super::error::Result;

impl Services {
    /// Seals a value for one environment. The number that takes the place of a version is drawn, so that values which are
    /// swapped in the database do not open.
    ///
    /// # Errors
    /// When the permit is for another path, or there is no randomness.
    pub(in crate::service) fn seal_variable<A: MaySeal>(
        &self,
        permit: &Permit<A>,
        vault: &Vault,
        (environment, path): (&str, &SecretPath),
        value: &Sensitive,
        now: Timestamp,
    ) -> Result<EnvValue> {
        let key = self
            .keys
            .vault_key(vault.org_id, vault.id, &vault.wrapped_key)?;
        let seal = i64::from_be_bytes(random::bytes()?) & i64::MAX;
        let at = SecretRef {
            org: vault.org_id,
            vault: vault.id,
            path,
            version: seal,
        };
        let value = SecretString::from(value.as_str());
        let sealed = envelope::seal(permit, &key, at, &value, now)?;
        Ok(EnvValue {
            environment: environment.to_owned(),
            seal,
            wrapped_data_key: sealed.wrapped_data_key,
            ciphertext: sealed.ciphertext,
        })
    }

    /// Opens a value. The read has been recorded before.
    ///
    /// # Errors
    /// When the permit is for another path, or the value does not belong there.
    pub(in crate::service) fn open_variable(
        &self,
        permit: &Permit<ReadSecret>,
        vault: &Vault,
        path: &SecretPath,
        value: &EnvValue,
        now: Timestamp,
    ) -> Result<Sensitive> {
        let key = self
            .keys
            .vault_key(vault.org_id, vault.id, &vault.wrapped_key)?;
        let at = SecretRef {
            org: vault.org_id,
            vault: vault.id,
            path,
            version: value.seal,
        };
        let sealed = Sealed {
            wrapped_data_key: value.wrapped_data_key.clone(),
            ciphertext: value.ciphertext.clone(),
        };
        let value = envelope::open(permit, &key, at, &sealed, now)?;
        Ok(Sensitive::new(value.expose_secret().to_owned()))
    }
}
