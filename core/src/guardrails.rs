//! The settings of the built-in transaction guardrails, as the server builds them from an agent's fields, its
//! `guardrails` document and what holds for the whole organisation.
//!
//! Every ruleset that applies must pass, so that the strictest wins without anything having to compare rulesets. What a
//! ruleset leaves out it does not restrict.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::amount::Amount;
use crate::conditions::{WindowRule, ZoneTable};
use crate::label::is_label_word;
use crate::transaction::Address;
use crate::verdict::Window;

/// Everything the plugin is configured with, for one agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct GuardrailSettings {
    /// What the agent may have signed besides transactions.
    pub signing: SigningSettings,
    /// Each must pass, if it applies.
    pub rulesets: Vec<Ruleset>,
    /// Every zone that a time window names, by name.
    pub zones: BTreeMap<String, ZoneTable>,
}

/// Switches for what is not a transaction. The default refuses all of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct SigningSettings {
    /// EIP-191 messages may be signed.
    pub messages: bool,
    /// Digests that nobody can look into may be signed.
    pub digests: bool,
    /// Typed data of a domain that no ruleset lists may be signed, unless it is a permit of any kind: those always have
    /// to be listed.
    pub typed_data: bool,
    /// Domains of typed data that may be signed; a ruleset may restrict them further.
    pub domains: Vec<DomainRule>,
}

/// Domains of typed data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DomainRule {
    /// The contract that verifies.
    pub verifying_contract: Address,
    /// `name` of the domain, if it matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `chainId` of the domain, if it matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain_id: Option<u64>,
    /// Structs that may be signed; empty for any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub primary_types: Vec<String>,
    /// Rules on the message; each must hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldRule>,
}

/// A rule on one field of a typed message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldRule {
    /// JSON pointer (RFC 6901) into the message, for example `/details/amount`. A field that is not there fails the rule.
    pub pointer: String,
    /// Values of which it must be one, compared without case if they are hexadecimal; empty for any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub one_of: Vec<String>,
    /// The largest number that it may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<Amount>,
}

/// What to do about something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Stance {
    /// Let it pass.
    #[default]
    Allow,
    /// Refuse it.
    Deny,
    /// Refuse it unless this one is on the ruleset's list of recipients: who may spend an allowance, whose code runs, the
    /// contract of a call.
    ListedOnly,
}

/// One set of rules. Empty lists and absent values restrict nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct Ruleset {
    /// Comes back as the rule in reasons, for example `agent`, `per_chain/base`, `organisation`, `label/team=red`.
    pub name: String,
    /// Chains (EIP-155) on which this ruleset applies; empty for all of them.
    pub on_chains: Vec<u64>,
    /// Chains that may be used. Absent: any. An empty list allows none.
    pub chains: Option<Vec<AllowedChain>>,
    /// Who may gain anything or be called; empty for anybody.
    pub recipients: Vec<Address>,
    /// Who may never gain anything or be called.
    pub denied_recipients: Vec<Address>,
    /// Most native value that leaves with one transaction, in wei.
    pub max_value: Option<Amount>,
    /// Budgets.
    pub budgets: Vec<BudgetRule>,
    /// Contracts of tokens that may be moved or approved; absent for any. An empty list allows none.
    pub tokens: Option<Vec<Address>>,
    /// Most of a token that one transaction or signature may move or approve.
    pub token_limits: Vec<TokenLimit>,
    /// Functions that may be called; empty for any.
    pub functions: Vec<FunctionRule>,
    /// Most gas.
    pub max_gas: Option<u64>,
    /// Wei for each unit of gas.
    pub max_fee_per_gas: Option<Amount>,
    /// Wei for each unit of gas.
    pub max_priority_fee_per_gas: Option<Amount>,
    /// Wei: gas limit times maximum fee.
    pub max_total_fee: Option<Amount>,
    /// Allowances without end, `setApprovalForAll` among them.
    pub unlimited_approvals: Stance,
    /// Contract creation.
    pub contract_creation: Stance,
    /// EIP-7702.
    pub delegations: Stance,
    /// Foreign code that runs as the account's own, for example operation 1 of a Safe.
    pub delegatecalls: Stance,
    /// Calls that could not be decoded.
    pub opaque_calls: Stance,
    /// When anything may be signed at all: one of them must be open; empty for always.
    pub time_windows: Vec<WindowRule>,
    /// Whether the agent's own key must stand behind the intent (RFC 9421).
    pub require_signed_intent: bool,
    /// Whether a transaction must have been simulated and gone through.
    pub require_simulation: bool,
}

/// A chain of an allowlist; the name is for messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AllowedChain {
    /// EIP-155.
    pub id: u64,
    /// As in the registry.
    pub name: String,
}

/// Most of one token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenLimit {
    /// Its contract.
    pub token: Address,
    /// In base units of the token.
    pub max_amount: Amount,
}

/// A function that may be called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FunctionRule {
    /// Of this contract alone; absent for every contract.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<Address>,
    /// First four bytes of the calldata, big-endian. A transfer of native coin without calldata needs none.
    pub selector: u32,
}

/// A budget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BudgetRule {
    /// Name of the budget, with its scope in front; see [`BudgetName`].
    pub budget: String,
    /// The code of a refusal, for example `daily_limit`.
    pub code: String,
    /// What is counted.
    pub asset: BudgetAsset,
    /// Most that may be spent and reserved within the window, in base units.
    pub limit: Amount,
    /// The span that counts.
    pub window: Window,
}

/// What a budget counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BudgetAsset {
    /// Native coin that leaves, in wei, of every chain that the ruleset applies to. Asset word: `native`.
    Native,
    /// Transactions, one each. Asset word: `transactions`.
    Transactions,
    /// Most that execution can cost, in wei. Asset word: `fees`.
    Fees,
    /// Units of a token that are moved, approved or permitted. Asset word: the address in lower case.
    Token(Address),
}

/// How budgets are shared: the first part of a budget's name says with whom, the host puts the id behind it.
///
/// A name is `<scope>/<name>`, for example `agent/daily`, `key/daily`, `organisation/treasury`, `label.team/daily`. The
/// name has 1 to 64 characters of `a-z`, `0-9`, `-`, `_`, `.` and `/`. Budgets of different plugins are never the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BudgetScope {
    /// This agent's own.
    Agent,
    /// Shared by whatever is signed with this key.
    Key,
    /// Shared by the organisation.
    Organisation,
    /// Shared by all agents that have the same value for this label. An agent without the label has none of it.
    Label(String),
}

/// A budget's name, taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BudgetName {
    /// Who shares it.
    pub scope: BudgetScope,
    /// The rest.
    pub name: String,
}

impl BudgetName {
    /// Takes a budget's name apart; `None` if it has not the form that [`BudgetScope`] describes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (scope, name) = text.split_once('/')?;
        let in_alphabet = |b: u8| {
            b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.' | b'/')
        };
        if name.is_empty() || name.len() > 64 || !name.bytes().all(in_alphabet) {
            return None;
        }
        let scope = match scope {
            "agent" => BudgetScope::Agent,
            "key" => BudgetScope::Key,
            "organisation" => BudgetScope::Organisation,
            other => {
                let label = other.strip_prefix("label.")?;
                BudgetScope::Label(is_label_word(label).then(|| label.to_owned())?)
            }
        };
        Some(Self {
            scope,
            name: name.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_budget_says_who_shares_it() {
        let scope = |text: &str| BudgetName::parse(text).map(|name| name.scope);
        assert_eq!(scope("agent/daily"), Some(BudgetScope::Agent));
        assert_eq!(scope("key/daily/native"), Some(BudgetScope::Key));
        assert_eq!(
            scope("organisation/treasury"),
            Some(BudgetScope::Organisation)
        );
        assert_eq!(
            scope("label.team/x"),
            Some(BudgetScope::Label("team".to_owned()))
        );
        for bad in [
            "",
            "agent",
            "agent/",
            "team/x",
            "label./x",
            "label.a b/x",
            "agent/X",
            "agent/a b",
        ] {
            assert_eq!(scope(bad), None, "{bad}");
        }
        assert_eq!(scope(&format!("agent/{}", "x".repeat(65))), None);
    }
}
