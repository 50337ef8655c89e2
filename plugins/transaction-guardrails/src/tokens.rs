//! Which tokens may be moved or allowed, how much of them, and allowances without end.

use oneclaw_policy_sdk::outgoing::{is_revocation, is_token};
use oneclaw_policy_sdk::{Address, Amount, Effect, EffectKind};

use crate::asked::Asked;
use crate::calls::is_listed;
use crate::refusal::{Checked, Refusal, exceeds, named, units};
use crate::rules::Ruleset;
use crate::settings::Stance;

pub(crate) fn check(rules: &Ruleset, asked: &Asked<'_>) -> Checked {
    let moved = || {
        let effects = asked.effects.iter();
        effects.filter(|effect| is_token(effect.kind) && !is_revocation(effect))
    };
    if let Some(tokens) = &rules.tokens {
        let lost = asked.lost_tokens.iter().copied().map(Some);
        let may_be_moved =
            |token: &Option<Address>| token.is_some_and(|token| tokens.contains(&token));
        let mut others = moved().map(|effect| effect.contract).chain(lost);
        if let Some(token) = others.find(|token| !may_be_moved(token)) {
            let message = format!("Token {} is not allowed for this agent", named(token));
            return Err(Refusal::new("token_not_allowed", message));
        }
    }
    for limit in &rules.token_limits {
        let attempted = asked.of_token(&limit.token);
        if exceeds(attempted, limit.max_amount) {
            let token = limit.token.to_string();
            let message = format!(
                "{} moves or allows {} of token {token}, above the limit of {}",
                asked.noun(),
                units(attempted),
                limit.max_amount,
            );
            let refusal = Refusal::new("token_limit", message);
            return Err(refusal.with_figures(&token, limit.max_amount, attempted, Amount::ZERO));
        }
    }
    moved().try_for_each(|effect| check_unlimited(rules, effect))
}

fn check_unlimited(rules: &Ruleset, effect: &Effect) -> Checked {
    let is_unlimited = effect.unlimited || effect.kind == EffectKind::ApprovalForAll;
    match rules.unlimited_approvals {
        _ if !is_unlimited => Ok(()),
        Stance::Allow => Ok(()),
        Stance::ListedOnly if is_listed(rules, effect.target) => Ok(()),
        Stance::ListedOnly | Stance::Deny => {
            let message = format!(
                "An unlimited allowance of token {} for {} is not allowed for this agent",
                named(effect.contract),
                named(effect.target),
            );
            Err(Refusal::new("unlimited_approval", message))
        }
    }
}
