//! Agents.

pub mod batch;
mod enrollments;
mod fields;
mod keys;
pub mod keys_file;
pub mod list;
pub mod register;
pub mod schema;
mod sign;
mod tx;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

pub use self::fields::AgentFields;
use super::changes_something;
use crate::client::{segment, text};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Column, Format};

/// Agents: identities with a key, limits and guardrails
#[derive(Subcommand)]
pub enum AgentCommand {
    List(ListArgs),
    Create(Box<CreateArgs>),
    Update(Box<UpdateArgs>),
    /// Show an agent
    #[command(after_help = "Examples:\n  1claw agent get $AGENT_ID")]
    Get {
        /// Id of the agent
        id: String,
    },
    Enroll(EnrollArgs),
    #[command(subcommand)]
    Enrollments(enrollments::EnrollmentsCommand),
    /// Delete an agent for good; `update --active false` keeps the record
    #[command(
        visible_alias = "rm",
        after_help = "Examples:\n  1claw agent delete $AGENT_ID --yes"
    )]
    Delete {
        /// Id of the agent
        id: String,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
    /// Give an agent a new key, which is shown once
    #[command(
        after_help = "Examples:\n  1claw agent rotate-key $AGENT_ID\n  1claw agent rotate-key $AGENT_ID --quiet > key.txt"
    )]
    RotateKey {
        /// Id of the agent
        id: String,
        /// For how long the old key counts beside the new one; it ends at once otherwise
        #[arg(long, value_name = "SECONDS")]
        overlap: Option<u64>,
        /// Print the key and nothing else
        #[arg(long)]
        quiet: bool,
    },
    /// Get a token of an agent's, to try out what it may do
    #[command(
        after_help = "Examples:\n  ONECLAW_TOKEN=$(1claw agent token $AGENT_ID --quiet) 1claw secret list -v production"
    )]
    Token {
        /// Id of the agent
        id: String,
        /// Print the token and nothing else
        #[arg(long)]
        quiet: bool,
    },
    #[command(subcommand)]
    Tx(tx::TxCommand),
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    ExportSigningKey(keys::ExportArgs),
    Sign(Box<sign::SignArgs>),
}

/// List the agents of your organisation
#[derive(Args)]
#[command(
    visible_alias = "ls",
    after_help = "Examples:
  1claw agent list
  1claw agent list --label team=red --active true
  1claw agent list --search worker --json | jq -r '.[].id'"
)]
pub struct ListArgs {
    /// Only those with these labels
    #[arg(long, value_name = "NAME=VALUE,…")]
    label: Option<String>,
    /// Only those with this in their name
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Only those that are active, or are not
    #[arg(long, value_name = "BOOL")]
    active: Option<bool>,
}

/// Register an agent; its key is shown once
///
/// With --from, registers one for each row of a CSV file, up to a thousand with one request: all of these or none. The columns
/// are fields of the API, lists with spaces or `;` between their items. Rows whose name is already in the file of --output are
/// left out, so that a run that broke off is finished by running it again.
#[derive(Args)]
#[command(after_help = "Examples:
  1claw agent create worker-1 --scopes 'api-keys/**'
  1claw agent create payer --intents-api --tx-max-value 0.1 --tx-daily-limit 1.0 --tx-allowed-chains base,ethereum
  1claw agent create --from agents.csv --output keys.csv

A file for --from:
  name,description,scopes
  worker-1,Reads keys,api-keys/**
  worker-2,Reads keys,api-keys/** db/*")]
pub struct CreateArgs {
    /// What to call it
    #[arg(required_unless_present = "from", conflicts_with = "from")]
    name: Option<String>,
    /// A CSV file, a row for each agent
    #[arg(long, value_name = "FILE")]
    from: Option<std::path::PathBuf>,
    /// Where the keys of --from go: a CSV file that only you can read; standard output otherwise
    #[arg(short, long, value_name = "FILE", requires = "from")]
    output: Option<std::path::PathBuf>,
    #[command(flatten)]
    fields: AgentFields,
    /// Let it submit transactions; it can then not read private keys
    #[arg(long)]
    intents_api: bool,
    /// Stored with the agent
    #[arg(long)]
    shroud: bool,
    /// Only tokens that the server knows
    #[arg(long)]
    tx_known_tokens_only: bool,
    /// Print the key and nothing else
    #[arg(long, conflicts_with = "from")]
    quiet: bool,
}

/// Change an agent; an empty value clears a field
#[derive(Args)]
#[command(after_help = "Examples:
  1claw agent update $AGENT_ID --vault-ids \"$VAULT_1,$VAULT_2\"
  1claw agent update $AGENT_ID --token-ttl 300
  1claw agent update $AGENT_ID --tx-max-value 0.1 --tx-daily-limit 1.0 --tx-allowed-chains \"base,ethereum\"
  1claw agent update $AGENT_ID --tx-max-value ''
  1claw agent update $AGENT_ID --active false")]
pub struct UpdateArgs {
    /// Id of the agent
    id: String,
    /// What to call it
    #[arg(long)]
    name: Option<String>,
    /// false: it can neither exchange its key nor use a token
    #[arg(long, value_name = "BOOL")]
    active: Option<bool>,
    #[command(flatten)]
    fields: AgentFields,
    /// Whether it may submit transactions
    #[arg(long, value_name = "BOOL")]
    intents_api: Option<bool>,
    /// Stored with the agent
    #[arg(long, value_name = "BOOL")]
    shroud: Option<bool>,
    /// Only tokens that the server knows
    #[arg(long, value_name = "BOOL")]
    tx_known_tokens_only: Option<bool>,
    /// Whether it may have digests signed blindly
    #[arg(long, value_name = "BOOL")]
    raw_signing: Option<bool>,
}

/// Ask for an agent to be registered; a human has to allow it. Needs no sign-in
#[derive(Args)]
#[command(after_help = "Examples:\n  1claw agent enroll worker-1 --email ops@example.com")]
pub struct EnrollArgs {
    /// What to call it
    name: String,
    /// The human who is asked; without one you get a link to hand on
    #[arg(long)]
    email: Option<String>,
    /// What it is for
    #[arg(long)]
    description: Option<String>,
}

const COLUMNS: &[Column] = &[
    Column::id("ID", "id"),
    Column::new("Name", "name"),
    Column::new("Scopes", "scopes"),
    Column::new("Active", "is_active"),
    Column::new("Intents", "intents_api_enabled"),
    Column::new("Shroud", "shroud_enabled"),
    Column::time("Created", "created_at"),
];

const FIELDS: &[Column] = &[
    Column::id("ID", "id"),
    Column::new("Name", "name"),
    Column::new("Description", "description"),
    Column::new("Active", "is_active"),
    Column::id("Created by", "created_by"),
    Column::time("Created", "created_at"),
    Column::time("Last active", "last_active_at"),
    Column::time("Expires", "expires_at"),
    Column::id("Key prefix", "api_key_prefix"),
    Column::time("Key expires", "api_key_expires_at"),
    Column::new("Token lifetime", "token_ttl_seconds"),
    Column::new("Scopes", "scopes"),
    Column::new("Vaults", "vault_ids"),
    Column::new("Labels", "labels"),
    Column::new("Environment", "environment"),
    Column::new("Intents", "intents_api_enabled"),
    Column::id("Address", "evm_address"),
    Column::new("Chains", "tx_allowed_chains"),
    Column::new("Recipients", "tx_to_allowlist"),
    Column::new("Tokens", "tx_token_allowlist"),
    Column::new("Max value", "tx_max_value"),
    Column::new("Daily limit", "tx_daily_limit"),
    Column::new("Spent today", "tx_spent_today"),
    Column::new("Per chain", "per_chain_guardrails"),
];

/// The route of an agent.
fn route(id: &str) -> String {
    format!("/v1/agents/{}", segment(id))
}

impl AgentCommand {
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let output = &context.output;
        match self {
            Self::List(arguments) => {
                let active = arguments.active.map(|yes| yes.to_string());
                let agents = list::agents(
                    context.client()?,
                    &[
                        ("label", arguments.label.as_deref()),
                        ("search", arguments.search.as_deref()),
                        ("is_active", active.as_deref()),
                    ],
                )?;
                output.list(&agents, COLUMNS)
            }
            Self::Create(arguments) => arguments.run(context),
            Self::Update(arguments) => arguments.run(context),
            Self::Get { id } => output.item(&context.client()?.get(&route(&id))?, FIELDS),
            Self::Enroll(arguments) => arguments.run(context),
            Self::Enrollments(command) => command.run(context),
            Self::Delete { id, yes } => {
                context.confirm(&format!("Delete agent {id} for good?"), yes)?;
                context.client()?.delete(&route(&id))?;
                output.done(&format!("agent {id} deleted"), &Value::Null)
            }
            Self::RotateKey { id, overlap, quiet } => {
                let client = context.client()?;
                let route = format!("{}/rotate-key", route(&id));
                let answer = match overlap {
                    Some(seconds) => client.post(&route, &json!({ "overlap_seconds": seconds }))?,
                    None => client.post_empty(&route)?,
                };
                let until = text(&answer, "old_key_valid_until");
                let sentence = if until.is_empty() {
                    format!("agent {id} has a new key; the old one is dead")
                } else {
                    format!("agent {id} has a new key; the old one counts until {until}")
                };
                shown_once(context, &sentence, "api_key", &answer, quiet)
            }
            Self::Token { id, quiet } => {
                let answer = context
                    .client()?
                    .post_empty(&format!("{}/token", route(&id)))?;
                let seconds = answer
                    .get("expires_in")
                    .and_then(Value::as_i64)
                    .unwrap_or(0);
                let sentence = format!("a token of agent {id}, for {seconds} s");
                shown_once(context, &sentence, "token", &answer, quiet)
            }
            Self::Tx(command) => command.run(context),
            Self::Keys(command) => command.run(context),
            Self::ExportSigningKey(arguments) => arguments.run(context),
            Self::Sign(arguments) => arguments.run(context),
        }
    }
}

/// Prints a credential that was just made: that is what the command is for.
fn shown_once(
    context: &Context,
    sentence: &str,
    member: &str,
    answer: &Value,
    quiet: bool,
) -> Result<(), Failure> {
    let output = &context.output;
    let credential = text(answer, member);
    if quiet {
        return output.raw(credential);
    }
    output.done(sentence, answer)?;
    if output.format() != Format::Json && !credential.is_empty() {
        output.raw(&format!("  {credential}\n"))?;
        output.note("it is not shown again");
    }
    Ok(())
}

impl CreateArgs {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let mut body = self.fields.body()?;
        for (name, set) in [
            ("intents_api_enabled", self.intents_api),
            ("shroud_enabled", self.shroud),
            ("tx_known_tokens_only", self.tx_known_tokens_only),
        ] {
            if set {
                body.insert(name.to_owned(), json!(true));
            }
        }
        let Some(name) = self.name else {
            let from = self.from.unwrap_or_default();
            return batch::create(context, &from, self.output.as_deref(), &body);
        };
        body.insert("name".to_owned(), json!(name));
        let answer = context.client()?.post("/v1/agents", &Value::Object(body))?;
        let agent = answer.get("agent").unwrap_or(&answer);
        let sentence = format!("agent `{name}` registered: {}", text(agent, "id"));
        if context.output.format() == Format::Json && !self.quiet {
            return context.output.json(&batch::one(&answer));
        }
        shown_once(context, &sentence, "api_key", &answer, self.quiet)
    }
}

impl UpdateArgs {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let mut body: Map<String, Value> = self.fields.body()?;
        if let Some(name) = &self.name {
            body.insert("name".to_owned(), json!(name));
        }
        for (name, set) in [
            ("is_active", self.active),
            ("intents_api_enabled", self.intents_api),
            ("shroud_enabled", self.shroud),
            ("tx_known_tokens_only", self.tx_known_tokens_only),
            ("raw_signing_enabled", self.raw_signing),
        ] {
            if let Some(set) = set {
                body.insert(name.to_owned(), json!(set));
            }
        }
        changes_something(&body)?;
        let changed: Vec<String> = body.keys().cloned().collect();
        let agent = context
            .client()?
            .patch(&route(&self.id), &Value::Object(body))?;
        context.output.done(
            &format!(
                "agent {} (`{}`) changed: {}",
                self.id,
                text(&agent, "name"),
                changed.join(", ")
            ),
            &agent,
        )
    }
}

impl EnrollArgs {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let body = json!({
            "name": self.name,
            "human_email": self.email,
            "description": self.description,
        });
        let answer = context.anonymous().post("/v1/agents/enroll", &body)?;
        let message = text(&answer, "message");
        context
            .output
            .done(if message.is_empty() { "asked" } else { message }, &answer)?;
        let link = text(&answer, "approval_url");
        if context.output.format() != Format::Json && !link.is_empty() {
            context
                .output
                .raw(&format!("  {}\n", crate::output::one_line(link)))?;
        }
        Ok(())
    }
}
