//! The fields of an agent that creating and changing share.

use clap::Args;
use serde_json::{Map, Value, json};

use super::schema;
use crate::clock::{now, point_in_time};
use crate::commands::{comma_list, json_argument};
use crate::failure::Failure;

/// Each is left alone unless given; an empty value clears it.
#[derive(Args)]
pub struct AgentFields {
    /// What it is for
    #[arg(long)]
    description: Option<String>,
    /// Paths it may reach, such as 'api-keys/**', and capability words
    #[arg(long, value_name = "A,B")]
    scopes: Option<String>,
    /// Labels, which policies and guardrails can name; all of them at once
    #[arg(long, value_name = "NAME=VALUE,…")]
    labels: Option<String>,
    /// The only vaults it may reach
    #[arg(long, value_name = "ID,ID")]
    vault_ids: Option<String>,
    /// Lifetime of its tokens, 60 to 86400
    #[arg(long, value_name = "SECONDS")]
    token_ttl: Option<String>,
    /// When the agent ends: 2026-12-31, 30d, 6m, 1y
    #[arg(long, value_name = "TIME")]
    expires_at: Option<String>,
    /// When its key ends
    #[arg(long, value_name = "TIME")]
    api_key_expires_at: Option<String>,
    /// The environment that its tokens are for
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// The only recipients of its transactions
    #[arg(long, value_name = "A,B", help_heading = "Guardrails")]
    tx_to_allowlist: Option<String>,
    /// Most that one transaction may move, in the native coin, such as 0.1
    #[arg(long, value_name = "AMOUNT", help_heading = "Guardrails")]
    tx_max_value: Option<String>,
    /// Most that 24 hours may move
    #[arg(long, value_name = "AMOUNT", help_heading = "Guardrails")]
    tx_daily_limit: Option<String>,
    /// Most transactions in a day (UTC)
    #[arg(long, value_name = "N", help_heading = "Guardrails")]
    tx_max_per_day: Option<String>,
    /// The only chains
    #[arg(long, value_name = "A,B", help_heading = "Guardrails")]
    tx_allowed_chains: Option<String>,
    /// The only tokens
    #[arg(long, value_name = "A,B", help_heading = "Guardrails")]
    tx_token_allowlist: Option<String>,
    /// Stored with the agent
    #[arg(long, value_name = "A,B", help_heading = "Guardrails")]
    xrpl_allowed_tx_types: Option<String>,
    /// Limits for single chains, as JSON or @file
    #[arg(long, value_name = "JSON", help_heading = "Guardrails")]
    per_chain_guardrails: Option<String>,
    /// The document of guardrails, as JSON or @file
    #[arg(long, value_name = "JSON", help_heading = "Guardrails")]
    guardrails: Option<String>,
    /// Whether it may have messages signed
    #[arg(long, value_name = "BOOL", help_heading = "Guardrails")]
    message_signing: Option<bool>,
}

fn integer(name: &str, text: &str) -> Result<Value, Failure> {
    text.parse::<i64>()
        .map(|number| json!(number))
        .map_err(|_| Failure::Usage(format!("--{name} takes a number, and not `{text}`")))
}

impl AgentFields {
    /// The members of a body that were given.
    ///
    /// # Errors
    /// A number, a time or JSON is none.
    pub fn body(&self) -> Result<Map<String, Value>, Failure> {
        let mut body = Map::new();
        for (name, given) in [
            ("scopes", &self.scopes),
            ("vault_ids", &self.vault_ids),
            ("tx_to_allowlist", &self.tx_to_allowlist),
            ("tx_allowed_chains", &self.tx_allowed_chains),
            ("tx_token_allowlist", &self.tx_token_allowlist),
            ("xrpl_allowed_tx_types", &self.xrpl_allowed_tx_types),
        ] {
            if let Some(list) = given {
                body.insert(name.to_owned(), json!(comma_list(list)));
            }
        }
        if let Some(labels) = &self.labels {
            let labels = schema::labels(labels).map_err(Failure::Usage)?;
            body.insert("labels".to_owned(), Value::Object(labels));
        }
        let mut scalar = |name: &str, given: &Option<String>, read: Reader| {
            let value = match given.as_deref() {
                None => return Ok(()),
                Some("") => Value::Null,
                Some(text) => read(text)?,
            };
            body.insert(name.to_owned(), value);
            Ok::<(), Failure>(())
        };
        scalar("description", &self.description, |text| Ok(json!(text)))?;
        scalar("environment", &self.environment, |text| Ok(json!(text)))?;
        scalar("tx_max_value", &self.tx_max_value, |text| Ok(json!(text)))?;
        scalar("tx_daily_limit", &self.tx_daily_limit, |text| {
            Ok(json!(text))
        })?;
        scalar("token_ttl_seconds", &self.token_ttl, |text| {
            integer("token-ttl", text)
        })?;
        scalar("tx_max_per_day", &self.tx_max_per_day, |text| {
            integer("tx-max-per-day", text)
        })?;
        scalar("expires_at", &self.expires_at, time)?;
        scalar("api_key_expires_at", &self.api_key_expires_at, time)?;
        scalar("per_chain_guardrails", &self.per_chain_guardrails, |text| {
            json_argument("per-chain-guardrails", text)
        })?;
        scalar("guardrails", &self.guardrails, |text| {
            json_argument("guardrails", text)
        })?;
        if let Some(set) = self.message_signing {
            body.insert("message_signing_enabled".to_owned(), json!(set));
        }
        Ok(body)
    }
}

type Reader = fn(&str) -> Result<Value, Failure>;

fn time(text: &str) -> Result<Value, Failure> {
    point_in_time(text, now()).map(|time| json!(time))
}
