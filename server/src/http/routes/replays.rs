//! Replays of recorded decisions, and the names under which official clients know some of this.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use oneclaw_core::api::{
    CreateReplayRequest, GuardrailReplayRequest, GuardrailRevisionList, GuardrailShadowReport,
    Replay, ReplayChangeList, ReplayList,
};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::http::extract::{Authenticated, Body, Context, Params, Query, parse};
use crate::http::problem::Answer;
use crate::service::SharedServices;

/// Has recorded decisions made again, to see what would change. Owners and admins.
#[utoipa::path(post, path = "/v1/replays", tag = "decisions", security(("bearer" = [])),
    request_body = CreateReplayRequest, responses((status = 202, body = Replay)))]
pub async fn create(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Body(request): Body<CreateReplayRequest>,
) -> Answer<(StatusCode, Json<Replay>)> {
    let replay = services.create_replay(&context, &caller, request).await?;
    Ok((StatusCode::ACCEPTED, Json(replay)))
}

/// The latest replays, newest first.
#[utoipa::path(get, path = "/v1/replays", tag = "decisions", security(("bearer" = [])),
    responses((status = 200, body = ReplayList)))]
pub async fn list(
    State(services): State<SharedServices>,
    Authenticated(caller): Authenticated,
) -> Answer<Json<ReplayList>> {
    Ok(Json(services.list_replays(&caller).await?))
}

/// A replay: how far it is, and what came of it.
#[utoipa::path(get, path = "/v1/replays/{id}", tag = "decisions", security(("bearer" = [])),
    params(("id" = String, Path)), responses((status = 200, body = Replay)))]
pub async fn get(
    State(services): State<SharedServices>,
    Authenticated(caller): Authenticated,
    Params(id): Params<String>,
) -> Answer<Json<Replay>> {
    let id = parse("id", &id)?;
    Ok(Json(services.get_replay(&caller, id).await?))
}

/// Cancels a replay.
#[utoipa::path(delete, path = "/v1/replays/{id}", tag = "decisions", security(("bearer" = [])),
    params(("id" = String, Path)), responses((status = 204)))]
pub async fn cancel(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(id): Params<String>,
) -> Answer<StatusCode> {
    let id = parse("id", &id)?;
    services.cancel_replay(&context, &caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which page.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct ChangesQuery {
    /// Changes in a page: 100 unless told, at most 1000.
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<i64>,
}

/// The decisions that would come out differently, with both reasons.
#[utoipa::path(get, path = "/v1/replays/{id}/changes", tag = "decisions", security(("bearer" = [])),
    params(("id" = String, Path), ChangesQuery), responses((status = 200, body = ReplayChangeList)))]
pub async fn changes(
    State(services): State<SharedServices>,
    Authenticated(caller): Authenticated,
    Params(id): Params<String>,
    Query(query): Query<ChangesQuery>,
) -> Answer<Json<ReplayChangeList>> {
    let id = parse("id", &id)?;
    let changes = services
        .list_replay_changes(&caller, id, query.cursor, query.limit)
        .await?;
    Ok(Json(changes))
}

/// Replays an agent's transactions with a draft of its guardrails.
#[utoipa::path(post, path = "/v1/agents/{agent_id}/guardrails/replay", tag = "decisions", security(("bearer" = [])),
    params(("agent_id" = String, Path)), request_body = GuardrailReplayRequest,
    responses((status = 202, body = Replay)))]
pub async fn guardrails(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(agent): Params<String>,
    Body(request): Body<GuardrailReplayRequest>,
) -> Answer<(StatusCode, Json<Replay>)> {
    let agent = parse("agent_id", &agent)?;
    let replay = services
        .replay_guardrails(&context, &caller, agent, request)
        .await?;
    Ok((StatusCode::ACCEPTED, Json(replay)))
}

/// Which time.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct ReportQuery {
    /// RFC 3339, inclusive.
    since: Option<String>,
    /// RFC 3339, exclusive.
    until: Option<String>,
}

/// What guardrails decided, and what those would have that are merely watched.
#[utoipa::path(get, path = "/v1/org/guardrail-shadow-report", tag = "decisions", security(("bearer" = [])),
    params(ReportQuery), responses((status = 200, body = GuardrailShadowReport)))]
pub async fn shadow_report(
    State(services): State<SharedServices>,
    Authenticated(caller): Authenticated,
    Query(query): Query<ReportQuery>,
) -> Answer<Json<GuardrailShadowReport>> {
    let report = services
        .guardrail_shadow_report(&caller, query.since, query.until)
        .await?;
    Ok(Json(report))
}

/// Who changed guardrails when.
#[utoipa::path(get, path = "/v1/org/guardrail-revisions", tag = "decisions", security(("bearer" = [])),
    responses((status = 200, body = GuardrailRevisionList)))]
pub async fn revisions(
    State(services): State<SharedServices>,
    Authenticated(caller): Authenticated,
) -> Answer<Json<GuardrailRevisionList>> {
    Ok(Json(services.guardrail_revisions(&caller).await?))
}
