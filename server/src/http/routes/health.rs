//! Whether the server works.

use axum::Json;
use axum::extract::State;
use oneclaw_core::api::{Health, KeyHealth};

use crate::service::SharedServices;

/// `healthy`, or `degraded` when the database or the access plugin does not work, or recorded decisions do not
/// come out as they did.
#[utoipa::path(get, path = "/v1/health", tag = "health", responses((status = 200, body = Health)))]
pub async fn health(State(services): State<SharedServices>) -> Json<Health> {
    let works = services.gate.is_ready()
        && services.store.ping().await.is_ok()
        && services.decides_as_it_did().await.unwrap_or(false);
    Json(Health {
        status: if works { "healthy" } else { "degraded" }.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}

/// The state of the root key: whether it still wraps and unwraps.
#[utoipa::path(get, path = "/v1/health/hsm", tag = "health", responses((status = 200, body = KeyHealth)))]
pub async fn key_health(State(services): State<SharedServices>) -> Json<KeyHealth> {
    let status = if services.keys.is_healthy() {
        "ok"
    } else {
        "unavailable"
    };
    Json(KeyHealth {
        status: status.to_owned(),
    })
}
