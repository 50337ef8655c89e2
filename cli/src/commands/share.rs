//! Shares: one secret for one recipient.

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::comma_list;
use crate::client::{items, segment, text};
use crate::clock::{now, point_in_time};
use crate::context::Context;
use crate::failure::Failure;
use crate::input::{self, ValueSource};
use crate::output::{Column, Format, one_line};

/// Shares: a secret for somebody who may not read the vault
#[derive(Subcommand)]
pub enum ShareCommand {
    Create(Box<CreateArgs>),
    /// List shares: those that you made, or with --inbound those for you
    #[command(
        visible_alias = "ls",
        after_help = "Examples:\n  1claw share list --inbound\n  1claw share list --json"
    )]
    List {
        /// Those for you
        #[arg(long, conflicts_with = "outbound")]
        inbound: bool,
        /// Those that you made (the default)
        #[arg(long)]
        outbound: bool,
    },
    /// Accept a share, so that you can read it
    #[command(after_help = "Examples:\n  1claw share accept $SHARE_ID")]
    Accept {
        /// Id of the share
        id: String,
    },
    /// Decline a share
    #[command(after_help = "Examples:\n  1claw share decline $SHARE_ID")]
    Decline {
        /// Id of the share
        id: String,
    },
    /// Take back a share that you made
    #[command(
        visible_alias = "rm",
        after_help = "Examples:\n  1claw share revoke $SHARE_ID --yes"
    )]
    Revoke {
        /// Id of the share
        id: String,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
    Access(AccessArgs),
}

/// Share a secret
#[derive(Args)]
#[command(after_help = "Examples:
  1claw share create $SECRET_ID --to user:$USER_ID --expires 7d
  1claw share create $SECRET_ID --to partner@example.com --max-access 1
  1claw share create $SECRET_ID --link --passphrase --expires 1h
  ONECLAW_API_KEY=$AGENT_KEY 1claw share create $SECRET_ID --creator --max-access 5")]
pub struct CreateArgs {
    /// Id of the secret, which `1claw secret describe` shows
    secret_id: String,
    /// `user:ID`, `agent:ID` or an address
    #[arg(long, value_name = "RECIPIENT", required_unless_present_any = ["link", "creator"], conflicts_with_all = ["link", "creator"])]
    to: Option<String>,
    /// Whoever has the link
    #[arg(long, conflicts_with = "creator")]
    link: bool,
    /// The human who registered you; for agents
    #[arg(long)]
    creator: bool,
    /// When it ends: 2026-12-31, 12h, 7d; in 24 hours otherwise
    #[arg(short, long, value_name = "TIME")]
    expires: Option<String>,
    /// How many accesses succeed
    #[arg(long, value_name = "N")]
    max_access: Option<i64>,
    /// Ask for a passphrase that has to be given with every access; or take it from @file
    #[arg(long, value_name = "@FILE", num_args = 0..=1, default_missing_value = "")]
    passphrase: Option<String>,
    /// Only from these addresses or networks
    #[arg(long, value_name = "A,B")]
    ip_allowlist: Option<String>,
}

/// Read what was shared; on a terminal it is shown only with --reveal
#[derive(Args)]
#[command(after_help = "Examples:
  1claw share access $SHARE_ID --quiet > value.txt
  1claw share access $SHARE_ID --passphrase --reveal")]
pub struct AccessArgs {
    /// Id of the share, or its link
    id: String,
    /// Ask for the passphrase; or take it from @file
    #[arg(long, value_name = "@FILE", num_args = 0..=1, default_missing_value = "")]
    passphrase: Option<String>,
    /// Print the value and nothing else, without a line break
    #[arg(short, long)]
    quiet: bool,
    /// Show the value on a terminal, too
    #[arg(long)]
    reveal: bool,
}

const COLUMNS: &[Column] = &[
    Column::id("ID", "id"),
    Column::new("Secret", "secret_path"),
    Column::new("Type", "recipient_type"),
    Column::made("Recipient", |share| {
        let email = text(share, "recipient_email");
        if email.is_empty() {
            text(share, "recipient_id").to_owned()
        } else {
            email.to_owned()
        }
    }),
    Column::new("From", "created_by_name"),
    Column::new("Status", "status"),
    Column::made("Access", |share| {
        let count = |name: &str| share.get(name).and_then(Value::as_i64);
        let used = count("access_count").unwrap_or(0);
        match count("max_access_count") {
            Some(most) => format!("{used}/{most}"),
            None => used.to_string(),
        }
    }),
    Column::time("Expires", "expires_at"),
];

impl ShareCommand {
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let output = &context.output;
        let route = |id: &str, below: &str| format!("/v1/shares/{}{below}", segment(id));
        match self {
            Self::Create(arguments) => arguments.run(context),
            Self::List { inbound, .. } => {
                let direction = if inbound { "inbound" } else { "outbound" };
                let list = context.client()?.get(&format!("/v1/shares/{direction}"))?;
                output.list(items(&list, "shares"), COLUMNS)
            }
            Self::Accept { id } => {
                context.client()?.post_empty(&route(&id, "/accept"))?;
                output.done(&format!("share {id} accepted"), &Value::Null)
            }
            Self::Decline { id } => {
                context.client()?.post_empty(&route(&id, "/decline"))?;
                output.done(&format!("share {id} declined"), &Value::Null)
            }
            Self::Revoke { id, yes } => {
                context.confirm(&format!("Take share {id} back?"), yes)?;
                context.client()?.delete(&route(&id, ""))?;
                output.done(&format!("share {id} taken back"), &Value::Null)
            }
            Self::Access(arguments) => arguments.run(context),
        }
    }
}

/// Not given: none. Given without anything: typed. `@file`: the first line of the file.
fn passphrase(
    context: &Context,
    argument: Option<&str>,
) -> Result<Option<Zeroizing<String>>, Failure> {
    let source = match argument {
        None => return Ok(None),
        Some("") => {
            return input::hidden("Passphrase: ", "give it with --passphrase @file").map(Some);
        }
        Some(argument) => ValueSource::choose(Some(argument), false)?,
    };
    if matches!(source, ValueSource::Literal(_)) {
        context.output.note(
            "warning: a passphrase on the command line is seen by other users of this machine; use --passphrase alone, or @file",
        );
    }
    let read = source.read("")?;
    Ok(Some(Zeroizing::new(
        read.trim_end_matches(['\r', '\n']).to_owned(),
    )))
}

impl CreateArgs {
    fn recipient(&self) -> Map<String, Value> {
        let mut body = Map::new();
        let mut put = |name: &str, value: &str| {
            body.insert(name.to_owned(), json!(value));
        };
        if self.creator {
            put("recipient_type", "creator");
        } else if let Some(to) = &self.to {
            match to.split_once(':') {
                Some((kind @ ("user" | "agent"), id)) => {
                    put("recipient_type", kind);
                    put("recipient_id", id);
                }
                _ => {
                    put("recipient_type", "external_email");
                    put("email", to);
                }
            }
        } else {
            put("recipient_type", "anyone_with_link");
        }
        body
    }

    fn run(self, context: &Context) -> Result<(), Failure> {
        let mut body = self.recipient();
        if let Some(time) = &self.expires {
            body.insert("expires_at".to_owned(), json!(point_in_time(time, now())?));
        }
        if let Some(count) = self.max_access {
            body.insert("max_access_count".to_owned(), json!(count));
        }
        if let Some(networks) = &self.ip_allowlist {
            body.insert("ip_allowlist".to_owned(), json!(comma_list(networks)));
        }
        if let Some(passphrase) = passphrase(context, self.passphrase.as_deref())? {
            body.insert("passphrase".to_owned(), json!(passphrase.as_str()));
        }
        let route = format!("/v1/secrets/{}/share", segment(&self.secret_id));
        let share = context.client()?.post(&route, &Value::Object(body))?;
        let output = &context.output;
        output.done(
            &format!(
                "shared until {}: {}",
                text(&share, "expires_at"),
                text(&share, "id")
            ),
            &share,
        )?;
        if output.format() != Format::Json {
            output.raw(&format!("  {}\n", one_line(text(&share, "share_url"))))?;
        }
        Ok(())
    }
}

impl AccessArgs {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let output = &context.output;
        let asked_for = self.quiet || self.reveal || output.format() == Format::Json;
        if output.is_terminal() && !asked_for {
            return Err(Failure::Usage(
                "the value is not shown on a terminal; say --reveal, or send it to a file with --quiet".to_owned(),
            ));
        }
        let id = self.id.rsplit('/').next().unwrap_or_default();
        let body = match passphrase(context, self.passphrase.as_deref())? {
            Some(passphrase) => json!({ "passphrase": passphrase.as_str() }),
            None => json!({}),
        };
        let route = format!("/v1/shares/{}/access", segment(id));
        // A link is for anybody, so nobody has to sign in for it.
        let shared = match context.client() {
            Ok(client) => client.post(&route, &body)?,
            Err(_) => context.anonymous().post(&route, &body)?,
        };
        if output.format() == Format::Json && !self.quiet {
            return output.json(&shared);
        }
        let value = text(&shared, "value");
        if self.quiet {
            output.raw(value)
        } else {
            output.raw(&format!("{value}\n"))
        }
    }
}
