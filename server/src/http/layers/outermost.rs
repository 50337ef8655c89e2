//! The outermost layers: request ids, security headers, and the net under panics.

use std::borrow::Cow;

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use oneclaw_crypto::random;
use tracing::Instrument;

use super::super::problem::Problem;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Gives every request an id of ours, logs it under that id, and says the id in the answer. An id from outside is not
/// taken over: it would let a stranger write into our log.
pub async fn request_id(request: Request, next: Next) -> Response {
    let id = random::new_id().to_string();
    let path = loggable(request.uri().path());
    let span = tracing::info_span!("request", id, method = %request.method(), path = &*path);
    let started = std::time::Instant::now();
    let mut response = async {
        let response = next.run(request).await;
        tracing::info!(
            status = response.status().as_u16(),
            elapsed_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
            "answered"
        );
        response
    }
    .instrument(span)
    .await;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// A path as it may stand in the log: the id of a share can be a link that opens it.
fn loggable(path: &str) -> Cow<'_, str> {
    let mut is_share = false;
    let mut is_hidden = false;
    let segments: Vec<&str> = path
        .split('/')
        .map(|segment| {
            let hide = is_share && !matches!(segment, "inbound" | "outbound");
            is_share = matches!(segment, "share" | "shares");
            is_hidden |= hide;
            if hide { "…" } else { segment }
        })
        .collect();
    if is_hidden {
        Cow::Owned(segments.join("/"))
    } else {
        Cow::Borrowed(path)
    }
}

/// Headers that cost nothing and close doors.
pub async fn security_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            header::STRICT_TRANSPORT_SECURITY,
            "max-age=31536000; includeSubDomains",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // Defaults: pages with forms have a policy of their own, and what never changes may be kept for a while.
    for (name, value) in [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        ),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    response
}

/// A panic in a handler is a fault of ours and ends that request alone.
pub async fn catch_panics(request: Request, next: Next) -> Response {
    match tokio::spawn(next.run(request).in_current_span()).await {
        Ok(response) => response,
        Err(error) => {
            tracing::error!(%error, "a handler panicked");
            Problem::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the server made a mistake",
            )
            .into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::loggable;

    #[test]
    fn ids_of_shares_are_kept_out_of_the_log() {
        assert_eq!(loggable("/v1/share/abc"), "/v1/share/…");
        assert_eq!(loggable("/v1/shares/abc/accept"), "/v1/shares/…/accept");
        for path in [
            "/v1/shares",
            "/v1/shares/inbound",
            "/v1/secrets/abc/share",
            "/v1/vaults/abc/secrets/a/b",
        ] {
            assert_eq!(loggable(path), path);
        }
    }
}
