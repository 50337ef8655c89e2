//! Plugins of an organisation: the registry, publishers, attachments.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use oneclaw_core::api::{
    Attachment, AttachmentList, AttachmentRevisionList, CreateAttachmentRequest,
    CreatePublisherRequest, Plugin, PluginList, PluginSettings, PluginVersion, Publisher,
    PublisherList, RollbackRequest, UpdateAttachmentRequest, UploadPluginQuery, YankPluginRequest,
};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::http::extract::{
    Authenticated, Body, ComponentBody, Context, OptionalBody, Params, Query, parse,
};
use crate::http::problem::Answer;
use crate::service::SharedServices;

/// Uploads a component: the body is the component itself. It is checked, compiled, asked what it is, and tried with the
/// cases it carries; then it is a version that never changes. The very bytes again are answered with 200.
#[utoipa::path(post, path = "/v1/plugins", tag = "plugins", security(("bearer" = [])), params(UploadPluginQuery),
    request_body(content = Vec<u8>, content_type = "application/wasm"),
    responses((status = 201, body = PluginVersion), (status = 200, body = PluginVersion, description = "It was there")))]
pub async fn upload(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Query(query): Query<UploadPluginQuery>,
    component: ComponentBody,
) -> Answer<(StatusCode, Json<PluginVersion>)> {
    services.plugin_administrator(&caller)?;
    let bytes = component.read().await?;
    let (version, is_new) = services
        .upload_plugin(&context, &caller, &query, bytes)
        .await?;
    let status = if is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, Json(version)))
}

/// The plugins of the organisation, with their versions.
#[utoipa::path(get, path = "/v1/plugins", tag = "plugins", security(("bearer" = [])),
    responses((status = 200, body = PluginList)))]
pub async fn list(
    State(services): State<SharedServices>,
    Authenticated(caller): Authenticated,
) -> Answer<Json<PluginList>> {
    Ok(Json(services.list_plugins(&caller).await?))
}

/// One plugin, with its versions.
#[utoipa::path(get, path = "/v1/plugins/{name}", tag = "plugins", security(("bearer" = [])),
    params(("name" = String, Path)), responses((status = 200, body = Plugin)))]
pub async fn get(
    State(services): State<SharedServices>,
    Authenticated(caller): Authenticated,
    Params(name): Params<String>,
) -> Answer<Json<Plugin>> {
    Ok(Json(services.show_plugin(&caller, &name).await?))
}

/// Retires a plugin that is attached nowhere: it takes no new version. What it decided can still be looked up.
#[utoipa::path(delete, path = "/v1/plugins/{name}", tag = "plugins", security(("bearer" = [])),
    params(("name" = String, Path)), responses((status = 204, description = "Retired")))]
pub async fn retire(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(name): Params<String>,
) -> Answer<StatusCode> {
    services.retire_plugin(&context, &caller, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// One version.
#[utoipa::path(get, path = "/v1/plugins/{name}/versions/{version}", tag = "plugins", security(("bearer" = [])),
    params(("name" = String, Path), ("version" = String, Path)), responses((status = 200, body = PluginVersion)))]
pub async fn version(
    State(services): State<SharedServices>,
    Authenticated(caller): Authenticated,
    Params((name, version)): Params<(String, String)>,
) -> Answer<Json<PluginVersion>> {
    let version = services
        .show_plugin_version(&caller, &name, &version)
        .await?;
    Ok(Json(version))
}

/// The component of a version, as it was uploaded.
#[utoipa::path(get, path = "/v1/plugins/{name}/versions/{version}/component", tag = "plugins",
    security(("bearer" = [])), params(("name" = String, Path), ("version" = String, Path)),
    responses((status = 200, body = Vec<u8>, content_type = "application/wasm")))]
pub async fn component(
    State(services): State<SharedServices>,
    Authenticated(caller): Authenticated,
    Params((name, version)): Params<(String, String)>,
) -> Answer<([(HeaderName, &'static str); 1], Vec<u8>)> {
    let bytes = services.plugin_component(&caller, &name, &version).await?;
    Ok(([(header::CONTENT_TYPE, "application/wasm")], bytes))
}

/// Yanks a version: it is attached nowhere anew. Where it decides it goes on.
#[utoipa::path(post, path = "/v1/plugins/{name}/versions/{version}/yank", tag = "plugins", security(("bearer" = [])),
    params(("name" = String, Path), ("version" = String, Path)), request_body = YankPluginRequest,
    responses((status = 200, body = PluginVersion)))]
pub async fn yank(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params((name, version)): Params<(String, String)>,
    OptionalBody(request): OptionalBody<YankPluginRequest>,
) -> Answer<Json<PluginVersion>> {
    let yanked = services
        .yank_plugin_version(&context, &caller, &name, &version, request)
        .await?;
    Ok(Json(yanked))
}

/// Whether plugins must be signed.
#[utoipa::path(get, path = "/v1/plugins/settings", tag = "plugins", security(("bearer" = [])),
    responses((status = 200, body = PluginSettings)))]
pub async fn settings(
    State(services): State<SharedServices>,
    Authenticated(caller): Authenticated,
) -> Answer<Json<PluginSettings>> {
    Ok(Json(services.plugin_settings(&caller).await?))
}

/// Sets whether plugins must be signed.
#[utoipa::path(put, path = "/v1/plugins/settings", tag = "plugins", security(("bearer" = [])),
    request_body = PluginSettings, responses((status = 200, body = PluginSettings)))]
pub async fn set_settings(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Body(request): Body<PluginSettings>,
) -> Answer<Json<PluginSettings>> {
    let settings = services
        .set_plugin_settings(&context, &caller, &request)
        .await?;
    Ok(Json(settings))
}

/// The keys with which plugins are signed.
#[utoipa::path(get, path = "/v1/plugins/publishers", tag = "plugins", security(("bearer" = [])),
    responses((status = 200, body = PublisherList)))]
pub async fn publishers(
    State(services): State<SharedServices>,
    Authenticated(caller): Authenticated,
) -> Answer<Json<PublisherList>> {
    Ok(Json(services.list_publishers(&caller).await?))
}

/// Registers a key with which plugins are signed.
#[utoipa::path(post, path = "/v1/plugins/publishers", tag = "plugins", security(("bearer" = [])),
    request_body = CreatePublisherRequest, responses((status = 201, body = Publisher)))]
pub async fn create_publisher(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Body(request): Body<CreatePublisherRequest>,
) -> Answer<(StatusCode, Json<Publisher>)> {
    let publisher = services
        .create_publisher(&context, &caller, request)
        .await?;
    Ok((StatusCode::CREATED, Json(publisher)))
}

/// Ends a publisher's key. What it signed and is attached goes on deciding.
#[utoipa::path(delete, path = "/v1/plugins/publishers/{publisher_id}", tag = "plugins", security(("bearer" = [])),
    params(("publisher_id" = String, Path)), responses((status = 204, description = "Revoked")))]
pub async fn revoke_publisher(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(publisher): Params<String>,
) -> Answer<StatusCode> {
    let publisher = parse("publisher_id", &publisher)?;
    services
        .revoke_publisher(&context, &caller, publisher)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What is attached, detached ones included.
#[utoipa::path(get, path = "/v1/plugins/attachments", tag = "plugins", security(("bearer" = [])),
    responses((status = 200, body = AttachmentList)))]
pub async fn attachments(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
) -> Answer<Json<AttachmentList>> {
    Ok(Json(services.list_attachments(&context, &caller).await?))
}

/// Attaches a version of a plugin; watched and not enforced unless the mode says otherwise.
#[utoipa::path(post, path = "/v1/plugins/attachments", tag = "plugins", security(("bearer" = [])),
    request_body = CreateAttachmentRequest, responses((status = 201, body = Attachment)))]
pub async fn attach(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Body(request): Body<CreateAttachmentRequest>,
) -> Answer<(StatusCode, Json<Attachment>)> {
    let attachment = services
        .create_attachment(&context, &caller, request)
        .await?;
    Ok((StatusCode::CREATED, Json(attachment)))
}

/// One attachment, and how it stands on this server.
#[utoipa::path(get, path = "/v1/plugins/attachments/{attachment_id}", tag = "plugins", security(("bearer" = [])),
    params(("attachment_id" = String, Path)), responses((status = 200, body = Attachment)))]
pub async fn attachment(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(id): Params<String>,
) -> Answer<Json<Attachment>> {
    let id = parse("attachment_id", &id)?;
    Ok(Json(services.show_attachment(&context, &caller, id).await?))
}

/// Changes an attachment: another version, other settings, another mode. What is absent stays.
#[utoipa::path(patch, path = "/v1/plugins/attachments/{attachment_id}", tag = "plugins", security(("bearer" = [])),
    params(("attachment_id" = String, Path)), request_body = UpdateAttachmentRequest,
    responses((status = 200, body = Attachment)))]
pub async fn change_attachment(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(id): Params<String>,
    Body(request): Body<UpdateAttachmentRequest>,
) -> Answer<Json<Attachment>> {
    let id = parse("attachment_id", &id)?;
    let changed = services
        .update_attachment(&context, &caller, id, request)
        .await?;
    Ok(Json(changed))
}

/// Detaches a plugin. Its revisions stay, and a rollback attaches it again.
#[utoipa::path(delete, path = "/v1/plugins/attachments/{attachment_id}", tag = "plugins", security(("bearer" = [])),
    params(("attachment_id" = String, Path)), responses((status = 204, description = "Detached")))]
pub async fn detach(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(id): Params<String>,
) -> Answer<StatusCode> {
    let id = parse("attachment_id", &id)?;
    services.detach_plugin(&context, &caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which revisions to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RevisionsQuery {
    /// Those before this one; absent: the latest.
    before: Option<i64>,
}

/// The states that an attachment was in, the latest first.
#[utoipa::path(get, path = "/v1/plugins/attachments/{attachment_id}/revisions", tag = "plugins",
    security(("bearer" = [])), params(("attachment_id" = String, Path), RevisionsQuery),
    responses((status = 200, body = AttachmentRevisionList)))]
pub async fn revisions(
    State(services): State<SharedServices>,
    Authenticated(caller): Authenticated,
    Params(id): Params<String>,
    Query(query): Query<RevisionsQuery>,
) -> Answer<Json<AttachmentRevisionList>> {
    let id = parse("attachment_id", &id)?;
    let revisions = services
        .attachment_revisions(&caller, id, query.before)
        .await?;
    Ok(Json(revisions))
}

/// Goes back to an earlier state of an attachment, from the next decision on. Without a body: to the one before.
#[utoipa::path(post, path = "/v1/plugins/attachments/{attachment_id}/rollback", tag = "plugins",
    security(("bearer" = [])), params(("attachment_id" = String, Path)), request_body = RollbackRequest,
    responses((status = 200, body = Attachment)))]
pub async fn rollback(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(id): Params<String>,
    OptionalBody(request): OptionalBody<RollbackRequest>,
) -> Answer<Json<Attachment>> {
    let id = parse("attachment_id", &id)?;
    Ok(Json(
        services.roll_back(&context, &caller, id, &request).await?,
    ))
}
