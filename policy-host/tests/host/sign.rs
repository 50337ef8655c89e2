//! From something to be signed to a permit or a denial.

use std::sync::Arc;

use crate::common::{
    address, code, configured, engine, guarding, hostile, org, other_org, transaction, views,
};
use oneclaw_core::clock::Timestamp;
use oneclaw_core::request::Fact;
use oneclaw_core::transaction::{
    AccessListItem, BudgetView, Effect, EffectKind, Intent, TransactionIntent, TransactionRequest,
    TxType, TypedDataIntent,
};
use oneclaw_core::verdict::{Amount, CalendarUnit, Figures, Window};
use oneclaw_policy_host::{
    Attachment, Configured, DecidedTransaction, Denial, Failure, GuardrailAttachment,
    GuardrailCache, GuardrailKey, Mode, PermitError, Ruling, decide_transaction,
};
use oneclaw_test_guests::{Behaviour, TWO_WORLDS};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

const TTL_MS: i64 = 5000;

fn attachment(configured: Arc<Configured>) -> GuardrailAttachment {
    GuardrailAttachment {
        views: views(&configured),
        plugin: Attachment::ready(configured, Mode::Fresh),
    }
}

fn decide(behaviours: &[Behaviour], request: TransactionRequest) -> DecidedTransaction {
    let attached: Vec<_> = behaviours
        .iter()
        .map(|behaviour| attachment(guarding(*behaviour)))
        .collect();
    decide_transaction(request, &attached, TTL_MS)
}

fn denial(behaviours: &[Behaviour]) -> Denial {
    decide(behaviours, transaction()).into_permit().unwrap_err()
}

#[test]
fn an_allow_becomes_a_permit_that_holds_the_very_request() {
    let decided = decide(&[Behaviour::Allow, Behaviour::Abstain], transaction());
    assert!(matches!(decided.ruling(), Ruling::Allow(grants) if grants.len() == 1));
    assert_eq!(decided.request(), &transaction());
    let digest: [u8; 32] = Sha256::digest(transaction().canonical_bytes().unwrap()).into();
    assert_eq!(decided.request_digest(), digest);

    let permit = decided.into_permit().unwrap();
    assert_eq!(permit.request(), &transaction());
    assert_eq!(permit.request_digest(), digest);
    assert_eq!(permit.expires_at(), transaction().at.plus_millis(TTL_MS));
}

#[test]
fn a_permit_to_sign_is_good_for_its_own_key_and_time_alone() {
    let permit = decide(&[Behaviour::Allow], transaction())
        .into_permit()
        .unwrap();
    let TransactionRequest { org, key, at, .. } = transaction();
    let late = at.plus_millis(TTL_MS);
    let covers = |org, secret, vault, path: &str, version, now| {
        permit.covers(org, secret, vault, &path.parse().unwrap(), version, now)
    };
    let in_time = at.plus_millis(TTL_MS - 1);
    let path = key.path.as_str();
    let other_vault = "0190a0b0-0000-7000-8000-0000000000ff".parse().unwrap();
    let other_secret = "0190a0b0-0000-7000-8000-0000000000ff".parse().unwrap();
    for (outcome, wanted) in [
        (covers(org, key.secret, key.vault, path, 3, in_time), Ok(())),
        (
            covers(org, key.secret, key.vault, path, 3, late),
            Err(PermitError::Expired),
        ),
        (
            covers(other_org(), key.secret, key.vault, path, 3, at),
            Err(PermitError::OtherOrganisation),
        ),
        (
            covers(org, key.secret, other_vault, path, 3, at),
            Err(PermitError::OtherVault),
        ),
        (
            covers(org, key.secret, key.vault, "keys/hot2", 3, at),
            Err(PermitError::OtherPath),
        ),
        (
            covers(org, other_secret, key.vault, path, 3, at),
            Err(PermitError::OtherSecret),
        ),
        (
            covers(org, key.secret, key.vault, path, 2, at),
            Err(PermitError::OtherVersion),
        ),
    ] {
        assert_eq!(outcome, wanted);
    }
}

#[test]
fn who_is_denied_gets_no_permit_to_sign_and_holds_nothing() {
    for behaviours in [
        &[][..],
        &[Behaviour::Abstain],
        &[Behaviour::Deny],
        &[Behaviour::Reserve, Behaviour::Deny],
        &[Behaviour::Reserve, Behaviour::Trap],
        &[Behaviour::Reserve, Behaviour::RequireApproval],
        &[Behaviour::DenyAndReserve],
    ] {
        let decided = decide(behaviours, transaction());
        assert_eq!(decided.reservations().count(), 0, "{behaviours:?}");
        assert!(decided.into_permit().is_err(), "{behaviours:?}");
    }
}

#[test]
fn without_a_guardrail_nothing_is_signed() {
    assert_eq!(denial(&[]).code, "internal/no-plugin");
    assert_eq!(denial(&[Behaviour::Abstain]).code, "policy/no-decision");
}

#[test]
fn a_denial_carries_the_figures_of_the_plugin() {
    let denial = denial(&[Behaviour::Reserve, Behaviour::DenyWithFigures]);
    assert_eq!(denial.code, "hostile/denied");
    assert_eq!(
        denial.figures.as_deref(),
        Some(&Figures {
            asset: "native".to_owned(),
            limit: Amount::from(10_u64),
            attempted: Amount::from(4_u64),
            current: Amount::from(7_u64),
        })
    );
}

#[test]
fn approval_of_a_signature_is_not_to_be_had() {
    let denial = denial(&[Behaviour::Allow, Behaviour::RequireApproval]);
    assert_eq!(denial.code, "approval_unavailable");
    assert_eq!(denial.plugin, "hostile");
    assert_eq!(denial.message, "This needs one approval by `owners` first.");
}

#[test]
fn reservations_come_with_the_plugin_that_wants_them() {
    let decided = decide(
        &[
            Behaviour::Reserve,
            Behaviour::Allow,
            Behaviour::ReserveEverything,
        ],
        transaction(),
    );
    let amounts: Vec<_> = decided
        .reservations()
        .map(|(plugin, reservation)| {
            assert_eq!(plugin, hostile().identity());
            assert_eq!(reservation.budget, "agent/daily");
            assert_eq!(reservation.asset, "native");
            assert_eq!(reservation.window, Window::Rolling { seconds: 86_400 });
            (reservation.amount, reservation.limit)
        })
        .collect();
    assert_eq!(
        amounts,
        [(Amount::ONE, Amount::ONE), (Amount::MAX, Amount::MAX)]
    );
    assert!(decided.into_permit().is_ok());
}

fn notes(configured: &Configured, request: &TransactionRequest) -> Vec<String> {
    configured
        .evaluate_transaction(request, &views(configured), Mode::Fresh)
        .outcome
        .unwrap()
        .notes
}

#[test]
fn a_plugin_sees_the_budgets_that_it_asked_for_and_no_others() {
    let seeing = guarding(Behaviour::SeeBudgets);
    let windows: Vec<_> = seeing.budget_queries().iter().map(|q| &q.window).collect();
    assert_eq!(
        windows,
        [
            &Window::Rolling { seconds: 86_400 },
            &Window::Calendar {
                unit: CalendarUnit::Month,
                zone: "Europe/Berlin".to_owned()
            }
        ]
    );
    let smuggled = BudgetView {
        budget: "agent/other".to_owned(),
        ..views(&seeing).remove(0)
    };
    let request = TransactionRequest {
        budgets: vec![smuggled],
        ..transaction()
    };
    let attached = [
        attachment(seeing),
        attachment(guarding(Behaviour::Describe)),
    ];
    let decided = decide_transaction(request, &attached, TTL_MS);
    let notes: Vec<_> = decided
        .evaluations()
        .iter()
        .map(|evaluation| evaluation.outcome.clone().unwrap().notes)
        .collect();
    assert_eq!(
        notes[0],
        ["agent/daily native 1 10", "label.team/monthly native 2 20"]
    );
    assert!(notes[1].contains(&"budgets []".to_owned()), "{notes:?}");
    assert_eq!(decided.request(), &transaction());
}

#[test]
fn budgets_that_the_plugin_did_not_ask_for_are_not_shown() {
    let seeing = guarding(Behaviour::SeeBudgets);
    let right = views(&seeing);
    let changed = |change: fn(&mut Vec<BudgetView>)| {
        let mut views = right.clone();
        change(&mut views);
        views
    };
    for wrong in [
        Vec::new(),
        changed(|views| drop(views.pop())),
        changed(|views| views.push(views[0].clone())),
        changed(|views| views.reverse()),
        changed(|views| views[0].budget = "organisation/daily".to_owned()),
        changed(|views| views[0].asset = "fees".to_owned()),
        changed(|views| views[0].window = Window::Rolling { seconds: 86_401 }),
    ] {
        let evaluation = seeing.evaluate_transaction(&transaction(), &wrong, Mode::Fresh);
        assert_eq!(code(&evaluation), "internal/wrong-budgets", "{wrong:?}");
        assert_eq!(evaluation.fuel, 0);
    }
}

#[test]
fn a_guardrail_that_could_not_be_had_denies() {
    let attached = [
        attachment(guarding(Behaviour::Allow)),
        GuardrailAttachment {
            plugin: Attachment::failed(
                "treasury".to_owned(),
                Failure::new("internal/missing-plugin", "it is not in the store"),
            ),
            views: Vec::new(),
        },
    ];
    let denial = decide_transaction(transaction(), &attached, TTL_MS)
        .into_permit()
        .unwrap_err();
    assert_eq!(
        (denial.code.as_str(), denial.plugin.as_str()),
        ("internal/missing-plugin", "treasury")
    );
}

#[test]
fn a_transaction_of_another_organisation_is_not_shown_to_the_plugin() {
    let foreign = engine()
        .configure_guardrail(hostile(), other_org(), Behaviour::Allow.settings())
        .unwrap();
    for mode in [Mode::Fresh, Mode::Warm] {
        let evaluation = foreign.evaluate_transaction(&transaction(), &[], mode);
        assert_eq!(code(&evaluation), "internal/wrong-organisation");
        assert_eq!(evaluation.fuel, 0);
    }
    let denial = decide_transaction(transaction(), &[attachment(foreign)], TTL_MS)
        .into_permit()
        .unwrap_err();
    assert_eq!(denial.code, "internal/wrong-organisation");
}

#[test]
fn what_is_configured_for_one_world_does_not_decide_in_the_other() {
    let for_access = configured(Behaviour::Allow);
    let evaluation = for_access.evaluate_transaction(&transaction(), &[], Mode::Fresh);
    assert_eq!(code(&evaluation), "internal/wrong-world");
    let for_signing = guarding(Behaviour::Allow);
    let evaluation = for_signing.evaluate_access(&crate::common::request(), Mode::Fresh);
    assert_eq!(code(&evaluation), "internal/wrong-world");
    let denial = decide_transaction(transaction(), &[attachment(for_access)], TTL_MS)
        .into_permit()
        .unwrap_err();
    assert_eq!(denial.code, "internal/wrong-world");
}

#[test]
fn a_plugin_written_for_both_worlds_decides_in_each() {
    let plugin = engine().load(TWO_WORLDS).unwrap();
    let settings = r#"{"path":"api-keys/openai","limit":"20"}"#;
    let policy = engine().configure(&plugin, org(), settings).unwrap();
    assert!(policy.budget_queries().is_empty());
    let evaluation = policy.evaluate_access(&crate::common::request(), Mode::Fresh);
    assert_eq!(code(&evaluation), "two-worlds/listed");

    let guardrail = engine()
        .configure_guardrail(&plugin, org(), settings)
        .unwrap();
    // 1 is spent and 10 are reserved, so that 9 are left.
    for (value, wanted) in [(9_u64, "two-worlds/enough"), (10, "two-worlds/too-much")] {
        let mut request = transaction();
        if let Intent::Transaction(intent) = &mut request.intent {
            intent.value = Amount::from(value);
        }
        let attached = [attachment(Arc::clone(&guardrail))];
        let decided = decide_transaction(request, &attached, TTL_MS);
        assert_eq!(code(&decided.evaluations()[0]), wanted);
        let room: Vec<_> = decided
            .reservations()
            .map(|(_, room)| room.amount)
            .collect();
        let is_allowed = decided.into_permit().is_ok();
        assert_eq!(room, vec![Amount::from(value); usize::from(is_allowed)]);
    }
}

#[test]
fn the_plugin_sees_the_transaction_and_all_of_it() {
    let seen = notes(&guarding(Behaviour::Describe), &transaction()).join("\n");
    for part in [
        "organisation 0190a0b0000070008000000000000001",
        "principal PrincipalKind::Agent 0190a0b000007000800000000000000b",
        "key 0190a0b000007000800000000000000c",
        "sender Address { high: 72340172838076673, middle: 72340172838076673, low: 16843009 }",
        "chain Some(Chain { id: 8453, name: \"base\" })",
        "TransactionIntent { tx-type: 4, to: Some(Address {",
        "value: Amount { limb0: 5, limb1: 6, limb2: 7, limb3: 8 }",
        "selector: Some(2835717307), calldata: [169, 5, 156, 187, 1], gas-limit: 21000",
        "max-fee-per-gas: Amount { limb0: 30,",
        "max-priority-fee-per-gas: Amount { limb0: 2,",
        "nonce: 9",
        "signature Some(IntentSignature { key-id: \"ed25519\", created-ms: 1790000000000 })",
        "simulation Some(Simulation { success: false, gas-used: 20000, revert-reason: Some(\"no\")",
        "asset: \"native\", negative: true, amount: Amount { limb0: 5,",
        "budgets []",
        "client 00000000000000000000ffff0a010203",
        "at 1790000000000",
        "environment Some(\"production\")",
        "Effect { kind: EffectKind::Erc20Transfer, parent: Some(0), contract: Some(",
        "amount: Amount { limb0: 1000,",
        "unlimited: true, selector: Some(2835717307), deadline: Some(1790000100)",
        "label team=red",
        "fact token.auth_method=api_key",
    ] {
        assert!(seen.contains(part), "{part}\n{seen}");
    }
}

fn with_intent(intent: Intent) -> TransactionRequest {
    TransactionRequest {
        intent,
        ..transaction()
    }
}

fn typed_data() -> TypedDataIntent {
    TypedDataIntent {
        primary_type: "Permit".to_owned(),
        domain_name: Some("USD Coin".to_owned()),
        domain_version: Some("2".to_owned()),
        domain_chain_id: Some(Amount::from(8453_u64)),
        verifying_contract: Some(address(9)),
        domain_separator: [10; 32].into(),
        struct_hash: [11; 32].into(),
        message: "{}".to_owned(),
    }
}

#[test]
fn the_plugin_sees_typed_data_messages_and_digests() {
    let describing = guarding(Behaviour::Describe);
    let seen = |intent| notes(&describing, &with_intent(intent)).join("\n");
    let typed = seen(Intent::TypedData(typed_data()));
    for part in [
        "TypedDataIntent { primary-type: \"Permit\", domain-name: Some(\"USD Coin\"), domain-version: Some(\"2\")",
        "domain-chain-id: Some(Amount { limb0: 8453,",
        "domain-separator: [10, 10,",
        "struct-hash: [11, 11,",
        "message: \"{}\"",
    ] {
        assert!(typed.contains(part), "{part}\n{typed}");
    }
    assert!(seen(Intent::Message(vec![1, 2].into())).contains("message [1, 2]"));
    assert!(seen(Intent::Digest([7; 32].into())).contains("digest [7, 7, 7,"));
}

#[test]
fn a_snapshot_decides_on_transactions_as_the_component_it_was_made_from() {
    let [plain, snapshotted] = [(); 2].map(|()| guarding(Behaviour::Describe));
    snapshotted.build_snapshot().unwrap();
    for (request, _) in changes() {
        let wanted = plain.evaluate_transaction(&request, &[], Mode::Fresh);
        for mode in [Mode::Fresh, Mode::Warm] {
            if request.org == org() {
                let got = snapshotted.evaluate_transaction(&request, &[], mode);
                assert_eq!(got.outcome, wanted.outcome);
            }
        }
    }
}

#[test]
fn debug_output_of_a_permit_holds_no_calldata_and_no_facts() {
    let permit = decide(&[Behaviour::Allow], transaction())
        .into_permit()
        .unwrap();
    let text = format!("{permit:?}");
    assert!(
        !text.contains("api_key") && !text.contains("a9059cbb"),
        "{text}"
    );
}

#[test]
fn guardrails_are_kept_for_the_very_settings_they_were_made_from() {
    let cache = GuardrailCache::new(engine(), 10, 0, 1);
    let key = GuardrailKey {
        org: org(),
        agent: "0190a0b0-0000-7000-8000-00000000000b".parse().unwrap(),
    };
    let (allow, deny) = (guarding(Behaviour::Allow), guarding(Behaviour::Deny));
    cache.insert_for(key, Arc::clone(&allow));
    assert!(Arc::ptr_eq(&cache.get_for(&key, "allow").unwrap(), &allow));
    assert!(cache.get_for(&key, "deny").is_none());
    cache.insert_for(key, Arc::clone(&deny));
    assert!(Arc::ptr_eq(&cache.get_for(&key, "deny").unwrap(), &deny));
    assert!(cache.get_for(&key, "allow").is_none());
    let foreign = GuardrailKey {
        org: other_org(),
        ..key
    };
    cache.insert_for(foreign, allow);
    assert!(cache.get_for(&foreign, "allow").is_none());
}

/// The usual request with one thing changed in it, for everything in it, and the name of what was changed.
fn changes() -> Vec<(TransactionRequest, &'static str)> {
    let mut changes = vec![
        (transaction(), "nothing"),
        (with_intent(Intent::TypedData(typed_data())), "typed"),
    ];
    macro_rules! change {
        ($($name:literal: $request:ident => $change:expr;)*) => {
            $({
                let mut $request = transaction();
                $change;
                changes.push(($request, $name));
            })*
        };
    }
    macro_rules! change_intent {
        ($($name:literal: $intent:ident => $change:expr;)*) => {
            $({
                let mut request = transaction();
                if let Intent::Transaction($intent) = &mut request.intent {
                    $change;
                }
                changes.push((request, $name));
            })*
        };
    }
    macro_rules! change_typed {
        ($($name:literal: $intent:ident => $change:expr;)*) => {
            $({
                let mut $intent = typed_data();
                $change;
                changes.push((with_intent(Intent::TypedData($intent)), $name));
            })*
        };
    }
    let other = "0190a0b0-0000-7000-8000-0000000000ff";
    change! {
        "org": r => r.org = other_org();
        "principal": r => r.principal = format!("user:{}", r.principal.uuid()).parse().unwrap();
        "principal id": r => r.principal = format!("agent:{other}").parse().unwrap();
        "secret": r => r.key.secret = other.parse().unwrap();
        "vault": r => r.key.vault = other.parse().unwrap();
        "path": r => r.key.path = "keys/cold".parse().unwrap();
        "version": r => r.key.version += 1;
        "sender": r => r.sender = address(99);
        "no chain": r => r.chain = None;
        "chain id": r => r.chain.as_mut().unwrap().id = 1;
        "chain name": r => r.chain.as_mut().unwrap().name = "ethereum".to_owned();
        "message": r => r.intent = Intent::Message(vec![7; 32].into());
        "digest": r => r.intent = Intent::Digest([7; 32].into());
        "no effects": r => r.effects.clear();
        "two effects": r => r.effects.push(r.effects[0].clone());
        "effect kind": r => r.effects[0].kind = EffectKind::Erc20Approve;
        "effect parent": r => r.effects[0].parent = None;
        "effect contract": r => r.effects[0].contract = None;
        "effect source": r => r.effects[0].source = None;
        "effect target": r => r.effects[0].target = Some(address(9));
        "effect amount": r => r.effects[0].amount = Amount::ZERO;
        "effect token": r => r.effects[0].token_id = None;
        "effect without end": r => r.effects[0].unlimited = false;
        "effect selector": r => r.effects[0].selector = None;
        "effect deadline": r => r.effects[0].deadline = None;
        "no signature": r => r.signature = None;
        "key id": r => r.signature.as_mut().unwrap().key_id.push('2');
        "signed when": r => r.signature.as_mut().unwrap().created = Timestamp::from_millis(1);
        "no simulation": r => r.simulation = None;
        "success": r => r.simulation.as_mut().unwrap().success = true;
        "gas used": r => r.simulation.as_mut().unwrap().gas_used = 0;
        "revert reason": r => r.simulation.as_mut().unwrap().revert_reason = None;
        "no changes": r => r.simulation.as_mut().unwrap().balance_changes.clear();
        "client": r => r.client = "10.1.2.4".parse().unwrap();
        "at": r => r.at = r.at.plus_millis(1);
        "no environment": r => r.environment = None;
        "environment": r => r.environment = Some("test".to_owned());
        "labels": r => r.labels.clear();
        "label as fact": r => { let label = r.labels.remove(0); r.facts.insert(0, label); };
        "fact": r => r.facts[0].value.push(' ');
        "fact split": r => r.facts = vec![Fact { key: "token.auth_methoda".to_owned(), value: "pi_key".to_owned() }];
    }
    change_intent! {
        "type": i => i.tx_type = TxType::DynamicFee;
        "to nobody": i => i.to = None;
        "to": i => i.to = Some(address(3));
        "value": i => i.value = Amount::from_limbs([6, 5, 7, 8]);
        "data": i => i.data = vec![0xa9, 0x05, 0x9c, 0xbb, 2].into();
        "gas": i => i.gas_limit += 1;
        "fee": i => i.fees.max_fee_per_gas = Amount::ONE;
        "tip": i => i.fees.max_priority_fee_per_gas = Amount::ONE;
        "nonce": i => i.nonce += 1;
        "no access list": i => i.access_list.clear();
        "access address": i => i.access_list[0].address = address(4);
        "access slots": i => i.access_list[0].storage_keys.clear();
        "access split": i => i.access_list.push(AccessListItem { address: address(3), storage_keys: Vec::new() });
        "no authorisation": i => i.authorizations.clear();
        "authorised chain": i => i.authorizations[0].chain_id = 0;
        "authorised code": i => i.authorizations[0].address = address(6);
        "authorised nonce": i => i.authorizations[0].nonce = 2;
        "unsigned authorisation": i => i.authorizations[0].signature = None;
        "parity": i => i.authorizations[0].signature.as_mut().unwrap().y_parity = 0;
        "r": i => i.authorizations[0].signature.as_mut().unwrap().r = [9; 32].into();
        "s": i => i.authorizations[0].signature.as_mut().unwrap().s = [9; 32].into();
    }
    change_typed! {
        "primary type": i => i.primary_type.push('2');
        "domain name": i => i.domain_name = None;
        "domain version": i => i.domain_version = None;
        "domain chain": i => i.domain_chain_id = None;
        "domain contract": i => i.verifying_contract = None;
        "domain hash": i => i.domain_separator = [11; 32].into();
        "struct hash": i => i.struct_hash = [10; 32].into();
        "typed message": i => i.message = "{ }".to_owned();
    }
    changes
}

#[test]
fn a_change_of_anything_changes_the_digest() {
    let digest = |request: TransactionRequest| decide_transaction(request, &[], 0).request_digest();
    let mut seen = std::collections::HashMap::new();
    for (request, name) in changes() {
        assert_eq!(digest(request.clone()), digest(request.clone()), "{name}");
        if let Some(same) = seen.insert(digest(request), name) {
            panic!("`{name}` and `{same}` have one digest");
        }
    }
}

fn any_amount() -> impl Strategy<Value = Amount> {
    any::<[u64; 4]>().prop_map(Amount::from_limbs)
}

fn any_facts() -> impl Strategy<Value = Vec<Fact>> {
    let fact = (".{0,3}", ".{0,3}").prop_map(|(key, value)| Fact { key, value });
    prop::collection::vec(fact, 0..3)
}

/// Few values for each field, so that requests which differ in one alone are common.
fn any_request() -> impl Strategy<Value = TransactionRequest> {
    let intent = (
        prop::option::of(any::<bool>()),
        any_amount(),
        prop::collection::vec(any::<u8>(), 0..3),
        0..2_u64,
    );
    let effect = (0..2_u8, any::<bool>(), prop::option::of(0..2_u32));
    (
        intent,
        prop::collection::vec(effect, 0..3),
        any_facts(),
        any_facts(),
        prop::option::of(".{0,2}"),
    )
        .prop_map(
            |((to, value, data, nonce), effects, labels, facts, environment)| {
                let mut request = transaction();
                if let Intent::Transaction(intent) = &mut request.intent {
                    *intent = TransactionIntent {
                        to: to.map(|to| address(u8::from(to))),
                        value,
                        data: data.into(),
                        nonce,
                        ..intent.clone()
                    };
                }
                let template = request.effects[0].clone();
                TransactionRequest {
                    effects: effects
                        .into_iter()
                        .map(|(target, unlimited, parent)| Effect {
                            target: Some(address(target)),
                            unlimited,
                            parent,
                            ..template.clone()
                        })
                        .collect(),
                    labels,
                    facts,
                    environment,
                    ..request
                }
            },
        )
}

proptest! {
    #[test]
    fn digests_are_equal_exactly_where_requests_are(one in any_request(), other in any_request()) {
        let digest = |request: &TransactionRequest| {
            decide_transaction(request.clone(), &[], 0).request_digest()
        };
        prop_assert_eq!(digest(&one), digest(&one.clone()));
        prop_assert_eq!(digest(&one) == digest(&other), one == other);
    }
}
