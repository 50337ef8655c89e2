//! Agents that ask to be let in.

use clap::Subcommand;
use serde_json::Value;

use super::{batch, shown_once};
use crate::client::{items, segment, text};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Column, Format};

/// Agents that ask to be let in
#[derive(Subcommand)]
pub enum EnrollmentsCommand {
    /// List those that wait for you
    #[command(
        visible_alias = "ls",
        after_help = "Examples:\n  1claw agent enrollments list"
    )]
    List,
    /// Let one in: it is registered, and its key shown once
    #[command(after_help = "Examples:
  1claw agent enrollments approve $ENROLLMENT_ID
  1claw agent enrollments approve $ENROLLMENT_ID --yes --quiet > key.txt")]
    Approve {
        /// Id of the enrolment
        id: String,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
        /// Print the key and nothing else
        #[arg(long)]
        quiet: bool,
    },
    /// Turn one away
    #[command(after_help = "Examples:\n  1claw agent enrollments deny $ENROLLMENT_ID --yes")]
    Deny {
        /// Id of the enrolment
        id: String,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}

const COLUMNS: &[Column] = &[
    Column::id("ID", "id"),
    Column::new("Name", "name"),
    Column::new("Description", "description"),
    Column::new("Asked", "human_email"),
    Column::new("Address", "client_ip"),
    Column::new("Status", "status"),
    Column::time("Created", "created_at"),
    Column::time("Expires", "expires_at"),
];

fn route(id: &str) -> String {
    format!("/v1/agents/enrollments/{}", segment(id))
}

impl EnrollmentsCommand {
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let output = &context.output;
        match self {
            Self::List => {
                let list = context.client()?.get("/v1/agents/enrollments")?;
                output.list(items(&list, "enrollments"), COLUMNS)
            }
            Self::Approve { id, yes, quiet } => {
                if !yes {
                    let asking = context.client()?.get(&route(&id))?;
                    let (name, from) = (text(&asking, "name"), text(&asking, "client_ip"));
                    context.confirm(&format!("Let `{name}` in, which asked from {from}?"), yes)?;
                }
                let answer = context
                    .client()?
                    .post_empty(&format!("{}/approve", route(&id)))?;
                let agent = answer.get("agent").unwrap_or(&answer);
                let sentence = format!(
                    "agent `{}` registered: {}",
                    text(agent, "name"),
                    text(agent, "id")
                );
                if output.format() == Format::Json && !quiet {
                    return output.json(&batch::one(&answer));
                }
                shown_once(context, &sentence, "api_key", &answer, quiet)
            }
            Self::Deny { id, yes } => {
                context.confirm(&format!("Turn enrolment {id} away?"), yes)?;
                context
                    .client()?
                    .post_empty(&format!("{}/deny", route(&id)))?;
                output.done(&format!("enrolment {id} turned away"), &Value::Null)
            }
        }
    }
}
