//! The one access to a key of an agent that is not the agent's own: its export, by a human who manages the agent.

use oneclaw_core::path::SecretPath;
use oneclaw_core::request::{AccessRequest, Permission};
use oneclaw_policy_host::{ReadSecret, decide_access};
use oneclaw_store::{Agent, Vault};
use serde_json::json;

use super::super::caller::{Caller, RequestContext};
use super::super::error::{Result, ServiceError};
use super::{Gate, Grant, PERMIT_TTL_MS, Subject, evidence, refused_before_policies};

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
        };
        if let Some(code) = refused_before_policies(&subject) {
            return Err(self.refuse(&subject, code, json!({})).await?);
        }
        let attachments = self.attachments(context, caller, &vault, revision).await?;
        let request = AccessRequest {
            owner: caller.is_admin() || agent.created_by == caller.user_id(),
            ..subject.request()
        };
        let decided = decide_access(request, &attachments, PERMIT_TTL_MS);
        let evidence = evidence(&decided);
        match decided.into_permit::<ReadSecret>() {
            Ok(permit) => Ok(Grant {
                permit,
                vault,
                evidence,
            }),
            Err(denial) => Err(self.refuse(&subject, &denial.code, evidence).await?),
        }
    }
}
