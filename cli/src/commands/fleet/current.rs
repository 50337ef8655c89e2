//! A fleet as it is.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::file::{FLEET_LABEL, Fleet};
use crate::client::{Client, items, segment, text};
use crate::commands::agent::list;
use crate::commands::guardrails::in_force;
use crate::context::Context;
use crate::failure::Failure;

/// What the server has.
pub struct Current {
    /// Ids of the vaults that the file names, by name.
    pub vaults: HashMap<String, String>,
    /// Names of all vaults that may be seen, by id.
    pub vault_names: HashMap<String, String>,
    /// Agents of the fleet, and agents that have the name of one of the file's and belong to no fleet; by name.
    pub agents: HashMap<String, Value>,
    /// Active agents of the fleet that the file does not name.
    pub others: Vec<Value>,
    /// Guardrails of the whole fleet; `{}` for none.
    pub guardrails: Value,
    /// Plugins that are attached, if the file speaks of plugins.
    pub attachments: Vec<Value>,
    /// Versions of plugins that were uploaded, if the file speaks of plugins.
    pub versions: Vec<Value>,
    /// Policies of the vaults that the file names, by name of the vault.
    pub policies: Vec<(String, Value)>,
}

/// The fleet that an agent belongs to; empty if to none.
pub fn fleet_of(agent: &Value) -> &str {
    agent
        .get("labels")
        .map(|labels| text(labels, FLEET_LABEL))
        .unwrap_or_default()
}

/// Asks the server for whatever the file is about.
///
/// # Errors
/// No answer, a refusal, or a name that is not the only one.
pub fn read(context: &Context, fleet: &Fleet) -> Result<Current, Failure> {
    let client = context.client()?;
    let list = client.get("/v1/vaults")?;
    let seen = items(&list, "vaults");
    let vault_names = seen
        .iter()
        .map(|vault| (text(vault, "id").to_owned(), text(vault, "name").to_owned()))
        .collect();
    let mut vaults = HashMap::new();
    for name in named_vaults(fleet) {
        let found: Vec<&Value> = seen
            .iter()
            .filter(|vault| text(vault, "name") == name)
            .collect();
        match found.as_slice() {
            [] => {}
            [vault] => {
                vaults.insert(name.to_owned(), text(vault, "id").to_owned());
            }
            _ => return Err(twice("vaults", name, &found)),
        }
    }
    let mut policies = Vec::new();
    for (name, id) in &vaults {
        let list = client.get(&format!("/v1/vaults/{}/policies", segment(id)))?;
        policies.extend(
            items(&list, "policies")
                .iter()
                .map(|policy| (name.clone(), policy.clone())),
        );
    }
    let guardrails = if fleet.guardrails.is_some() {
        Value::Object(in_force(client, &guardrails_route(&fleet.name))?)
    } else {
        json!({})
    };
    let (attachments, versions) = if fleet.plugins.is_some() {
        (attached(client)?, uploaded(client)?)
    } else {
        (Vec::new(), Vec::new())
    };
    let (agents, others) = sorted(fleet, list::agents(client, &[])?)?;
    Ok(Current {
        vaults,
        vault_names,
        agents,
        others,
        guardrails,
        attachments,
        versions,
        policies,
    })
}

/// Plugins that are attached.
///
/// # Errors
/// No answer, or a refusal.
pub fn attached(client: &Client) -> Result<Vec<Value>, Failure> {
    let list = client.get("/v1/plugins/attachments")?;
    Ok(items(&list, "attachments")
        .iter()
        .filter(|one| one.get("attached").and_then(Value::as_bool) == Some(true))
        .cloned()
        .collect())
}

fn uploaded(client: &Client) -> Result<Vec<Value>, Failure> {
    let list = client.get("/v1/plugins")?;
    Ok(items(&list, "plugins")
        .iter()
        .flat_map(|plugin| items(plugin, "versions"))
        .cloned()
        .collect())
}

/// The route of the guardrails of a fleet.
pub fn guardrails_route(fleet: &str) -> String {
    format!("/v1/org/guardrails/labels/{FLEET_LABEL}/{}", segment(fleet))
}

/// Names of vaults that the file makes or mentions.
fn named_vaults(fleet: &Fleet) -> Vec<&str> {
    let mut names: Vec<&str> = fleet
        .vaults
        .iter()
        .map(|vault| vault.name.as_str())
        .collect();
    names.extend(fleet.policies.iter().map(|policy| policy.vault.as_str()));
    names.extend(
        fleet
            .plugins
            .iter()
            .flatten()
            .flat_map(|plugin| plugin.scope.vaults.iter().map(String::as_str)),
    );
    for agent in &fleet.agents {
        names.extend(
            agent
                .get("vaults")
                .into_iter()
                .flat_map(|list| items(list, ""))
                .filter_map(Value::as_str),
        );
    }
    names.sort_unstable();
    names.dedup();
    names
}

type Sorted = (HashMap<String, Value>, Vec<Value>);

/// Those that the file is about, and those that it is not about any more.
fn sorted(fleet: &Fleet, all: Vec<Value>) -> Result<Sorted, Failure> {
    let mut ours: HashMap<String, Vec<Value>> = HashMap::new();
    let mut free: HashMap<String, Vec<Value>> = HashMap::new();
    for agent in all {
        let name = text(&agent, "name").to_owned();
        match fleet_of(&agent) {
            of if of == fleet.name => ours.entry(name).or_default().push(agent),
            "" => free.entry(name).or_default().push(agent),
            _ => {}
        }
    }
    let mut agents = HashMap::new();
    for wanted in &fleet.agents {
        let name = wanted
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let mut found = ours
            .remove(name)
            .or_else(|| free.remove(name))
            .unwrap_or_default();
        if found.len() > 1 {
            return Err(twice("agents", name, &found.iter().collect::<Vec<_>>()));
        }
        if let Some(agent) = found.pop() {
            agents.insert(name.to_owned(), agent);
        }
    }
    let mut others: Vec<Value> = ours
        .into_values()
        .flatten()
        .filter(|agent| agent.get("is_active").and_then(Value::as_bool) != Some(false))
        .collect();
    others.sort_by(|a, b| text(a, "name").cmp(text(b, "name")));
    Ok((agents, others))
}

fn twice(what: &str, name: &str, found: &[&Value]) -> Failure {
    let ids: Vec<&str> = found.iter().take(5).map(|one| text(one, "id")).collect();
    Failure::hinted(
        format!(
            "{} {what} have the name `{name}`, so the file does not say which is meant",
            found.len()
        ),
        format!("rename all but one of them ({})", ids.join(", ")),
    )
}
