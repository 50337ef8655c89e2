//! The audit trail.

use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::channel::Channel;
use oneclaw_core::api::{
    AuditCheckpoint, AuditCheckpointKey, AuditCheckpointList, AuditEventList, AuditVerification,
};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::http::extract::{Authenticated, Context, Query};
use crate::http::problem::Answer;
use crate::http::routes::billing::wants_array;
use crate::service::SharedServices;
use crate::service::audit::{AuditExport, AuditQuery};
use crate::service::error::ServiceError;

/// How long an export waits for its reader to take the next page.
const READ_TIME: Duration = Duration::from_secs(60);

/// Which events; empty parameters count as absent.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct EventsQuery {
    /// `user`, `agent`, `system` or `anonymous`.
    actor_type: Option<String>,
    /// Bare id of the actor.
    actor_id: Option<String>,
    /// For example `secret.read`.
    action: Option<String>,
    /// For example `secret`.
    resource_type: Option<String>,
    /// Also matches events in the vault with this id.
    resource_id: Option<String>,
    /// Events in this vault.
    vault_id: Option<String>,
    /// RFC 3339, inclusive.
    from: Option<String>,
    /// RFC 3339, inclusive.
    to: Option<String>,
    /// Events in a page: 100 unless told, at most 1000.
    limit: Option<i64>,
    /// Events to pass over.
    offset: Option<i64>,
    /// `next_cursor` of the page before: unlike `offset` it misses and repeats nothing while events are added.
    cursor: Option<String>,
}

impl From<EventsQuery> for AuditQuery {
    fn from(query: EventsQuery) -> Self {
        Self {
            actor_type: query.actor_type,
            actor_id: query.actor_id,
            action: query.action,
            resource_type: query.resource_type,
            resource_id: query.resource_id,
            vault_id: query.vault_id,
            from: query.from,
            to: query.to,
            limit: query.limit,
            offset: query.offset,
            cursor: query.cursor,
        }
    }
}

/// Recorded events, newest first. Agents see their own.
#[utoipa::path(get, path = "/v1/audit/events", tag = "audit", security(("bearer" = [])), params(EventsQuery),
    responses((status = 200, body = AuditEventList)))]
pub async fn events(
    State(services): State<SharedServices>,
    Authenticated(caller): Authenticated,
    Query(query): Query<EventsQuery>,
) -> Answer<Json<AuditEventList>> {
    Ok(Json(services.audit_events(&caller, query.into()).await?))
}

/// The older name of the same; early versions of one client read a bare array here.
pub async fn events_alias(
    State(services): State<SharedServices>,
    Authenticated(caller): Authenticated,
    headers: HeaderMap,
    Query(query): Query<EventsQuery>,
) -> Answer<Response> {
    let list = services.audit_events(&caller, query.into()).await?;
    Ok(if wants_array(&headers) {
        Json(list.events).into_response()
    } else {
        Json(list).into_response()
    })
}

/// Which stretch of the chain.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct VerifyQuery {
    /// RFC 3339, inclusive.
    from: Option<String>,
    /// RFC 3339, inclusive.
    to: Option<String>,
    /// Events to check: 1000 unless told, at most 10000.
    limit: Option<i64>,
}

/// Recomputes the hash chain and names the first event that is not as it was written.
#[utoipa::path(get, path = "/v1/audit/verify", tag = "audit", security(("bearer" = [])), params(VerifyQuery),
    responses((status = 200, body = AuditVerification)))]
pub async fn verify(
    State(services): State<SharedServices>,
    Authenticated(caller): Authenticated,
    Query(query): Query<VerifyQuery>,
) -> Answer<Json<AuditVerification>> {
    let VerifyQuery { from, to, limit } = query;
    Ok(Json(
        services
            .verify_audit(&caller, from.as_deref(), to.as_deref(), limit)
            .await?,
    ))
}

/// Which checkpoints.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct CheckpointsQuery {
    /// Those that cover more than so many events: `size` of the last one you have.
    after: Option<i64>,
    /// At most so many: 100 unless told, at most 1000.
    limit: Option<i64>,
}

/// Signed checkpoints of the chain, smallest first.
#[utoipa::path(get, path = "/v1/audit/checkpoints", tag = "audit", security(("bearer" = [])),
    params(CheckpointsQuery), responses((status = 200, body = AuditCheckpointList)))]
pub async fn checkpoints(
    State(services): State<SharedServices>,
    Authenticated(caller): Authenticated,
    Query(query): Query<CheckpointsQuery>,
) -> Answer<Json<AuditCheckpointList>> {
    let CheckpointsQuery { after, limit } = query;
    Ok(Json(
        services.audit_checkpoints(&caller, after, limit).await?,
    ))
}

/// Makes a checkpoint over everything up to now. For owners and admins.
#[utoipa::path(post, path = "/v1/audit/checkpoints", tag = "audit", security(("bearer" = [])),
    responses((status = 201, body = AuditCheckpoint)))]
pub async fn make_checkpoint(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
) -> Answer<(StatusCode, Json<AuditCheckpoint>)> {
    let made = services.make_checkpoint(&context, &caller).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// The public key that checkpoints are signed with.
#[utoipa::path(get, path = "/v1/audit/checkpoint-key", tag = "audit",
    responses((status = 200, body = AuditCheckpointKey)))]
pub async fn checkpoint_key(
    State(services): State<SharedServices>,
) -> Answer<Json<AuditCheckpointKey>> {
    Ok(Json(services.checkpoint_key()?))
}

/// Where an export begins.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct ExportQuery {
    /// Only what came after the checkpoint of this size.
    since: Option<i64>,
}

/// The whole trail as JSON lines, with the checkpoints and hashes that verifying it offline takes. For owners and admins.
#[utoipa::path(get, path = "/v1/audit/export", tag = "audit", security(("bearer" = [])), params(ExportQuery),
    responses((status = 200, description = "One JSON object a line", content_type = "application/x-ndjson", body = String)))]
pub async fn export(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Query(query): Query<ExportQuery>,
) -> Answer<Response> {
    let export = services
        .export_audit(&context, &caller, query.since)
        .await?;
    let headers = [
        (header::CONTENT_TYPE, "application/x-ndjson"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"audit.jsonl\"",
        ),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, stream(export)).into_response())
}

/// Sends an export as fast as it is read, and holds no more than two pages of it.
fn stream(mut export: AuditExport) -> Body {
    let (mut sender, body) = Channel::<Bytes, ServiceError>::new(1);
    tokio::spawn(async move {
        loop {
            let lines = match export.next_lines().await {
                Ok(Some(lines)) => lines,
                Ok(None) => return,
                Err(error) => {
                    tracing::error!(%error, "an export of the audit trail broke off");
                    return sender.abort(error);
                }
            };
            let sent = tokio::time::timeout(READ_TIME, sender.send_data(Bytes::from(lines)));
            // Whoever reads has gone, or reads no more.
            if !matches!(sent.await, Ok(Ok(()))) {
                return;
            }
        }
    });
    Body::new(body)
}
