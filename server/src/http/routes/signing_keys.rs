//! The keys that agents sign transactions with.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use oneclaw_core::api::{
    CreateSigningKeyRequest, ExportedSigningKey, ImportSigningKeyRequest, SigningKey,
    SigningKeyBalance, SigningKeyList,
};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::http::extract::{Authenticated, Body, Confirmed, Context, Params, Query, parse};
use crate::http::problem::Answer;
use crate::service::SharedServices;

/// Makes a key for every EVM chain. The private half stays in the vault of the agents' keys.
#[utoipa::path(post, path = "/v1/agents/{agent_id}/signing-keys", tag = "signing keys", security(("bearer" = [])),
    params(("agent_id" = String, Path)), request_body = CreateSigningKeyRequest,
    responses((status = 201, body = SigningKey), (status = 409, description = "There is an active one")))]
pub async fn create(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(agent): Params<String>,
    Body(request): Body<CreateSigningKeyRequest>,
) -> Answer<(StatusCode, Json<SigningKey>)> {
    let agent = parse("agent_id", &agent)?;
    let key = services
        .create_signing_key(&context, &caller, agent, &request)
        .await?;
    Ok((StatusCode::CREATED, Json(key)))
}

/// The keys of an agent, those that sign no more included.
#[utoipa::path(get, path = "/v1/agents/{agent_id}/signing-keys", tag = "signing keys", security(("bearer" = [])),
    params(("agent_id" = String, Path)), responses((status = 200, body = SigningKeyList)))]
pub async fn list(
    State(services): State<SharedServices>,
    Authenticated(caller): Authenticated,
    Params(agent): Params<String>,
) -> Answer<Json<SigningKeyList>> {
    let agent = parse("agent_id", &agent)?;
    Ok(Json(services.list_signing_keys(&caller, agent).await?))
}

/// Puts a new key, with a new address, in the place of the active one.
#[utoipa::path(post, path = "/v1/agents/{agent_id}/signing-keys/{chain}/rotate", tag = "signing keys",
    security(("bearer" = [])), params(("agent_id" = String, Path), ("chain" = String, Path)),
    responses((status = 200, body = SigningKey)))]
pub async fn rotate(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params((agent, chain)): Params<(String, String)>,
) -> Answer<Json<SigningKey>> {
    let agent = parse("agent_id", &agent)?;
    let key = services
        .rotate_signing_key(&context, &caller, agent, &chain)
        .await?;
    Ok(Json(key))
}

/// Ends the active key: it signs no more.
#[utoipa::path(delete, path = "/v1/agents/{agent_id}/signing-keys/{chain}", tag = "signing keys",
    security(("bearer" = [])), params(("agent_id" = String, Path), ("chain" = String, Path)),
    responses((status = 204, description = "Signs no more")))]
pub async fn deactivate(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params((agent, chain)): Params<(String, String)>,
) -> Answer<StatusCode> {
    let agent = parse("agent_id", &agent)?;
    services
        .deactivate_signing_key(&context, &caller, agent, &chain)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes the active key's private half out of the server, confirmed by the caller's password in `X-Auth-Confirm`.
#[utoipa::path(post, path = "/v1/agents/{agent_id}/signing-keys/{chain}/export", tag = "signing keys",
    security(("bearer" = [])), params(("agent_id" = String, Path), ("chain" = String, Path),
        ("X-Auth-Confirm" = String, Header, description = "The caller's password, or a token from /v1/auth/reauth"),
        ("X-MFA-Token" = Option<String>, Header, description = "A code, where the password stands in X-Auth-Confirm and a second factor is set up")),
    responses((status = 200, body = ExportedSigningKey), (status = 403, description = "Not confirmed, or refused")))]
pub async fn export(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params((agent, chain)): Params<(String, String)>,
    confirmation: Confirmed,
) -> Answer<Json<ExportedSigningKey>> {
    let agent = parse("agent_id", &agent)?;
    let key = services
        .export_signing_key(&context, &caller, agent, &chain, &confirmation.0)
        .await?;
    Ok(Json(key))
}

/// Takes in a key that was made elsewhere, confirmed by the caller's password in `X-Auth-Confirm`.
#[utoipa::path(post, path = "/v1/agents/{agent_id}/signing-keys/{chain}/import", tag = "signing keys",
    security(("bearer" = [])), params(("agent_id" = String, Path), ("chain" = String, Path),
        ("X-Auth-Confirm" = String, Header, description = "The caller's password, or a token from /v1/auth/reauth"),
        ("X-MFA-Token" = Option<String>, Header, description = "A code, where the password stands in X-Auth-Confirm and a second factor is set up")),
    request_body = ImportSigningKeyRequest,
    responses((status = 201, body = SigningKey), (status = 409, description = "There is an active one")))]
pub async fn import(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params((agent, chain)): Params<(String, String)>,
    confirmation: Confirmed,
    Body(request): Body<ImportSigningKeyRequest>,
) -> Answer<(StatusCode, Json<SigningKey>)> {
    let agent = parse("agent_id", &agent)?;
    let key = services
        .import_signing_key(&context, &caller, agent, &chain, &confirmation.0, &request)
        .await?;
    Ok((StatusCode::CREATED, Json(key)))
}

/// Which tokens to ask for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct BalanceQuery {
    /// Addresses of up to 20 ERC-20 tokens, with commas between them.
    tokens: Option<String>,
}

/// What the active key's account has on a chain.
#[utoipa::path(get, path = "/v1/agents/{agent_id}/signing-keys/{chain}/balance", tag = "signing keys",
    security(("bearer" = [])), params(("agent_id" = String, Path), ("chain" = String, Path), BalanceQuery),
    responses((status = 200, body = SigningKeyBalance),
        (status = 503, description = "The chain has no node, or none that answers")))]
pub async fn balance(
    State(services): State<SharedServices>,
    Authenticated(caller): Authenticated,
    Params((agent, chain)): Params<(String, String)>,
    Query(query): Query<BalanceQuery>,
) -> Answer<Json<SigningKeyBalance>> {
    let agent = parse("agent_id", &agent)?;
    let balance = services
        .signing_key_balance(&caller, agent, &chain, query.tokens.as_deref())
        .await?;
    Ok(Json(balance))
}
