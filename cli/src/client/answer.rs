//! From what came back to JSON, or to a sentence about what is wrong.

use std::time::Duration;

use serde_json::Value;
use ureq::http::Response;
use ureq::{Body, Error};
use zeroize::Zeroizing;

use crate::failure::{Failure, Refusal};
use crate::output::one_line;

/// Most bytes of an answer that are read: some times what 10,000 agents take.
const MOST_BYTES: u64 = 256 * 1024 * 1024;

/// What came back.
pub struct Answer {
    status: u16,
    location: Option<String>,
    retry_after: Option<u64>,
    body: Zeroizing<String>,
}

impl Answer {
    /// Reads the body to its end.
    pub fn read(response: Response<Body>) -> Result<Self, Error> {
        let header = |name: &str| {
            let value = response.headers().get(name)?;
            value.to_str().ok().map(str::to_owned)
        };
        let location = header("location");
        let retry_after = header("retry-after").and_then(|seconds| seconds.parse().ok());
        let status = response.status().as_u16();
        let mut body = response.into_body();
        let body = body
            .with_config()
            .limit(MOST_BYTES)
            .lossy_utf8(true)
            .read_to_string()?;
        Ok(Self {
            status,
            location,
            retry_after,
            body: Zeroizing::new(body),
        })
    }

    /// The body of a success, `null` if it has none.
    pub fn value(self, url: &str) -> Result<Value, Failure> {
        let text = self.body.trim();
        let is_success = (200..300).contains(&self.status);
        if is_success && text.is_empty() {
            return Ok(Value::Null);
        }
        if (300..400).contains(&self.status) {
            let to = self.location.unwrap_or_else(|| "somewhere else".to_owned());
            return Err(Failure::Unreachable(format!(
                "{url} sends on to {}, and no credential is carried there: give the server's own address with --api-url",
                one_line(&to)
            )));
        }
        let body: Option<Value> = serde_json::from_str(text).ok();
        match body {
            Some(value) if is_success => Ok(value),
            Some(body) if body.is_object() => Err(Failure::Refused(Box::new(Refusal {
                status: self.status,
                detail: detail(&body),
                kind: body
                    .get("type")
                    .and_then(Value::as_str)
                    .filter(|kind| *kind != "about:blank")
                    .map(str::to_owned),
                retry_after: self.retry_after,
                body,
            }))),
            _ => {
                let what = if text.is_empty() {
                    "nothing"
                } else if text.starts_with('<') {
                    "a web page (HTML)"
                } else {
                    "something that is not JSON"
                };
                Err(Failure::Unreachable(format!(
                    "{url} answered {} with {what}: is that a oneclaw server? Check --api-url and whatever stands in front of it",
                    self.status
                )))
            }
        }
    }
}

/// The words of a problem, on one line.
fn detail(body: &Value) -> String {
    let words = ["detail", "message", "error", "error_message", "title"]
        .iter()
        .find_map(|name| body.get(name).and_then(Value::as_str))
        .unwrap_or("the server gives no reason");
    one_line(words)
}

/// Why there is no answer.
pub fn unreachable(url: &str, timeout: Duration, error: &Error) -> Failure {
    let seconds = timeout.as_secs();
    Failure::Unreachable(match error {
        Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => format!(
            "{url} cannot be connected to in time: check the address (--api-url, ONECLAW_API_URL) and the network"
        ),
        Error::Timeout(_) => format!(
            "{url} did not answer within {seconds} s: try again, or give it longer with --timeout"
        ),
        Error::HostNotFound => {
            format!("there is no host of the name in {url}: check --api-url and ONECLAW_API_URL")
        }
        Error::ConnectionFailed => format!(
            "nothing listens at {url}: is the server running? Another is given with --api-url or ONECLAW_API_URL"
        ),
        Error::Io(io) if io.kind() == std::io::ErrorKind::ConnectionRefused => format!(
            "nothing listens at {url}: is the server running? Another is given with --api-url or ONECLAW_API_URL"
        ),
        Error::BodyExceedsLimit(_) => format!("the answer of {url} is too large"),
        Error::Tls(_) | Error::Rustls(_) => format!(
            "no secure connection to {url}: {}",
            one_line(&error.to_string())
        ),
        other => format!(
            "{url} broke off its answer ({}): try again",
            one_line(&other.to_string())
        ),
    })
}

/// The list in an answer; a bare one, too.
pub fn items<'a>(answer: &'a Value, name: &str) -> &'a [Value] {
    let list = answer.get(name).unwrap_or(answer);
    list.as_array().map_or(&[], Vec::as_slice)
}

/// A text of an answer; empty if there is none.
pub fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}
