//! Signed intents: the agent's own signature over its request (RFC 9421), and the keys that count for it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oneclaw_core::api::{CreateIntentKeyRequest, IntentKey, IntentKeyList};
use oneclaw_core::ids::AgentId;
use oneclaw_core::path::excerpt;
use oneclaw_core::transaction::IntentSignature;
use oneclaw_crypto::http_signature::{self, SignatureError};
use oneclaw_store::{Agent, IntentKey as StoredKey, MAX_INTENT_KEYS};
use serde_json::json;

use super::super::Services;
use super::super::caller::{Caller, RequestContext};
use super::super::error::{Result, ServiceError};
use super::super::events::{self, EventExt};
use super::super::time;

/// A request as it came in, for checking a signature over it.
#[derive(Debug, Clone)]
pub struct SignableRequest {
    /// For example `POST`.
    pub method: String,
    /// As received, percent-encoding and all.
    pub path: String,
    /// Without the question mark.
    pub query: Option<String>,
    /// Names in lower case. The header that authenticates the caller is not among them.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The very bytes.
    pub body: Vec<u8>,
}

impl SignableRequest {
    /// Whether somebody signed this, rightly or wrongly.
    fn is_signed(&self) -> bool {
        self.headers
            .iter()
            .any(|(name, _)| name == "signature-input" || name == "signature")
    }
}

/// What an agent's record says of signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignaturePolicy {
    /// They are not looked at.
    Off,
    /// A wrong one is refused, none is not.
    Optional,
    /// None is refused too.
    Required,
}

impl SignaturePolicy {
    /// Of an agent. A word that is not known asks for a signature.
    pub fn of(agent: &Agent) -> Self {
        match agent
            .profile
            .get("intent_signature")
            .and_then(|v| v.as_str())
        {
            None | Some("off") => Self::Off,
            Some("optional") => Self::Optional,
            Some(_) => Self::Required,
        }
    }
}

impl Services {
    /// Checks the agent's signature on a request, and uses its nonce up.
    ///
    /// # Errors
    /// [`ServiceError::Guardrail`] (recorded) for a signature that is missing and required, wrong, old or used before.
    pub(super) async fn proven(
        &self,
        context: &RequestContext,
        caller: &Caller,
        agent: &Agent,
        request: &SignableRequest,
    ) -> Result<Option<IntentSignature>> {
        match SignaturePolicy::of(agent) {
            SignaturePolicy::Off => return Ok(None),
            SignaturePolicy::Optional if !request.is_signed() => return Ok(None),
            SignaturePolicy::Required if !request.is_signed() => {
                let message = "this agent's intents must be signed with its own key (RFC 9421)";
                return Err(self
                    .gate
                    .refuse_intent(
                        context,
                        caller,
                        agent.id,
                        "intent_signature_required",
                        message,
                    )
                    .await?);
            }
            SignaturePolicy::Optional | SignaturePolicy::Required => {}
        }
        self.verified(context, caller, agent, request)
            .await
            .map(Some)
    }

    async fn verified(
        &self,
        context: &RequestContext,
        caller: &Caller,
        agent: &Agent,
        request: &SignableRequest,
    ) -> Result<IntentSignature> {
        let keys = self.store.intent_keys(agent.id).await?;
        let message = http_signature::Message {
            method: &request.method,
            path: &request.path,
            query: request.query.as_deref(),
            origin: Some(&self.config.public_url),
            headers: &request.headers,
            body: &request.body,
        };
        let known = |id: &str| {
            keys.iter()
                .find(|key| key.key_id == id)
                .and_then(|key| <[u8; 32]>::try_from(key.public_key.as_slice()).ok())
        };
        let verified = match http_signature::verify(&message, known, context.at) {
            Ok(verified) => verified,
            Err(error) => {
                let message = refusal(&error);
                return Err(self
                    .gate
                    .refuse_intent(
                        context,
                        caller,
                        agent.id,
                        "intent_signature_invalid",
                        &message,
                    )
                    .await?);
            }
        };
        // Twice as long as a signature can be good for, so that no clock of ours makes it good again.
        let expires_at = verified
            .created
            .plus_seconds(2 * http_signature::MAX_AGE_SECONDS);
        let is_first = self
            .store
            .burn_intent_nonce(agent.id, &verified.key_id, &verified.nonce, expires_at)
            .await?;
        if !is_first {
            let message = "this signed request was sent before; sign each with a nonce of its own";
            return Err(self
                .gate
                .refuse_intent(
                    context,
                    caller,
                    agent.id,
                    "intent_signature_replayed",
                    message,
                )
                .await?);
        }
        Ok(IntentSignature {
            key_id: verified.key_id,
            created: verified.created,
        })
    }

    /// `POST …/intent-keys`: by a human who manages the agent; by the agent itself for its first key, as long as signatures
    /// are not required, and for further ones by a request that is signed with a key it has.
    ///
    /// # Errors
    /// Names the field at fault; [`ServiceError::Forbidden`].
    pub async fn create_intent_key(
        &self,
        context: &RequestContext,
        caller: &Caller,
        agent: AgentId,
        body: &CreateIntentKeyRequest,
        request: &SignableRequest,
    ) -> Result<IntentKey> {
        let public_key = http_signature::parse_public_key(&body.public_key)
            .map_err(|e| ServiceError::field("public_key", e))?;
        let key_id = match body.key_id.as_deref().filter(|id| !id.is_empty()) {
            None => http_signature::thumbprint(&public_key),
            Some(id) if is_key_id(id) => id.to_owned(),
            Some(id) => {
                return Err(ServiceError::field(
                    "key_id",
                    format!(
                        "`{}` must be 1 to 64 letters, digits, `.`, `_` or `-`",
                        excerpt(id)
                    ),
                ));
            }
        };
        let agent = self
            .may_change_keys(context, caller, agent, request, true)
            .await?;
        let known = self.store.intent_keys(agent.id).await?.len();
        if i64::try_from(known).is_ok_and(|known| known >= MAX_INTENT_KEYS) {
            return Err(ServiceError::Conflict(format!(
                "this agent has {MAX_INTENT_KEYS} keys already; remove one first"
            )));
        }
        let key = StoredKey {
            agent_id: agent.id,
            org_id: agent.org_id,
            key_id,
            public_key: public_key.to_vec(),
            created_by: caller.principal(),
            created_at: context.at,
            revoked_at: None,
        };
        let event = events::by_caller(context, caller, "intent_key.create", "agent", agent.id)
            .with_details(json!({"key_id": key.key_id}));
        self.store.create_intent_key(&key, event).await?;
        Ok(wire(&key))
    }

    /// `GET …/intent-keys`
    ///
    /// # Errors
    /// As for the agent itself.
    pub async fn list_intent_keys(&self, caller: &Caller, agent: AgentId) -> Result<IntentKeyList> {
        let agent = self.observed_agent(caller, agent).await?;
        let keys = self.store.intent_keys(agent.id).await?;
        Ok(IntentKeyList {
            keys: keys.iter().map(wire).collect(),
        })
    }

    /// `DELETE …/intent-keys/{key_id}`: by a human, or by the agent with a request that is signed with a key it has.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`], [`ServiceError::Forbidden`].
    pub async fn revoke_intent_key(
        &self,
        context: &RequestContext,
        caller: &Caller,
        agent: AgentId,
        key_id: &str,
        request: &SignableRequest,
    ) -> Result<()> {
        let agent = self
            .may_change_keys(context, caller, agent, request, false)
            .await?;
        let event = events::by_caller(context, caller, "intent_key.revoke", "agent", agent.id)
            .with_details(json!({"key_id": excerpt(key_id)}));
        self.store
            .revoke_intent_key(agent.id, key_id, event)
            .await?;
        Ok(())
    }

    async fn may_change_keys(
        &self,
        context: &RequestContext,
        caller: &Caller,
        agent: AgentId,
        request: &SignableRequest,
        may_be_first: bool,
    ) -> Result<Agent> {
        let Some(session) = caller.agent() else {
            return self.managed_agent(caller, agent).await;
        };
        let agent = self.observed_agent(caller, agent).await?;
        let has_none = self.store.intent_keys(agent.id).await?.is_empty();
        let required = SignaturePolicy::of(&session.agent) == SignaturePolicy::Required;
        if has_none && may_be_first && !required {
            return Ok(agent);
        }
        if !request.is_signed() {
            return Err(ServiceError::Forbidden(
                "an agent changes its keys with a request that is signed with a key it has (RFC 9421); \
                 a human who manages it needs none"
                    .to_owned(),
            ));
        }
        self.verified(context, caller, &agent, request).await?;
        Ok(agent)
    }
}

fn is_key_id(id: &str) -> bool {
    (1..=64).contains(&id.len())
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

fn refusal(error: &SignatureError) -> String {
    format!("the signature of the intent does not count: {error}")
}

fn wire(key: &StoredKey) -> IntentKey {
    IntentKey {
        key_id: key.key_id.clone(),
        agent_id: key.agent_id.to_string(),
        public_key: STANDARD.encode(&key.public_key),
        created_at: time::format(key.created_at),
        created_by: key.created_by.to_string(),
    }
}
