//! For whom an intent is: the agent itself, or a human who acts for it under the same rules.

use oneclaw_core::ids::AgentId;
use oneclaw_store::Agent;

use super::super::Services;
use super::super::caller::{AgentSession, Caller, Identity, RequestContext};
use super::super::error::{Result, ServiceError};

/// An agent whose intents may be submitted by whoever called.
#[derive(Debug, Clone)]
pub struct Actor {
    /// Who called, for the record.
    pub caller: Caller,
    /// The agent as a caller: its own scopes and bindings decide on paths, whoever acts for it.
    pub as_agent: Caller,
    /// The live record of the agent.
    pub agent: Agent,
    /// The environment of the token; of the agent's record if a human acts for it.
    pub environment: Option<String>,
}

impl Services {
    /// Checks who may submit intents for this agent: itself, with a token that says so, or a human who manages it. The
    /// agent must be active and have the Intents API on at this moment.
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`], or [`ServiceError::NotFound`] for an agent of another organisation.
    pub(super) async fn actor(
        &self,
        context: &RequestContext,
        caller: &Caller,
        id: AgentId,
    ) -> Result<Actor> {
        let (agent, session) = match &caller.identity {
            Identity::Agent(session) if session.agent.id != id => {
                return Err(ServiceError::Forbidden(
                    "Token does not belong to this agent".to_owned(),
                ));
            }
            Identity::Agent(session) => {
                if !session.intents_claim {
                    return Err(not_enabled());
                }
                (session.agent.clone(), (**session).clone())
            }
            Identity::Human(_) => {
                let agent = self.managed_agent(caller, id).await?;
                let session = AgentSession {
                    scopes: self.token_scopes(&agent, context.at).await?,
                    intents_claim: true,
                    environment: agent.environment.clone(),
                    agent: agent.clone(),
                };
                (agent, session)
            }
        };
        if !agent.is_active || agent.expires_at.is_some_and(|at| at <= context.at) {
            return Err(ServiceError::Forbidden(
                "this agent is not active; a human can activate it".to_owned(),
            ));
        }
        if !agent.intents_api_enabled {
            return Err(not_enabled());
        }
        Ok(Actor {
            caller: caller.clone(),
            environment: session.environment.clone(),
            as_agent: Caller {
                identity: Identity::Agent(Box::new(session)),
                token: None,
            },
            agent,
        })
    }

    /// Who may look at an agent's transactions: the same, and while the Intents API is off, too: history stays readable.
    ///
    /// # Errors
    /// As [`Services::actor`].
    pub(in crate::service) async fn observed_agent(
        &self,
        caller: &Caller,
        id: AgentId,
    ) -> Result<Agent> {
        match &caller.identity {
            Identity::Agent(session) if session.agent.id != id => Err(ServiceError::Forbidden(
                "Token does not belong to this agent".to_owned(),
            )),
            Identity::Agent(session) => Ok(session.agent.clone()),
            Identity::Human(_) => self.managed_agent(caller, id).await,
        }
    }
}

fn not_enabled() -> ServiceError {
    ServiceError::Forbidden("Intents API is not enabled for this agent".to_owned())
}
