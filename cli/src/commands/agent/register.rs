//! Agents registered many at a time, with one request.
//!
//! The keys of new agents are in the answer and nowhere else. A request carries an `Idempotency-Key`, which is in the file of
//! keys before the request is sent: sent again under the same key, it makes no second agent, whether the first answer was lost
//! on the way or with the command that waited for it. Keys that were in a lost answer are replaced by new ones.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hasher as _};
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::keys_file::KeysFile;
use crate::client::{Client, Method, items, text};
use crate::clock::now;
use crate::failure::Failure;

/// Most agents of one request.
pub const AT_ONCE: usize = 1000;

/// Most bytes of the agents of one request; the server takes 8 MiB.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// How often a request is sent whose answer does not arrive.
const TRIES: u64 = 3;

/// The fields of an agent that is to be registered.
pub type Body = Map<String, Value>;

/// A word that no other request has.
pub fn new_request() -> String {
    let random = std::hash::RandomState::new().build_hasher().finish();
    format!("1claw-{:x}-{random:x}", now().as_nanosecond())
}

/// How many of these go into one request, from the first on, and its `Idempotency-Key`. Those that were together in a request
/// that broke off are together in it again.
pub fn next_batch<'a>(
    bodies: impl Iterator<Item = &'a Body>,
    keys: Option<&KeysFile>,
) -> (usize, String) {
    let sent_in = |body: &Body| {
        keys.and_then(|keys| keys.request_of(name(body)))
            .map(str::to_owned)
    };
    let mut bodies = bodies.take(AT_ONCE).peekable();
    let before = bodies.peek().and_then(|body| sent_in(body));
    let mut bytes = 0_usize;
    let count = bodies
        .take_while(|body| {
            let is_first = bytes == 0;
            bytes = bytes.saturating_add(json!(body).to_string().len());
            is_first || (bytes <= MOST_BYTES && sent_in(body) == before)
        })
        .count();
    (count, before.unwrap_or_else(new_request))
}

/// Registers all of these or none, at most [`AT_ONCE`], and gives `name`, `id` and `api_key` of each. With a file, the keys
/// are on the disk when this returns.
///
/// # Errors
/// No answer, a refusal, or the file cannot be written.
pub fn register(
    client: &Client,
    bodies: &[Body],
    request: &str,
    mut keys: Option<&mut KeysFile>,
) -> Result<Vec<Value>, Failure> {
    if let Some(keys) = &mut keys {
        keys.begin(bodies.iter().map(name), request)?;
    }
    let answer = provision(client, &json!({ "agents": bodies }), request)
        .map_err(|failure| named(failure, bodies))?;
    let agents = items(&answer, "agents");
    let mut made: Vec<Value> = agents
        .iter()
        .map(|agent| {
            json!({
                "id": text(agent, "id"),
                "name": text(agent, "name"),
                "api_key": text(agent, "api_key"),
            })
        })
        .collect();
    if answer.get("replayed").and_then(Value::as_bool) == Some(true) {
        made = rotated(client, &made)?;
    }
    if let Some(keys) = keys {
        keep(keys, &made)?;
    }
    Ok(made)
}

/// Gives agents new keys whose first never arrived: of each `name` and `id`, at most [`AT_ONCE`].
///
/// # Errors
/// No answer, a refusal, or the file cannot be written.
pub fn renew(client: &Client, agents: &[Value], keys: &mut KeysFile) -> Result<(), Failure> {
    keys.begin(agents.iter().map(|agent| text(agent, "name")), "")?;
    let renewed = rotated(client, agents)?;
    keep(keys, &renewed)
}

/// Makes what a body of `POST /v1/agents/bulk` says, all of it or nothing, once: an answer that does not arrive is asked for
/// again.
///
/// # Errors
/// No answer, or a refusal.
pub fn provision(client: &Client, body: &Value, request: &str) -> Result<Value, Failure> {
    let headers = [("idempotency-key", request)];
    let mut tries = 1;
    loop {
        match client.send(Method::Post, "/v1/agents/bulk", Some(body), &headers) {
            Err(Failure::Unreachable(_)) if tries < TRIES => {
                std::thread::sleep(Duration::from_secs(tries));
                tries += 1;
            }
            other => return other,
        }
    }
}

fn name(body: &Body) -> &str {
    body.get("name").and_then(Value::as_str).unwrap_or_default()
}

fn keep(keys: &mut KeysFile, made: &[Value]) -> Result<(), Failure> {
    let arrived: Vec<(&Value, &str)> = made
        .iter()
        .map(|agent| (agent, text(agent, "api_key")))
        .collect();
    keys.take(&arrived)
}

fn rotated(client: &Client, agents: &[Value]) -> Result<Vec<Value>, Failure> {
    let ids: Vec<&str> = agents.iter().map(|agent| text(agent, "id")).collect();
    let answer = client.post("/v1/agents/batch-rotate-keys", &json!({ "agent_ids": ids }))?;
    let new: HashMap<&str, &str> = items(&answer, "keys")
        .iter()
        .map(|key| (text(key, "id"), text(key, "api_key")))
        .collect();
    agents
        .iter()
        .map(|agent| match new.get(text(agent, "id")) {
            Some(key) => Ok(json!({
                "id": text(agent, "id"),
                "name": text(agent, "name"),
                "api_key": key,
            })),
            None => Err(Failure::local(format!(
                "the key of agent `{}` was lost on the way, and it got no new one",
                text(agent, "name")
            ))),
        })
        .collect()
}

/// The server says which entry is at fault by its number; people know agents by their names.
fn named(mut failure: Failure, bodies: &[Body]) -> Failure {
    if let Failure::Refused(refusal) = &mut failure
        && let Some((number, rest)) = refusal
            .detail
            .strip_prefix("agents[")
            .and_then(|detail| detail.split_once(']'))
        && let Some(body) = number
            .parse::<usize>()
            .ok()
            .and_then(|number| bodies.get(number))
    {
        refusal.detail = format!(
            "agent `{}`: {}",
            name(body),
            rest.trim_start_matches(['.', ':', ' '])
        );
    }
    failure
}
