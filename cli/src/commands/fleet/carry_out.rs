//! Carrying a plan out. Each step is a request of its own and can be done once only, so a run that broke off is finished by
//! planning and running again.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::current::{Current, guardrails_route};
use super::plan::{Change, Key, Principal, Step, fleet_principal};
use crate::client::{Client, items, segment, text};
use crate::commands::agent::batch::progress;
use crate::commands::agent::keys_file::KeysFile;
use crate::commands::agent::register;
use crate::context::Context;
use crate::failure::Failure;

/// Ids by name, as they become known.
struct Names {
    fleet: String,
    vaults: HashMap<String, String>,
    agents: HashMap<String, String>,
}

impl Names {
    fn vault(&self, name: &str) -> Result<&str, Failure> {
        let id = self.vaults.get(name).map(String::as_str);
        id.ok_or_else(|| Failure::local(format!("there is no vault `{name}`")))
    }

    fn principal(&self, principal: &Principal) -> Result<String, Failure> {
        match principal {
            Principal::Fleet => Ok(fleet_principal(&self.fleet)),
            Principal::Agent(name) => self
                .agents
                .get(name)
                .cloned()
                .ok_or_else(|| Failure::local(format!("there is no agent `{name}`"))),
        }
    }

    fn policies(&self, key: &Key) -> Result<String, Failure> {
        Ok(format!(
            "/v1/vaults/{}/policies",
            segment(self.vault(&key.vault)?)
        ))
    }

    /// Vaults by name become vaults by id.
    fn resolve(&self, fields: &mut Map<String, Value>) -> Result<(), Failure> {
        if let Some(names) = fields.remove("vaults") {
            let ids: Result<Vec<&str>, Failure> = items(&names, "")
                .iter()
                .filter_map(Value::as_str)
                .map(|name| self.vault(name))
                .collect();
            fields.insert("vault_ids".to_owned(), json!(ids?));
        }
        Ok(())
    }
}

/// Does every step, in order.
///
/// # Errors
/// One is refused or gets no answer; those before it are done.
pub fn carry_out(
    context: &Context,
    fleet: &str,
    current: &Current,
    steps: &[Step],
    keys: &mut KeysFile,
) -> Result<(), Failure> {
    let mut names = Names {
        fleet: fleet.to_owned(),
        vaults: current.vaults.clone(),
        agents: current
            .agents
            .iter()
            .map(|(name, agent)| (name.clone(), text(agent, "id").to_owned()))
            .collect(),
    };
    let client = context.client()?;
    let bar = progress(steps.len() as u64);
    let mut result = Ok(());
    let mut done = 0_usize;
    let mut rest = steps;
    while let Some(step) = rest.first() {
        let many = rest
            .iter()
            .take(register::AT_ONCE)
            .map_while(as_new_agent)
            .count();
        let (now, later) = rest.split_at(many.max(1));
        result = if many > 0 {
            create_agents(client, &mut names, now, keys)
        } else {
            do_step(client, &mut names, step, keys)
        };
        if result.is_err() {
            context.output.note(&format!(
                "{} of {} steps are done; running this again does the rest",
                done,
                steps.len()
            ));
            break;
        }
        done = done.saturating_add(now.len());
        bar.inc(now.len() as u64);
        rest = later;
    }
    bar.finish_and_clear();
    keys.finish()?;
    result
}

fn as_new_agent(step: &Step) -> Option<(&str, &Map<String, Value>)> {
    match step {
        Step::CreateAgent { name, fields } => Some((name, fields)),
        _ => None,
    }
}

fn create_agents(
    client: &Client,
    names: &mut Names,
    steps: &[Step],
    keys: &mut KeysFile,
) -> Result<(), Failure> {
    let mut bodies = Vec::with_capacity(steps.len());
    for (_, fields) in steps.iter().filter_map(as_new_agent) {
        let mut fields = fields.clone();
        names.resolve(&mut fields)?;
        bodies.push(fields);
    }
    let made = register::register(client, &bodies, Some(keys))?;
    for agent in &made {
        names
            .agents
            .insert(text(agent, "name").to_owned(), text(agent, "id").to_owned());
    }
    Ok(())
}

fn do_step(
    client: &Client,
    names: &mut Names,
    step: &Step,
    keys: &mut KeysFile,
) -> Result<(), Failure> {
    match step {
        Step::CreateVault { name, description } => {
            let body = json!({ "name": name, "description": description });
            let vault = client.post("/v1/vaults", &body)?;
            names
                .vaults
                .insert(name.clone(), text(&vault, "id").to_owned());
        }
        Step::SetGuardrails { to, .. } => {
            client.put(&guardrails_route(&names.fleet), &Value::Object(to.clone()))?;
        }
        // These are made many at a time, before this is called.
        Step::CreateAgent { .. } => {}
        Step::ChangeAgent { id, changes, .. } => {
            let mut fields = members(changes);
            names.resolve(&mut fields)?;
            client.patch(
                &format!("/v1/agents/{}", segment(id)),
                &Value::Object(fields),
            )?;
        }
        Step::CreatePolicy(policy) => {
            let body = json!({
                "secret_path_pattern": policy.key.path,
                "principal_type": "agent",
                "principal_id": names.principal(&policy.key.principal)?,
                "permissions": policy.permissions,
                "conditions": policy.conditions,
                "expires_at": policy.expires_at,
                "effect": policy.key.effect,
                "priority": policy.priority,
            });
            client.post(&names.policies(&policy.key)?, &body)?;
        }
        Step::ChangePolicy {
            id, key, changes, ..
        } => {
            let route = format!("{}/{}", names.policies(key)?, segment(id));
            client.put(&route, &Value::Object(members(changes)))?;
        }
        Step::DeletePolicy { id, key, .. } => {
            gone(client.delete(&format!("{}/{}", names.policies(key)?, segment(id))))?;
        }
        Step::Deactivate { id, .. } => {
            let body = json!({ "is_active": false });
            gone(client.patch(&format!("/v1/agents/{}", segment(id)), &body))?;
        }
        Step::NewKey { id, name } => {
            keys.begin(std::iter::once(name.as_str()))?;
            let answer = client.post_empty(&format!("/v1/agents/{}/rotate-key", segment(id)))?;
            let agent = json!({ "name": name, "id": id });
            keys.take(&[(&agent, text(&answer, "api_key"))])?;
        }
    }
    Ok(())
}

/// What somebody else removed in the meantime is as it is to be.
fn gone(result: Result<Value, Failure>) -> Result<(), Failure> {
    match result {
        Err(failure) if failure.status() == Some(404) => Ok(()),
        other => other.map(|_| ()),
    }
}

fn members(changes: &[Change]) -> Map<String, Value> {
    changes
        .iter()
        .map(|change| (change.field.clone(), change.to.clone()))
        .collect()
}
