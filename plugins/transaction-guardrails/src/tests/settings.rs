//! Settings: as core writes them, and what is wrong with wrong ones.

use oneclaw_core::amount::Amount as CoreAmount;
use oneclaw_core::conditions::{WindowRule, ZoneTable};
use oneclaw_core::guardrails::{
    BudgetAsset, BudgetRule, DomainRule, FieldRule, FunctionRule, GuardrailSettings, Ruleset,
    SigningSettings, Stance, TokenLimit,
};
use oneclaw_core::verdict::{CalendarUnit, Window};
use serde_json::{Value, json};

use super::base::*;
use crate::{Guardrails, Settings};

fn everything() -> GuardrailSettings {
    let one = Some(CoreAmount::ONE);
    GuardrailSettings {
        signing: SigningSettings {
            messages: true,
            digests: true,
            typed_data: true,
            domains: vec![DomainRule {
                verifying_contract: core_at(9),
                name: Some("Token".to_owned()),
                chain_id: Some(1),
                primary_types: vec!["Permit".to_owned()],
                fields: vec![FieldRule {
                    pointer: "/value".to_owned(),
                    one_of: vec!["1".to_owned()],
                    at_most: one,
                }],
            }],
        },
        rulesets: vec![Ruleset {
            name: "all".to_owned(),
            on_chains: vec![1],
            chains: Some(vec![chain(1, "ethereum")]),
            recipients: core_list(&[3, 2]),
            denied_recipients: core_list(&[4]),
            max_value: one,
            budgets: vec![
                budget(BudgetAsset::Native, "daily_limit", 1),
                budget(BudgetAsset::Transactions, "count_limit", 1),
                budget(BudgetAsset::Fees, "fee_budget", 1),
                BudgetRule {
                    window: Window::Calendar {
                        unit: CalendarUnit::Week,
                        zone: "UTC".to_owned(),
                    },
                    ..budget(BudgetAsset::Token(core_at(9)), "token_budget", 1)
                },
            ],
            tokens: Some(core_list(&[9])),
            token_limits: vec![TokenLimit {
                token: core_at(9),
                max_amount: CoreAmount::MAX,
            }],
            functions: vec![FunctionRule {
                contract: Some(core_at(9)),
                selector: SELECTOR,
            }],
            max_gas: Some(1),
            max_fee_per_gas: one,
            max_priority_fee_per_gas: one,
            max_total_fee: one,
            unlimited_approvals: Stance::ListedOnly,
            contract_creation: Stance::Deny,
            delegations: Stance::Deny,
            delegatecalls: Stance::Deny,
            opaque_calls: Stance::Deny,
            time_windows: vec![WindowRule {
                after_minute: 0,
                before_minute: 1440,
                zone: "UTC".to_owned(),
                days: 127,
            }],
            require_signed_intent: true,
            require_simulation: true,
        }],
        zones: [(
            "UTC".to_owned(),
            ZoneTable {
                transitions: vec![(0, 0)],
                until: 1,
            },
        )]
        .into(),
    }
}

#[test]
fn settings_that_core_writes_are_read_to_the_last_field() {
    let guardrails = configured(&everything());
    let rules = &guardrails.rulesets[0];
    assert!(rules.recipients.contains(&at(2)) && rules.denied_recipients.contains(&at(4)));
    assert_eq!(rules.max_fee_per_gas, Some(Amount::ONE));
    assert_eq!(rules.token_limits[0].max_amount, Amount::MAX);
    assert_eq!(rules.functions_of(SELECTOR).len(), 1);
    assert_eq!(guardrails.budgets.len(), 4);
    assert_eq!(guardrails.budgets[3].asset, at(9).to_string());
    let needs = Guardrails::configure(Settings::default()).unwrap().1;
    assert!(needs.budgets.is_empty());
}

#[test]
fn the_schema_names_exactly_the_fields_that_core_writes() {
    let schema: Value = serde_json::from_str(include_str!("../settings.schema.json")).unwrap();
    let written = serde_json::to_value(everything()).unwrap();
    let keys = |value: &Value| {
        let mut keys: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
        keys.sort();
        keys
    };
    for (place, described) in [
        ("", "/properties"),
        ("/signing", "/properties/signing/properties"),
        (
            "/signing/domains/0",
            "/properties/signing/properties/domains/items/properties",
        ),
        (
            "/signing/domains/0/fields/0",
            "/properties/signing/properties/domains/items/properties/fields/items/properties",
        ),
        ("/rulesets/0", "/$defs/ruleset/properties"),
        (
            "/rulesets/0/budgets/0",
            "/$defs/ruleset/properties/budgets/items/properties",
        ),
        (
            "/rulesets/0/functions/0",
            "/$defs/ruleset/properties/functions/items/properties",
        ),
        (
            "/rulesets/0/token_limits/0",
            "/$defs/ruleset/properties/token_limits/items/properties",
        ),
        (
            "/rulesets/0/time_windows/0",
            "/$defs/ruleset/properties/time_windows/items/properties",
        ),
    ] {
        assert_eq!(
            keys(written.pointer(place).unwrap()),
            keys(schema.pointer(described).unwrap()),
            "{place}"
        );
    }
}

fn problems(settings: &Value) -> Vec<String> {
    let parsed = settings::parse::<Settings>(&settings.to_string());
    let problems = match parsed.and_then(Guardrails::configure) {
        Err(problems) => problems,
        Ok(_) => panic!("{settings}"),
    };
    problems
        .into_iter()
        .map(|problem| problem.pointer)
        .collect()
}

#[test]
fn everything_that_is_wrong_is_pointed_at() {
    let budget = |budget: &str, code: &str, window: Value| json!({"budget": budget, "code": code, "asset": "native", "limit": "1", "window": window});
    let day = json!({"rolling": {"seconds": 86400}});
    let settings = json!({
        "signing": {"domains": [{
            "verifying_contract": at(9).to_string(), "fields": [{"pointer": "value"}],
        }]},
        "rulesets": [{
            "name": "",
            "budgets": [
                budget("agent/x", "ok", day.clone()),
                budget("team/x", "ok", day.clone()),
                budget("agent/X", "ok", day.clone()),
                budget("agent/x", "9x", day.clone()),
                budget("agent/x", "internal/x", day),
                budget("agent/x", "ok", json!({"rolling": {"seconds": 0}})),
                budget("agent/x", "ok", json!({"calendar": {"unit": "day", "zone": ""}})),
            ],
            "time_windows": [{"after_minute": 1440, "before_minute": 1441, "zone": "Z", "days": 0}],
        }],
        "zones": {"a/b": {"transitions": [], "until": 0}},
    });
    assert_eq!(
        problems(&settings),
        [
            "/signing/domains/0/fields/0/pointer",
            "/zones/a~1b",
            "/rulesets/0/name",
            "/rulesets/0/budgets/1/budget",
            "/rulesets/0/budgets/2/budget",
            "/rulesets/0/budgets/3/code",
            "/rulesets/0/budgets/4/code",
            "/rulesets/0/budgets/5/window/rolling/seconds",
            "/rulesets/0/budgets/6/window/calendar/zone",
            "/rulesets/0/time_windows/0/after_minute",
            "/rulesets/0/time_windows/0/before_minute",
            "/rulesets/0/time_windows/0/days",
            "/rulesets/0/time_windows/0/zone",
        ]
    );
}

#[test]
fn slips_in_keys_addresses_and_amounts_are_pointed_at() {
    let in_ruleset = |rule: Value| problems(&json!({"rulesets": [rule]}));
    assert_eq!(
        in_ruleset(json!({"name": "a", "recipient": []})),
        ["/rulesets/0/recipient"]
    );
    assert_eq!(
        in_ruleset(json!({"name": "a", "recipients": [at(1).to_string(), "0x12"]})),
        ["/rulesets/0/recipients"]
    );
    assert_eq!(
        in_ruleset(json!({"max_value": "0.1", "name": "a"})),
        ["/rulesets/0/max_value"]
    );
    assert_eq!(
        in_ruleset(json!({"max_value": 1, "name": "a"})),
        ["/rulesets/0/max_value"]
    );
}

#[test]
fn sixty_four_budgets_are_taken_and_one_more_is_not() {
    let settings = |count: u32| {
        let budgets: Vec<Value> = (0..count)
            .map(|n| {
                json!({
                    "budget": format!("agent/{n}"), "code": "x", "asset": "native", "limit": "1",
                    "window": {"rolling": {"seconds": 60}},
                })
            })
            .collect();
        json!({"rulesets": [{"name": "a", "budgets": budgets}]})
    };
    let text = settings(64).to_string();
    let taken = settings::parse::<Settings>(&text).and_then(Guardrails::configure);
    assert_eq!(taken.unwrap().1.budgets.len(), 64);
    assert_eq!(problems(&settings(65)), ["/rulesets/0/budgets/64"]);
}
