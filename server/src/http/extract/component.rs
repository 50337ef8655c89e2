//! The body of an upload: a component, as it is. Nothing of it is read before it is known who sends it and how much it is.

use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};

use super::body;
use crate::http::problem::Problem;
use crate::service::SharedServices;

/// A component that has not been read yet.
#[derive(Debug)]
pub struct ComponentBody {
    request: Request,
    limit: usize,
}

impl FromRequest<SharedServices> for ComponentBody {
    type Rejection = Problem;

    async fn from_request(request: Request, services: &SharedServices) -> Result<Self, Problem> {
        let headers = request.headers();
        let kind = headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').next())
            .map(|value| value.trim().to_ascii_lowercase());
        if !matches!(
            kind.as_deref(),
            Some("application/wasm" | "application/octet-stream")
        ) {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "send the component itself as the body, with `Content-Type: application/wasm`",
            ));
        }
        let limit = services.config.plugins.component_bytes as usize;
        let announced = headers
            .get(header::CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.parse::<u64>().ok());
        if announced.is_some_and(|bytes| bytes > limit as u64) {
            return Err(Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("the component is larger than {limit} bytes"),
            ));
        }
        Ok(Self { request, limit })
    }
}

impl ComponentBody {
    /// Reads it.
    pub async fn read(self) -> Result<Vec<u8>, Problem> {
        body::read(self.request, self.limit).await
    }
}
