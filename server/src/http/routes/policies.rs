//! Access policies.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use oneclaw_core::api::{CreatePolicyRequest, Policy, PolicyList, UpdatePolicyRequest};

use crate::http::extract::{Authenticated, Body, Context, Params, parse};
use crate::http::problem::Answer;
use crate::service::SharedServices;

/// Grants or denies a principal access to paths of a vault.
#[utoipa::path(post, path = "/v1/vaults/{vault_id}/policies", tag = "policies", security(("bearer" = [])),
    params(("vault_id" = String, Path)), request_body = CreatePolicyRequest, responses((status = 201, body = Policy)))]
pub async fn create(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(vault): Params<String>,
    Body(request): Body<CreatePolicyRequest>,
) -> Answer<(StatusCode, Json<Policy>)> {
    let vault = parse("vault_id", &vault)?;
    Ok((
        StatusCode::CREATED,
        Json(
            services
                .create_policy(&context, &caller, vault, request)
                .await?,
        ),
    ))
}

/// The policies of a vault.
#[utoipa::path(get, path = "/v1/vaults/{vault_id}/policies", tag = "policies", security(("bearer" = [])),
    params(("vault_id" = String, Path)), responses((status = 200, body = PolicyList)))]
pub async fn list(
    State(services): State<SharedServices>,
    Authenticated(caller): Authenticated,
    Params(vault): Params<String>,
) -> Answer<Json<PolicyList>> {
    Ok(Json(
        services
            .list_policies(&caller, parse("vault_id", &vault)?)
            .await?,
    ))
}

/// Changes a policy; its pattern and principal stay.
#[utoipa::path(put, path = "/v1/vaults/{vault_id}/policies/{policy_id}", tag = "policies",
    security(("bearer" = [])), params(("vault_id" = String, Path), ("policy_id" = String, Path)),
    request_body = UpdatePolicyRequest, responses((status = 200, body = Policy)))]
pub async fn update(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params((vault, policy)): Params<(String, String)>,
    Body(request): Body<UpdatePolicyRequest>,
) -> Answer<Json<Policy>> {
    let (vault, policy) = (parse("vault_id", &vault)?, parse("policy_id", &policy)?);
    Ok(Json(
        services
            .update_policy(&context, &caller, vault, policy, request)
            .await?,
    ))
}

/// Removes a policy; the next request sees it.
#[utoipa::path(delete, path = "/v1/vaults/{vault_id}/policies/{policy_id}", tag = "policies",
    security(("bearer" = [])), params(("vault_id" = String, Path), ("policy_id" = String, Path)),
    responses((status = 204, description = "Removed")))]
pub async fn delete(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params((vault, policy)): Params<(String, String)>,
) -> Answer<StatusCode> {
    let (vault, policy) = (parse("vault_id", &vault)?, parse("policy_id", &policy)?);
    services
        .delete_policy(&context, &caller, vault, policy)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
