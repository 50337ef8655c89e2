//! Webhooks.

use clap::Subcommand;
use serde_json::{Map, Value, json};

use super::comma_list;
use crate::client::{items, segment, text};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Column, Format, one_line};

/// Webhooks: what happens, sent to a server of yours
#[derive(Subcommand)]
pub enum WebhookCommand {
    /// List webhooks
    #[command(visible_alias = "ls", after_help = "Examples:\n  1claw webhook list")]
    List,
    /// Show a webhook
    #[command(after_help = "Examples:\n  1claw webhook get $WEBHOOK_ID")]
    Get {
        /// Id of the webhook
        id: String,
    },
    /// Make a webhook; the secret that signs what is sent is shown once
    #[command(
        after_help = "Examples:\n  1claw webhook create https://ops.example.com/hook --events agent.transaction.signed,policy.created"
    )]
    Create {
        /// Where to send
        url: String,
        /// What to send
        #[arg(long, value_name = "A,B")]
        events: String,
        /// What it is for
        #[arg(short, long)]
        description: Option<String>,
    },
    /// Change a webhook
    #[command(after_help = "Examples:\n  1claw webhook update $WEBHOOK_ID --active false")]
    Update {
        /// Id of the webhook
        id: String,
        /// Where to send
        #[arg(long)]
        url: Option<String>,
        /// What to send
        #[arg(long, value_name = "A,B")]
        events: Option<String>,
        /// What it is for
        #[arg(short, long)]
        description: Option<String>,
        /// Whether anything is sent
        #[arg(long, value_name = "BOOL")]
        active: Option<bool>,
    },
    /// Delete a webhook
    #[command(
        visible_alias = "rm",
        after_help = "Examples:\n  1claw webhook delete $WEBHOOK_ID --yes"
    )]
    Delete {
        /// Id of the webhook
        id: String,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}

const COLUMNS: &[Column] = &[
    Column::id("ID", "id"),
    Column::new("URL", "url"),
    Column::new("Events", "events"),
    Column::new("Active", "is_active"),
    Column::time("Created", "created_at"),
];

const FIELDS: &[Column] = &[
    Column::id("ID", "id"),
    Column::new("URL", "url"),
    Column::new("Description", "description"),
    Column::new("Events", "events"),
    Column::new("Active", "is_active"),
    Column::time("Created", "created_at"),
];

impl WebhookCommand {
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let (client, output) = (context.client()?, &context.output);
        let route = |id: &str| format!("/v1/webhooks/{}", segment(id));
        match self {
            Self::List => output.list(items(&client.get("/v1/webhooks")?, "webhooks"), COLUMNS),
            Self::Get { id } => output.item(&client.get(&route(&id))?, FIELDS),
            Self::Create {
                url,
                events,
                description,
            } => {
                let body = json!({ "url": url, "events": comma_list(&events), "description": description });
                let hook = client.post("/v1/webhooks", &body)?;
                output.done(&format!("webhook {} made", text(&hook, "id")), &hook)?;
                if output.format() != Format::Json {
                    output.raw(&format!("  {}\n", one_line(text(&hook, "secret"))))?;
                    output.note("what is sent is signed with it; it is not shown again");
                }
                Ok(())
            }
            Self::Update {
                id,
                url,
                events,
                description,
                active,
            } => {
                let mut body = Map::new();
                for (name, given) in [
                    ("url", json!(url)),
                    ("description", json!(description)),
                    ("is_active", json!(active)),
                ] {
                    if !given.is_null() {
                        body.insert(name.to_owned(), given);
                    }
                }
                if let Some(events) = events {
                    body.insert("events".to_owned(), json!(comma_list(&events)));
                }
                if body.is_empty() {
                    return Err(Failure::Usage(
                        "nothing is given that would be changed".to_owned(),
                    ));
                }
                let hook = client.patch(&route(&id), &Value::Object(body))?;
                output.done(&format!("webhook {id} changed"), &hook)
            }
            Self::Delete { id, yes } => {
                context.confirm(&format!("Delete webhook {id}?"), yes)?;
                client.delete(&route(&id))?;
                output.done(&format!("webhook {id} deleted"), &Value::Null)
            }
        }
    }
}
