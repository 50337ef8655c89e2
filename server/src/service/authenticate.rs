//! From a credential to a caller. The record is read afresh each time: a deactivation acts on the very next request.

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::OrgId;
use oneclaw_core::principal::Principal;
use oneclaw_crypto::api_key::{AGENT_PREFIX, PERSONAL_PREFIX};
use oneclaw_crypto::token::TokenError;
use oneclaw_store::{Agent, Standing, User};

use super::Services;
use super::caller::{AgentSession, Caller, Identity, RequestContext, TokenHandle};
use super::error::{Result, ServiceError};

const INVALID: ServiceError = ServiceError::Unauthenticated("the token is not valid");
const EXPIRED: ServiceError = ServiceError::Unauthenticated("the token has expired");
const INACTIVE: ServiceError =
    ServiceError::Unauthenticated("the token belongs to nobody who is active");

impl Services {
    /// Authenticates a bearer credential: a token, or a raw `1ck_` or `ocv_` key.
    ///
    /// # Errors
    /// [`ServiceError::Unauthenticated`], or what the database says.
    /// [`ServiceError::Forbidden`] at an address that the IP rules of the organisation do not allow.
    pub async fn authenticate(&self, credential: &str, context: &RequestContext) -> Result<Caller> {
        let (caller, standing) = self.identify(credential, context.at).await?;
        let (org, principal) = (caller.org(), caller.principal());
        self.check_address(context, org, principal, standing.ip_rules_revision)
            .await?;
        Ok(caller)
    }

    async fn identify(&self, credential: &str, now: Timestamp) -> Result<(Caller, Standing)> {
        if credential.starts_with(PERSONAL_PREFIX) {
            return self.authenticate_personal_key(credential, now).await;
        }
        if credential.starts_with(AGENT_PREFIX) {
            let (agent, standing) = self.agent_by_key(credential, now).await?.ok_or(INVALID)?;
            let caller = self.agent_of_record(agent, now).await?;
            return Ok((caller, standing));
        }
        let claims = match self
            .keys
            .verify(&self.store, credential, now, &self.config.public_url)
            .await?
        {
            Ok(claims) => claims,
            Err(TokenError::Expired) => return Err(EXPIRED),
            Err(_) => return Err(INVALID),
        };
        let token = Some(TokenHandle {
            id: claims.jti,
            session: claims.sid,
            expires_at: Timestamp::from_millis(claims.exp.saturating_mul(1000)),
        });
        let (identity, standing) = match claims.sub {
            Principal::User(id) => {
                let issued_at = Timestamp::from_millis(claims.iat.saturating_mul(1000));
                let jti = claims.jti.to_string();
                let session = self.store.user_session(id, &jti, issued_at).await?;
                let (user, standing) = session.ok_or(INACTIVE)?;
                if standing.is_revoked || !user.is_active || user.org_id != claims.org {
                    return Err(INACTIVE);
                }
                (Identity::Human(Box::new(user)), standing)
            }
            Principal::Agent(id) => {
                let (agent, standing) = self
                    .store
                    .agent_session(id, &claims.jti.to_string())
                    .await?
                    .ok_or(INACTIVE)?;
                if standing.is_revoked || !is_alive(&agent, now) || agent.org_id != claims.org {
                    return Err(INACTIVE);
                }
                let session = AgentSession {
                    scopes: claims.scopes,
                    intents_claim: claims.intents_api_enabled.unwrap_or(false),
                    environment: claims.environment,
                    agent,
                };
                (Identity::Agent(Box::new(session)), standing)
            }
        };
        Ok((Caller { identity, token }, standing))
    }

    /// An agent as its record is, with the scopes that a token would get now.
    async fn agent_of_record(&self, agent: Agent, now: Timestamp) -> Result<Caller> {
        let scopes = self.token_scopes(&agent, now).await?;
        Ok(Caller {
            identity: Identity::Agent(Box::new(AgentSession {
                scopes,
                intents_claim: agent.intents_api_enabled,
                environment: agent.environment.clone(),
                agent,
            })),
            token: None,
        })
    }

    /// Somebody in whose name something is decided that another one asks for, as their record is now; nobody if they are
    /// gone or not active.
    ///
    /// # Errors
    /// What the database says.
    pub async fn principal_of_record(
        &self,
        org: OrgId,
        principal: Principal,
        now: Timestamp,
    ) -> Result<Option<Caller>> {
        match principal {
            Principal::User(id) => {
                let user = self.store.user(id).await?;
                let user = user.filter(|user| user.is_active && user.org_id == org);
                Ok(user.map(|user| Caller {
                    identity: Identity::Human(Box::new(user)),
                    token: None,
                }))
            }
            Principal::Agent(id) => match self.store.agent(org, id).await? {
                Some(agent) if is_alive(&agent, now) => {
                    self.agent_of_record(agent, now).await.map(Some)
                }
                _ => Ok(None),
            },
        }
    }

    async fn authenticate_personal_key(
        &self,
        key: &str,
        now: Timestamp,
    ) -> Result<(Caller, Standing)> {
        let found = self.user_by_personal_key(key, now).await?;
        let (user, standing) = found.ok_or(INVALID)?;
        let caller = Caller {
            identity: Identity::Human(Box::new(user)),
            token: None,
        };
        Ok((caller, standing))
    }

    /// The human whose personal key this is, if both are active.
    ///
    /// # Errors
    /// What the database says.
    pub async fn user_by_personal_key(
        &self,
        key: &str,
        now: Timestamp,
    ) -> Result<Option<(User, Standing)>> {
        let hash = self.keys.hasher().hash(key);
        let Some((stored, user, standing)) = self.store.api_key_by_hash(&hash).await? else {
            return Ok(None);
        };
        let expired = stored.expires_at.is_some_and(|at| at <= now);
        if !stored.is_active || expired || !user.is_active {
            return Ok(None);
        }
        self.store.touch_api_key(stored.id, now).await;
        Ok(Some((user, standing)))
    }

    /// The agent whose key this is, if both are active.
    ///
    /// # Errors
    /// What the database says.
    pub async fn agent_by_key(
        &self,
        key: &str,
        now: Timestamp,
    ) -> Result<Option<(Agent, Standing)>> {
        let hash = self.keys.hasher().hash(key);
        let Some((agent, standing)) = self.store.agent_by_key_hash(&hash, now).await? else {
            return Ok(None);
        };
        let key_expired = agent.api_key_expires_at.is_some_and(|at| at <= now);
        Ok((is_alive(&agent, now) && !key_expired).then_some((agent, standing)))
    }
}

/// Neither deactivated nor past its end.
fn is_alive(agent: &Agent, now: Timestamp) -> bool {
    agent.is_active && agent.expires_at.is_none_or(|at| at > now)
}
