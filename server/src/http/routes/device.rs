//! Programs that a human signs in with a browser (RFC 8628).

use axum::Json;
use axum::extract::State;
use oneclaw_core::api::{
    DeviceCodeRequest, DeviceCodeResponse, DeviceDecisionRequest, DeviceLoginStatus,
    DeviceTokenRequest, DeviceTokenResponse,
};

use crate::http::extract::{Authenticated, Body, Context, Params};
use crate::http::problem::Answer;
use crate::service::SharedServices;
use crate::service::device_login::Decision;

/// Begins a login of a program. A human approves it at `/cli/verify`.
#[utoipa::path(post, path = "/v1/auth/device/code", tag = "auth", request_body = DeviceCodeRequest,
    responses((status = 200, body = DeviceCodeResponse)))]
pub async fn begin(
    State(services): State<SharedServices>,
    Context(context): Context,
    Body(request): Body<DeviceCodeRequest>,
) -> Answer<Json<DeviceCodeResponse>> {
    Ok(Json(services.begin_device_login(&context, &request).await?))
}

/// How a login stands. A login that has ended is a 200 with `error`, for programs go on asking after anything else.
#[utoipa::path(post, path = "/v1/auth/device/token", tag = "auth", request_body = DeviceTokenRequest,
    responses((status = 200, body = DeviceTokenResponse)))]
pub async fn token(
    State(services): State<SharedServices>,
    Context(context): Context,
    Body(request): Body<DeviceTokenRequest>,
) -> Answer<Json<DeviceTokenResponse>> {
    Ok(Json(services.device_token(&context, &request).await?))
}

/// What anybody may know of a login who knows its code.
#[utoipa::path(get, path = "/v1/auth/device/code/{user_code}", tag = "auth", params(("user_code" = String, Path)),
    responses((status = 200, body = DeviceLoginStatus), (status = 404, description = "Unknown or expired")))]
pub async fn status(
    State(services): State<SharedServices>,
    Context(context): Context,
    Params(user_code): Params<String>,
) -> Answer<Json<DeviceLoginStatus>> {
    Ok(Json(
        services.device_login_status(&context, &user_code).await?,
    ))
}

/// Signs the program in as the caller.
#[utoipa::path(post, path = "/v1/auth/device/approve", tag = "auth", security(("bearer" = [])),
    request_body = DeviceDecisionRequest,
    responses((status = 200, body = DeviceLoginStatus), (status = 409, description = "Decided already")))]
pub async fn approve(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Body(request): Body<DeviceDecisionRequest>,
) -> Answer<Json<DeviceLoginStatus>> {
    let decided = services.decide_device_login(&context, &caller, &request, Decision::Approve);
    Ok(Json(decided.await?))
}

/// Turns the program away.
#[utoipa::path(post, path = "/v1/auth/device/deny", tag = "auth", security(("bearer" = [])),
    request_body = DeviceDecisionRequest,
    responses((status = 200, body = DeviceLoginStatus), (status = 409, description = "Decided already")))]
pub async fn deny(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Body(request): Body<DeviceDecisionRequest>,
) -> Answer<Json<DeviceLoginStatus>> {
    let decided = services.decide_device_login(&context, &caller, &request, Decision::Deny);
    Ok(Json(decided.await?))
}
