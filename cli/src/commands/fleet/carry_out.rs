//! Carrying a plan out. What is made goes into requests of many, whatever else is done is a request of its own, and each can be
//! done once only: a run that broke off is finished by planning and running again.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::current::{Current, guardrails_route};
use super::plan::{Change, Key, Policy, Principal, Step, fleet_principal};
use super::plugins::scope_with_ids;
use crate::client::{Client, items, segment, text};
use crate::commands::agent::batch::progress;
use crate::commands::agent::keys_file::KeysFile;
use crate::commands::agent::register;
use crate::context::Context;
use crate::failure::Failure;

/// Most policies of one request.
const POLICIES_AT_ONCE: usize = 5000;

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
    while !rest.is_empty() {
        let (many, request) = together(rest, keys);
        let (now, later) = rest.split_at(many);
        result = do_together(client, &mut names, now, &request, keys);
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

fn as_new_agent(step: &Step) -> Option<&Map<String, Value>> {
    match step {
        Step::CreateAgent { fields, .. } => Some(fields),
        _ => None,
    }
}

fn as_new_policy(step: &Step) -> Option<&Policy> {
    match step {
        Step::CreatePolicy(policy) => Some(policy),
        _ => None,
    }
}

/// How many of these steps go into one request, from the first on, and its `Idempotency-Key`.
fn together(steps: &[Step], keys: &KeysFile) -> (usize, String) {
    let alike = |most: usize| {
        let first = steps.first().map(std::mem::discriminant);
        steps
            .iter()
            .take(most)
            .take_while(|step| Some(std::mem::discriminant(*step)) == first)
            .count()
    };
    match steps.first() {
        Some(Step::CreateAgent { .. }) => {
            register::next_batch(steps.iter().map_while(as_new_agent), Some(keys))
        }
        Some(Step::CreateVault { .. } | Step::NewKey { .. }) => {
            (alike(register::AT_ONCE), register::new_request())
        }
        Some(Step::CreatePolicy(_)) => (alike(POLICIES_AT_ONCE), register::new_request()),
        _ => (1, String::new()),
    }
}

fn do_together(
    client: &Client,
    names: &mut Names,
    steps: &[Step],
    request: &str,
    keys: &mut KeysFile,
) -> Result<(), Failure> {
    match steps.first() {
        Some(Step::CreateVault { .. }) => create_vaults(client, names, steps, request),
        Some(Step::CreateAgent { .. }) => create_agents(client, names, steps, request, keys),
        Some(Step::CreatePolicy(_)) => create_policies(client, names, steps, request),
        Some(Step::NewKey { .. }) => {
            let agents: Vec<Value> = steps
                .iter()
                .filter_map(|step| match step {
                    Step::NewKey { id, name } => Some(json!({ "id": id, "name": name })),
                    _ => None,
                })
                .collect();
            register::renew(client, &agents, keys)
        }
        Some(step) => do_step(client, names, step),
        None => Ok(()),
    }
}

fn create_vaults(
    client: &Client,
    names: &mut Names,
    steps: &[Step],
    request: &str,
) -> Result<(), Failure> {
    let bodies: Vec<Value> = steps
        .iter()
        .filter_map(|step| match step {
            Step::CreateVault { name, description } => {
                Some(json!({ "name": name, "description": description }))
            }
            _ => None,
        })
        .collect();
    let answer = register::provision(client, &json!({ "vaults": bodies }), request)?;
    for vault in items(&answer, "vaults") {
        names
            .vaults
            .insert(text(vault, "name").to_owned(), text(vault, "id").to_owned());
    }
    Ok(())
}

fn create_agents(
    client: &Client,
    names: &mut Names,
    steps: &[Step],
    request: &str,
    keys: &mut KeysFile,
) -> Result<(), Failure> {
    let mut bodies = Vec::with_capacity(steps.len());
    for fields in steps.iter().filter_map(as_new_agent) {
        let mut fields = fields.clone();
        names.resolve(&mut fields)?;
        bodies.push(fields);
    }
    let made = register::register(client, &bodies, request, Some(keys))?;
    for agent in &made {
        names
            .agents
            .insert(text(agent, "name").to_owned(), text(agent, "id").to_owned());
    }
    Ok(())
}

fn create_policies(
    client: &Client,
    names: &Names,
    steps: &[Step],
    request: &str,
) -> Result<(), Failure> {
    let mut bodies = Vec::with_capacity(steps.len());
    for policy in steps.iter().filter_map(as_new_policy) {
        bodies.push(json!({
            "vault": names.vault(&policy.key.vault)?,
            "secret_path_pattern": policy.key.path,
            "principal_type": "agent",
            "principal_id": names.principal(&policy.key.principal)?,
            "permissions": policy.permissions,
            "conditions": policy.conditions,
            "expires_at": policy.expires_at,
            "effect": policy.key.effect,
            "priority": policy.priority,
        }));
    }
    register::provision(client, &json!({ "policies": bodies }), request).map(|_| ())
}

fn do_step(client: &Client, names: &Names, step: &Step) -> Result<(), Failure> {
    match step {
        Step::SetGuardrails { to, .. } => {
            client.put(&guardrails_route(&names.fleet), &Value::Object(to.clone()))?;
        }
        // These are done many at a time, before this is called.
        Step::CreateVault { .. }
        | Step::CreateAgent { .. }
        | Step::CreatePolicy(_)
        | Step::NewKey { .. } => {}
        Step::ChangeAgent { id, changes, .. } => {
            let mut fields = members(changes);
            names.resolve(&mut fields)?;
            client.patch(
                &format!("/v1/agents/{}", segment(id)),
                &Value::Object(fields),
            )?;
        }
        Step::AttachPlugin { new, consent } => {
            let body = json!({
                "plugin": new.plugin,
                "version": new.version,
                "name": format!("{}/{}", names.fleet, new.name),
                "settings": new.settings,
                "scope": scope_with_ids(&new.scope, &names.vaults, &names.agents)?,
                "mode": new.mode,
                "canary_percent": new.canary_percent,
                "order": new.order,
                "consent": consent,
            });
            client.post("/v1/plugins/attachments", &body)?;
        }
        Step::ChangePlugin {
            id,
            changes,
            consent,
            ..
        } => {
            let mut fields = members(changes);
            if let Some(scope) = fields.get_mut("scope") {
                *scope = scope_with_ids(scope, &names.vaults, &names.agents)?;
            }
            fields.insert("consent".to_owned(), json!(consent));
            client.patch(&attachment(id), &Value::Object(fields))?;
        }
        Step::DetachPlugin { id, .. } => gone(client.delete(&attachment(id)))?,
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
    }
    Ok(())
}

fn attachment(id: &str) -> String {
    format!("/v1/plugins/attachments/{}", segment(id))
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
