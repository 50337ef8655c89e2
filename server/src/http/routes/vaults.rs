//! Vaults.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use oneclaw_core::api::{AgentKeysVault, CreateVaultRequest, Vault, VaultList};

use crate::http::extract::{Authenticated, Body, Context, Params, parse};
use crate::http::problem::Answer;
use crate::service::SharedServices;

/// Makes a vault that the caller owns.
#[utoipa::path(post, path = "/v1/vaults", tag = "vaults", security(("bearer" = [])), request_body = CreateVaultRequest,
    responses((status = 201, body = Vault)))]
pub async fn create(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Body(request): Body<CreateVaultRequest>,
) -> Answer<(StatusCode, Json<Vault>)> {
    Ok((
        StatusCode::CREATED,
        Json(services.create_vault(&context, &caller, &request).await?),
    ))
}

/// The vaults that the caller may see.
#[utoipa::path(get, path = "/v1/vaults", tag = "vaults", security(("bearer" = [])),
    responses((status = 200, body = VaultList)))]
pub async fn list(
    State(services): State<SharedServices>,
    Authenticated(caller): Authenticated,
) -> Answer<Json<VaultList>> {
    Ok(Json(services.list_vaults(&caller).await?))
}

/// One vault.
#[utoipa::path(get, path = "/v1/vaults/{vault_id}", tag = "vaults", security(("bearer" = [])),
    params(("vault_id" = String, Path)), responses((status = 200, body = Vault)))]
pub async fn get(
    State(services): State<SharedServices>,
    Authenticated(caller): Authenticated,
    Params(vault): Params<String>,
) -> Answer<Json<Vault>> {
    Ok(Json(
        services.vault(&caller, parse("vault_id", &vault)?).await?,
    ))
}

/// Removes a vault with its secrets and policies.
#[utoipa::path(delete, path = "/v1/vaults/{vault_id}", tag = "vaults", security(("bearer" = [])),
    params(("vault_id" = String, Path)), responses((status = 204, description = "Removed")))]
pub async fn delete(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(vault): Params<String>,
) -> Answer<StatusCode> {
    services
        .delete_vault(&context, &caller, parse("vault_id", &vault)?)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The vault that holds the keys of agents.
#[utoipa::path(get, path = "/v1/org/agent-keys-vault", tag = "vaults", security(("bearer" = [])),
    responses((status = 200, body = AgentKeysVault)))]
pub async fn agent_keys_vault(
    State(services): State<SharedServices>,
    Authenticated(caller): Authenticated,
) -> Answer<Json<AgentKeysVault>> {
    Ok(Json(services.agent_keys_vault(&caller).await?))
}
