//! Nothing takes for ever.

use std::time::Duration;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::super::problem::Problem;

/// Longest time from the head of a request to its answer, the reading of its body included.
const REQUEST_TIME: Duration = Duration::from_secs(30);

/// Gives up on a request that takes too long; what it had not committed is rolled back.
pub async fn time_limit(request: Request, next: Next) -> Response {
    tokio::time::timeout(REQUEST_TIME, next.run(request))
        .await
        .unwrap_or_else(|_| {
            Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                format!(
                    "the request took longer than {} s and was given up",
                    REQUEST_TIME.as_secs()
                ),
            )
            .into_response()
        })
}
