//! Webhooks: addresses outside that are told what happens.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use oneclaw_core::api::{
    CreateWebhookRequest, RotateWebhookSecretRequest, UpdateWebhookRequest, Webhook,
    WebhookDeliveryList, WebhookList, WebhookWithSecret,
};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::http::extract::{Authenticated, Body, Context, OptionalBody, Params, Query, parse};
use crate::http::problem::Answer;
use crate::service::SharedServices;

/// Makes a webhook. The answer is the only place where its secret is shown.
#[utoipa::path(post, path = "/v1/webhooks", tag = "webhooks", security(("bearer" = [])),
    request_body = CreateWebhookRequest, responses((status = 201, body = WebhookWithSecret)))]
pub async fn create(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Body(request): Body<CreateWebhookRequest>,
) -> Answer<(StatusCode, Json<WebhookWithSecret>)> {
    let created = services.create_webhook(&context, &caller, &request).await?;
    Ok((StatusCode::CREATED, Json(created)))
}

/// The webhooks of the organisation.
#[utoipa::path(get, path = "/v1/webhooks", tag = "webhooks", security(("bearer" = [])),
    responses((status = 200, body = WebhookList)))]
pub async fn list(
    State(services): State<SharedServices>,
    Authenticated(caller): Authenticated,
) -> Answer<Json<WebhookList>> {
    Ok(Json(services.list_webhooks(&caller).await?))
}

/// A webhook.
#[utoipa::path(get, path = "/v1/webhooks/{webhook_id}", tag = "webhooks", security(("bearer" = [])),
    params(("webhook_id" = String, Path)), responses((status = 200, body = Webhook)))]
pub async fn get(
    State(services): State<SharedServices>,
    Authenticated(caller): Authenticated,
    Params(id): Params<String>,
) -> Answer<Json<Webhook>> {
    let id = parse("webhook_id", &id)?;
    Ok(Json(services.get_webhook(&caller, id).await?))
}

/// Changes a webhook; one that the server switched off can be switched on again.
#[utoipa::path(patch, path = "/v1/webhooks/{webhook_id}", tag = "webhooks", security(("bearer" = [])),
    params(("webhook_id" = String, Path)), request_body = UpdateWebhookRequest,
    responses((status = 200, body = Webhook)))]
pub async fn update(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(id): Params<String>,
    Body(request): Body<UpdateWebhookRequest>,
) -> Answer<Json<Webhook>> {
    let id = parse("webhook_id", &id)?;
    let webhook = services
        .update_webhook(&context, &caller, id, &request)
        .await?;
    Ok(Json(webhook))
}

/// Removes a webhook with what was to be delivered to it.
#[utoipa::path(delete, path = "/v1/webhooks/{webhook_id}", tag = "webhooks", security(("bearer" = [])),
    params(("webhook_id" = String, Path)), responses((status = 204, description = "Removed")))]
pub async fn delete(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(id): Params<String>,
) -> Answer<StatusCode> {
    let id = parse("webhook_id", &id)?;
    services.delete_webhook(&context, &caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives a webhook a new secret. The answer is the only place where it is shown.
#[utoipa::path(post, path = "/v1/webhooks/{webhook_id}/rotate-secret", tag = "webhooks", security(("bearer" = [])),
    params(("webhook_id" = String, Path)), request_body = RotateWebhookSecretRequest,
    responses((status = 200, body = WebhookWithSecret)))]
pub async fn rotate_secret(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(id): Params<String>,
    OptionalBody(request): OptionalBody<RotateWebhookSecretRequest>,
) -> Answer<Json<WebhookWithSecret>> {
    let id = parse("webhook_id", &id)?;
    let rotated = services
        .rotate_webhook_secret(&context, &caller, id, &request)
        .await?;
    Ok(Json(rotated))
}

/// How many to show.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Limit {
    /// 1 to 200; absent: 50.
    limit: Option<i64>,
}

/// What was delivered, is to be delivered, and was given up; newest first.
#[utoipa::path(get, path = "/v1/webhooks/{webhook_id}/deliveries", tag = "webhooks", security(("bearer" = [])),
    params(("webhook_id" = String, Path), Limit), responses((status = 200, body = WebhookDeliveryList)))]
pub async fn deliveries(
    State(services): State<SharedServices>,
    Authenticated(caller): Authenticated,
    Params(id): Params<String>,
    Query(Limit { limit }): Query<Limit>,
) -> Answer<Json<WebhookDeliveryList>> {
    let id = parse("webhook_id", &id)?;
    Ok(Json(services.webhook_deliveries(&caller, id, limit).await?))
}

/// Has a delivery that has ended tried once more.
#[utoipa::path(post, path = "/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver", tag = "webhooks",
    security(("bearer" = [])), params(("webhook_id" = String, Path), ("delivery_id" = String, Path)),
    responses((status = 204, description = "It is tried again")))]
pub async fn redeliver(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params((webhook, delivery)): Params<(String, String)>,
) -> Answer<StatusCode> {
    let ids = (
        parse("webhook_id", &webhook)?,
        parse("delivery_id", &delivery)?,
    );
    services.redeliver(&context, &caller, ids).await?;
    Ok(StatusCode::NO_CONTENT)
}
