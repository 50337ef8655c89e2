//! Shares. `/v1/share/{id}` and `/v1/shares/{id}` are the same share; clients use either.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use oneclaw_core::api::{
    AccessShareRequest, CreateShareRequest, Share, ShareItem, ShareList, SharedSecret,
};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::http::extract::{
    Authenticated, Body, Context, MaybeAuthenticated, OptionalBody, Params, Query, parse,
};
use crate::http::problem::{Answer, Problem};
use crate::service::SharedServices;
use crate::service::caller::{Caller, RequestContext};

/// Carries the passphrase of a share; never the URL, which is logged along the way.
const PASSPHRASE: HeaderName = HeaderName::from_static("x-share-passphrase");

/// Shares a secret.
#[utoipa::path(post, path = "/v1/secrets/{secret_id}/share", tag = "shares", security(("bearer" = [])),
    params(("secret_id" = String, Path)), request_body = CreateShareRequest,
    responses((status = 201, body = Share), (status = 429, description = "More than 10 in a minute")))]
pub async fn share_secret(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(secret): Params<String>,
    Body(request): Body<CreateShareRequest>,
) -> Answer<(StatusCode, Json<Share>)> {
    let secret = parse("secret_id", &secret)?;
    let share = services
        .share_secret(&context, &caller, secret, request)
        .await?;
    Ok((StatusCode::CREATED, Json(share)))
}

/// Shares a secret that the body names, by its id or by vault and path.
#[utoipa::path(post, path = "/v1/shares", tag = "shares", security(("bearer" = [])),
    request_body = CreateShareRequest,
    responses((status = 201, body = Share), (status = 429, description = "More than 10 in a minute")))]
pub async fn create(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Body(request): Body<CreateShareRequest>,
) -> Answer<(StatusCode, Json<Share>)> {
    let share = services.create_share(&context, &caller, request).await?;
    Ok((StatusCode::CREATED, Json(share)))
}

/// Query of a listing.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// `outbound` (default), `inbound`, or `all` for owners and admins.
    #[serde(default)]
    direction: Option<String>,
}

/// The shares that the caller made, or those that are for the caller.
#[utoipa::path(get, path = "/v1/shares", tag = "shares", security(("bearer" = [])), params(ListQuery),
    responses((status = 200, body = ShareList)))]
pub async fn list(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Query(query): Query<ListQuery>,
) -> Answer<Json<ShareList>> {
    let shares = match query.direction.as_deref() {
        None | Some("" | "outbound") => services.outbound_shares(&context, &caller).await?,
        Some("inbound") => services.inbound_shares(&context, &caller).await?,
        Some("all") => services.org_shares(&context, &caller).await?,
        Some(_) => {
            return Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "direction: must be outbound, inbound or all",
            ));
        }
    };
    Ok(Json(shares))
}

/// The shares that the caller made.
#[utoipa::path(get, path = "/v1/shares/outbound", tag = "shares", security(("bearer" = [])),
    responses((status = 200, body = ShareList)))]
pub async fn outbound(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
) -> Answer<Json<ShareList>> {
    Ok(Json(services.outbound_shares(&context, &caller).await?))
}

/// The shares that are for the caller.
#[utoipa::path(get, path = "/v1/shares/inbound", tag = "shares", security(("bearer" = [])),
    responses((status = 200, body = ShareList)))]
pub async fn inbound(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
) -> Answer<Json<ShareList>> {
    Ok(Json(services.inbound_shares(&context, &caller).await?))
}

/// A share, without its value.
#[utoipa::path(get, path = "/v1/shares/{share_id}", tag = "shares", security(("bearer" = [])),
    params(("share_id" = String, Path)), responses((status = 200, body = ShareItem)))]
pub async fn get(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(share): Params<String>,
) -> Answer<Json<ShareItem>> {
    let share = parse("share_id", &share)?;
    Ok(Json(services.share_item(&context, &caller, share).await?))
}

/// Takes a share back.
#[utoipa::path(delete, path = "/v1/shares/{share_id}", tag = "shares", security(("bearer" = [])),
    params(("share_id" = String, Path)), responses((status = 204, description = "Taken back")))]
pub async fn revoke(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(share): Params<String>,
) -> Answer<StatusCode> {
    take_back(&services, &context, &caller, &share).await
}

/// Takes a share back.
#[utoipa::path(delete, path = "/v1/share/{share_id}", tag = "shares", security(("bearer" = [])),
    params(("share_id" = String, Path)), responses((status = 204, description = "Taken back")))]
pub async fn revoke_link(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(share): Params<String>,
) -> Answer<StatusCode> {
    take_back(&services, &context, &caller, &share).await
}

async fn take_back(
    services: &SharedServices,
    context: &RequestContext,
    caller: &Caller,
    share: &str,
) -> Answer<StatusCode> {
    let share = parse("share_id", share)?;
    services.revoke_share(context, caller, share).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Accepts a share.
#[utoipa::path(post, path = "/v1/shares/{share_id}/accept", tag = "shares", security(("bearer" = [])),
    params(("share_id" = String, Path)), responses((status = 204, description = "Accepted")))]
pub async fn accept(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(share): Params<String>,
) -> Answer<StatusCode> {
    let share = parse("share_id", &share)?;
    services.accept_share(&context, &caller, share).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Declines a share.
#[utoipa::path(post, path = "/v1/shares/{share_id}/decline", tag = "shares", security(("bearer" = [])),
    params(("share_id" = String, Path)), responses((status = 204, description = "Declined")))]
pub async fn decline(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(share): Params<String>,
) -> Answer<StatusCode> {
    let share = parse("share_id", &share)?;
    services.decline_share(&context, &caller, share).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Hands the value of a shared secret out. A link needs no credential, every other share that of its recipient.
#[utoipa::path(get, path = "/v1/share/{share_id}", tag = "shares", security((), ("bearer" = [])),
    params(("share_id" = String, Path), ("x-share-passphrase" = Option<String>, Header)),
    request_body = Option<AccessShareRequest>,
    responses((status = 200, body = SharedSecret), (status = 410, description = "Expired or used up")))]
pub async fn open(
    State(services): State<SharedServices>,
    Context(context): Context,
    MaybeAuthenticated(caller): MaybeAuthenticated,
    Params(share): Params<String>,
    headers: HeaderMap,
    OptionalBody(request): OptionalBody<AccessShareRequest>,
) -> Answer<Json<SharedSecret>> {
    access(&services, &context, caller, &share, &headers, request).await
}

/// The same as `GET /v1/share/{share_id}`.
#[utoipa::path(post, path = "/v1/share/{share_id}/access", tag = "shares", security((), ("bearer" = [])),
    params(("share_id" = String, Path), ("x-share-passphrase" = Option<String>, Header)),
    request_body = Option<AccessShareRequest>,
    responses((status = 200, body = SharedSecret), (status = 410, description = "Expired or used up")))]
pub async fn access_link(
    State(services): State<SharedServices>,
    Context(context): Context,
    MaybeAuthenticated(caller): MaybeAuthenticated,
    Params(share): Params<String>,
    headers: HeaderMap,
    OptionalBody(request): OptionalBody<AccessShareRequest>,
) -> Answer<Json<SharedSecret>> {
    access(&services, &context, caller, &share, &headers, request).await
}

/// The same as `GET /v1/share/{share_id}`.
#[utoipa::path(post, path = "/v1/shares/{share_id}/access", tag = "shares", security((), ("bearer" = [])),
    params(("share_id" = String, Path), ("x-share-passphrase" = Option<String>, Header)),
    request_body = Option<AccessShareRequest>,
    responses((status = 200, body = SharedSecret), (status = 410, description = "Expired or used up")))]
pub async fn access_share(
    State(services): State<SharedServices>,
    Context(context): Context,
    MaybeAuthenticated(caller): MaybeAuthenticated,
    Params(share): Params<String>,
    headers: HeaderMap,
    OptionalBody(request): OptionalBody<AccessShareRequest>,
) -> Answer<Json<SharedSecret>> {
    access(&services, &context, caller, &share, &headers, request).await
}

async fn access(
    services: &SharedServices,
    context: &RequestContext,
    caller: Option<Caller>,
    share: &str,
    headers: &HeaderMap,
    request: AccessShareRequest,
) -> Answer<Json<SharedSecret>> {
    let share = parse("share_id", share)?;
    // A header that is no text is no passphrase of anything.
    let header = headers
        .get(PASSPHRASE)
        .and_then(|value| std::str::from_utf8(value.as_bytes()).ok());
    let passphrase = header.or(request.passphrase.as_ref().map(|text| text.as_str()));
    Ok(Json(
        services
            .access_share(context, caller.as_ref(), share, passphrase)
            .await?,
    ))
}
