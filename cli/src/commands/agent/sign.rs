//! Messages, typed data and transactions that agents sign.

use clap::Args;
use serde_json::{Map, Value, json};

use super::route;
use crate::commands::json_argument;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Column;

/// Have an agent sign a message, typed data or a transaction
#[derive(Args)]
#[command(after_help = "Examples:
  1claw agent sign $AGENT_ID --intent-type personal_sign --message hello
  1claw agent sign $AGENT_ID --intent-type typed_data --typed-data order.json
  1claw agent sign $AGENT_ID --intent-type transaction --chain base --to $TO --value 0.01 --tx-type 2")]
pub struct SignArgs {
    /// Id of the agent
    agent_id: String,
    /// personal_sign, typed_data, eip712_digest or transaction
    #[arg(long, value_name = "TYPE")]
    intent_type: String,
    /// Name or id of the chain
    #[arg(long, default_value = "ethereum")]
    chain: String,
    /// Text, or 0x and bytes in hexadecimal
    #[arg(long)]
    message: Option<String>,
    /// A file with EIP-712 typed data
    #[arg(long, value_name = "FILE")]
    typed_data: Option<String>,
    /// 32 bytes in hexadecimal
    #[arg(long, value_name = "HEX")]
    hash: Option<String>,
    /// Path of a private key in a vault; the agent's signing key otherwise
    #[arg(long, value_name = "PATH")]
    signing_key_path: Option<String>,
    /// The recipient, or the contract
    #[arg(long)]
    to: Option<String>,
    /// In the native coin, such as 0.05
    #[arg(long)]
    value: Option<String>,
    /// Calldata in hexadecimal
    #[arg(long, value_name = "HEX")]
    data: Option<String>,
    /// The next one otherwise
    #[arg(long)]
    nonce: Option<u64>,
    /// Most gas
    #[arg(long)]
    gas_limit: Option<u64>,
    /// Wei for a unit of gas: a legacy transaction
    #[arg(long, value_name = "WEI")]
    gas_price: Option<String>,
    /// Wei for a unit of gas (EIP-1559)
    #[arg(long, value_name = "WEI")]
    max_fee_per_gas: Option<String>,
    /// Wei for a unit of gas (EIP-1559)
    #[arg(long, value_name = "WEI")]
    max_priority_fee_per_gas: Option<String>,
    /// 0, 1, 2 or 4 (EIP-2718)
    #[arg(long, value_name = "N")]
    tx_type: Option<u8>,
}

const FIELDS: &[Column] = &[
    Column::new("Type", "intent_type"),
    Column::new("Chain", "chain"),
    Column::id("From", "from"),
    Column::id("Signature", "signature"),
    Column::id("Signed", "signed_tx"),
    Column::id("Hash", "tx_hash"),
    Column::id("Message hash", "message_hash"),
    Column::id("Typed data hash", "typed_data_hash"),
];

impl SignArgs {
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let mut body = Map::new();
        body.insert("intent_type".to_owned(), json!(self.intent_type));
        body.insert("chain".to_owned(), json!(self.chain));
        let typed_data = match &self.typed_data {
            Some(file) => Some(json_argument(
                "typed-data",
                &format!("@{}", file.trim_start_matches('@')),
            )?),
            None => None,
        };
        for (name, given) in [
            ("message", json!(self.message)),
            ("typed_data", json!(typed_data)),
            ("hash", json!(self.hash)),
            ("signing_key_path", json!(self.signing_key_path)),
            ("to", json!(self.to)),
            ("value", json!(self.value)),
            ("data", json!(self.data)),
            ("nonce", json!(self.nonce)),
            ("gas_limit", json!(self.gas_limit)),
            ("gas_price", json!(self.gas_price)),
            ("max_fee_per_gas", json!(self.max_fee_per_gas)),
            (
                "max_priority_fee_per_gas",
                json!(self.max_priority_fee_per_gas),
            ),
            ("tx_type", json!(self.tx_type)),
        ] {
            if !given.is_null() {
                body.insert(name.to_owned(), given);
            }
        }
        let route = format!("{}/sign", route(&self.agent_id));
        let answer = context.client()?.post(&route, &Value::Object(body))?;
        context.output.item(&answer, FIELDS)
    }
}
