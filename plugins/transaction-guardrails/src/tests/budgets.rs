//! Budgets.

use oneclaw_core::amount::Amount as CoreAmount;
use oneclaw_core::guardrails::{BudgetAsset, BudgetRule, Ruleset};
use oneclaw_core::verdict::{CalendarUnit, Window};
use oneclaw_policy_sdk::Reservation;

use super::base::*;

fn counting(budgets: Vec<BudgetRule>) -> crate::Guardrails {
    with(vec![Ruleset { budgets, ..rules() }])
}

fn reserved(guardrails: &crate::Guardrails, request: &TransactionRequest) -> Vec<Reservation> {
    let decision = guardrails.evaluate(request);
    assert!(
        matches!(decision.verdict, Verdict::Allow(_)),
        "{decision:?}"
    );
    decision.reservations
}

#[test]
fn a_budget_is_spent_to_the_last_wei_and_no_further() {
    let daily = counting(vec![budget(BudgetAsset::Native, "daily_limit", ETHER)]);
    let mut request = pays(7, (ETHER / 20).into());
    request.budgets = holding(&daily, (ETHER - ETHER / 20).into());
    let room = reserved(&daily, &request);
    assert_eq!(room.len(), 1);
    assert_eq!(
        (room[0].budget.as_str(), room[0].asset.as_str()),
        ("agent/daily-limit", "native")
    );
    assert_eq!(
        (room[0].amount, room[0].limit),
        ((ETHER / 20).into(), ETHER.into())
    );

    request.budgets = holding(&daily, ETHER.into());
    let reason = refusal(daily.evaluate(&request)).unwrap();
    assert_eq!(reason.code, "daily_limit");
    assert_eq!(
        reason.message,
        "Transaction would bring 24h spend to 1.05 ETH, above the daily limit of 1 ETH"
    );
    let figures = reason.figures.unwrap();
    assert_eq!(
        (figures.limit, figures.attempted, figures.current),
        (ETHER.into(), (ETHER / 20).into(), ETHER.into())
    );

    request.budgets = holding(&daily, (ETHER - ETHER / 20).into());
    request.budgets[0].reserved = Amount::ONE;
    assert_eq!(code(&daily, &request), "daily_limit");
}

#[test]
fn transactions_are_counted_one_by_one() {
    let counted = counting(vec![budget(BudgetAsset::Transactions, "count_limit", 100)]);
    let mut request = pays(7, Amount::ZERO);
    request.budgets = holding(&counted, 99_u64.into());
    assert_eq!(reserved(&counted, &request)[0].amount, Amount::ONE);
    request.budgets = holding(&counted, 100_u64.into());
    let reason = refusal(counted.evaluate(&request)).unwrap();
    assert_eq!(reason.code, "count_limit");
    assert_eq!(reason.message, "Daily transaction count of 100 reached");
}

#[test]
fn fees_and_tokens_have_budgets_of_their_own_and_nothing_needs_no_room() {
    let rules = vec![
        budget(BudgetAsset::Native, "daily_limit", 5),
        budget(BudgetAsset::Fees, "fee_budget", 42_000),
        budget(BudgetAsset::Token(core_at(9)), "token_budget", 10),
    ];
    let guardrails = counting(rules);
    let transfer = |amount: u64| {
        effect(
            EffectKind::Erc20Transfer,
            None,
            Some(9),
            Some(7),
            amount.into(),
        )
    };
    let mut request = calls(9, vec![transfer(10)]);
    request.budgets = holding(&guardrails, Amount::ZERO);
    let room = reserved(&guardrails, &request);
    let assets: Vec<&str> = room.iter().map(|room| room.asset.as_str()).collect();
    assert_eq!(assets, ["fees", &at(9).to_string()]);

    request.effects = vec![transfer(11)];
    assert_eq!(code(&guardrails, &request), "token_budget");
    request.effects = vec![transfer(10)];
    request.budgets = holding(&guardrails, Amount::ONE);
    assert_eq!(code(&guardrails, &request), "fee_budget");
}

#[test]
fn a_sum_beyond_what_can_be_counted_is_refused_by_the_largest_budget() {
    let largest = BudgetRule {
        limit: CoreAmount::MAX,
        ..budget(BudgetAsset::Native, "daily_limit", 0)
    };
    let guardrails = counting(vec![largest]);
    let mut request = pays(7, Amount::MAX);
    request.budgets = holding(&guardrails, Amount::ZERO);
    assert_eq!(reserved(&guardrails, &request)[0].amount, Amount::MAX);
    request.budgets = holding(&guardrails, Amount::ONE);
    assert_eq!(code(&guardrails, &request), "daily_limit");
    request.budgets[0].reserved = Amount::MAX;
    assert_eq!(code(&guardrails, &request), "daily_limit");
}

#[test]
fn a_budget_that_was_not_told_or_is_another_one_is_refused() {
    let rules = vec![
        budget(BudgetAsset::Native, "daily_limit", 5),
        budget(BudgetAsset::Native, "weekly_limit", 5),
    ];
    let guardrails = counting(rules);
    let mut request = pays(7, Amount::ONE);
    assert_eq!(code(&guardrails, &request), "daily_limit");
    request.budgets = holding(&guardrails, Amount::ZERO);
    assert_eq!(code(&guardrails, &request), "passed");
    request.budgets.swap(0, 1);
    assert_eq!(code(&guardrails, &request), "daily_limit");
    request.budgets.swap(0, 1);
    request.budgets.pop();
    assert_eq!(code(&guardrails, &request), "weekly_limit");
}

#[test]
fn a_budget_that_several_rulesets_name_is_reserved_once_by_the_smallest_limit() {
    let daily = |limit| vec![budget(BudgetAsset::Native, "daily_limit", limit)];
    let ruleset = |budgets, on_chains| Ruleset {
        budgets,
        on_chains,
        ..rules()
    };
    let guardrails = with(vec![
        ruleset(daily(9), Vec::new()),
        ruleset(daily(5), vec![8453]),
        ruleset(daily(1), vec![137]),
    ]);
    assert_eq!(guardrails.budgets.len(), 1);
    let mut request = pays(7, 3_u64.into());
    request.budgets = holding(&guardrails, 2_u64.into());
    let room = reserved(&guardrails, &request);
    assert_eq!(room.len(), 1);
    assert_eq!(room[0].limit, 5_u64.into());
    request.budgets = holding(&guardrails, 3_u64.into());
    assert_eq!(code(&guardrails, &request), "daily_limit");
}

#[test]
fn budgets_of_a_calendar_say_so() {
    let monthly = BudgetRule {
        window: Window::Calendar {
            unit: CalendarUnit::Month,
            zone: "Europe/Berlin".to_owned(),
        },
        ..budget(BudgetAsset::Native, "monthly_limit", ETHER)
    };
    let guardrails = counting(vec![monthly]);
    let mut request = pays(7, ETHER.into());
    request.budgets = holding(&guardrails, ETHER.into());
    assert_eq!(
        refusal(guardrails.evaluate(&request)).unwrap().message,
        "Transaction would bring this month's spend to 2 ETH, above the monthly limit of 1 ETH"
    );
}
