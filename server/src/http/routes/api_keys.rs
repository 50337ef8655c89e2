//! Personal API keys.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use oneclaw_core::api::{ApiKeyList, CreateApiKeyRequest, CreateApiKeyResponse};

use crate::http::extract::{Authenticated, Body, Context, Params, parse};
use crate::http::problem::Answer;
use crate::service::SharedServices;

/// Makes a personal API key; the answer shows it, this once.
#[utoipa::path(post, path = "/v1/auth/api-keys", tag = "api keys", security(("bearer" = [])),
    request_body = CreateApiKeyRequest, responses((status = 201, body = CreateApiKeyResponse)))]
pub async fn create(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Body(request): Body<CreateApiKeyRequest>,
) -> Answer<(StatusCode, Json<CreateApiKeyResponse>)> {
    Ok((
        StatusCode::CREATED,
        Json(services.create_api_key(&context, &caller, &request).await?),
    ))
}

/// The caller's own keys.
#[utoipa::path(get, path = "/v1/auth/api-keys", tag = "api keys", security(("bearer" = [])),
    responses((status = 200, body = ApiKeyList)))]
pub async fn list(
    State(services): State<SharedServices>,
    Authenticated(caller): Authenticated,
) -> Answer<Json<ApiKeyList>> {
    Ok(Json(services.list_api_keys(&caller).await?))
}

/// Revokes a key.
#[utoipa::path(delete, path = "/v1/auth/api-keys/{key_id}", tag = "api keys", security(("bearer" = [])),
    params(("key_id" = String, Path)), responses((status = 204, description = "Revoked")))]
pub async fn revoke(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(key): Params<String>,
) -> Answer<StatusCode> {
    services
        .revoke_api_key(&context, &caller, parse("key_id", &key)?)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
