//! Who may gain anything or be called.

use oneclaw_policy_sdk::outgoing::{is_revocation, is_token};
use oneclaw_policy_sdk::{Address, Effect, EffectKind};

use crate::asked::Asked;
use crate::refusal::{Checked, Refusal, named};
use crate::rules::Ruleset;

const CODE: &str = "recipient_not_allowed";

pub(crate) fn check(rules: &Ruleset, asked: &Asked<'_>) -> Checked {
    let to = asked.transaction().and_then(|tx| tx.to);
    if !rules.denied_recipients.is_empty() {
        to.map_or(Ok(()), |to| not_denied(rules, to))?;
        for effect in asked.effects.iter() {
            let gains = effect.target.filter(|_| !is_revocation(effect));
            for address in effect.contract.into_iter().chain(gains) {
                not_denied(rules, address)?;
            }
        }
    }
    if rules.recipients.is_empty() || does_nothing(asked) {
        return Ok(());
    }
    if let Some(to) = to {
        let is_token_itself = asked
            .effects
            .first()
            .is_some_and(|own| is_token(own.kind) && own.contract == Some(to));
        if !(is_token_itself && is_listed_token(rules, to)) {
            listed(rules, "Recipient", Some(to))?;
        }
    }
    let mut effects = asked.effects.iter();
    effects.try_for_each(|effect| check_effect(rules, asked, effect))
}

/// A transfer of nothing from the sender to itself, as it takes the place of a transaction that is cancelled: nobody gains
/// anything, and no contract is told anything. The effects tell whatever else comes with it, such as a delegation.
fn does_nothing(asked: &Asked<'_>) -> bool {
    let sender = asked.request.sender;
    let is_bare = asked
        .transaction()
        .is_some_and(|tx| tx.to == Some(sender) && tx.value.is_zero() && tx.calldata.is_empty());
    is_bare
        && asked.effects.iter().all(|effect| {
            effect.kind == EffectKind::NativeTransfer
                && effect.target == Some(sender)
                && effect.amount.is_zero()
        })
}

fn check_effect(rules: &Ruleset, asked: &Asked<'_>, effect: &Effect) -> Checked {
    if asked.is_unread_typed_data(effect) {
        return Ok(());
    }
    match effect.kind {
        EffectKind::NativeTransfer => listed(rules, "Recipient", effect.target),
        EffectKind::Call | EffectKind::Opaque => {
            listed(rules, "Contract", effect.contract)?;
            match effect.target {
                None => Ok(()),
                paid => listed(rules, "Recipient", paid),
            }
        }
        // Stances decide on these; to be listed is the least that they ask for where there is a list.
        EffectKind::ContractCreation | EffectKind::Delegation | EffectKind::Delegatecall => Ok(()),
        _ => {
            if !effect
                .contract
                .is_some_and(|token| is_listed_token(rules, token))
            {
                listed(rules, "Token", effect.contract)?;
            }
            if is_revocation(effect) {
                return Ok(());
            }
            listed(rules, "Recipient", effect.target)
        }
    }
}

fn is_listed_token(rules: &Ruleset, token: Address) -> bool {
    let listed = rules.tokens.as_ref();
    listed.is_some_and(|tokens| tokens.contains(&token))
}

fn listed(rules: &Ruleset, what: &str, address: Option<Address>) -> Checked {
    if address.is_some_and(|address| rules.recipients.contains(&address)) {
        return Ok(());
    }
    let address = named(address);
    Err(Refusal::new(
        CODE,
        format!("{what} {address} is not in this agent's allowlist"),
    ))
}

fn not_denied(rules: &Ruleset, address: Address) -> Checked {
    if rules.denied_recipients.contains(&address) {
        let message = format!("Recipient {address} is in this agent's denylist");
        return Err(Refusal::new(CODE, message));
    }
    Ok(())
}
