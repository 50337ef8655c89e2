//! Problem details (RFC 9457, formerly RFC 7807): the one form of every error.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::service::error::{GuardrailRefusal, ServiceError};

/// An error as it travels.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// `about:blank` unless the problem has a kind of its own.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    /// The status.
    pub status: u16,
    /// What is wrong, and what would be right.
    pub detail: String,
    /// Members that only some problems have: `fields`, `reason_code`, `decision_id`, `request_id`.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub more: Box<Map<String, Value>>,
}

impl Problem {
    /// A problem of the plain kind.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank".to_owned(),
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            more: Box::default(),
        }
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// With one more member.
    #[must_use]
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.more.insert(name.to_owned(), value);
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        let retry_after = self.more.get("retry_after").and_then(Value::as_u64);
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<ServiceError> for Problem {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::Invalid { detail, field } => {
                let problem = Self::new(StatusCode::BAD_REQUEST, detail.clone());
                match field {
                    Some(field) => {
                        let message = detail
                            .strip_prefix(&format!("{field}: "))
                            .unwrap_or(&detail)
                            .to_owned();
                        problem.with("fields", json!({ field: message }))
                    }
                    None => problem,
                }
            }
            ServiceError::Unauthenticated(detail) => Self::new(StatusCode::UNAUTHORIZED, detail),
            ServiceError::Forbidden(detail) => Self::new(StatusCode::FORBIDDEN, detail),
            ServiceError::Denied(refusal) => Self::new(
                StatusCode::FORBIDDEN,
                format!("Insufficient permissions: {}", explain(&refusal.code)),
            )
            .with("reason_code", json!(refusal.code))
            .with("decision_id", json!(refusal.decision.to_string())),
            ServiceError::LimitReached(detail) => {
                let mut problem = Self::new(StatusCode::FORBIDDEN, detail);
                "resource_limit_exceeded".clone_into(&mut problem.kind);
                problem
            }
            ServiceError::Guardrail(refusal) => Self::guardrail(&refusal),
            ServiceError::ChainUnavailable(detail) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
            }
            ServiceError::NotFound(detail) => Self::new(StatusCode::NOT_FOUND, detail),
            ServiceError::Conflict(detail) => Self::new(StatusCode::CONFLICT, detail),
            ServiceError::Gone(detail) => Self::new(StatusCode::GONE, detail),
            ServiceError::TooManyRequests {
                retry_after_seconds,
            } => Self::too_many_requests(retry_after_seconds),
            ServiceError::StillBusy {
                retry_after_seconds,
                ..
            } => Self::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
                .with("retry_after", json!(retry_after_seconds)),
            ServiceError::Unsupported(detail) => Self::new(StatusCode::NOT_IMPLEMENTED, detail),
            ServiceError::Unavailable(detail) => {
                tracing::error!(detail, "a request failed because something does not answer");
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "the server cannot do this right now; try again",
                )
            }
            ServiceError::Internal(detail) => {
                tracing::error!(detail, "a request failed by a fault of the server");
                Self::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "the server made a mistake; its log has the details under this request's id",
                )
            }
        }
    }
}

impl Problem {
    /// 403 with the words and figures of the guardrail; amounts are in base units.
    fn guardrail(refusal: &GuardrailRefusal) -> Self {
        let mut problem = Self::new(StatusCode::FORBIDDEN, refusal.message.clone())
            .with("reason_code", json!(refusal.code))
            .with("decision_id", json!(refusal.decision.to_string()));
        "guardrail_violation".clone_into(&mut problem.kind);
        if !refusal.rule.is_empty() {
            problem = problem.with("rule", json!(refusal.rule));
        }
        if let Some(figures) = &refusal.figures {
            problem = problem
                .with("asset", json!(figures.asset))
                .with("limit", json!(figures.limit.to_string()))
                .with("attempted", json!(figures.attempted.to_string()))
                .with("current", json!(figures.current.to_string()));
        }
        problem
    }

    /// 429 with an integer `Retry-After`.
    pub fn too_many_requests(retry_after_seconds: u64) -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            format!("too many requests; try again in {retry_after_seconds} s"),
        )
        .with("retry_after", json!(retry_after_seconds))
    }
}

/// A sentence for a refusal. It never says which policy it was: that stands in the audit trail.
fn explain(code: &str) -> &'static str {
    match code {
        "policy/no-match" => "no policy grants this at this path",
        "policy/denied-by-rule" => "a policy forbids this at this path",
        "policy/condition-failed" => {
            "the conditions of the policy are not met (time, address, environment or expiry)"
        }
        "binding/vault-not-bound" => "this agent is bound to other vaults",
        "scope/path-not-in-scope" => "the path is outside the scopes of this token",
        "vault/private-key-blocked" => {
            "an agent that may submit transactions cannot obtain private keys"
        }
        "vault/signing-key-blocked" => {
            "a signing key leaves by its export alone, which asks for the password"
        }
        "share/passphrase" => "the passphrase of the share is missing or wrong",
        "share/not-the-recipient" => "this share is for somebody else",
        "share/not-accepted" => "its recipient has not accepted this share",
        "share/address-not-allowed" => "this share is not for the address that asks",
        "share/sharer-may-not-read" => {
            "whoever shared this may not read it, or not pass it on, any more"
        }
        "share/not-the-writer" => "an agent shares what it did not write with its creator alone",
        "share/key-of-an-agent" => "the keys of agents are not shared",
        "vault/system-managed" => "this vault is managed by the server",
        code if code.starts_with("internal/") => {
            "the decision could not be made, so the answer is no"
        }
        _ => "a policy plugin refused",
    }
}

/// What handlers return.
pub type Answer<T> = Result<T, Problem>;
