//! Which key signs: the agent's own, or a private key at a path that the agent may read.

use oneclaw_core::path::SecretPath;
use oneclaw_core::transaction::{Address, KeyLocation};
use oneclaw_crypto::envelope::{self, Sealed, SecretRef};
use oneclaw_policy_host::ReadSecret;
use oneclaw_store::{Chain, SecretVersion, Vault};
use serde_json::json;

use super::super::Services;
use super::super::caller::RequestContext;
use super::super::error::{Result, ServiceError};
use super::super::events::{self, EventExt};
use super::actor::Actor;
use super::request::KeyWish;

/// The word under which an agent's signing key for every EVM chain is kept.
pub const EVM_KEY: &str = "ethereum";

/// Vaults that are looked through for one path.
const MAX_CANDIDATES: i64 = 64;

const NO_KEY: ServiceError = ServiceError::NotFound(
    "this agent has no signing key for the chain, and no private key that it may read lies at the path; a human \
     makes one with POST /v1/agents/{agent_id}/signing-keys",
);

/// A key, found and not opened.
#[derive(Debug, Clone)]
pub struct FoundKey {
    /// Where it lies.
    pub location: KeyLocation,
    /// Its address.
    pub address: Address,
    /// The vault that it lies in.
    pub vault: Vault,
}

impl Services {
    /// Finds the key that is to sign. One at a path is asked for with the agent's own permissions, whoever acts for it.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] for none, [`ServiceError::Invalid`] for more than one or for a secret that is not a key.
    pub(super) async fn find_key(
        &self,
        context: &RequestContext,
        actor: &Actor,
        chain: &Chain,
        wish: &KeyWish,
    ) -> Result<FoundKey> {
        if let Some(path) = &wish.path {
            return self.key_at(context, actor, path, wish).await;
        }
        if let Some(key) = self
            .store
            .active_signing_key(actor.agent.id, EVM_KEY)
            .await?
        {
            let vault = self
                .store
                .vault(actor.agent.org_id, key.vault_id)
                .await?
                .ok_or(NO_KEY)?;
            let address = key
                .address
                .as_deref()
                .and_then(|text| text.parse().ok())
                .ok_or_else(|| {
                    ServiceError::Internal(format!("signing key {} has no address", key.id))
                })?;
            return Ok(FoundKey {
                location: KeyLocation {
                    secret: key.secret_id,
                    vault: key.vault_id,
                    path: key.path,
                    version: key.secret_version,
                },
                address,
                vault,
            });
        }
        let path: SecretPath = format!("keys/{}-signer", chain.name)
            .parse()
            .map_err(|_| NO_KEY)?;
        self.key_at(context, actor, &path, wish).await
    }

    async fn key_at(
        &self,
        context: &RequestContext,
        actor: &Actor,
        path: &SecretPath,
        wish: &KeyWish,
    ) -> Result<FoundKey> {
        let org = actor.agent.org_id;
        let candidates = self.store.vaults_with(org, path, MAX_CANDIDATES).await?;
        let mut usable = Vec::new();
        for vault in candidates {
            let elsewhere = wish.vault.is_some_and(|id| id != vault.id);
            if elsewhere || actor.as_agent.is_bound_away_from(vault.id) {
                continue;
            }
            let Some((vault, revision)) = self
                .store
                .vault_access(org, vault.id, actor.as_agent.principal())
                .await?
            else {
                continue;
            };
            let paths = vec![path.clone()];
            let (readable, _) = self
                .gate
                .readable(context, &actor.as_agent, &vault, revision, paths)
                .await?;
            if readable.first() == Some(&true) {
                usable.push(vault);
            }
        }
        let vault = match (usable.pop(), usable.is_empty()) {
            (Some(vault), true) => vault,
            (Some(_), false) => {
                return Err(ServiceError::field(
                    "signing_key_path",
                    "is in more than one vault that the agent may read; name one with `vault_id`",
                ));
            }
            (None, _) => {
                let event = events::by_caller(
                    context,
                    &actor.caller,
                    "transaction.denied",
                    "agent",
                    actor.agent.id,
                )
                .with_details(json!({"code": "key_not_found", "path": path.as_str()}));
                self.store.record(event).await?;
                return Err(NO_KEY);
            }
        };
        self.opened_once(context, actor, &vault, path).await
    }

    /// The key at a path, with its address, which takes opening it the first time.
    async fn opened_once(
        &self,
        context: &RequestContext,
        actor: &Actor,
        vault: &Vault,
        path: &SecretPath,
    ) -> Result<FoundKey> {
        let grant = self
            .gate
            .admit::<ReadSecret>(context, &actor.as_agent, vault.id, path)
            .await?;
        let (secret, version) = self
            .store
            .latest_readable(vault.id, path)
            .await?
            .ok_or(NO_KEY)?;
        if version.kind != "private_key" {
            return Err(ServiceError::field(
                "signing_key_path",
                format!(
                    "the secret there is of type `{}`; only `private_key` signs",
                    version.kind
                ),
            ));
        }
        if version.expires_at.is_some_and(|at| at <= context.at) {
            return Err(ServiceError::Gone("the key has expired"));
        }
        // To sign is not to read and does not count as such, but what may not be read any more signs nothing either.
        if version
            .max_access_count
            .is_some_and(|most| version.access_count >= most)
        {
            return Err(ServiceError::Gone("the key was read as often as it may be"));
        }
        let location = KeyLocation {
            secret: secret.id,
            vault: vault.id,
            path: path.clone(),
            version: version.version,
        };
        let known = self.store.key_address(secret.id, version.version).await?;
        let address = match known {
            Some(address) => address,
            None => {
                let key = self
                    .keys
                    .vault_key(vault.org_id, vault.id, &vault.wrapped_key)?;
                let at = secret_ref(vault, &location);
                let value = envelope::open(&grant.permit, &key, at, &sealed(&version), context.at)?;
                let address = oneclaw_signer::address_of(&value)
                    .map_err(|e| ServiceError::field("signing_key_path", e))?;
                self.store
                    .put_key_address(secret.id, version.version, address)
                    .await?;
                address
            }
        };
        Ok(FoundKey {
            location,
            address,
            vault: vault.clone(),
        })
    }
}

/// What a sealed key is bound to.
pub fn secret_ref<'a>(vault: &Vault, location: &'a KeyLocation) -> SecretRef<'a> {
    SecretRef {
        org: vault.org_id,
        vault: vault.id,
        path: &location.path,
        version: location.version,
    }
}

/// The sealed value of a version.
pub fn sealed(version: &SecretVersion) -> Sealed {
    Sealed {
        wrapped_data_key: version.wrapped_data_key.clone(),
        ciphertext: version.ciphertext.clone(),
    }
}
