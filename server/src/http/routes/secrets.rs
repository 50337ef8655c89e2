//! Secrets. Paths may arrive with their slashes percent-encoded or raw.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use oneclaw_core::api::{
    PutSecretRequest, RotateSecretRequest, Secret, SecretList, SecretMeta, SecretVersionList,
};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::http::extract::{
    Authenticated, Body, Context, OptionalBody, Params, Query, SecretAddress, VersionAddress, parse,
};
use crate::http::problem::Answer;
use crate::service::SharedServices;

/// Query of a listing.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Only paths that begin with this text.
    #[serde(default)]
    prefix: Option<String>,
}

/// The secrets that the caller may read, in their latest version, without values.
#[utoipa::path(get, path = "/v1/vaults/{vault_id}/secrets", tag = "secrets", security(("bearer" = [])),
    params(("vault_id" = String, Path), ListQuery), responses((status = 200, body = SecretList)))]
pub async fn list(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(vault): Params<String>,
    Query(query): Query<ListQuery>,
) -> Answer<Json<SecretList>> {
    let vault = parse("vault_id", &vault)?;
    let prefix = query.prefix.unwrap_or_default();
    Ok(Json(
        services
            .list_secrets(&context, &caller, vault, &prefix)
            .await?,
    ))
}

/// Stores the next version of a secret.
#[utoipa::path(put, path = "/v1/vaults/{vault_id}/secrets/{*path}", tag = "secrets", security(("bearer" = [])),
    params(("vault_id" = String, Path), ("path" = String, Path)), request_body = PutSecretRequest,
    responses((status = 201, body = SecretMeta)))]
pub async fn put(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    SecretAddress { vault, path }: SecretAddress,
    Body(request): Body<PutSecretRequest>,
) -> Answer<(StatusCode, Json<SecretMeta>)> {
    let meta = services
        .put_secret(&context, &caller, vault, &path, request)
        .await?;
    Ok((StatusCode::CREATED, Json(meta)))
}

/// Reads a secret: its newest enabled version.
#[utoipa::path(get, path = "/v1/vaults/{vault_id}/secrets/{*path}", tag = "secrets", security(("bearer" = [])),
    params(("vault_id" = String, Path), ("path" = String, Path)),
    responses((status = 200, body = Secret), (status = 410, description = "Deleted, expired, disabled or used up")))]
pub async fn get(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    SecretAddress { vault, path }: SecretAddress,
) -> Answer<Json<Secret>> {
    Ok(Json(
        services
            .read_secret(&context, &caller, vault, &path)
            .await?,
    ))
}

/// Removes every version of a secret; the path can be written again.
#[utoipa::path(delete, path = "/v1/vaults/{vault_id}/secrets/{*path}", tag = "secrets", security(("bearer" = [])),
    params(("vault_id" = String, Path), ("path" = String, Path)), responses((status = 204, description = "Removed")))]
pub async fn delete(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    SecretAddress { vault, path }: SecretAddress,
) -> Answer<StatusCode> {
    services
        .delete_secret(&context, &caller, vault, &path)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The versions of a secret, newest first, without values.
#[utoipa::path(get, path = "/v1/vaults/{vault_id}/secret-versions/{*path}", tag = "secrets",
    security(("bearer" = [])), params(("vault_id" = String, Path), ("path" = String, Path)),
    responses((status = 200, body = SecretVersionList)))]
pub async fn versions(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    SecretAddress { vault, path }: SecretAddress,
) -> Answer<Json<SecretVersionList>> {
    Ok(Json(
        services
            .secret_versions(&context, &caller, vault, &path)
            .await?,
    ))
}

/// Reads one version of a secret; the last segment of the path is the version.
#[utoipa::path(get, path = "/v1/vaults/{vault_id}/secret-version/{*path}", tag = "secrets",
    security(("bearer" = [])), params(("vault_id" = String, Path), ("path" = String, Path)),
    responses((status = 200, body = Secret), (status = 410, description = "Deleted, expired, disabled or used up")))]
pub async fn version(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    VersionAddress {
        vault,
        path,
        version,
    }: VersionAddress,
) -> Answer<Json<Secret>> {
    Ok(Json(
        services
            .read_secret_version(&context, &caller, vault, &path, version)
            .await?,
    ))
}

/// Disables one version of a secret; the last segment of the path is the version.
#[utoipa::path(post, path = "/v1/vaults/{vault_id}/secret-version-disable/{*path}", tag = "secrets",
    security(("bearer" = [])), params(("vault_id" = String, Path), ("path" = String, Path)),
    responses((status = 204, description = "Disabled")))]
pub async fn disable_version(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    VersionAddress {
        vault,
        path,
        version,
    }: VersionAddress,
) -> Answer<StatusCode> {
    services
        .disable_secret_version(&context, &caller, vault, &path, version)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Stores a generated value as the next version of a secret.
#[utoipa::path(post, path = "/v1/vaults/{vault_id}/secret-rotate/{*path}", tag = "secrets",
    security(("bearer" = [])), params(("vault_id" = String, Path), ("path" = String, Path)),
    request_body = Option<RotateSecretRequest>, responses((status = 201, body = SecretMeta)))]
pub async fn rotate(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    SecretAddress { vault, path }: SecretAddress,
    OptionalBody(request): OptionalBody<RotateSecretRequest>,
) -> Answer<(StatusCode, Json<SecretMeta>)> {
    let meta = services
        .rotate_secret(&context, &caller, vault, &path, request)
        .await?;
    Ok((StatusCode::CREATED, Json(meta)))
}
