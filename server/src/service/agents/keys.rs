//! The keys of agents: the one they sign in with, and their identity pairs, whose private halves live in a vault.

use oneclaw_core::api::{Agent, IssueAgentTokenResponse};
use oneclaw_core::ids::{AgentId, OrgId, SecretId, VaultId};
use oneclaw_core::path::SecretPath;
use oneclaw_core::principal::Principal;
use oneclaw_crypto::envelope::{self, SecretRef, VaultKey};
use oneclaw_crypto::{identity, random};
use oneclaw_store::{
    EnrollmentDecision, NewAgent, NewMail, Secret, SecretVersion, StoreError, Vault,
};
use secrecy::SecretString;
use serde_json::json;

use super::super::Services;
use super::super::caller::{Caller, RequestContext};
use super::super::error::{Result, ServiceError};
use super::super::events::{self, EventExt};
use super::{DraftAgent, UNKNOWN, profile, wire};

/// Where the keys of agents are kept, one vault for an organisation.
const SYSTEM_VAULT: &str = "__agent-keys";

/// An agent that asked to be let in, and is.
pub(in crate::service) struct Admission<'a> {
    /// Who let it in.
    pub decision: EnrollmentDecision,
    /// Who is told.
    pub mails: &'a [NewMail],
}

impl Services {
    /// Stores the agent with its private keys; the first agent of an organisation brings the vault for them. One that asked
    /// to be let in is let in by the same transaction.
    pub(in crate::service) async fn insert_agent(
        &self,
        context: &RequestContext,
        caller: &Caller,
        draft: &DraftAgent,
        admission: Option<&Admission<'_>>,
    ) -> Result<()> {
        let agent = &draft.agent;
        let fields = profile::set_fields(&agent.profile);
        let details = match admission {
            None => json!({"name": agent.name, "profile_fields": fields}),
            Some(admission) => json!({
                "name": agent.name,
                "enrollment_id": admission.decision.id.to_string(),
                "profile_fields": fields,
            }),
        };
        let event = events::by_caller(context, caller, "agent.register", "agent", agent.id)
            .with_details(details);
        // Two first agents may race for the vault: the loser finds the winner's the second time.
        for _ in 0..2 {
            let (vault, key, is_new) = self.key_vault(context, caller, agent.org_id).await?;
            let secrets = [
                ("ssh", "ssh_key", &draft.identity.ssh_private),
                ("ecdh", "private_key", &draft.identity.ecdh_private),
            ]
            .iter()
            .map(|(name, kind, value)| {
                key_secret(context, agent, &vault, &key, name, kind, value, 1)
            })
            .collect::<Result<Vec<_>>>()?;
            let system_vault = is_new.then_some(&vault);
            let stored = match admission {
                None => {
                    self.store
                        .create_agent(agent, system_vault, secrets, event.clone())
                        .await
                }
                Some(Admission { decision, mails }) => {
                    let new = NewAgent {
                        agent,
                        system_vault,
                        secrets: &secrets,
                    };
                    let events = std::slice::from_ref(&event);
                    self.store
                        .approve_enrollment(decision, new, mails, events)
                        .await
                }
            };
            match stored {
                Err(StoreError::Conflict("system vault")) => {}
                Err(StoreError::Conflict("decided")) => {
                    return Err(ServiceError::Conflict(
                        "this enrolment has been decided already".to_owned(),
                    ));
                }
                other => return Ok(other?),
            }
        }
        Err(ServiceError::Unavailable(
            "the vault of the agents' keys is being made; try again".to_owned(),
        ))
    }

    /// The vault of the agents' keys with its key, and whether it is still to be stored.
    pub(in crate::service) async fn key_vault(
        &self,
        context: &RequestContext,
        caller: &Caller,
        org: OrgId,
    ) -> Result<(Vault, VaultKey, bool)> {
        match self.store.system_vault(org).await? {
            Some(vault) => {
                let key = self
                    .keys
                    .vault_key(vault.org_id, vault.id, &vault.wrapped_key)?;
                Ok((vault, key, false))
            }
            None => {
                let (vault, key) = self.new_system_vault(context, caller, org)?;
                Ok((vault, key, true))
            }
        }
    }

    fn new_system_vault(
        &self,
        context: &RequestContext,
        caller: &Caller,
        org: OrgId,
    ) -> Result<(Vault, VaultKey)> {
        let id = VaultId::from_uuid(random::new_id());
        let (key, wrapped_key) = self.keys.new_vault_key(org, id)?;
        let vault = Vault {
            id,
            org_id: org,
            name: SYSTEM_VAULT.to_owned(),
            description: "Keys that belong to agents".to_owned(),
            created_by: caller.principal(),
            wrapped_key,
            is_system: true,
            created_at: context.at,
        };
        Ok((vault, key))
    }

    /// `POST /v1/agents/{agent_id}/rotate-identity-keys`: new SSH and ECDH pairs; the private halves become the next
    /// versions in the vault of the agents' keys.
    ///
    /// # Errors
    /// As [`Services::update_agent`].
    pub async fn rotate_identity_keys(
        &self,
        context: &RequestContext,
        caller: &Caller,
        id: AgentId,
    ) -> Result<Agent> {
        let mut agent = self.managed_agent(caller, id).await?;
        let vault = self
            .store
            .system_vault(agent.org_id)
            .await?
            .ok_or(UNKNOWN)?;
        let key = self
            .keys
            .vault_key(vault.org_id, vault.id, &vault.wrapped_key)?;
        let identity = identity::generate().map_err(|e| ServiceError::Internal(e.to_string()))?;
        let mut versions = Vec::new();
        for (name, kind, value) in [
            ("ssh", "ssh_key", &identity.ssh_private),
            ("ecdh", "private_key", &identity.ecdh_private),
        ] {
            let path = key_path(&agent, name)?;
            let (existing, number) = self.store.next_version(vault.id, &path).await?;
            let sealed = key_secret(context, &agent, &vault, &key, name, kind, value, number)?;
            versions.push(next_of(existing, sealed));
        }
        agent.ssh_public_key = Some(identity.ssh_public_base64);
        agent.ecdh_public_key = Some(identity.ecdh_public_base64);
        let event = events::by_caller(context, caller, "agent.rotate_identity_keys", "agent", id);
        self.store
            .update_agent_keys(&agent, versions, event)
            .await?;
        Ok(wire::agent(&agent))
    }

    /// `POST /v1/agents/{agent_id}/token`: a token that a human makes for an agent.
    ///
    /// # Errors
    /// As [`Services::update_agent`]; [`ServiceError::Conflict`] for an agent that is not active.
    pub async fn token_for_agent(
        &self,
        context: &RequestContext,
        caller: &Caller,
        id: AgentId,
    ) -> Result<IssueAgentTokenResponse> {
        let agent = self.managed_agent(caller, id).await?;
        if !agent.is_active || agent.expires_at.is_some_and(|at| at <= context.at) {
            return Err(ServiceError::Conflict("the agent is not active".to_owned()));
        }
        let token = self.issue_agent_token(&agent, context.at).await?;
        let event = events::by_caller(context, caller, "agent.token", "agent", id);
        self.store.record(event).await?;
        Ok(IssueAgentTokenResponse {
            token: token.access_token.clone(),
            access_token: token.access_token,
            token_type: token.token_type,
            expires_in: token.expires_in,
        })
    }
}

/// Where a private key of an agent lies.
pub(in crate::service) fn key_path(agent: &oneclaw_store::Agent, name: &str) -> Result<SecretPath> {
    format!("agents/{}/{name}/private_key", agent.id)
        .parse()
        .map_err(|e: oneclaw_core::path::ParsePathError| ServiceError::Internal(e.to_string()))
}

/// A private key of an agent, sealed as version `number`.
#[expect(clippy::too_many_arguments, reason = "the parts of one stored key")]
pub(in crate::service) fn key_secret(
    context: &RequestContext,
    agent: &oneclaw_store::Agent,
    vault: &Vault,
    key: &VaultKey,
    name: &str,
    kind: &str,
    value: &SecretString,
    number: i64,
) -> Result<(Secret, SecretVersion)> {
    let path = key_path(agent, name)?;
    let at = SecretRef {
        org: vault.org_id,
        vault: vault.id,
        path: &path,
        version: number,
    };
    let sealed = envelope::seal_without_permit_for_system_vault(key, at, value)?;
    let secret = Secret {
        id: SecretId::from_uuid(random::new_id()),
        vault_id: vault.id,
        org_id: vault.org_id,
        path,
        created_at: context.at,
        updated_at: context.at,
        deleted_at: None,
        latest_version: number,
    };
    let version = SecretVersion {
        secret_id: secret.id,
        version: number,
        kind: kind.to_owned(),
        metadata: json!({}),
        wrapped_data_key: sealed.wrapped_data_key,
        ciphertext: sealed.ciphertext,
        created_by: Principal::Agent(agent.id),
        created_at: context.at,
        expires_at: None,
        max_access_count: None,
        access_count: 0,
        disabled_at: None,
        rotation_policy: None,
    };
    Ok((secret, version))
}

/// A sealed key as the next version of what is at its path already.
pub(in crate::service) fn next_of(
    existing: Option<Secret>,
    (secret, version): (Secret, SecretVersion),
) -> (Secret, SecretVersion) {
    let Some(existing) = existing else {
        return (secret, version);
    };
    let version = SecretVersion {
        secret_id: existing.id,
        ..version
    };
    let secret = Secret {
        latest_version: version.version,
        updated_at: version.created_at,
        ..existing
    };
    (secret, version)
}
