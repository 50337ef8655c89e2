//! The settings: what the host hands over as JSON. The schema is in `settings.schema.json`.

use std::collections::BTreeMap;

use oneclaw_policy_sdk::{Address, Amount};
use serde::Deserialize;

/// What one agent may have signed, read but not yet checked.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    pub(crate) signing: Signing,
    pub(crate) rulesets: Vec<RulesetRule>,
    pub(crate) zones: BTreeMap<String, ZoneTable>,
}

/// Switches for what is not a transaction.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Signing {
    pub(crate) messages: bool,
    pub(crate) digests: bool,
    pub(crate) typed_data: bool,
    pub(crate) domains: Vec<DomainRule>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DomainRule {
    pub(crate) verifying_contract: Address,
    pub(crate) name: Option<String>,
    pub(crate) chain_id: Option<u64>,
    #[serde(default)]
    pub(crate) primary_types: Vec<String>,
    #[serde(default)]
    pub(crate) fields: Vec<FieldRule>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FieldRule {
    pub(crate) pointer: String,
    #[serde(default)]
    pub(crate) one_of: Vec<String>,
    pub(crate) at_most: Option<Amount>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stance {
    #[default]
    Allow,
    Deny,
    ListedOnly,
}

/// One set of rules, as it is written. What is left out restricts nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RulesetRule {
    pub(crate) name: String,
    pub(crate) on_chains: Vec<u64>,
    pub(crate) chains: Option<Vec<AllowedChain>>,
    pub(crate) recipients: Vec<Address>,
    pub(crate) denied_recipients: Vec<Address>,
    pub(crate) max_value: Option<Amount>,
    pub(crate) budgets: Vec<BudgetRule>,
    pub(crate) tokens: Option<Vec<Address>>,
    pub(crate) token_limits: Vec<TokenLimit>,
    pub(crate) functions: Vec<FunctionRule>,
    pub(crate) max_gas: Option<u64>,
    pub(crate) max_fee_per_gas: Option<Amount>,
    pub(crate) max_priority_fee_per_gas: Option<Amount>,
    pub(crate) max_total_fee: Option<Amount>,
    pub(crate) unlimited_approvals: Stance,
    pub(crate) contract_creation: Stance,
    pub(crate) delegations: Stance,
    pub(crate) delegatecalls: Stance,
    pub(crate) opaque_calls: Stance,
    pub(crate) time_windows: Vec<WindowRule>,
    pub(crate) require_signed_intent: bool,
    pub(crate) require_simulation: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AllowedChain {
    pub(crate) id: u64,
    pub(crate) name: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenLimit {
    pub(crate) token: Address,
    pub(crate) max_amount: Amount,
}

/// Ordered by selector, so that those for one selector stand together.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FunctionRule {
    pub(crate) selector: u32,
    pub(crate) contract: Option<Address>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BudgetRule {
    pub(crate) budget: String,
    pub(crate) code: String,
    pub(crate) asset: Asset,
    pub(crate) limit: Amount,
    pub(crate) window: Span,
}

/// What a budget counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Asset {
    Native,
    Transactions,
    Fees,
    Token(Address),
}

/// The span over which a budget counts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Span {
    Rolling { seconds: u64 },
    Calendar { unit: Unit, zone: String },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unit {
    Day,
    Week,
    Month,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WindowRule {
    pub(crate) after_minute: u16,
    pub(crate) before_minute: u16,
    pub(crate) zone: String,
    pub(crate) days: u8,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ZoneTable {
    pub(crate) transitions: Vec<(i64, i32)>,
    pub(crate) until: i64,
}
