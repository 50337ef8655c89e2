//! A file that says what a fleet is to be.

use std::collections::HashSet;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::plugins::{self, PluginEntry};
use crate::commands::agent::schema::{self, Kind};
use crate::failure::Failure;

/// The label that says of an agent which fleet it belongs to.
pub const FLEET_LABEL: &str = "fleet";

/// The file, as it is written.
#[derive(Deserialize, Serialize, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct FleetFile {
    /// What the fleet is called. Agents of it have the label `fleet=<this>`.
    pub fleet: String,
    /// Vaults, by name. They are made, and never deleted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vaults: Vec<VaultEntry>,
    /// Guardrails that hold for every agent of the fleet, besides its own: the strictest counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guardrails: Option<Map<String, Value>>,
    /// Fields of every agent that does not say otherwise.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub defaults: Map<String, Value>,
    /// Agents, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub agents: Vec<Map<String, Value>>,
    /// Plugins that are asked about them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugins: Option<Vec<PluginEntry>>,
    /// What they may do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<PolicyEntry>,
}

/// A vault.
#[derive(Deserialize, Serialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct VaultEntry {
    /// No other vault may have it.
    pub name: String,
    /// For when the vault is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// Policies: one for each agent that is named, or one for all of a label.
#[derive(Deserialize, Serialize, Debug, Clone)]
#[serde(deny_unknown_fields)]
pub struct PolicyEntry {
    /// Name of the vault.
    pub vault: String,
    /// A pattern; `{agent-name}` stands for the name of the agent.
    pub path: String,
    /// `all`, or names of agents in this file.
    pub agents: Audience,
    /// `read`, `write`, `delete`, `rotate`.
    #[serde(default = "read_only")]
    pub permissions: Vec<String>,
    /// As in the API.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub conditions: Map<String, Value>,
    /// RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// `allow`, or `deny`.
    #[serde(default = "allow", skip_serializing_if = "is_allow")]
    pub effect: String,
    /// The highest that applies decides.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub priority: i64,
}

/// Whom a policy is for.
#[derive(Deserialize, Serialize, Debug, Clone)]
#[serde(untagged)]
pub enum Audience {
    /// `all`
    Word(String),
    /// Names.
    Names(Vec<String>),
}

fn read_only() -> Vec<String> {
    vec!["read".to_owned()]
}

fn allow() -> String {
    "allow".to_owned()
}

fn is_allow(effect: &str) -> bool {
    effect == "allow"
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_zero(priority: &i64) -> bool {
    *priority == 0
}

/// A fleet as it is to be, checked.
#[derive(Debug)]
pub struct Fleet {
    /// Its name.
    pub name: String,
    /// Vaults, by name.
    pub vaults: Vec<VaultEntry>,
    /// Guardrails of the whole fleet; `None`: the file does not speak of them.
    pub guardrails: Option<Map<String, Value>>,
    /// Agents: every field that is said, defaults included.
    pub agents: Vec<Map<String, Value>>,
    /// Plugins, as written; `None`: the file does not speak of them.
    pub plugins: Option<Vec<PluginEntry>>,
    /// Policies, as written.
    pub policies: Vec<PolicyEntry>,
}

/// Reads and checks a file; nothing is asked of the server.
///
/// # Errors
/// Says where it is wrong.
pub fn read(path: &Path) -> Result<Fleet, Failure> {
    let text = crate::input::read_file(path)?;
    let wrong = |what: String| Failure::Usage(format!("{}: {what}", path.display()));
    let file: FleetFile =
        serde_saphyr::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    check(file).map_err(wrong)
}

fn check(file: FleetFile) -> Result<Fleet, String> {
    if !is_label_word(&file.fleet) {
        return Err(format!(
            "fleet: `{}` is no name; it may have letters, digits, `-`, `_` and `.`",
            file.fleet
        ));
    }
    let defaults = fields(&file.defaults).map_err(|what| format!("defaults: {what}"))?;
    if defaults.contains_key("name") {
        return Err("defaults: agents have names of their own".to_owned());
    }
    let guardrails = match &file.guardrails {
        Some(given) => Some(guardrails(given).map_err(|what| format!("guardrails: {what}"))?),
        None => None,
    };
    let mut names = HashSet::new();
    let mut agents = Vec::with_capacity(file.agents.len());
    for (index, given) in file.agents.iter().enumerate() {
        let name = given
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let at = |what: &str| format!("agents[{index}] (`{name}`): {what}");
        if name.is_empty() {
            return Err(at("there is no name"));
        }
        if !names.insert(name.to_owned()) {
            return Err(at("the name stands there twice"));
        }
        let mut agent = defaults.clone();
        agent.extend(fields(given).map_err(|what| at(&what))?);
        let fleet = agent
            .get("labels")
            .and_then(|labels| labels.get(FLEET_LABEL));
        if fleet.is_some_and(|other| *other != json!(file.fleet)) {
            return Err(at("the label `fleet` is that of the file"));
        }
        agents.push(agent);
    }
    check_vaults(&file.vaults)?;
    check_policies(&file, &names)?;
    plugins::check(
        file.plugins.as_deref().unwrap_or_default(),
        &file.fleet,
        &names,
    )?;
    Ok(Fleet {
        name: file.fleet,
        guardrails,
        vaults: file.vaults,
        agents,
        plugins: file.plugins,
        policies: file.policies,
    })
}

fn check_vaults(vaults: &[VaultEntry]) -> Result<(), String> {
    let mut names = HashSet::new();
    for (index, vault) in vaults.iter().enumerate() {
        if vault.name.is_empty() {
            return Err(format!("vaults[{index}]: there is no name"));
        }
        if !names.insert(&vault.name) {
            return Err(format!(
                "vaults[{index}]: `{}` stands there twice",
                vault.name
            ));
        }
    }
    Ok(())
}

fn check_policies(file: &FleetFile, agents: &HashSet<String>) -> Result<(), String> {
    for (index, policy) in file.policies.iter().enumerate() {
        let at = |what: String| format!("policies[{index}] (`{}`): {what}", policy.path);
        match &policy.agents {
            Audience::Word(word) if word == "all" => {}
            Audience::Word(word) => {
                return Err(at(format!(
                    "agents: write `all` or a list of names, and not `{word}`"
                )));
            }
            Audience::Names(names) => {
                if let Some(name) = names.iter().find(|name| !agents.contains(*name)) {
                    return Err(at(format!("there is no agent `{name}` in this file")));
                }
                if names.is_empty() {
                    return Err(at("agents: the list is empty".to_owned()));
                }
            }
        }
        if !matches!(policy.effect.as_str(), "allow" | "deny") {
            return Err(at("effect: write allow or deny".to_owned()));
        }
        if policy.permissions.is_empty() {
            return Err(at("permissions: the list is empty".to_owned()));
        }
    }
    Ok(())
}

/// The fields of an agent, each as the API takes it.
fn fields(given: &Map<String, Value>) -> Result<Map<String, Value>, String> {
    let mut fields = Map::new();
    for (name, value) in given {
        // Files name vaults by name, the API by id.
        let kind = match name.as_str() {
            "vaults" => Kind::List,
            "vault_ids" => return Err("write `vaults`, with their names".to_owned()),
            _ => schema::kind(name).ok_or_else(|| format!("there is no field `{name}`"))?,
        };
        let value = field(kind, value).map_err(|what| format!("{name}: {what}"))?;
        fields.insert(name.clone(), value);
    }
    Ok(fields)
}

/// What fleets have in common of the fields of an agent.
fn guardrails(given: &Map<String, Value>) -> Result<Map<String, Value>, String> {
    let other = given.keys().find(|name| {
        !(name.starts_with("tx_") || matches!(name.as_str(), "per_chain_guardrails" | "guardrails"))
    });
    match other {
        Some(name) => Err(format!("`{name}` is none; write it under `defaults`")),
        None => fields(given),
    }
}

fn field(kind: Kind, value: &Value) -> Result<Value, String> {
    let fits = match kind {
        _ if value.is_null() => true,
        Kind::Text | Kind::Time => value.is_string(),
        Kind::Amount => match value {
            Value::String(_) => true,
            Value::Number(number) => {
                let text = number.to_string();
                // More digits than that a number in a file may have lost already.
                return if text.len() <= 15 && !text.contains('e') {
                    Ok(json!(text))
                } else {
                    Err("write so long a number in quotes".to_owned())
                };
            }
            _ => false,
        },
        Kind::Integer => value.is_i64(),
        Kind::Flag => value.is_boolean(),
        Kind::List => value
            .as_array()
            .is_some_and(|items| items.iter().all(Value::is_string)),
        Kind::Labels => value
            .as_object()
            .is_some_and(|items| items.values().all(Value::is_string)),
        Kind::Object => value.is_object() || value.is_array(),
    };
    if fits {
        return Ok(value.clone());
    }
    Err(match kind {
        Kind::Text => "must be text",
        Kind::Time => "must be a time, such as 2026-12-31T00:00:00Z",
        Kind::Amount => "must be an amount, such as \"0.05\"",
        Kind::Integer => "must be a whole number",
        Kind::Flag => "must be true or false",
        Kind::List => "must be a list of texts",
        Kind::Labels => "must be names and texts",
        Kind::Object => "must be an object",
    }
    .to_owned())
}

fn is_label_word(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}
