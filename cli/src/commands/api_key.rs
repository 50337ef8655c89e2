//! Personal API keys.

use clap::Subcommand;
use serde_json::{Value, json};

use super::comma_list;
use crate::client::{items, segment, text};
use crate::clock::{now, point_in_time};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Column, Format};

/// Your own API keys, for scripts and for ONECLAW_API_KEY
#[derive(Subcommand)]
pub enum ApiKeyCommand {
    /// List your keys, without the keys themselves
    #[command(visible_alias = "ls", after_help = "Examples:\n  1claw api-key list")]
    List,
    /// Make a key; it is shown once
    #[command(after_help = "Examples:
  1claw api-key create ci --expires 90d
  1claw api-key create ci --quiet > key.txt")]
    Create {
        /// What to call it
        name: String,
        /// When it ends: 2026-12-31, 90d, 6m, 1y
        #[arg(short, long, value_name = "TIME")]
        expires: Option<String>,
        /// Stored with the key
        #[arg(long, value_name = "A,B")]
        scopes: Option<String>,
        /// Print the key and nothing else
        #[arg(long)]
        quiet: bool,
    },
    /// Revoke a key
    #[command(
        after_help = "Examples:\n  1claw api-key revoke 0190a0b0-0000-7000-8000-000000000001 --yes"
    )]
    Revoke {
        /// Id of the key
        id: String,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}

const COLUMNS: &[Column] = &[
    Column::id("ID", "id"),
    Column::new("Name", "name"),
    Column::id("Prefix", "key_prefix"),
    Column::new("Active", "is_active"),
    Column::time("Created", "created_at"),
    Column::time("Expires", "expires_at"),
    Column::time("Last used", "last_used_at"),
];

impl ApiKeyCommand {
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let output = &context.output;
        match self {
            Self::List => {
                let list = context.client()?.get("/v1/auth/api-keys")?;
                output.list(items(&list, "keys"), COLUMNS)
            }
            Self::Create {
                name,
                expires,
                scopes,
                quiet,
            } => {
                let mut body = json!({ "name": name });
                if let Some(members) = body.as_object_mut() {
                    if let Some(scopes) = scopes {
                        members.insert("scopes".to_owned(), json!(comma_list(&scopes)));
                    }
                    if let Some(time) = expires {
                        members
                            .insert("expires_at".to_owned(), json!(point_in_time(&time, now())?));
                    }
                }
                let made = context.client()?.post("/v1/auth/api-keys", &body)?;
                let key = text(&made, "api_key");
                if quiet {
                    return output.raw(key);
                }
                let id = made
                    .get("key")
                    .map(|key| text(key, "id"))
                    .unwrap_or_default();
                output.done(&format!("API key `{name}` made: {id}"), &made)?;
                if output.format() != Format::Json {
                    output.raw(&format!("  {key}\n"))?;
                    output.note("it is not shown again");
                }
                Ok(())
            }
            Self::Revoke { id, yes } => {
                context.confirm(&format!("Revoke API key {id}?"), yes)?;
                context
                    .client()?
                    .delete(&format!("/v1/auth/api-keys/{}", segment(&id)))?;
                output.done(&format!("API key {id} revoked"), &Value::Null)
            }
        }
    }
}
