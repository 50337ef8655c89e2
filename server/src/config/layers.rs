//! Where values come from: the file, and the environment above it. Knows the names of settings, not their meaning.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::error::{ConfigError, Origin, Unknown};

pub(super) const ENV_PREFIX: &str = "ONECLAW_";

/// Names the file of settings; is no setting itself.
const ENV_FILE: &str = "ONECLAW_CONFIG";

/// Variables with our prefix that belong to the official clients, which may share an environment with the server.
const FOREIGN: &[&str] = &[
    "ONECLAW_API_KEY",
    "ONECLAW_TOKEN",
    "ONECLAW_API_URL",
    "ONECLAW_VAULT_ID",
    "ONECLAW_CONFIG_DIR",
    "ONECLAW_DPOP",
    "ONECLAW_BASE_URL",
    "ONECLAW_AGENT_ID",
    "ONECLAW_AGENT_API_KEY",
];

/// Every setting, as a dotted path. Its variable is the path in capitals, with underscores for dots.
pub(super) const SETTINGS: &[&str] = &[
    "listen",
    "public_url",
    "data_dir",
    "database_url",
    "database_url_file",
    "root_key",
    "root_key_file",
    "signup",
    "trusted_proxies",
    "rate_limits",
    "cors_origins",
    "max_body_bytes",
    "access_plugin",
    "access_mode",
    "guardrail_plugin",
    "plugins.component_bytes",
    "plugins.memory_bytes",
    "plugins.fuel_per_decision",
    "plugins.fuel_per_configure",
    "plugins.deadline_ms",
    "plugins.configure_deadline_ms",
    "smtp_url",
    "smtp_url_file",
    "mail_from",
    "allow_private_targets",
    "audit_retention_days",
    "require_verified_email",
    "enrollment.mode",
    "tokens.user_seconds",
    "tokens.api_key_seconds",
    "tokens.agent_seconds",
    "tokens.refresh_seconds",
    "decisions.retention_days",
    "decisions.allowed_percent",
    "decisions.self_check",
    "facts.origin_files",
    "facts.prices_file",
    "facts.prices_max_age_seconds",
    "log.format",
    "log.level",
];

/// The variable of a setting.
pub(super) fn variable(setting: &str) -> String {
    format!("{ENV_PREFIX}{}", setting.replace('.', "_").to_uppercase())
}

/// A variable written like a setting, as far as that can be: its underscores may have been dots.
fn as_setting(variable: &str) -> String {
    let name = variable.strip_prefix(ENV_PREFIX).unwrap_or(variable);
    name.to_lowercase()
}

/// A value and where it is from. No `Debug`: it may be a secret.
pub(super) struct Entry {
    pub(super) value: Value,
    pub(super) origin: Origin,
}

/// A value as it was written.
pub(super) enum Value {
    /// Text of a variable, which may stand for anything.
    Variable(String),
    /// A value of the file.
    Toml(toml::Value),
}

/// All values that were set, the environment over the file.
pub(super) struct Layers {
    entries: BTreeMap<&'static str, Entry>,
}

impl Layers {
    pub(super) fn collect(
        default_file: &Path,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut layers = Self {
            entries: BTreeMap::new(),
        };
        let mut unknown = Vec::new();
        let mut named_file = None;
        let mut variables = Vec::new();
        for (name, value) in env {
            if name == ENV_FILE {
                named_file = Some(PathBuf::from(value));
            } else if name.starts_with(ENV_PREFIX) && !FOREIGN.contains(&name.as_str()) {
                variables.push((name, value));
            }
        }
        if let Some((path, table)) = read_file(default_file, named_file)? {
            layers.add_table("", table, &Origin::File(path), &mut unknown);
        }
        variables.sort();
        for (name, value) in variables {
            layers.add_variable(name, value, &mut unknown);
        }
        if unknown.is_empty() {
            Ok(layers)
        } else {
            Err(ConfigError::Unknown(unknown))
        }
    }

    /// The value of a setting, if it was set.
    pub(super) fn get(&self, setting: &'static str) -> Option<&Entry> {
        debug_assert!(SETTINGS.contains(&setting), "{setting}");
        self.entries.get(setting)
    }

    fn add_variable(&mut self, name: String, value: String, unknown: &mut Vec<Unknown>) {
        match SETTINGS.iter().find(|s| variable(s) == name) {
            Some(setting) => {
                let entry = Entry {
                    value: Value::Variable(value),
                    origin: Origin::Variable(name),
                };
                self.entries.insert(setting, entry);
            }
            None => unknown.push(Unknown {
                nearest: variable(nearest(&as_setting(&name))),
                origin: Origin::Variable(name.clone()),
                name,
            }),
        }
    }

    fn add_table(
        &mut self,
        prefix: &str,
        table: toml::Table,
        origin: &Origin,
        unknown: &mut Vec<Unknown>,
    ) {
        for (key, value) in table {
            let path = format!("{prefix}{key}");
            let setting = SETTINGS.iter().find(|s| **s == path);
            let inner = format!("{path}.");
            match (setting, value) {
                (Some(setting), value) => {
                    let entry = Entry {
                        value: Value::Toml(value),
                        origin: origin.clone(),
                    };
                    self.entries.insert(setting, entry);
                }
                (None, toml::Value::Table(table))
                    if SETTINGS.iter().any(|s| s.starts_with(&inner)) =>
                {
                    self.add_table(&inner, table, origin, unknown);
                }
                (None, _) => unknown.push(Unknown {
                    nearest: nearest(&path).to_owned(),
                    name: path,
                    origin: origin.clone(),
                }),
            }
        }
    }
}

/// Weighs a common beginning more than a common length, so that `database` finds `database_url`.
fn nearest(name: &str) -> &'static str {
    let similarity = |setting: &str| strsim::jaro_winkler(name, setting);
    SETTINGS
        .iter()
        .max_by(|a, b| similarity(a).total_cmp(&similarity(b)))
        .copied()
        .unwrap_or_default()
}

/// The file that was named, which must exist, or the default one, which need not.
fn read_file(
    default_file: &Path,
    named_file: Option<PathBuf>,
) -> Result<Option<(PathBuf, toml::Table)>, ConfigError> {
    let must_exist = named_file.is_some();
    let path = named_file.unwrap_or_else(|| default_file.to_owned());
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound && !must_exist => return Ok(None),
        Err(source) => return Err(ConfigError::File { path, source }),
    };
    match text.parse::<toml::Table>() {
        Ok(table) => Ok(Some((path, table))),
        Err(error) => {
            let before = error.span().and_then(|span| text.get(..span.start));
            Err(ConfigError::Syntax {
                path,
                line: before.map_or(1, |b| b.matches('\n').count() + 1),
                problem: error.message().to_owned(),
            })
        }
    }
}
