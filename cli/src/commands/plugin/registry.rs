//! Plugins on a server: versions, and where they decide.

use std::path::Path;

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::replay::{self, Demand};
use super::{local, sign};
use crate::client::{items, query, segment, text};
use crate::commands::json_argument;
use crate::context::{Context, is_uuid};
use crate::failure::Failure;
use crate::output::Column;

/// Largest component that a server may take.
const MOST_BYTES: u64 = 64 * 1024 * 1024;

const VERSIONS: &[Column] = &[
    Column::id("Name", "plugin"),
    Column::id("Version", "version"),
    Column::new("Worlds", "worlds"),
    Column::made("Digest", |version| {
        text(version, "digest").chars().take(12).collect()
    }),
    Column::new("Cases", "cases"),
    Column::time("Uploaded", "created_at"),
    Column::time("Yanked", "yanked_at"),
];

pub fn list(context: &Context) -> Result<(), Failure> {
    let list = context.client()?.get("/v1/plugins")?;
    let versions: Vec<Value> = items(&list, "plugins")
        .iter()
        .flat_map(|plugin| items(plugin, "versions").iter().cloned())
        .collect();
    context.output.list(&versions, VERSIONS)
}

pub fn push(
    context: &Context,
    component: &Path,
    consent: bool,
    signer: Option<(&str, &Path)>,
) -> Result<(), Failure> {
    let bytes = local::read(component, MOST_BYTES)?;
    let signature = signer
        .map(|(_, key)| sign::signature(key, &hex::encode(Sha256::digest(&bytes))))
        .transpose()?;
    let mut parameters = vec![
        ("publisher", signer.map(|(publisher, _)| publisher)),
        ("signature", signature.as_deref()),
    ];
    parameters.push(("consent", consent.then_some("true")));
    let route = format!("/v1/plugins{}", query(&parameters));
    let sign = context
        .output
        .waiting("the server compiles it and tries its cases");
    let sent = context.client()?.upload(&route, "application/wasm", &bytes);
    sign.finish_and_clear();
    let version = sent?;
    context.output.done(
        &format!(
            "{} {} uploaded: {}",
            text(&version, "plugin"),
            text(&version, "version"),
            text(&version, "digest")
        ),
        &version,
    )
}

/// What to attach, as it stands on the command line.
pub struct Wanted<'a> {
    pub plugin: &'a str,
    pub version: &'a str,
    pub settings: Option<&'a str>,
    pub scope: Option<&'a str>,
    pub name: Option<&'a str>,
    pub order: Option<i32>,
    pub enforce: bool,
    pub consent: bool,
}

pub fn attach(context: &Context, wanted: &Wanted<'_>) -> Result<(), Failure> {
    let mut body = Map::new();
    body.insert("plugin".to_owned(), json!(wanted.plugin));
    body.insert("version".to_owned(), json!(wanted.version));
    if let Some(settings) = wanted.settings {
        body.insert("settings".to_owned(), json_argument("settings", settings)?);
    }
    if let Some(scope) = wanted.scope {
        body.insert("scope".to_owned(), json_argument("scope", scope)?);
    }
    if let Some(name) = wanted.name {
        body.insert("name".to_owned(), json!(name));
    }
    if wanted.consent {
        body.insert("consent".to_owned(), json!(true));
    }
    if let Some(order) = wanted.order {
        body.insert("order".to_owned(), json!(order));
    }
    let mode = if wanted.enforce { "enforce" } else { "shadow" };
    body.insert("mode".to_owned(), json!(mode));
    let attachment = context
        .client()?
        .post("/v1/plugins/attachments", &Value::Object(body))?;
    say(context, &attachment)
}

const ATTACHMENTS: &[Column] = &[
    Column::id("ID", "id"),
    Column::new("Plugin", "plugin"),
    Column::made("Version", version),
    Column::new("Mode", "mode"),
    Column::new("State", "state"),
    Column::new("Revision", "revision"),
    Column::time("Changed", "changed_at"),
];

const ATTACHMENT: &[Column] = &[
    Column::id("ID", "id"),
    Column::new("Name", "name"),
    Column::new("Plugin", "plugin"),
    Column::made("Version", version),
    Column::new("Attached", "attached"),
    Column::new("Mode", "mode"),
    Column::new("Percent", "canary_percent"),
    Column::made("Fallback", |attachment| {
        let fallback = attachment.get("fallback").unwrap_or(&Value::Null);
        text(fallback, "version").to_owned()
    }),
    Column::new("State", "state"),
    Column::new("Detail", "detail"),
    Column::new("Order", "order"),
    Column::made("Scope", |attachment| {
        attachment
            .get("scope")
            .map(Value::to_string)
            .unwrap_or_default()
    }),
    Column::made("Settings", |attachment| {
        attachment
            .get("settings")
            .map(Value::to_string)
            .unwrap_or_default()
    }),
    Column::new("Revision", "revision"),
    Column::time("Changed", "changed_at"),
];

fn version(attachment: &Value) -> String {
    let version = attachment.get("version").unwrap_or(&Value::Null);
    text(version, "version").to_owned()
}

pub fn attachments(context: &Context) -> Result<(), Failure> {
    let list = context.client()?.get("/v1/plugins/attachments")?;
    context
        .output
        .list(items(&list, "attachments"), ATTACHMENTS)
}

pub fn status(context: &Context, id: &str) -> Result<(), Failure> {
    let attachment = context.client()?.get(&route(context, id)?)?;
    context.output.item(&attachment, ATTACHMENT)
}

pub fn shadow(
    context: &Context,
    id: &str,
    version: Option<&str>,
    settings: Option<&str>,
    consent: bool,
) -> Result<(), Failure> {
    let mut body = Map::new();
    body.insert("mode".to_owned(), json!("shadow"));
    if consent {
        body.insert("consent".to_owned(), json!(true));
    }
    if let Some(version) = version {
        body.insert("version".to_owned(), json!(version));
    }
    if let Some(settings) = settings {
        body.insert("settings".to_owned(), json_argument("settings", settings)?);
    }
    change(context, id, &Value::Object(body))
}

pub fn promote(
    context: &Context,
    id: &str,
    percent: Option<u8>,
    gate: Option<(Demand, u32)>,
) -> Result<(), Failure> {
    let mut body = match percent {
        Some(percent) => json!({"mode": "canary", "canary_percent": percent}),
        None => json!({"mode": "enforce"}),
    };
    if let Some((demand, days)) = gate {
        let (revision, replay) = pass_gate(context, id, demand, days)?;
        // What was tried is what is promoted: a change in between is refused, and the server looks at the replay itself.
        if let Some(body) = body.as_object_mut() {
            body.insert("revision".to_owned(), revision);
            body.insert("replay".to_owned(), replay);
        }
    }
    change(context, id, &body)
}

/// Tries what is attached on those decisions that it was asked about. Gives the revision that was tried, and the id of the
/// replay.
fn pass_gate(
    context: &Context,
    id: &str,
    demand: Demand,
    days: u32,
) -> Result<(Value, Value), Failure> {
    let attachment = context.client()?.get(&route(context, id)?)?;
    let pinned = attachment.get("version").unwrap_or(&Value::Null);
    let version = version_of(
        context,
        text(&attachment, "plugin"),
        text(pinned, "version"),
    )?;
    // Decisions that it took part in are those within its scope.
    let filter = json!({"days": days, "plugin": text(&version, "digest")});
    let candidate = json!({"attachment": {"id": text(&attachment, "id")}});
    let replay = replay::run(context, &candidate, &filter, demand)?;
    context.output.note(&replay::summary(&replay));
    if replay.get("total").and_then(Value::as_u64) == Some(0) {
        return Err(Failure::hinted(
            format!(
                "in the last {days} days nothing was decided that this version was asked about"
            ),
            "let it be watched for a while, reach further back with --days, or promote it without a demand",
        ));
    }
    let member = |object: &Value, name: &str| object.get(name).cloned().unwrap_or_default();
    let tried = (member(&attachment, "revision"), member(&replay, "id"));
    replay::must_pass(&[replay], demand)?;
    Ok(tried)
}

/// A version as the server has it.
///
/// # Errors
/// There is none.
pub fn version_of(context: &Context, plugin: &str, version: &str) -> Result<Value, Failure> {
    context.client()?.get(&format!(
        "/v1/plugins/{}/versions/{}",
        segment(plugin),
        segment(version)
    ))
}

fn change(context: &Context, id: &str, body: &Value) -> Result<(), Failure> {
    let attachment = context.client()?.patch(&route(context, id)?, body)?;
    say(context, &attachment)
}

pub fn rollback(context: &Context, id: &str, revision: Option<i64>) -> Result<(), Failure> {
    let body = revision.map_or_else(|| json!({}), |revision| json!({ "revision": revision }));
    let attachment = context
        .client()?
        .post(&format!("{}/rollback", route(context, id)?), &body)?;
    say(context, &attachment)
}

pub fn detach(context: &Context, id: &str) -> Result<(), Failure> {
    context.client()?.delete(&route(context, id)?)?;
    context
        .output
        .done(&format!("attachment {id} detached"), &Value::Null)
}

/// The route of an attachment: by its id, by its own name, or by the plugin if it is attached once.
fn route(context: &Context, meant: &str) -> Result<String, Failure> {
    let route = |id: &str| format!("/v1/plugins/attachments/{}", segment(id));
    if is_uuid(meant) {
        return Ok(route(meant));
    }
    let list = context.client()?.get("/v1/plugins/attachments")?;
    let attachments = items(&list, "attachments");
    let with = |member: &str| -> Vec<&str> {
        let fitting = attachments.iter().filter(|one| text(one, member) == meant);
        fitting.map(|one| text(one, "id")).collect()
    };
    let named = with("name");
    let found = if named.is_empty() {
        with("plugin")
    } else {
        named
    };
    match found.as_slice() {
        [id] => Ok(route(id)),
        [] => Err(Failure::hinted(
            format!("nothing is attached that is called `{meant}`"),
            "`1claw plugin attachments` shows what is",
        )),
        _ => Err(Failure::hinted(
            format!("`{meant}` is attached {} times", found.len()),
            "give the id of the attachment you mean: `1claw plugin attachments`",
        )),
    }
}

fn say(context: &Context, attachment: &Value) -> Result<(), Failure> {
    let mode = match text(attachment, "mode") {
        "shadow" => "watched",
        "canary" => "enforced for a share of the callers",
        _ => "enforced",
    };
    context.output.done(
        &format!(
            "{} {} is {mode}: attachment {}, revision {}",
            text(attachment, "plugin"),
            version(attachment),
            text(attachment, "id"),
            attachment.get("revision").unwrap_or(&Value::Null),
        ),
        attachment,
    )
}

const DECISIONS: &[Column] = &[
    Column::time("At", "created_at"),
    Column::made("Principal", |decision| {
        format!(
            "{}:{}",
            text(decision, "principal_type"),
            text(decision, "principal_id")
        )
    }),
    Column::new("Path", "path"),
    Column::new("Verdict", "verdict"),
    Column::new("Code", "code"),
    Column::id("ID", "id"),
];

pub fn logs(context: &Context, plugin: &str, version: &str, limit: u32) -> Result<(), Failure> {
    let found = version_of(context, plugin, version)?;
    let limit = limit.to_string();
    let parameters = [
        ("plugin", Some(text(&found, "digest"))),
        ("limit", Some(limit.as_str())),
    ];
    let list = context
        .client()?
        .get(&format!("/v1/decisions{}", query(&parameters)))?;
    context.output.list(items(&list, "decisions"), DECISIONS)
}
