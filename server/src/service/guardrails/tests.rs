use std::collections::BTreeSet;

use oneclaw_core::guardrails::{AllowedChain, BudgetAsset, BudgetName, BudgetRule};
use oneclaw_core::transaction::Address;
use oneclaw_core::verdict::{CalendarUnit, Window};
use serde_json::{Value, json};

use super::*;

const A: &str = "0x00000000000000000000000000000000000000a1";
const B: &str = "0x00000000000000000000000000000000000000b2";
const ETHER: &str = "1000000000000000000";

fn chains() -> ChainNames {
    [(1, "ethereum"), (137, "polygon"), (8453, "base")]
        .into_iter()
        .map(|(id, name)| ChainName {
            id,
            name: name.to_owned(),
            native_currency: "ETH".to_owned(),
        })
        .collect()
}

fn account(text: &str) -> Address {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    Timestamp::from_millis(1_795_435_200_000)
}

fn settings(profile: Value) -> GuardrailSettings {
    check(&profile, &chains(), now()).unwrap();
    let names = chains();
    let chains = Chains {
        names: &names,
        must_exist: false,
    };
    assemble(&profile, &[], &chains, now()).unwrap()
}

/// The field that is at fault.
fn fault(profile: Value) -> String {
    match check(&profile, &chains(), now()) {
        Err(ServiceError::Invalid {
            field: Some(field), ..
        }) => field,
        other => panic!("{profile}: {other:?}"),
    }
}

fn ruleset(settings: &GuardrailSettings, name: &str) -> Ruleset {
    settings
        .rulesets
        .iter()
        .find(|ruleset| ruleset.name == name)
        .unwrap_or_else(|| panic!("no `{name}` in {settings:?}"))
        .clone()
}

fn names(settings: &GuardrailSettings) -> Vec<&str> {
    settings
        .rulesets
        .iter()
        .map(|ruleset| ruleset.name.as_str())
        .collect()
}

fn day() -> Window {
    Window::Calendar {
        unit: CalendarUnit::Day,
        zone: "UTC".to_owned(),
    }
}

#[test]
fn an_agent_without_restrictions_is_refused_delegations_alone() {
    for profile in [
        json!({}),
        json!({"guardrails": null}),
        json!({"guardrails": {}}),
    ] {
        let settings = settings(profile);
        let only = Ruleset {
            name: "agent".to_owned(),
            delegations: Stance::Deny,
            ..Ruleset::default()
        };
        assert_eq!(settings.rulesets, [only]);
        assert_eq!(settings.signing, Default::default());
    }
}

#[test]
fn every_restriction_makes_a_guarded_agent() {
    for profile in [
        json!({"tx_to_allowlist": [A]}),
        json!({"tx_max_value": "0"}),
        json!({"tx_daily_limit": "1"}),
        json!({"tx_max_per_day": 0}),
        json!({"tx_allowed_chains": ["base"]}),
        json!({"tx_token_allowlist": [A]}),
        json!({"tx_known_tokens_only": true}),
        json!({"tx_overhead_budget": {"evm": "1"}}),
        json!({"tx_overhead_budget": {"base": "1"}}),
        json!({"per_chain_guardrails": {"base": {"max_value": "1"}}}),
        json!({"guardrails": {"recipients": {"deny": [A]}}}),
        json!({"guardrails": {"delegatecalls": "deny"}}),
        json!({"guardrails": {"per_chain": {"base": {"require_simulation": true}}}}),
        json!({"guardrails": {"fees": {"max_gas": 1}}}),
        json!({"guardrails": {"time_windows": [{"after": "08:00"}]}}),
    ] {
        let agent = ruleset(&settings(profile.clone()), "agent");
        assert_eq!(agent.unlimited_approvals, Stance::Deny, "{profile}");
        assert_eq!(agent.contract_creation, Stance::Deny, "{profile}");
        assert_eq!(agent.delegations, Stance::Deny, "{profile}");
        assert_eq!(agent.opaque_calls, Stance::ListedOnly, "{profile}");
        assert_eq!(agent.delegatecalls, Stance::Deny, "{profile}");
    }
}

#[test]
fn what_restricts_nothing_makes_no_guarded_agent() {
    for profile in [
        json!({"intent_signature": "required"}),
        json!({"message_signing_enabled": true}),
        json!({"guardrails": {"opaque_calls": "allow"}}),
        json!({"guardrails": {"typed_data": [{"verifying_contract": A}]}}),
        json!({"guardrails": {"require_signed_intent": true}}),
        json!({"per_chain_guardrails": {"base": {}}}),
        json!({"tx_to_allowlist": [], "tx_max_value": null, "per_chain_guardrails": {}}),
    ] {
        let agent = ruleset(&settings(profile.clone()), "agent");
        assert_eq!(agent.unlimited_approvals, Stance::Allow, "{profile}");
        assert_eq!(agent.opaque_calls, Stance::Allow, "{profile}");
        assert_eq!(agent.delegations, Stance::Deny, "{profile}");
    }
}

#[test]
fn the_document_has_the_last_word_on_stances() {
    let all = json!({
        "unlimited_approvals": "allow", "contract_creation": "allow", "delegations": "listed_only",
        "delegatecalls": "listed_only", "opaque_calls": "deny"
    });
    let agent = ruleset(
        &settings(json!({"tx_max_value": "1", "guardrails": all})),
        "agent",
    );
    assert_eq!(agent.unlimited_approvals, Stance::Allow);
    assert_eq!(agent.contract_creation, Stance::Allow);
    assert_eq!(agent.delegations, Stance::ListedOnly);
    assert_eq!(agent.delegatecalls, Stance::ListedOnly);
    assert_eq!(agent.opaque_calls, Stance::Deny);
}

#[test]
fn listed_is_meant_with_regard_to_every_list_of_recipients() {
    let both =
        settings(json!({"tx_to_allowlist": [A], "guardrails": {"recipients": {"allow": [B]}}}));
    assert_eq!(ruleset(&both, "agent").opaque_calls, Stance::ListedOnly);
    assert_eq!(
        ruleset(&both, "guardrails").opaque_calls,
        Stance::ListedOnly
    );
    let document = settings(json!({"guardrails": {"recipients": {"allow": [B]}}}));
    assert_eq!(names(&document), ["guardrails"]);
    let only = ruleset(&document, "guardrails");
    assert_eq!(only.opaque_calls, Stance::ListedOnly);
    assert_eq!(only.delegations, Stance::Deny);
}

#[test]
fn each_field_becomes_its_rule() {
    let settings = settings(json!({
        "tx_to_allowlist": [A], "tx_max_value": "0.1", "tx_daily_limit": "1", "tx_max_per_day": 5,
        "tx_allowed_chains": ["base", "137"], "tx_token_allowlist": [B], "tx_overhead_budget": {"evm": "0.01"},
        "intent_signature": "required",
    }));
    let agent = ruleset(&settings, "agent");
    assert_eq!(agent.recipients, [account(A)]);
    assert_eq!(agent.max_value.unwrap().to_string(), "100000000000000000");
    assert_eq!(agent.tokens, Some(vec![account(B)]));
    assert!(agent.require_signed_intent && agent.on_chains.is_empty());
    let allowed = |id, name: &str| AllowedChain {
        id,
        name: name.to_owned(),
    };
    assert_eq!(
        agent.chains.unwrap(),
        [allowed(8453, "base"), allowed(137, "polygon")]
    );
    let budget = |name: &str, code: &str, asset, limit: &str, window| BudgetRule {
        budget: name.to_owned(),
        code: code.to_owned(),
        asset,
        limit: limit.parse().unwrap(),
        window,
    };
    assert_eq!(
        agent.budgets,
        [
            budget(
                "agent/daily",
                "daily_limit",
                BudgetAsset::Native,
                ETHER,
                Window::Rolling { seconds: 86_400 }
            ),
            budget(
                "agent/count-day",
                "count_limit",
                BudgetAsset::Transactions,
                "5",
                day()
            ),
            budget(
                "agent/fees-day",
                "overhead_budget",
                BudgetAsset::Fees,
                "10000000000000000",
                day()
            ),
        ]
    );
}

#[test]
fn known_tokens_are_those_of_the_list() {
    let none = settings(json!({"tx_known_tokens_only": true}));
    assert_eq!(ruleset(&none, "agent").tokens, Some(Vec::new()));
    let any = settings(json!({"tx_max_value": "1"}));
    assert_eq!(ruleset(&any, "agent").tokens, None);
}

#[test]
fn rules_for_a_chain_apply_there_alone_and_have_budgets_of_their_own() {
    let settings = settings(json!({
        "tx_overhead_budget": {"base": 1},
        "per_chain_guardrails": {
            "base": {"max_value_eth": "1", "daily_limit": "1", "to_allowlist": [A], "token_allowlist": [B],
                     "max_per_day": 3, "overhead_budget": "1"},
            "evm": {"daily_limit_eth": "2", "daily_limit": ""},
        },
    }));
    let base = ruleset(&settings, "per_chain/base");
    assert_eq!(base.on_chains, [8453]);
    assert_eq!(base.max_value.unwrap().to_string(), ETHER);
    assert_eq!(base.recipients, [account(A)]);
    assert_eq!(base.tokens, Some(vec![account(B)]));
    let budgets: Vec<_> = base.budgets.iter().map(|b| b.budget.as_str()).collect();
    assert_eq!(
        budgets,
        [
            "agent/daily.8453",
            "agent/count-day.8453",
            "agent/fees-day.8453"
        ]
    );
    let family = ruleset(&settings, "per_chain/evm");
    assert!(family.on_chains.is_empty());
    assert_eq!(family.budgets[0].budget, "agent/daily.evm");
    let overhead = ruleset(&settings, "tx_overhead_budget/base");
    assert_eq!(overhead.on_chains, [8453]);
    for ruleset in &settings.rulesets {
        for budget in &ruleset.budgets {
            assert!(BudgetName::parse(&budget.budget).is_some(), "{budget:?}");
        }
    }
}

#[test]
fn switches_and_domains_say_what_may_be_signed_besides_transactions() {
    let signing = settings(json!({
        "message_signing_enabled": true, "raw_signing_enabled": true, "eip712_default_policy": "allow",
        "eip712_domain_allowlist": [{"verifying_contract": A, "name": "X", "chain_id": 1}],
        "guardrails": {"per_chain": {"base": {"typed_data": [{
            "verifying_contract": B, "primary_types": ["Order"],
            "fields": [{"pointer": "/to", "one_of": [A]}, {"pointer": "/amount", "at_most": "5"}],
        }]}}},
    }))
    .signing;
    assert!(signing.messages && signing.digests && signing.typed_data);
    assert_eq!(signing.domains[0].chain_id, Some(1));
    assert_eq!(signing.domains[0].name.as_deref(), Some("X"));
    assert_eq!(signing.domains[1].chain_id, Some(8453));
    assert_eq!(signing.domains[1].primary_types, ["Order"]);
    assert_eq!(
        signing.domains[1].fields[1].at_most.unwrap().to_string(),
        "5"
    );
}

/// A document with every key there is.
fn full() -> Value {
    json!({
        "budgets": [
            {"name": "hourly", "asset": "native", "limit": "0.5", "window": {"rolling_seconds": 3600}},
            {"name": "treasury", "shared_by": "organisation", "asset": A, "limit": "1000000",
             "window": {"calendar": "month", "timezone": "Europe/Berlin"}},
            {"name": "team", "shared_by": "label:team", "asset": "transactions", "limit": 10,
             "window": {"calendar": "week"}, "chains": ["base", 1]},
            {"name": "gas", "shared_by": "key", "asset": "fees", "limit": "0.1", "window": {"calendar": "day"}}
        ],
        "recipients": {"allow": [A], "deny": [B]},
        "functions": [
            {"contract": A, "selector": "0xA9059CBB"},
            {"signature": "approve(address,uint256)"}
        ],
        "tokens": {"allow": [], "limits": [{"token": A, "max_amount": "7"}]},
        "fees": {"max_gas": 100_000, "max_fee_per_gas_gwei": "1.5", "max_priority_fee_per_gas_gwei": "0.1",
                 "max_total": "0.01"},
        "unlimited_approvals": "listed_only", "contract_creation": "deny", "delegations": "deny",
        "delegatecalls": "deny", "opaque_calls": "listed_only",
        "typed_data": [{"verifying_contract": A, "name": "n", "chain_id": 1, "primary_types": ["P"],
                        "fields": [{"pointer": "/x", "one_of": ["1"], "at_most": 1}]}],
        "time_windows": [{"after": "08:00", "before": "18:00", "timezone": "Europe/Berlin", "days": ["mon"]}],
        "require_signed_intent": true, "require_simulation": true,
        "per_chain": {"base": {"recipients": {"allow": [B]}, "opaque_calls": "deny",
            "budgets": [{"name": "hourly", "asset": "native", "limit": 1, "window": {"rolling_seconds": 60}}]}}
    })
}

#[test]
fn each_key_of_the_document_becomes_its_rule() {
    let settings = settings(json!({"labels": {"team": "red"}, "guardrails": full()}));
    assert_eq!(
        names(&settings),
        [
            "guardrails/per_chain/base",
            "guardrails",
            "guardrails/budgets/team"
        ]
    );
    let main = ruleset(&settings, "guardrails");
    let budgets: Vec<_> = main
        .budgets
        .iter()
        .map(|b| (b.budget.as_str(), b.limit.to_string()))
        .collect();
    assert_eq!(
        budgets,
        [
            ("agent/budget/hourly", "500000000000000000".to_owned()),
            ("organisation/budget/treasury", "1000000".to_owned()),
            ("key/budget/gas", "100000000000000000".to_owned()),
        ]
    );
    assert_eq!(main.denied_recipients, [account(B)]);
    assert_eq!(main.functions[0].selector, 0xa905_9cbb);
    assert_eq!(main.functions[1].selector, 0x095e_a7b3);
    assert_eq!(main.tokens, Some(Vec::new()));
    assert_eq!(main.token_limits[0].max_amount.to_string(), "7");
    assert_eq!(main.max_gas, Some(100_000));
    assert_eq!(main.max_fee_per_gas.unwrap().to_string(), "1500000000");
    assert_eq!(
        main.max_priority_fee_per_gas.unwrap().to_string(),
        "100000000"
    );
    assert_eq!(main.max_total_fee.unwrap().to_string(), "10000000000000000");
    assert_eq!(main.unlimited_approvals, Stance::ListedOnly);
    assert_eq!(main.time_windows[0].after_minute, 480);
    assert!(settings.zones.contains_key("Europe/Berlin"));
    assert!(main.require_signed_intent && main.require_simulation);
    let team = ruleset(&settings, "guardrails/budgets/team");
    assert_eq!(team.on_chains, [8453, 1]);
    assert_eq!(team.budgets[0].budget, "label.team/budget/team");
    let base = ruleset(&settings, "guardrails/per_chain/base");
    assert_eq!(base.on_chains, [8453]);
    assert_eq!(base.opaque_calls, Stance::Deny);
    assert_eq!(base.budgets[0].budget, "agent/budget/hourly/8453");
}

#[test]
fn what_cannot_be_enforced_is_refused_and_names_its_field() {
    let doc = |value: Value| json!({ "guardrails": value });
    let budget = |key: &str, value: Value| {
        let mut budget =
            json!({"name": "x", "asset": "native", "limit": "1", "window": {"calendar": "day"}});
        budget[key] = value;
        json!({"guardrails": {"budgets": [budget]}})
    };
    for (profile, field) in [
        (json!({"tx_to_allowlist": [A, "0x1"]}), "tx_to_allowlist[1]"),
        (
            json!({"tx_to_allowlist": ["0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"]}),
            "tx_to_allowlist[0]",
        ),
        (
            json!({"tx_token_allowlist": ["USDC"]}),
            "tx_token_allowlist[0]",
        ),
        (
            json!({"tx_max_value": "0.1234567890123456789"}),
            "tx_max_value",
        ),
        (json!({"tx_max_value": "1".repeat(78)}), "tx_max_value"),
        (json!({"tx_daily_limit": 0.5}), "tx_daily_limit"),
        (
            json!({"tx_allowed_chains": ["base", "atlantis"]}),
            "tx_allowed_chains[1]",
        ),
        (
            json!({"tx_allowed_chains": ["solana"]}),
            "tx_allowed_chains[0]",
        ),
        (
            json!({"per_chain_guardrails": {"solana": {}}}),
            "per_chain_guardrails.solana",
        ),
        (
            json!({"per_chain_guardrails": {"base": {"gas": 1}}}),
            "per_chain_guardrails.base.gas",
        ),
        (
            json!({"per_chain_guardrails": {"base": {"max_value": "-1"}}}),
            "per_chain_guardrails.base.max_value",
        ),
        (
            json!({"per_chain_guardrails": {"base": {"to_allowlist": ["x"]}}}),
            "per_chain_guardrails.base.to_allowlist[0]",
        ),
        (
            json!({"tx_overhead_budget": {"bitcoin": "1"}}),
            "tx_overhead_budget.bitcoin",
        ),
        (
            json!({"tx_overhead_budget": {"evm": "x"}}),
            "tx_overhead_budget.evm",
        ),
        (
            json!({"solana_ata_allowlist": ["a"]}),
            "solana_ata_allowlist",
        ),
        (
            json!({"xrpl_allowed_tx_types": ["Payment"]}),
            "xrpl_allowed_tx_types",
        ),
        (
            json!({"execution_intents_enabled": true}),
            "execution_intents_enabled",
        ),
        (
            json!({"execution_guardrails": {"a": 1}}),
            "execution_guardrails",
        ),
        (
            json!({"per_environment_guardrails": {"production": {}}}),
            "per_environment_guardrails",
        ),
        (
            json!({"eip712_domain_allowlist": [{"verifying_contract": A, "chain": 1}]}),
            "eip712_domain_allowlist[0].chain",
        ),
        (doc(json!([])), "guardrails"),
        (doc(json!({"max": 1})), "guardrails.max"),
        (
            doc(json!({"per_chain": {"mars": {}}})),
            "guardrails.per_chain.mars",
        ),
        (
            doc(json!({"per_chain": {"base": {"per_chain": {}}}})),
            "guardrails.per_chain.base.per_chain",
        ),
        (
            doc(json!({"recipients": {"allow": []}})),
            "guardrails.recipients.allow",
        ),
        (
            doc(json!({"recipients": {"allow": ["0x"]}})),
            "guardrails.recipients.allow[0]",
        ),
        (doc(json!({"functions": []})), "guardrails.functions"),
        (doc(json!({"functions": [{}]})), "guardrails.functions[0]"),
        (
            doc(json!({"functions": [{"selector": "0x1"}]})),
            "guardrails.functions[0]",
        ),
        (
            doc(json!({"functions": [{"signature": "transfer(adress)"}]})),
            "guardrails.functions[0]",
        ),
        (
            doc(json!({"tokens": {"limits": [{"token": A, "max_amount": "1.5"}]}})),
            "guardrails.tokens.limits[0].max_amount",
        ),
        (
            doc(json!({"fees": {"max_gas": -1}})),
            "guardrails.fees.max_gas",
        ),
        (
            doc(json!({"fees": {"max_fee_per_gas_gwei": "1e9"}})),
            "guardrails.fees.max_fee_per_gas_gwei",
        ),
        (
            doc(json!({"delegations": "maybe"})),
            "guardrails.delegations",
        ),
        (
            doc(
                json!({"typed_data": [{"verifying_contract": A, "fields": [{"pointer": "x", "at_most": 1}]}]}),
            ),
            "guardrails.typed_data[0].fields[0].pointer",
        ),
        (
            doc(json!({"typed_data": [{"verifying_contract": A, "fields": [{"pointer": "/x"}]}]})),
            "guardrails.typed_data[0].fields[0]",
        ),
        (
            doc(
                json!({"per_chain": {"base": {"typed_data": [{"verifying_contract": A, "chain_id": 1}]}}}),
            ),
            "guardrails.per_chain.base.typed_data[0].chain_id",
        ),
        (doc(json!({"time_windows": []})), "guardrails.time_windows"),
        (
            doc(json!({"time_windows": [{"after": "8"}]})),
            "guardrails.time_windows[0].after",
        ),
        (
            doc(json!({"time_windows": [{"timezone": "Mars/Olympus"}]})),
            "guardrails.time_windows[0].timezone",
        ),
        (budget("name", json!("A b")), "guardrails.budgets[0].name"),
        (
            budget("name", json!("x".repeat(33))),
            "guardrails.budgets[0].name",
        ),
        (budget("name", json!("a/b")), "guardrails.budgets[0].name"),
        (
            budget("shared_by", json!("team")),
            "guardrails.budgets[0].shared_by",
        ),
        (
            budget("shared_by", json!("label:team")),
            "guardrails.budgets[0].shared_by",
        ),
        (
            budget("asset", json!("gold")),
            "guardrails.budgets[0].asset",
        ),
        (budget("asset", json!("0x1")), "guardrails.budgets[0].asset"),
        (budget("limit", json!("-1")), "guardrails.budgets[0].limit"),
        (budget("limit", json!(1.5)), "guardrails.budgets[0].limit"),
        (budget("window", json!({})), "guardrails.budgets[0].window"),
        (
            budget("window", json!({"rolling_seconds": 0})),
            "guardrails.budgets[0].window",
        ),
        (
            budget("window", json!({"rolling_seconds": 60, "calendar": "day"})),
            "guardrails.budgets[0].window",
        ),
        (
            budget("window", json!({"calendar": "day", "timezone": "Nowhere"})),
            "guardrails.budgets[0].window.timezone",
        ),
        (budget("chains", json!([])), "guardrails.budgets[0].chains"),
        (
            budget("chains", json!(["mars"])),
            "guardrails.budgets[0].chains[0]",
        ),
        (
            budget("chain", json!("base")),
            "guardrails.budgets[0].chain",
        ),
    ] {
        assert_eq!(fault(profile.clone()), field, "{profile}");
    }
}

#[test]
fn lists_are_bounded() {
    let many = |n: usize| vec![A; n];
    let recipients = |n| json!({"guardrails": {"recipients": {"allow": many(n)}}});
    settings(recipients(1000));
    assert_eq!(fault(recipients(1001)), "guardrails.recipients.allow");
    let budgets = |n: usize| {
        let budgets: Vec<Value> = (0..n)
            .map(|i| json!({"name": format!("b{i}"), "asset": "native", "limit": "1", "window": {"calendar": "day"}}))
            .collect();
        json!({"tx_daily_limit": "1", "guardrails": {"budgets": budgets}})
    };
    settings(budgets(63));
    assert_eq!(
        fault(budgets(64)),
        "guardrails.budgets",
        "the plugin takes 64 together"
    );
    assert_eq!(fault(budgets(65)), "guardrails.budgets");
}

#[test]
fn one_name_for_two_budgets_is_refused() {
    let budget =
        json!({"name": "x", "asset": "native", "limit": "1", "window": {"calendar": "day"}});
    let twice = json!({"guardrails": {"budgets": [budget, budget]}});
    assert_eq!(fault(twice), "guardrails.budgets[1].name");
}

#[test]
fn a_chain_that_is_gone_is_left_out_and_never_means_all_of_them() {
    let profile = json!({
        "tx_allowed_chains": ["gone"],
        "per_chain_guardrails": {"gone": {"max_value": "1"}},
        "guardrails": {
            "per_chain": {"gone": {"fees": {"max_gas": 1}}},
            "budgets": [{"name": "x", "asset": "native", "limit": "1", "window": {"calendar": "day"}, "chains": ["gone"]}]
        },
    });
    let names_of_chains = chains();
    let chains = Chains {
        names: &names_of_chains,
        must_exist: false,
    };
    let settings = assemble(&profile, &[], &chains, now()).unwrap();
    assert_eq!(names(&settings), ["agent"]);
    assert_eq!(ruleset(&settings, "agent").chains, Some(Vec::new()));
}

#[test]
fn what_was_stored_and_cannot_be_enforced_gives_no_settings() {
    let names = chains();
    let chains = Chains {
        names: &names,
        must_exist: false,
    };
    for profile in [
        json!({"tx_to_allowlist": ["0x1"]}),
        json!({"per_environment_guardrails": {"a": 1}}),
        json!("x"),
    ] {
        assert!(
            assemble(&profile, &[], &chains, now()).is_err(),
            "{profile}"
        );
    }
}

#[test]
fn the_plugin_takes_all_that_can_be_written() {
    let engine = oneclaw_policy_host::Engine::new(oneclaw_policy_host::EngineOptions::default());
    let engine = engine.unwrap();
    let plugin = engine
        .load(oneclaw_builtin::TRANSACTION_GUARDRAILS)
        .unwrap();
    assert_eq!(plugin.manifest().name, PLUGIN);
    let org = oneclaw_core::ids::OrgId::from_uuid(uuid::Uuid::nil());
    let fields = json!({
        "tx_to_allowlist": [A], "tx_max_value": "0.1", "tx_daily_limit": "1", "tx_max_per_day": 5,
        "tx_allowed_chains": ["base"], "tx_token_allowlist": [B], "tx_known_tokens_only": true,
        "tx_overhead_budget": {"evm": "0.01", "base": "1"}, "intent_signature": "required",
        "message_signing_enabled": true, "raw_signing_enabled": true, "eip712_default_policy": "allow",
        "eip712_domain_allowlist": [{"verifying_contract": A, "name": "X", "chain_id": 1}],
        "per_chain_guardrails": {"base": {"max_value": "1", "daily_limit": "1", "max_per_day": 1, "overhead_budget": "1"}},
        "labels": {"team": "red"}, "guardrails": full(),
    });
    for profile in [json!({}), fields] {
        let settings = serde_json::to_string(&settings(profile)).unwrap();
        engine.configure_guardrail(&plugin, org, &settings).unwrap();
    }
}

/// The keys that serde knows in the place where an unknown one stands.
fn known_keys(profile: Value) -> BTreeSet<String> {
    let error = check(&profile, &chains(), now()).unwrap_err().to_string();
    let (_, list) = error
        .split_once("expected ")
        .unwrap_or_else(|| panic!("{error}"));
    list.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_published_schema_names_the_keys_that_are_read() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let keys = |pointer: &str| -> BTreeSet<String> {
        let object = schema
            .pointer(pointer)
            .unwrap_or_else(|| panic!("{pointer}"));
        object.as_object().unwrap().keys().cloned().collect()
    };
    let doc = |value: Value| known_keys(json!({ "guardrails": value }));
    let unknown = json!({"?": 1});
    let mut top = keys("/properties");
    assert_eq!(top, full().as_object().unwrap().keys().cloned().collect());
    assert!(top.remove("per_chain"));
    assert_eq!(top, doc(unknown.clone()));
    assert_eq!(
        keys("/$defs/rules/properties"),
        doc(json!({"per_chain": {"base": unknown}}))
    );
    let first = json!([unknown]);
    for (pointer, read) in [
        ("/$defs/budget/properties", doc(json!({"budgets": first}))),
        (
            "/$defs/function/properties",
            doc(json!({"functions": first})),
        ),
        (
            "/$defs/domain/properties",
            doc(json!({"typed_data": first})),
        ),
        (
            "/$defs/field/properties",
            doc(json!({"typed_data": [{"fields": first}]})),
        ),
        (
            "/$defs/token_limit/properties",
            doc(json!({"tokens": {"limits": first}})),
        ),
        (
            "/$defs/window/properties",
            doc(json!({"budgets": [{"window": unknown}]})),
        ),
        (
            "/properties/recipients/properties",
            doc(json!({"recipients": unknown})),
        ),
        (
            "/properties/tokens/properties",
            doc(json!({"tokens": unknown})),
        ),
        ("/properties/fees/properties", doc(json!({"fees": unknown}))),
    ] {
        assert_eq!(keys(pointer), read, "{pointer}");
    }
}
