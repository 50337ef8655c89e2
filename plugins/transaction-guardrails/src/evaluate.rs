//! The order in which a request is checked. The first failure is the answer.

use oneclaw_policy_sdk::{Decision, Intent, Reservation, TransactionRequest, reply};

use crate::asked::Asked;
use crate::refusal::{Checked, Refusal, excerpt};
use crate::rules::{Guardrails, Ruleset};
use crate::{budgets, calls, recipients, tokens, typed, values};

/// Code of an allow.
const PASSED: &str = "guardrails/passed";

/// How many chains a message lists.
const CHAINS_IN_MESSAGE: usize = 12;

type Check = fn(&Guardrails, &Ruleset, &Asked<'_>) -> Checked;

/// What comes before the question whether this kind of thing may be signed at all.
const FIRST: [Check; 3] = [chain, time, signature];

const THEN: [Check; 9] = [
    |_, rules, asked| recipients::check(rules, asked),
    |_, rules, asked| calls::check(rules, asked),
    |_, rules, asked| calls::check_functions(rules, asked),
    |_, rules, asked| values::check_value(rules, asked),
    |_, rules, asked| values::check_gas(rules, asked),
    budgets::check_counts,
    |_, rules, asked| tokens::check(rules, asked),
    budgets::check_amounts,
    simulation,
];

impl Guardrails {
    /// Answers a request.
    #[must_use]
    pub fn decide(&self, request: &TransactionRequest) -> Decision {
        match self.judge(&Asked::of(request)) {
            Ok(reservations) => reply::allow_reserving(reply::reason(PASSED), reservations),
            Err(refusal) => refusal.into_decision(),
        }
    }

    fn judge(&self, asked: &Asked<'_>) -> Checked<Vec<Reservation>> {
        let applying: Vec<&Ruleset> = self
            .rulesets
            .iter()
            .filter(|rules| rules.applies_on(asked.chain))
            .collect();
        // All rulesets one check after the other, so that the answer does not depend on who wrote the rule.
        let run = |checks: &[Check]| {
            checks.iter().try_for_each(|check| {
                applying.iter().try_for_each(|rules| {
                    check(self, rules, asked).map_err(|refusal| refusal.by(&rules.name))
                })
            })
        };
        one_chain(asked)?;
        run(&FIRST)?;
        typed::check(&self.signing, asked).map_err(|refusal| refusal.by("signing"))?;
        run(&THEN)?;
        Ok(budgets::reservations(self, &applying, asked))
    }
}

/// A signature for a chain that nobody has named could be used on any.
fn one_chain(asked: &Asked<'_>) -> Checked {
    let message = match (&asked.request.chain, &asked.request.intent) {
        (None, Intent::Transaction(_)) => "Transaction names no chain".to_owned(),
        (Some(chain), Intent::TypedData(data)) => match data.domain_chain_id {
            Some(id) if id != chain.id.into() => format!(
                "Typed data is for chain {id}, but chain {} was asked for",
                chain.id
            ),
            _ => return Ok(()),
        },
        _ => return Ok(()),
    };
    Err(Refusal::new("chain_not_allowed", message).by("signing"))
}

fn chain(_: &Guardrails, rules: &Ruleset, asked: &Asked<'_>) -> Checked {
    let Some(chains) = &rules.chains else {
        return Ok(());
    };
    let allowed = |id| chains.iter().any(|chain| chain.id == id);
    let name = match (asked.chain, &asked.request.chain) {
        (Some(id), _) if allowed(id) => return Ok(()),
        (_, Some(chain)) => chain.name.clone(),
        (Some(id), None) => id.to_string(),
        // Messages and digests are good for every chain and for none.
        (None, None) if asked.typed_data().is_none() => return Ok(()),
        (None, None) => "unknown".to_owned(),
    };
    let mut names: Vec<&str> = chains.iter().map(|chain| chain.name.as_str()).collect();
    let rest = names.len().saturating_sub(CHAINS_IN_MESSAGE);
    names.truncate(CHAINS_IN_MESSAGE);
    let list = match (names.is_empty(), rest) {
        (true, _) => "none".to_owned(),
        (_, 0) => names.join(", "),
        (_, rest) => format!("{} and {rest} more", names.join(", ")),
    };
    Err(Refusal::new(
        "chain_not_allowed",
        format!("Chain '{name}' is not in this agent's allowed chains ({list})"),
    ))
}

fn time(guardrails: &Guardrails, rules: &Ruleset, asked: &Asked<'_>) -> Checked {
    let mut windows = rules.time_windows.iter();
    let is_open = windows.any(|zoned| {
        let zone = guardrails.zones.get(zoned.zone);
        zone.is_some_and(|zone| zoned.window.is_open(zone, asked.request.at_ms))
    });
    if is_open || rules.time_windows.is_empty() {
        return Ok(());
    }
    Err(Refusal::new(
        "time_window",
        "Nothing may be signed at this time: every time window of this agent is closed".to_owned(),
    ))
}

fn signature(_: &Guardrails, rules: &Ruleset, asked: &Asked<'_>) -> Checked {
    if rules.require_signed_intent && asked.request.signature.is_none() {
        return Err(Refusal::new(
            "signed_intent_required",
            "The request must be signed with one of the agent's own keys (RFC 9421)".to_owned(),
        ));
    }
    Ok(())
}

fn simulation(_: &Guardrails, rules: &Ruleset, asked: &Asked<'_>) -> Checked {
    if !rules.require_simulation || asked.transaction().is_none() {
        return Ok(());
    }
    let (code, message) = match &asked.request.simulation {
        Some(simulation) if simulation.success => return Ok(()),
        Some(simulation) => (
            "simulation_failed",
            match &simulation.revert_reason {
                Some(reason) => format!("Simulation failed: {}", excerpt(reason)),
                None => "Simulation failed".to_owned(),
            },
        ),
        None => (
            "simulation_required",
            "Transaction must be simulated before it is signed".to_owned(),
        ),
    };
    Err(Refusal::new(code, message))
}
