//! Reading values.

use oneclaw_core::api::{Secret, Sensitive};
use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::VaultId;
use oneclaw_core::path::SecretPath;
use oneclaw_crypto::envelope::{self, Sealed, SecretRef};
use oneclaw_policy_host::ReadSecret;
use oneclaw_store::{ReadCommit, ReadOutcome, SecretVersion};
use secrecy::ExposeSecret;
use serde_json::json;

use super::super::Services;
use super::super::caller::{Caller, RequestContext};
use super::super::error::{Result, ServiceError};
use super::super::events::{self, EventExt};
use super::super::gate::Grant;
use super::{DELETED, UNKNOWN, meta};

pub(super) const DISABLED: ServiceError = ServiceError::Gone("the version is disabled");
pub(super) const EXPIRED: ServiceError = ServiceError::Gone("the secret has expired");
pub(in crate::service) const EXHAUSTED: ServiceError =
    ServiceError::Gone("the secret has been read as often as it may be");

/// Types whose values an agent with the Intents API on can never obtain.
const PRIVATE_KEY_KINDS: [&str; 2] = ["private_key", "ssh_key"];
pub(in crate::service) const PRIVATE_KEY_BLOCKED: &str = "vault/private-key-blocked";

/// Whether the version is a private key, and the caller an agent that has things signed, by its record or its token.
pub(in crate::service) fn is_blocked_for(caller: &Caller, version: &SecretVersion) -> bool {
    let intents = caller
        .agent()
        .is_some_and(|session| session.intents_claim || session.agent.intents_api_enabled);
    intents && PRIVATE_KEY_KINDS.contains(&version.kind.as_str())
}

impl Services {
    /// `GET …/secrets/{path}`: the newest enabled version.
    ///
    /// # Errors
    /// [`ServiceError::Gone`] for what was there; or the refusal of the gate, which is decided before the path is looked
    /// up, so that nobody learns which paths exist.
    pub async fn read_secret(
        &self,
        context: &RequestContext,
        caller: &Caller,
        vault: VaultId,
        path: &SecretPath,
    ) -> Result<Secret> {
        let grant = self
            .gate
            .admit::<ReadSecret>(context, caller, vault, path)
            .await?;
        match self.store.latest_readable(grant.vault.id, path).await? {
            Some((secret, version)) => {
                self.open_version(context, caller, grant, secret, version)
                    .await
            }
            None => {
                let why = self.why_unreadable(&grant, path).await?;
                Err(self
                    .nothing_read(context, caller, &grant, path, why)
                    .await?)
            }
        }
    }

    /// `GET …/secret-version/{path}/{version}`
    ///
    /// # Errors
    /// As [`Services::read_secret`].
    pub async fn read_secret_version(
        &self,
        context: &RequestContext,
        caller: &Caller,
        vault: VaultId,
        path: &SecretPath,
        number: i64,
    ) -> Result<Secret> {
        let grant = self
            .gate
            .admit::<ReadSecret>(context, caller, vault, path)
            .await?;
        let why = match self.store.version(grant.vault.id, path, number).await? {
            Some((secret, _)) if secret.deleted_at.is_some() => DELETED,
            Some((_, version)) if version.disabled_at.is_some() => DISABLED,
            Some((secret, version)) => {
                return self
                    .open_version(context, caller, grant, secret, version)
                    .await;
            }
            None => UNKNOWN,
        };
        Err(self
            .nothing_read(context, caller, &grant, path, why)
            .await?)
    }

    pub(super) async fn why_unreadable(
        &self,
        grant: &Grant<ReadSecret>,
        path: &SecretPath,
    ) -> Result<ServiceError> {
        Ok(match self.store.secret(grant.vault.id, path).await? {
            None => UNKNOWN,
            Some(secret) if secret.deleted_at.is_some() => DELETED,
            Some(_) => DISABLED,
        })
    }

    /// Counts and records the read, and only then opens the value.
    async fn open_version(
        &self,
        context: &RequestContext,
        caller: &Caller,
        grant: Grant<ReadSecret>,
        secret: oneclaw_store::Secret,
        version: SecretVersion,
    ) -> Result<Secret> {
        if version.expires_at.is_some_and(|at| at <= context.at) {
            return Err(self
                .nothing_read(context, caller, &grant, &secret.path, EXPIRED)
                .await?);
        }
        if is_blocked_for(caller, &version) {
            return Err(self
                .gate
                .refuse_after_grant(context, caller, grant, &secret.path, PRIVATE_KEY_BLOCKED)
                .await?);
        }
        let vault = &grant.vault;
        let mut evidence = grant.evidence.clone();
        evidence.set("version", json!(version.version));
        let event = events::by_caller(context, caller, "secret.read", "secret", &secret.path)
            .in_vault(vault.id)
            .resting_on(evidence.clone());
        let exhausted_event =
            events::by_caller(context, caller, "secret.read", "secret", &secret.path)
                .in_vault(vault.id)
                .resting_on(evidence.refused("vault/exhausted"));
        let commit = ReadCommit {
            event,
            count: Some((secret.id, version.version)),
            exhausted_event,
        };
        if matches!(
            self.store.commit_read(commit).await?,
            ReadOutcome::Exhausted
        ) {
            return Err(EXHAUSTED);
        }
        let value = self.unseal(&grant, &secret, &version, context.at)?;
        let mut meta = meta(&secret, &version);
        meta.access_count += 1;
        Ok(Secret {
            meta,
            value,
            created_by: version.created_by.to_string(),
            cmek_encrypted: false,
        })
    }

    /// Opens a version at the place that the grant is for. The read has been counted and recorded before.
    pub(super) fn unseal(
        &self,
        grant: &Grant<ReadSecret>,
        secret: &oneclaw_store::Secret,
        version: &SecretVersion,
        now: Timestamp,
    ) -> Result<Sensitive> {
        let vault = &grant.vault;
        let key = self
            .keys
            .vault_key(vault.org_id, vault.id, &vault.wrapped_key)?;
        let at = SecretRef {
            org: vault.org_id,
            vault: vault.id,
            path: &secret.path,
            version: version.version,
        };
        let sealed = Sealed {
            wrapped_data_key: version.wrapped_data_key.clone(),
            ciphertext: version.ciphertext.clone(),
        };
        let value = envelope::open(&grant.permit, &key, at, &sealed, now)?;
        Ok(Sensitive::new(value.expose_secret().to_owned()))
    }

    pub(super) async fn nothing_read(
        &self,
        context: &RequestContext,
        caller: &Caller,
        grant: &Grant<ReadSecret>,
        path: &SecretPath,
        why: ServiceError,
    ) -> Result<ServiceError> {
        self.gate
            .nothing_done(context, caller, grant, path, why)
            .await
    }
}
