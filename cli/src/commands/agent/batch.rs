//! Agents from a CSV file.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::keys_file::{self, KeysFile};
use super::register::{self, Body};
use super::{list, schema};
use crate::client::{Client, text};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Format;

/// The answer of a creation without the second copy of the agent that it carries for other clients.
pub fn one(answer: &Value) -> Value {
    let agent = answer.get("agent").unwrap_or(answer);
    json!({ "agent": agent, "api_key": text(answer, "api_key") })
}

/// Registers an agent for each row; `defaults` are for what a row does not say.
pub fn create(
    context: &Context,
    from: &Path,
    output: Option<&Path>,
    defaults: &Body,
) -> Result<(), Failure> {
    let bodies = rows(from, defaults)?;
    let mut keys = output.map(KeysFile::read).transpose()?;
    let has = |body: &&Body| keys.as_ref().is_none_or(|keys| !keys.has(name(body)));
    let todo: Vec<Body> = bodies.iter().filter(has).cloned().collect();
    let client = context.client()?;
    let (lost, new) = lost(client, keys.as_ref(), todo)?;
    let total = lost.len().saturating_add(new.len());
    let mut printed = Vec::new();
    let bar = progress(total as u64);
    let mut result = Ok(());
    let mut registered = 0_usize;
    let mut count = |many: usize| {
        registered = registered.saturating_add(many);
        bar.inc(many as u64);
    };
    if let Some(keys) = &mut keys {
        for many in lost.chunks(register::AT_ONCE) {
            result = register::renew(client, many, keys);
            if result.is_err() {
                break;
            }
            count(many.len());
        }
    }
    let mut rest = new.as_slice();
    while result.is_ok() && !rest.is_empty() {
        let (many, request) = register::next_batch(rest.iter(), keys.as_ref());
        let (now, later) = rest.split_at(many);
        result = register::register(client, now, &request, keys.as_mut()).and_then(|made| {
            if keys.is_some() {
                Ok(())
            } else {
                print(context, made, &mut printed)
            }
        });
        if result.is_ok() {
            count(now.len());
        }
        rest = later;
    }
    bar.finish_and_clear();
    if let Some(keys) = &mut keys {
        keys.finish()?;
    } else if context.output.format() == Format::Json {
        context.output.json(&Value::Array(printed))?;
    }
    if result.is_err() {
        context
            .output
            .note(&format!("{registered} of {total} agents were registered"));
        return result;
    }
    let left_out = bodies.len().saturating_sub(total);
    let mut sentence = format!("{total} agents registered");
    if left_out > 0 {
        sentence.push_str(&format!(", {left_out} were already"));
    }
    context.output.note(&sentence);
    Ok(())
}

/// Agents whose key was lost, and fields of those that are still to be registered.
type LostAndNew = (Vec<Value>, Vec<Body>);

/// Parts those whose key was lost in a crash, as far as they were registered, from those that are still to be.
fn lost(client: &Client, keys: Option<&KeysFile>, todo: Vec<Body>) -> Result<LostAndNew, Failure> {
    let was_lost = |name: &str| keys.is_some_and(|keys| keys.was_lost(name));
    if !todo.iter().any(|body| was_lost(name(body))) {
        return Ok((Vec::new(), todo));
    }
    let agents = list::agents(client, &[])?;
    let registered: HashMap<&str, &Value> = agents
        .iter()
        .map(|agent| (text(agent, "name"), agent))
        .collect();
    let (mut lost, mut new) = (Vec::new(), Vec::new());
    for body in todo {
        match registered.get(name(&body)) {
            Some(agent) if was_lost(name(&body)) => lost.push((*agent).clone()),
            _ => new.push(body),
        }
    }
    Ok((lost, new))
}

fn print(context: &Context, made: Vec<Value>, printed: &mut Vec<Value>) -> Result<(), Failure> {
    if context.output.format() != Format::Json {
        let rows: Vec<[&str; 3]> = made
            .iter()
            .map(|agent| {
                [
                    text(agent, "name"),
                    text(agent, "id"),
                    text(agent, "api_key"),
                ]
            })
            .collect();
        let lines = keys_file::lines(&rows, printed.is_empty())?;
        context.output.raw(&String::from_utf8_lossy(&lines))?;
    }
    printed.extend(made);
    Ok(())
}

fn name(body: &Body) -> &str {
    body.get("name").and_then(Value::as_str).unwrap_or_default()
}

/// On a terminal, and only there. It shows that time passes, too: many agents are one request.
pub fn progress(length: u64) -> ProgressBar {
    let bar = ProgressBar::new(length);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {bar:30} {pos}/{len} {elapsed}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(std::time::Duration::from_millis(100));
    bar
}

/// All rows are read and understood before the first agent is made.
fn rows(from: &Path, defaults: &Body) -> Result<Vec<Body>, Failure> {
    let text = crate::input::read_file(from)?;
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let wrong = |line: usize, what: String| {
        Failure::Usage(format!("{}, line {line}: {what}", from.display()))
    };
    let header: Vec<String> = reader
        .headers()
        .map_err(|error| wrong(1, error.to_string()))?
        .iter()
        .map(str::to_owned)
        .collect();
    if let Some(column) = header.iter().find(|column| schema::kind(column).is_none()) {
        return Err(wrong(
            1,
            format!("there is no field `{column}` of an agent"),
        ));
    }
    if !header.iter().any(|column| column == "name") {
        return Err(wrong(1, "there is no column `name`".to_owned()));
    }
    let mut bodies = Vec::new();
    let mut names = HashSet::new();
    for (index, record) in reader.records().enumerate() {
        let line = index + 2;
        let record = record.map_err(|error| wrong(line, error.to_string()))?;
        let mut body = defaults.clone();
        for (column, cell) in header.iter().zip(record.iter()) {
            if let (Some(kind), false) = (schema::kind(column), cell.is_empty()) {
                let value = schema::from_cell(kind, cell)
                    .map_err(|what| wrong(line, format!("{column}: {what}")))?;
                body.insert(column.clone(), value);
            }
        }
        let name = name(&body).to_owned();
        if name.is_empty() {
            return Err(wrong(line, "the name is empty".to_owned()));
        }
        if !names.insert(name.clone()) {
            return Err(wrong(line, format!("`{name}` stands there twice")));
        }
        bodies.push(body);
    }
    if bodies.is_empty() {
        return Err(wrong(1, "there is no agent in it".to_owned()));
    }
    Ok(bodies)
}
