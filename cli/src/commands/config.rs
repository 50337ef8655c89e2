//! The settings that are kept.

use clap::Subcommand;
use serde_json::{Value, json};

use crate::context::Context;
use crate::failure::Failure;
use crate::output::Column;
use crate::settings::Settings;

/// Settings: api-url, output-format, default-vault
#[derive(Subcommand)]
pub enum ConfigCommand {
    /// Show all settings
    #[command(visible_alias = "ls", after_help = "Examples:\n  1claw config list")]
    List,
    /// Show one setting
    #[command(after_help = "Examples:\n  1claw config get api-url")]
    Get {
        /// api-url, output-format or default-vault
        key: String,
    },
    /// Change a setting; an empty value removes it
    #[command(after_help = "Examples:
  1claw config set api-url https://vault.example.com
  1claw config set output-format json
  1claw config set default-vault production
  1claw config set default-vault ''")]
    Set {
        /// api-url, output-format or default-vault
        key: String,
        /// What to set it to
        value: String,
    },
}

const KEYS: [&str; 3] = ["api-url", "output-format", "default-vault"];

const COLUMNS: &[Column] = &[Column::id("Setting", "key"), Column::new("Value", "value")];

fn slot<'a>(settings: &'a mut Settings, key: &str) -> Result<&'a mut Option<String>, Failure> {
    match key {
        "api-url" => Ok(&mut settings.api_url),
        "output-format" => Ok(&mut settings.output_format),
        "default-vault" => Ok(&mut settings.default_vault_id),
        _ => Err(Failure::Usage(format!(
            "there is no setting `{key}`; there are {}",
            KEYS.join(", ")
        ))),
    }
}

impl ConfigCommand {
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::List => {
                let mut settings = context.place()?.read()?;
                let mut rows = Vec::new();
                for key in KEYS {
                    rows.push(json!({ "key": key, "value": slot(&mut settings, key)?.clone() }));
                }
                context.output.list(&rows, COLUMNS)
            }
            Self::Get { key } => {
                let mut settings = context.place()?.read()?;
                let value = slot(&mut settings, &key)?.clone().unwrap_or_default();
                context.output.raw(&format!("{value}\n"))
            }
            Self::Set { key, value } => {
                let value = match (key.as_str(), value.as_str()) {
                    (_, "") => None,
                    ("output-format", "table" | "json" | "plain") | ("api-url", _) => Some(value),
                    ("output-format", _) => {
                        return Err(Failure::Usage(format!(
                            "`{value}` is no output format; there are table, json, plain"
                        )));
                    }
                    ("default-vault", _) => Some(context.vault(Some(&value))?),
                    _ => Some(value),
                };
                if key == "api-url"
                    && let Some(url) = &value
                {
                    crate::context::checked_url(url)?;
                }
                slot(&mut Settings::default(), &key)?;
                context.place()?.change(|settings| {
                    if let Ok(slot) = slot(settings, &key) {
                        slot.clone_from(&value);
                    }
                })?;
                let sentence = match &value {
                    Some(value) => format!("{key} is {value}"),
                    None => format!("{key} is not set any more"),
                };
                context.output.done(&sentence, &Value::Null)
            }
        }
    }
}
