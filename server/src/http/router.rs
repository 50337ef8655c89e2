//! Every route of the server, and the layers they all pass.

use axum::Router;
use axum::extract::OriginalUri;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{any, get, post};
use std::time::Duration;
use tower_http::cors::{AllowOrigin, CorsLayer};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::layers::{self, RequestLimits};
use super::problem::Problem;
use super::routes::{
    agents, api_keys, audit, audit_sinks, auth, billing, chains, decisions, device, discovery,
    enrollments, env_vars, fleet_guardrails, health, intents, mfa, organisation, plugins, policies,
    recovery, replays, secrets, settings, shares, signing_keys, unsupported, vaults, webhooks,
};
use super::{docs, openapi, pages};
use crate::service::SharedServices;

/// The API with its description; the description is made from the very annotations that make the routes.
fn api() -> OpenApiRouter<SharedServices> {
    OpenApiRouter::with_openapi(openapi::base())
        .routes(routes!(auth::sign_up))
        .routes(routes!(auth::log_in, auth::log_out))
        .routes(routes!(auth::agent_token))
        .routes(routes!(auth::api_key_token))
        .routes(routes!(auth::refresh))
        .routes(routes!(auth::me, auth::update_me, auth::delete_me))
        .routes(routes!(auth::change_password))
        .routes(routes!(recovery::forgot_password))
        .routes(routes!(recovery::reset_password))
        .routes(routes!(recovery::verify_email))
        .routes(routes!(recovery::resend_verification))
        .routes(routes!(auth::jwt_public_key))
        .routes(routes!(device::begin))
        .routes(routes!(device::token))
        .routes(routes!(device::status))
        .routes(routes!(device::approve))
        .routes(routes!(device::deny))
        .routes(routes!(mfa::status))
        .routes(routes!(mfa::setup))
        .routes(routes!(mfa::verify_setup))
        .routes(routes!(mfa::verify))
        .routes(routes!(mfa::disable))
        .routes(routes!(mfa::reauth))
        .routes(routes!(mfa::settings, mfa::update_settings))
        .routes(routes!(organisation::members))
        .routes(routes!(
            organisation::update_member,
            organisation::remove_member
        ))
        .routes(routes!(organisation::invite))
        .routes(routes!(organisation::invitations))
        .routes(routes!(organisation::take_back))
        .routes(routes!(
            organisation::ip_rules,
            organisation::create_ip_rule
        ))
        .routes(routes!(organisation::delete_ip_rule))
        .routes(routes!(webhooks::create, webhooks::list))
        .routes(routes!(webhooks::get, webhooks::update, webhooks::delete))
        .routes(routes!(webhooks::rotate_secret))
        .routes(routes!(webhooks::deliveries))
        .routes(routes!(webhooks::redeliver))
        .routes(routes!(settings::list_server))
        .routes(routes!(settings::put_server, settings::delete_server))
        .routes(routes!(settings::list_org))
        .routes(routes!(settings::put_org, settings::delete_org))
        .routes(routes!(api_keys::create, api_keys::list))
        .routes(routes!(api_keys::revoke))
        .routes(routes!(agents::create, agents::list))
        .routes(routes!(agents::me))
        .routes(routes!(agents::batch_delete))
        .routes(routes!(enrollments::enroll))
        .routes(routes!(enrollments::list))
        .routes(routes!(enrollments::get))
        .routes(routes!(enrollments::approve))
        .routes(routes!(enrollments::deny))
        .routes(routes!(agents::bulk))
        .routes(routes!(agents::batch_rotate_keys))
        .routes(routes!(agents::get, agents::update, agents::delete))
        .routes(routes!(agents::rotate_key))
        .routes(routes!(agents::rotate_identity_keys))
        .routes(routes!(agents::issue_token))
        .routes(routes!(intents::submit, intents::list))
        .routes(routes!(intents::sign_only))
        .routes(routes!(intents::simulate))
        .routes(routes!(intents::simulate_bundle))
        .routes(routes!(intents::preview))
        .routes(routes!(intents::get))
        .routes(routes!(intents::replace))
        .routes(routes!(intents::cancel))
        .routes(routes!(intents::sign))
        .routes(routes!(intents::create_key, intents::list_keys))
        .routes(routes!(intents::revoke_key))
        .routes(routes!(chains::list))
        .routes(routes!(chains::get))
        .routes(routes!(chains::list_all, chains::create))
        .routes(routes!(chains::update, chains::delete))
        .routes(routes!(signing_keys::create, signing_keys::list))
        .routes(routes!(signing_keys::deactivate))
        .routes(routes!(signing_keys::rotate))
        .routes(routes!(signing_keys::export))
        .routes(routes!(signing_keys::import))
        .routes(routes!(signing_keys::balance))
        .routes(routes!(
            fleet_guardrails::get,
            fleet_guardrails::set,
            fleet_guardrails::remove
        ))
        .routes(routes!(fleet_guardrails::list_labels))
        .routes(routes!(
            fleet_guardrails::get_label,
            fleet_guardrails::set_label,
            fleet_guardrails::remove_label
        ))
        .routes(routes!(fleet_guardrails::revisions))
        .routes(routes!(vaults::create, vaults::list))
        .routes(routes!(vaults::get, vaults::delete))
        .routes(routes!(vaults::agent_keys_vault))
        .routes(routes!(secrets::list))
        .routes(routes!(secrets::put, secrets::get, secrets::delete))
        .routes(routes!(secrets::versions))
        .routes(routes!(secrets::version))
        .routes(routes!(secrets::disable_version))
        .routes(routes!(secrets::rotate))
        .routes(routes!(shares::share_secret))
        .routes(routes!(shares::create, shares::list))
        .routes(routes!(shares::outbound))
        .routes(routes!(shares::inbound))
        .routes(routes!(shares::get, shares::revoke))
        .routes(routes!(shares::accept))
        .routes(routes!(shares::decline))
        .routes(routes!(shares::open, shares::revoke_link))
        .routes(routes!(shares::access_link))
        .routes(routes!(shares::access_share))
        .routes(routes!(plugins::upload, plugins::list))
        .routes(routes!(plugins::settings, plugins::set_settings))
        .routes(routes!(plugins::publishers, plugins::create_publisher))
        .routes(routes!(plugins::revoke_publisher))
        .routes(routes!(plugins::attachments, plugins::attach))
        .routes(routes!(
            plugins::attachment,
            plugins::change_attachment,
            plugins::detach
        ))
        .routes(routes!(plugins::revisions))
        .routes(routes!(plugins::rollback))
        .routes(routes!(plugins::get, plugins::retire))
        .routes(routes!(plugins::version))
        .routes(routes!(plugins::component))
        .routes(routes!(plugins::yank))
        .routes(routes!(env_vars::list, env_vars::create))
        .routes(routes!(env_vars::resolve))
        .routes(routes!(env_vars::get, env_vars::update, env_vars::delete))
        .routes(routes!(
            env_vars::environments,
            env_vars::create_environment
        ))
        .routes(routes!(env_vars::delete_environment))
        .routes(routes!(env_vars::list_shared, env_vars::create_shared))
        .routes(routes!(env_vars::update_shared, env_vars::delete_shared))
        .routes(routes!(env_vars::link))
        .routes(routes!(env_vars::unlink))
        .routes(routes!(policies::create, policies::list))
        .routes(routes!(policies::update, policies::delete))
        .routes(routes!(audit::events))
        .routes(routes!(decisions::list))
        .routes(routes!(decisions::get))
        .routes(routes!(decisions::receipt))
        .routes(routes!(decisions::export))
        .routes(routes!(replays::create, replays::list))
        .routes(routes!(replays::get, replays::cancel))
        .routes(routes!(replays::changes))
        .routes(routes!(replays::guardrails))
        .routes(routes!(replays::shadow_report))
        .routes(routes!(replays::revisions))
        .routes(routes!(audit::verify))
        .routes(routes!(audit::checkpoints, audit::make_checkpoint))
        .routes(routes!(audit::checkpoint_key))
        .routes(routes!(audit::export))
        .routes(routes!(audit_sinks::list, audit_sinks::create))
        .routes(routes!(audit_sinks::update, audit_sinks::delete))
        .routes(routes!(billing::usage))
        .routes(routes!(billing::subscription))
        .routes(routes!(billing::history))
        .routes(routes!(billing::balance))
        .routes(routes!(billing::credit_transactions))
        .routes(routes!(billing::set_overage_method))
        .routes(routes!(billing::llm_token_billing))
        .routes(routes!(billing::set_tier))
        .routes(routes!(health::health))
        .routes(routes!(health::key_health))
}

/// The OpenAPI description, as JSON text.
pub fn openapi_json() -> String {
    let (_, description) = api().split_for_parts();
    openapi::finish(description)
}

/// The whole server as one service.
pub fn build(services: SharedServices) -> Router {
    let (api, description) = api().split_for_parts();
    let description = openapi::finish(description);
    let page = docs::render(&description);
    let mut router = api
        .route("/v1/audit", get(audit::events_alias))
        .route("/v1/openapi.json", get(move || openapi::serve(description)))
        .route("/docs", get(move || docs::page(page)))
        .route("/docs/style.css", get(docs::style))
        .route("/.well-known/jwks.json", get(discovery::jwks))
        .route(
            "/.well-known/openid-configuration",
            get(discovery::openid_configuration),
        )
        .merge(pages::router());
    for path in unsupported::BILLING_PATHS {
        router = router.route(path, post(unsupported::billing_answer));
    }
    for path in unsupported::PATHS {
        router = router.route(path, any(unsupported::answer));
    }
    let limits = RequestLimits::new(services.config.rate_limits);
    router
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(
            (services.clone(), limits),
            layers::authenticate,
        ))
        .layer(from_fn_with_state(services.clone(), layers::client_address))
        .layer(from_fn(layers::time_limit))
        .layer(from_fn(layers::catch_panics))
        .layer(cors(&services.config.cors_origins))
        .layer(from_fn(layers::security_headers))
        .layer(from_fn(layers::request_id))
        .with_state(services)
}

fn cors(origins: &[String]) -> CorsLayer {
    let origins: Vec<HeaderValue> = origins
        .iter()
        .filter_map(|origin| origin.parse().ok())
        .collect();
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            HeaderName::from_static("idempotency-key"),
            HeaderName::from_static("x-auth-confirm"),
            HeaderName::from_static("x-mfa-token"),
            HeaderName::from_static("x-share-passphrase"),
            HeaderName::from_static("content-digest"),
            HeaderName::from_static("signature"),
            HeaderName::from_static("signature-input"),
        ])
        .expose_headers(exposed())
        .max_age(Duration::from_secs(600))
}

/// What pages of other origins may read of an answer's headers.
fn exposed() -> Vec<HeaderName> {
    [header::RETRY_AFTER, HeaderName::from_static("x-request-id")]
        .into_iter()
        .chain(layers::QUOTA_HEADERS.map(HeaderName::from_static))
        .collect()
}

async fn not_found(OriginalUri(uri): OriginalUri) -> Problem {
    let path: String = uri.path().chars().take(200).collect();
    Problem::new(
        StatusCode::NOT_FOUND,
        format!("there is nothing at `{path}`; /docs lists what there is"),
    )
}

async fn method_not_allowed(method: Method, OriginalUri(uri): OriginalUri) -> Problem {
    let path: String = uri.path().chars().take(200).collect();
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        format!("`{path}` does not take {method}"),
    )
}
