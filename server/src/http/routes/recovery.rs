//! What is done by mail: a new password, and the proof of an address.

use axum::Json;
use axum::extract::State;
use oneclaw_core::api::{
    MailLinkRequest, MailLinkResponse, ResetPasswordRequest, ResetPasswordResponse, TokenResponse,
    VerifyEmailRequest,
};

use crate::http::extract::{Body, Context};
use crate::http::problem::Answer;
use crate::service::SharedServices;

/// Has a link mailed with which a new password can be set. Answers alike for every address.
#[utoipa::path(post, path = "/v1/auth/forgot-password", tag = "auth", request_body = MailLinkRequest,
    responses((status = 200, body = MailLinkResponse)))]
pub async fn forgot_password(
    State(services): State<SharedServices>,
    Context(context): Context,
    Body(request): Body<MailLinkRequest>,
) -> Answer<Json<MailLinkResponse>> {
    let sent = services.forgot_password(&context, &request.email).await?;
    Ok(Json(sent))
}

/// Sets a new password with the token from a mail, and ends every session of the account.
#[utoipa::path(post, path = "/v1/auth/reset-password", tag = "auth", request_body = ResetPasswordRequest,
    responses((status = 200, body = ResetPasswordResponse)))]
pub async fn reset_password(
    State(services): State<SharedServices>,
    Context(context): Context,
    Body(request): Body<ResetPasswordRequest>,
) -> Answer<Json<ResetPasswordResponse>> {
    Ok(Json(services.reset_password(&context, &request).await?))
}

/// Proves an address with the token from a mail, and signs its owner in.
#[utoipa::path(post, path = "/v1/auth/verify-email", tag = "auth", request_body = VerifyEmailRequest,
    responses((status = 200, body = TokenResponse)))]
pub async fn verify_email(
    State(services): State<SharedServices>,
    Context(context): Context,
    Body(request): Body<VerifyEmailRequest>,
) -> Answer<Json<TokenResponse>> {
    Ok(Json(services.verify_email(&context, &request).await?))
}

/// Has the link that proves an address mailed once more. Answers alike for every address.
#[utoipa::path(post, path = "/v1/auth/resend-verification", tag = "auth", request_body = MailLinkRequest,
    responses((status = 200, body = MailLinkResponse)))]
pub async fn resend_verification(
    State(services): State<SharedServices>,
    Context(context): Context,
    Body(request): Body<MailLinkRequest>,
) -> Answer<Json<MailLinkResponse>> {
    let sent = services
        .resend_verification(&context, &request.email)
        .await?;
    Ok(Json(sent))
}
