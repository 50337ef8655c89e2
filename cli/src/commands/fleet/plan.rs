//! From what is to be and what is to what has to be done.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::current::{Current, fleet_of};
use super::file::{Audience, FLEET_LABEL, Fleet, PolicyEntry};
use super::plugins::{self, Plugin};
use crate::client::{items, text};
use crate::commands::agent::schema::{self, Kind};
use crate::failure::Failure;

/// One thing that has to be done.
#[derive(Debug, PartialEq)]
pub enum Step {
    /// Make a vault.
    CreateVault {
        name: String,
        description: Option<String>,
    },
    /// Set the guardrails of the whole fleet.
    SetGuardrails { from: Value, to: Map<String, Value> },
    /// Register an agent.
    CreateAgent {
        name: String,
        fields: Map<String, Value>,
    },
    /// Change an agent.
    ChangeAgent {
        id: String,
        name: String,
        changes: Vec<Change>,
    },
    /// Attach a plugin.
    AttachPlugin { new: Box<Plugin>, consent: bool },
    /// Change how a plugin is attached.
    ChangePlugin {
        id: String,
        name: String,
        changes: Vec<Change>,
        consent: bool,
    },
    /// Make a policy.
    CreatePolicy(Box<Policy>),
    /// Change a policy.
    ChangePolicy {
        vault: String,
        id: String,
        key: Key,
        changes: Vec<Change>,
    },
    /// Delete a policy.
    DeletePolicy { vault: String, id: String, key: Key },
    /// Give an agent a new key, because the first was lost in a crash.
    NewKey { id: String, name: String },
    /// Detach a plugin that is not in the file any more.
    DetachPlugin { id: String, name: String },
    /// Deactivate an agent that is not in the file any more.
    Deactivate { id: String, name: String },
}

/// A field that is to be different.
#[derive(Debug, PartialEq)]
pub struct Change {
    /// Its name.
    pub field: String,
    /// What it is.
    pub from: Value,
    /// What it is to be.
    pub to: Value,
}

/// Whom a policy is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Principal {
    /// Every agent of the fleet.
    Fleet,
    /// One, by name.
    Agent(String),
}

/// What tells policies apart: of each there is one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// Name of the vault.
    pub vault: String,
    /// The pattern.
    pub path: String,
    /// Whom it is for.
    pub principal: Principal,
    /// `allow`, or `deny`.
    pub effect: String,
}

/// A policy as it is to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// What tells it apart.
    pub key: Key,
    /// Sorted.
    pub permissions: Vec<String>,
    /// As in the API.
    pub conditions: Map<String, Value>,
    /// RFC 3339.
    pub expires_at: Option<String>,
    /// The highest that applies decides.
    pub priority: i64,
}

/// The steps, in the order in which they are done. None: everything is as the file says.
///
/// # Errors
/// The file says something twice, or names a vault that neither is nor is made.
pub fn plan(fleet: &Fleet, current: &Current) -> Result<Vec<Step>, Failure> {
    let mut steps = Vec::new();
    for vault in &fleet.vaults {
        if !current.vaults.contains_key(&vault.name) {
            steps.push(Step::CreateVault {
                name: vault.name.clone(),
                description: vault.description.clone(),
            });
        }
    }
    if let Some(wanted) = &fleet.guardrails {
        let to = comparable_fields(wanted);
        let from = current
            .guardrails
            .as_object()
            .map(comparable_fields)
            .unwrap_or_default();
        if from != to {
            steps.push(Step::SetGuardrails {
                from: current.guardrails.clone(),
                to: wanted.clone(),
            });
        }
    }
    for wanted in &fleet.agents {
        known_vaults(fleet, current, wanted.get("vaults"))?;
        steps.extend(agent_step(fleet, current, wanted));
    }
    // Before the policies: what is to be refused is refused before it is allowed.
    let (plugins, detached) = plugins::steps(fleet, current)?;
    steps.extend(plugins);
    steps.extend(policy_steps(fleet, current)?);
    steps.extend(detached);
    for other in &current.others {
        steps.push(Step::Deactivate {
            id: text(other, "id").to_owned(),
            name: text(other, "name").to_owned(),
        });
    }
    Ok(steps)
}

fn known_vaults(fleet: &Fleet, current: &Current, named: Option<&Value>) -> Result<(), Failure> {
    let names = named
        .into_iter()
        .flat_map(|list| items(list, ""))
        .filter_map(Value::as_str);
    for name in names {
        known_vault(fleet, current, name)?;
    }
    Ok(())
}

/// Whether there is a vault of the name, or will be.
///
/// # Errors
/// There is none.
pub fn known_vault(fleet: &Fleet, current: &Current, name: &str) -> Result<(), Failure> {
    let is_known =
        current.vaults.contains_key(name) || fleet.vaults.iter().any(|vault| vault.name == name);
    if is_known {
        return Ok(());
    }
    Err(Failure::hinted(
        format!("there is no vault `{name}`"),
        "name it under `vaults`, and it is made",
    ))
}

fn agent_step(fleet: &Fleet, current: &Current, wanted: &Map<String, Value>) -> Option<Step> {
    let name = wanted
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let Some(is) = current.agents.get(&name) else {
        let mut fields = wanted.clone();
        fields.insert("labels".to_owned(), with_fleet(fleet, wanted.get("labels")));
        return Some(Step::CreateAgent { name, fields });
    };
    let mut changes = Vec::new();
    let mut compare = |field: &str, kind: Kind, from: Value, to: Value| {
        if comparable(kind, &from) != comparable(kind, &to) {
            changes.push(Change {
                field: field.to_owned(),
                from,
                to,
            });
        }
    };
    for (field, to) in wanted {
        match field.as_str() {
            "name" | "labels" => {}
            "vaults" => {
                let ids = is
                    .get("vault_ids")
                    .into_iter()
                    .flat_map(|list| items(list, ""));
                let names = ids.filter_map(Value::as_str).map(|id| {
                    current
                        .vault_names
                        .get(id)
                        .cloned()
                        .unwrap_or_else(|| id.to_owned())
                });
                compare(
                    "vaults",
                    Kind::List,
                    json!(names.collect::<Vec<_>>()),
                    to.clone(),
                );
            }
            _ => {
                let from = is.get(field).cloned().unwrap_or(Value::Null);
                compare(
                    field,
                    schema::kind(field).unwrap_or(Kind::Object),
                    from,
                    to.clone(),
                );
            }
        }
    }
    let labels = is.get("labels").cloned().unwrap_or_else(|| json!({}));
    // Labels that the file does not speak of stay.
    let wanted_labels = with_fleet(fleet, wanted.get("labels").or(Some(&labels)));
    compare("labels", Kind::Labels, labels.clone(), wanted_labels);
    if is.get("is_active").and_then(Value::as_bool) == Some(false) {
        compare("is_active", Kind::Flag, json!(false), json!(true));
    }
    if changes.is_empty() {
        return None;
    }
    Some(Step::ChangeAgent {
        id: text(is, "id").to_owned(),
        name,
        changes,
    })
}

fn with_fleet(fleet: &Fleet, labels: Option<&Value>) -> Value {
    let mut labels = labels
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    labels.insert(FLEET_LABEL.to_owned(), json!(fleet.name));
    Value::Object(labels)
}

/// Fields that say something, in a form in which they can be compared.
fn comparable_fields(fields: &Map<String, Value>) -> Map<String, Value> {
    fields
        .iter()
        .filter(|(_, value)| !value.is_null() && **value != json!([]))
        .map(|(name, value)| {
            let kind = schema::kind(name).unwrap_or(Kind::Object);
            (name.clone(), comparable(kind, value))
        })
        .collect()
}

/// A form in which two values that mean the same are the same.
fn comparable(kind: Kind, value: &Value) -> Value {
    match (kind, value) {
        (Kind::List, Value::Array(items)) => {
            let mut items: Vec<String> = items
                .iter()
                .filter_map(Value::as_str)
                .map(|item| {
                    if item.starts_with("0x") {
                        item.to_ascii_lowercase()
                    } else {
                        item.to_owned()
                    }
                })
                .collect();
            items.sort_unstable();
            items.dedup();
            json!(items)
        }
        (Kind::List, Value::Null) => json!([]),
        (Kind::Labels | Kind::Object, Value::Null) => json!({}),
        (Kind::Flag, Value::Null) => json!(false),
        (Kind::Text, Value::Null) => json!(""),
        (Kind::Amount, Value::String(amount)) if amount.contains('.') => {
            json!(amount.trim_end_matches('0').trim_end_matches('.'))
        }
        (Kind::Time, Value::String(time)) => match time.parse::<Timestamp>() {
            Ok(time) => json!(time.as_millisecond()),
            Err(_) => value.clone(),
        },
        _ => value.clone(),
    }
}

/// Policies are compared as far as they are the fleet's: of its agents in the file, in the vaults of the file.
fn policy_steps(fleet: &Fleet, current: &Current) -> Result<Vec<Step>, Failure> {
    let mut is: HashMap<Key, Vec<&Value>> = HashMap::new();
    let names: HashMap<&str, &str> = current
        .agents
        .iter()
        .filter(|(_, agent)| fleet_of(agent) == fleet.name)
        .map(|(name, agent)| (text(agent, "id"), name.as_str()))
        .collect();
    let whole_fleet = fleet_principal(&fleet.name);
    for (vault, policy) in &current.policies {
        let principal = match text(policy, "principal_id") {
            _ if text(policy, "principal_type") != "agent" => continue,
            id if id == whole_fleet => Principal::Fleet,
            id => match names.get(id) {
                Some(name) => Principal::Agent((*name).to_owned()),
                None => continue,
            },
        };
        let key = Key {
            vault: vault.clone(),
            path: text(policy, "secret_path_pattern").to_owned(),
            principal,
            effect: text(policy, "effect").to_owned(),
        };
        is.entry(key).or_default().push(policy);
    }
    let mut made = Vec::new();
    let mut changed = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for wanted in fleet.policies.iter().flat_map(expanded) {
        known_vault(fleet, current, &wanted.key.vault)?;
        if !seen.insert(wanted.key.clone()) {
            return Err(Failure::Usage(format!(
                "the file has two policies for `{}` in `{}` for the same agents; make one of them",
                wanted.key.path, wanted.key.vault
            )));
        }
        match is
            .get_mut(&wanted.key)
            .and_then(|found| (!found.is_empty()).then(|| found.remove(0)))
        {
            None => made.push(Step::CreatePolicy(Box::new(wanted))),
            Some(found) => {
                let changes = policy_changes(&wanted, found);
                if !changes.is_empty() {
                    changed.push(Step::ChangePolicy {
                        vault: wanted.key.vault.clone(),
                        id: text(found, "id").to_owned(),
                        key: wanted.key,
                        changes,
                    });
                }
            }
        }
    }
    let mut left: Vec<(Key, &Value)> = is
        .into_iter()
        .flat_map(|(key, found)| found.into_iter().map(move |policy| (key.clone(), policy)))
        .collect();
    left.sort_by(|(a, x), (b, y)| a.cmp(b).then_with(|| text(x, "id").cmp(text(y, "id"))));
    let deleted = left.into_iter().map(|(key, policy)| Step::DeletePolicy {
        vault: key.vault.clone(),
        id: text(policy, "id").to_owned(),
        key,
    });
    Ok(made.into_iter().chain(changed).chain(deleted).collect())
}

/// How the API names all agents of a fleet.
pub fn fleet_principal(fleet: &str) -> String {
    format!("label:{FLEET_LABEL}={fleet}")
}

/// One policy for all, or one for each.
fn expanded(entry: &PolicyEntry) -> Vec<Policy> {
    let policy = |principal: Principal, path: String| {
        let mut permissions = entry.permissions.clone();
        permissions.sort_unstable();
        permissions.dedup();
        Policy {
            key: Key {
                vault: entry.vault.clone(),
                path,
                principal,
                effect: entry.effect.clone(),
            },
            permissions,
            conditions: entry.conditions.clone(),
            expires_at: entry.expires_at.clone(),
            priority: entry.priority,
        }
    };
    match &entry.agents {
        // The server puts the name of each agent in.
        Audience::Word(_) => vec![policy(Principal::Fleet, entry.path.clone())],
        Audience::Names(names) => names
            .iter()
            .map(|name| {
                policy(
                    Principal::Agent(name.clone()),
                    entry.path.replace("{agent-name}", name),
                )
            })
            .collect(),
    }
}

fn policy_changes(wanted: &Policy, is: &Value) -> Vec<Change> {
    let fields = [
        ("permissions", Kind::List, json!(wanted.permissions)),
        (
            "conditions",
            Kind::Object,
            Value::Object(wanted.conditions.clone()),
        ),
        ("expires_at", Kind::Time, json!(wanted.expires_at)),
        ("priority", Kind::Integer, json!(wanted.priority)),
    ];
    fields
        .into_iter()
        .filter_map(|(field, kind, to)| {
            let from = is.get(field).cloned().unwrap_or(Value::Null);
            let differs = comparable(kind, &from) != comparable(kind, &to);
            differs.then(|| Change {
                field: field.to_owned(),
                from,
                to,
            })
        })
        .collect()
}
