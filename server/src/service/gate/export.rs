//! The one access to a key of an agent that is not the agent's own: its export, by a human who manages the agent.

use oneclaw_core::path::SecretPath;
use oneclaw_core::request::{AccessRequest, Permission};
use oneclaw_policy_host::ReadSecret;
use oneclaw_store::{Agent, Vault};

use super::super::caller::{Caller, RequestContext};
use super::super::error::{Result, ServiceError};
use super::{Gate, Grant, Subject};

impl Gate {
    /// Decides whether `caller`, who manages `agent`, may take out the key at `path`. To the plugins, who manages an agent
    /// owns its keys, and nothing else in the vault that they lie in.
    ///
    /// # Errors
    /// [`ServiceError::Denied`] (recorded) for a refusal; [`ServiceError::Internal`] for a path that is not the agent's.
    pub async fn admit_key_export(
        &self,
        context: &RequestContext,
        caller: &Caller,
        agent: &Agent,
        vault: &Vault,
        path: &SecretPath,
    ) -> Result<Grant<ReadSecret>> {
        let is_the_agents = vault.is_system
            && vault.org_id == agent.org_id
            && path
                .as_str()
                .starts_with(&format!("agents/{}/chains/", agent.id));
        if !is_the_agents {
            return Err(ServiceError::Internal(format!(
                "`{path}` is not where keys of agent {} are kept",
                agent.id
            )));
        }
        let (vault, revision) = self.vault(caller, vault.id).await?;
        let subject = Subject {
            context,
            caller,
            vault: &vault,
            path,
            permission: Permission::Read,
            facts: &self.facts.of_client(context.client),
        };
        let request = AccessRequest {
            owner: caller.is_admin() || agent.created_by == caller.user_id(),
            ..subject.request()
        };
        let (permit, evidence) = self.decide(&subject, request, revision).await?;
        Ok(Grant {
            permit,
            vault,
            evidence,
        })
    }
}
