//! Policies: who may do what in a vault, when and from where.

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::{comma_list, json_argument};
use crate::client::{items, segment, text};
use crate::clock::{now, point_in_time};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Column;

/// Policies: who may do what in a vault, when and from where
#[derive(Subcommand)]
pub enum PolicyCommand {
    /// List the policies of a vault
    #[command(
        visible_alias = "ls",
        after_help = "Examples:\n  1claw policy list --vault production"
    )]
    List {
        /// Id or name of the vault [env: ONECLAW_VAULT_ID]
        #[arg(short, long)]
        vault: Option<String>,
    },
    Create(Box<CreateArgs>),
    /// Delete a policy; it ends with the next request
    #[command(
        visible_alias = "rm",
        after_help = "Examples:\n  1claw policy delete 0190a0b0-0000-7000-8000-000000000001 --vault production --yes"
    )]
    Delete {
        /// Id of the policy
        id: String,
        /// Id or name of the vault [env: ONECLAW_VAULT_ID]
        #[arg(short, long)]
        vault: Option<String>,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}

/// Let an agent or a user do something in a vault, or keep it from it
#[derive(Args)]
#[command(after_help = "Examples:
  1claw policy create -v production --principal-type agent --principal-id $AGENT_ID --path 'api-keys/**'
  1claw policy create -v production --principal-type agent --principal-id $AGENT_ID --path 'keys/**' \\
    --permissions read --ip-allowlist 10.0.0.0/8 --time-window '08:00-20:00 UTC' --expires 2026-06-01
  1claw policy create -v production --principal-type user --principal-id $USER_ID --path '**' --effect deny")]
pub struct CreateArgs {
    /// Id or name of the vault [env: ONECLAW_VAULT_ID]
    #[arg(short, long)]
    vault: Option<String>,
    /// Whom it is about: agent or user
    #[arg(long, value_name = "TYPE")]
    principal_type: String,
    /// Id of the agent or user
    #[arg(long, value_name = "ID")]
    principal_id: String,
    /// Paths: `*` is one segment, `**` any number
    #[arg(long, value_name = "PATTERN")]
    path: String,
    /// read, write, delete, rotate; write covers delete and rotate
    #[arg(long, value_name = "A,B", default_value = "read")]
    permissions: String,
    /// When it ends: 2026-12-31T00:00:00Z, 2026-12-31, 12h, 30d, 6m, 1y
    #[arg(long, value_name = "TIME")]
    expires: Option<String>,
    /// allow, or deny
    #[arg(long)]
    effect: Option<String>,
    /// The highest that applies decides; 0 unless given
    #[arg(long)]
    priority: Option<i64>,
    /// Only from these addresses or networks
    #[arg(long, value_name = "A,B")]
    ip_allowlist: Option<String>,
    /// Only then: '08:00-20:00', with a zone ('… Europe/Berlin') and days ('… UTC mon,tue') if you like
    #[arg(long, value_name = "WINDOW")]
    time_window: Option<String>,
    /// Only for callers of these environments
    #[arg(long, value_name = "A,B")]
    environment_in: Option<String>,
    /// All conditions as JSON or @file; those above are added to it
    #[arg(long, value_name = "JSON")]
    conditions: Option<String>,
    /// Stored with the policy, as JSON or @file
    #[arg(long, value_name = "JSON")]
    tx_conditions: Option<String>,
    /// Stored with the policy, as JSON or @file
    #[arg(long, value_name = "JSON")]
    consensus_trigger: Option<String>,
    /// Stored with the policy
    #[arg(long, value_name = "N")]
    policy_schema_version: Option<i64>,
    /// The approval under which it is made
    #[arg(long, value_name = "ID")]
    approval_id: Option<String>,
}

const COLUMNS: &[Column] = &[
    Column::id("ID", "id"),
    Column::new("Path", "secret_path_pattern"),
    Column::made("Principal", |policy| {
        format!(
            "{}:{}",
            text(policy, "principal_type"),
            text(policy, "principal_id")
        )
    }),
    Column::new("Permissions", "permissions"),
    Column::new("Effect", "effect"),
    Column::made("Conditions", |policy| {
        let conditions = policy.get("conditions").and_then(Value::as_object);
        conditions.map_or_else(String::new, |all| {
            all.keys().cloned().collect::<Vec<_>>().join(", ")
        })
    }),
    Column::time("Expires", "expires_at"),
];

impl PolicyCommand {
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::List { vault } => {
                let route = format!("{}/policies", context.vault_route(vault.as_deref())?);
                let list = context.client()?.get(&route)?;
                context.output.list(items(&list, "policies"), COLUMNS)
            }
            Self::Create(arguments) => arguments.run(context),
            Self::Delete { id, vault, yes } => {
                let route = context.vault_route(vault.as_deref())?;
                context.confirm(&format!("Delete policy {id}?"), yes)?;
                context
                    .client()?
                    .delete(&format!("{route}/policies/{}", segment(&id)))?;
                context
                    .output
                    .done(&format!("policy {id} deleted"), &Value::Null)
            }
        }
    }
}

impl CreateArgs {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let route = format!("{}/policies", context.vault_route(self.vault.as_deref())?);
        let policy = context.client()?.post(&route, &self.body()?)?;
        context.output.done(
            &format!(
                "policy {} made: {} may {} {}",
                text(&policy, "id"),
                self.principal_id,
                if text(&policy, "effect") == "deny" {
                    "not"
                } else {
                    "now"
                },
                self.permissions
            ),
            &policy,
        )
    }

    fn body(&self) -> Result<Value, Failure> {
        let mut body = Map::new();
        let mut put = |name: &str, value: Value| {
            if !value.is_null() {
                body.insert(name.to_owned(), value);
            }
        };
        put("secret_path_pattern", json!(self.path));
        put("principal_type", json!(self.principal_type));
        put("principal_id", json!(self.principal_id));
        put("permissions", json!(comma_list(&self.permissions)));
        put("effect", json!(self.effect));
        put("priority", json!(self.priority));
        put("policy_schema_version", json!(self.policy_schema_version));
        put("approval_id", json!(self.approval_id));
        if let Some(time) = &self.expires {
            put("expires_at", json!(point_in_time(time, now())?));
        }
        if let Some(json) = &self.tx_conditions {
            put("tx_conditions", json_argument("tx-conditions", json)?);
        }
        if let Some(json) = &self.consensus_trigger {
            put(
                "consensus_trigger",
                json_argument("consensus-trigger", json)?,
            );
        }
        let conditions = self.all_conditions()?;
        if !conditions.is_empty() {
            put("conditions", Value::Object(conditions));
        }
        Ok(Value::Object(body))
    }

    fn all_conditions(&self) -> Result<Map<String, Value>, Failure> {
        let mut all = match &self.conditions {
            None => Map::new(),
            Some(json) => match json_argument("conditions", json)? {
                Value::Object(members) => members,
                _ => {
                    return Err(Failure::Usage(
                        "--conditions must be a JSON object".to_owned(),
                    ));
                }
            },
        };
        if let Some(networks) = &self.ip_allowlist {
            all.insert("ip_allowlist".to_owned(), json!(comma_list(networks)));
        }
        if let Some(window) = &self.time_window {
            all.insert("time_window".to_owned(), time_window(window)?);
        }
        if let Some(environments) = &self.environment_in {
            all.insert("environment_in".to_owned(), json!(comma_list(environments)));
        }
        Ok(all)
    }
}

/// `HH:MM-HH:MM [zone] [days]`, or the JSON of the API. Whether zone and times exist, the server says.
fn time_window(text: &str) -> Result<Value, Failure> {
    if text.trim_start().starts_with(['{', '@']) {
        return json_argument("time-window", text);
    }
    let wrong = || {
        Failure::Usage(format!(
            "`{text}` is no time window; write it as '08:00-20:00 Europe/Berlin mon,tue,wed', zone and days being optional"
        ))
    };
    let mut words = text.split_whitespace();
    let (after, before) = words
        .next()
        .and_then(|span| span.split_once('-'))
        .ok_or_else(wrong)?;
    let mut window = Map::new();
    window.insert("after".to_owned(), json!(after));
    window.insert("before".to_owned(), json!(before));
    let is_days = |word: &str| {
        comma_list(word).iter().all(|day| {
            let day = day.to_ascii_lowercase();
            ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
                .iter()
                .any(|known| day.starts_with(known))
                && !day.contains('/')
        })
    };
    for word in words {
        let name = if is_days(word) { "days" } else { "timezone" };
        let value = if is_days(word) {
            json!(comma_list(word))
        } else {
            json!(word)
        };
        if window.insert(name.to_owned(), value).is_some() {
            return Err(wrong());
        }
    }
    Ok(Value::Object(window))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_window_is_written_as_people_write_it() {
        let window = |text: &str| time_window(text).map_err(|failure| failure.to_string());
        assert_eq!(
            window("08:00-20:00").unwrap(),
            json!({"after": "08:00", "before": "20:00"})
        );
        assert_eq!(
            window("22:00-06:00 Europe/Berlin mon,Friday").unwrap(),
            json!({"after": "22:00", "before": "06:00", "timezone": "Europe/Berlin", "days": ["mon", "Friday"]})
        );
        assert_eq!(
            window(r#"{"after":"08:00"}"#).unwrap(),
            json!({"after": "08:00"})
        );
        for wrong in ["", "08:00", "08:00-09:00 UTC GMT", "08:00-09:00 mon tue"] {
            assert!(window(wrong).is_err(), "{wrong}");
        }
    }
}
