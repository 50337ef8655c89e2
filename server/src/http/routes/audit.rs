//! The audit trail.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use oneclaw_core::api::{AuditEventList, AuditVerification};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::http::extract::{Authenticated, Query};
use crate::http::problem::Answer;
use crate::service::SharedServices;
use crate::service::audit::AuditQuery;

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
    let wants_array = headers
        .get(header::USER_AGENT)
        .is_some_and(|agent| agent.as_bytes().starts_with(b"@1claw/cli"));
    Ok(if wants_array {
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
