//! Plugins of a fleet: what a file says of them, what is attached, and what has to be done about the difference.
//!
//! Plugins are attached to an organisation. Those of a fleet have its name and a slash before theirs, and are asked about its
//! agents alone.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::current::Current;
use super::file::{FLEET_LABEL, Fleet};
use super::plan::{Change, Step, known_vault};
use crate::client::{items, text};
use crate::failure::Failure;

/// A plugin that is attached for the agents of the fleet.
#[derive(Deserialize, Serialize, Debug, Clone)]
#[serde(deny_unknown_fields)]
pub struct PluginEntry {
    /// `name@version`, or the SHA-256 of a component. It has to be uploaded before.
    pub plugin: String,
    /// What tells it apart in the fleet; the name of the plugin otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What the plugin takes.
    #[serde(default = "no_settings", skip_serializing_if = "is_no_settings")]
    pub settings: Value,
    /// What of the fleet it is asked about; everything unless given.
    #[serde(default, skip_serializing_if = "ScopeEntry::is_empty")]
    pub scope: ScopeEntry,
    /// `shadow`, `canary` or `enforce`.
    #[serde(default = "shadow")]
    pub mode: String,
    /// 1 to 100, in mode `canary`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary_percent: Option<i64>,
    /// Lower ones are asked first.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub order: i64,
    /// Another version may be given what the one before it was not given.
    #[serde(default, skip_serializing_if = "is_false")]
    pub consent: bool,
}

/// What a plugin is asked about. Vaults and agents by name.
#[derive(Deserialize, Serialize, Debug, Clone, Default, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct ScopeEntry {
    /// Secrets in these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub vaults: Vec<String>,
    /// Secrets at paths that fit one of these patterns.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// What is signed for these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub chains: Vec<String>,
    /// These agents.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub agents: Vec<String>,
    /// Agents that have these labels, too.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

impl ScopeEntry {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn no_settings() -> Value {
    json!({})
}

fn is_no_settings(settings: &Value) -> bool {
    *settings == no_settings()
}

fn shadow() -> String {
    "shadow".to_owned()
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_zero(order: &i64) -> bool {
    *order == 0
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_false(set: &bool) -> bool {
    !set
}

/// A plugin as it is to be attached.
#[derive(Debug, PartialEq)]
pub struct Plugin {
    /// What tells it apart in the fleet.
    pub name: String,
    /// Name of the plugin.
    pub plugin: String,
    /// Its version.
    pub version: String,
    /// What it takes.
    pub settings: Value,
    /// As in the API, with names in the place of ids.
    pub scope: Value,
    /// `shadow`, `canary` or `enforce`.
    pub mode: String,
    /// In mode `canary`.
    pub canary_percent: Option<i64>,
    /// Lower ones are asked first.
    pub order: i64,
}

enum Reference<'a> {
    Version(&'a str, &'a str),
    Digest(&'a str),
}

impl PluginEntry {
    fn reference(&self) -> Option<Reference<'_>> {
        if let Some((name, version)) = self.plugin.split_once('@') {
            return (!name.is_empty() && !version.is_empty())
                .then_some(Reference::Version(name, version));
        }
        let is_digest =
            self.plugin.len() == 64 && self.plugin.bytes().all(|b| b.is_ascii_hexdigit());
        is_digest.then_some(Reference::Digest(&self.plugin))
    }

    /// What tells it apart in the fleet.
    fn name(&self) -> Option<&str> {
        match (&self.name, self.reference()?) {
            (Some(name), _) => Some(name),
            (None, Reference::Version(name, _)) => Some(name),
            (None, Reference::Digest(_)) => None,
        }
    }
}

/// What is wrong with them, as far as the file alone can tell.
///
/// # Errors
/// Says which entry and why.
pub fn check(entries: &[PluginEntry], fleet: &str, agents: &HashSet<String>) -> Result<(), String> {
    let mut names = HashSet::new();
    for (index, entry) in entries.iter().enumerate() {
        let at = |what: String| format!("plugins[{index}] (`{}`): {what}", entry.plugin);
        if entry.reference().is_none() {
            return Err(at(
                "write the plugin as name@version, or as the SHA-256 of its component".to_owned(),
            ));
        }
        let name = entry
            .name()
            .filter(|name| !name.is_empty())
            .ok_or_else(|| at("a plugin that is given by its digest needs a `name`".to_owned()))?;
        if !names.insert(name) {
            return Err(at(format!(
                "`{name}` stands there twice; give one another `name`"
            )));
        }
        if !matches!(entry.mode.as_str(), "shadow" | "canary" | "enforce") {
            return Err(at("mode: write shadow, canary or enforce".to_owned()));
        }
        match entry.canary_percent {
            Some(_) if entry.mode != "canary" => {
                return Err(at("canary_percent: is for the mode canary".to_owned()));
            }
            Some(share) if !(1..=100).contains(&share) => {
                return Err(at("canary_percent: must be 1 to 100".to_owned()));
            }
            _ => {}
        }
        let scope = &entry.scope;
        if let Some(name) = scope.agents.iter().find(|name| !agents.contains(*name)) {
            return Err(at(format!("there is no agent `{name}` in this file")));
        }
        if scope
            .labels
            .get(FLEET_LABEL)
            .is_some_and(|other| other != fleet)
        {
            return Err(at("the label `fleet` is that of the file".to_owned()));
        }
    }
    Ok(())
}

/// What an attachment of a fleet is called in it; `None`: it is none of this fleet's.
pub fn own_name<'a>(fleet: &str, attachment: &'a Value) -> Option<&'a str> {
    text(attachment, "name")
        .strip_prefix(fleet)?
        .strip_prefix('/')
}

/// The steps that attach and change, and those that detach.
///
/// # Errors
/// A plugin was not uploaded, or a vault neither is nor is made.
pub fn steps(fleet: &Fleet, current: &Current) -> Result<(Vec<Step>, Vec<Step>), Failure> {
    let Some(entries) = &fleet.plugins else {
        return Ok((Vec::new(), Vec::new()));
    };
    let (mut todo, mut ends) = (Vec::new(), Vec::new());
    let mut is: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for attachment in &current.attachments {
        if let Some(name) = own_name(&fleet.name, attachment) {
            is.entry(name).or_default().push(attachment);
        }
    }
    for entry in entries {
        for vault in &entry.scope.vaults {
            known_vault(fleet, current, vault)?;
        }
        let wanted = wanted(fleet, current, entry)?;
        let found = is
            .get_mut(wanted.name.as_str())
            .and_then(|found| (!found.is_empty()).then(|| found.remove(0)));
        match found {
            Some(found) if text(found, "plugin") == wanted.plugin => {
                let changes = changes(&wanted, found, current);
                if !changes.is_empty() {
                    todo.push(Step::ChangePlugin {
                        id: text(found, "id").to_owned(),
                        name: wanted.name,
                        changes,
                        consent: entry.consent,
                    });
                }
            }
            other => {
                ends.extend(other.map(|other| detach(&wanted.name, other)));
                todo.push(Step::AttachPlugin {
                    new: Box::new(wanted),
                    consent: entry.consent,
                });
            }
        }
    }
    let left = is
        .iter()
        .flat_map(|(name, found)| found.iter().map(move |attachment| detach(name, attachment)));
    ends.extend(left);
    Ok((todo, ends))
}

fn detach(name: &str, attachment: &Value) -> Step {
    Step::DetachPlugin {
        id: text(attachment, "id").to_owned(),
        name: name.to_owned(),
    }
}

fn wanted(fleet: &Fleet, current: &Current, entry: &PluginEntry) -> Result<Plugin, Failure> {
    let found = current
        .versions
        .iter()
        .find(|version| match entry.reference() {
            Some(Reference::Version(name, number)) => {
                text(version, "plugin") == name && text(version, "version") == number
            }
            Some(Reference::Digest(digest)) => text(version, "digest").eq_ignore_ascii_case(digest),
            None => false,
        })
        .ok_or_else(|| {
            Failure::hinted(
                format!("there is no plugin `{}`", entry.plugin),
                "upload its component first; a file of a fleet attaches what is there",
            )
        })?;
    let mut labels = entry.scope.labels.clone();
    labels.insert(FLEET_LABEL.to_owned(), fleet.name.clone());
    let scope = ScopeEntry {
        labels,
        ..entry.scope.clone()
    };
    Ok(Plugin {
        name: entry.name().unwrap_or_default().to_owned(),
        plugin: text(found, "plugin").to_owned(),
        version: text(found, "version").to_owned(),
        settings: entry.settings.clone(),
        scope: sorted(json!(scope)),
        mode: entry.mode.clone(),
        canary_percent: entry.canary_percent,
        order: entry.order,
    })
}

fn changes(wanted: &Plugin, is: &Value, current: &Current) -> Vec<Change> {
    let member = |name: &str| is.get(name).cloned().unwrap_or(Value::Null);
    let version = is.get("version").map(|version| text(version, "version"));
    let mut fields = vec![
        ("version", json!(version), json!(wanted.version)),
        ("settings", member("settings"), wanted.settings.clone()),
        (
            "scope",
            named_scope(&member("scope"), current),
            wanted.scope.clone(),
        ),
        ("mode", member("mode"), json!(wanted.mode)),
        ("order", member("order"), json!(wanted.order)),
    ];
    if let Some(share) = wanted.canary_percent {
        fields.push(("canary_percent", member("canary_percent"), json!(share)));
    }
    fields
        .into_iter()
        .filter(|(_, from, to)| from != to)
        .map(|(field, from, to)| Change {
            field: field.to_owned(),
            from,
            to,
        })
        .collect()
}

/// A scope of the API with names in the place of ids, as far as they are known.
fn named_scope(scope: &Value, current: &Current) -> Value {
    let agents: HashMap<&str, &str> = current
        .agents
        .iter()
        .map(|(name, agent)| (text(agent, "id"), name.as_str()))
        .collect();
    let mut scope = scope.as_object().cloned().unwrap_or_default();
    renamed(&mut scope, "vaults", |id| {
        current.vault_names.get(id).cloned()
    });
    renamed(&mut scope, "agents", |id| {
        agents.get(id).map(|name| (*name).to_owned())
    });
    sorted(Value::Object(scope))
}

/// Puts other names in a list; what has none stays.
fn renamed(scope: &mut Map<String, Value>, list: &str, to: impl Fn(&str) -> Option<String>) {
    if let Some(Value::Array(entries)) = scope.get_mut(list) {
        for entry in entries {
            if let Some(name) = entry.as_str().and_then(&to) {
                *entry = json!(name);
            }
        }
    }
}

/// The order of its lists means nothing.
fn sorted(mut scope: Value) -> Value {
    for list in scope.as_object_mut().into_iter().flat_map(Map::values_mut) {
        if let Value::Array(entries) = list {
            entries.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
            entries.dedup();
        }
    }
    scope
}

/// A scope as the API takes it: ids in the place of names.
///
/// # Errors
/// Something of the name is not there.
pub fn scope_with_ids(
    scope: &Value,
    vaults: &HashMap<String, String>,
    agents: &HashMap<String, String>,
) -> Result<Value, Failure> {
    let mut scope = scope.as_object().cloned().unwrap_or_default();
    for (list, ids) in [("vaults", vaults), ("agents", agents)] {
        let names = scope.get(list).map_or(&[][..], |names| items(names, ""));
        if let Some(name) = names
            .iter()
            .filter_map(Value::as_str)
            .find(|name| !ids.contains_key(*name))
        {
            return Err(Failure::local(format!(
                "there is nothing called `{name}` under `{list}`"
            )));
        }
        renamed(&mut scope, list, |name| ids.get(name).cloned());
    }
    Ok(Value::Object(scope))
}

/// What a file says of an attachment of this fleet.
pub fn entry(
    fleet: &str,
    attachment: &Value,
    vaults: &HashMap<&str, &str>,
    agents: &HashMap<&str, &str>,
) -> Option<PluginEntry> {
    let name = own_name(fleet, attachment)?;
    let plugin = text(attachment, "plugin");
    let version = attachment.get("version")?;
    let mode = text(attachment, "mode");
    let mut scope = attachment.get("scope")?.as_object().cloned()?;
    renamed(&mut scope, "vaults", |id| {
        vaults.get(id).map(|name| (*name).to_owned())
    });
    renamed(&mut scope, "agents", |id| {
        agents.get(id).map(|name| (*name).to_owned())
    });
    let mut scope: ScopeEntry = serde_json::from_value(Value::Object(scope)).ok()?;
    scope.labels.remove(FLEET_LABEL);
    let canary_percent = attachment.get("canary_percent").and_then(Value::as_i64);
    Some(PluginEntry {
        plugin: format!("{plugin}@{}", text(version, "version")),
        name: (name != plugin).then(|| name.to_owned()),
        settings: attachment
            .get("settings")
            .cloned()
            .unwrap_or_else(no_settings),
        scope,
        mode: mode.to_owned(),
        canary_percent: canary_percent.filter(|_| mode == "canary"),
        order: attachment.get("order").and_then(Value::as_i64).unwrap_or(0),
        consent: false,
    })
}
