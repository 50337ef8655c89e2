//! Agents.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use oneclaw_core::api::{
    Agent, AgentList, BatchDeleteAgentsRequest, BatchDeleteAgentsResponse, CreateAgentRequest,
    CreateAgentResponse, IssueAgentTokenResponse, RotateAgentKeyResponse, UpdateAgentRequest,
};

use crate::http::extract::{Authenticated, Body, Context, Params, parse};
use crate::http::problem::Answer;
use crate::service::SharedServices;

/// Registers an agent; the answer shows its key, this once.
#[utoipa::path(post, path = "/v1/agents", tag = "agents", security(("bearer" = [])), request_body = CreateAgentRequest,
    responses((status = 201, body = CreateAgentResponse)))]
pub async fn create(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Body(request): Body<CreateAgentRequest>,
) -> Answer<(StatusCode, Json<CreateAgentResponse>)> {
    Ok((
        StatusCode::CREATED,
        Json(services.create_agent(&context, &caller, request).await?),
    ))
}

/// All agents of the organisation.
#[utoipa::path(get, path = "/v1/agents", tag = "agents", security(("bearer" = [])),
    responses((status = 200, body = AgentList)))]
pub async fn list(
    State(services): State<SharedServices>,
    Authenticated(caller): Authenticated,
) -> Answer<Json<AgentList>> {
    Ok(Json(services.list_agents(&caller).await?))
}

/// The agent that asks.
#[utoipa::path(get, path = "/v1/agents/me", tag = "agents", security(("bearer" = [])),
    responses((status = 200, body = Agent)))]
pub async fn me(
    State(services): State<SharedServices>,
    Authenticated(caller): Authenticated,
) -> Answer<Json<Agent>> {
    Ok(Json(services.own_agent(&caller).await?))
}

/// Removes up to 500 agents.
#[utoipa::path(post, path = "/v1/agents/batch-delete", tag = "agents", security(("bearer" = [])),
    request_body = BatchDeleteAgentsRequest, responses((status = 200, body = BatchDeleteAgentsResponse)))]
pub async fn batch_delete(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Body(request): Body<BatchDeleteAgentsRequest>,
) -> Answer<Json<BatchDeleteAgentsResponse>> {
    Ok(Json(
        services.delete_agents(&context, &caller, &request).await?,
    ))
}

/// One agent.
#[utoipa::path(get, path = "/v1/agents/{agent_id}", tag = "agents", security(("bearer" = [])),
    params(("agent_id" = String, Path)), responses((status = 200, body = Agent)))]
pub async fn get(
    State(services): State<SharedServices>,
    Authenticated(caller): Authenticated,
    Params(agent): Params<String>,
) -> Answer<Json<Agent>> {
    Ok(Json(
        services.agent(&caller, parse("agent_id", &agent)?).await?,
    ))
}

/// Changes an agent: absent keeps, `null` clears. `is_active: false` shuts it out at once.
#[utoipa::path(patch, path = "/v1/agents/{agent_id}", tag = "agents", security(("bearer" = [])),
    params(("agent_id" = String, Path)), request_body = UpdateAgentRequest, responses((status = 200, body = Agent)))]
pub async fn update(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(agent): Params<String>,
    Body(request): Body<UpdateAgentRequest>,
) -> Answer<Json<Agent>> {
    Ok(Json(
        services
            .update_agent(&context, &caller, parse("agent_id", &agent)?, request)
            .await?,
    ))
}

/// Removes an agent for good; its audit events stay.
#[utoipa::path(delete, path = "/v1/agents/{agent_id}", tag = "agents", security(("bearer" = [])),
    params(("agent_id" = String, Path)), responses((status = 204, description = "Removed")))]
pub async fn delete(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(agent): Params<String>,
) -> Answer<StatusCode> {
    services
        .delete_agent(&context, &caller, parse("agent_id", &agent)?)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives an agent a new key; the old one is dead at once.
#[utoipa::path(post, path = "/v1/agents/{agent_id}/rotate-key", tag = "agents", security(("bearer" = [])),
    params(("agent_id" = String, Path)), responses((status = 200, body = RotateAgentKeyResponse)))]
pub async fn rotate_key(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(agent): Params<String>,
) -> Answer<Json<RotateAgentKeyResponse>> {
    Ok(Json(
        services
            .rotate_agent_key(&context, &caller, parse("agent_id", &agent)?)
            .await?,
    ))
}

/// Gives an agent new SSH and ECDH key pairs.
#[utoipa::path(post, path = "/v1/agents/{agent_id}/rotate-identity-keys", tag = "agents", security(("bearer" = [])),
    params(("agent_id" = String, Path)), responses((status = 200, body = Agent)))]
pub async fn rotate_identity_keys(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(agent): Params<String>,
) -> Answer<Json<Agent>> {
    Ok(Json(
        services
            .rotate_identity_keys(&context, &caller, parse("agent_id", &agent)?)
            .await?,
    ))
}

/// Makes a token for an agent.
#[utoipa::path(post, path = "/v1/agents/{agent_id}/token", tag = "agents", security(("bearer" = [])),
    params(("agent_id" = String, Path)), responses((status = 200, body = IssueAgentTokenResponse)))]
pub async fn issue_token(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(agent): Params<String>,
) -> Answer<Json<IssueAgentTokenResponse>> {
    Ok(Json(
        services
            .token_for_agent(&context, &caller, parse("agent_id", &agent)?)
            .await?,
    ))
}
