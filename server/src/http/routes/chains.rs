//! The registry of chains.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use oneclaw_core::api::{Chain, ChainList, CreateChainRequest, UpdateChainRequest};

use crate::http::extract::{Authenticated, Body, Context, MaybeAuthenticated, Params, parse};
use crate::http::problem::Answer;
use crate::service::SharedServices;

/// The chains that transactions may be meant for.
#[utoipa::path(get, path = "/v1/chains", tag = "chains", responses((status = 200, body = ChainList)))]
pub async fn list(
    State(services): State<SharedServices>,
    MaybeAuthenticated(caller): MaybeAuthenticated,
) -> Answer<Json<ChainList>> {
    Ok(Json(services.list_chains(caller.as_ref()).await?))
}

/// One chain, by its name or its chain id.
#[utoipa::path(get, path = "/v1/chains/{identifier}", tag = "chains", params(("identifier" = String, Path)),
    responses((status = 200, body = Chain)))]
pub async fn get(
    State(services): State<SharedServices>,
    MaybeAuthenticated(caller): MaybeAuthenticated,
    Params(identifier): Params<String>,
) -> Answer<Json<Chain>> {
    Ok(Json(services.chain(caller.as_ref(), &identifier).await?))
}

/// All chains, those that are switched off included, with the URLs of their nodes. For administrators of the server.
#[utoipa::path(get, path = "/v1/admin/chains", tag = "chains", security(("bearer" = [])),
    responses((status = 200, body = ChainList)))]
pub async fn list_all(
    State(services): State<SharedServices>,
    Authenticated(caller): Authenticated,
) -> Answer<Json<ChainList>> {
    Ok(Json(services.list_all_chains(&caller).await?))
}

/// Adds a chain. For administrators of the server.
#[utoipa::path(post, path = "/v1/admin/chains", tag = "chains", security(("bearer" = [])),
    request_body = CreateChainRequest, responses((status = 201, body = Chain)))]
pub async fn create(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Body(request): Body<CreateChainRequest>,
) -> Answer<(StatusCode, Json<Chain>)> {
    Ok((
        StatusCode::CREATED,
        Json(services.create_chain(&context, &caller, request).await?),
    ))
}

/// Changes a chain: what is absent stays. For administrators of the server.
#[utoipa::path(put, path = "/v1/admin/chains/{chain_id}", tag = "chains", security(("bearer" = [])),
    params(("chain_id" = String, Path, description = "Its id in the registry")), request_body = UpdateChainRequest,
    responses((status = 200, body = Chain)))]
pub async fn update(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(chain): Params<String>,
    Body(request): Body<UpdateChainRequest>,
) -> Answer<Json<Chain>> {
    let chain = parse("chain_id", &chain)?;
    let changed = services
        .update_chain(&context, &caller, chain, request)
        .await?;
    Ok(Json(changed))
}

/// Removes a chain. For administrators of the server.
#[utoipa::path(delete, path = "/v1/admin/chains/{chain_id}", tag = "chains", security(("bearer" = [])),
    params(("chain_id" = String, Path, description = "Its id in the registry")),
    responses((status = 204, description = "Removed")))]
pub async fn delete(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(chain): Params<String>,
) -> Answer<StatusCode> {
    services
        .delete_chain(&context, &caller, parse("chain_id", &chain)?)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
