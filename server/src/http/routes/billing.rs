//! What an organisation uses, and the limits that were set for it.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use oneclaw_core::api::{
    BillingHistory, BillingTier, BillingUsage, CreditBalance, CreditTransactionList,
    ExpiringCredits, LlmTokenBilling, OverageMethod, OverageMethodRequest, SetTierRequest,
    Subscription,
};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::http::extract::{Authenticated, Body, Context, Params, Query, parse};
use crate::http::problem::Answer;
use crate::service::SharedServices;

/// Requests of the month.
#[utoipa::path(get, path = "/v1/billing/usage", tag = "billing", security(("bearer" = [])),
    responses((status = 200, body = BillingUsage)))]
pub async fn usage(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
) -> Answer<Json<BillingUsage>> {
    Ok(Json(services.billing_usage(&context, &caller).await?))
}

/// Use against limits: requests, vaults, secrets, agents and more.
#[utoipa::path(get, path = "/v1/billing/subscription", tag = "billing", security(("bearer" = [])),
    responses((status = 200, body = Subscription)))]
pub async fn subscription(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
) -> Answer<Json<Subscription>> {
    Ok(Json(services.subscription(&context, &caller).await?))
}

/// How many requests.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct HistoryQuery {
    /// 1 to 200; 50 unless told.
    limit: Option<i64>,
}

/// The newest requests of the organisation.
#[utoipa::path(get, path = "/v1/billing/history", tag = "billing", security(("bearer" = [])), params(HistoryQuery),
    responses((status = 200, body = BillingHistory)))]
pub async fn history(
    State(services): State<SharedServices>,
    Authenticated(caller): Authenticated,
    Query(query): Query<HistoryQuery>,
) -> Answer<Json<BillingHistory>> {
    Ok(Json(services.billing_history(&caller, query.limit).await?))
}

/// Credits: none are sold here.
#[utoipa::path(get, path = "/v1/billing/credits/balance", tag = "billing", security(("bearer" = [])),
    responses((status = 200, body = CreditBalance)))]
pub async fn balance(Authenticated(caller): Authenticated) -> Answer<Json<CreditBalance>> {
    caller.human()?;
    Ok(Json(CreditBalance {
        balance_cents: 0,
        balance_usd: "0.00".to_owned(),
        expiring_within_30d_cents: 0,
        expiring_within_90_days: ExpiringCredits { amount_cents: 0 },
    }))
}

/// Which page.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// From 1.
    page: Option<i64>,
    /// On a page.
    limit: Option<i64>,
}

/// Credits bought and used: none. One client reads a bare array here.
#[utoipa::path(get, path = "/v1/billing/credits/transactions", tag = "billing", security(("bearer" = [])),
    params(PageQuery), responses((status = 200, body = CreditTransactionList)))]
pub async fn credit_transactions(
    Authenticated(caller): Authenticated,
    headers: HeaderMap,
    Query(query): Query<PageQuery>,
) -> Answer<Response> {
    caller.human()?;
    let list = CreditTransactionList {
        transactions: Vec::new(),
        page: query.page.unwrap_or(1).max(1),
        limit: query.limit.unwrap_or(50).clamp(1, 200),
    };
    Ok(if wants_array(&headers) {
        Json(list.transactions).into_response()
    } else {
        Json(list).into_response()
    })
}

/// Whether this is the client that reads bare arrays in some places (contract §15.4).
pub(super) fn wants_array(headers: &HeaderMap) -> bool {
    headers
        .get(header::USER_AGENT)
        .is_some_and(|agent| agent.as_bytes().starts_with(b"@1claw/cli"))
}

/// What the organisation wants done about use beyond its limits. Recorded, and of no consequence here.
#[utoipa::path(patch, path = "/v1/billing/overage-method", tag = "billing", security(("bearer" = [])),
    request_body = OverageMethodRequest, responses((status = 200, body = OverageMethod)))]
pub async fn set_overage_method(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Body(request): Body<OverageMethodRequest>,
) -> Answer<Json<OverageMethod>> {
    Ok(Json(
        services
            .set_overage_method(&context, &caller, request)
            .await?,
    ))
}

/// Whether tokens of language models are billed: they are not.
#[utoipa::path(get, path = "/v1/billing/llm-token-billing", tag = "billing", security(("bearer" = [])),
    responses((status = 200, body = LlmTokenBilling)))]
pub async fn llm_token_billing(
    Authenticated(caller): Authenticated,
) -> Answer<Json<LlmTokenBilling>> {
    caller.human()?;
    Ok(Json(LlmTokenBilling { enabled: false }))
}

/// Sets the tier of an organisation. For whoever runs the server.
#[utoipa::path(put, path = "/v1/admin/orgs/{org_id}/billing-tier", tag = "billing", security(("bearer" = [])),
    params(("org_id" = String, Path)), request_body = SetTierRequest, responses((status = 200, body = BillingTier)))]
pub async fn set_tier(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(org): Params<String>,
    Body(request): Body<SetTierRequest>,
) -> Answer<Json<BillingTier>> {
    let org = parse("org_id", &org)?;
    Ok(Json(
        services.set_tier(&context, &caller, org, &request).await?,
    ))
}
