//! Sinks of the audit trail.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use oneclaw_core::api::{AuditSink, AuditSinkList, CreateAuditSinkRequest, UpdateAuditSinkRequest};

use crate::http::extract::{Authenticated, Body, Context, Params, parse};
use crate::http::problem::Answer;
use crate::service::SharedServices;

/// The sinks, and how far each has got. For owners and admins.
#[utoipa::path(get, path = "/v1/audit/sinks", tag = "audit", security(("bearer" = [])),
    responses((status = 200, body = AuditSinkList)))]
pub async fn list(
    State(services): State<SharedServices>,
    Authenticated(caller): Authenticated,
) -> Answer<Json<AuditSinkList>> {
    Ok(Json(services.audit_sinks(&caller).await?))
}

/// Sets up a sink: every event is sent there, in order, until it has arrived. For owners and admins.
#[utoipa::path(post, path = "/v1/audit/sinks", tag = "audit", security(("bearer" = [])),
    request_body = CreateAuditSinkRequest, responses((status = 201, body = AuditSink)))]
pub async fn create(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Body(request): Body<CreateAuditSinkRequest>,
) -> Answer<(StatusCode, Json<AuditSink>)> {
    let sink = services
        .create_audit_sink(&context, &caller, request)
        .await?;
    Ok((StatusCode::CREATED, Json(sink)))
}

/// Stops a sink, or has it go on where it was.
#[utoipa::path(patch, path = "/v1/audit/sinks/{sink_id}", tag = "audit", security(("bearer" = [])),
    params(("sink_id" = String, Path)), request_body = UpdateAuditSinkRequest,
    responses((status = 200, body = AuditSink)))]
pub async fn update(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(id): Params<String>,
    Body(request): Body<UpdateAuditSinkRequest>,
) -> Answer<Json<AuditSink>> {
    let id = parse("sink_id", &id)?;
    Ok(Json(
        services
            .update_audit_sink(&context, &caller, id, &request)
            .await?,
    ))
}

/// Removes a sink.
#[utoipa::path(delete, path = "/v1/audit/sinks/{sink_id}", tag = "audit", security(("bearer" = [])),
    params(("sink_id" = String, Path)), responses((status = 204)))]
pub async fn delete(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(id): Params<String>,
) -> Answer<StatusCode> {
    let id = parse("sink_id", &id)?;
    services.delete_audit_sink(&context, &caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
