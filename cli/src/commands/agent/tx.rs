//! Transactions of agents.

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::route;
use crate::client::{items, segment, text};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Column, Format};

/// Transactions of agents, within their guardrails
#[derive(Subcommand)]
pub enum TxCommand {
    /// Have a transaction signed and sent
    #[command(after_help = "Examples:
  1claw agent tx submit $AGENT_ID --chain base --to 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --value 0.05
  1claw agent tx submit $AGENT_ID --chain base --to $TOKEN --value 0 --data 0xa9059cbb… --simulate")]
    Submit(IntentArgs),
    /// Have a transaction signed, and not sent
    #[command(
        after_help = "Examples:\n  1claw agent tx sign $AGENT_ID --chain base --to 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --value 0.05"
    )]
    Sign(IntentArgs),
    /// List the newest transactions
    #[command(
        visible_alias = "ls",
        after_help = "Examples:\n  1claw agent tx list $AGENT_ID"
    )]
    List {
        /// Id of the agent
        agent_id: String,
        /// With the signed transactions in JSON
        #[arg(long)]
        include_signed_tx: bool,
    },
    /// Show a transaction
    #[command(after_help = "Examples:\n  1claw agent tx get $AGENT_ID $TX_ID")]
    Get {
        /// Id of the agent
        agent_id: String,
        /// Id of the transaction
        tx_id: String,
        /// With the signed transaction
        #[arg(long)]
        include_signed_tx: bool,
    },
}

/// What is to be signed.
#[derive(Args)]
pub struct IntentArgs {
    /// Id of the agent
    agent_id: String,
    /// The recipient, or the contract
    #[arg(long)]
    to: String,
    /// In the native coin, such as 0.05
    #[arg(long)]
    value: String,
    /// Name or id of the chain
    #[arg(long)]
    chain: String,
    /// Calldata in hexadecimal
    #[arg(long, value_name = "HEX")]
    data: Option<String>,
    /// Path of a private key in a vault; the agent's signing key otherwise
    #[arg(long, value_name = "PATH")]
    signing_key_path: Option<String>,
    /// The next one otherwise
    #[arg(long)]
    nonce: Option<u64>,
    /// Wei for a unit of gas: a legacy transaction
    #[arg(long, value_name = "WEI")]
    gas_price: Option<String>,
    /// Most gas
    #[arg(long)]
    gas_limit: Option<u64>,
    /// Wei for a unit of gas (EIP-1559)
    #[arg(long, value_name = "WEI")]
    max_fee_per_gas: Option<String>,
    /// Wei for a unit of gas (EIP-1559)
    #[arg(long, value_name = "WEI")]
    max_priority_fee_per_gas: Option<String>,
    /// Simulate first; what would revert is not signed
    #[arg(long)]
    simulate: bool,
}

const COLUMNS: &[Column] = &[
    Column::id("ID", "id"),
    Column::new("Chain", "chain"),
    Column::new("To", "to"),
    Column::new("Wei", "value_wei"),
    Column::new("Status", "status"),
    Column::new("Hash", "tx_hash"),
    Column::time("Created", "created_at"),
];

const FIELDS: &[Column] = &[
    Column::id("ID", "id"),
    Column::new("Chain", "chain"),
    Column::id("From", "from"),
    Column::id("To", "to"),
    Column::new("Wei", "value_wei"),
    Column::new("Nonce", "nonce"),
    Column::new("Status", "status"),
    Column::new("Error", "error_message"),
    Column::id("Hash", "tx_hash"),
    Column::id("Signed", "signed_tx"),
    Column::new("Simulation", "simulation_status"),
    Column::time("Created", "created_at"),
    Column::time("Signed at", "signed_at"),
];

impl TxCommand {
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let output = &context.output;
        let included = |yes: bool| if yes { "?include_signed_tx=true" } else { "" };
        match self {
            Self::Submit(arguments) => arguments.run(context, "/transactions"),
            Self::Sign(arguments) => arguments.run(context, "/transactions/sign"),
            Self::List {
                agent_id,
                include_signed_tx,
            } => {
                let query = included(include_signed_tx);
                let list = context
                    .client()?
                    .get(&format!("{}/transactions{query}", route(&agent_id)))?;
                output.list(items(&list, "transactions"), COLUMNS)
            }
            Self::Get {
                agent_id,
                tx_id,
                include_signed_tx,
            } => {
                let query = included(include_signed_tx);
                let tx = context.client()?.get(&format!(
                    "{}/transactions/{}{query}",
                    route(&agent_id),
                    segment(&tx_id)
                ))?;
                output.item(&tx, FIELDS)
            }
        }
    }
}

impl IntentArgs {
    fn body(&self) -> Map<String, Value> {
        let mut body = Map::new();
        body.insert("to".to_owned(), json!(self.to));
        body.insert("value".to_owned(), json!(self.value));
        body.insert("chain".to_owned(), json!(self.chain));
        for (name, given) in [
            ("data", &self.data),
            ("signing_key_path", &self.signing_key_path),
            ("gas_price", &self.gas_price),
            ("max_fee_per_gas", &self.max_fee_per_gas),
            ("max_priority_fee_per_gas", &self.max_priority_fee_per_gas),
        ] {
            if let Some(given) = given {
                body.insert(name.to_owned(), json!(given));
            }
        }
        for (name, given) in [("nonce", self.nonce), ("gas_limit", self.gas_limit)] {
            if let Some(given) = given {
                body.insert(name.to_owned(), json!(given));
            }
        }
        if self.simulate {
            body.insert("simulate_first".to_owned(), json!(true));
        }
        body
    }

    fn run(&self, context: &Context, below: &str) -> Result<(), Failure> {
        let route = format!("{}{below}", route(&self.agent_id));
        let tx = context
            .client()?
            .post(&route, &Value::Object(self.body()))?;
        if text(&tx, "status") == "awaiting_approval" {
            if context.output.format() == Format::Json {
                context.output.json(&tx)?;
            }
            return Err(Failure::NeedsApproval(format!(
                "transaction {} waits for approval {}",
                text(&tx, "id"),
                text(&tx, "approval_id")
            )));
        }
        context.output.item(&tx, FIELDS)
    }
}
