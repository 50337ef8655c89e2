//! Agents.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use oneclaw_core::api::{
    Agent, AgentList, BatchDeleteAgentsRequest, BatchDeleteAgentsResponse, BatchRotateKeysRequest,
    BatchRotateKeysResponse, BulkProvisionRequest, BulkProvisionResponse, CreateAgentRequest,
    CreateAgentResponse, IssueAgentTokenResponse, RotateAgentKeyRequest, RotateAgentKeyResponse,
    UpdateAgentRequest,
};

use serde::Deserialize;
use utoipa::IntoParams;

use crate::http::extract::{
    Authenticated, Body, BulkBody, Context, OptionalBody, Params, Query, idempotency_key, parse,
};
use crate::http::problem::Answer;
use crate::service::SharedServices;
use crate::service::agents::AgentsQuery;

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

/// Which agents; empty parameters count as absent.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Those with this label, `team=red`, or with all of several, separated by commas.
    label: Option<String>,
    /// Those with this in their name, whatever the case.
    search: Option<String>,
    /// The same as `search`.
    q: Option<String>,
    /// `true` or `false`.
    is_active: Option<String>,
    /// Agents in a page, 1 to 1000. Without it and without `cursor`, the list is complete.
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// The agents of the organisation, oldest first: all of them, or a page.
#[utoipa::path(get, path = "/v1/agents", tag = "agents", security(("bearer" = [])), params(ListQuery),
    responses((status = 200, body = AgentList)))]
pub async fn list(
    State(services): State<SharedServices>,
    Authenticated(caller): Authenticated,
    Query(query): Query<ListQuery>,
) -> Answer<Json<AgentList>> {
    let query = AgentsQuery {
        label: query.label,
        search: query.search.filter(|text| !text.is_empty()).or(query.q),
        is_active: query.is_active,
        limit: query.limit,
        cursor: query.cursor,
    };
    Ok(Json(services.list_agents(&caller, query).await?))
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

/// Makes up to 1000 agents with vaults and policies, all or nothing. A repetition under the same `Idempotency-Key` within
/// 24 hours answers 200 with what was made, without the keys.
#[utoipa::path(post, path = "/v1/agents/bulk", tag = "agents", security(("bearer" = [])),
    params(("Idempotency-Key" = Option<String>, Header)), request_body = BulkProvisionRequest,
    responses((status = 201, body = BulkProvisionResponse),
        (status = 200, description = "The same was made before under this Idempotency-Key", body = BulkProvisionResponse),
        (status = 409, description = "The Idempotency-Key was used for another request")))]
pub async fn bulk(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    headers: HeaderMap,
    BulkBody(request): BulkBody<BulkProvisionRequest>,
) -> Answer<(StatusCode, Json<BulkProvisionResponse>)> {
    let key = idempotency_key(&headers)?;
    let made = services
        .provision_agents(&context, &caller, key, request)
        .await?;
    let status = if made.replayed {
        StatusCode::OK
    } else {
        StatusCode::CREATED
    };
    Ok((status, Json(made)))
}

/// Gives up to 1000 agents new keys, which are shown this once.
#[utoipa::path(post, path = "/v1/agents/batch-rotate-keys", tag = "agents", security(("bearer" = [])),
    request_body = BatchRotateKeysRequest, responses((status = 200, body = BatchRotateKeysResponse)))]
pub async fn batch_rotate_keys(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Body(request): Body<BatchRotateKeysRequest>,
) -> Answer<Json<BatchRotateKeysResponse>> {
    Ok(Json(
        services
            .rotate_agent_keys(&context, &caller, &request)
            .await?,
    ))
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

/// Gives an agent a new key; without an overlap the old one is dead at once.
#[utoipa::path(post, path = "/v1/agents/{agent_id}/rotate-key", tag = "agents", security(("bearer" = [])),
    params(("agent_id" = String, Path)), request_body = Option<RotateAgentKeyRequest>,
    responses((status = 200, body = RotateAgentKeyResponse)))]
pub async fn rotate_key(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(agent): Params<String>,
    OptionalBody(request): OptionalBody<RotateAgentKeyRequest>,
) -> Answer<Json<RotateAgentKeyResponse>> {
    let agent = parse("agent_id", &agent)?;
    Ok(Json(
        services
            .rotate_agent_key(&context, &caller, agent, request.overlap_seconds)
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
