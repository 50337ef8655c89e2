//! One guardrail at a time.

use oneclaw_core::amount::Amount as CoreAmount;
use oneclaw_core::conditions::{WindowRule, ZoneTable};
use oneclaw_core::guardrails::{FunctionRule, GuardrailSettings, Ruleset, SigningSettings, Stance};
use oneclaw_policy_sdk::BalanceChange;

use super::base::*;

fn tx(request: &mut TransactionRequest) -> &mut TransactionIntent {
    match &mut request.intent {
        Intent::Transaction(tx) => tx,
        other => panic!("{other:?}"),
    }
}

#[test]
fn without_rules_transactions_pass_and_nothing_else_does() {
    let open = with(Vec::new());
    assert_eq!(code(&open, &pays(7, Amount::MAX)), "passed");
    let message = request(Intent::Message(b"hello".to_vec()), Vec::new());
    assert_eq!(code(&open, &message), "message_signing_disabled");
    let digest = request(Intent::Digest(vec![0; 32]), Vec::new());
    assert_eq!(code(&open, &digest), "raw_signing_disabled");
}

#[test]
fn messages_and_digests_pass_where_they_are_switched_on_whatever_the_limits() {
    let rulesets = vec![Ruleset {
        recipients: core_list(&[7]),
        max_value: Some(CoreAmount::ZERO),
        ..rules()
    }];
    let signing = SigningSettings {
        messages: true,
        digests: true,
        ..SigningSettings::default()
    };
    let guardrails = configured(&GuardrailSettings {
        signing,
        rulesets,
        ..GuardrailSettings::default()
    });
    let message = request(Intent::Message(b"hello".to_vec()), Vec::new());
    assert_eq!(code(&guardrails, &message), "passed");
    let digest = request(Intent::Digest(vec![0; 32]), Vec::new());
    assert_eq!(code(&guardrails, &digest), "passed");
}

#[test]
fn a_chain_that_is_not_listed_is_refused_by_name() {
    let allowed = |chains| {
        with(vec![Ruleset {
            chains: Some(chains),
            ..rules()
        }])
    };
    let base_alone = allowed(vec![chain(8453, "base"), chain(1, "ethereum")]);
    assert_eq!(code(&base_alone, &pays(7, Amount::ONE)), "passed");
    let mut polygon = pays(7, Amount::ONE);
    polygon.chain = Some(Chain {
        id: 137,
        name: "polygon".to_owned(),
    });
    let reason = refusal(base_alone.evaluate(&polygon)).unwrap();
    assert_eq!(reason.code, "chain_not_allowed");
    assert_eq!(
        reason.message,
        "Chain 'polygon' is not in this agent's allowed chains (base, ethereum)"
    );
    assert_eq!(reason.rule, "agent");
    assert_eq!(
        code(&allowed(Vec::new()), &pays(7, Amount::ONE)),
        "chain_not_allowed"
    );
    polygon.chain = None;
    assert_eq!(code(&with(Vec::new()), &polygon), "chain_not_allowed");
}

#[test]
fn a_ruleset_for_other_chains_is_left_out_and_one_without_chains_is_not() {
    let on = |on_chains| {
        with(vec![Ruleset {
            on_chains,
            recipients: core_list(&[7]),
            ..rules()
        }])
    };
    let stranger = pays(8, Amount::ONE);
    assert_eq!(code(&on(vec![1]), &stranger), "passed");
    assert_eq!(code(&on(vec![1, 8453]), &stranger), "recipient_not_allowed");
    assert_eq!(code(&on(Vec::new()), &stranger), "recipient_not_allowed");
}

#[test]
fn an_amount_over_the_cap_by_one_wei_is_refused() {
    let cap = ETHER / 10;
    let capped = with(vec![Ruleset {
        max_value: Some(CoreAmount::from(cap)),
        ..rules()
    }]);
    assert_eq!(code(&capped, &pays(7, cap.into())), "passed");
    let reason = refusal(capped.evaluate(&pays(7, (cap + 1).into()))).unwrap();
    assert_eq!(reason.code, "value_limit");
    let figures = reason.figures.unwrap();
    assert_eq!(figures.limit, cap.into());
    assert_eq!(figures.attempted, (cap + 1).into());

    let mut twice = pays(7, (ETHER / 5).into());
    let message = |request: &TransactionRequest| refusal(capped.evaluate(request)).unwrap().message;
    assert_eq!(
        message(&twice),
        "Transaction value 0.2 ETH exceeds the per-transaction limit of 0.1 ETH"
    );
    twice.facts.push(Fact {
        key: "chain.native_currency".to_owned(),
        value: "POL".to_owned(),
    });
    assert!(message(&twice).contains("0.2 POL"));
}

#[test]
fn recipients_are_found_among_a_thousand_and_a_denied_one_is_refused_first() {
    let many: Vec<u32> = (0..1000).map(|n| n * 3).rev().collect();
    let listed = with(vec![Ruleset {
        recipients: core_list(&many),
        denied_recipients: core_list(&[300]),
        ..rules()
    }]);
    for n in 0..3000 {
        let expected = if n % 3 == 0 && n != 300 {
            "passed"
        } else {
            "recipient_not_allowed"
        };
        assert_eq!(code(&listed, &pays(n, Amount::ONE)), expected, "{n}");
    }
    let reason = refusal(listed.evaluate(&pays(1, Amount::ONE))).unwrap();
    assert_eq!(
        reason.message,
        "Recipient 0x0000000000000000000000000000000000000001 is not in this agent's allowlist"
    );
}

#[test]
fn gas_and_fees_pass_at_their_limits_and_not_one_above() {
    let capped = with(vec![Ruleset {
        max_gas: Some(21_000),
        max_fee_per_gas: Some(CoreAmount::from(3_u64)),
        max_priority_fee_per_gas: Some(CoreAmount::ONE),
        max_total_fee: Some(CoreAmount::from(2 * 21_000_u64)),
        ..rules()
    }]);
    let changed = |change: fn(&mut TransactionIntent)| {
        let mut request = pays(7, Amount::ONE);
        change(tx(&mut request));
        code(&capped, &request)
    };
    assert_eq!(changed(|_| ()), "passed");
    assert_eq!(changed(|tx| tx.gas_limit = 21_001), "gas_limit");
    let priority = |tx: &mut TransactionIntent| tx.fees.max_priority_fee_per_gas = 2_u64.into();
    assert_eq!(changed(priority), "fee_limit");
    assert_eq!(
        changed(|tx| tx.fees.max_fee_per_gas = 4_u64.into()),
        "fee_limit"
    );
    assert_eq!(
        changed(|tx| tx.fees.max_fee_per_gas = 3_u64.into()),
        "fee_limit"
    );

    let largest = with(vec![Ruleset {
        max_total_fee: Some(CoreAmount::MAX),
        ..rules()
    }]);
    let mut overflowing = pays(7, Amount::ONE);
    tx(&mut overflowing).fees.max_fee_per_gas = Amount::MAX;
    assert_eq!(code(&largest, &overflowing), "fee_limit");
}

#[test]
fn one_open_window_is_enough_and_none_is_not() {
    let window = |after_minute, before_minute| WindowRule {
        after_minute,
        before_minute,
        zone: "UTC".to_owned(),
        days: 0b111_1111,
    };
    let guardrails = |time_windows| {
        configured(&GuardrailSettings {
            signing: SigningSettings {
                messages: true,
                ..SigningSettings::default()
            },
            rulesets: vec![Ruleset {
                time_windows,
                ..rules()
            }],
            zones: [(
                "UTC".to_owned(),
                ZoneTable {
                    transitions: vec![(0, 0)],
                    until: i64::MAX,
                },
            )]
            .into(),
        })
    };
    let closed = guardrails(vec![window(60, 120), window(180, 240)]);
    let open = guardrails(vec![window(60, 120), window(0, 60)]);
    for request in [
        pays(7, Amount::ONE),
        request(Intent::Message(Vec::new()), Vec::new()),
    ] {
        assert_eq!(code(&closed, &request), "time_window");
        assert_eq!(code(&open, &request), "passed");
    }
}

#[test]
fn a_signed_intent_is_asked_for_before_anything_is_signed() {
    let strict = with(vec![Ruleset {
        require_signed_intent: true,
        ..rules()
    }]);
    let mut request = pays(7, Amount::ONE);
    assert_eq!(code(&strict, &request), "signed_intent_required");
    request.signature = Some(IntentSignature {
        key_id: "k".to_owned(),
        created_ms: 0,
    });
    assert_eq!(code(&strict, &request), "passed");
}

#[test]
fn a_simulation_must_be_there_and_have_gone_through() {
    let strict = with(vec![Ruleset {
        require_simulation: true,
        max_value: Some(CoreAmount::from(100_000_u64)),
        ..rules()
    }]);
    let mut request = pays(7, Amount::ONE);
    assert_eq!(code(&strict, &request), "simulation_required");
    let simulation = |success, lost: u64| {
        Some(Simulation {
            success,
            gas_used: 1,
            revert_reason: Some("no funds".to_owned()),
            balance_changes: vec![BalanceChange {
                account: at(1),
                asset: "native".to_owned(),
                negative: true,
                amount: lost.into(),
            }],
        })
    };
    request.simulation = simulation(false, 1);
    let reason = refusal(strict.evaluate(&request)).unwrap();
    assert_eq!(reason.code, "simulation_failed");
    assert!(reason.message.contains("no funds"));
    // Fees are 42 000 at most.
    request.simulation = simulation(true, 42_001);
    assert_eq!(code(&strict, &request), "passed");
    request.simulation = simulation(true, 100_000);
    assert_eq!(code(&strict, &request), "passed");
    request.simulation = simulation(true, 100_001);
    assert_eq!(code(&strict, &request), "value_limit");
}

#[test]
fn functions_are_judged_inside_and_out_and_plain_transfers_need_none() {
    let function = |contract: Option<u32>, selector| FunctionRule {
        contract: contract.map(core_at),
        selector,
    };
    let only = |functions| {
        with(vec![Ruleset {
            functions,
            ..rules()
        }])
    };
    let call = |contract| effect(EffectKind::Call, None, Some(contract), None, Amount::ZERO);
    let request = calls(7, vec![call(7)]);
    assert_eq!(
        code(&only(vec![function(None, SELECTOR)]), &request),
        "passed"
    );
    let of_seven = only(vec![function(Some(7), SELECTOR), function(None, 1)]);
    assert_eq!(code(&of_seven, &request), "passed");
    assert_eq!(
        code(&of_seven, &calls(8, vec![call(8)])),
        "function_not_allowed"
    );
    let inner = Effect {
        parent: Some(0),
        ..call(9)
    };
    assert_eq!(
        code(&of_seven, &calls(7, vec![call(7), inner])),
        "function_not_allowed"
    );
    assert_eq!(code(&of_seven, &pays(9, Amount::ONE)), "passed");
    let mut short = calls(7, Vec::new());
    tx(&mut short).selector = None;
    assert_eq!(code(&of_seven, &short), "function_not_allowed");
}

#[test]
fn creations_delegations_delegatecalls_and_opaque_calls_follow_their_stance() {
    type Set = fn(&mut Ruleset, Stance);
    let cases: [(EffectKind, &str, Set); 4] = [
        (EffectKind::ContractCreation, "contract_creation", |r, s| {
            r.contract_creation = s;
        }),
        (EffectKind::Delegation, "delegation", |r, s| {
            r.delegations = s
        }),
        (EffectKind::Delegatecall, "delegatecall", |r, s| {
            r.delegatecalls = s;
        }),
        (EffectKind::Opaque, "opaque_call", |r, s| r.opaque_calls = s),
    ];
    for (kind, expected, set) in cases {
        let (contract, target) = match kind {
            EffectKind::ContractCreation => (None, None),
            EffectKind::Delegation => (None, Some(7)),
            _ => (Some(7), None),
        };
        let mut request = calls(7, vec![effect(kind, None, contract, target, Amount::ZERO)]);
        if kind == EffectKind::ContractCreation {
            tx(&mut request).to = None;
        }
        let answer = |stance, recipients: &[u32]| {
            let mut ruleset = Ruleset {
                recipients: core_list(recipients),
                ..rules()
            };
            set(&mut ruleset, stance);
            code(&with(vec![ruleset]), &request)
        };
        assert_eq!(answer(Stance::Allow, &[]), "passed");
        assert_eq!(answer(Stance::Deny, &[]), expected);
        assert_eq!(answer(Stance::Deny, &[7]), expected);
        assert_eq!(answer(Stance::ListedOnly, &[]), expected);
        let if_listed = if kind == EffectKind::ContractCreation {
            expected
        } else {
            "passed"
        };
        assert_eq!(answer(Stance::ListedOnly, &[7]), if_listed);
        assert_eq!(answer(Stance::Allow, &[7]), if_listed);
        assert_ne!(answer(Stance::Allow, &[8]), "passed");
    }
}
