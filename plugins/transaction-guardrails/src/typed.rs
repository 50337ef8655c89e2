//! Whether something that is not a transaction may be signed at all: messages, digests, domains of typed data.

use oneclaw_policy_sdk::{Amount, EffectKind, Intent, TypedDataIntent, settings};

use crate::asked::Asked;
use crate::json::Json;
use crate::refusal::{Checked, Refusal, excerpt, named};
use crate::settings::{DomainRule, FieldRule, Signing};

/// Structs of which is known what they permit, unless they are too large or not what their name says.
const READABLE: [&str; 11] = [
    "Permit",
    "PermitSingle",
    "PermitBatch",
    "PermitTransferFrom",
    "PermitBatchTransferFrom",
    "PermitWitnessTransferFrom",
    "PermitBatchWitnessTransferFrom",
    "TransferWithAuthorization",
    "ReceiveWithAuthorization",
    "CancelAuthorization",
    "SafeTx",
];

pub(crate) fn check(signing: &Signing, asked: &Asked<'_>) -> Checked {
    match &asked.request.intent {
        Intent::Transaction(_) => Ok(()),
        Intent::Message(_) if signing.messages => Ok(()),
        Intent::Message(_) => Err(Refusal::new(
            "message_signing_disabled",
            "Signing messages is not enabled for this agent".to_owned(),
        )),
        Intent::Digest(_) if signing.digests => Ok(()),
        Intent::Digest(_) => Err(Refusal::new(
            "raw_signing_disabled",
            "Signing raw digests is not enabled for this agent".to_owned(),
        )),
        Intent::TypedData(typed) => check_domain(signing, asked, typed),
    }
}

/// `chainId` of the domain, if it can be the id of a chain.
pub(crate) fn domain_chain(typed: &TypedDataIntent) -> Option<u64> {
    match typed.domain_chain_id?.limbs() {
        [id, 0, 0, 0] => Some(id),
        _ => None,
    }
}

fn check_domain(signing: &Signing, asked: &Asked<'_>, typed: &TypedDataIntent) -> Checked {
    let kind = typed.primary_type.as_str();
    let mut of_domain = signing.domains.iter().filter(|rule| is_of(rule, typed));
    let first = of_domain.next();
    if first.is_none() && (!signing.typed_data || is_permit(asked, kind)) {
        let message = format!(
            "Typed data '{}' of contract {} is not in this agent's allowed domains",
            excerpt(kind),
            named(typed.verifying_contract)
        );
        return Err(Refusal::new("typed_data_not_allowed", message));
    }
    if let Some(first) = first {
        check_rules(std::iter::once(first).chain(of_domain), typed)?;
    }
    let unread = asked.effects.is_empty()
        || asked
            .effects
            .iter()
            .any(|effect| asked.is_unread_typed_data(effect));
    if unread && READABLE.contains(&kind) {
        let message =
            format!("Typed data '{kind}' could not be read, so what it permits is not known");
        return Err(Refusal::new("opaque_call", message));
    }
    Ok(())
}

fn is_of(rule: &DomainRule, typed: &TypedDataIntent) -> bool {
    typed.verifying_contract == Some(rule.verifying_contract)
        && (rule.name.is_none() || rule.name == typed.domain_name)
        && rule
            .chain_id
            .is_none_or(|id| typed.domain_chain_id == Some(id.into()))
}

/// One of the rules on this domain must hold in full.
fn check_rules<'s>(
    rules: impl Iterator<Item = &'s DomainRule>,
    typed: &TypedDataIntent,
) -> Checked {
    let mut message = None;
    let mut failed = None;
    for rule in rules {
        if !rule.primary_types.is_empty() && !rule.primary_types.contains(&typed.primary_type) {
            continue;
        }
        if rule.fields.is_empty() {
            return Ok(());
        }
        let message = message
            .get_or_insert_with(|| settings::parse::<Json>(&typed.message).unwrap_or(Json::Other));
        match rule.fields.iter().find(|field| !holds(field, message)) {
            None => return Ok(()),
            Some(field) => failed = failed.or(Some(field)),
        }
    }
    Err(match failed {
        Some(field) => Refusal::new(
            "typed_data_field",
            format!(
                "Field '{}' of typed data '{}' is not as this agent's rules want it",
                field.pointer,
                excerpt(&typed.primary_type)
            ),
        ),
        None => Refusal::new(
            "typed_data_not_allowed",
            format!(
                "Typed data '{}' is not among the structs that this agent may sign for contract {}",
                excerpt(&typed.primary_type),
                named(typed.verifying_contract)
            ),
        ),
    })
}

fn holds(rule: &FieldRule, message: &Json) -> bool {
    let Some(value) = message.at(&rule.pointer) else {
        return false;
    };
    if rule.one_of.is_empty() && rule.at_most.is_none() {
        return true;
    }
    let Some(text) = value.leaf() else {
        return false;
    };
    let is_allowed = rule.one_of.is_empty() || rule.one_of.iter().any(|one| is_same(one, text));
    let is_small = rule.at_most.is_none_or(|most| {
        let number: Result<Amount, _> = text.parse();
        number.is_ok_and(|number| number <= most)
    });
    is_allowed && is_small
}

fn is_same(one: &str, other: &str) -> bool {
    let is_hex = |text: &str| text.starts_with("0x");
    one == other || is_hex(one) && is_hex(other) && one.eq_ignore_ascii_case(other)
}

/// Whether this gives away anything by a signature alone. A name is enough: what is called a permit is not signed for
/// whoever happens to be the contract.
fn is_permit(asked: &Asked<'_>, primary_type: &str) -> bool {
    let gives = |kind| {
        matches!(
            kind,
            EffectKind::Erc20Permit
                | EffectKind::Erc3009Authorization
                | EffectKind::Permit2Approve
                | EffectKind::Permit2Transfer
                | EffectKind::Erc721Approve
        )
    };
    primary_type.starts_with("Permit")
        || primary_type.ends_with("WithAuthorization")
        || asked.effects.iter().any(|effect| gives(effect.kind))
}
