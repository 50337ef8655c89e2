//! Agents that ask to be let in.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use oneclaw_core::api::{
    CreateAgentResponse, EnrollRequest, EnrollResponse, Enrollment, EnrollmentList,
};

use crate::http::extract::{Authenticated, Body, Context, Params};
use crate::http::problem::Answer;
use crate::service::SharedServices;

/// Asks to be let in. Answers alike whether there is an account with the address or not; a key is never in the answer.
#[utoipa::path(post, path = "/v1/agents/enroll", tag = "agents", request_body = EnrollRequest,
    responses((status = 201, body = EnrollResponse),
        (status = 429, description = "One for an address in 10 minutes; 5 at once and 1 a second from one network address")))]
pub async fn enroll(
    State(services): State<SharedServices>,
    Context(context): Context,
    Body(request): Body<EnrollRequest>,
) -> Answer<(StatusCode, Json<EnrollResponse>)> {
    let taken = services.enroll(&context, &request).await?;
    Ok((StatusCode::CREATED, Json(taken)))
}

/// The agents that ask to be let into the organisation and wait for an answer.
#[utoipa::path(get, path = "/v1/agents/enrollments", tag = "agents", security(("bearer" = [])),
    responses((status = 200, body = EnrollmentList)))]
pub async fn list(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
) -> Answer<Json<EnrollmentList>> {
    Ok(Json(services.list_enrollments(&context, &caller).await?))
}

/// An agent that asks to be let in, by its id or the last part of its `approval_url`.
#[utoipa::path(get, path = "/v1/agents/enrollments/{enrollment_id}", tag = "agents", security(("bearer" = [])),
    params(("enrollment_id" = String, Path, description = "Its id, or the token in its `approval_url`")),
    responses((status = 200, body = Enrollment)))]
pub async fn get(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(id): Params<String>,
) -> Answer<Json<Enrollment>> {
    Ok(Json(services.enrollment(&context, &caller, &id).await?))
}

/// Lets an agent in; the answer shows its key, this once.
#[utoipa::path(post, path = "/v1/agents/enrollments/{enrollment_id}/approve", tag = "agents",
    security(("bearer" = [])),
    params(("enrollment_id" = String, Path, description = "Its id, or the token in its `approval_url`")),
    responses((status = 201, body = CreateAgentResponse), (status = 409, description = "Decided already"),
        (status = 410, description = "Nobody decided in time")))]
pub async fn approve(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(id): Params<String>,
) -> Answer<(StatusCode, Json<CreateAgentResponse>)> {
    let created = services.approve_enrollment(&context, &caller, &id).await?;
    Ok((StatusCode::CREATED, Json(created)))
}

/// Turns an agent away.
#[utoipa::path(post, path = "/v1/agents/enrollments/{enrollment_id}/deny", tag = "agents",
    security(("bearer" = [])),
    params(("enrollment_id" = String, Path, description = "Its id, or the token in its `approval_url`")),
    responses((status = 204, description = "Turned away"), (status = 409, description = "Decided already"),
        (status = 410, description = "Nobody decided in time")))]
pub async fn deny(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(id): Params<String>,
) -> Answer<StatusCode> {
    services.deny_enrollment(&context, &caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
