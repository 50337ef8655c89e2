//! Settings and scopes, checked before anything is attached with them.

use std::sync::Arc;

use oneclaw_core::glob;
use oneclaw_core::path::excerpt;
use oneclaw_core::scope::AttachmentScope;
use oneclaw_policy_host::{ConfigureError, Configured, Engine, Problem, World, validate_settings};
use oneclaw_store::PluginVersion;
use serde_json::{Value, json};

use super::runtime::configure;
use super::wire;
use crate::service::caller::Caller;
use crate::service::error::{Result, ServiceError};
use crate::service::{Services, check};

/// Most entries in each list of a scope.
const MAX_ENTRIES: usize = 200;
/// Most bytes of a label's key or value, or of a chain's name.
const MAX_WORD_BYTES: usize = 64;

/// Settings as they are handed over, and what the version then wants to be given.
#[derive(Debug)]
pub(super) struct Accepted {
    pub(super) settings: String,
    pub(super) asks: Value,
}

impl Services {
    /// Tries settings on a version: its JSON Schema first, then its `configure`, in every world that it decides in.
    pub(super) async fn accepted(
        &self,
        caller: &Caller,
        version: &PluginVersion,
        settings: &Value,
    ) -> Result<Accepted> {
        check::document("settings", settings)?;
        let org = caller.org();
        let loaded = self.plugins.load(org, &version.digest).await;
        let plugin = loaded.map_err(|failure| {
            ServiceError::Conflict(format!("this version cannot be loaded: {}", failure.detail))
        })?;
        let schema = wire::json(&version.settings_schema);
        let (text, settings) = (settings.to_string(), settings.clone());
        let worlds: Vec<World> = version
            .worlds
            .iter()
            .filter_map(|word| wire::world_of(word))
            .collect();
        let handed = text.clone();
        let tried = self
            .plugins
            .on_the_bench(org, move |engine: &Engine| {
                let problems = validate_settings(&schema, &settings)
                    .map_err(|error| ServiceError::field("settings", error))?;
                refused(&problems)?;
                let mut configured = Vec::new();
                for world in worlds {
                    let one = configure(engine, &plugin, world, org, &handed);
                    configured.push(one.map_err(not_configured)?);
                }
                Ok::<_, ServiceError>(asks(&configured))
            })
            .await?;
        Ok(Accepted {
            settings: text,
            asks: tried?,
        })
    }

    /// A scope in which everything is there, and which the version can have a say in.
    pub(super) async fn checked_scope(
        &self,
        caller: &Caller,
        version: &PluginVersion,
        scope: AttachmentScope,
    ) -> Result<AttachmentScope> {
        for (field, entries) in [
            ("scope.vaults", scope.vaults.len()),
            ("scope.paths", scope.paths.len()),
            ("scope.agents", scope.agents.len()),
            ("scope.labels", scope.labels.len()),
            ("scope.chains", scope.chains.len()),
        ] {
            if entries > MAX_ENTRIES {
                let most = format!("has {entries} entries; the limit is {MAX_ENTRIES}");
                return Err(ServiceError::field(field, most));
            }
        }
        for pattern in &scope.paths {
            glob::check(pattern).map_err(|error| ServiceError::field("scope.paths", error))?;
        }
        for (key, value) in &scope.labels {
            for word in [key, value] {
                if word.is_empty()
                    || word.len() > MAX_WORD_BYTES
                    || word.chars().any(char::is_control)
                {
                    return Err(ServiceError::field(
                        "scope.labels",
                        format!(
                            "`{}` is no label of 1 to {MAX_WORD_BYTES} bytes",
                            excerpt(word)
                        ),
                    ));
                }
            }
        }
        for vault in &scope.vaults {
            if self.store.vault(caller.org(), *vault).await?.is_none() {
                return Err(ServiceError::field(
                    "scope.vaults",
                    format!("there is no vault `{vault}`"),
                ));
            }
        }
        for agent in &scope.agents {
            if self.store.agent(caller.org(), *agent).await?.is_none() {
                return Err(ServiceError::field(
                    "scope.agents",
                    format!("there is no agent `{agent}`"),
                ));
            }
        }
        for chain in &scope.chains {
            if self.store.chain_by_name(chain).await?.is_none() {
                return Err(ServiceError::field(
                    "scope.chains",
                    format!(
                        "there is no chain `{}`; GET /v1/chains lists them",
                        excerpt(chain)
                    ),
                ));
            }
        }
        let about_secrets = !scope.vaults.is_empty() || !scope.paths.is_empty();
        let about_signatures = !scope.chains.is_empty();
        let decides = |world: &str| version.worlds.iter().any(|known| known == world);
        if about_secrets && about_signatures {
            return Err(ServiceError::field(
                "scope",
                "vaults and paths are about secrets, chains about what is signed; attach the plugin twice for both",
            ));
        }
        if about_secrets && !decides(wire::world(World::AccessPolicy)) {
            return Err(ServiceError::field(
                "scope",
                "vaults and paths are about secrets, on which this plugin does not decide",
            ));
        }
        if about_signatures && !decides(wire::world(World::TransactionGuardrail)) {
            return Err(ServiceError::field(
                "scope.chains",
                "chains are about what is signed, on which this plugin does not decide",
            ));
        }
        Ok(scope)
    }
}

fn refused(problems: &[Problem]) -> Result<()> {
    let Some(first) = problems.first() else {
        return Ok(());
    };
    let more = match problems.len() {
        1 => String::new(),
        n => format!(" (and {} more)", n - 1),
    };
    let place = match first.pointer.as_str() {
        "" => "settings".to_owned(),
        pointer => format!("settings{}", pointer.chars().take(200).collect::<String>()),
    };
    let message: String = first.message.chars().take(500).collect();
    Err(ServiceError::field(place, format!("{message}{more}")))
}

fn not_configured(error: ConfigureError) -> ServiceError {
    match error {
        ConfigureError::Problems(problems) if !problems.is_empty() => refused(&problems)
            .err()
            .unwrap_or_else(|| ServiceError::field("settings", "are refused by the plugin")),
        other => ServiceError::field("settings", other),
    }
}

/// Facts and budgets that the configured plugin wants to be given.
fn asks(configured: &[Arc<Configured>]) -> Value {
    let mut facts: Vec<&str> = configured
        .iter()
        .flat_map(|one| one.needed_facts())
        .map(String::as_str)
        .take(MAX_ENTRIES)
        .collect();
    let mut budgets: Vec<String> = configured
        .iter()
        .flat_map(|one| one.budget_queries())
        .map(|query| format!("{} {}", query.budget, query.asset))
        .collect();
    facts.sort_unstable();
    facts.dedup();
    budgets.sort_unstable();
    budgets.dedup();
    let facts: Vec<String> = facts
        .into_iter()
        .map(|fact| fact.chars().filter(|c| *c != '\0').take(200).collect())
        .collect();
    json!({"facts": facts, "budgets": budgets})
}

/// What is asked for now that was not before, in words.
pub(super) fn asks_for_more(before: &Value, now: &Value) -> Option<String> {
    ["facts", "budgets"].into_iter().find_map(|kind| {
        let list = |asks: &Value| asks.get(kind).and_then(Value::as_array).cloned();
        let (before, now) = (
            list(before).unwrap_or_default(),
            list(now).unwrap_or_default(),
        );
        let new = now.into_iter().find(|one| !before.contains(one))?;
        let word = if kind == "facts" { "fact" } else { "budget" };
        Some(format!(
            "the {word} `{}`",
            excerpt(new.as_str().unwrap_or_default())
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asking_for_less_is_not_asking_for_more() {
        let asks = |facts: &[&str], budgets: &[&str]| json!({"facts": facts, "budgets": budgets});
        let before = asks(&["price"], &["agent/daily native"]);
        assert_eq!(asks_for_more(&before, &before), None);
        assert_eq!(asks_for_more(&before, &asks(&[], &[])), None);
        assert_eq!(
            asks_for_more(&before, &asks(&["price", "country"], &[])).unwrap(),
            "the fact `country`"
        );
        assert_eq!(
            asks_for_more(&before, &asks(&[], &["organisation/daily native"])).unwrap(),
            "the budget `organisation/daily native`"
        );
    }
}
