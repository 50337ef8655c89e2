//! From the `guardrails` document to rulesets, within bounds.

use std::collections::{BTreeMap, BTreeSet};

use alloy::dyn_abi::Specifier as _;
use alloy::json_abi;
use oneclaw_core::amount::NATIVE_DECIMALS;
use oneclaw_core::clock::Timestamp;
use oneclaw_core::conditions::{Conditions, WindowRule, ZoneTable};
use oneclaw_core::guardrails::{
    BudgetAsset, BudgetName, BudgetRule, DomainRule, FieldRule, FunctionRule, Ruleset, TokenLimit,
};
use oneclaw_core::path::excerpt;
use oneclaw_core::transaction::Address;
use oneclaw_core::verdict::{CalendarUnit, Window};
use oneclaw_policy_host::zone_table;
use serde_json::{Value, json};

use super::super::error::{Result, ServiceError};
use super::chains::ChainName;
use super::document::{Budget, Domain, Function, Rules, Span};
use super::words::{Account, BaseUnits, ChainWord, Count, Gwei, Native, address};
use super::{Chains, Place, bounded, fleet};

/// Most budgets of one document, those for single chains included.
const MAX_BUDGETS: usize = 64;
/// Most functions, domains of typed data, and token limits in one list.
const MAX_RULES: usize = 256;
/// Most entries of a list of addresses.
const MAX_ADDRESSES: usize = 1000;
/// Most time windows in one list.
const MAX_WINDOWS: usize = 32;
/// Most zones of one document: each brings along a table of its offsets.
const MAX_ZONES: usize = 8;
/// Most structs and fields of one domain of typed data, and values of one field.
const MAX_DETAILS: usize = 64;
/// Longest text within a rule on typed data, in bytes.
const MAX_TEXT_BYTES: usize = 256;
/// Longest name of a budget, in bytes: with what is put around it, it must fit into the 64 of a [`BudgetName`].
const MAX_BUDGET_NAME_BYTES: usize = 32;
/// Longest rolling window: 366 days.
const MAX_ROLLING_SECONDS: u64 = 366 * 86_400;

/// Turns the parts of a document into rulesets.
#[derive(Debug)]
pub(super) struct Compiler<'a> {
    pub(super) chains: &'a Chains<'a>,
    pub(super) place: Place<'a>,
    pub(super) now: Timestamp,
    pub(super) zones: BTreeMap<String, ZoneTable>,
    pub(super) domains: Vec<DomainRule>,
    pub(super) budgets: usize,
}

impl Compiler<'_> {
    /// Whether these are guardrails for many agents.
    fn is_for_many(&self) -> bool {
        !self.place.own_budgets.is_empty()
    }

    /// The rulesets of some rules: one for all of it, and one for each budget that counts on certain chains alone.
    /// Stances are left to the caller.
    ///
    /// # Errors
    /// Names the field at fault.
    pub(super) fn compile(
        &mut self,
        field: &str,
        name: &str,
        rules: &Rules,
        chain: Option<&ChainName>,
    ) -> Result<Vec<Ruleset>> {
        let mut main = Ruleset {
            name: name.to_owned(),
            on_chains: chain.map(|chain| chain.id).into_iter().collect(),
            require_signed_intent: rules.require_signed_intent,
            require_simulation: rules.require_simulation,
            ..Ruleset::default()
        };
        let mut others = Vec::new();
        self.budgets(field, rules, chain, &mut main, &mut others)?;
        lists(field, rules, &mut main)?;
        if let Some(fees) = &rules.fees {
            main.max_gas = fees.max_gas.map(|Count(gas)| gas);
            main.max_fee_per_gas = fees.max_fee_per_gas_gwei.map(|Gwei(wei)| wei);
            main.max_priority_fee_per_gas = fees.max_priority_fee_per_gas_gwei.map(|Gwei(wei)| wei);
            main.max_total_fee = fees.max_total.map(|Native(wei)| wei);
        }
        if let Some(windows) = &rules.time_windows {
            let field = format!("{field}.time_windows");
            not_empty(&field, windows, "to have no such rule")?;
            bounded(&field, windows.len(), MAX_WINDOWS)?;
            for (i, window) in windows.iter().enumerate() {
                main.time_windows
                    .push(self.time_window(&format!("{field}[{i}]"), window)?);
            }
        }
        bounded(
            &format!("{field}.typed_data"),
            rules.typed_data.len(),
            MAX_RULES,
        )?;
        for (i, domain) in rules.typed_data.iter().enumerate() {
            self.domains.push(checked_domain(
                &format!("{field}.typed_data[{i}]"),
                domain,
                chain,
            )?);
        }
        others.insert(0, main);
        Ok(others)
    }

    fn budgets(
        &mut self,
        field: &str,
        rules: &Rules,
        chain: Option<&ChainName>,
        main: &mut Ruleset,
        others: &mut Vec<Ruleset>,
    ) -> Result<()> {
        let field = format!("{field}.budgets");
        self.budgets += rules.budgets.len();
        bounded(&field, self.budgets, MAX_BUDGETS)?;
        let mut names = BTreeSet::new();
        for (i, budget) in rules.budgets.iter().enumerate() {
            let field = format!("{field}[{i}]");
            let rule = self.budget(&field, budget, chain)?;
            // Two windows over one budget would reserve in it twice.
            if !names.insert(rule.budget.clone()) {
                return Err(ServiceError::field(
                    format!("{field}.name"),
                    format!(
                        "`{}` is taken; budgets that are shared alike need different names",
                        budget.name
                    ),
                ));
            }
            let Some(words) = &budget.chains else {
                main.budgets.push(rule);
                continue;
            };
            let field = format!("{field}.chains");
            if chain.is_some() {
                return Err(ServiceError::field(
                    field,
                    "is for budgets of every chain; this one counts on its chain alone",
                ));
            }
            not_empty(&field, words, "to count on every chain")?;
            bounded(&field, words.len(), MAX_RULES)?;
            let mut on_chains = Vec::with_capacity(words.len());
            for (j, ChainWord(word)) in words.iter().enumerate() {
                let found = self.chains.find(word, || format!("{field}[{j}]"))?;
                on_chains.extend(found.map(|chain| chain.id));
            }
            // Without a chain it would apply to all of them.
            if !on_chains.is_empty() {
                others.push(Ruleset {
                    name: format!("{}/budgets/{}", main.name, budget.name),
                    on_chains,
                    budgets: vec![rule],
                    ..Ruleset::default()
                });
            }
        }
        Ok(())
    }

    fn budget(
        &self,
        field: &str,
        budget: &Budget,
        chain: Option<&ChainName>,
    ) -> Result<BudgetRule> {
        let at = |key: &str| format!("{field}.{key}");
        let shared_by = budget.shared_by.as_deref().unwrap_or("agent");
        let scope = match shared_by.split_once(':') {
            None if matches!(shared_by, "agent" | "key" | "organisation") => shared_by.to_owned(),
            Some(("label", label)) => {
                if !self.place.labels.contains_key(label) {
                    let label = excerpt(label);
                    let message = if self.is_for_many() {
                        format!("`{label}` is not the label that these guardrails are for")
                    } else {
                        format!("this agent has no label `{label}`; give it one in `labels`")
                    };
                    return Err(ServiceError::field(at("shared_by"), message));
                }
                format!("label.{label}")
            }
            _ => {
                return Err(ServiceError::field(
                    at("shared_by"),
                    "must be `agent`, `key`, `organisation` or `label:` and the name of a label",
                ));
            }
        };
        let own = chain.map_or_else(String::new, |chain| format!("/{}", chain.id));
        let place = self.place.own_budgets;
        let full = format!("{scope}/budget/{place}{}{own}", budget.name);
        let most = if self.is_for_many() {
            fleet::MAX_BUDGET_NAME_BYTES
        } else {
            MAX_BUDGET_NAME_BYTES
        };
        if budget.name.len() > most
            || budget.name.is_empty()
            || budget.name.contains('/')
            || BudgetName::parse(&full).is_none()
        {
            return Err(ServiceError::field(
                at("name"),
                format!("must have 1 to {most} characters of `a-z`, `0-9`, `-`, `_` and `.`"),
            ));
        }
        let (asset, decimals) = match budget.asset.as_str() {
            "native" => (BudgetAsset::Native, NATIVE_DECIMALS),
            "transactions" => (BudgetAsset::Transactions, 0),
            "fees" => (BudgetAsset::Fees, NATIVE_DECIMALS),
            token if token.starts_with("0x") => (
                BudgetAsset::Token(
                    address(token).map_err(|e| ServiceError::field(at("asset"), e))?,
                ),
                0,
            ),
            _ => {
                return Err(ServiceError::field(
                    at("asset"),
                    "must be `native`, `transactions`, `fees` or the address of a token",
                ));
            }
        };
        Ok(BudgetRule {
            budget: full,
            code: "budget_limit".to_owned(),
            asset,
            limit: budget
                .limit
                .with_decimals(decimals)
                .map_err(|e| ServiceError::field(at("limit"), e))?,
            window: self.span(&at("window"), &budget.window)?,
        })
    }

    fn span(&self, field: &str, span: &Span) -> Result<Window> {
        let unit = match (span.rolling_seconds, span.calendar.as_deref()) {
            (Some(Count(seconds @ 1..=MAX_ROLLING_SECONDS)), None) if span.timezone.is_none() => {
                return Ok(Window::Rolling { seconds });
            }
            (None, Some("day")) => CalendarUnit::Day,
            (None, Some("week")) => CalendarUnit::Week,
            (None, Some("month")) => CalendarUnit::Month,
            _ => {
                return Err(ServiceError::field(
                    field,
                    format!(
                        "must be `{{\"rolling_seconds\": n}}` with n from 1 to {MAX_ROLLING_SECONDS}, or \
                         `{{\"calendar\": \"day\", \"timezone\": \"Europe/Berlin\"}}` with day, week or month"
                    ),
                ));
            }
        };
        let zone = span.timezone.clone().unwrap_or_else(|| "UTC".to_owned());
        self.zone(&format!("{field}.timezone"), &zone)?;
        Ok(Window::Calendar { unit, zone })
    }

    fn time_window(&mut self, field: &str, value: &Value) -> Result<WindowRule> {
        let parsed = Conditions::parse(&json!({"time_window": value})).map_err(|error| {
            let key = error.field.strip_prefix("conditions.time_window");
            ServiceError::field(format!("{field}{}", key.unwrap_or_default()), error.message)
        })?;
        let window = parsed
            .time_window
            .ok_or_else(|| ServiceError::field(field, "must be an object"))?;
        if !self.zones.contains_key(&window.zone) {
            let field = format!("{field}.timezone");
            let table = self.zone(&field, &window.zone)?;
            bounded(&field, self.zones.len() + 1, MAX_ZONES)?;
            self.zones.insert(window.zone.clone(), table);
        }
        Ok(WindowRule::from(&window))
    }

    fn zone(&self, field: &str, name: &str) -> Result<ZoneTable> {
        zone_table(name, self.now).map_err(|_| {
            ServiceError::field(
                field,
                format!(
                    "`{}` is not an IANA time zone, such as `Europe/Berlin`",
                    excerpt(name)
                ),
            )
        })
    }
}

/// Recipients, functions and tokens.
fn lists(field: &str, rules: &Rules, main: &mut Ruleset) -> Result<()> {
    if let Some(recipients) = &rules.recipients {
        let field = format!("{field}.recipients");
        if let Some(allow) = &recipients.allow {
            let field = format!("{field}.allow");
            not_empty(&field, allow, "to allow anybody")?;
            main.recipients = accounts(&field, allow)?;
        }
        main.denied_recipients = accounts(&format!("{field}.deny"), &recipients.deny)?;
    }
    if let Some(functions) = &rules.functions {
        let field = format!("{field}.functions");
        not_empty(&field, functions, "to allow any")?;
        bounded(&field, functions.len(), MAX_RULES)?;
        for (i, function) in functions.iter().enumerate() {
            main.functions.push(FunctionRule {
                contract: function.contract.map(|Account(address)| address),
                selector: selector(function)
                    .map_err(|e| ServiceError::field(format!("{field}[{i}]"), e))?,
            });
        }
    }
    if let Some(tokens) = &rules.tokens {
        let field = format!("{field}.tokens");
        main.tokens = tokens
            .allow
            .as_ref()
            .map(|list| accounts(&format!("{field}.allow"), list))
            .transpose()?;
        bounded(&format!("{field}.limits"), tokens.limits.len(), MAX_RULES)?;
        main.token_limits = tokens
            .limits
            .iter()
            .map(|limit| {
                let (Account(token), BaseUnits(max_amount)) = (limit.token, limit.max_amount);
                TokenLimit { token, max_amount }
            })
            .collect();
    }
    Ok(())
}

fn accounts(field: &str, list: &[Account]) -> Result<Vec<Address>> {
    bounded(field, list.len(), MAX_ADDRESSES)?;
    Ok(list.iter().map(|Account(address)| *address).collect())
}

/// An empty list could be meant either way.
fn not_empty<T>(field: &str, list: &[T], otherwise: &str) -> Result<()> {
    if list.is_empty() {
        return Err(ServiceError::field(
            field,
            format!("must not be empty; leave it out {otherwise}"),
        ));
    }
    Ok(())
}

/// The selector of a function, given as four bytes or to be made from its signature (Solidity ABI: the first four bytes
/// of the Keccak-256 hash of name and types).
fn selector(function: &Function) -> std::result::Result<u32, String> {
    match (&function.selector, &function.signature) {
        (Some(text), None) => text
            .strip_prefix("0x")
            .filter(|digits| digits.len() == 8 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
            .ok_or_else(|| {
                format!(
                    "`{}` is not a selector: `0x` and 8 hexadecimal digits",
                    excerpt(text)
                )
            }),
        (None, Some(text)) => {
            let parsed = (text.len() <= MAX_TEXT_BYTES)
                .then(|| json_abi::Function::parse(text).ok())
                .flatten()
                .filter(|parsed| parsed.inputs.iter().all(|input| input.resolve().is_ok()));
            parsed
                .map(|parsed| u32::from_be_bytes(parsed.selector().0))
                .ok_or_else(|| {
                    format!(
                        "`{}` is not a signature, such as `transfer(address,uint256)`",
                        excerpt(text)
                    )
                })
        }
        _ => Err("needs one of `selector` and `signature`".to_owned()),
    }
}

/// Checks a domain of typed data. Below a chain it holds for that chain.
///
/// # Errors
/// Names the field at fault.
pub(super) fn checked_domain(
    field: &str,
    domain: &Domain,
    chain: Option<&ChainName>,
) -> Result<DomainRule> {
    let text = |key: String, text: &str| {
        if text.is_empty() || text.len() > MAX_TEXT_BYTES || text.chars().any(char::is_control) {
            return Err(ServiceError::field(
                format!("{field}.{key}"),
                format!("must be text of 1 to {MAX_TEXT_BYTES} bytes"),
            ));
        }
        Ok(())
    };
    let given = domain.chain_id.map(|Count(id)| id);
    if let (Some(given), Some(chain)) = (given, chain)
        && given != chain.id
    {
        return Err(ServiceError::field(
            format!("{field}.chain_id"),
            format!(
                "must be {}, the id of `{}`, or left out",
                chain.id, chain.name
            ),
        ));
    }
    if let Some(name) = &domain.name {
        text("name".to_owned(), name)?;
    }
    bounded(
        &format!("{field}.primary_types"),
        domain.primary_types.len(),
        MAX_DETAILS,
    )?;
    for (i, primary_type) in domain.primary_types.iter().enumerate() {
        text(format!("primary_types[{i}]"), primary_type)?;
    }
    bounded(&format!("{field}.fields"), domain.fields.len(), MAX_DETAILS)?;
    let mut fields = Vec::with_capacity(domain.fields.len());
    for (i, rule) in domain.fields.iter().enumerate() {
        let at = format!("fields[{i}]");
        text(format!("{at}.pointer"), &rule.pointer)?;
        if !rule.pointer.starts_with('/') {
            return Err(ServiceError::field(
                format!("{field}.{at}.pointer"),
                "must be a JSON pointer into the message, such as `/details/amount`",
            ));
        }
        if rule.one_of.is_empty() && rule.at_most.is_none() {
            return Err(ServiceError::field(
                format!("{field}.{at}"),
                "needs `one_of` or `at_most`",
            ));
        }
        bounded(
            &format!("{field}.{at}.one_of"),
            rule.one_of.len(),
            MAX_DETAILS,
        )?;
        for (j, value) in rule.one_of.iter().enumerate() {
            text(format!("{at}.one_of[{j}]"), value)?;
        }
        fields.push(FieldRule {
            pointer: rule.pointer.clone(),
            one_of: rule.one_of.clone(),
            at_most: rule.at_most.map(|BaseUnits(most)| most),
        });
    }
    let Account(verifying_contract) = domain.verifying_contract;
    Ok(DomainRule {
        verifying_contract,
        name: domain.name.clone(),
        chain_id: given.or(chain.map(|chain| chain.id)),
        primary_types: domain.primary_types.clone(),
        fields,
    })
}
