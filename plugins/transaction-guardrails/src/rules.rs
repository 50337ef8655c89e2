//! The rules, checked and ready to decide.

use oneclaw_policy_sdk::time::{Window, Zone};
use oneclaw_policy_sdk::{Address, Amount, BudgetQuery};

use crate::settings::{AllowedChain, Asset, FunctionRule, Signing, Stance, TokenLimit};

/// The guardrails of one agent.
#[derive(Debug)]
pub struct Guardrails {
    pub(crate) signing: Signing,
    pub(crate) rulesets: Vec<Ruleset>,
    pub(crate) zones: Vec<Zone>,
    /// Every budget that a rule counts in, once. Requests bring their state in this order.
    pub(crate) budgets: Vec<BudgetQuery>,
}

/// One set of rules. Each must pass if it applies.
#[derive(Debug)]
pub(crate) struct Ruleset {
    pub(crate) name: String,
    pub(crate) on_chains: Vec<u64>,
    pub(crate) chains: Option<Vec<AllowedChain>>,
    pub(crate) recipients: Addresses,
    pub(crate) denied_recipients: Addresses,
    pub(crate) max_value: Option<Amount>,
    pub(crate) budgets: Vec<Budget>,
    pub(crate) tokens: Option<Addresses>,
    pub(crate) token_limits: Vec<TokenLimit>,
    /// In the order of their selectors.
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
    pub(crate) time_windows: Vec<ZonedWindow>,
    pub(crate) require_signed_intent: bool,
    pub(crate) require_simulation: bool,
}

/// A limit on a budget.
#[derive(Debug)]
pub(crate) struct Budget {
    /// Index into [`Guardrails::budgets`].
    pub(crate) query: usize,
    pub(crate) code: String,
    pub(crate) asset: Asset,
    pub(crate) limit: Amount,
}

/// A window and the index of its zone.
#[derive(Debug)]
pub(crate) struct ZonedWindow {
    pub(crate) window: Window,
    pub(crate) zone: usize,
}

impl Ruleset {
    /// What names no chain is held to the rules of every chain.
    pub(crate) fn applies_on(&self, chain: Option<u64>) -> bool {
        self.on_chains.is_empty() || chain.is_none_or(|chain| self.on_chains.contains(&chain))
    }

    /// Whether a rule of this set counts, limits or lists this contract as a token.
    pub(crate) fn knows_token(&self, contract: &Address) -> bool {
        self.tokens
            .as_ref()
            .is_some_and(|tokens| tokens.contains(contract))
            || self.token_limits.iter().any(|l| l.token == *contract)
            || self
                .budgets
                .iter()
                .any(|budget| budget.asset == Asset::Token(*contract))
    }

    /// Whether a rule of this set depends on knowing what moves, and to whom.
    pub(crate) fn restrict_what_moves(&self) -> bool {
        let counts_what_moves = |b: &Budget| matches!(b.asset, Asset::Native | Asset::Token(_));
        !self.recipients.is_empty()
            || !self.denied_recipients.is_empty()
            || self.max_value.is_some()
            || self.tokens.is_some()
            || !self.token_limits.is_empty()
            || !self.functions.is_empty()
            || self.unlimited_approvals != Stance::Allow
            || self.budgets.iter().any(counts_what_moves)
    }

    /// The rules for one selector.
    pub(crate) fn functions_of(&self, selector: u32) -> &[FunctionRule] {
        let from = self.functions.partition_point(|f| f.selector < selector);
        let rest = self.functions.get(from..).unwrap_or_default();
        let length = rest.partition_point(|f| f.selector == selector);
        rest.get(..length).unwrap_or_default()
    }
}

/// A set of addresses.
#[derive(Debug, Default)]
pub(crate) struct Addresses {
    sorted: Vec<Address>,
}

impl Addresses {
    pub(crate) fn contains(&self, address: &Address) -> bool {
        self.sorted.binary_search(address).is_ok()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }
}

impl From<Vec<Address>> for Addresses {
    fn from(mut sorted: Vec<Address>) -> Self {
        sorted.sort_unstable();
        sorted.dedup();
        Self { sorted }
    }
}
