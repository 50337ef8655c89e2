//! Decisions of the gate, and why they came out as they did.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::client::{items, query, segment, text};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Column, Format, one_line, plain};

/// Decisions: what was allowed or refused, by which plugin, and why
#[derive(Subcommand)]
pub enum DecisionCommand {
    List(ListArgs),
    Export(ExportArgs),
    /// Say why a decision came out as it did, and what would have to be different
    #[command(after_help = "Examples:
  1claw decision explain $DECISION_ID
  1claw decision explain $DECISION_ID --json")]
    Explain {
        /// Id of the decision: a refusal has it as `decision_id`
        id: String,
    },
}

/// List decisions, the newest first
#[derive(Args)]
#[command(
    visible_alias = "ls",
    after_help = "Examples:
  1claw decision list --verdict deny --agent $AGENT_ID
  1claw decision list --vault production --limit 50"
)]
pub struct ListArgs {
    #[command(flatten)]
    which: Which,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 25, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
}

/// Save recorded decisions as cases to test plugins with: request, settings and answer of each plugin that was asked
///
/// Settings are in them, so that only owners and admins get them.
#[derive(Args)]
#[command(after_help = "Examples:
  1claw decision export --as-cases --plugin office-door@0.1.0 --output real.json
  1claw decision export --as-cases --plugin $DIGEST --verdict deny > real.json
  1claw plugin test office-door.wasm --cases real.json")]
pub struct ExportArgs {
    /// As cases, which is the one form that there is
    #[arg(long, required = true)]
    as_cases: bool,
    #[command(flatten)]
    which: Which,
    /// At most so many decisions
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
    /// A file; standard output otherwise
    #[arg(short, long, value_name = "FILE")]
    output: Option<std::path::PathBuf>,
}

/// Which decisions.
#[derive(Args)]
struct Which {
    /// Only about this agent
    #[arg(long, value_name = "ID")]
    agent: Option<String>,
    /// Only about this vault (id or name)
    #[arg(short, long)]
    vault: Option<String>,
    /// Only about paths that start with this
    #[arg(long, value_name = "PREFIX")]
    path: Option<String>,
    /// allow, deny or require-approval
    #[arg(long, value_name = "VERDICT")]
    verdict: Option<String>,
    /// Only those with this reason
    #[arg(long, value_name = "CODE")]
    code: Option<String>,
    /// Only those of `agent:ID` or `user:ID`
    #[arg(long, value_name = "WHO")]
    principal: Option<String>,
    /// Only in this world: `access-policy` or `transaction-guardrail`
    #[arg(long)]
    world: Option<String>,
    /// Only with this version, as `NAME@VERSION` or by its digest; an export then has its answers alone
    #[arg(long, value_name = "PLUGIN")]
    plugin: Option<String>,
    /// Not before this time, as in `2026-12-18T17:00:00Z`
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Before this time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

impl Which {
    /// As a query, with more of it.
    fn query(&self, context: &Context, more: &[(&str, Option<&str>)]) -> Result<String, Failure> {
        let vault = self
            .vault
            .as_deref()
            .map(|vault| context.vault(Some(vault)))
            .transpose()?;
        let plugin = self
            .plugin
            .as_deref()
            .map(|plugin| digest_of(context, plugin))
            .transpose()?;
        let mut parameters = vec![
            ("agent", self.agent.as_deref()),
            ("vault", vault.as_deref()),
            ("path_prefix", self.path.as_deref()),
            ("verdict", self.verdict.as_deref()),
            ("code", self.code.as_deref()),
            ("principal", self.principal.as_deref()),
            ("world", self.world.as_deref()),
            ("plugin", plugin.as_deref()),
            ("since", self.since.as_deref()),
            ("until", self.until.as_deref()),
        ];
        parameters.extend(more);
        Ok(query(&parameters))
    }
}

/// The digest of a version that is meant as `NAME@VERSION`; a digest stays what it is.
fn digest_of(context: &Context, plugin: &str) -> Result<String, Failure> {
    let Some((name, version)) = plugin.split_once('@') else {
        return Ok(plugin.to_owned());
    };
    let route = format!(
        "/v1/plugins/{}/versions/{}",
        segment(name),
        segment(version)
    );
    Ok(text(&context.client()?.get(&route)?, "digest").to_owned())
}

const COLUMNS: &[Column] = &[
    Column::id("ID", "id"),
    Column::time("Time", "created_at"),
    Column::new("Verdict", "verdict"),
    Column::new("Code", "code"),
    Column::made("Who", |one| {
        format!(
            "{}:{}",
            text(one, "principal_type"),
            text(one, "principal_id")
        )
    }),
    Column::new("Path", "path"),
];

const FIELDS: &[Column] = &[
    Column::id("Decision", "id"),
    Column::time("Time", "created_at"),
    Column::new("Verdict", "verdict"),
    Column::new("Code", "code"),
    Column::made("Who", |one| {
        format!(
            "{}:{}",
            text(one, "principal_type"),
            text(one, "principal_id")
        )
    }),
    Column::id("Vault", "vault_id"),
    Column::new("Path", "path"),
    Column::made("Why", |one| explained(one, "summary")),
    Column::made("Decided by", |one| explained(one, "decided_by")),
    Column::made("Rule", |one| explained(one, "rule")),
    Column::made("Condition", |one| explained(one, "condition")),
    Column::made("Figures", |one| explained(one, "figures")),
    Column::made("Allowed from", |one| explained(one, "allowed_from")),
];

fn explained(decision: &Value, member: &str) -> String {
    let value = decision.get("explanation").and_then(|why| why.get(member));
    plain(value.unwrap_or(&Value::Null))
}

impl DecisionCommand {
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::List(arguments) => arguments.run(context),
            Self::Export(arguments) => arguments.run(context),
            Self::Explain { id } => {
                let decision = context
                    .client()?
                    .get(&format!("/v1/decisions/{}", segment(&id)))?;
                let output = &context.output;
                output.item(&decision, FIELDS)?;
                if output.format() == Format::Json {
                    return Ok(());
                }
                let why = decision.get("explanation").unwrap_or(&Value::Null);
                for hint in why
                    .get("would_allow")
                    .into_iter()
                    .flat_map(|hints| items(hints, ""))
                {
                    output.raw(&format!(
                        "  - {}\n",
                        one_line(hint.as_str().unwrap_or_default())
                    ))?;
                }
                let plugins: Vec<Value> = decision
                    .get("plugins")
                    .into_iter()
                    .flat_map(|list| items(list, ""))
                    .map(|plugin| {
                        json!({
                            "name": format!("{} {}", text(plugin, "name"), text(plugin, "version")),
                            "mode": text(plugin, "mode"),
                            "verdict": text(plugin, "verdict"),
                            "code": plugin.get("reason").map(|reason| text(reason, "code")),
                        })
                    })
                    .collect();
                if plugins.is_empty() {
                    return Ok(());
                }
                output.raw("\n")?;
                output.list(&plugins, PLUGINS)
            }
        }
    }
}

const PLUGINS: &[Column] = &[
    Column::new("Plugin", "name"),
    Column::new("Mode", "mode"),
    Column::new("Verdict", "verdict"),
    Column::new("Code", "code"),
];

impl ListArgs {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let limit = self.limit.to_string();
        let query = self.which.query(context, &[("limit", Some(&limit))])?;
        let list = context.client()?.get(&format!("/v1/decisions{query}"))?;
        context.output.list(items(&list, "decisions"), COLUMNS)
    }
}

impl ExportArgs {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let limit = self.limit.to_string();
        let form = self.as_cases.then_some("cases");
        let more = [("as", form), ("limit", Some(&limit))];
        let query = self.which.query(context, &more)?;
        let cases = context
            .client()?
            .get(&format!("/v1/decisions/export{query}"))?;
        let Some(path) = &self.output else {
            return context.output.json(&cases);
        };
        let text = serde_json::to_string_pretty(&cases)
            .map_err(|error| Failure::local(error.to_string()))?;
        std::fs::write(path, text + "\n").map_err(|error| Failure::file(path, &error))?;
        let count = items(&cases, "").len();
        context.output.done(
            &format!("{count} cases are in {}", path.display()),
            &json!({"cases": count}),
        )
    }
}
