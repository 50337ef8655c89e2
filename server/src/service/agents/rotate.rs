//! New keys for agents, one or many, with or without a time in which the old ones still count.

use oneclaw_core::api::{
    BatchAgentError, BatchRotateKeysRequest, BatchRotateKeysResponse, ProvisionedAgent,
    RotateAgentKeyResponse,
};
use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::AgentId;
use oneclaw_store::{Agent, KeyRotation};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::super::caller::{Caller, RequestContext};
use super::super::error::{Result, ServiceError};
use super::super::events::{self, EventExt};
use super::super::{Services, time};
use super::wire;

/// Most agents in one request.
const MAX_BATCH: usize = 1000;
/// Longest time in which an old key counts beside the new one: a week.
const MAX_OVERLAP_SECONDS: i64 = 604_800;

impl Services {
    /// `POST /v1/agents/{agent_id}/rotate-key`: without an overlap the old key is dead at once.
    ///
    /// # Errors
    /// As [`Services::update_agent`].
    pub async fn rotate_agent_key(
        &self,
        context: &RequestContext,
        caller: &Caller,
        id: AgentId,
        overlap_seconds: Option<i64>,
    ) -> Result<RotateAgentKeyResponse> {
        let until = overlap(overlap_seconds, context.at)?;
        let mut agent = self.managed_agent(caller, id).await?;
        if agent.key_hash.is_none() {
            return Err(ServiceError::field(
                "agent_id",
                "this agent does not sign in with a key",
            ));
        }
        let (rotation, key) = self.rotation(context, caller, &mut agent, until)?;
        let rotated = self
            .store
            .rotate_agent_keys(agent.org_id, vec![rotation], until)
            .await?;
        if rotated.is_empty() {
            return Err(super::UNKNOWN);
        }
        Ok(RotateAgentKeyResponse {
            api_key: key.expose_secret().to_owned(),
            old_key_valid_until: time::format_option(until),
            agent: wire::agent(&agent),
        })
    }

    /// `POST /v1/agents/batch-rotate-keys`: all that can be given a new key get one, together.
    ///
    /// # Errors
    /// Names the field at fault; what goes wrong with single agents stands in the answer.
    pub async fn rotate_agent_keys(
        &self,
        context: &RequestContext,
        caller: &Caller,
        request: &BatchRotateKeysRequest,
    ) -> Result<BatchRotateKeysResponse> {
        let org = caller.human()?.org_id;
        let until = overlap(request.overlap_seconds, context.at)?;
        let (agents, mut errors) = self
            .managed_agents(caller, &request.agent_ids, MAX_BATCH)
            .await?;
        let mut rotations = Vec::with_capacity(agents.len());
        let mut made = Vec::with_capacity(agents.len());
        for mut agent in agents {
            if agent.key_hash.is_none() {
                errors.push(BatchAgentError {
                    id: agent.id.to_string(),
                    reason: "does not sign in with a key".to_owned(),
                });
                continue;
            }
            let (rotation, key) = self.rotation(context, caller, &mut agent, until)?;
            rotations.push(rotation);
            made.push((agent, key));
        }
        let rotated = self.store.rotate_agent_keys(org, rotations, until).await?;
        let mut keys = Vec::with_capacity(made.len());
        for (agent, key) in made {
            if rotated.contains(&agent.id) {
                keys.push(ProvisionedAgent {
                    reference: None,
                    id: agent.id.to_string(),
                    name: agent.name,
                    api_key_prefix: agent.key_prefix,
                    api_key: Some(key.expose_secret().to_owned()),
                });
            } else {
                errors.push(BatchAgentError {
                    id: agent.id.to_string(),
                    reason: super::UNKNOWN.to_string(),
                });
            }
        }
        Ok(BatchRotateKeysResponse {
            rotated: keys.len(),
            failed: errors.len(),
            keys,
            old_keys_valid_until: time::format_option(until),
            errors,
        })
    }

    fn rotation(
        &self,
        context: &RequestContext,
        caller: &Caller,
        agent: &mut Agent,
        until: Option<Timestamp>,
    ) -> Result<(KeyRotation, SecretString)> {
        let text = self.give_key(agent)?;
        let event = events::by_caller(context, caller, "agent.rotate_key", "agent", agent.id)
            .with_details(json!({"old_key_valid_until": time::format_option(until)}));
        let rotation = KeyRotation {
            agent: agent.id,
            key_prefix: agent.key_prefix.clone().unwrap_or_default(),
            key_hash: agent.key_hash.clone().unwrap_or_default(),
            event,
        };
        Ok((rotation, text))
    }
}

fn overlap(seconds: Option<i64>, now: Timestamp) -> Result<Option<Timestamp>> {
    match seconds {
        None | Some(0) => Ok(None),
        Some(seconds @ 1..=MAX_OVERLAP_SECONDS) => Ok(Some(now.plus_seconds(seconds))),
        Some(_) => Err(ServiceError::field(
            "overlap_seconds",
            format!("must be from 0 to {MAX_OVERLAP_SECONDS}"),
        )),
    }
}
