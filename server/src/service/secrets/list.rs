//! What there is, without values.

use oneclaw_core::api::{SecretList, SecretMeta, SecretVersionList};
use oneclaw_core::ids::VaultId;
use oneclaw_core::path::SecretPath;
use oneclaw_policy_host::ReadSecret;
use serde_json::json;

use super::super::Services;
use super::super::caller::{Caller, RequestContext};
use super::super::error::Result;
use super::super::events::{self, EventExt};
use super::{UNKNOWN, meta};

impl Services {
    /// `GET …/secrets`: what the caller may read, in its latest version, without values.
    ///
    /// # Errors
    /// The refusal of the gate for the vault as a whole.
    pub async fn list_secrets(
        &self,
        context: &RequestContext,
        caller: &Caller,
        vault: VaultId,
        prefix: &str,
    ) -> Result<SecretList> {
        let (vault, revision) = self.gate.vault_for_listing(context, caller, vault).await?;
        let all = self.store.list(vault.id, prefix).await?;
        let paths = all.iter().map(|(secret, _)| secret.path.clone()).collect();
        let (readable, plugins) = self
            .gate
            .readable(context, caller, &vault, revision, paths)
            .await?;
        let secrets: Vec<SecretMeta> = all
            .iter()
            .zip(readable)
            .filter(|(_, readable)| *readable)
            .map(|((secret, version), _)| meta(secret, version))
            .collect();
        let event = events::by_caller(context, caller, "secret.list", "vault", vault.id)
            .in_vault(vault.id)
            .with_details(
                json!({"prefix": prefix, "shown": secrets.len(), "evaluated_by": plugins}),
            );
        self.store.record(event).await?;
        Ok(SecretList { secrets })
    }

    /// `GET …/secret-versions/{path}`
    ///
    /// # Errors
    /// [`super::super::error::ServiceError::NotFound`], or the refusal of the gate.
    pub async fn secret_versions(
        &self,
        context: &RequestContext,
        caller: &Caller,
        vault: VaultId,
        path: &SecretPath,
    ) -> Result<SecretVersionList> {
        let grant = self
            .gate
            .admit::<ReadSecret>(context, caller, vault, path)
            .await?;
        let Some(secret) = self.store.secret(grant.vault.id, path).await? else {
            return Err(self
                .nothing_read(context, caller, &grant, path, UNKNOWN)
                .await?);
        };
        let versions = self.store.versions(grant.vault.id, path).await?;
        let mut evidence = grant.evidence;
        evidence.set("shown", json!(versions.len()));
        let event = events::by_caller(context, caller, "secret.list", "secret", path)
            .in_vault(secret.vault_id)
            .resting_on(evidence);
        self.store.record(event).await?;
        Ok(SecretVersionList {
            versions: versions
                .iter()
                .map(|version| meta(&secret, version))
                .collect(),
        })
    }
}
