//! The keys that agents sign transactions with: made, taken in, replaced, ended, taken out. Their private halves are secrets
//! in the vault of the agents' keys; an agent signs with its key and never sees it.

mod balance;
mod carry;

use oneclaw_core::api::{
    ChainRef, CreateSigningKeyRequest, SigningKey as SigningKeyBody, SigningKeyList,
};
use oneclaw_core::ids::{AgentId, SigningKeyId};
use oneclaw_core::path::excerpt;
use oneclaw_crypto::random;
use oneclaw_signer::NewKey;
use oneclaw_store::{Agent, Secret, SecretVersion, SigningKey, StoreError, Vault};
use serde_json::{Map, Value, json};

use super::agents::keys::{key_path, key_secret, next_of};
use super::caller::{Caller, RequestContext};
use super::chains::FOREIGN_FAMILIES;
use super::error::{Result, ServiceError};
use super::events::{self, EventExt};
use super::intents::EVM_KEY as EVM;
use super::{Services, time};

const CURVE: &str = "secp256k1";

const UNKNOWN_AGENT: ServiceError = ServiceError::NotFound("no such agent");
const NO_KEY: ServiceError =
    ServiceError::NotFound("the agent has no active signing key for this chain");

/// How often a key is sealed anew because somebody else was faster.
const ATTEMPTS: usize = 3;

impl Services {
    /// `POST /v1/agents/{agent_id}/signing-keys`
    ///
    /// # Errors
    /// Names the field at fault; [`ServiceError::Conflict`] while there is an active one; as
    /// [`Services::rotate_signing_key`] otherwise.
    pub async fn create_signing_key(
        &self,
        context: &RequestContext,
        caller: &Caller,
        id: AgentId,
        request: &CreateSigningKeyRequest,
    ) -> Result<SigningKeyBody> {
        let agent = self.managed_agent(caller, id).await?;
        let word = self.key_word(&request.chain).await?;
        let new = oneclaw_signer::generate().map_err(|e| ServiceError::Internal(e.to_string()))?;
        self.store_key(context, caller, &agent, word, &new, "signing_key.create")
            .await
    }

    /// `GET /v1/agents/{agent_id}/signing-keys`: for humans of the organisation, and for the agent itself.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`]; [`ServiceError::Forbidden`] for other agents.
    pub async fn list_signing_keys(&self, caller: &Caller, id: AgentId) -> Result<SigningKeyList> {
        let agent = self.seen_agent(caller, id).await?;
        let keys = self.store.signing_keys(agent.id).await?;
        Ok(SigningKeyList {
            keys: keys.into_iter().map(body).collect(),
        })
    }

    /// `POST /v1/agents/{agent_id}/signing-keys/{chain}/rotate`: a new key with a new address. What the old address holds
    /// stays there; the old key stays in the vault and signs no more.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] without an active key; [`ServiceError::Forbidden`] for agents and for members who did not
    /// make the agent.
    pub async fn rotate_signing_key(
        &self,
        context: &RequestContext,
        caller: &Caller,
        id: AgentId,
        chain: &str,
    ) -> Result<SigningKeyBody> {
        let agent = self.managed_agent(caller, id).await?;
        let word = self.key_word(&ChainRef::Name(chain.to_owned())).await?;
        let new = oneclaw_signer::generate().map_err(|e| ServiceError::Internal(e.to_string()))?;
        for _ in 0..ATTEMPTS {
            let old = self
                .store
                .active_signing_key(agent.id, word)
                .await?
                .ok_or(NO_KEY)?;
            let prepared = self
                .prepare_key(context, caller, &agent, word, &new)
                .await?;
            let event = event(context, caller, "signing_key.rotate", &prepared.key);
            match self
                .store
                .rotate_signing_key(
                    old.id,
                    &prepared.key,
                    (&prepared.secret, &prepared.version),
                    event,
                )
                .await
            {
                Err(StoreError::Conflict(_) | StoreError::NotFound) => {}
                other => {
                    other?;
                    return Ok(body(prepared.key));
                }
            }
        }
        Err(busy())
    }

    /// `DELETE /v1/agents/{agent_id}/signing-keys/{chain}`: the key signs no more. It stays in the vault.
    ///
    /// # Errors
    /// As [`Services::rotate_signing_key`].
    pub async fn deactivate_signing_key(
        &self,
        context: &RequestContext,
        caller: &Caller,
        id: AgentId,
        chain: &str,
    ) -> Result<()> {
        let agent = self.managed_agent(caller, id).await?;
        let word = self.key_word(&ChainRef::Name(chain.to_owned())).await?;
        let key = self
            .store
            .active_signing_key(agent.id, word)
            .await?
            .ok_or(NO_KEY)?;
        let event = event(context, caller, "signing_key.deactivate", &key);
        match self
            .store
            .deactivate_signing_key(agent.id, word, event)
            .await
        {
            Err(StoreError::NotFound) => Err(NO_KEY),
            other => Ok(other?),
        }
    }

    /// `evm_address` and `signing_chains` of an agent's record.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(super) async fn shown_signing_key(&self, agent: AgentId) -> Result<Map<String, Value>> {
        let key = self.store.active_signing_key(agent, EVM).await?;
        let chains: Vec<&str> = key.iter().map(|key| key.chain.as_str()).collect();
        let address = key.as_ref().and_then(|key| key.address.as_deref());
        Ok([
            ("evm_address", json!(address)),
            ("signing_chains", json!(chains)),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect())
    }

    /// Seals and stores a key as the agent's active one.
    async fn store_key(
        &self,
        context: &RequestContext,
        caller: &Caller,
        agent: &Agent,
        word: &str,
        new: &NewKey,
        action: &str,
    ) -> Result<SigningKeyBody> {
        for _ in 0..ATTEMPTS {
            let prepared = self.prepare_key(context, caller, agent, word, new).await?;
            let event = event(context, caller, action, &prepared.key);
            let stored = self
                .store
                .create_signing_key(
                    &prepared.key,
                    (&prepared.secret, &prepared.version),
                    prepared.new_vault.as_ref(),
                    event,
                )
                .await;
            match stored {
                Err(StoreError::Conflict("signing key")) => return Err(exists()),
                Err(StoreError::Conflict(_)) => {}
                Err(StoreError::NotFound) => return Err(UNKNOWN_AGENT),
                other => {
                    other?;
                    return Ok(body(prepared.key));
                }
            }
        }
        Err(busy())
    }

    /// Seals a key as the next version of the agent's secret for it.
    async fn prepare_key(
        &self,
        context: &RequestContext,
        caller: &Caller,
        agent: &Agent,
        word: &str,
        new: &NewKey,
    ) -> Result<Prepared> {
        let (vault, vault_key, is_new) = self.key_vault(context, caller, agent.org_id).await?;
        let name = format!("chains/{word}");
        let path = key_path(agent, &name)?;
        let (existing, number) = self.store.next_version(vault.id, &path).await?;
        let sealed = key_secret(
            context,
            agent,
            &vault,
            &vault_key,
            &name,
            "private_key",
            &new.private_key,
            number,
        )?;
        let (secret, version) = next_of(existing, sealed);
        let newest = self
            .store
            .signing_keys(agent.id)
            .await?
            .iter()
            .filter(|key| key.chain == word)
            .map(|key| key.key_version)
            .max()
            .unwrap_or(0);
        let key = SigningKey {
            id: SigningKeyId::from_uuid(random::new_id()),
            org_id: agent.org_id,
            agent_id: agent.id,
            chain: word.to_owned(),
            curve: CURVE.to_owned(),
            public_key: new.public_key.clone(),
            address: Some(new.address.to_checksum(None)),
            secret_id: secret.id,
            vault_id: vault.id,
            path,
            secret_version: version.version,
            key_version: newest.saturating_add(1),
            is_active: true,
            created_at: context.at,
            rotated_at: None,
        };
        Ok(Prepared {
            key,
            secret,
            version,
            new_vault: is_new.then_some(vault),
        })
    }

    /// The word that a chain's key is kept under.
    async fn key_word(&self, chain: &ChainRef) -> Result<&'static str> {
        if let ChainRef::Name(name) = chain {
            let name = name.trim().to_ascii_lowercase();
            if FOREIGN_FAMILIES.contains(&name.as_str()) {
                return Err(ServiceError::field(
                    "chain",
                    format!(
                        "`{name}` is no EVM chain; this server signs for EVM chains alone, with one key named `{EVM}`"
                    ),
                ));
            }
            // Also where an administrator has taken it out of the registry.
            if name == EVM {
                return Ok(EVM);
            }
        }
        if self.find_chain(chain).await?.is_some() {
            return Ok(EVM);
        }
        let shown = match chain {
            ChainRef::Id(id) => id.to_string(),
            ChainRef::Name(name) => excerpt(name),
        };
        Err(ServiceError::field(
            "chain",
            format!("there is no chain `{shown}`; write `{EVM}`, whose key serves every EVM chain"),
        ))
    }

    /// An agent that the caller may look at: humans all of their organisation's, agents themselves.
    async fn seen_agent(&self, caller: &Caller, id: AgentId) -> Result<Agent> {
        if caller.agent_id().is_some_and(|own| own != id) {
            return Err(ServiceError::Forbidden(
                "an agent may look at itself alone".to_owned(),
            ));
        }
        self.store
            .agent(caller.org(), id)
            .await?
            .ok_or(UNKNOWN_AGENT)
    }
}

/// A sealed key, to be stored.
struct Prepared {
    key: SigningKey,
    secret: Secret,
    version: SecretVersion,
    new_vault: Option<Vault>,
}

fn exists() -> ServiceError {
    ServiceError::Conflict(
        "the agent has an active signing key for this chain; rotate or deactivate it first"
            .to_owned(),
    )
}

fn busy() -> ServiceError {
    ServiceError::Unavailable("the agent's keys are being changed; try again".to_owned())
}

fn event(
    context: &RequestContext,
    caller: &Caller,
    action: &str,
    key: &SigningKey,
) -> oneclaw_store::NewEvent {
    events::by_caller(context, caller, action, "agent", key.agent_id)
        .in_vault(key.vault_id)
        .with_details(details(key))
}

/// What is recorded of a key: nothing that is secret.
fn details(key: &SigningKey) -> Value {
    json!({
        "signing_key": key.id.to_string(),
        "chain": key.chain,
        "address": key.address,
        "key_version": key.key_version,
    })
}

fn body(key: SigningKey) -> SigningKeyBody {
    SigningKeyBody {
        id: key.id.to_string(),
        agent_id: key.agent_id.to_string(),
        chain: key.chain,
        curve: key.curve,
        public_key: key.public_key,
        address: key.address,
        key_version: key.key_version,
        is_active: key.is_active,
        created_at: time::format(key.created_at),
        rotated_at: time::format_option(key.rotated_at),
    }
}
