//! Settings that are changed while the server runs.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use oneclaw_core::api::{PutSettingRequest, Setting, SettingList};

use crate::http::extract::{Authenticated, Body, Context, Params};
use crate::http::problem::Answer;
use crate::service::SharedServices;

/// The settings of the server. For owners and admins of its first organisation.
#[utoipa::path(get, path = "/v1/admin/settings", tag = "admin", security(("bearer" = [])),
    responses((status = 200, body = SettingList)))]
pub async fn list_server(
    State(services): State<SharedServices>,
    Authenticated(caller): Authenticated,
) -> Answer<Json<SettingList>> {
    Ok(Json(services.server_settings(&caller).await?))
}

/// Changes a setting of the server.
#[utoipa::path(put, path = "/v1/admin/settings/{key}", tag = "admin", security(("bearer" = [])),
    params(("key" = String, Path)), request_body = PutSettingRequest, responses((status = 200, body = Setting)))]
pub async fn put_server(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(key): Params<String>,
    Body(request): Body<PutSettingRequest>,
) -> Answer<Json<Setting>> {
    let setting = services
        .put_server_setting(&context, &caller, &key, &request)
        .await?;
    Ok(Json(setting))
}

/// Gives a setting of the server its default back.
#[utoipa::path(delete, path = "/v1/admin/settings/{key}", tag = "admin", security(("bearer" = [])),
    params(("key" = String, Path)), responses((status = 204, description = "Has its default")))]
pub async fn delete_server(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(key): Params<String>,
) -> Answer<StatusCode> {
    services
        .delete_server_setting(&context, &caller, &key)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The settings of the caller's organisation.
#[utoipa::path(get, path = "/v1/org/settings", tag = "organisation", security(("bearer" = [])),
    responses((status = 200, body = SettingList)))]
pub async fn list_org(
    State(services): State<SharedServices>,
    Authenticated(caller): Authenticated,
) -> Answer<Json<SettingList>> {
    Ok(Json(services.org_settings(&caller).await?))
}

/// Changes a setting of the caller's organisation.
#[utoipa::path(put, path = "/v1/org/settings/{key}", tag = "organisation", security(("bearer" = [])),
    params(("key" = String, Path)), request_body = PutSettingRequest, responses((status = 200, body = Setting)))]
pub async fn put_org(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(key): Params<String>,
    Body(request): Body<PutSettingRequest>,
) -> Answer<Json<Setting>> {
    let setting = services
        .put_org_setting(&context, &caller, &key, &request)
        .await?;
    Ok(Json(setting))
}

/// Gives a setting of the caller's organisation its default back.
#[utoipa::path(delete, path = "/v1/org/settings/{key}", tag = "organisation", security(("bearer" = [])),
    params(("key" = String, Path)), responses((status = 204, description = "Has its default")))]
pub async fn delete_org(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(key): Params<String>,
) -> Answer<StatusCode> {
    services.delete_org_setting(&context, &caller, &key).await?;
    Ok(StatusCode::NO_CONTENT)
}
