//! Agents from a CSV file. Keys are shown once, so each is on its way to the disk before the next agent is made.

use std::collections::HashSet;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value, json};

use crate::client::text;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Format;

/// Fields that are lists.
const LISTS: &[&str] = &[
    "scopes",
    "vault_ids",
    "tx_to_allowlist",
    "tx_allowed_chains",
    "tx_token_allowlist",
    "xrpl_allowed_tx_types",
];

/// Fields that are integers.
const INTEGERS: &[&str] = &["token_ttl_seconds", "tx_max_per_day"];

/// Fields that are yes or no.
const FLAGS: &[&str] = &[
    "intents_api_enabled",
    "shroud_enabled",
    "tx_known_tokens_only",
    "message_signing_enabled",
];

/// Fields that are text.
const TEXTS: &[&str] = &[
    "name",
    "description",
    "expires_at",
    "api_key_expires_at",
    "environment",
    "tx_max_value",
    "tx_daily_limit",
];

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
    defaults: &Map<String, Value>,
) -> Result<(), Failure> {
    let bodies = rows(from, defaults)?;
    let mut keys = Keys::open(context, output)?;
    let todo: Vec<&Map<String, Value>> = bodies
        .iter()
        .filter(|body| !keys.has(&name(body)))
        .collect();
    let client = context.client()?;
    let bar = progress(todo.len() as u64);
    for body in &todo {
        let answer = match client.post("/v1/agents", &Value::Object((*body).clone())) {
            Ok(answer) => answer,
            Err(failure) => {
                bar.abandon();
                keys.finish(context)?;
                context.output.note(&format!(
                    "agent `{}` was not registered; {} of {} were",
                    name(body),
                    bar.position(),
                    todo.len()
                ));
                return Err(failure);
            }
        };
        keys.take(context, &answer)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    keys.finish(context)?;
    let left_out = bodies.len().saturating_sub(todo.len());
    let mut sentence = format!("{} agents registered", todo.len());
    if left_out > 0 {
        sentence.push_str(&format!(", {left_out} were already"));
    }
    context.output.note(&sentence);
    Ok(())
}

fn name(body: &Map<String, Value>) -> String {
    body.get("name")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

/// On a terminal, and only there.
pub fn progress(length: u64) -> ProgressBar {
    let bar = ProgressBar::new(length);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {eta} left") {
        bar.set_style(style);
    }
    bar
}

/// All rows are read and understood before the first agent is made.
fn rows(from: &Path, defaults: &Map<String, Value>) -> Result<Vec<Map<String, Value>>, Failure> {
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
    for column in &header {
        if ![LISTS, INTEGERS, FLAGS, TEXTS]
            .iter()
            .any(|known| known.contains(&column.as_str()))
        {
            return Err(wrong(
                1,
                format!("there is no field `{column}` of an agent"),
            ));
        }
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
            if !cell.is_empty() {
                let value = field(column, cell).map_err(|what| wrong(line, what))?;
                body.insert(column.clone(), value);
            }
        }
        let name = name(&body);
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

fn field(column: &str, cell: &str) -> Result<Value, String> {
    if LISTS.contains(&column) {
        let parts = cell
            .split([';', ',', ' '])
            .map(str::trim)
            .filter(|part| !part.is_empty());
        return Ok(parts.collect());
    }
    if INTEGERS.contains(&column) {
        let number = cell
            .parse::<i64>()
            .map_err(|_| format!("{column}: `{cell}` is no number"))?;
        return Ok(json!(number));
    }
    if FLAGS.contains(&column) {
        return match cell.to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" => Ok(json!(true)),
            "false" | "no" | "0" => Ok(json!(false)),
            _ => Err(format!("{column}: `{cell}` is neither true nor false")),
        };
    }
    Ok(json!(cell))
}

/// Where the keys go, in CSV: `name,id,api_key`.
pub struct Keys {
    file: Option<std::fs::File>,
    known: HashSet<String>,
    json: Option<Vec<Value>>,
    started: bool,
}

const HEADER: [&str; 3] = ["name", "id", "api_key"];

impl Keys {
    /// Opens the file, if there is to be one, and reads whose keys are in it already.
    ///
    /// # Errors
    /// It cannot be read or written, or is another file.
    pub fn open(context: &Context, path: Option<&Path>) -> Result<Self, Failure> {
        let mut keys = Self {
            file: None,
            known: HashSet::new(),
            json: None,
            started: false,
        };
        let Some(path) = path else {
            if context.output.format() == Format::Json {
                keys.json = Some(Vec::new());
            }
            return Ok(keys);
        };
        let broken = |error: &std::io::Error| Failure::file(path, error);
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .read(true)
            .mode(0o600)
            .open(path)
            .map_err(|error| broken(&error))?;
        let text = std::io::read_to_string(&file)
            .map(zeroize::Zeroizing::new)
            .map_err(|error| broken(&error))?;
        if !text.is_empty() {
            keys.started = true;
            let mut reader = csv::ReaderBuilder::new()
                .flexible(true)
                .from_reader(text.as_bytes());
            let is_ours = reader
                .headers()
                .is_ok_and(|header| header.iter().eq(HEADER));
            if !is_ours {
                return Err(Failure::local(format!(
                    "{} is no file of keys; it does not start with {}",
                    path.display(),
                    HEADER.join(",")
                )));
            }
            keys.known = reader
                .records()
                .flatten()
                .filter(|record| record.len() == HEADER.len())
                .filter_map(|record| record.get(0).map(str::to_owned))
                .collect();
            // A line that a crash cut off must not swallow the next one.
            if !text.ends_with('\n') {
                file.write_all(b"\n").map_err(|error| broken(&error))?;
            }
        }
        keys.file = Some(file);
        Ok(keys)
    }

    /// Whether the key of an agent of this name is there.
    pub fn has(&self, name: &str) -> bool {
        self.known.contains(name)
    }

    /// Takes the key out of the answer to a creation, and keeps it.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn take(&mut self, context: &Context, answer: &Value) -> Result<(), Failure> {
        if let Some(list) = &mut self.json {
            list.push(one(answer));
            return Ok(());
        }
        let agent = answer.get("agent").unwrap_or(answer);
        let mut writer = csv::Writer::from_writer(Vec::new());
        let row = [
            text(agent, "name"),
            text(agent, "id"),
            text(answer, "api_key"),
        ];
        let lines = (if self.started {
            Ok(())
        } else {
            writer.write_record(HEADER)
        })
        .and_then(|()| writer.write_record(row))
        .map_err(|error| Failure::local(error.to_string()))
        .and_then(|()| {
            writer
                .into_inner()
                .map_err(|error| Failure::local(error.to_string()))
        })?;
        self.started = true;
        match &mut self.file {
            Some(file) => {
                file.write_all(&lines)?;
                file.sync_data()?;
                Ok(())
            }
            None => context.output.raw(&String::from_utf8_lossy(&lines)),
        }
    }

    /// Prints what JSON could not print line by line.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn finish(&mut self, context: &Context) -> Result<(), Failure> {
        match self.json.take() {
            Some(list) => context.output.json(&Value::Array(list)),
            None => Ok(()),
        }
    }
}
