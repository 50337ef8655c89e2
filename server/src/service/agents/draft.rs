//! From what is asked for to an agent that can be stored: checked first, keys afterwards.

use std::sync::Arc;

use oneclaw_core::api::CreateAgentRequest;
use oneclaw_core::ids::{AgentId, VaultId};
use oneclaw_core::path::excerpt;
use oneclaw_crypto::api_key::AGENT_PREFIX;
use oneclaw_crypto::envelope::VaultKey;
use oneclaw_crypto::{identity, random};
use oneclaw_store::{Agent, Secret, SecretVersion, User, Vault};
use secrecy::SecretString;
use serde_json::Value;

use super::super::caller::RequestContext;
use super::super::error::{Result, ServiceError};
use super::super::guardrails::ChainNames;
use super::super::{Services, check, guardrails};
use super::keys::key_secret;
use super::{environment, profile, token_ttl};

/// An agent with the private keys that are to be stored with it.
pub(super) type WithKeys = (Agent, Vec<(Secret, SecretVersion)>);

/// Checks what is asked for. The agent has no keys yet.
///
/// # Errors
/// Names the field at fault.
pub(super) fn checked(
    context: &RequestContext,
    human: &User,
    request: CreateAgentRequest,
    vault_ids: Vec<VaultId>,
    chains: &ChainNames,
) -> Result<Agent> {
    match request.auth_method.as_deref() {
        None | Some("api_key") => {}
        Some(other @ ("mtls" | "oidc_client_credentials")) => {
            return Err(ServiceError::field(
                "auth_method",
                format!("`{other}` is not supported by this server; use `api_key`"),
            ));
        }
        Some(other) => {
            return Err(ServiceError::field(
                "auth_method",
                format!("`{}` is not `api_key`", excerpt(other)),
            ));
        }
    }
    let mut fields = profile::defaults();
    profile::apply(&mut fields, request.profile, profile::When::Create)?;
    let profile = Value::Object(fields);
    guardrails::check(&profile, chains, context.at)?;
    Ok(Agent {
        id: AgentId::from_uuid(random::new_id()),
        org_id: human.org_id,
        created_by: Some(human.id),
        name: check::name("name", &request.name)?,
        description: check::description(
            "description",
            request.description.as_deref().unwrap_or(""),
        )?,
        auth_method: "api_key".to_owned(),
        key_prefix: None,
        key_hash: None,
        scopes: check::scopes("scopes", request.scopes.as_deref().unwrap_or_default())?,
        is_active: true,
        expires_at: check::future("expires_at", request.expires_at.as_deref(), context.at)?,
        api_key_expires_at: check::future(
            "api_key_expires_at",
            request.api_key_expires_at.as_deref(),
            context.at,
        )?,
        token_ttl_seconds: token_ttl(request.token_ttl_seconds)?,
        vault_ids,
        intents_api_enabled: request.intents_api_enabled.unwrap_or(false),
        environment: environment(request.environment.as_deref())?,
        profile,
        ssh_public_key: None,
        ecdh_public_key: None,
        created_at: context.at,
        last_active_at: None,
    })
}

impl Services {
    /// Gives an agent the key that it signs in with, which is shown this once.
    ///
    /// # Errors
    /// If the operating system gives no randomness.
    pub(super) fn give_key(&self, agent: &mut Agent) -> Result<SecretString> {
        let key = self.keys.hasher().generate(AGENT_PREFIX)?;
        agent.key_prefix = Some(key.display_prefix);
        agent.key_hash = Some(key.hash.to_vec());
        Ok(key.text)
    }
}

/// Gives agents their identity pairs, on threads that serve nobody meanwhile. The private halves come sealed.
///
/// # Errors
/// If the operating system gives no randomness.
pub(super) async fn with_identities(
    context: &RequestContext,
    agents: Vec<Agent>,
    vault: &Vault,
    key: VaultKey,
) -> Result<Vec<WithKeys>> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let share = agents.len().div_ceil(threads).max(1);
    let (vault, key) = (Arc::new(vault.clone()), Arc::new(key));
    let mut workers = Vec::with_capacity(threads);
    let mut rest = agents.into_iter();
    loop {
        let agents: Vec<Agent> = rest.by_ref().take(share).collect();
        if agents.is_empty() {
            break;
        }
        let (context, vault, key) = (context.clone(), Arc::clone(&vault), Arc::clone(&key));
        workers.push(tokio::task::spawn_blocking(move || {
            agents
                .into_iter()
                .map(|agent| with_identity(&context, agent, &vault, &key))
                .collect::<Result<Vec<_>>>()
        }));
    }
    let mut all = Vec::new();
    for worker in workers {
        let made = worker
            .await
            .map_err(|e| ServiceError::Internal(e.to_string()))?;
        all.extend(made?);
    }
    Ok(all)
}

fn with_identity(
    context: &RequestContext,
    mut agent: Agent,
    vault: &Vault,
    key: &VaultKey,
) -> Result<WithKeys> {
    let identity = identity::generate().map_err(|e| ServiceError::Internal(e.to_string()))?;
    let secrets = [
        ("ssh", "ssh_key", &identity.ssh_private),
        ("ecdh", "private_key", &identity.ecdh_private),
    ]
    .into_iter()
    .map(|(name, kind, value)| key_secret(context, &agent, vault, key, name, kind, value, 1))
    .collect::<Result<Vec<_>>>()?;
    agent.ssh_public_key = Some(identity.ssh_public_base64);
    agent.ecdh_public_key = Some(identity.ecdh_public_base64);
    Ok((agent, secrets))
}
