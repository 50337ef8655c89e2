//! Tokens: issued for passwords, keys and refresh tokens.

use oneclaw_core::api::{AgentTokenRequest, ApiKeyTokenRequest, RefreshRequest, TokenResponse};
use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::AgentId;
use oneclaw_core::principal::Principal;
use oneclaw_core::template;
use oneclaw_crypto::random;
use oneclaw_crypto::token::Claims;
use oneclaw_store::{Agent, RefreshToken, TakenToken, User};
use secrecy::ExposeSecret;
use serde_json::json;
use uuid::Uuid;

use super::Services;
use super::caller::{Caller, RequestContext};
use super::error::{Result, ServiceError};
use super::events::{self, EventExt};
use super::gate::is_path_scope;

/// Prefix of refresh tokens.
const REFRESH_PREFIX: &str = "1rt_";

/// With more patterns than this in an agent's policies, its token carries `**` instead. The policies themselves are
/// looked at on every request, so nothing is gained by the list but a longer token.
const MAX_TOKEN_SCOPES: usize = 100;

const BAD_KEY: ServiceError = ServiceError::Unauthenticated("invalid agent credentials");
const BAD_REFRESH: ServiceError = ServiceError::Unauthenticated("invalid refresh token");

impl Services {
    /// `POST /v1/auth/agent-token`
    ///
    /// # Errors
    /// One uniform [`ServiceError::Unauthenticated`] for every kind of wrong credential.
    pub async fn agent_token(
        &self,
        context: &RequestContext,
        request: &AgentTokenRequest,
    ) -> Result<TokenResponse> {
        let attempt = self
            .throttles
            .exchange_by_address
            .attempt(&context.client.to_string(), context.at)?;
        let named = match request.agent_id.as_deref().filter(|id| !id.is_empty()) {
            Some(id) => Some(id.parse::<AgentId>().map_err(|_| BAD_KEY)?),
            None => None,
        };
        let (agent, standing) = match self.agent_by_key(&request.api_key, context.at).await? {
            Some((agent, standing)) if named.is_none_or(|id| id == agent.id) => (agent, standing),
            _ => {
                self.record_failed_exchange(context, named).await?;
                return Err(BAD_KEY);
            }
        };
        attempt.succeeded();
        let principal = Principal::Agent(agent.id);
        self.check_address(context, agent.org_id, principal, standing.ip_rules_revision)
            .await?;
        let response = self.issue_agent_token(&agent, context.at).await?;
        let event = events::by_principal(
            context,
            agent.org_id,
            Principal::Agent(agent.id),
            "auth.success",
            "agent",
            agent.id,
        )
        .with_details(json!({"method": "agent_key"}));
        self.store.record(event).await?;
        self.store.touch_agent(agent.id, context.at).await;
        Ok(response)
    }

    /// A wrong key for an agent that exists stands in its organisation's trail; one for nobody has no trail to stand in.
    async fn record_failed_exchange(
        &self,
        context: &RequestContext,
        named: Option<AgentId>,
    ) -> Result<()> {
        let Some(id) = named else { return Ok(()) };
        if let Some((agent, _)) = self.store.agent_session(id, "").await? {
            let principal = Principal::Agent(agent.id);
            let event = events::by_principal(
                context,
                agent.org_id,
                principal,
                "auth.failure",
                "agent",
                agent.id,
            )
            .with_details(json!({"method": "agent_key"}));
            self.store.record(event).await?;
        }
        Ok(())
    }

    /// A token for an agent, with the scopes that hold at this moment.
    ///
    /// # Errors
    /// What the database says.
    pub async fn issue_agent_token(&self, agent: &Agent, now: Timestamp) -> Result<TokenResponse> {
        let lifetime = agent
            .token_ttl_seconds
            .and_then(|ttl| u64::try_from(ttl).ok())
            .unwrap_or_else(|| self.config.tokens.agent_seconds.into());
        let claims = Claims {
            scopes: self.token_scopes(agent, now).await?,
            vault_ids: agent.vault_ids.clone(),
            intents_api_enabled: Some(agent.intents_api_enabled),
            environment: agent.environment.clone(),
            role: None,
            ..self.claims(Principal::Agent(agent.id), agent.org_id, now, lifetime)
        };
        Ok(TokenResponse {
            access_token: self.sign(&claims)?,
            token_type: "Bearer".to_owned(),
            expires_in: lifetime,
            refresh_token: None,
            user_id: None,
            agent_id: Some(agent.id.to_string()),
            vault_ids: Some(agent.vault_ids.iter().map(ToString::to_string).collect()),
            mfa_required: None,
            mfa_token: None,
        })
    }

    /// Explicit path scopes if there are any, else the patterns of the agent's policies; capability words come along.
    ///
    /// # Errors
    /// What the database says.
    pub async fn token_scopes(&self, agent: &Agent, now: Timestamp) -> Result<Vec<String>> {
        let mut scopes = agent.scopes.clone();
        if scopes.iter().any(|scope| is_path_scope(scope)) {
            return Ok(scopes);
        }
        let (written, words) = self
            .store
            .patterns_granted_to(agent.org_id, Principal::Agent(agent.id), now)
            .await?;
        let mut patterns: Vec<String> = written
            .iter()
            .filter_map(|pattern| template::for_allow(pattern, words.as_ref()))
            .collect();
        patterns.sort_unstable();
        patterns.dedup();
        if patterns.len() > MAX_TOKEN_SCOPES {
            patterns = vec!["**".to_owned()];
        }
        scopes.extend(patterns);
        Ok(scopes)
    }

    /// `POST /v1/auth/api-key-token`
    ///
    /// # Errors
    /// One uniform [`ServiceError::Unauthenticated`].
    pub async fn api_key_token(
        &self,
        context: &RequestContext,
        request: &ApiKeyTokenRequest,
    ) -> Result<TokenResponse> {
        let attempt = self
            .throttles
            .exchange_by_address
            .attempt(&context.client.to_string(), context.at)?;
        let (user, standing) = self
            .user_by_personal_key(&request.api_key, context.at)
            .await?
            .ok_or(ServiceError::Unauthenticated("invalid API key"))?;
        attempt.succeeded();
        let principal = Principal::User(user.id);
        self.check_address(context, user.org_id, principal, standing.ip_rules_revision)
            .await?;
        let lifetime = self.config.tokens.api_key_seconds.into();
        let response = self.issue_user_token(&user, context.at, lifetime, None)?;
        self.record_sign_in(context, &user, "api_key").await?;
        Ok(response)
    }

    /// `POST /v1/auth/refresh`: a refresh token, or a bearer token that is still valid.
    ///
    /// # Errors
    /// [`ServiceError::Unauthenticated`]; the second use of a refresh token ends its whole session.
    /// [`ServiceError::Forbidden`] for the bearer token of an agent.
    pub async fn refresh(
        &self,
        context: &RequestContext,
        caller: Option<&Caller>,
        request: &RefreshRequest,
    ) -> Result<TokenResponse> {
        let Some(token) = request
            .refresh_token
            .as_deref()
            .filter(|token| !token.is_empty())
        else {
            return self.renew(context, caller).await;
        };
        let attempt = self
            .throttles
            .exchange_by_address
            .attempt(&context.client.to_string(), context.at)?;
        let hash = self.keys.hasher().hash(token);
        let used = self.take_refresh_token(context, &hash).await?;
        let user = self
            .store
            .user(used.user_id)
            .await?
            .filter(|user| user.is_active)
            .ok_or(BAD_REFRESH)?;
        attempt.succeeded();
        self.check_address_of(context, user.org_id, Principal::User(user.id))
            .await?;
        self.open_session(context, &user, used.family).await
    }

    /// A fresh token for a human who shows one that is still valid. Agents exchange their key instead: a stolen token of
    /// an agent must not be kept alive after its key was changed.
    async fn renew(
        &self,
        context: &RequestContext,
        caller: Option<&Caller>,
    ) -> Result<TokenResponse> {
        let caller = caller.ok_or(ServiceError::Unauthenticated(
            "send `refresh_token` in the body, or a bearer token that is still valid",
        ))?;
        let user = caller.human().map_err(|_| {
            ServiceError::Forbidden(
                "an agent gets a fresh token for its key, at /v1/auth/agent-token".to_owned(),
            )
        })?;
        // A token of a session stays one of it: signing out with the fresh token ends the session all the same.
        let session = caller.token.as_ref().and_then(|token| token.session);
        let lifetime = self.config.tokens.user_seconds.into();
        let response = self.issue_user_token(user, context.at, lifetime, session)?;
        let event = events::by_caller(context, caller, "auth.refresh", "user", user.id);
        self.store.record(event).await?;
        Ok(response)
    }

    /// A refresh token that is used twice has been copied: that is worth an event.
    async fn take_refresh_token(
        &self,
        context: &RequestContext,
        hash: &[u8],
    ) -> Result<RefreshToken> {
        let copied = match self.store.take_refresh_token(hash, context.at).await? {
            TakenToken::Valid(token) => return Ok(token),
            TakenToken::Unknown => return Err(BAD_REFRESH),
            TakenToken::Replayed(token) => token,
        };
        if let Some(user) = self.store.user(copied.user_id).await? {
            let principal = Principal::User(user.id);
            let event = events::by_principal(
                context,
                user.org_id,
                principal,
                "auth.failure",
                "user",
                user.id,
            )
            .with_details(
                json!({"method": "refresh_token", "reason": "used twice: the session was ended"}),
            );
            self.store.record(event).await?;
        }
        Err(BAD_REFRESH)
    }

    /// A token pair for a human who has just proved to be one; `family` ties all tokens of a session together.
    ///
    /// # Errors
    /// What the database says.
    pub async fn open_session(
        &self,
        context: &RequestContext,
        user: &User,
        family: Uuid,
    ) -> Result<TokenResponse> {
        let refresh = self.keys.hasher().generate(REFRESH_PREFIX)?;
        self.store
            .put_refresh_token(RefreshToken {
                hash: refresh.hash.to_vec(),
                user_id: user.id,
                family,
                created_at: context.at,
                expires_at: context
                    .at
                    .plus_seconds(self.config.tokens.refresh_seconds.into()),
            })
            .await?;
        let mut response = self.issue_user_token(
            user,
            context.at,
            self.config.tokens.user_seconds.into(),
            Some(family),
        )?;
        response.refresh_token = Some(refresh.text.expose_secret().to_owned());
        Ok(response)
    }

    pub(super) fn issue_user_token(
        &self,
        user: &User,
        now: Timestamp,
        lifetime: u64,
        family: Option<Uuid>,
    ) -> Result<TokenResponse> {
        let claims = Claims {
            role: Some(user.role.as_str().to_owned()),
            sid: family,
            ..self.claims(Principal::User(user.id), user.org_id, now, lifetime)
        };
        Ok(TokenResponse {
            access_token: self.sign(&claims)?,
            token_type: "Bearer".to_owned(),
            expires_in: lifetime,
            refresh_token: None,
            user_id: Some(user.id.to_string()),
            agent_id: None,
            vault_ids: None,
            mfa_required: None,
            mfa_token: None,
        })
    }

    /// `DELETE /v1/auth/token`: this token is dead from now on, and with it the refresh tokens of its session.
    ///
    /// # Errors
    /// What the database says.
    pub async fn log_out(&self, context: &RequestContext, caller: &Caller) -> Result<()> {
        let Some(token) = &caller.token else {
            return Ok(());
        };
        let event = events::by_caller(
            context,
            caller,
            "auth.logout",
            caller.principal().kind().as_str(),
            caller.principal().uuid(),
        );
        self.store
            .revoke_jti(&token.id.to_string(), token.expires_at, event)
            .await?;
        if let Some(family) = token.session {
            self.store.revoke_refresh_family(family, context.at).await?;
        }
        Ok(())
    }

    /// Records that somebody signed in.
    ///
    /// # Errors
    /// What the database says.
    pub async fn record_sign_in(
        &self,
        context: &RequestContext,
        user: &User,
        method: &str,
    ) -> Result<()> {
        let principal = Principal::User(user.id);
        let event = events::by_principal(
            context,
            user.org_id,
            principal,
            "auth.success",
            "user",
            user.id,
        )
        .with_details(json!({"method": method}));
        Ok(self.store.record(event).await?)
    }

    fn claims(
        &self,
        sub: Principal,
        org: oneclaw_core::ids::OrgId,
        now: Timestamp,
        lifetime: u64,
    ) -> Claims {
        Claims {
            sub,
            org,
            scopes: Vec::new(),
            vault_ids: Vec::new(),
            iat: now.as_seconds(),
            exp: now
                .as_seconds()
                .saturating_add(i64::try_from(lifetime).unwrap_or(i64::MAX)),
            jti: random::new_id(),
            sid: None,
            iss: self.config.public_url.clone(),
            intents_api_enabled: None,
            environment: None,
            role: None,
        }
    }

    fn sign(&self, claims: &Claims) -> Result<String> {
        self.keys
            .tokens()
            .sign(claims)
            .map_err(|e| ServiceError::Internal(e.to_string()))
    }
}
