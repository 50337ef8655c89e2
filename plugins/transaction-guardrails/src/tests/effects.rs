//! What happens inside calls.

use oneclaw_core::amount::Amount as CoreAmount;
use oneclaw_core::guardrails::{BudgetAsset, FunctionRule, Ruleset, Stance, TokenLimit};

use super::base::*;

fn call(parent: Option<u32>, contract: u32, value: u64) -> Effect {
    let paid = (value != 0).then_some(contract);
    effect(EffectKind::Call, parent, Some(contract), paid, value.into())
}

fn native(parent: Option<u32>, target: u32, value: u64) -> Effect {
    effect(
        EffectKind::NativeTransfer,
        parent,
        None,
        Some(target),
        value.into(),
    )
}

fn token(kind: EffectKind, contract: u32, target: u32, amount: u64) -> Effect {
    effect(kind, None, Some(contract), Some(target), amount.into())
}

fn spends(request: &TransactionRequest, amount: u64) {
    let capped = |cap: u64| {
        with(vec![Ruleset {
            max_value: Some(CoreAmount::from(cap)),
            ..rules()
        }])
    };
    assert_eq!(code(&capped(amount), request), "passed");
    assert_eq!(code(&capped(amount - 1), request), "value_limit");
}

fn sending(value: u64, to: u32, effects: Vec<Effect>) -> TransactionRequest {
    let mut request = calls(to, effects);
    if let Intent::Transaction(tx) = &mut request.intent {
        tx.value = value.into();
    }
    request
}

#[test]
fn value_that_a_batch_passes_on_counts_once() {
    let batch = vec![
        call(None, 5, 10),
        native(Some(0), 7, 4),
        native(Some(0), 8, 6),
    ];
    spends(&sending(10, 5, batch), 10);
    let nested = vec![
        call(None, 5, 10),
        call(Some(0), 6, 10),
        native(Some(1), 8, 10),
    ];
    spends(&sending(10, 5, nested), 10);
    let keeps_some = vec![call(None, 5, 10), native(Some(0), 7, 4)];
    spends(&sending(10, 5, keeps_some), 10);
}

#[test]
fn coin_that_leaves_a_safe_counts_although_the_outer_value_is_nothing() {
    let drain = vec![
        call(None, 5, 0),
        call(Some(0), 6, 0),
        native(Some(1), 8, 30),
        native(Some(1), 9, 12),
    ];
    spends(&sending(0, 5, drain), 42);
    // More than comes in goes out.
    spends(
        &sending(10, 5, vec![call(None, 5, 10), native(Some(0), 8, 25)]),
        25,
    );
}

#[test]
fn the_value_of_the_transaction_counts_whatever_the_effects_say() {
    spends(&sending(10, 5, vec![native(None, 5, 3)]), 10);
    spends(&sending(10, 5, Vec::new()), 10);
    // A parent that does not come before its child is none.
    spends(
        &sending(0, 5, vec![native(Some(9), 5, 3), native(Some(1), 5, 4)]),
        7,
    );
}

#[test]
fn value_inside_that_cannot_be_counted_is_above_every_limit() {
    let largest = with(vec![Ruleset {
        max_value: Some(CoreAmount::MAX),
        ..rules()
    }]);
    let most = || {
        effect(
            EffectKind::NativeTransfer,
            Some(0),
            None,
            Some(7),
            Amount::MAX,
        )
    };
    let one = vec![call(None, 5, 0), most()];
    assert_eq!(code(&largest, &calls(5, one)), "passed");
    let two = vec![call(None, 5, 0), most(), native(Some(0), 7, 1)];
    assert_eq!(code(&largest, &calls(5, two)), "value_limit");
}

/// Every way in which a token can leave.
const MOVES: [EffectKind; 11] = [
    EffectKind::Erc20Transfer,
    EffectKind::Erc20TransferFrom,
    EffectKind::Erc20Approve,
    EffectKind::Erc20Permit,
    EffectKind::Erc3009Authorization,
    EffectKind::Permit2Approve,
    EffectKind::Permit2Transfer,
    EffectKind::Erc721Transfer,
    EffectKind::Erc721Approve,
    EffectKind::Erc1155Transfer,
    EffectKind::ApprovalForAll,
];

#[test]
fn a_token_goes_to_nobody_who_is_not_listed_whatever_else_is() {
    let answer = |kind, recipients: &[u32], tokens: Option<&[u32]>, target| {
        let guardrails = with(vec![Ruleset {
            recipients: core_list(recipients),
            tokens: tokens.map(core_list),
            ..rules()
        }]);
        code(&guardrails, &calls(9, vec![token(kind, 9, target, 5)]))
    };
    for kind in MOVES {
        assert_eq!(answer(kind, &[7, 9], None, 7), "passed", "{kind:?}");
        assert_eq!(answer(kind, &[7], Some(&[9]), 7), "passed", "{kind:?}");
        for (recipients, tokens, target) in [
            (&[9][..], None, 8),
            (&[7], None, 7),
            (&[7, 9], None, 8),
            (&[7], Some(&[9][..]), 8),
            (&[7], Some(&[]), 7),
        ] {
            assert_eq!(
                answer(kind, recipients, tokens, target),
                "recipient_not_allowed",
                "{kind:?} {recipients:?} {tokens:?} {target}"
            );
        }
        assert_eq!(answer(kind, &[7, 9], Some(&[6]), 7), "token_not_allowed");
    }
}

#[test]
fn a_listed_outer_contract_does_not_hide_an_unlisted_inner_recipient() {
    let guardrails = with(vec![Ruleset {
        recipients: core_list(&[5, 7]),
        ..rules()
    }]);
    let batch = |inner| calls(5, vec![call(None, 5, 0), inner]);
    assert_eq!(code(&guardrails, &batch(native(Some(0), 7, 1))), "passed");
    for inner in [
        native(Some(0), 8, 1),
        native(Some(0), 8, 0),
        call(Some(0), 8, 0),
        effect(EffectKind::Opaque, Some(0), Some(8), None, Amount::ZERO),
        effect(EffectKind::Opaque, Some(0), None, None, Amount::ZERO),
        effect(EffectKind::Call, Some(0), Some(5), Some(8), Amount::ONE),
        effect(
            EffectKind::Erc20Transfer,
            Some(0),
            Some(5),
            None,
            Amount::ONE,
        ),
    ] {
        assert_eq!(
            code(&guardrails, &batch(inner)),
            "recipient_not_allowed",
            "{inner:?}"
        );
    }
    let inner = effect(
        EffectKind::Delegatecall,
        Some(0),
        Some(8),
        Some(8),
        Amount::ZERO,
    );
    assert_eq!(code(&guardrails, &batch(inner)), "delegatecall");
    let outer = calls(8, vec![call(None, 7, 0)]);
    assert_eq!(code(&guardrails, &outer), "recipient_not_allowed");
}

#[test]
fn a_denied_recipient_is_refused_wherever_it_turns_up() {
    let guardrails = with(vec![Ruleset {
        denied_recipients: core_list(&[8]),
        ..rules()
    }]);
    assert_eq!(
        code(&guardrails, &calls(5, vec![call(None, 5, 0)])),
        "passed"
    );
    for request in [
        calls(8, vec![call(None, 5, 0)]),
        calls(5, vec![call(None, 5, 0), native(Some(0), 8, 1)]),
        calls(5, vec![call(None, 5, 0), call(Some(0), 8, 0)]),
        calls(9, vec![token(EffectKind::Erc20Approve, 9, 8, 1)]),
        calls(
            5,
            vec![effect(
                EffectKind::Delegation,
                None,
                None,
                Some(8),
                Amount::ZERO,
            )],
        ),
    ] {
        assert_eq!(code(&guardrails, &request), "recipient_not_allowed");
    }
}

#[test]
fn a_revocation_needs_the_token_alone_but_an_approval_of_nothing_may_be_of_the_first_collectible() {
    let guardrails = with(vec![Ruleset {
        recipients: core_list(&[9]),
        unlimited_approvals: Stance::Deny,
        ..rules()
    }]);
    let answer =
        |kind, target, amount| code(&guardrails, &calls(9, vec![token(kind, 9, target, amount)]));
    for kind in [
        EffectKind::Erc20Permit,
        EffectKind::Permit2Approve,
        EffectKind::ApprovalForAll,
    ] {
        assert_eq!(answer(kind, 8, 0), "passed", "{kind:?}");
        assert_eq!(answer(kind, 8, 1), "recipient_not_allowed", "{kind:?}");
    }
    assert_eq!(answer(EffectKind::Erc20Approve, 0, 5), "passed");
    assert_eq!(answer(EffectKind::Erc721Approve, 0, 1), "passed");
    assert_eq!(
        answer(EffectKind::Erc20Approve, 8, 0),
        "recipient_not_allowed"
    );
    assert_eq!(
        answer(EffectKind::Erc20Transfer, 0, 5),
        "recipient_not_allowed"
    );
}

#[test]
fn unlimited_allowances_follow_their_stance() {
    let answer = |stance, recipients: &[u32], effect: Effect| {
        let guardrails = with(vec![Ruleset {
            recipients: core_list(recipients),
            tokens: Some(core_list(&[9])),
            unlimited_approvals: stance,
            ..rules()
        }]);
        code(&guardrails, &calls(9, vec![effect]))
    };
    let unlimited = || Effect {
        unlimited: true,
        ..token(EffectKind::Erc20Approve, 9, 7, 1)
    };
    let for_all = || token(EffectKind::ApprovalForAll, 9, 7, 1);
    for effect in [unlimited, for_all] {
        assert_eq!(answer(Stance::Allow, &[], effect()), "passed");
        assert_eq!(answer(Stance::Deny, &[7], effect()), "unlimited_approval");
        assert_eq!(
            answer(Stance::ListedOnly, &[], effect()),
            "unlimited_approval"
        );
        assert_eq!(answer(Stance::ListedOnly, &[7], effect()), "passed");
    }
}

#[test]
fn what_is_moved_of_a_token_is_added_up_and_unlimited_is_everything() {
    let limited = |most: CoreAmount| {
        with(vec![Ruleset {
            token_limits: vec![TokenLimit {
                token: core_at(9),
                max_amount: most,
            }],
            ..rules()
        }])
    };
    let ten = limited(CoreAmount::from(10_u64));
    let transfer = |amount| token(EffectKind::Erc20Transfer, 9, 7, amount);
    let permit = |amount| token(EffectKind::Erc20Permit, 9, 7, amount);
    let other = token(EffectKind::Erc20Transfer, 8, 7, 99);
    let all = |effects| calls(5, effects);
    assert_eq!(
        code(&ten, &all(vec![transfer(4), other, permit(6)])),
        "passed"
    );
    let reason = refusal(ten.evaluate(&all(vec![transfer(4), other, permit(7)]))).unwrap();
    assert_eq!(reason.code, "token_limit");
    assert_eq!(reason.figures.unwrap().attempted, 11_u64.into());

    let unlimited = || Effect {
        unlimited: true,
        ..permit(1)
    };
    let most = limited(CoreAmount::MAX);
    assert_eq!(code(&ten, &all(vec![unlimited()])), "token_limit");
    assert_eq!(code(&most, &all(vec![unlimited()])), "passed");
    assert_eq!(
        code(&most, &all(vec![unlimited(), transfer(1)])),
        "token_limit"
    );
}

#[test]
fn an_unknown_function_of_a_known_token_needs_to_be_named() {
    let opaque = || {
        calls(
            9,
            vec![effect(
                EffectKind::Opaque,
                None,
                Some(9),
                None,
                Amount::ZERO,
            )],
        )
    };
    let listed = Ruleset {
        recipients: core_list(&[9]),
        ..rules()
    };
    assert_eq!(code(&with(vec![listed.clone()]), &opaque()), "passed");
    let limited = Ruleset {
        token_limits: vec![TokenLimit {
            token: core_at(9),
            max_amount: CoreAmount::MAX,
        }],
        ..listed
    };
    assert_eq!(code(&with(vec![limited.clone()]), &opaque()), "opaque_call");
    let named = |contract: Option<u32>| Ruleset {
        functions: vec![FunctionRule {
            contract: contract.map(core_at),
            selector: SELECTOR,
        }],
        ..limited.clone()
    };
    assert_eq!(code(&with(vec![named(None)]), &opaque()), "opaque_call");
    assert_eq!(code(&with(vec![named(Some(9))]), &opaque()), "passed");
}

#[test]
fn a_known_function_that_hides_what_it_does_is_refused_by_whoever_needs_to_know() {
    let hidden = Effect {
        unlimited: true,
        ..effect(EffectKind::Opaque, None, Some(9), None, Amount::ZERO)
    };
    let request = calls(9, vec![hidden]);
    let listed = || Ruleset {
        recipients: core_list(&[9]),
        ..rules()
    };
    let refusing = [
        listed(),
        Ruleset {
            opaque_calls: Stance::ListedOnly,
            ..listed()
        },
        Ruleset {
            denied_recipients: core_list(&[8]),
            ..rules()
        },
        Ruleset {
            max_value: Some(CoreAmount::MAX),
            ..rules()
        },
        Ruleset {
            tokens: Some(core_list(&[8])),
            ..rules()
        },
        Ruleset {
            budgets: vec![budget(BudgetAsset::Native, "daily_limit", 1)],
            ..rules()
        },
    ];
    for ruleset in refusing {
        assert_eq!(code(&with(vec![ruleset]), &request), "opaque_call");
    }
    assert_eq!(code(&with(vec![rules()]), &request), "passed");
}

#[test]
fn a_transfer_of_nothing_to_oneself_needs_no_place_on_a_list_and_anything_more_does() {
    let guardrails = with(vec![Ruleset {
        recipients: core_list(&[7]),
        ..rules()
    }]);
    let own = pays(1, Amount::ZERO);
    assert_eq!(code(&guardrails, &own), "passed");
    let with_calldata = request(
        Intent::Transaction(TransactionIntent {
            calldata: vec![0],
            ..transaction(1, Amount::ZERO)
        }),
        own.effects.clone(),
    );
    let to_another = pays(8, Amount::ZERO);
    let with_value = pays(1, Amount::ONE);
    let unread = request(
        Intent::Transaction(transaction(1, Amount::ZERO)),
        Vec::new(),
    );
    let mut with_more = own.clone();
    with_more.effects.push(native(None, 8, 0));
    let mut moving = own.clone();
    moving.effects.push(effect(
        EffectKind::Erc20Transfer,
        None,
        Some(1),
        Some(1),
        Amount::ZERO,
    ));
    for request in [
        with_calldata,
        to_another,
        with_value,
        unread,
        with_more,
        moving,
    ] {
        assert_eq!(
            code(&guardrails, &request),
            "recipient_not_allowed",
            "{request:?}"
        );
    }
}
