//! From what is to a file that says so.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value, json};

use super::current::{attached, fleet_of, guardrails_route};
use super::file::{Audience, FLEET_LABEL, FleetFile, PolicyEntry, VaultEntry};
use super::plan::fleet_principal;
use super::plugins;
use crate::client::{items, segment, text};
use crate::commands::agent::list;
use crate::commands::agent::schema::{FIELDS, Kind};
use crate::commands::guardrails::in_force;
use crate::context::Context;
use crate::failure::Failure;

/// The file of a fleet: its active agents, or with `all` every one that belongs to no fleet, too.
///
/// # Errors
/// No answer, or a refusal.
pub fn export(context: &Context, fleet: &str, all: bool) -> Result<FleetFile, Failure> {
    let client = context.client()?;
    let list = client.get("/v1/vaults")?;
    let vault_names: HashMap<&str, &str> = items(&list, "vaults")
        .iter()
        .map(|vault| (text(vault, "id"), text(vault, "name")))
        .collect();
    let agents: Vec<Value> = list::agents(client, &[])?
        .into_iter()
        .filter(|agent| agent.get("is_active").and_then(Value::as_bool) != Some(false))
        .filter(|agent| fleet_of(agent) == fleet || (all && fleet_of(agent).is_empty()))
        .collect();
    let names: HashMap<&str, &str> = agents
        .iter()
        .map(|agent| (text(agent, "id"), text(agent, "name")))
        .collect();
    let guardrails = in_force(client, &guardrails_route(fleet))?;
    let mut file = FleetFile {
        fleet: fleet.to_owned(),
        guardrails: Some(guardrails).filter(|set| !set.is_empty()),
        ..FleetFile::default()
    };
    for vault in items(&list, "vaults") {
        let route = format!("/v1/vaults/{}/policies", segment(text(vault, "id")));
        let policies = match client.get(&route) {
            Ok(policies) => policies,
            // Seen, and not managed.
            Err(failure) if failure.status() == Some(403) => continue,
            Err(failure) => return Err(failure),
        };
        let entries = entries(
            fleet,
            text(vault, "name"),
            items(&policies, "policies"),
            &names,
        );
        let bound = agents.iter().any(|agent| {
            agent
                .get("vault_ids")
                .into_iter()
                .flat_map(|ids| items(ids, ""))
                .any(|id| id.as_str() == Some(text(vault, "id")))
        });
        if !entries.is_empty() || bound {
            let description =
                Some(text(vault, "description").to_owned()).filter(|text| !text.is_empty());
            file.vaults.push(VaultEntry {
                name: text(vault, "name").to_owned(),
                description,
            });
        }
        file.policies.extend(entries);
    }
    let attachments = match attached(client) {
        Ok(attachments) => attachments,
        // For those who may not manage plugins, a fleet is without them.
        Err(failure) if failure.status() == Some(403) => Vec::new(),
        Err(failure) => return Err(failure),
    };
    let entries: Vec<_> = attachments
        .iter()
        .filter_map(|attachment| plugins::entry(fleet, attachment, &vault_names, &names))
        .collect();
    file.plugins = Some(entries).filter(|entries| !entries.is_empty());
    file.agents = agents
        .iter()
        .map(|agent| entry(agent, &vault_names))
        .collect();
    Ok(file)
}

/// What is said of an agent: whatever is not as it is anyway.
fn entry(agent: &Value, vault_names: &HashMap<&str, &str>) -> Map<String, Value> {
    let mut entry = Map::new();
    for (name, kind) in FIELDS {
        let value = agent.get(*name).cloned().unwrap_or(Value::Null);
        match (*name, kind) {
            ("vault_ids", _) => {
                let ids = items(&value, "").iter().filter_map(Value::as_str);
                let names: Vec<&str> = ids
                    .map(|id| vault_names.get(id).copied().unwrap_or(id))
                    .collect();
                if !names.is_empty() {
                    entry.insert("vaults".to_owned(), json!(names));
                }
            }
            ("labels", _) => {
                let mut labels = value.as_object().cloned().unwrap_or_default();
                labels.remove(FLEET_LABEL);
                if !labels.is_empty() {
                    entry.insert("labels".to_owned(), Value::Object(labels));
                }
            }
            ("eip712_default_policy", _) if value == "deny" => {}
            ("intent_signature", _) if value == "off" => {}
            _ if is_nothing(*kind, &value) => {}
            _ => {
                entry.insert((*name).to_owned(), value);
            }
        }
    }
    entry
}

fn is_nothing(kind: Kind, value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(set) => kind == Kind::Flag && !set,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Number(_) => false,
    }
}

/// Policies that say the same of several agents become one entry.
fn entries(
    fleet: &str,
    vault: &str,
    policies: &[Value],
    names: &HashMap<&str, &str>,
) -> Vec<PolicyEntry> {
    let whole_fleet = fleet_principal(fleet);
    let mut entries: Vec<PolicyEntry> = Vec::new();
    let mut same: BTreeMap<String, usize> = BTreeMap::new();
    for policy in policies {
        let principal = text(policy, "principal_id");
        let audience = if principal == whole_fleet {
            Audience::Word("all".to_owned())
        } else {
            match names.get(principal) {
                Some(name) => Audience::Names(vec![(*name).to_owned()]),
                None => continue,
            }
        };
        let entry = PolicyEntry {
            vault: vault.to_owned(),
            path: text(policy, "secret_path_pattern").to_owned(),
            agents: audience,
            permissions: items(policy, "permissions")
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
            conditions: policy
                .get("conditions")
                .and_then(Value::as_object)
                .cloned()
                .unwrap_or_default(),
            expires_at: policy
                .get("expires_at")
                .and_then(Value::as_str)
                .map(str::to_owned),
            effect: text(policy, "effect").to_owned(),
            priority: policy.get("priority").and_then(Value::as_i64).unwrap_or(0),
        };
        let Audience::Names(name) = &entry.agents else {
            entries.push(entry);
            continue;
        };
        let mark = json!([
            entry.path,
            entry.permissions,
            entry.conditions,
            entry.expires_at,
            entry.effect,
            entry.priority
        ])
        .to_string();
        let known = same.get(&mark).and_then(|index| entries.get_mut(*index));
        match known.map(|known| &mut known.agents) {
            Some(Audience::Names(names)) => names.extend(name.iter().cloned()),
            _ => {
                same.insert(mark, entries.len());
                entries.push(entry);
            }
        }
    }
    entries
}
