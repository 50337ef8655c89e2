//! Typed data.

use oneclaw_core::amount::Amount as CoreAmount;
use oneclaw_core::guardrails::{
    BudgetAsset, DomainRule, FieldRule, GuardrailSettings, Ruleset, SigningSettings, TokenLimit,
};

use super::base::*;

fn typed(primary_type: &str, effects: Vec<Effect>) -> TransactionRequest {
    let typed = TypedDataIntent {
        primary_type: primary_type.to_owned(),
        domain_name: Some("Token".to_owned()),
        domain_version: None,
        domain_chain_id: Some(8453_u64.into()),
        verifying_contract: Some(at(9)),
        domain_separator: vec![0; 32],
        struct_hash: vec![0; 32],
        message: r#"{"spender":"0xABCD","details":[{"amount":"10"}],"a/b":true}"#.to_owned(),
    };
    request(Intent::TypedData(typed), effects)
}

fn permit(amount: u64) -> Effect {
    effect(
        EffectKind::Erc20Permit,
        None,
        Some(9),
        Some(7),
        amount.into(),
    )
}

fn opaque() -> Effect {
    Effect {
        selector: None,
        ..effect(EffectKind::Opaque, None, Some(9), None, Amount::ZERO)
    }
}

fn domain() -> DomainRule {
    DomainRule {
        verifying_contract: core_at(9),
        name: None,
        chain_id: None,
        primary_types: Vec::new(),
        fields: Vec::new(),
    }
}

fn signing(typed_data: bool, domains: Vec<DomainRule>, ruleset: Ruleset) -> crate::Guardrails {
    configured(&GuardrailSettings {
        signing: SigningSettings {
            typed_data,
            domains,
            ..SigningSettings::default()
        },
        rulesets: vec![ruleset],
        ..GuardrailSettings::default()
    })
}

#[test]
fn other_typed_data_needs_a_listed_domain_or_the_switch() {
    let order = typed("Order", vec![opaque()]);
    assert_eq!(
        code(&signing(false, Vec::new(), rules()), &order),
        "typed_data_not_allowed"
    );
    assert_eq!(code(&signing(true, Vec::new(), rules()), &order), "passed");
    assert_eq!(
        code(&signing(false, vec![domain()], rules()), &order),
        "passed"
    );
}

#[test]
fn a_permit_needs_its_domain_listed_by_name_or_by_effect() {
    let free = signing(true, Vec::new(), rules());
    for request in [
        typed("Permit", vec![permit(1)]),
        typed("Anything", vec![permit(1)]),
        typed("PermitForAll", vec![opaque()]),
        typed("ReceiveWithAuthorization", vec![opaque()]),
    ] {
        assert_eq!(code(&free, &request), "typed_data_not_allowed");
    }
    let listed = signing(false, vec![domain()], rules());
    assert_eq!(code(&listed, &typed("Permit", vec![permit(1)])), "passed");
    assert_eq!(
        code(&listed, &typed("PermitForAll", vec![opaque()])),
        "passed"
    );
}

#[test]
fn a_permit_that_should_have_been_readable_and_was_not_is_refused() {
    let listed = signing(true, vec![domain()], rules());
    for name in ["Permit", "PermitBatch", "SafeTx"] {
        assert_eq!(code(&listed, &typed(name, vec![opaque()])), "opaque_call");
        assert_eq!(code(&listed, &typed(name, Vec::new())), "opaque_call");
    }
}

#[test]
fn a_domain_is_known_by_contract_name_and_chain() {
    let answer = |change: fn(&mut DomainRule)| {
        let mut rule = domain();
        change(&mut rule);
        code(
            &signing(false, vec![rule], rules()),
            &typed("Order", vec![opaque()]),
        )
    };
    assert_eq!(
        answer(|rule| rule.name = Some("Token".to_owned())),
        "passed"
    );
    assert_eq!(answer(|rule| rule.chain_id = Some(8453)), "passed");
    let refused = "typed_data_not_allowed";
    assert_eq!(answer(|rule| rule.name = Some("Coin".to_owned())), refused);
    assert_eq!(answer(|rule| rule.chain_id = Some(1)), refused);
    assert_eq!(answer(|rule| rule.verifying_contract = core_at(8)), refused);
    assert_eq!(
        answer(|rule| rule.primary_types = vec!["Offer".to_owned()]),
        refused
    );
}

#[test]
fn the_rules_of_a_listed_domain_hold_even_where_the_rest_is_free() {
    let offers = DomainRule {
        primary_types: vec!["Offer".to_owned()],
        ..domain()
    };
    let free = signing(true, vec![offers.clone()], rules());
    let order = typed("Order", vec![opaque()]);
    assert_eq!(code(&free, &order), "typed_data_not_allowed");
    let both = signing(false, vec![offers, domain()], rules());
    assert_eq!(code(&both, &order), "passed");
}

#[test]
fn fields_are_compared_and_a_missing_one_fails() {
    let answer = |pointer: &str, one_of: &[&str], at_most: Option<u64>| {
        let field = FieldRule {
            pointer: pointer.to_owned(),
            one_of: one_of.iter().copied().map(str::to_owned).collect(),
            at_most: at_most.map(CoreAmount::from),
        };
        let rule = DomainRule {
            fields: vec![field],
            ..domain()
        };
        code(
            &signing(false, vec![rule], rules()),
            &typed("Order", vec![opaque()]),
        )
    };
    assert_eq!(answer("/spender", &["0xef", "0xabcd"], None), "passed");
    assert_eq!(answer("/details/0/amount", &[], Some(10)), "passed");
    assert_eq!(answer("/a~1b", &["true"], None), "passed");
    assert_eq!(answer("/spender", &[], None), "passed");
    for (pointer, one_of, at_most) in [
        ("/spender", &["0xabce"][..], None),
        ("/details/0/amount", &[], Some(9)),
        ("/details/1/amount", &[], Some(10)),
        ("/details/00/amount", &[], Some(10)),
        ("/details", &[], Some(10)),
        ("/spender", &[], Some(10)),
        ("/nothing", &[], None),
        ("/a~1b", &["TRUE"], None),
    ] {
        assert_eq!(
            answer(pointer, one_of, at_most),
            "typed_data_field",
            "{pointer}"
        );
    }
}

#[test]
fn typed_data_for_another_chain_is_refused() {
    let listed = signing(true, vec![domain()], rules());
    let mut order = typed("Order", vec![opaque()]);
    if let Intent::TypedData(typed) = &mut order.intent {
        typed.domain_chain_id = Some(1_u64.into());
    }
    assert_eq!(code(&listed, &order), "chain_not_allowed");
}

#[test]
fn what_a_permit_gives_away_is_judged_like_a_transfer() {
    let answer = |ruleset, amount| {
        code(
            &signing(false, vec![domain()], ruleset),
            &typed("Permit", vec![permit(amount)]),
        )
    };
    let recipients = |numbers: &[u32]| Ruleset {
        recipients: core_list(numbers),
        ..rules()
    };
    assert_eq!(answer(recipients(&[7, 9]), 1), "passed");
    assert_eq!(answer(recipients(&[8, 9]), 1), "recipient_not_allowed");
    let tokens = Ruleset {
        tokens: Some(core_list(&[8])),
        ..rules()
    };
    assert_eq!(answer(tokens, 1), "token_not_allowed");
    let limit = || Ruleset {
        token_limits: vec![TokenLimit {
            token: core_at(9),
            max_amount: CoreAmount::from(10_u64),
        }],
        ..rules()
    };
    assert_eq!(answer(limit(), 10), "passed");
    assert_eq!(answer(limit(), 11), "token_limit");
}

#[test]
fn a_permit_draws_on_the_budget_of_its_token_and_is_no_transaction() {
    let budgets = vec![
        budget(BudgetAsset::Transactions, "count_limit", 0),
        budget(BudgetAsset::Token(core_at(9)), "token_budget", 10),
    ];
    let guardrails = signing(false, vec![domain()], Ruleset { budgets, ..rules() });
    let mut request = typed("Permit", vec![permit(6)]);
    request.budgets = holding(&guardrails, 4_u64.into());
    let room = guardrails.evaluate(&request).reservations;
    assert_eq!(room.len(), 1);
    assert_eq!(
        (room[0].asset.clone(), room[0].amount),
        (at(9).to_string(), 6_u64.into())
    );
    request.budgets = holding(&guardrails, 5_u64.into());
    assert_eq!(code(&guardrails, &request), "token_budget");
}

#[test]
fn a_safe_transaction_that_is_signed_is_judged_by_what_is_inside() {
    let root = Effect {
        selector: None,
        ..effect(EffectKind::Call, None, Some(9), None, Amount::ZERO)
    };
    let pays = |to, amount: u64| {
        let inner = effect(
            EffectKind::NativeTransfer,
            Some(0),
            None,
            Some(to),
            amount.into(),
        );
        typed("SafeTx", vec![root, inner])
    };
    let ruleset = Ruleset {
        recipients: core_list(&[7, 9]),
        max_value: Some(CoreAmount::from(10_u64)),
        ..rules()
    };
    let guardrails = signing(false, vec![domain()], ruleset);
    assert_eq!(code(&guardrails, &pays(7, 10)), "passed");
    assert_eq!(code(&guardrails, &pays(7, 11)), "value_limit");
    assert_eq!(code(&guardrails, &pays(8, 1)), "recipient_not_allowed");
    let hidden = effect(EffectKind::Opaque, Some(0), Some(8), None, Amount::ZERO);
    let hidden = typed("SafeTx", vec![root, hidden]);
    assert_eq!(code(&guardrails, &hidden), "recipient_not_allowed");
}
