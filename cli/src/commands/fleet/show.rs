//! A plan, for people and for programs.

use serde_json::{Value, json};

use super::plan::{Change, Key, Principal, Step};
use super::plugins::Plugin;
use crate::output::{one_line, plain};

/// Names of one kind of step that are shown before the rest is counted.
const SHOWN: usize = 20;

fn marked(color: bool, code: &str, mark: char, text: &str) -> String {
    let text = one_line(text);
    if color {
        format!("  \u{1b}[{code}m{mark}\u{1b}[0m {text}\n")
    } else {
        format!("  {mark} {text}\n")
    }
}

fn policy(key: &Key) -> String {
    let whom = match &key.principal {
        Principal::Fleet => "all agents",
        Principal::Agent(name) => name,
    };
    let effect = if key.effect == "deny" { "deny " } else { "" };
    format!("policy {effect}{} in {} for {whom}", key.path, key.vault)
}

fn attachment(new: &Plugin) -> String {
    let name = if new.name == new.plugin {
        String::new()
    } else {
        format!("{}, ", new.name)
    };
    let mode = match (new.mode.as_str(), new.canary_percent) {
        ("canary", Some(share)) => format!("canary of {share} %"),
        (mode, _) => mode.to_owned(),
    };
    format!("plugin {name}{}@{} in {mode}", new.plugin, new.version)
}

fn changes(changes: &[Change]) -> String {
    let show = |value: &Value| match plain(value) {
        text if text.is_empty() => "nothing".to_owned(),
        text => text,
    };
    changes
        .iter()
        .map(|change| {
            let line = format!(
                "{}: {} -> {}",
                change.field,
                show(&change.from),
                show(&change.to)
            );
            format!("      {}\n", one_line(&line))
        })
        .collect()
}

/// What would be done, a line for each step, long runs of the same cut short.
pub fn text(steps: &[Step], color: bool) -> String {
    let mut out = String::new();
    let mut counted = [0_usize; KINDS.len()];
    for step in steps {
        let kind = kind(step);
        let Some(count) = counted.get_mut(kind) else {
            continue;
        };
        *count += 1;
        if *count > SHOWN {
            continue;
        }
        out.push_str(&match step {
            Step::CreateVault { name, .. } => marked(color, "32", '+', &format!("vault {name}")),
            Step::SetGuardrails { from, to } => {
                marked(color, "33", '~', "guardrails of all agents")
                    + &changes(&[Change {
                        field: "guardrails".to_owned(),
                        from: from.clone(),
                        to: Value::Object(to.clone()),
                    }])
            }
            Step::CreateAgent { name, .. } => marked(color, "32", '+', &format!("agent {name}")),
            Step::ChangeAgent {
                name,
                changes: list,
                ..
            } => marked(color, "33", '~', &format!("agent {name}")) + &changes(list),
            Step::AttachPlugin { new, .. } => marked(color, "32", '+', &attachment(new)),
            Step::ChangePlugin {
                name,
                changes: list,
                ..
            } => marked(color, "33", '~', &format!("plugin {name}")) + &changes(list),
            Step::CreatePolicy(new) => marked(
                color,
                "32",
                '+',
                &format!("{}: {}", policy(&new.key), new.permissions.join(", ")),
            ),
            Step::ChangePolicy {
                key, changes: list, ..
            } => marked(color, "33", '~', &policy(key)) + &changes(list),
            Step::DeletePolicy { key, .. } => marked(color, "31", '-', &policy(key)),
            Step::NewKey { name, .. } => marked(
                color,
                "33",
                '~',
                &format!("agent {name}: a new key, since its first never arrived"),
            ),
            Step::DetachPlugin { name, .. } => marked(
                color,
                "31",
                '-',
                &format!("plugin {name}, which is detached"),
            ),
            Step::Deactivate { name, .. } => marked(
                color,
                "31",
                '-',
                &format!("agent {name}, which is deactivated"),
            ),
        });
    }
    for (count, (_, _, many, what)) in counted.iter().zip(KINDS) {
        if let Some(more) = count.checked_sub(SHOWN).filter(|more| *more > 0) {
            out.push_str(&format!("    and {more} more {many} {what}\n"));
        }
    }
    if !steps.is_empty() {
        out.push('\n');
    }
    out.push_str(&format!("{}\n", summary(steps)));
    out
}

/// The kinds of steps: the word for programs, what is counted, one and many, and what is done with it.
const KINDS: [(&str, &str, &str, &str); 12] = [
    ("create-vault", "vault", "vaults", "to make"),
    ("set-guardrails", "set", "sets", "of guardrails to change"),
    ("create-agent", "agent", "agents", "to register"),
    ("change-agent", "agent", "agents", "to change"),
    ("attach-plugin", "plugin", "plugins", "to attach"),
    ("change-plugin", "plugin", "plugins", "to change"),
    ("create-policy", "policy", "policies", "to make"),
    ("change-policy", "policy", "policies", "to change"),
    ("delete-policy", "policy", "policies", "to delete"),
    ("new-key", "key", "keys", "to renew"),
    ("detach-plugin", "plugin", "plugins", "to detach"),
    ("deactivate-agent", "agent", "agents", "to deactivate"),
];

fn kind(step: &Step) -> usize {
    match step {
        Step::CreateVault { .. } => 0,
        Step::SetGuardrails { .. } => 1,
        Step::CreateAgent { .. } => 2,
        Step::ChangeAgent { .. } => 3,
        Step::AttachPlugin { .. } => 4,
        Step::ChangePlugin { .. } => 5,
        Step::CreatePolicy(_) => 6,
        Step::ChangePolicy { .. } => 7,
        Step::DeletePolicy { .. } => 8,
        Step::NewKey { .. } => 9,
        Step::DetachPlugin { .. } => 10,
        Step::Deactivate { .. } => 11,
    }
}

/// How much there is to do.
pub fn summary(steps: &[Step]) -> String {
    let parts: Vec<String> = KINDS
        .iter()
        .enumerate()
        .filter_map(|(index, (_, one, many, what))| {
            let count = steps.iter().filter(|step| kind(step) == index).count();
            match count {
                0 => None,
                1 => Some(format!("1 {one} {what}")),
                _ => Some(format!("{count} {many} {what}")),
            }
        })
        .collect();
    if parts.is_empty() {
        "everything is as the file says".to_owned()
    } else {
        format!("Plan: {}", parts.join(", "))
    }
}

/// The steps as JSON.
pub fn json(steps: &[Step]) -> Value {
    let whom = |key: &Key| match &key.principal {
        Principal::Fleet => json!("all"),
        Principal::Agent(name) => json!(name),
    };
    let of = |key: &Key| json!({ "vault": key.vault, "path": key.path, "agents": whom(key), "effect": key.effect });
    let list = |changes: &[Change]| {
        changes
            .iter()
            .map(|change| json!({ "field": change.field, "from": change.from, "to": change.to }))
            .collect::<Vec<_>>()
    };
    steps
        .iter()
        .map(|step| {
            let action = KINDS.get(kind(step)).map_or("", |(word, ..)| word);
            match step {
                Step::CreateVault { name, .. } | Step::CreateAgent { name, .. } => {
                    json!({ "action": action, "name": name })
                }
                Step::SetGuardrails { from, to } => json!({ "action": action, "from": from, "to": to }),
                Step::AttachPlugin { new, .. } => json!({
                    "action": action,
                    "name": new.name,
                    "plugin": new.plugin,
                    "version": new.version,
                    "mode": new.mode,
                    "scope": new.scope,
                }),
                Step::ChangeAgent { id, name, changes }
                | Step::ChangePlugin { id, name, changes, .. } => {
                    json!({ "action": action, "id": id, "name": name, "changes": list(changes) })
                }
                Step::CreatePolicy(new) => {
                    json!({ "action": action, "policy": of(&new.key), "permissions": new.permissions })
                }
                Step::ChangePolicy { id, key, changes, .. } => {
                    json!({ "action": action, "id": id, "policy": of(key), "changes": list(changes) })
                }
                Step::DeletePolicy { id, key, .. } => json!({ "action": action, "id": id, "policy": of(key) }),
                Step::NewKey { id, name }
                | Step::DetachPlugin { id, name }
                | Step::Deactivate { id, name } => json!({ "action": action, "id": id, "name": name }),
            }
        })
        .collect()
}
