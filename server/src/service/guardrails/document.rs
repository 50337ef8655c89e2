//! The `guardrails` document as people write it. Unknown keys are refused. `docs/reference/guardrails.schema.json`
//! describes the same, and a test compares the two.

use std::collections::BTreeMap;

use oneclaw_core::guardrails::Stance;
use serde::Deserialize;
use serde_json::Value;

use super::super::error::{Result, ServiceError};
use super::words::{Account, AnyAmount, BaseUnits, ChainWord, Count, Gwei, Native, maybe, read};

/// The whole document.
#[derive(Debug, Default)]
pub(super) struct Document {
    /// What holds on every chain.
    pub(super) rules: Rules,
    /// What holds on one chain besides, by its name.
    pub(super) per_chain: BTreeMap<String, Rules>,
}

impl Document {
    /// Reads a document; `null` and `{}` say nothing.
    ///
    /// # Errors
    /// Names the field at fault.
    pub(super) fn read(field: &str, value: &Value) -> Result<Self> {
        let mut map = match value {
            Value::Null => return Ok(Self::default()),
            Value::Object(map) => map.clone(),
            _ => return Err(ServiceError::field(field, "must be an object or null")),
        };
        let per_chain = match map.remove("per_chain") {
            None | Some(Value::Null) => BTreeMap::new(),
            Some(value) => read(&format!("{field}.per_chain"), &value)?,
        };
        Ok(Self {
            rules: read(field, &Value::Object(map))?,
            per_chain,
        })
    }
}

/// Rules, for every chain or for one.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "an object of guardrails")]
pub(super) struct Rules {
    pub(super) budgets: Vec<Budget>,
    pub(super) recipients: Option<Recipients>,
    pub(super) functions: Option<Vec<Function>>,
    pub(super) tokens: Option<Tokens>,
    pub(super) fees: Option<Fees>,
    pub(super) unlimited_approvals: Option<Stance>,
    pub(super) contract_creation: Option<Stance>,
    pub(super) delegations: Option<Stance>,
    pub(super) delegatecalls: Option<Stance>,
    pub(super) opaque_calls: Option<Stance>,
    pub(super) typed_data: Vec<Domain>,
    pub(super) time_windows: Option<Vec<Value>>,
    pub(super) require_signed_intent: bool,
    pub(super) require_simulation: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "an object with name, asset, limit and window"
)]
pub(super) struct Budget {
    pub(super) name: String,
    #[serde(default)]
    pub(super) shared_by: Option<String>,
    pub(super) asset: String,
    pub(super) limit: AnyAmount,
    pub(super) window: Span,
    #[serde(default)]
    pub(super) chains: Option<Vec<ChainWord>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "an object such as `{\"rolling_seconds\": 3600}` or `{\"calendar\": \"day\"}`"
)]
pub(super) struct Span {
    pub(super) rolling_seconds: Option<Count>,
    pub(super) calendar: Option<String>,
    pub(super) timezone: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "an object with allow and deny"
)]
pub(super) struct Recipients {
    pub(super) allow: Option<Vec<Account>>,
    pub(super) deny: Vec<Account>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "an object with selector or signature, and contract if it matters"
)]
pub(super) struct Function {
    pub(super) contract: Option<Account>,
    pub(super) selector: Option<String>,
    pub(super) signature: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "an object with allow and limits"
)]
pub(super) struct Tokens {
    pub(super) allow: Option<Vec<Account>>,
    pub(super) limits: Vec<TokenMaximum>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with token and max_amount")]
pub(super) struct TokenMaximum {
    pub(super) token: Account,
    pub(super) max_amount: BaseUnits,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "an object with max_gas, max_fee_per_gas_gwei, max_priority_fee_per_gas_gwei and max_total"
)]
pub(super) struct Fees {
    pub(super) max_gas: Option<Count>,
    #[serde(deserialize_with = "maybe")]
    pub(super) max_fee_per_gas_gwei: Option<Gwei>,
    #[serde(deserialize_with = "maybe")]
    pub(super) max_priority_fee_per_gas_gwei: Option<Gwei>,
    #[serde(deserialize_with = "maybe")]
    pub(super) max_total: Option<Native>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with verifying_contract")]
pub(super) struct Domain {
    pub(super) verifying_contract: Account,
    #[serde(default)]
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) chain_id: Option<Count>,
    #[serde(default)]
    pub(super) primary_types: Vec<String>,
    #[serde(default)]
    pub(super) fields: Vec<Field>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "an object with pointer and one_of or at_most"
)]
pub(super) struct Field {
    pub(super) pointer: String,
    #[serde(default)]
    pub(super) one_of: Vec<String>,
    #[serde(default, deserialize_with = "maybe")]
    pub(super) at_most: Option<BaseUnits>,
}
