//! The guardrail fields of the contract, as they stand in an agent's profile.

use std::collections::BTreeMap;

use oneclaw_core::guardrails::{BudgetAsset, BudgetRule, DomainRule, Ruleset, SigningSettings};
use oneclaw_core::verdict::{CalendarUnit, Window};
use serde::Deserialize;
use serde_json::Value;

use super::super::error::{Result, ServiceError};
use super::document::Domain;
use super::words::{Account, ChainWord, Count, Native, maybe};
use super::{COUNTED, Chains, FEES, Family, MAX_CHAINS, SPENT, bounded, checked_domain};

/// What restricts transactions, on every chain and on single ones.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Fields {
    tx_to_allowlist: Vec<Account>,
    #[serde(deserialize_with = "maybe")]
    tx_max_value: Option<Native>,
    #[serde(deserialize_with = "maybe")]
    tx_daily_limit: Option<Native>,
    tx_allowed_chains: Vec<ChainWord>,
    tx_token_allowlist: Vec<Account>,
    tx_known_tokens_only: bool,
    tx_max_per_day: Option<Count>,
    per_chain_guardrails: Option<BTreeMap<String, OneChain>>,
    tx_overhead_budget: Option<BTreeMap<String, Native>>,
    solana_ata_allowlist: Vec<Value>,
    xrpl_allowed_tx_types: Vec<Value>,
    message_signing_enabled: bool,
    raw_signing_enabled: bool,
    eip712_default_policy: Option<String>,
    eip712_domain_allowlist: Vec<Domain>,
    execution_intents_enabled: bool,
    execution_guardrails: Option<Value>,
    per_environment_guardrails: Option<Value>,
    pub(super) intent_signature: Option<String>,
}

/// The labels that budgets may be shared by.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Labelled {
    pub(super) labels: Option<BTreeMap<String, String>>,
}

/// A value of `per_chain_guardrails`.
#[derive(Debug, Default, Deserialize)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "an object of guardrails for one chain"
)]
struct OneChain {
    #[serde(deserialize_with = "maybe")]
    max_value: Option<Native>,
    #[serde(deserialize_with = "maybe")]
    max_value_eth: Option<Native>,
    #[serde(deserialize_with = "maybe")]
    daily_limit: Option<Native>,
    #[serde(deserialize_with = "maybe")]
    daily_limit_eth: Option<Native>,
    to_allowlist: Option<Vec<Account>>,
    token_allowlist: Option<Vec<Account>>,
    known_tokens_only: bool,
    max_per_day: Option<Count>,
    #[serde(deserialize_with = "maybe")]
    overhead_budget: Option<Native>,
}

impl Fields {
    /// Refuses what nothing here would enforce.
    ///
    /// # Errors
    /// Names the field.
    pub(super) fn refuse_unenforced(&self) -> Result<()> {
        let has_content = |value: &Option<Value>| match value {
            None | Some(Value::Null) => false,
            Some(Value::Object(map)) => !map.is_empty(),
            Some(_) => true,
        };
        let evm = "must be empty: this server signs for EVM chains alone";
        let not_here = "must be empty: this server does not enforce it";
        for (is_set, field, message) in [
            (
                !self.solana_ata_allowlist.is_empty(),
                "solana_ata_allowlist",
                evm,
            ),
            (
                !self.xrpl_allowed_tx_types.is_empty(),
                "xrpl_allowed_tx_types",
                evm,
            ),
            (
                self.execution_intents_enabled,
                "execution_intents_enabled",
                "cannot be switched on: this server executes nothing but transactions",
            ),
            (
                has_content(&self.execution_guardrails),
                "execution_guardrails",
                not_here,
            ),
            (
                has_content(&self.per_environment_guardrails),
                "per_environment_guardrails",
                "must be empty: this server does not tell guardrails by environment; use an agent for each environment",
            ),
        ] {
            if is_set {
                return Err(ServiceError::field(field, message));
            }
        }
        Ok(())
    }

    /// The ruleset for every chain.
    ///
    /// # Errors
    /// Names the field at fault.
    pub(super) fn everywhere(&self, chains: &Chains<'_>) -> Result<Ruleset> {
        let mut rules = Ruleset {
            name: "agent".to_owned(),
            recipients: accounts(&self.tx_to_allowlist),
            max_value: self.tx_max_value.map(|Native(wei)| wei),
            tokens: tokens(&self.tx_token_allowlist, self.tx_known_tokens_only),
            ..Ruleset::default()
        };
        if !self.tx_allowed_chains.is_empty() {
            let mut allowed = Vec::with_capacity(self.tx_allowed_chains.len());
            for (i, ChainWord(word)) in self.tx_allowed_chains.iter().enumerate() {
                let found = chains.find(word, || format!("tx_allowed_chains[{i}]"))?;
                allowed.extend(found.map(Into::into));
            }
            rules.chains = Some(allowed);
        }
        rules.budgets.extend(native_budget("", self.tx_daily_limit));
        rules.budgets.extend(count_budget("", self.tx_max_per_day));
        for (word, limit) in self.tx_overhead_budget.iter().flatten() {
            if word == "evm" {
                rules.budgets.push(fee_budget("", *limit));
            }
        }
        Ok(rules)
    }

    /// The rulesets for single chains.
    ///
    /// # Errors
    /// Names the field at fault.
    pub(super) fn by_chain(&self, chains: &Chains<'_>) -> Result<Vec<Ruleset>> {
        let mut rulesets = Vec::new();
        for (field, given) in [
            (
                "per_chain_guardrails",
                self.per_chain_guardrails.as_ref().map_or(0, BTreeMap::len),
            ),
            (
                "tx_overhead_budget",
                self.tx_overhead_budget.as_ref().map_or(0, BTreeMap::len),
            ),
        ] {
            bounded(field, given, MAX_CHAINS)?;
        }
        for (word, one) in self.per_chain_guardrails.iter().flatten() {
            let at = || format!("per_chain_guardrails.{word}");
            let Some(family) = chains.family(word, at)? else {
                continue;
            };
            let own = family.suffix();
            let mut rules = Ruleset {
                name: format!("per_chain/{word}"),
                on_chains: family.ids(),
                recipients: accounts(one.to_allowlist.as_deref().unwrap_or_default()),
                max_value: one.max_value.or(one.max_value_eth).map(|Native(wei)| wei),
                tokens: tokens(
                    one.token_allowlist.as_deref().unwrap_or_default(),
                    one.known_tokens_only,
                ),
                ..Ruleset::default()
            };
            let daily = one.daily_limit.or(one.daily_limit_eth);
            rules.budgets.extend(native_budget(&own, daily));
            rules.budgets.extend(count_budget(&own, one.max_per_day));
            rules
                .budgets
                .extend(one.overhead_budget.map(|limit| fee_budget(&own, limit)));
            rulesets.push(rules);
        }
        for (word, limit) in self.tx_overhead_budget.iter().flatten() {
            let at = || format!("tx_overhead_budget.{word}");
            match chains.family(word, at)? {
                Some(family @ Family::One(_)) => rulesets.push(Ruleset {
                    name: format!("tx_overhead_budget/{word}"),
                    on_chains: family.ids(),
                    budgets: vec![fee_budget(&family.suffix(), *limit)],
                    ..Ruleset::default()
                }),
                Some(Family::Evm) | None => {}
            }
        }
        Ok(rulesets)
    }

    /// What may be signed besides transactions.
    ///
    /// # Errors
    /// Names the field at fault.
    pub(super) fn signing(&self) -> Result<SigningSettings> {
        let domains = self.eip712_domain_allowlist.iter().enumerate();
        Ok(SigningSettings {
            messages: self.message_signing_enabled,
            digests: self.raw_signing_enabled,
            typed_data: self.eip712_default_policy.as_deref() == Some("allow"),
            domains: domains
                .map(|(i, domain)| {
                    checked_domain(&format!("eip712_domain_allowlist[{i}]"), domain, None)
                })
                .collect::<Result<Vec<DomainRule>>>()?,
        })
    }
}

fn accounts(list: &[Account]) -> Vec<oneclaw_core::transaction::Address> {
    list.iter().map(|Account(address)| *address).collect()
}

/// A list restricts if it has entries. With "known tokens only", an empty one allows no token at all.
fn tokens(list: &[Account], known_only: bool) -> Option<Vec<oneclaw_core::transaction::Address>> {
    (known_only || !list.is_empty()).then(|| accounts(list))
}

fn today() -> Window {
    Window::Calendar {
        unit: CalendarUnit::Day,
        zone: "UTC".to_owned(),
    }
}

fn native_budget(own: &str, limit: Option<Native>) -> Option<BudgetRule> {
    limit.map(|Native(limit)| BudgetRule {
        budget: format!("{SPENT}{own}"),
        code: "daily_limit".to_owned(),
        asset: BudgetAsset::Native,
        limit,
        window: Window::Rolling { seconds: 86_400 },
    })
}

fn count_budget(own: &str, limit: Option<Count>) -> Option<BudgetRule> {
    limit.map(|Count(limit)| BudgetRule {
        budget: format!("{COUNTED}{own}"),
        code: "count_limit".to_owned(),
        asset: BudgetAsset::Transactions,
        limit: limit.into(),
        window: today(),
    })
}

fn fee_budget(own: &str, Native(limit): Native) -> BudgetRule {
    BudgetRule {
        budget: format!("{FEES}{own}"),
        code: "overhead_budget".to_owned(),
        asset: BudgetAsset::Fees,
        limit,
        window: today(),
    }
}
