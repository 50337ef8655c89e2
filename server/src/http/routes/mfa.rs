//! Second factors, and proving once more to be there.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use oneclaw_core::api::{
    AuthSettings, MfaCodeRequest, MfaDisableRequest, MfaSetup, MfaStatus, MfaVerifyRequest,
    ReauthRequest, ReauthResponse, RecoveryCodes, TokenResponse, UpdateAuthSettingsRequest,
};

use crate::http::extract::{Authenticated, Body, Confirmed, Context, OptionalBody};
use crate::http::problem::Answer;
use crate::service::SharedServices;

/// Whether the caller has a second factor.
#[utoipa::path(get, path = "/v1/auth/mfa/status", tag = "auth", security(("bearer" = [])),
    responses((status = 200, body = MfaStatus)))]
pub async fn status(
    State(services): State<SharedServices>,
    Authenticated(caller): Authenticated,
) -> Answer<Json<MfaStatus>> {
    Ok(Json(services.second_factor_status(&caller).await?))
}

/// Makes a secret for a device that shows codes.
#[utoipa::path(post, path = "/v1/auth/mfa/setup", tag = "auth", security(("bearer" = [])),
    responses((status = 200, body = MfaSetup), (status = 409, description = "A second factor is set up")))]
pub async fn setup(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
) -> Answer<Json<MfaSetup>> {
    Ok(Json(services.begin_second_factor(&context, &caller).await?))
}

/// Shows the first code: from now on signing in with the password asks for one.
#[utoipa::path(post, path = "/v1/auth/mfa/verify-setup", tag = "auth", security(("bearer" = [])),
    request_body = MfaCodeRequest,
    responses((status = 200, body = RecoveryCodes), (status = 409, description = "Nothing to be confirmed")))]
pub async fn verify_setup(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Body(request): Body<MfaCodeRequest>,
) -> Answer<Json<RecoveryCodes>> {
    let codes = services
        .confirm_second_factor(&context, &caller, &request.code)
        .await?;
    Ok(Json(codes))
}

/// The second half of signing in.
#[utoipa::path(post, path = "/v1/auth/mfa/verify", tag = "auth", request_body = MfaVerifyRequest,
    responses((status = 200, body = TokenResponse)))]
pub async fn verify(
    State(services): State<SharedServices>,
    Context(context): Context,
    Body(request): Body<MfaVerifyRequest>,
) -> Answer<Json<TokenResponse>> {
    Ok(Json(
        services.verify_second_factor(&context, &request).await?,
    ))
}

/// Removes the caller's second factor, with a code of it.
#[utoipa::path(delete, path = "/v1/auth/mfa", tag = "auth", security(("bearer" = [])),
    request_body = Option<MfaDisableRequest>,
    params(("X-Auth-Confirm" = Option<String>, Header, description = "In place of a code: a token from /v1/auth/reauth")),
    responses((status = 204, description = "Removed"), (status = 403, description = "Not proved")))]
pub async fn disable(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Confirmed(confirmation): Confirmed,
    OptionalBody(request): OptionalBody<MfaDisableRequest>,
) -> Answer<StatusCode> {
    services
        .remove_second_factor(&context, &caller, &request, &confirmation)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Proves every factor once more; the token confirms one step.
#[utoipa::path(post, path = "/v1/auth/reauth", tag = "auth", security(("bearer" = [])), request_body = ReauthRequest,
    responses((status = 200, body = ReauthResponse), (status = 403, description = "Not proved")))]
pub async fn reauth(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Body(request): Body<ReauthRequest>,
) -> Answer<Json<ReauthResponse>> {
    Ok(Json(
        services.reauthenticate(&context, &caller, &request).await?,
    ))
}

/// How the caller signs in.
#[utoipa::path(get, path = "/v1/auth/settings", tag = "auth", security(("bearer" = [])),
    responses((status = 200, body = AuthSettings)))]
pub async fn settings(
    State(services): State<SharedServices>,
    Authenticated(caller): Authenticated,
) -> Answer<Json<AuthSettings>> {
    Ok(Json(services.auth_settings(&caller).await?))
}

/// Changes what has no call of its own.
#[utoipa::path(patch, path = "/v1/auth/settings", tag = "auth", security(("bearer" = [])),
    request_body = UpdateAuthSettingsRequest, responses((status = 200, body = AuthSettings)))]
pub async fn update_settings(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Body(request): Body<UpdateAuthSettingsRequest>,
) -> Answer<Json<AuthSettings>> {
    let settings = services
        .update_auth_settings(&context, &caller, &request)
        .await?;
    Ok(Json(settings))
}
