//! Guardrails for many agents.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use oneclaw_core::api::{
    FleetGuardrailRevisionList, FleetGuardrails, FleetGuardrailsList, SetFleetGuardrailsRequest,
};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::http::extract::{Authenticated, Body, Context, Params, Query};
use crate::http::problem::Answer;
use crate::service::SharedServices;

/// The guardrails that hold for every agent of the organisation besides its own.
#[utoipa::path(get, path = "/v1/org/guardrails", tag = "guardrails", security(("bearer" = [])),
    responses((status = 200, body = FleetGuardrails)))]
pub async fn get(
    State(services): State<SharedServices>,
    Authenticated(caller): Authenticated,
) -> Answer<Json<FleetGuardrails>> {
    Ok(Json(services.org_guardrails(&caller).await?))
}

/// Puts guardrails for every agent in place of those that were there.
#[utoipa::path(put, path = "/v1/org/guardrails", tag = "guardrails", security(("bearer" = [])),
    request_body = SetFleetGuardrailsRequest, responses((status = 200, body = FleetGuardrails)))]
pub async fn set(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Body(request): Body<SetFleetGuardrailsRequest>,
) -> Answer<Json<FleetGuardrails>> {
    Ok(Json(
        services
            .set_org_guardrails(&context, &caller, request)
            .await?,
    ))
}

/// Takes the guardrails for every agent away.
#[utoipa::path(delete, path = "/v1/org/guardrails", tag = "guardrails", security(("bearer" = [])),
    responses((status = 204, description = "Removed")))]
pub async fn remove(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
) -> Answer<StatusCode> {
    services.remove_guardrails(&context, &caller, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The guardrails of all labels that have any.
#[utoipa::path(get, path = "/v1/org/guardrails/labels", tag = "guardrails", security(("bearer" = [])),
    responses((status = 200, body = FleetGuardrailsList)))]
pub async fn list_labels(
    State(services): State<SharedServices>,
    Authenticated(caller): Authenticated,
) -> Answer<Json<FleetGuardrailsList>> {
    Ok(Json(services.label_guardrails(&caller).await?))
}

/// The guardrails that hold for the agents with a label besides their own.
#[utoipa::path(get, path = "/v1/org/guardrails/labels/{key}/{value}", tag = "guardrails", security(("bearer" = [])),
    params(("key" = String, Path), ("value" = String, Path)), responses((status = 200, body = FleetGuardrails)))]
pub async fn get_label(
    State(services): State<SharedServices>,
    Authenticated(caller): Authenticated,
    Params((key, value)): Params<(String, String)>,
) -> Answer<Json<FleetGuardrails>> {
    Ok(Json(
        services.guardrails_of_label(&caller, &key, &value).await?,
    ))
}

/// Puts guardrails for the agents with a label in place of those that were there.
#[utoipa::path(put, path = "/v1/org/guardrails/labels/{key}/{value}", tag = "guardrails", security(("bearer" = [])),
    params(("key" = String, Path), ("value" = String, Path)), request_body = SetFleetGuardrailsRequest,
    responses((status = 200, body = FleetGuardrails)))]
pub async fn set_label(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params((key, value)): Params<(String, String)>,
    Body(request): Body<SetFleetGuardrailsRequest>,
) -> Answer<Json<FleetGuardrails>> {
    Ok(Json(
        services
            .set_label_guardrails(&context, &caller, &key, &value, request)
            .await?,
    ))
}

/// Takes the guardrails for the agents with a label away.
#[utoipa::path(delete, path = "/v1/org/guardrails/labels/{key}/{value}", tag = "guardrails",
    security(("bearer" = [])), params(("key" = String, Path), ("value" = String, Path)),
    responses((status = 204, description = "Removed")))]
pub async fn remove_label(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params((key, value)): Params<(String, String)>,
) -> Answer<StatusCode> {
    services
        .remove_guardrails(&context, &caller, Some((&key, &value)))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which changes.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct RevisionsQuery {
    /// Changes in a page: 50 unless told, at most 500.
    limit: Option<i64>,
    /// Those before this revision.
    before: Option<i64>,
}

/// Every change of guardrails for many agents, newest first.
#[utoipa::path(get, path = "/v1/org/guardrails/revisions", tag = "guardrails", security(("bearer" = [])),
    params(RevisionsQuery), responses((status = 200, body = FleetGuardrailRevisionList)))]
pub async fn revisions(
    State(services): State<SharedServices>,
    Authenticated(caller): Authenticated,
    Query(query): Query<RevisionsQuery>,
) -> Answer<Json<FleetGuardrailRevisionList>> {
    Ok(Json(
        services
            .fleet_guardrail_revisions(&caller, query.limit, query.before)
            .await?,
    ))
}
