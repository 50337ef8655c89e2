//! Agents registered many at a time.

use serde_json::{Map, Value, json};

use super::keys_file::KeysFile;
use crate::client::{Client, text};
use crate::failure::Failure;

/// Agents that are registered before their keys are kept. One: if the next is refused, no key of those before it is lost.
pub const AT_ONCE: usize = 1;

/// Registers all of these or none, at most [`AT_ONCE`], and gives `name`, `id` and `api_key` of each. With a file, the keys
/// are on their way to the disk when this returns.
///
/// # Errors
/// No answer, a refusal, or the file cannot be written.
pub fn register(
    client: &Client,
    bodies: &[Map<String, Value>],
    mut keys: Option<&mut KeysFile>,
) -> Result<Vec<Value>, Failure> {
    if let Some(keys) = &mut keys {
        let names = bodies
            .iter()
            .filter_map(|body| body.get("name").and_then(Value::as_str));
        keys.begin(names)?;
    }
    let made = many(client, bodies)?;
    if let Some(keys) = keys {
        let arrived: Vec<(&Value, &str)> = made
            .iter()
            .map(|agent| (agent, text(agent, "api_key")))
            .collect();
        keys.take(&arrived)?;
    }
    Ok(made)
}

fn many(client: &Client, bodies: &[Map<String, Value>]) -> Result<Vec<Value>, Failure> {
    let mut made = Vec::with_capacity(bodies.len());
    for body in bodies {
        let answer = client.post("/v1/agents", &Value::Object(body.clone()))?;
        let agent = answer.get("agent").unwrap_or(&answer);
        made.push(json!({
            "id": text(agent, "id"),
            "name": text(agent, "name"),
            "api_key": text(&answer, "api_key"),
        }));
    }
    Ok(made)
}
