//! A candidate, checked when it is handed in.

use oneclaw_core::ids::{AgentId, VaultId};
use oneclaw_core::recorded::ACCESS_POLICY;
use serde_json::Value;

use super::candidate::{Candidate, GuardrailDraft, PluginDraft, PolicyDraft, SettingsDraft};
use super::prepare::is_world;
use crate::service::caller::{Caller, RequestContext};
use crate::service::error::{Result, ServiceError};
use crate::service::{Services, agents, guardrails, policies};

/// Policies in one draft.
const MAX_POLICIES: usize = 5_000;

impl Services {
    /// Checks that what is to be tried can be tried, and gives it with everything that it leaves out.
    ///
    /// # Errors
    /// Names the field at fault; [`ServiceError::NotFound`] for what is not the caller's organisation's.
    pub(super) async fn check_candidate(
        &self,
        context: &RequestContext,
        caller: &Caller,
        candidate: Candidate,
    ) -> Result<Candidate> {
        match &candidate {
            Candidate::Current | Candidate::Recorded => {}
            Candidate::Policies(draft) => self.check_policies(context, caller, draft).await?,
            Candidate::Guardrails(draft) => self.check_guardrails(context, caller, draft).await?,
            Candidate::Settings(draft) => self.check_settings(caller, draft)?,
            Candidate::Plugin(draft) => self.check_plugin(caller, draft).await?,
            Candidate::Attached(draft) => {
                let complete = self.complete_draft(caller, draft.clone()).await?;
                return Ok(Candidate::Attached(complete));
            }
        }
        Ok(candidate)
    }

    async fn check_policies(
        &self,
        context: &RequestContext,
        caller: &Caller,
        draft: &PolicyDraft,
    ) -> Result<()> {
        let vault: VaultId = draft
            .vault_id
            .parse()
            .map_err(|e| ServiceError::field("candidate.policies.vault_id", e))?;
        let vault = self
            .store
            .vault(caller.org(), vault)
            .await?
            .ok_or(ServiceError::NotFound("no such vault"))?;
        let set = draft.set.as_deref().unwrap_or_default();
        if set.len().saturating_add(draft.add.len()) > MAX_POLICIES {
            return Err(ServiceError::field(
                "candidate.policies",
                format!("has more than {MAX_POLICIES} policies"),
            ));
        }
        for request in set.iter().chain(&draft.add) {
            policies::draft(&vault, caller.principal(), context.at, request.clone())?;
        }
        Ok(())
    }

    async fn check_guardrails(
        &self,
        context: &RequestContext,
        caller: &Caller,
        draft: &GuardrailDraft,
    ) -> Result<()> {
        let id: AgentId = draft
            .agent_id
            .parse()
            .map_err(|e| ServiceError::field("candidate.guardrails.agent_id", e))?;
        let mut agent = self
            .store
            .agent(caller.org(), id)
            .await?
            .ok_or(ServiceError::NotFound("no such agent"))?;
        if let Some(profile) = agent.profile.as_object_mut() {
            agents::apply_draft(profile, draft.fields.clone())?;
        }
        guardrails::check(&agent.profile, &self.chain_names().await?, context.at)
    }

    fn check_settings(&self, caller: &Caller, draft: &SettingsDraft) -> Result<()> {
        let world = world("candidate.settings.world", &draft.world)?;
        let plugin = self
            .gate
            .plugin_for(world)
            .ok_or(ServiceError::NotFound("no plugin is in force"))?;
        self.try_settings(caller, world, plugin.component(), &draft.settings)
            .map_err(|why| ServiceError::field("candidate.settings.settings", why))
    }

    async fn check_plugin(&self, caller: &Caller, draft: &PluginDraft) -> Result<()> {
        let world = world("candidate.plugin.world", &draft.world)?;
        let bytes = self
            .component_bytes(caller.org(), &draft.digest)
            .await?
            .ok_or(ServiceError::NotFound(
                "no component with this digest is kept here",
            ))?;
        match &draft.settings {
            Some(settings) => self
                .try_settings(caller, world, &bytes, settings)
                .map_err(|why| ServiceError::field("candidate.plugin.settings", why)),
            None => Ok(()),
        }
    }

    fn try_settings(
        &self,
        caller: &Caller,
        world: &str,
        component: &[u8],
        settings: &Value,
    ) -> std::result::Result<(), String> {
        let engine = self.replays.engine().map_err(|e| e.to_string())?;
        let plugin = engine.load(component).map_err(|e| e.to_string())?;
        let (org, text) = (caller.org(), settings.to_string());
        let tried = if world == ACCESS_POLICY {
            engine.configure(&plugin, org, &text)
        } else {
            engine.configure_guardrail(&plugin, org, &text)
        };
        tried.map(|_| ()).map_err(|e| e.to_string())
    }
}

fn world<'a>(field: &str, word: &'a str) -> Result<&'a str> {
    if is_world(word) {
        return Ok(word);
    }
    Err(ServiceError::field(
        field,
        "must be `access-policy` or `transaction-guardrail`",
    ))
}
