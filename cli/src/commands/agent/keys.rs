//! The keys that agents sign with.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::route;
use crate::client::{Method, items, segment, text};
use crate::context::Context;
use crate::failure::Failure;
use crate::input;
use crate::output::{Column, Format};

/// Keys that agents sign transactions with
#[derive(Subcommand)]
pub enum KeysCommand {
    /// List the signing keys of an agent
    #[command(
        visible_alias = "ls",
        after_help = "Examples:\n  1claw agent keys list $AGENT_ID"
    )]
    List {
        /// Id of the agent
        agent_id: String,
    },
    /// Make a signing key
    #[command(after_help = "Examples:\n  1claw agent keys create $AGENT_ID --chain ethereum")]
    Create {
        /// Id of the agent
        agent_id: String,
        /// ethereum, for all EVM chains
        #[arg(long, default_value = "ethereum")]
        chain: String,
    },
    /// Put a new signing key in the place of the one there is
    #[command(after_help = "Examples:\n  1claw agent keys rotate $AGENT_ID --chain ethereum --yes")]
    Rotate {
        /// Id of the agent
        agent_id: String,
        /// ethereum, for all EVM chains
        #[arg(long, default_value = "ethereum")]
        chain: String,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
    /// Have a signing key sign no more
    #[command(
        visible_alias = "rm",
        after_help = "Examples:\n  1claw agent keys delete $AGENT_ID --chain ethereum --yes"
    )]
    Delete {
        /// Id of the agent
        agent_id: String,
        /// ethereum, for all EVM chains
        #[arg(long, default_value = "ethereum")]
        chain: String,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}

/// Carry a signing key out of the server, confirmed by your password
///
/// On a terminal the private key is shown only with --reveal.
#[derive(Args)]
#[command(after_help = "Examples:
  1claw agent export-signing-key $AGENT_ID --chain ethereum > key.txt
  1claw agent export-signing-key $AGENT_ID --password-stdin --json < password.txt > key.json")]
pub struct ExportArgs {
    /// Id of the agent
    agent_id: String,
    /// ethereum, for all EVM chains
    #[arg(long, default_value = "ethereum")]
    chain: String,
    /// Take your password from standard input
    #[arg(long, visible_alias = "password")]
    password_stdin: bool,
    /// Show the key on a terminal, too
    #[arg(long)]
    reveal: bool,
}

const COLUMNS: &[Column] = &[
    Column::new("Chain", "chain"),
    Column::id("Address", "address"),
    Column::new("Curve", "curve"),
    Column::new("Ver", "key_version"),
    Column::new("Active", "is_active"),
    Column::time("Created", "created_at"),
];

impl KeysCommand {
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let output = &context.output;
        match self {
            Self::List { agent_id } => {
                let route = format!("{}/signing-keys", route(&agent_id));
                let list = context.client()?.get(&route)?;
                output.list(items(&list, "keys"), COLUMNS)
            }
            Self::Create { agent_id, chain } => {
                let route = format!("{}/signing-keys", route(&agent_id));
                let key = context.client()?.post(&route, &json!({ "chain": chain }))?;
                output.done(
                    &format!("agent {agent_id} signs as {}", text(&key, "address")),
                    &key,
                )
            }
            Self::Rotate {
                agent_id,
                chain,
                yes,
            } => {
                context.confirm(
                    &format!("Have agent {agent_id} sign with a new key, at a new address?"),
                    yes,
                )?;
                let route = format!(
                    "{}/signing-keys/{}/rotate",
                    route(&agent_id),
                    segment(&chain)
                );
                let key = context.client()?.post_empty(&route)?;
                output.done(
                    &format!("agent {agent_id} now signs as {}", text(&key, "address")),
                    &key,
                )
            }
            Self::Delete {
                agent_id,
                chain,
                yes,
            } => {
                context.confirm(
                    &format!("Have the {chain} key of agent {agent_id} sign no more?"),
                    yes,
                )?;
                let route = format!("{}/signing-keys/{}", route(&agent_id), segment(&chain));
                context.client()?.delete(&route)?;
                output.done(
                    &format!("the {chain} key of agent {agent_id} signs no more"),
                    &Value::Null,
                )
            }
        }
    }
}

impl ExportArgs {
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let output = &context.output;
        if output.is_terminal() && !self.reveal {
            return Err(Failure::Usage(
                "a private key is not shown on a terminal; send it to a file, or say --reveal"
                    .to_owned(),
            ));
        }
        let password = input::password(self.password_stdin)?;
        let route = format!(
            "{}/signing-keys/{}/export",
            route(&self.agent_id),
            segment(&self.chain)
        );
        let headers = [("x-auth-confirm", password.as_str())];
        let key = context
            .client()?
            .send(Method::Post, &route, None, &headers)?;
        if output.format() == Format::Json {
            return output.json(&key);
        }
        output.raw(&format!("{}\n", text(&key, "private_key")))
    }
}
