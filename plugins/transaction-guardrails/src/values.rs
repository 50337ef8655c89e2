//! Limits on one transaction: value, gas, fees.

use oneclaw_policy_sdk::Amount;

use crate::asked::Asked;
use crate::refusal::{Checked, Refusal, coins, exceeds};
use crate::rules::Ruleset;

pub(crate) fn check_value(rules: &Ruleset, asked: &Asked<'_>) -> Checked {
    match rules.max_value {
        Some(limit) if exceeds(asked.native, limit) => {
            let symbol = asked.symbol();
            let message = format!(
                "{} value {} exceeds the per-transaction limit of {}",
                asked.noun(),
                coins(asked.native, symbol),
                coins(Some(limit), symbol),
            );
            let refusal = Refusal::new("value_limit", message);
            Err(refusal.with_figures("native", limit, asked.native, Amount::ZERO))
        }
        _ => Ok(()),
    }
}

pub(crate) fn check_gas(rules: &Ruleset, asked: &Asked<'_>) -> Checked {
    let Some(tx) = asked.transaction() else {
        return Ok(());
    };
    if let Some(limit) = rules.max_gas.filter(|limit| tx.gas_limit > *limit) {
        let message = format!("Gas limit {} exceeds the limit of {limit}", tx.gas_limit);
        let refusal = Refusal::new("gas_limit", message);
        return Err(refusal.with_figures(
            "gas",
            limit.into(),
            Some(tx.gas_limit.into()),
            Amount::ZERO,
        ));
    }
    for (what, attempted, limit) in [
        (
            "Fee per gas",
            Some(tx.fees.max_fee_per_gas),
            rules.max_fee_per_gas,
        ),
        (
            "Priority fee per gas",
            Some(tx.fees.max_priority_fee_per_gas),
            rules.max_priority_fee_per_gas,
        ),
        ("Total fee", asked.fees, rules.max_total_fee),
    ] {
        let Some(limit) = limit.filter(|limit| exceeds(attempted, *limit)) else {
            continue;
        };
        let symbol = asked.symbol();
        let message = format!(
            "{what} of {} exceeds the limit of {}",
            coins(attempted, symbol),
            coins(Some(limit), symbol),
        );
        let refusal = Refusal::new("fee_limit", message);
        return Err(refusal.with_figures("fees", limit, attempted, Amount::ZERO));
    }
    Ok(())
}
