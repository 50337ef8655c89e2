//! Environment variables, of a vault and of the whole organisation.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use oneclaw_core::api::{
    CreateEnvVarRequest, CreateEnvironmentRequest, EnvVar, EnvVarList, Environment,
    EnvironmentList, LinkEnvVarRequest, ResolvedEnvVars, UpdateEnvVarRequest,
};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::http::extract::{Authenticated, Body, Context, Params, Query, parse};
use crate::http::problem::Answer;
use crate::service::SharedServices;
use crate::service::env_vars::EnvVarQuery;

/// Which variables are meant.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct VarQuery {
    /// Those that hold in this environment.
    #[serde(default)]
    environment: Option<String>,
    /// Those for this branch.
    #[serde(default)]
    git_branch: Option<String>,
}

impl From<VarQuery> for EnvVarQuery {
    fn from(query: VarQuery) -> Self {
        Self {
            environment: query.environment,
            git_branch: query.git_branch,
        }
    }
}

/// The variables that the caller may read; the values of sensitive ones are left out.
#[utoipa::path(get, path = "/v1/vaults/{vault_id}/env-vars", tag = "environment variables",
    security(("bearer" = [])), params(("vault_id" = String, Path), VarQuery),
    responses((status = 200, body = EnvVarList)))]
pub async fn list(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(vault): Params<String>,
    Query(query): Query<VarQuery>,
) -> Answer<Json<EnvVarList>> {
    let vault = parse("vault_id", &vault)?;
    let vars = services
        .env_vars(&context, &caller, vault, &query.into())
        .await?;
    Ok(Json(vars))
}

/// Makes a variable.
#[utoipa::path(post, path = "/v1/vaults/{vault_id}/env-vars", tag = "environment variables",
    security(("bearer" = [])), params(("vault_id" = String, Path)), request_body = CreateEnvVarRequest,
    responses((status = 201, body = EnvVar)))]
pub async fn create(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(vault): Params<String>,
    Body(request): Body<CreateEnvVarRequest>,
) -> Answer<(StatusCode, Json<EnvVar>)> {
    let vault = parse("vault_id", &vault)?;
    let var = services
        .create_env_var(&context, &caller, vault, &request)
        .await?;
    Ok((StatusCode::CREATED, Json(var)))
}

/// Everything that holds in an environment, with its values.
#[utoipa::path(get, path = "/v1/vaults/{vault_id}/env-vars/resolve", tag = "environment variables",
    security(("bearer" = [])), params(("vault_id" = String, Path), VarQuery),
    responses((status = 200, body = ResolvedEnvVars)))]
pub async fn resolve(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(vault): Params<String>,
    Query(query): Query<VarQuery>,
) -> Answer<Json<ResolvedEnvVars>> {
    let vault = parse("vault_id", &vault)?;
    let resolved = services
        .resolve_env_vars(&context, &caller, vault, &query.into())
        .await?;
    Ok(Json(resolved))
}

/// A variable with its value, named by its key or its id.
#[utoipa::path(get, path = "/v1/vaults/{vault_id}/env-vars/{key}", tag = "environment variables",
    security(("bearer" = [])), params(("vault_id" = String, Path), ("key" = String, Path), VarQuery),
    responses((status = 200, body = EnvVar)))]
pub async fn get(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params((vault, key)): Params<(String, String)>,
    Query(query): Query<VarQuery>,
) -> Answer<Json<EnvVar>> {
    let vault = parse("vault_id", &vault)?;
    let var = services
        .env_var(&context, &caller, vault, &key, &query.into())
        .await?;
    Ok(Json(var))
}

/// Changes a variable, in one environment if one is named.
#[utoipa::path(patch, path = "/v1/vaults/{vault_id}/env-vars/{key}", tag = "environment variables",
    security(("bearer" = [])), params(("vault_id" = String, Path), ("key" = String, Path), VarQuery),
    request_body = UpdateEnvVarRequest, responses((status = 200, body = EnvVar)))]
pub async fn update(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params((vault, key)): Params<(String, String)>,
    Query(query): Query<VarQuery>,
    Body(request): Body<UpdateEnvVarRequest>,
) -> Answer<Json<EnvVar>> {
    let vault = parse("vault_id", &vault)?;
    let var = services
        .update_env_var(&context, &caller, vault, (&key, &query.into()), request)
        .await?;
    Ok(Json(var))
}

/// Removes a variable, in one environment if one is named.
#[utoipa::path(delete, path = "/v1/vaults/{vault_id}/env-vars/{key}", tag = "environment variables",
    security(("bearer" = [])), params(("vault_id" = String, Path), ("key" = String, Path), VarQuery),
    responses((status = 204, description = "Removed")))]
pub async fn delete(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params((vault, key)): Params<(String, String)>,
    Query(query): Query<VarQuery>,
) -> Answer<StatusCode> {
    let vault = parse("vault_id", &vault)?;
    services
        .delete_env_var(&context, &caller, vault, &key, &query.into())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The environments of a vault.
#[utoipa::path(get, path = "/v1/vaults/{vault_id}/environments", tag = "environment variables",
    security(("bearer" = [])), params(("vault_id" = String, Path)),
    responses((status = 200, body = EnvironmentList)))]
pub async fn environments(
    State(services): State<SharedServices>,
    Authenticated(caller): Authenticated,
    Params(vault): Params<String>,
) -> Answer<Json<EnvironmentList>> {
    let vault = parse("vault_id", &vault)?;
    Ok(Json(services.list_environments(&caller, vault).await?))
}

/// Makes an environment, with copies of the variables of another one if one is named.
#[utoipa::path(post, path = "/v1/vaults/{vault_id}/environments", tag = "environment variables",
    security(("bearer" = [])), params(("vault_id" = String, Path)),
    request_body = CreateEnvironmentRequest, responses((status = 201, body = Environment)))]
pub async fn create_environment(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(vault): Params<String>,
    Body(request): Body<CreateEnvironmentRequest>,
) -> Answer<(StatusCode, Json<Environment>)> {
    let vault = parse("vault_id", &vault)?;
    let environment = services
        .create_environment(&context, &caller, vault, &request)
        .await?;
    Ok((StatusCode::CREATED, Json(environment)))
}

/// Removes an environment with the values in it.
#[utoipa::path(delete, path = "/v1/vaults/{vault_id}/environments/{slug}", tag = "environment variables",
    security(("bearer" = [])), params(("vault_id" = String, Path), ("slug" = String, Path)),
    responses((status = 204, description = "Removed")))]
pub async fn delete_environment(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params((vault, slug)): Params<(String, String)>,
) -> Answer<StatusCode> {
    let vault = parse("vault_id", &vault)?;
    services
        .delete_environment(&context, &caller, vault, &slug)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The variables of the organisation, with the vaults that they are linked to.
#[utoipa::path(get, path = "/v1/org/env-vars", tag = "environment variables", security(("bearer" = [])),
    params(VarQuery), responses((status = 200, body = EnvVarList)))]
pub async fn list_shared(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Query(query): Query<VarQuery>,
) -> Answer<Json<EnvVarList>> {
    let vars = services
        .shared_env_vars(&context, &caller, &query.into())
        .await?;
    Ok(Json(vars))
}

/// Makes a variable of the organisation.
#[utoipa::path(post, path = "/v1/org/env-vars", tag = "environment variables", security(("bearer" = [])),
    request_body = CreateEnvVarRequest, responses((status = 201, body = EnvVar)))]
pub async fn create_shared(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Body(request): Body<CreateEnvVarRequest>,
) -> Answer<(StatusCode, Json<EnvVar>)> {
    let var = services
        .create_shared_env_var(&context, &caller, &request)
        .await?;
    Ok((StatusCode::CREATED, Json(var)))
}

/// Changes a variable of the organisation.
#[utoipa::path(patch, path = "/v1/org/env-vars/{key}", tag = "environment variables",
    security(("bearer" = [])), params(("key" = String, Path), VarQuery),
    request_body = UpdateEnvVarRequest, responses((status = 200, body = EnvVar)))]
pub async fn update_shared(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(key): Params<String>,
    Query(query): Query<VarQuery>,
    Body(request): Body<UpdateEnvVarRequest>,
) -> Answer<Json<EnvVar>> {
    let var = services
        .update_shared_env_var(&context, &caller, (&key, &query.into()), request)
        .await?;
    Ok(Json(var))
}

/// Removes a variable of the organisation.
#[utoipa::path(delete, path = "/v1/org/env-vars/{key}", tag = "environment variables",
    security(("bearer" = [])), params(("key" = String, Path), VarQuery),
    responses((status = 204, description = "Removed")))]
pub async fn delete_shared(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(key): Params<String>,
    Query(query): Query<VarQuery>,
) -> Answer<StatusCode> {
    services
        .delete_shared_env_var(&context, &caller, &key, &query.into())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Has a variable of the organisation hold in a vault.
#[utoipa::path(post, path = "/v1/org/env-vars/{key}/link", tag = "environment variables",
    security(("bearer" = [])), params(("key" = String, Path)), request_body = LinkEnvVarRequest,
    responses((status = 204, description = "Linked")))]
pub async fn link(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(key): Params<String>,
    Body(request): Body<LinkEnvVarRequest>,
) -> Answer<StatusCode> {
    services
        .link_env_var(&context, &caller, &key, &request.vault_id)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends that.
#[utoipa::path(post, path = "/v1/org/env-vars/{key}/unlink", tag = "environment variables",
    security(("bearer" = [])), params(("key" = String, Path)), request_body = LinkEnvVarRequest,
    responses((status = 204, description = "Not linked any more")))]
pub async fn unlink(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(key): Params<String>,
    Body(request): Body<LinkEnvVarRequest>,
) -> Answer<StatusCode> {
    services
        .unlink_env_var(&context, &caller, &key, &request.vault_id)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
