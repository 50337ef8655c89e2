//! JSON bodies. A mistake is answered with the field's name; the value itself is never repeated, for it may be a secret.

use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use http_body_util::BodyExt as _;
use serde::de::DeserializeOwned;
use serde_json::json;
use zeroize::{Zeroize as _, Zeroizing};

use crate::http::problem::Problem;
use crate::service::SharedServices;

/// A body that must be there.
#[derive(Debug)]
pub struct Body<T>(pub T);

/// A body that may be missing, empty or `null`.
#[derive(Debug)]
pub struct OptionalBody<T>(pub T);

/// A body that must be there, and may be as large as a fleet.
#[derive(Debug)]
pub struct BulkBody<T>(pub T);

/// Most bytes of a bulk body, unless the server takes more of any: a thousand agents with policies of their own take some
/// 3 MB.
const BULK_BYTES: usize = 8 * 1024 * 1024;

/// What is read of a body that is too large, so that its sender lives to see the answer.
const DRAINED_BYTES: usize = 16 * 1024 * 1024;

/// Reads a body of at most `limit` bytes.
///
/// # Errors
/// 413 for a larger one, 400 for one that breaks off.
pub async fn read(request: Request, limit: usize) -> Result<Vec<u8>, Problem> {
    let mut body = request.into_body();
    let mut bytes = Vec::new();
    let mut total: usize = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "the request body could not be read to its end",
            )
        })?;
        let Some(data) = frame.data_ref() else {
            continue;
        };
        total = total.saturating_add(data.len());
        if total <= limit {
            bytes.extend_from_slice(data);
        } else {
            bytes.zeroize();
            if total > DRAINED_BYTES {
                break;
            }
        }
    }
    if total > limit {
        return Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the request body is larger than {limit} bytes"),
        ));
    }
    Ok(bytes)
}

pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // serde would also fill a struct from a list, in the order of its fields.
    if bytes
        .trim_ascii_start()
        .first()
        .is_some_and(|first| matches!(first, b'[' | b'"' | b'0'..=b'9' | b'-' | b't' | b'f'))
    {
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "the body must be a JSON object",
        ));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let parsed = serde_path_to_error::deserialize(&mut deserializer);
    let value = parsed.map_err(|error| {
        let field = error.path().to_string();
        let inner = error.into_inner();
        match inner.classify() {
            serde_json::error::Category::Data => {
                let message = without_value(&inner.to_string());
                if field == "." {
                    Problem::new(StatusCode::BAD_REQUEST, message)
                } else {
                    Problem::new(StatusCode::BAD_REQUEST, format!("{field}: {message}"))
                        .with("fields", json!({ field: message }))
                }
            }
            _ => Problem::new(
                StatusCode::BAD_REQUEST,
                format!(
                    "the body is not JSON (line {}, column {})",
                    inner.line(),
                    inner.column()
                ),
            ),
        }
    })?;
    deserializer.end().map_err(|_| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "the body has something behind the JSON document",
        )
    })?;
    Ok(value)
}

/// serde quotes what it found (`invalid type: string "…"`); only the kind of it may be told.
fn without_value(message: &str) -> String {
    let message = message
        .rsplit_once(" at line ")
        .map_or(message, |(head, _)| head);
    match (
        message.strip_prefix("invalid type: "),
        message.strip_prefix("invalid value: "),
    ) {
        (Some(rest), _) | (_, Some(rest)) => {
            let found = rest.split([' ', '`', '"', ',']).next().unwrap_or("value");
            let expected = rest
                .rsplit_once(", expected ")
                .map_or("something else", |(_, expected)| expected);
            format!("must be {expected}, not {found}")
        }
        (None, None) => message.to_owned(),
    }
}

impl<T: DeserializeOwned> FromRequest<SharedServices> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, services: &SharedServices) -> Result<Self, Problem> {
        required(request, services.config.max_body_bytes)
            .await
            .map(Self)
    }
}

impl<T: DeserializeOwned> FromRequest<SharedServices> for BulkBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, services: &SharedServices) -> Result<Self, Problem> {
        let limit = services.config.max_body_bytes.max(BULK_BYTES);
        required(request, limit).await.map(Self)
    }
}

async fn required<T: DeserializeOwned>(request: Request, limit: usize) -> Result<T, Problem> {
    let bytes = Zeroizing::new(read(request, limit).await?);
    if bytes.is_empty() {
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "the request needs a JSON body",
        ));
    }
    parse(&bytes)
}

impl<T: DeserializeOwned + Default> FromRequest<SharedServices> for OptionalBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, services: &SharedServices) -> Result<Self, Problem> {
        let bytes = Zeroizing::new(read(request, services.config.max_body_bytes).await?);
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self(T::default()));
        }
        parse::<Option<T>>(&bytes).map(|value| Self(value.unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only parsed")]
    struct Example {
        value: String,
        count: Option<u32>,
    }

    fn detail(body: &str) -> String {
        parse::<Example>(body.as_bytes()).unwrap_err().detail
    }

    #[test]
    fn mistakes_name_the_field_and_never_repeat_the_value() {
        assert_eq!(detail("{"), "the body is not JSON (line 1, column 1)");
        assert_eq!(detail("{}"), "missing field `value`");
        assert_eq!(
            detail(r#"{"value":"x","count":"hunter2"}"#),
            "count: must be u32, not string"
        );
        assert_eq!(
            detail(r#"{"value":["hunter2"]}"#),
            "value: must be a string, not sequence"
        );
        assert_eq!(detail(r#""hunter2""#), "the body must be a JSON object");
        assert_eq!(detail(r#"["x", 1]"#), "the body must be a JSON object");
        assert_eq!(
            detail(r#"{"value":"x"} y"#),
            "the body has something behind the JSON document"
        );
    }
}
