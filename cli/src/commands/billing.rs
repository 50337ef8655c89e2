//! What the organisation uses, and what it may.

use clap::Subcommand;
use serde_json::{Value, json};

use crate::client::{items, text};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Column, Format};

/// What your organisation uses, and what its tier allows
#[derive(Subcommand)]
pub enum BillingCommand {
    /// Show tier and credit
    #[command(after_help = "Examples:\n  1claw billing status")]
    Status,
    /// Show requests, vaults, secrets and agents against the limits of the tier
    #[command(after_help = "Examples:\n  1claw billing usage\n  1claw billing usage --json")]
    Usage,
    /// Show the credit there is
    #[command(after_help = "Examples:\n  1claw billing credits")]
    Credits,
    /// List what was added to the credit and taken from it
    #[command(after_help = "Examples:\n  1claw billing ledger")]
    Ledger,
}

const STATUS: &[Column] = &[
    Column::new("Tier", "tier"),
    Column::new("Status", "status"),
    Column::new("Interval", "interval"),
    Column::time("Period ends", "period_end"),
    Column::new("Overage", "overage_method"),
    Column::new("Credit (USD)", "credit_balance_usd"),
];

const METERS: &[(&str, &str)] = &[
    ("API Requests", "requests"),
    ("Vaults", "vaults"),
    ("Secrets", "secrets"),
    ("Agents", "agents"),
];

const USAGE: &[Column] = &[
    Column::new("Resource", "resource"),
    Column::new("Used", "used"),
    Column::made("Limit", |row| match number(row, "limit") {
        limit if limit >= UNLIMITED => "unlimited".to_owned(),
        limit => limit.to_string(),
    }),
    Column::made("%", |row| {
        let (used, limit) = (number(row, "used"), number(row, "limit"));
        if limit >= UNLIMITED {
            return String::new();
        }
        match used.saturating_mul(100).checked_div(limit) {
            Some(percent) => format!("{percent}%"),
            None => String::new(),
        }
    }),
];

/// Numbers have no "unlimited": from here on a limit is none.
const UNLIMITED: i64 = 1_000_000_000;

const CREDITS: &[Column] = &[
    Column::new("Balance (USD)", "balance_usd"),
    Column::new(
        "Expires within 30 days (cents)",
        "expiring_within_30d_cents",
    ),
];

const LEDGER: &[Column] = &[
    Column::time("Time", "created_at"),
    Column::new("Type", "type"),
    Column::new("Cents", "amount_cents"),
    Column::new("Description", "description"),
];

fn number(value: &Value, name: &str) -> i64 {
    value.get(name).and_then(Value::as_i64).unwrap_or(0)
}

impl BillingCommand {
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let (client, output) = (context.client()?, &context.output);
        match self {
            Self::Status => output.item(&client.get("/v1/billing/subscription")?, STATUS),
            Self::Usage => {
                let subscription = client.get("/v1/billing/subscription")?;
                if output.format() == Format::Json {
                    return output.json(&subscription);
                }
                let usage = subscription.get("usage").unwrap_or(&Value::Null);
                let rows: Vec<Value> = METERS
                    .iter()
                    .map(|(title, meter)| {
                        let meter = usage.get(*meter).unwrap_or(&Value::Null);
                        json!({
                            "resource": title,
                            "used": number(meter, "used"),
                            "limit": number(meter, "limit"),
                        })
                    })
                    .collect();
                if output.format() == Format::Table {
                    output.raw(&format!(
                        "Tier: {}\n\n",
                        crate::output::one_line(text(&subscription, "tier"))
                    ))?;
                }
                output.list(&rows, USAGE)
            }
            Self::Credits => output.item(&client.get("/v1/billing/credits/balance")?, CREDITS),
            Self::Ledger => {
                let list = client.get("/v1/billing/credits/transactions")?;
                output.list(items(&list, "transactions"), LEDGER)
            }
        }
    }
}
