//! What others need to verify our tokens.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, header};
use axum::response::IntoResponse;
use serde_json::json;

use crate::service::SharedServices;

const PUBLIC: [(HeaderName, &str); 2] = [
    (header::CACHE_CONTROL, "max-age=300"),
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
];

/// `GET /.well-known/jwks.json` (RFC 7517): the current key first, then those before it.
pub async fn jwks(State(services): State<SharedServices>) -> impl IntoResponse {
    let keys = services.keys.jwks();
    (
        PUBLIC,
        [(header::CONTENT_TYPE, "application/jwk-set+json")],
        keys.to_string(),
    )
}

/// `GET /.well-known/openid-configuration`
pub async fn openid_configuration(State(services): State<SharedServices>) -> impl IntoResponse {
    let issuer = &services.config.public_url;
    let document = json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "token_endpoint": format!("{issuer}/v1/auth/federated-token"),
        "id_token_signing_alg_values_supported": ["EdDSA"],
        "grant_types_supported": [],
        "subject_types_supported": ["public"],
        "response_types_supported": ["token"],
    });
    (PUBLIC, Json(document))
}
