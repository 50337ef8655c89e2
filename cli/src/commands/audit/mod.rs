//! The audit trail.

mod offline;

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::client::{items, query, text};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Column, Format};

/// The audit trail: who did what, and what was refused
#[derive(Subcommand)]
pub enum AuditCommand {
    List(ListArgs),
    Verify(VerifyArgs),
    Export(offline::ExportArgs),
    /// Sign what the trail is now, to be kept elsewhere
    #[command(after_help = "Examples:\n  1claw audit checkpoint > checkpoint-$(date +%F).txt")]
    Checkpoint,
    /// Print the public key that checkpoints are signed with
    #[command(after_help = "Examples:\n  1claw audit key > server.key")]
    Key,
}

/// List events, the newest first
#[derive(Args)]
#[command(
    visible_alias = "ls",
    after_help = "Examples:
  1claw audit list --actor-type agent --actor-id $AGENT_ID --limit 50
  1claw audit list --action secret.read --vault production
  1claw audit list --from 2026-11-01 --json"
)]
pub struct ListArgs {
    /// Only what happened in this vault (id or name)
    #[arg(short, long)]
    vault: Option<String>,
    /// Only this, for example secret.read
    #[arg(long)]
    action: Option<String>,
    /// Only what these did: agent, user, system or anonymous
    #[arg(long, value_name = "TYPE")]
    actor_type: Option<String>,
    /// Only what this one did
    #[arg(long, value_name = "ID")]
    actor_id: Option<String>,
    /// Only what was done to such things, for example secret
    #[arg(long, value_name = "TYPE")]
    resource_type: Option<String>,
    /// Only what was done to this one
    #[arg(long, value_name = "ID", conflicts_with = "vault")]
    resource_id: Option<String>,
    /// Only from then on: 2026-11-01T00:00:00Z or 2026-11-01
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Only until then
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 25, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// Leave out so many of the newest
    #[arg(long, value_name = "N")]
    offset: Option<u32>,
}

/// Check that nobody has edited the trail: have the server do it, or check an export yourself
///
/// With --file nothing is asked of the server but its public key, and not even that with --key. Checkpoints that you kept
/// elsewhere show whether the server put an old copy of everything back.
#[derive(Args)]
#[command(after_help = "Examples:
  1claw audit verify
  1claw audit verify --limit 10000 --json
  1claw audit verify --file trail.jsonl --key \"$KEY\"
  1claw audit verify --file trail.jsonl --key @server.key --checkpoint @last-month.txt")]
pub struct VerifyArgs {
    /// Only from then on
    #[arg(long, value_name = "TIME", conflicts_with = "file")]
    from: Option<String>,
    /// Only until then
    #[arg(long, value_name = "TIME", conflicts_with = "file")]
    to: Option<String>,
    /// At most so many events
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000), conflicts_with = "file")]
    limit: Option<u32>,
    /// An export, checked here and not by the server
    #[arg(long, value_name = "FILE")]
    file: Option<std::path::PathBuf>,
    /// The server's public key, or @file with it; fetched otherwise
    #[arg(long, value_name = "KEY", requires = "file")]
    key: Option<String>,
    /// A file with a checkpoint that you kept; may be given more than once
    #[arg(long, value_name = "@FILE", requires = "file")]
    checkpoint: Vec<String>,
}

const COLUMNS: &[Column] = &[
    Column::time("Time", "created_at"),
    Column::new("Action", "action"),
    Column::made("Actor", |event| {
        let (kind, id) = (text(event, "actor_type"), text(event, "actor_id"));
        if id.is_empty() {
            kind.to_owned()
        } else {
            format!("{kind}:{id}")
        }
    }),
    Column::made("Resource", |event| {
        let (kind, id) = (text(event, "resource_type"), text(event, "resource_id"));
        if id.is_empty() {
            kind.to_owned()
        } else {
            format!("{kind}:{id}")
        }
    }),
    Column::new("Address", "ip_address"),
];

fn moment(time: Option<&str>) -> Result<Option<String>, Failure> {
    time.map(|time| crate::clock::point_in_time(time, crate::clock::now()))
        .transpose()
}

impl AuditCommand {
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::List(arguments) => arguments.run(context),
            Self::Verify(arguments) => match &arguments.file {
                Some(file) => offline::verify(
                    context,
                    file,
                    arguments.key.as_deref(),
                    &arguments.checkpoint,
                ),
                None => arguments.run(context),
            },
            Self::Export(arguments) => arguments.run(context),
            Self::Checkpoint => {
                let made = context.client()?.post_empty("/v1/audit/checkpoints")?;
                note(context, &made, "note")
            }
            Self::Key => {
                let key = context.anonymous().get("/v1/audit/checkpoint-key")?;
                note(context, &key, "verifier_key")
            }
        }
    }
}

/// One member of an answer, or all of it as JSON.
fn note(context: &Context, answer: &Value, member: &str) -> Result<(), Failure> {
    if context.output.format() == Format::Json {
        return context.output.json(answer);
    }
    let text = crate::output::visible(text(answer, member).trim_end());
    context.output.raw(&format!("{text}\n"))
}

impl ListArgs {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let vault = self
            .vault
            .as_deref()
            .map(|vault| context.vault(Some(vault)))
            .transpose()?;
        let (from, to) = (moment(self.from.as_deref())?, moment(self.to.as_deref())?);
        let (limit, offset) = (self.limit.to_string(), self.offset.map(|n| n.to_string()));
        let route = format!(
            "/v1/audit/events{}",
            query(&[
                (
                    "resource_id",
                    self.resource_id.as_deref().or(vault.as_deref())
                ),
                ("action", self.action.as_deref()),
                ("actor_type", self.actor_type.as_deref()),
                ("actor_id", self.actor_id.as_deref()),
                ("resource_type", self.resource_type.as_deref()),
                ("from", from.as_deref()),
                ("to", to.as_deref()),
                ("limit", Some(&limit)),
                ("offset", offset.as_deref()),
            ])
        );
        let list = context.client()?.get(&route)?;
        context.output.list(items(&list, "events"), COLUMNS)
    }
}

impl VerifyArgs {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let (from, to) = (moment(self.from.as_deref())?, moment(self.to.as_deref())?);
        let limit = self.limit.map(|n| n.to_string());
        let route = format!(
            "/v1/audit/verify{}",
            query(&[
                ("from", from.as_deref()),
                ("to", to.as_deref()),
                ("limit", limit.as_deref())
            ])
        );
        let result = context.client()?.get(&route)?;
        let checked = result
            .get("events_checked")
            .and_then(Value::as_i64)
            .unwrap_or(0);
        if result.get("chain_valid").and_then(Value::as_bool) == Some(true) {
            return context.output.done(
                &format!("{checked} events checked, and all are as they were written"),
                &result,
            );
        }
        if context.output.format() == Format::Json {
            context.output.json(&result)?;
        }
        Err(Failure::hinted(
            format!(
                "the trail was altered: event {} is not as it was written",
                text(&result, "broken_at_event_id")
            ),
            "keep the database as it is, and look at who had access to it",
        ))
    }
}
