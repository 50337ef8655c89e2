//! An attachment as it would be: what it is asked about, and what it is asked with.

use std::sync::Arc;

use oneclaw_core::ids::AgentId;
use oneclaw_core::principal::Principal;
use oneclaw_core::recorded::Question;
use oneclaw_store::Agent;

use super::{Part, Session, bounded};
use crate::service::decisions::body::{PluginBody, Recorded};
use crate::service::error::Result;
use crate::service::plugins::AttachmentDraft;

impl Session<'_> {
    pub(super) async fn as_attached(
        &mut self,
        recorded: &Recorded,
        draft: &AttachmentDraft,
    ) -> Result<std::result::Result<Vec<Part>, String>> {
        let digest = draft.digest.as_deref().unwrap_or_default();
        let Some(plugin) = self.plugin(digest).await? else {
            return Ok(Err(format!("component {digest} is not kept here")));
        };
        let settings = draft.settings.as_ref();
        Ok(Ok(vec![Part {
            plugin,
            settings: settings.map_or_else(|| "{}".into(), |json| json.to_string().into()),
            place: recorded
                .basis
                .plugins
                .iter()
                .position(|plugin| is_of(plugin, draft)),
        }]))
    }

    /// Whether an attachment would be asked. Labels are those of now: what they were is not recorded with every decision.
    pub(super) async fn is_in_scope(
        &mut self,
        draft: &AttachmentDraft,
        question: &Question,
    ) -> Result<std::result::Result<bool, String>> {
        if !draft.worlds.iter().any(|world| world == question.world()) {
            return Ok(Ok(false));
        }
        let principal = match question {
            Question::Access(request) => request.principal,
            Question::Transaction(request) => request.principal,
        };
        let wants_labels = draft
            .scope
            .as_ref()
            .is_some_and(|scope| !scope.labels.is_empty());
        let agent = match principal {
            Principal::Agent(id) if wants_labels => match self.agent(id).await? {
                None => return Ok(Err("the agent is not there any more".to_owned())),
                agent => agent,
            },
            _ => None,
        };
        let labels = |key: &str, value: &str| {
            let mut labels = agent.iter().flat_map(|agent| agent.labels());
            labels.any(|label| label == (key, value))
        };
        Ok(Ok(self.scope.as_ref().is_none_or(|scope| match question {
            Question::Access(request) => {
                scope.fits_access(request.vault, &request.path, principal, &labels)
            }
            Question::Transaction(request) => {
                let chain = request.chain.as_ref().map(|chain| chain.name.as_str());
                scope.fits_signature(chain, principal, &labels)
            }
        })))
    }

    async fn agent(&mut self, id: AgentId) -> Result<Option<Arc<Agent>>> {
        if let Some(known) = self.agents.get(&id) {
            return Ok(known.clone());
        }
        let agent = self.services.store.agent(self.org, id).await?.map(Arc::new);
        bounded(&mut self.agents);
        self.agents.insert(id, agent.clone());
        Ok(agent)
    }
}

/// Whether a plugin was asked for an attachment.
pub(super) fn is_of(plugin: &PluginBody, draft: &AttachmentDraft) -> bool {
    plugin.attachment.as_deref() == Some(draft.id.as_str())
}

/// Whether an attachment had a say in a decision.
pub(super) fn has_counted(recorded: &Recorded, draft: &AttachmentDraft) -> bool {
    let mut plugins = recorded.basis.plugins.iter();
    plugins.any(|plugin| plugin.is_enforced() && is_of(plugin, draft))
}
