//! Headers that carry meaning.

use axum::http::{HeaderMap, StatusCode};

use crate::http::problem::Problem;

/// The client's key for repeating a request, if it sent one.
///
/// # Errors
/// 400 for bytes that are no text.
pub fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    headers
        .get("idempotency-key")
        .map(|value| {
            value.to_str().map_err(|_| {
                Problem::new(
                    StatusCode::BAD_REQUEST,
                    "Idempotency-Key: must be visible ASCII characters",
                )
            })
        })
        .transpose()
}
