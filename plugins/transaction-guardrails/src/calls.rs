//! Which functions may be called, and what is done about calls that nobody can look into or that hand over control.

use oneclaw_policy_sdk::{Address, Effect, EffectKind};

use crate::asked::Asked;
use crate::refusal::{Checked, Refusal, named};
use crate::rules::Ruleset;
use crate::settings::Stance;

/// Contract creation, delegations, delegatecalls and calls that could not be decoded.
pub(crate) fn check(rules: &Ruleset, asked: &Asked<'_>) -> Checked {
    let mut effects = asked.effects.iter();
    effects.try_for_each(|effect| check_effect(rules, asked, effect))
}

fn check_effect(rules: &Ruleset, asked: &Asked<'_>, effect: &Effect) -> Checked {
    let (stance, address, code, message) = match effect.kind {
        EffectKind::ContractCreation => (
            at_least_listed(rules, rules.contract_creation),
            None,
            "contract_creation",
            "Contracts may not be created by this agent".to_owned(),
        ),
        // Delegating to nobody ends a delegation.
        EffectKind::Delegation if effect.target == Some(Address::ZERO) => return Ok(()),
        EffectKind::Delegation => (
            at_least_listed(rules, rules.delegations),
            effect.target,
            "delegation",
            format!(
                "Delegation to {} is not allowed for this agent",
                named(effect.target)
            ),
        ),
        EffectKind::Delegatecall => (
            at_least_listed(rules, rules.delegatecalls),
            effect.target.or(effect.contract),
            "delegatecall",
            format!(
                "Delegatecall to {} is not allowed for this agent",
                named(effect.target.or(effect.contract))
            ),
        ),
        EffectKind::Opaque if !asked.is_unread_typed_data(effect) => {
            not_an_opaque_token(rules, effect)?;
            // Who lists a contract trusts its functions, not what hides behind those that are known.
            let hides = effect.unlimited;
            let stance = match rules.opaque_calls {
                Stance::ListedOnly if hides => Stance::Deny,
                Stance::Allow if hides && rules.restrict_what_moves() => Stance::Deny,
                stance => stance,
            };
            (
                stance,
                effect.contract,
                "opaque_call",
                format!(
                    "What the call to {} does is not known, and such calls are not allowed for this agent",
                    named(effect.contract)
                ),
            )
        }
        _ => return Ok(()),
    };
    match stance {
        Stance::Allow => Ok(()),
        Stance::ListedOnly if is_listed(rules, address) => Ok(()),
        Stance::ListedOnly | Stance::Deny => Err(Refusal::new(code, message)),
    }
}

/// Who may run code as the account can take everything, so that a list of recipients would be worth nothing if it did
/// not hold here.
fn at_least_listed(rules: &Ruleset, stance: Stance) -> Stance {
    match stance {
        Stance::Allow if !rules.recipients.is_empty() => Stance::ListedOnly,
        stance => stance,
    }
}

pub(crate) fn is_listed(rules: &Ruleset, address: Option<Address>) -> bool {
    address.is_some_and(|address| rules.recipients.contains(&address))
}

/// What a token does by a function that nobody knows may be a transfer, so that no list and no limit would hold for it.
/// Who has looked at the function can name it, together with the contract, among the functions that may be called.
fn not_an_opaque_token(rules: &Ruleset, effect: &Effect) -> Checked {
    let Some(contract) = effect.contract.filter(|c| rules.knows_token(c)) else {
        return Ok(());
    };
    let named = effect.selector.is_some_and(|selector| {
        let mut functions = rules.functions_of(selector).iter();
        functions.any(|function| function.contract == Some(contract))
    });
    if named {
        return Ok(());
    }
    Err(Refusal::new(
        "opaque_call",
        format!(
            "What the call to the token {contract} does is not known, so that no limit could hold for it"
        ),
    ))
}

/// The functions that are called, the outer one and every one inside.
pub(crate) fn check_functions(rules: &Ruleset, asked: &Asked<'_>) -> Checked {
    if rules.functions.is_empty() {
        return Ok(());
    }
    if let Some(tx) = asked.transaction()
        && tx.to.is_some()
        && !tx.calldata.is_empty()
    {
        may_be_called(rules, tx.to, tx.selector)?;
    }
    let mut effects = asked.effects.iter();
    effects.try_for_each(|effect| check_function(rules, asked, effect))
}

fn check_function(rules: &Ruleset, asked: &Asked<'_>, effect: &Effect) -> Checked {
    match (effect.kind, effect.selector) {
        (EffectKind::Permit2Approve | EffectKind::Permit2Transfer, Some(selector)) => {
            // The contract of such an effect is the token. Permit2 itself is the only one whose calls are read so.
            if rules.functions_of(selector).is_empty() {
                return Err(not_allowed(effect.contract, Some(selector)));
            }
            Ok(())
        }
        (_, Some(_)) => may_be_called(rules, effect.contract, effect.selector),
        (EffectKind::Call | EffectKind::Opaque | EffectKind::Delegatecall, None) => {
            let parent = effect
                .parent
                .and_then(|parent| usize::try_from(parent).ok());
            match parent.and_then(|parent| asked.effects.get(parent)) {
                // Part of a call that was judged already.
                Some(parent) if parent.contract == effect.contract => Ok(()),
                // What is signed calls nothing by itself.
                None if asked.typed_data().is_some() => Ok(()),
                _ => Err(not_allowed(effect.contract, None)),
            }
        }
        _ => Ok(()),
    }
}

fn may_be_called(rules: &Ruleset, contract: Option<Address>, selector: Option<u32>) -> Checked {
    let of_selector = selector.map(|selector| rules.functions_of(selector));
    let mut functions = of_selector.unwrap_or_default().iter();
    if functions.any(|function| function.contract.is_none() || function.contract == contract) {
        return Ok(());
    }
    Err(not_allowed(contract, selector))
}

fn not_allowed(contract: Option<Address>, selector: Option<u32>) -> Refusal {
    let contract = named(contract);
    let message = match selector {
        Some(selector) => {
            format!("Function 0x{selector:08x} of {contract} is not allowed for this agent")
        }
        None => {
            format!("A call to {contract} that names no function is not allowed for this agent")
        }
    };
    Refusal::new("function_not_allowed", message)
}
