//! The humans of the organisation, and from where they and its agents may speak.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use oneclaw_core::api::{
    CreateIpRuleRequest, InvitationList, InviteRequest, InviteResponse, IpRule, IpRuleList, Member,
    MemberList, UpdateMemberRequest,
};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::http::extract::{Authenticated, Body, Context, Params, Query, parse};
use crate::http::problem::Answer;
use crate::service::SharedServices;

/// The humans of the organisation.
#[utoipa::path(get, path = "/v1/org/members", tag = "organisation", security(("bearer" = [])),
    responses((status = 200, body = MemberList)))]
pub async fn members(
    State(services): State<SharedServices>,
    Authenticated(caller): Authenticated,
) -> Answer<Json<MemberList>> {
    Ok(Json(services.members(&caller).await?))
}

/// Gives a member another role.
#[utoipa::path(patch, path = "/v1/org/members/{user_id}", tag = "organisation", security(("bearer" = [])),
    params(("user_id" = String, Path)), request_body = UpdateMemberRequest,
    responses((status = 200, body = Member), (status = 409, description = "It is the last owner")))]
pub async fn update_member(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(id): Params<String>,
    Body(request): Body<UpdateMemberRequest>,
) -> Answer<Json<Member>> {
    let id = parse("user_id", &id)?;
    let member = services
        .change_role(&context, &caller, id, &request)
        .await?;
    Ok(Json(member))
}

/// Removes a member: sessions and keys die at once, what the member made stays.
#[utoipa::path(delete, path = "/v1/org/members/{user_id}", tag = "organisation", security(("bearer" = [])),
    params(("user_id" = String, Path)),
    responses((status = 204, description = "Removed"), (status = 409, description = "It is the last owner, or oneself")))]
pub async fn remove_member(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(id): Params<String>,
) -> Answer<StatusCode> {
    let id = parse("user_id", &id)?;
    services.remove_member(&context, &caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Asks somebody to join, by a mail with a link.
#[utoipa::path(post, path = "/v1/org/invite", tag = "organisation", security(("bearer" = [])),
    request_body = InviteRequest,
    responses((status = 200, body = InviteResponse), (status = 409, description = "A member has this address")))]
pub async fn invite(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Body(request): Body<InviteRequest>,
) -> Answer<Json<InviteResponse>> {
    Ok(Json(services.invite(&context, &caller, &request).await?))
}

/// Invitations that are open.
#[utoipa::path(get, path = "/v1/org/invitations", tag = "organisation", security(("bearer" = [])),
    responses((status = 200, body = InvitationList)))]
pub async fn invitations(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
) -> Answer<Json<InvitationList>> {
    Ok(Json(services.invitations(&context, &caller).await?))
}

/// Takes an invitation back.
#[utoipa::path(delete, path = "/v1/org/invitations/{id}", tag = "organisation", security(("bearer" = [])),
    params(("id" = String, Path)), responses((status = 204, description = "Taken back")))]
pub async fn take_back(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(id): Params<String>,
) -> Answer<StatusCode> {
    let id = parse("id", &id)?;
    services.take_back_invitation(&context, &caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The organisation's rules on addresses.
#[utoipa::path(get, path = "/v1/security/ip-rules", tag = "organisation", security(("bearer" = [])),
    responses((status = 200, body = IpRuleList)))]
pub async fn ip_rules(
    State(services): State<SharedServices>,
    Authenticated(caller): Authenticated,
) -> Answer<Json<IpRuleList>> {
    Ok(Json(services.list_ip_rules(&caller).await?))
}

/// Makes a rule. It acts on the next request, on every node.
#[utoipa::path(post, path = "/v1/security/ip-rules", tag = "organisation", security(("bearer" = [])),
    request_body = CreateIpRuleRequest,
    responses((status = 201, body = IpRule), (status = 409, description = "It would lock the caller out")))]
pub async fn create_ip_rule(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Body(request): Body<CreateIpRuleRequest>,
) -> Answer<(StatusCode, Json<IpRule>)> {
    let rule = services.create_ip_rule(&context, &caller, &request).await?;
    Ok((StatusCode::CREATED, Json(rule)))
}

/// How much is meant.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Force {
    /// Do it even if it locks out the address that this request comes from.
    #[serde(default)]
    force: bool,
}

/// Removes a rule.
#[utoipa::path(delete, path = "/v1/security/ip-rules/{id}", tag = "organisation", security(("bearer" = [])),
    params(("id" = String, Path), Force),
    responses((status = 204, description = "Removed"), (status = 409, description = "It would lock the caller out")))]
pub async fn delete_ip_rule(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(id): Params<String>,
    Query(Force { force }): Query<Force>,
) -> Answer<StatusCode> {
    let id = parse("id", &id)?;
    services
        .delete_ip_rule(&context, &caller, id, force)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
