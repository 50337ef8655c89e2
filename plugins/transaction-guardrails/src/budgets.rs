//! Budgets: what is left in them, and the room to hold.

use oneclaw_policy_sdk::{Amount, BudgetQuery, BudgetView, Reservation, Window};

use crate::asked::Asked;
use crate::refusal::{Checked, Refusal, coins, exceeds, span, units};
use crate::rules::{Budget, Guardrails, Ruleset};
use crate::settings::Asset;

const DAY_SECONDS: u64 = 86_400;

/// Budgets that count transactions.
pub(crate) fn check_counts(guardrails: &Guardrails, rules: &Ruleset, asked: &Asked<'_>) -> Checked {
    let budgets = rules.budgets.iter();
    let mut counts = budgets.filter(|b| b.asset == Asset::Transactions);
    counts.try_for_each(|budget| check(guardrails, budget, asked))
}

/// All other budgets.
pub(crate) fn check_amounts(
    guardrails: &Guardrails,
    rules: &Ruleset,
    asked: &Asked<'_>,
) -> Checked {
    let budgets = rules.budgets.iter();
    let mut amounts = budgets.filter(|b| b.asset != Asset::Transactions);
    amounts.try_for_each(|budget| check(guardrails, budget, asked))
}

fn check(guardrails: &Guardrails, budget: &Budget, asked: &Asked<'_>) -> Checked {
    let attempted = attempted(budget.asset, asked);
    if attempted == Some(Amount::ZERO) {
        return Ok(());
    }
    let query = guardrails.budgets.get(budget.query);
    let view = asked.request.budgets.get(budget.query);
    let (Some(query), Some(view)) = (query, view) else {
        return Err(unknown(budget));
    };
    if !is_of(view, query) {
        return Err(unknown(budget));
    }
    let current = view.spent.checked_add(view.reserved);
    let total = attempted.and_then(|attempted| current?.checked_add(attempted));
    if !exceeds(total, budget.limit) {
        return Ok(());
    }
    let refusal = Refusal::new(&budget.code, message(budget, query, total, asked));
    let current = current.unwrap_or(Amount::MAX);
    Err(refusal.with_figures(&query.asset, budget.limit, attempted, current))
}

/// What this request takes of an asset; `None` beyond 2^256 − 1.
fn attempted(asset: Asset, asked: &Asked<'_>) -> Option<Amount> {
    match asset {
        Asset::Native => asked.native,
        Asset::Fees => asked.fees,
        Asset::Transactions if asked.transaction().is_some() => Some(Amount::ONE),
        Asset::Transactions => Some(Amount::ZERO),
        Asset::Token(token) => asked.of_token(&token),
    }
}

fn is_of(view: &BudgetView, query: &BudgetQuery) -> bool {
    view.budget == query.budget && view.asset == query.asset && view.window == query.window
}

fn unknown(budget: &Budget) -> Refusal {
    let message = "What this budget holds was not told, so that nothing can be spent".to_owned();
    Refusal::new(&budget.code, message)
}

fn message(
    budget: &Budget,
    query: &BudgetQuery,
    total: Option<Amount>,
    asked: &Asked<'_>,
) -> String {
    let (noun, span, symbol) = (asked.noun(), span(&query.window), asked.symbol());
    let limit_name = budget.code.replace('_', " ");
    let (what, total, limit) = match budget.asset {
        Asset::Transactions => {
            return match query.window {
                Window::Rolling(DAY_SECONDS) => {
                    format!("Daily transaction count of {} reached", budget.limit)
                }
                Window::Rolling(_) => {
                    format!("Transaction count of {} in {span} reached", budget.limit)
                }
                Window::Calendar(_) => {
                    format!("{span} transaction count of {} reached", budget.limit)
                        .replacen("this", "This", 1)
                }
            };
        }
        Asset::Native => (
            "spend".to_owned(),
            coins(total, symbol),
            coins(Some(budget.limit), symbol),
        ),
        Asset::Fees => (
            "fees".to_owned(),
            coins(total, symbol),
            coins(Some(budget.limit), symbol),
        ),
        Asset::Token(token) => (
            format!("use of token {token}"),
            units(total),
            units(Some(budget.limit)),
        ),
    };
    format!("{noun} would bring {span} {what} to {total}, above the {limit_name} of {limit}")
}

/// The room that this request takes in the budgets of every ruleset that applies: once in each budget, by the smallest
/// limit, because the host counts every reservation.
pub(crate) fn reservations(
    guardrails: &Guardrails,
    applying: &[&Ruleset],
    asked: &Asked<'_>,
) -> Vec<Reservation> {
    let budgets = || applying.iter().flat_map(|rules| &rules.budgets);
    let mut held = Vec::new();
    for (index, query) in guardrails.budgets.iter().enumerate() {
        let of_query = budgets().filter(|budget| budget.query == index);
        let Some(strictest) = of_query.min_by_key(|budget| budget.limit) else {
            continue;
        };
        // What cannot be counted has been refused.
        let amount = attempted(strictest.asset, asked).unwrap_or(Amount::MAX);
        if !amount.is_zero() {
            held.push(Reservation {
                budget: query.budget.clone(),
                asset: query.asset.clone(),
                amount,
                limit: strictest.limit,
                window: query.window.clone(),
            });
        }
    }
    held
}
