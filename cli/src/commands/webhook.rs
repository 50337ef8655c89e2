//! Webhooks.

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::{changes_something, comma_list};
use crate::client::{items, query, segment, text};
use crate::context::Context;
use crate::failure::Failure;
use crate::input::ValueSource;
use crate::output::{Column, Format, one_line};

/// Webhooks: addresses of yours that are told what happens
#[derive(Subcommand)]
pub enum WebhookCommand {
    /// List webhooks
    #[command(
        visible_alias = "ls",
        after_help = "Examples:\n  1claw webhook list\n  1claw webhook list --json | jq -r '.[] | select(.is_active | not) | .id'"
    )]
    List,
    Create(CreateArgs),
    /// Show a webhook, and why it was switched off if it was
    #[command(
        visible_alias = "show",
        after_help = "Examples:\n  1claw webhook get $WEBHOOK_ID"
    )]
    Get {
        /// Id of the webhook
        id: String,
    },
    Update(UpdateArgs),
    /// Delete a webhook, with what was to be delivered to it
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
    RotateSecret(RotateArgs),
    /// List what was delivered, waits to be, and was given up, the newest first
    #[command(
        after_help = "Examples:\n  1claw webhook deliveries $WEBHOOK_ID\n  1claw webhook deliveries $WEBHOOK_ID --limit 200 --json | jq -r '.[] | select(.state == \"given_up\") | .id'"
    )]
    Deliveries {
        /// Id of the webhook
        id: String,
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=200))]
        limit: u32,
    },
    /// Have a delivery that has ended tried once more
    #[command(after_help = "Examples:\n  1claw webhook redeliver $WEBHOOK_ID $DELIVERY_ID")]
    Redeliver {
        /// Id of the webhook
        id: String,
        /// Id of the delivery
        delivery: String,
    },
}

/// Make a webhook; the secret that deliveries are signed with is shown once
#[derive(Args)]
#[command(after_help = "Examples:
  1claw webhook create https://ops.example.com/hook --events 'agent.*,policy.created'
  1claw webhook create https://ops.example.com/hook --events '*' --quiet > secret.txt
  1claw webhook create https://ops.example.com/hook --events agent.suspended --stdin < secret.txt")]
pub struct CreateArgs {
    /// Where events go
    url: String,
    /// Which events: names, families such as 'agent.*', or '*'
    #[arg(long, value_name = "A,B")]
    events: String,
    /// What it is for
    #[arg(short, long)]
    description: Option<String>,
    #[command(flatten)]
    secret: SecretArgs,
}

/// Change a webhook; one that was switched off can be switched on again
#[derive(Args)]
#[command(after_help = "Examples:
  1claw webhook update $WEBHOOK_ID --events 'agent.*,vault.deleted'
  1claw webhook update $WEBHOOK_ID --active false")]
pub struct UpdateArgs {
    /// Id of the webhook
    id: String,
    /// Where events go
    #[arg(long)]
    url: Option<String>,
    /// Which events, all of them at once
    #[arg(long, value_name = "A,B")]
    events: Option<String>,
    /// What it is for
    #[arg(short, long)]
    description: Option<String>,
    /// Whether events go there; of those in between it is not told
    #[arg(long, value_name = "BOOL")]
    active: Option<bool>,
}

/// Give a webhook a new secret, which is shown once
#[derive(Args)]
#[command(after_help = "Examples:
  1claw webhook rotate-secret $WEBHOOK_ID --quiet > secret.txt
  1claw webhook rotate-secret $WEBHOOK_ID --overlap 0")]
pub struct RotateArgs {
    /// Id of the webhook
    id: String,
    /// For how long deliveries are signed with the old secret as well; a day otherwise
    #[arg(long, value_name = "SECONDS")]
    overlap: Option<i64>,
    #[command(flatten)]
    secret: SecretArgs,
}

/// Where a secret comes from and goes to. On the command line it stands never.
#[derive(Args)]
struct SecretArgs {
    /// Take the secret from standard input, 16 to 255 bytes; one is made otherwise
    #[arg(long)]
    stdin: bool,
    /// Print the secret and nothing else
    #[arg(long)]
    quiet: bool,
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
    Column::new("Switched off", "disabled_reason"),
    Column::new("Given up in a row", "consecutive_failures"),
    Column::time("Old secret until", "old_secret_until"),
    Column::time("Created", "created_at"),
    Column::time("Changed", "updated_at"),
];

const DELIVERIES: &[Column] = &[
    Column::id("ID", "id"),
    Column::new("Event", "event_type"),
    Column::new("State", "state"),
    Column::new("Attempts", "attempts"),
    Column::new("Status", "last_status"),
    Column::new("Error", "last_error"),
    Column::time("Next attempt", "next_attempt_at"),
    Column::time("Created", "created_at"),
];

impl WebhookCommand {
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let output = &context.output;
        match self {
            Self::List => {
                let list = context.client()?.get("/v1/webhooks")?;
                output.list(items(&list, "webhooks"), COLUMNS)
            }
            Self::Create(arguments) => arguments.run(context),
            Self::Get { id } => output.item(&context.client()?.get(&route(&id, ""))?, FIELDS),
            Self::Update(arguments) => arguments.run(context),
            Self::Delete { id, yes } => {
                context.confirm(&format!("Delete webhook {id}?"), yes)?;
                context.client()?.delete(&route(&id, ""))?;
                output.done(&format!("webhook {id} deleted"), &Value::Null)
            }
            Self::RotateSecret(arguments) => arguments.run(context),
            Self::Deliveries { id, limit } => {
                let limit = limit.to_string();
                let route = route(&id, "/deliveries") + &query(&[("limit", Some(&limit))]);
                let list = context.client()?.get(&route)?;
                output.list(items(&list, "deliveries"), DELIVERIES)
            }
            Self::Redeliver { id, delivery } => {
                let below = format!("/deliveries/{}/redeliver", segment(&delivery));
                context.client()?.post_empty(&route(&id, &below))?;
                output.done(&format!("delivery {delivery} is tried again"), &Value::Null)
            }
        }
    }
}

fn route(id: &str, below: &str) -> String {
    format!("/v1/webhooks/{}{below}", segment(id))
}

impl SecretArgs {
    /// Puts a secret that somebody brings into a request.
    fn put(&self, body: &mut Map<String, Value>) -> Result<(), Failure> {
        if self.stdin {
            let secret = ValueSource::Stdin.read("")?;
            body.insert("secret".to_owned(), json!(secret.as_str()));
        }
        Ok(())
    }

    /// Shows what deliveries are signed with, this once.
    fn show(&self, context: &Context, sentence: &str, webhook: &Value) -> Result<(), Failure> {
        let (output, secret) = (&context.output, text(webhook, "secret"));
        if self.quiet {
            return output.raw(secret);
        }
        output.done(sentence, webhook)?;
        if output.format() != Format::Json {
            output.raw(&format!("  {}\n", one_line(secret)))?;
            output.note("deliveries are signed with it; it is not shown again");
        }
        Ok(())
    }
}

impl CreateArgs {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let mut body = Map::new();
        body.insert("url".to_owned(), json!(self.url));
        body.insert("events".to_owned(), json!(comma_list(&self.events)));
        if let Some(description) = &self.description {
            body.insert("description".to_owned(), json!(description));
        }
        self.secret.put(&mut body)?;
        let made = context.client()?.post("/v1/webhooks", &body.into())?;
        let sentence = format!("webhook made: {}", text(&made, "id"));
        self.secret.show(context, &sentence, &made)
    }
}

impl UpdateArgs {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let events = self.events.as_deref().map(comma_list);
        let mut body = json!({
            "url": self.url,
            "events": events,
            "description": self.description,
            "is_active": self.active,
        });
        if let Some(members) = body.as_object_mut() {
            members.retain(|_, value| !value.is_null());
            changes_something(members)?;
        }
        let webhook = context.client()?.patch(&route(&self.id, ""), &body)?;
        let sentence = format!("webhook {} changed", self.id);
        context.output.done(&sentence, &webhook)
    }
}

impl RotateArgs {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let mut body = Map::new();
        if let Some(seconds) = self.overlap {
            body.insert("overlap_seconds".to_owned(), json!(seconds));
        }
        self.secret.put(&mut body)?;
        let route = route(&self.id, "/rotate-secret");
        let webhook = context.client()?.post(&route, &body.into())?;
        let until = text(&webhook, "old_secret_until");
        let sentence = if until.is_empty() {
            format!("webhook {} has a new secret; the old one ended", self.id)
        } else {
            format!(
                "webhook {} has a new secret; the old one counts until {until}",
                self.id
            )
        };
        self.secret.show(context, &sentence, &webhook)
    }
}
