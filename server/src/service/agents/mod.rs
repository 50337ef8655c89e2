//! Agents: registered, changed, given new keys, removed.

mod bulk;
mod draft;
pub(super) mod keys;
mod list;
mod profile;
mod rotate;
mod spending;
mod wire;

pub use list::AgentsQuery;
pub use profile::{FIELDS as PROFILE_FIELDS, Kind as ProfileKind, fleet_fields, is_guardrail};

use std::collections::BTreeSet;

use oneclaw_core::api::{
    Agent, BatchAgentError, BatchDeleteAgentsRequest, BatchDeleteAgentsResponse,
    CreateAgentRequest, CreateAgentResponse, UpdateAgentRequest,
};
use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{AgentId, VaultId};
use oneclaw_core::path::excerpt;
use oneclaw_crypto::api_key::{AGENT_PREFIX, NewKey};
use oneclaw_crypto::identity;
use oneclaw_crypto::identity::IdentityKeys;
use secrecy::ExposeSecret;
use serde_json::json;

use super::caller::{Caller, RequestContext};
use super::error::{Result, ServiceError};
use super::events::{self, EventExt};
use super::{Services, check, guardrails, time};

/// Most agents in one batch deletion.
const MAX_BATCH: usize = 500;

const UNKNOWN: ServiceError = ServiceError::NotFound("no such agent");

/// Puts fields of an update into a profile that is not stored: what an agent would be.
///
/// # Errors
/// Names the field at fault.
pub(super) fn apply_draft(
    profile: &mut serde_json::Map<String, serde_json::Value>,
    fields: serde_json::Map<String, serde_json::Value>,
) -> Result<()> {
    profile::apply(profile, fields, profile::When::Update)
}

/// An agent that is not stored yet, with its keys.
#[derive(Debug)]
pub(in crate::service) struct DraftAgent {
    /// The agent.
    pub agent: oneclaw_store::Agent,
    /// What it signs in with.
    pub key: NewKey,
    /// Its pairs of keys.
    pub identity: IdentityKeys,
}

impl Services {
    /// `POST /v1/agents`: the answer shows the key, this once.
    ///
    /// # Errors
    /// Names the field at fault; [`ServiceError::Forbidden`] for agents.
    pub async fn create_agent(
        &self,
        context: &RequestContext,
        caller: &Caller,
        request: CreateAgentRequest,
    ) -> Result<CreateAgentResponse> {
        let draft = self.draft_agent(context, caller, request).await?;
        self.insert_agent(context, caller, &draft, None).await?;
        self.show_new_agent(draft, context.at).await
    }

    /// The answer that shows a new agent with its key.
    pub(in crate::service) async fn show_new_agent(
        &self,
        draft: DraftAgent,
        at: Timestamp,
    ) -> Result<CreateAgentResponse> {
        let wire = self.agent_with_spending(&draft.agent, at).await?;
        Ok(CreateAgentResponse {
            agent: wire.clone(),
            api_key: Some(draft.key.text.expose_secret().to_owned()),
            flat: wire,
        })
    }

    /// An agent as it is asked for, checked and with new keys, and not stored yet.
    pub(in crate::service) async fn draft_agent(
        &self,
        context: &RequestContext,
        caller: &Caller,
        request: CreateAgentRequest,
    ) -> Result<DraftAgent> {
        let human = caller.human()?;
        let vaults = self
            .known_vaults(caller, request.vault_ids.as_deref().unwrap_or_default())
            .await?;
        let chains = self.chain_names().await?;
        let mut agent = draft::checked(context, human, request, vaults, &chains)?;
        let key = self.keys.hasher().generate(AGENT_PREFIX)?;
        let identity = identity::generate().map_err(|e| ServiceError::Internal(e.to_string()))?;
        agent.key_prefix = Some(key.display_prefix.clone());
        agent.key_hash = Some(key.hash.to_vec());
        agent.ssh_public_key = Some(identity.ssh_public_base64.clone());
        agent.ecdh_public_key = Some(identity.ecdh_public_base64.clone());
        Ok(DraftAgent {
            agent,
            key,
            identity,
        })
    }

    /// `GET /v1/agents/me`
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`] for humans.
    pub async fn own_agent(&self, caller: &Caller) -> Result<Agent> {
        let session = caller.agent().ok_or_else(|| {
            ServiceError::Forbidden("this is for agents; humans use /v1/auth/me".to_owned())
        })?;
        self.agent_with_spending(&session.agent, self.clock.now())
            .await
    }

    /// `GET /v1/agents/{agent_id}`: for humans, and for the agent itself.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`]; [`ServiceError::Forbidden`] for other agents.
    pub async fn agent(&self, caller: &Caller, id: AgentId) -> Result<Agent> {
        if caller.agent_id().is_some_and(|own| own != id) {
            return Err(ServiceError::Forbidden(
                "an agent may look at itself alone".to_owned(),
            ));
        }
        let agent = self.store.agent(caller.org(), id).await?.ok_or(UNKNOWN)?;
        self.agent_with_spending(&agent, self.clock.now()).await
    }

    /// `PATCH /v1/agents/{agent_id}`
    ///
    /// # Errors
    /// Names the field at fault; [`ServiceError::Forbidden`] for agents and for members who did not make the agent.
    pub async fn update_agent(
        &self,
        context: &RequestContext,
        caller: &Caller,
        id: AgentId,
        request: UpdateAgentRequest,
    ) -> Result<Agent> {
        let mut agent = self.managed_agent(caller, id).await?;
        let was_active = agent.is_active;
        if let Some(name) = &request.name {
            agent.name = check::name("name", name)?;
        }
        if let Some(text) = request.description {
            agent.description = check::description("description", &text.unwrap_or_default())?;
        }
        if let Some(scopes) = request.scopes {
            agent.scopes = check::scopes("scopes", &scopes.unwrap_or_default())?;
        }
        if let Some(active) = request.is_active {
            agent.is_active = active;
        }
        if let Some(text) = request.expires_at {
            agent.expires_at = time::parse_option("expires_at", text.as_deref())?;
        }
        if let Some(text) = request.api_key_expires_at {
            agent.api_key_expires_at = time::parse_option("api_key_expires_at", text.as_deref())?;
        }
        if let Some(ttl) = request.token_ttl_seconds {
            agent.token_ttl_seconds = token_ttl(ttl)?;
        }
        if let Some(vaults) = request.vault_ids {
            agent.vault_ids = self
                .known_vaults(caller, &vaults.unwrap_or_default())
                .await?;
        }
        if let Some(enabled) = request.intents_api_enabled {
            agent.intents_api_enabled = enabled.unwrap_or(false);
        }
        if let Some(text) = request.environment {
            agent.environment = environment(text.as_deref())?;
        }
        let changed: Vec<String> = request
            .profile
            .keys()
            .take(100)
            .map(|key| excerpt(key))
            .collect();
        // An agent can be shut out, renamed and so on whatever an older version has stored.
        let is_affected =
            !request.profile.is_empty() || request.intents_api_enabled == Some(Some(true));
        if let Some(profile) = agent.profile.as_object_mut() {
            profile::apply(profile, request.profile, profile::When::Update)?;
        }
        if is_affected {
            guardrails::check(&agent.profile, &self.chain_names().await?, context.at)?;
        }
        let action = if was_active && !agent.is_active {
            "agent.deactivate"
        } else {
            "agent.update"
        };
        let event = events::by_caller(context, caller, action, "agent", agent.id).with_details(
            json!({"name": agent.name, "is_active": agent.is_active, "profile_fields": changed}),
        );
        self.store.update_agent(&agent, event).await?;
        self.agent_with_spending(&agent, context.at).await
    }

    /// `DELETE /v1/agents/{agent_id}`: for good; its audit events stay.
    ///
    /// # Errors
    /// As [`Services::update_agent`].
    pub async fn delete_agent(
        &self,
        context: &RequestContext,
        caller: &Caller,
        id: AgentId,
    ) -> Result<()> {
        let agent = self.managed_agent(caller, id).await?;
        let event = events::by_caller(context, caller, "agent.delete", "agent", id)
            .with_details(json!({"name": agent.name}));
        self.store
            .delete_agents(agent.org_id, &[id], vec![event])
            .await?;
        Ok(())
    }

    /// `POST /v1/agents/batch-delete`
    ///
    /// # Errors
    /// Names the field at fault; what goes wrong with single agents stands in the answer.
    pub async fn delete_agents(
        &self,
        context: &RequestContext,
        caller: &Caller,
        request: &BatchDeleteAgentsRequest,
    ) -> Result<BatchDeleteAgentsResponse> {
        let org = caller.human()?.org_id;
        let (agents, errors) = self
            .managed_agents(caller, &request.agent_ids, MAX_BATCH)
            .await?;
        let ids: Vec<AgentId> = agents.iter().map(|agent| agent.id).collect();
        let deletions = agents
            .iter()
            .map(|agent| {
                events::by_caller(context, caller, "agent.delete", "agent", agent.id)
                    .with_details(json!({"name": agent.name}))
            })
            .collect();
        if !ids.is_empty() {
            self.store.delete_agents(org, &ids, deletions).await?;
        }
        Ok(BatchDeleteAgentsResponse {
            deleted: ids.len(),
            failed: errors.len(),
            errors,
        })
    }

    /// The agents of a batch that the caller may change, and what is wrong with the others.
    ///
    /// # Errors
    /// Names `agent_ids` if there are none or too many.
    async fn managed_agents(
        &self,
        caller: &Caller,
        texts: &[String],
        most: usize,
    ) -> Result<(Vec<oneclaw_store::Agent>, Vec<BatchAgentError>)> {
        if texts.is_empty() || texts.len() > most {
            return Err(ServiceError::field(
                "agent_ids",
                format!("must have 1 to {most} entries"),
            ));
        }
        let mut agents = Vec::with_capacity(texts.len());
        let mut errors = Vec::new();
        let mut seen = BTreeSet::new();
        for text in texts {
            let checked = match text.parse::<AgentId>() {
                Ok(id) if !seen.insert(id) => Err("named twice".to_owned()),
                Ok(id) => self
                    .managed_agent(caller, id)
                    .await
                    .map_err(|e| e.to_string()),
                Err(error) => Err(error.to_string()),
            };
            match checked {
                Ok(agent) => agents.push(agent),
                Err(reason) => errors.push(BatchAgentError {
                    id: excerpt(text),
                    reason,
                }),
            }
        }
        Ok((agents, errors))
    }

    /// An agent that the caller may change: owners and admins any, members those they made.
    pub(super) async fn managed_agent(
        &self,
        caller: &Caller,
        id: AgentId,
    ) -> Result<oneclaw_store::Agent> {
        let human = caller.human()?;
        let agent = self.store.agent(human.org_id, id).await?.ok_or(UNKNOWN)?;
        if caller.is_admin() || agent.created_by == Some(human.id) {
            return Ok(agent);
        }
        Err(ServiceError::Forbidden(
            "only the agent's creator and owners or admins of the organisation may do this"
                .to_owned(),
        ))
    }

    async fn known_vaults(&self, caller: &Caller, texts: &[String]) -> Result<Vec<VaultId>> {
        if texts.len() > check::MAX_LIST_ENTRIES {
            return Err(ServiceError::field(
                "vault_ids",
                format!("has more than {} entries", check::MAX_LIST_ENTRIES),
            ));
        }
        let mut ids = Vec::with_capacity(texts.len());
        for text in texts {
            let id: VaultId = text
                .trim()
                .parse()
                .map_err(|e| ServiceError::field("vault_ids", e))?;
            if self.store.vault(caller.org(), id).await?.is_none() {
                return Err(ServiceError::field(
                    "vault_ids",
                    format!("there is no vault `{id}`"),
                ));
            }
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        Ok(ids)
    }
}

fn token_ttl(seconds: Option<i64>) -> Result<Option<i64>> {
    match seconds {
        None | Some(60..=86_400) => Ok(seconds),
        Some(_) => Err(ServiceError::field(
            "token_ttl_seconds",
            "must be from 60 to 86400, or null for 3600",
        )),
    }
}

fn environment(name: Option<&str>) -> Result<Option<String>> {
    match name.filter(|name| !name.is_empty()) {
        None => Ok(None),
        Some(name)
            if name.len() <= 64 && name.chars().all(|c| !c.is_control() && !c.is_whitespace()) =>
        {
            Ok(Some(name.to_owned()))
        }
        Some(_) => Err(ServiceError::field(
            "environment",
            "must be a word of at most 64 bytes",
        )),
    }
}
