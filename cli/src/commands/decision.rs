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
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 25, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
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
        let vault = self
            .vault
            .as_deref()
            .map(|vault| context.vault(Some(vault)))
            .transpose()?;
        let limit = self.limit.to_string();
        let query = query(&[
            ("agent", self.agent.as_deref()),
            ("vault", vault.as_deref()),
            ("path_prefix", self.path.as_deref()),
            ("verdict", self.verdict.as_deref()),
            ("code", self.code.as_deref()),
            ("limit", Some(&limit)),
        ]);
        let list = context.client()?.get(&format!("/v1/decisions{query}"))?;
        context.output.list(items(&list, "decisions"), COLUMNS)
    }
}
