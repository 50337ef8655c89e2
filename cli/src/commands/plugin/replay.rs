//! Trying a version on what was decided, and letting it count only if that came out as demanded.

use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value, json};

use super::registry;
use crate::client::{items, segment, text};
use crate::commands::json_argument;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Column, Format};

/// Time between two looks at a replay.
const LOOK: Duration = Duration::from_millis(300);
/// Most changes that are shown.
const SHOWN: &str = "1000";

/// What has to come out of a replay.
#[derive(Args, Clone, Copy, Default)]
pub struct Demand {
    /// Fail if anything would be allowed that was not
    #[arg(long)]
    no_new_allow: bool,
    /// Fail if more than so many verdicts would change
    #[arg(long, value_name = "N")]
    max_changes: Option<u64>,
}

impl Demand {
    /// Whether anything has to hold at all.
    pub fn is_any(self) -> bool {
        self.no_new_allow || self.max_changes.is_some()
    }

    fn wire(self) -> Value {
        let mut gate = Map::new();
        if self.no_new_allow {
            gate.insert("no_new_allow".to_owned(), json!(true));
        }
        if let Some(most) = self.max_changes {
            gate.insert("max_changes".to_owned(), json!(most));
        }
        Value::Object(gate)
    }
}

/// Make the decisions of the last days again with a version, and show those that would change
///
/// Nothing is allowed or refused by it. The version takes the place of the one that decided, or joins those that did.
#[derive(Args)]
#[command(after_help = "Examples:
  1claw plugin replay office-door 0.1.0 --settings '{\"below\": \"prod\"}' --days 30
  1claw plugin replay office-door 0.2.0 --agent $AGENT_ID --max-changes 3 --no-new-allow")]
pub struct ReplayArgs {
    /// Name of the plugin
    plugin: String,
    /// Version
    version: String,
    /// Settings as JSON, or `@file`; those that decided, if absent
    #[arg(long)]
    settings: Option<String>,
    /// Reach back so many days
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=3650))]
    days: u32,
    /// Only decisions about this agent
    #[arg(long, value_name = "ID")]
    agent: Option<String>,
    /// Only decisions about this vault (id or name)
    #[arg(short, long)]
    vault: Option<String>,
    /// Only about paths that start with this
    #[arg(long, value_name = "PREFIX")]
    path: Option<String>,
    #[command(flatten)]
    demand: Demand,
}

const CHANGES: &[Column] = &[
    Column::id("Decision", "decision_id"),
    Column::made("Was", |change| held(change, "before")),
    Column::made("Would be", |change| {
        match change.get("undetermined").and_then(Value::as_str) {
            Some(why) => format!("cannot be told: {why}"),
            None => held(change, "after"),
        }
    }),
];

fn held(change: &Value, member: &str) -> String {
    let held = change.get(member).unwrap_or(&Value::Null);
    format!("{} {}", text(held, "verdict"), text(held, "code"))
        .trim()
        .to_owned()
}

impl ReplayArgs {
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let version = registry::version_of(context, &self.plugin, &self.version)?;
        let settings = self
            .settings
            .as_deref()
            .map(|settings| json_argument("settings", settings))
            .transpose()?;
        let vault = self
            .vault
            .as_deref()
            .map(|vault| context.vault(Some(vault)))
            .transpose()?;
        let filter = json!({
            "days": self.days,
            "agent": self.agent,
            "vault": vault,
            "path_prefix": self.path,
        });
        let replays = all_worlds(context, &version, settings.as_ref(), &filter, self.demand)?;
        let mut changes = Vec::new();
        for replay in &replays {
            let route = format!(
                "/v1/replays/{}/changes?limit={SHOWN}",
                segment(text(replay, "id"))
            );
            let list = context.client()?.get(&route)?;
            changes.extend(items(&list, "changes").iter().cloned());
        }
        if context.output.format() == Format::Json {
            context
                .output
                .json(&json!({"replays": replays, "changes": changes}))?;
        } else {
            if !changes.is_empty() {
                context.output.list(&changes, CHANGES)?;
            }
            for replay in &replays {
                context.output.note(&summary(replay));
            }
        }
        must_pass(&replays, self.demand)
    }
}

/// A replay for each world that a version decides in, one after the other, to their ends.
///
/// # Errors
/// The server refuses one, or one does not come to its end.
fn all_worlds(
    context: &Context,
    version: &Value,
    settings: Option<&Value>,
    filter: &Value,
    demand: Demand,
) -> Result<Vec<Value>, Failure> {
    let mut replays = Vec::new();
    for world in items(version, "worlds").iter().filter_map(Value::as_str) {
        let mut plugin = json!({"digest": text(version, "digest"), "world": world});
        let mut filter = filter.clone();
        if let (Some(settings), Some(plugin)) = (settings, plugin.as_object_mut()) {
            plugin.insert("settings".to_owned(), settings.clone());
        }
        if let Some(filter) = filter.as_object_mut() {
            filter.insert("world".to_owned(), json!(world));
            filter.retain(|_, value| !value.is_null());
        }
        replays.push(run(context, &json!({"plugin": plugin}), &filter, demand)?);
    }
    Ok(replays)
}

/// A replay, to its end.
///
/// # Errors
/// The server refuses it, or it does not come to its end.
pub fn run(
    context: &Context,
    candidate: &Value,
    filter: &Value,
    demand: Demand,
) -> Result<Value, Failure> {
    let mut body = json!({"candidate": candidate, "filter": filter});
    if let (true, Some(body)) = (demand.is_any(), body.as_object_mut()) {
        body.insert("gate".to_owned(), demand.wire());
    }
    let started = context.client()?.post("/v1/replays", &body)?;
    finished(context, text(&started, "id"))
}

/// Waits for the end of a replay.
fn finished(context: &Context, id: &str) -> Result<Value, Failure> {
    let route = format!("/v1/replays/{}", segment(id));
    let bar = if context.output.is_terminal() && context.output.format() == Format::Table {
        let style = ProgressStyle::with_template("{bar:30} {pos} of {len} decisions");
        ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
    } else {
        ProgressBar::hidden()
    };
    loop {
        let replay = context.client()?.get(&route)?;
        let count = |member: &str| replay.get(member).and_then(Value::as_u64).unwrap_or(0);
        bar.set_length(count("total"));
        bar.set_position(count("done"));
        match text(&replay, "status") {
            "queued" | "running" => std::thread::sleep(LOOK),
            "done" => {
                bar.finish_and_clear();
                return Ok(replay);
            }
            other => {
                bar.finish_and_clear();
                return Err(Failure::local(format!(
                    "replay {id} is {other}: {}",
                    text(&replay, "error")
                )));
            }
        }
    }
}

/// What came of a replay, in a line.
pub fn summary(replay: &Value) -> String {
    let count = |member: &str| replay.get(member).and_then(Value::as_u64).unwrap_or(0);
    let world = replay
        .pointer("/candidate/plugin/world")
        .and_then(Value::as_str);
    let what = world.unwrap_or("what is attached");
    format!(
        "{what}: {} decisions, {} would change ({} new denials, {} new allows, {} others), {} cannot be told",
        count("total"),
        count("changes"),
        count("allow_to_deny"),
        count("deny_to_allow"),
        count("other_changes"),
        count("undetermined"),
    )
}

/// Whether all of them came out as demanded. The changes of all worlds count together.
///
/// # Errors
/// They did not.
pub fn must_pass(replays: &[Value], demand: Demand) -> Result<(), Failure> {
    if !demand.is_any() {
        return Ok(());
    }
    let sum = |member: &str| -> u64 {
        let counts = replays.iter();
        counts
            .filter_map(|replay| replay.get(member).and_then(Value::as_u64))
            .sum()
    };
    let too_many = demand.max_changes.is_some_and(|most| sum("changes") > most);
    let passed = |replay: &Value| replay.get("gate_passed").and_then(Value::as_bool) == Some(true);
    if !too_many && replays.iter().all(passed) {
        return Ok(());
    }
    Err(Failure::hinted(
        format!(
            "this is not what was demanded: {} verdicts would change, {} of them new allows, and {} cannot be told",
            sum("changes"),
            sum("deny_to_allow"),
            sum("undetermined"),
        ),
        "`1claw plugin replay` shows which decisions",
    ))
}
