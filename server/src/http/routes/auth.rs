//! Signing up, in, and out; one's own account.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use oneclaw_core::api::{
    AgentTokenRequest, ApiKeyTokenRequest, ChangePasswordRequest, DeleteAccountRequest,
    JwtPublicKey, LoginRequest, Profile, RefreshRequest, SignupRequest, SignupResponse,
    TokenResponse, UpdateProfileRequest,
};

use crate::http::extract::{
    Authenticated, Body, Confirmed, Context, MaybeAuthenticated, OptionalBody,
};
use crate::http::problem::Answer;
use crate::service::SharedServices;

/// Makes an account and an organisation that it owns.
#[utoipa::path(post, path = "/v1/auth/signup", tag = "auth", request_body = SignupRequest,
    responses((status = 200, body = SignupResponse), (status = 409, description = "The address is in use")))]
pub async fn sign_up(
    State(services): State<SharedServices>,
    Context(context): Context,
    Body(request): Body<SignupRequest>,
) -> Answer<Json<SignupResponse>> {
    Ok(Json(services.sign_up(&context, &request).await?))
}

/// Exchanges a password for a token.
#[utoipa::path(post, path = "/v1/auth/token", tag = "auth", request_body = LoginRequest,
    responses((status = 200, body = TokenResponse)))]
pub async fn log_in(
    State(services): State<SharedServices>,
    Context(context): Context,
    Body(request): Body<LoginRequest>,
) -> Answer<Json<TokenResponse>> {
    Ok(Json(services.log_in(&context, &request).await?))
}

/// Revokes the token of this request and the refresh tokens of its session.
#[utoipa::path(delete, path = "/v1/auth/token", tag = "auth", security(("bearer" = [])),
    responses((status = 204, description = "Revoked")))]
pub async fn log_out(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
) -> Answer<StatusCode> {
    services.log_out(&context, &caller).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Exchanges an agent's key for a token.
#[utoipa::path(post, path = "/v1/auth/agent-token", tag = "auth", request_body = AgentTokenRequest,
    responses((status = 200, body = TokenResponse)))]
pub async fn agent_token(
    State(services): State<SharedServices>,
    Context(context): Context,
    Body(request): Body<AgentTokenRequest>,
) -> Answer<Json<TokenResponse>> {
    Ok(Json(services.agent_token(&context, &request).await?))
}

/// Exchanges a personal API key for a token.
#[utoipa::path(post, path = "/v1/auth/api-key-token", tag = "auth", request_body = ApiKeyTokenRequest,
    responses((status = 200, body = TokenResponse)))]
pub async fn api_key_token(
    State(services): State<SharedServices>,
    Context(context): Context,
    Body(request): Body<ApiKeyTokenRequest>,
) -> Answer<Json<TokenResponse>> {
    Ok(Json(services.api_key_token(&context, &request).await?))
}

/// Exchanges a refresh token, or a bearer token that is still valid, for a fresh token.
#[utoipa::path(post, path = "/v1/auth/refresh", tag = "auth", request_body = Option<RefreshRequest>,
    responses((status = 200, body = TokenResponse)))]
pub async fn refresh(
    State(services): State<SharedServices>,
    Context(context): Context,
    MaybeAuthenticated(caller): MaybeAuthenticated,
    OptionalBody(request): OptionalBody<RefreshRequest>,
) -> Answer<Json<TokenResponse>> {
    Ok(Json(
        services
            .refresh(&context, caller.as_ref(), &request)
            .await?,
    ))
}

/// The account of the caller.
#[utoipa::path(get, path = "/v1/auth/me", tag = "auth", security(("bearer" = [])),
    responses((status = 200, body = Profile)))]
pub async fn me(
    State(services): State<SharedServices>,
    Authenticated(caller): Authenticated,
) -> Answer<Json<Profile>> {
    Ok(Json(services.profile(&caller).await?))
}

/// Changes the account of the caller.
#[utoipa::path(patch, path = "/v1/auth/me", tag = "auth", security(("bearer" = [])), request_body = UpdateProfileRequest,
    responses((status = 200, body = Profile)))]
pub async fn update_me(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Body(request): Body<UpdateProfileRequest>,
) -> Answer<Json<Profile>> {
    Ok(Json(
        services.update_profile(&context, &caller, &request).await?,
    ))
}

/// Removes the account of the caller, confirmed by its password in `X-Auth-Confirm`.
#[utoipa::path(delete, path = "/v1/auth/me", tag = "auth", security(("bearer" = [])),
    request_body = Option<DeleteAccountRequest>,
    params(("X-Auth-Confirm" = String, Header, description = "The account's password, or a token from /v1/auth/reauth"),
        ("X-MFA-Token" = Option<String>, Header, description = "A code, where the password stands in X-Auth-Confirm and a second factor is set up")),
    responses((status = 204, description = "Removed"), (status = 409, description = "The organisation holds something")))]
pub async fn delete_me(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Confirmed(confirmation): Confirmed,
    OptionalBody(_): OptionalBody<DeleteAccountRequest>,
) -> Answer<StatusCode> {
    services
        .delete_account(&context, &caller, &confirmation)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Changes the password of the caller and ends its other sessions.
#[utoipa::path(post, path = "/v1/auth/change-password", tag = "auth", security(("bearer" = [])),
    request_body = ChangePasswordRequest, responses((status = 204, description = "Changed")))]
pub async fn change_password(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Body(request): Body<ChangePasswordRequest>,
) -> Answer<StatusCode> {
    services
        .change_password(&context, &caller, &request)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The public half of the key that signs tokens.
#[utoipa::path(get, path = "/v1/auth/jwt-public-key", tag = "auth", responses((status = 200, body = JwtPublicKey)))]
pub async fn jwt_public_key(State(services): State<SharedServices>) -> Json<JwtPublicKey> {
    Json(JwtPublicKey {
        alg: "EdDSA".to_owned(),
        public_key_base64: services.keys.tokens().public_key_base64(),
    })
}
