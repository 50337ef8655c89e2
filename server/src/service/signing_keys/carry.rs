//! Keys that are carried in and out, each with the password of the human who does it.

use oneclaw_core::api::{
    ChainRef, ExportedSigningKey, ImportSigningKeyRequest, Sensitive, SigningKey as SigningKeyBody,
};
use oneclaw_core::ids::AgentId;
use oneclaw_core::path::excerpt;
use oneclaw_crypto::envelope::{self, Sealed, SecretRef};
use oneclaw_signer::KeyFormat;
use secrecy::{ExposeSecret, SecretString};

use super::super::Services;
use super::super::caller::{Caller, RequestContext};
use super::super::error::{Result, ServiceError};
use super::super::events::{self, EventExt};
use super::super::step_up::Confirmation;
use super::{NO_KEY, details, exists};

impl Services {
    /// `POST /v1/agents/{agent_id}/signing-keys/{chain}/import`
    ///
    /// # Errors
    /// Names the field at fault; [`ServiceError::Conflict`] while there is an active one; [`ServiceError::Forbidden`]
    /// without the caller's password, and otherwise as [`Services::rotate_signing_key`].
    pub async fn import_signing_key(
        &self,
        context: &RequestContext,
        caller: &Caller,
        id: AgentId,
        chain: &str,
        confirmation: &Confirmation,
        request: &ImportSigningKeyRequest,
    ) -> Result<SigningKeyBody> {
        let agent = self.managed_agent(caller, id).await?;
        let word = self.key_word(&ChainRef::Name(chain.to_owned())).await?;
        let format = match request.format.as_deref().unwrap_or("hex") {
            "hex" | "" => KeyFormat::Hex,
            "base64" => KeyFormat::Base64,
            "wif" => {
                return Err(ServiceError::field(
                    "format",
                    "`wif` is for bitcoin; this server signs for EVM chains alone: use `hex` or `base64`",
                ));
            }
            other => {
                return Err(ServiceError::field(
                    "format",
                    format!("`{}` is not `hex` or `base64`", excerpt(other)),
                ));
            }
        };
        let action = "signing_key.import";
        self.confirm(context, caller, id, action, confirmation)
            .await?;
        if self
            .store
            .active_signing_key(agent.id, word)
            .await?
            .is_some()
        {
            return Err(exists());
        }
        let text = SecretString::from(request.private_key.as_str());
        let key = oneclaw_signer::import(&text, format)
            .map_err(|e| ServiceError::field("private_key", e))?;
        self.store_key(context, caller, &agent, word, &key, action)
            .await
    }

    /// `POST /v1/agents/{agent_id}/signing-keys/{chain}/export`: the active key's private half. The export is recorded
    /// before the key is opened.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] without an active key; [`ServiceError::Forbidden`] without the caller's password;
    /// [`ServiceError::Denied`] if the plugins refuse; otherwise as [`Services::rotate_signing_key`].
    pub async fn export_signing_key(
        &self,
        context: &RequestContext,
        caller: &Caller,
        id: AgentId,
        chain: &str,
        confirmation: &Confirmation,
    ) -> Result<ExportedSigningKey> {
        let agent = self.managed_agent(caller, id).await?;
        let word = self.key_word(&ChainRef::Name(chain.to_owned())).await?;
        let action = "signing_key.export";
        self.confirm(context, caller, id, action, confirmation)
            .await?;
        let key = self
            .store
            .active_signing_key(agent.id, word)
            .await?
            .ok_or(NO_KEY)?;
        let vault = self
            .store
            .vault(agent.org_id, key.vault_id)
            .await?
            .ok_or(NO_KEY)?;
        let grant = self
            .gate
            .admit_key_export(context, caller, &agent, &vault, &key.path)
            .await?;
        let (_, version) = self
            .store
            .version(vault.id, &key.path, key.secret_version)
            .await?
            .ok_or(NO_KEY)?;
        let mut evidence = grant.evidence.clone();
        for (name, value) in details(&key).as_object().into_iter().flatten() {
            evidence.set(name, value.clone());
        }
        let event = events::by_caller(context, caller, action, "agent", agent.id)
            .in_vault(vault.id)
            .resting_on(evidence);
        self.store.record(event).await?;
        let vault_key = self
            .keys
            .vault_key(vault.org_id, vault.id, &vault.wrapped_key)?;
        let at = SecretRef {
            org: vault.org_id,
            vault: vault.id,
            path: &key.path,
            version: version.version,
        };
        let sealed = Sealed {
            wrapped_data_key: version.wrapped_data_key,
            ciphertext: version.ciphertext,
        };
        let value = envelope::open(&grant.permit, &vault_key, at, &sealed, context.at)?;
        Ok(ExportedSigningKey {
            chain: key.chain,
            curve: key.curve,
            public_key: key.public_key,
            address: key.address,
            private_key: Sensitive::new(value.expose_secret().to_owned()),
            key_version: key.key_version,
            agent_id: key.agent_id.to_string(),
        })
    }

    /// Has the human give the password once more. What is missing or wrong is recorded, and wrong ones run out.
    async fn confirm(
        &self,
        context: &RequestContext,
        caller: &Caller,
        agent: AgentId,
        action: &str,
        given: &Confirmation,
    ) -> Result<()> {
        let refusal = match self.step_up(context, caller.human()?, given).await {
            Ok(()) => return Ok(()),
            Err(refusal @ ServiceError::Forbidden(_)) => refusal,
            Err(other) => return Err(other),
        };
        let about = ("agent", agent.to_string());
        self.record_unconfirmed(context, caller, action, about, given)
            .await?;
        Err(refusal)
    }
}
