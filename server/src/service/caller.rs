//! Who is calling, and what came with the call.

use std::net::IpAddr;

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{AgentId, OrgId, UserId, VaultId};
use oneclaw_core::principal::Principal;
use oneclaw_store::{Agent, Role, User};
use uuid::Uuid;

use super::error::{Result, ServiceError};

/// The circumstances of one request.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// Where it came from, as the server saw it.
    pub client: IpAddr,
    /// When it was taken up.
    pub at: Timestamp,
}

/// An authenticated caller, with its record as it is in the database at this moment.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Human or agent.
    pub identity: Identity,
    /// The token that was shown; `None` for a raw key.
    pub token: Option<TokenHandle>,
}

/// What is needed to revoke the token that a caller showed.
#[derive(Debug, Clone)]
pub struct TokenHandle {
    /// `jti`
    pub id: Uuid,
    /// The session it belongs to, if it came with a refresh token.
    pub session: Option<Uuid>,
    /// When it would expire by itself.
    pub expires_at: Timestamp,
}

/// Human or agent.
#[derive(Debug, Clone)]
pub enum Identity {
    /// A human.
    Human(Box<User>),
    /// An agent.
    Agent(Box<AgentSession>),
}

/// An agent and what its token says.
#[derive(Debug, Clone)]
pub struct AgentSession {
    /// The live record.
    pub agent: Agent,
    /// Scopes, as fixed when the token was issued.
    pub scopes: Vec<String>,
    /// Whether the token was issued with the Intents API on.
    pub intents_claim: bool,
    /// The environment that the token was issued for.
    pub environment: Option<String>,
}

impl Caller {
    /// A human on whose behalf the server acts by itself.
    pub fn of_account(user: User) -> Self {
        Self {
            identity: Identity::Human(Box::new(user)),
            token: None,
        }
    }

    /// The caller as a principal.
    pub fn principal(&self) -> Principal {
        match &self.identity {
            Identity::Human(user) => Principal::User(user.id),
            Identity::Agent(session) => Principal::Agent(session.agent.id),
        }
    }

    /// The caller's organisation.
    pub fn org(&self) -> OrgId {
        match &self.identity {
            Identity::Human(user) => user.org_id,
            Identity::Agent(session) => session.agent.org_id,
        }
    }

    /// The human, or a refusal that says that this is for humans.
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`] for agents.
    pub fn human(&self) -> Result<&User> {
        match &self.identity {
            Identity::Human(user) => Ok(user),
            Identity::Agent(_) => Err(ServiceError::Forbidden(
                "this is for humans; an agent may not do it".to_owned(),
            )),
        }
    }

    /// The agent, if it is one.
    pub fn agent(&self) -> Option<&AgentSession> {
        match &self.identity {
            Identity::Human(_) => None,
            Identity::Agent(session) => Some(session),
        }
    }

    /// The user id, if it is a human.
    pub fn user_id(&self) -> Option<UserId> {
        match &self.identity {
            Identity::Human(user) => Some(user.id),
            Identity::Agent(_) => None,
        }
    }

    /// The agent id, if it is an agent.
    pub fn agent_id(&self) -> Option<AgentId> {
        self.agent().map(|session| session.agent.id)
    }

    /// Owner or admin of the organisation.
    pub fn is_admin(&self) -> bool {
        match &self.identity {
            Identity::Human(user) => matches!(user.role, Role::Owner | Role::Admin),
            Identity::Agent(_) => false,
        }
    }

    /// The human, if it is an owner or admin of the organisation.
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`] for everybody else.
    pub fn admin(&self) -> Result<&User> {
        let user = self.human()?;
        if matches!(user.role, Role::Owner | Role::Admin) {
            return Ok(user);
        }
        Err(ServiceError::Forbidden(
            "only owners and admins of the organisation may do this".to_owned(),
        ))
    }

    /// Whether the agent's binding leaves this vault within reach; humans are never bound.
    pub fn is_bound_away_from(&self, vault: VaultId) -> bool {
        self.agent().is_some_and(|session| {
            !session.agent.vault_ids.is_empty() && !session.agent.vault_ids.contains(&vault)
        })
    }
}
