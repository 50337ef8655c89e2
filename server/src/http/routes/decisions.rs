//! Decisions, and why they came out as they did.

use axum::Json;
use axum::extract::State;
use oneclaw_core::api::{DecisionDetail, DecisionList, DecisionReceipt};
use serde::Deserialize;
use serde_json::Value;
use utoipa::IntoParams;

use crate::http::extract::{Authenticated, Params, Query, parse};
use crate::http::problem::Answer;
use crate::service::SharedServices;
use crate::service::decisions::read::DecisionQuery;

/// Which decisions; empty parameters count as absent.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct DecisionsQuery {
    /// Id of an agent.
    agent: Option<String>,
    /// `agent:<uuid>` or `user:<uuid>`.
    principal: Option<String>,
    /// Id of a vault.
    vault: Option<String>,
    /// Beginning of a path.
    path_prefix: Option<String>,
    /// `allow`, `deny` or `require-approval`.
    verdict: Option<String>,
    /// For example `policy/no-match`.
    code: Option<String>,
    /// `access-policy` or `transaction-guardrail`.
    world: Option<String>,
    /// SHA-256 of a component that took part, in hexadecimal.
    plugin: Option<String>,
    /// RFC 3339, inclusive.
    since: Option<String>,
    /// RFC 3339, exclusive.
    until: Option<String>,
    /// Decisions in a page: 100 unless told, at most 1000.
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// For an export: `cases`.
    r#as: Option<String>,
}

impl DecisionsQuery {
    fn split(self) -> (DecisionQuery, Option<String>, Option<i64>) {
        let query = DecisionQuery {
            agent: self.agent,
            principal: self.principal,
            vault: self.vault,
            path_prefix: self.path_prefix,
            verdict: self.verdict,
            code: self.code,
            world: self.world,
            plugin: self.plugin,
            since: self.since,
            until: self.until,
        };
        (query, self.cursor, self.limit)
    }
}

/// Recorded decisions, newest first. Owners and admins see those of the organisation, everybody else their own.
#[utoipa::path(get, path = "/v1/decisions", tag = "decisions", security(("bearer" = [])), params(DecisionsQuery),
    responses((status = 200, body = DecisionList)))]
pub async fn list(
    State(services): State<SharedServices>,
    Authenticated(caller): Authenticated,
    Query(query): Query<DecisionsQuery>,
) -> Answer<Json<DecisionList>> {
    let (query, cursor, limit) = query.split();
    let list = services
        .decisions(&caller, query, cursor.as_deref(), limit)
        .await?;
    Ok(Json(list))
}

/// One decision: what was asked, who answered what, and what would have to be different.
#[utoipa::path(get, path = "/v1/decisions/{id}", tag = "decisions", security(("bearer" = [])),
    params(("id" = String, Path)), responses((status = 200, body = DecisionDetail)))]
pub async fn get(
    State(services): State<SharedServices>,
    Authenticated(caller): Authenticated,
    Params(id): Params<String>,
) -> Answer<Json<DecisionDetail>> {
    let id = parse("id", &id)?;
    Ok(Json(services.decision(&caller, id).await?))
}

/// A signed statement about one decision, to be verified offline.
#[utoipa::path(get, path = "/v1/decisions/{id}/receipt", tag = "decisions", security(("bearer" = [])),
    params(("id" = String, Path)), responses((status = 200, body = DecisionReceipt)))]
pub async fn receipt(
    State(services): State<SharedServices>,
    Authenticated(caller): Authenticated,
    Params(id): Params<String>,
) -> Answer<Json<DecisionReceipt>> {
    let id = parse("id", &id)?;
    Ok(Json(services.receipt(&caller, id).await?))
}

/// Recorded decisions as cases to test plugins with, newest first: 100 decisions unless told, at most 500.
#[utoipa::path(get, path = "/v1/decisions/export", tag = "decisions", security(("bearer" = [])), params(DecisionsQuery),
    responses((status = 200, body = Vec<Value>)))]
pub async fn export(
    State(services): State<SharedServices>,
    Authenticated(caller): Authenticated,
    Query(query): Query<DecisionsQuery>,
) -> Answer<Json<Vec<Value>>> {
    let form = query.r#as.clone();
    let (query, _, limit) = query.split();
    let cases = services
        .export_cases(&caller, query, form.as_deref(), limit)
        .await?;
    Ok(Json(cases))
}
