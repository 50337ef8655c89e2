//! Personal API keys of humans.

use oneclaw_core::api::{ApiKey, ApiKeyList, CreateApiKeyRequest, CreateApiKeyResponse};
use oneclaw_core::ids::ApiKeyId;
use oneclaw_crypto::api_key::PERSONAL_PREFIX;
use oneclaw_crypto::random;
use secrecy::ExposeSecret;

use super::caller::{Caller, RequestContext};
use super::error::{Result, ServiceError};
use super::{Services, check, events, time};

/// Most keys of one human, the revoked ones included.
const MAX_KEYS: usize = 200;

impl Services {
    /// `POST /v1/auth/api-keys`
    ///
    /// # Errors
    /// Names the field at fault.
    pub async fn create_api_key(
        &self,
        context: &RequestContext,
        caller: &Caller,
        request: &CreateApiKeyRequest,
    ) -> Result<CreateApiKeyResponse> {
        let user = caller.human()?;
        let name = check::name("name", &request.name)?;
        let scopes = check::scopes("scopes", &request.scopes)?;
        let expires_at = check::future("expires_at", request.expires_at.as_deref(), context.at)?;
        if self.store.api_keys(user.id).await?.len() >= MAX_KEYS {
            return Err(ServiceError::Conflict(format!(
                "an account has at most {MAX_KEYS} API keys"
            )));
        }
        let key = self.keys.hasher().generate(PERSONAL_PREFIX)?;
        let stored = oneclaw_store::ApiKey {
            id: ApiKeyId::from_uuid(random::new_id()),
            org_id: user.org_id,
            user_id: user.id,
            name,
            key_prefix: key.display_prefix,
            key_hash: key.hash.to_vec(),
            scopes,
            is_active: true,
            created_at: context.at,
            expires_at,
            last_used_at: None,
        };
        let event = events::by_caller(context, caller, "api_key.create", "api_key", stored.id);
        self.store.create_api_key(&stored, event).await?;
        Ok(CreateApiKeyResponse {
            key: wire(&stored),
            api_key: key.text.expose_secret().to_owned(),
        })
    }

    /// `GET /v1/auth/api-keys`
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`] for agents.
    pub async fn list_api_keys(&self, caller: &Caller) -> Result<ApiKeyList> {
        let keys = self.store.api_keys(caller.human()?.id).await?;
        Ok(ApiKeyList {
            keys: keys.iter().map(wire).collect(),
        })
    }

    /// `DELETE /v1/auth/api-keys/{key_id}`
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] for anything but a key of one's own.
    pub async fn revoke_api_key(
        &self,
        context: &RequestContext,
        caller: &Caller,
        id: ApiKeyId,
    ) -> Result<()> {
        let user = caller.human()?;
        let event = events::by_caller(context, caller, "api_key.revoke", "api_key", id);
        Ok(self.store.deactivate_api_key(user.id, id, event).await?)
    }
}

fn wire(key: &oneclaw_store::ApiKey) -> ApiKey {
    ApiKey {
        id: key.id.to_string(),
        name: key.name.clone(),
        key_prefix: key.key_prefix.clone(),
        scopes: key.scopes.clone(),
        is_active: key.is_active,
        created_at: time::format(key.created_at),
        expires_at: time::format_option(key.expires_at),
        last_used_at: time::format_option(key.last_used_at),
    }
}
