//! One request to one node. alloy's own HTTP transport reads bodies of any length and hides whether a request had been
//! written when it failed, so only its JSON-RPC words are used.

use alloy::primitives::Bytes;
use alloy::rpc::json_rpc::{Id, Request, Response, ResponsePayload};
use oneclaw_outbound::{NotPublic, Waits, root_cause};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, StatusCode};
use serde_json::Value;

use crate::error::{RpcError, tame_message};
use crate::spec::{ChainSpec, RpcUrl, SpecError};

/// Longest body that is read.
const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;

/// A failure, and whether the node may have got the request nevertheless.
#[derive(Debug)]
pub struct Failure {
    pub error: RpcError,
    pub written: bool,
}

/// No redirects, no proxy, no cookies, no compression, every wait bounded.
pub fn client(spec: &ChainSpec) -> Result<Client, SpecError> {
    let waits = Waits {
        connect: spec.timeouts.connect,
        request: spec.timeouts.request,
    };
    oneclaw_outbound::client(spec.reach(), waits)
        .map_err(|error| SpecError::Client(tame_message(&root_cause(&error).to_string())))
}

/// Asks one node, once.
pub async fn post(
    client: &Client,
    url: &RpcUrl,
    method: &'static str,
    params: &Value,
) -> Result<Value, Failure> {
    let id = Id::Number(1);
    let bad = |what: &str| Failure {
        error: RpcError::BadAnswer {
            method,
            what: what.to_owned(),
        },
        written: true,
    };
    let body = serde_json::to_vec(&Request::new(method, id.clone(), params))
        .map_err(|_| bad("nothing: the question cannot be written as JSON"))?;
    let mut response = client
        .post(url.reveal().clone())
        .header(CONTENT_TYPE, "application/json")
        .body(body)
        .send()
        .await
        .map_err(|error| failure(url, &error))?;
    if response.status() != StatusCode::OK {
        return Err(Failure {
            error: RpcError::Unreachable {
                host: url.host().to_owned(),
                what: format!("it answers with HTTP status {}", response.status().as_u16()),
            },
            written: true,
        });
    }
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| failure(url, &error))?
    {
        if body.len() + chunk.len() > MAX_BODY_BYTES {
            return Err(bad("more than 4 MiB"));
        }
        body.extend_from_slice(&chunk);
    }
    let response: Response =
        serde_json::from_slice(&body).map_err(|_| bad("something that is not JSON-RPC 2.0"))?;
    match response.payload {
        ResponsePayload::Success(_) if response.id != id => {
            Err(bad("the answer to another question"))
        }
        ResponsePayload::Success(raw) => {
            serde_json::from_str(raw.get()).map_err(|_| bad("JSON that is nested too deeply"))
        }
        ResponsePayload::Failure(said) => Err(Failure {
            error: RpcError::Node {
                code: said.code,
                message: tame_message(&said.message),
                data: said.data.and_then(|raw| revert_data(raw.get())),
            },
            written: true,
        }),
    }
}

/// What a contract reverted with: a hexadecimal string, or an object that has one as its `data`.
fn revert_data(raw: &str) -> Option<Bytes> {
    let value: Value = serde_json::from_str(raw).ok()?;
    let text = value.as_str().or_else(|| value.get("data")?.as_str())?;
    text.strip_prefix("0x")?;
    text.parse().ok()
}

fn failure(url: &RpcUrl, error: &reqwest::Error) -> Failure {
    let host = url.host().to_owned();
    let cause = root_cause(error);
    let written = !(error.is_connect() || error.is_builder());
    let error = if let Some(NotPublic(address)) = cause.downcast_ref() {
        RpcError::Forbidden {
            host,
            address: *address,
        }
    } else if error.is_timeout() {
        RpcError::Timeout { host }
    } else {
        RpcError::Unreachable {
            host,
            what: tame_message(&cause.to_string()),
        }
    };
    Failure { error, written }
}
