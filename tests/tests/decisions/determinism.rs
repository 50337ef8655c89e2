//! The version that decided gives the same answer every time.

use std::collections::BTreeMap;
use std::sync::Arc;

use oneclaw_core::amount::Amount;
use oneclaw_core::clock::Timestamp;
use oneclaw_core::conditions::{AccessSettings, PolicyRule, WindowRule};
use oneclaw_core::guardrails::{BudgetAsset, BudgetRule, GuardrailSettings, Ruleset, Stance};
use oneclaw_core::ids::{AgentId, OrgId, SecretId, VaultId};
use oneclaw_core::principal::Principal;
use oneclaw_core::recorded::Question;
use oneclaw_core::request::{AccessRequest, Permission};
use oneclaw_core::transaction::*;
use oneclaw_core::verdict::Window;
use oneclaw_policy_host::{Configured, Mode, zone_table};
use uuid::Uuid;

/// Of each world half.
const DECISIONS: usize = 10_000;

/// Numbers that look random and are the same in every run (a 64-bit linear congruential generator).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[usize::try_from(self.below(list.len() as u64)).unwrap()]
    }

    fn chance(&mut self) -> bool {
        self.below(2) == 0
    }
}

const START: i64 = 1_767_225_600_000;

fn org() -> OrgId {
    OrgId::from_uuid(Uuid::from_u128(1))
}

fn agent() -> Principal {
    Principal::Agent(AgentId::from_uuid(Uuid::from_u128(2)))
}

fn instant(numbers: &mut Numbers) -> Timestamp {
    Timestamp::from_millis(START + i64::try_from(numbers.below(200 * 86_400_000)).unwrap())
}

fn access_settings(numbers: &mut Numbers) -> String {
    let zone = "Europe/Berlin";
    let table = zone_table(zone, Timestamp::from_millis(START)).unwrap();
    let policies = (0..numbers.below(12))
        .map(|n| PolicyRule {
            id: format!("rule-{n}"),
            pattern: (*numbers.of(&["a/*", "a/**", "**", "*/b", "a/b", "c/*/d"])).to_owned(),
            allow: numbers.below(4) > 0,
            priority: u32::try_from(numbers.below(3)).unwrap(),
            permissions: vec![*numbers.of(&["read", "write", "delete", "rotate"])],
            expires_at_ms: numbers.chance().then(|| instant(numbers).as_millis()),
            networks: numbers.chance().then(|| vec!["10.0.0.0/9".to_owned()]),
            time_window: numbers.chance().then(|| WindowRule {
                after_minute: u16::try_from(numbers.below(1440)).unwrap(),
                before_minute: u16::try_from(numbers.below(1441)).unwrap(),
                zone: zone.to_owned(),
                days: u8::try_from(numbers.below(127) + 1).unwrap(),
            }),
            environments: numbers.chance().then(|| vec!["production".to_owned()]),
        })
        .collect();
    let settings = AccessSettings {
        policies,
        zones: BTreeMap::from([(zone.to_owned(), table)]),
    };
    serde_json::to_string(&settings).unwrap()
}

fn access(numbers: &mut Numbers) -> AccessRequest {
    AccessRequest {
        org: org(),
        vault: VaultId::from_uuid(Uuid::from_u128(3)),
        path: numbers
            .of(&["a/b", "a/c", "b/b", "c/x/d", "z"])
            .parse()
            .unwrap(),
        permission: *numbers.of(&Permission::ALL),
        principal: agent(),
        owner: numbers.below(20) == 0,
        environment: numbers.chance().then(|| "production".to_owned()),
        client: format!("10.{}.0.1", numbers.below(256)).parse().unwrap(),
        at: instant(numbers),
        facts: Vec::new(),
    }
}

fn address(n: u64) -> Address {
    Address::left_padding_from(&n.to_be_bytes())
}

fn guardrail_settings(numbers: &mut Numbers) -> String {
    let stance =
        |numbers: &mut Numbers| *numbers.of(&[Stance::Allow, Stance::Deny, Stance::ListedOnly]);
    let ruleset = Ruleset {
        name: "agent".to_owned(),
        recipients: (1..=numbers.below(4)).map(address).collect(),
        max_value: numbers.chance().then(|| Amount::from(numbers.below(1000))),
        budgets: vec![BudgetRule {
            budget: "agent/daily".to_owned(),
            code: "daily_limit".to_owned(),
            asset: BudgetAsset::Native,
            limit: Amount::from(numbers.below(2000)),
            window: Window::Rolling { seconds: 86_400 },
        }],
        opaque_calls: stance(numbers),
        contract_creation: stance(numbers),
        max_gas: numbers.chance().then(|| numbers.below(100_000)),
        require_signed_intent: numbers.below(8) == 0,
        ..Ruleset::default()
    };
    let settings = GuardrailSettings {
        rulesets: vec![ruleset],
        ..GuardrailSettings::default()
    };
    serde_json::to_string(&settings).unwrap()
}

fn transaction(numbers: &mut Numbers, configured: &Configured) -> TransactionRequest {
    let to = (numbers.below(10) > 0).then(|| address(numbers.below(5)));
    let value = Amount::from(numbers.below(1500));
    let is_opaque = numbers.below(3) == 0;
    let effect = |kind, amount| Effect {
        kind,
        parent: None,
        contract: None,
        source: None,
        target: to,
        amount,
        token_id: None,
        unlimited: false,
        selector: None,
        deadline: None,
    };
    let mut effects = vec![effect(EffectKind::NativeTransfer, value)];
    if is_opaque {
        effects.push(effect(EffectKind::Opaque, Amount::ZERO));
    }
    TransactionRequest {
        org: org(),
        principal: agent(),
        key: KeyLocation {
            secret: SecretId::from_uuid(Uuid::from_u128(4)),
            vault: VaultId::from_uuid(Uuid::from_u128(5)),
            path: "agents/a/chains/ethereum".parse().unwrap(),
            version: 1,
        },
        sender: address(9),
        chain: Some(Chain {
            id: 1,
            name: "ethereum".to_owned(),
        }),
        intent: Intent::Transaction(TransactionIntent {
            tx_type: TxType::DynamicFee,
            to,
            value,
            data: if is_opaque {
                vec![1, 2, 3, 4].into()
            } else {
                Bytes::new()
            },
            gas_limit: numbers.below(200_000),
            fees: Fees {
                max_fee_per_gas: Amount::from(numbers.below(100)),
                max_priority_fee_per_gas: Amount::ONE,
            },
            nonce: numbers.below(100),
            access_list: Vec::new(),
            authorizations: Vec::new(),
        }),
        effects,
        signature: None,
        simulation: None,
        budgets: configured
            .budget_queries()
            .iter()
            .map(|query| BudgetView {
                budget: query.budget.clone(),
                asset: query.asset.clone(),
                window: query.window.clone(),
                spent: Amount::from(numbers.below(2000)),
                reserved: Amount::from(numbers.below(100)),
            })
            .collect(),
        client: "10.0.0.1".parse().unwrap(),
        at: instant(numbers),
        environment: None,
        labels: Vec::new(),
        facts: Vec::new(),
    }
}

/// Ten thousand decisions by instances that decided before, as a server has them; then each again from its recorded text
/// alone, by an engine that knows nothing of the first.
#[test]
fn ten_thousand_random_decisions_come_out_the_same_when_they_are_made_again() {
    let mut numbers = Numbers(20_260_101);
    let serving = crate::patient_engine();
    let again = crate::patient_engine();
    let access_plugin = serving.load(oneclaw_builtin::ACCESS_POLICY).unwrap();
    let guardrails = serving
        .load(oneclaw_builtin::TRANSACTION_GUARDRAILS)
        .unwrap();
    let mut verdicts = BTreeMap::<String, usize>::new();
    // Each settings cost four snapshots, which are what takes time here.
    let per_settings = 200;
    for _ in 0..DECISIONS / per_settings / 2 {
        let access_text = access_settings(&mut numbers);
        let guardrail_text = guardrail_settings(&mut numbers);
        let first = [
            serving
                .configure(&access_plugin, org(), &access_text)
                .unwrap(),
            serving
                .configure_guardrail(&guardrails, org(), &guardrail_text)
                .unwrap(),
        ];
        let components = [
            oneclaw_builtin::ACCESS_POLICY,
            oneclaw_builtin::TRANSACTION_GUARDRAILS,
        ];
        let texts = [access_text.as_str(), guardrail_text.as_str()];
        let mut second: [Option<Arc<Configured>>; 2] = [None, None];
        for n in 0..per_settings * 2 {
            let world = n % 2;
            let (question, told) = if world == 0 {
                let request = access(&mut numbers);
                let told = first[0].evaluate_access(&request, Mode::Warm);
                (Question::Access(request), told)
            } else {
                let request = transaction(&mut numbers, &first[1]);
                let told = first[1].evaluate_transaction(&request, &request.budgets, Mode::Warm);
                (Question::Transaction(Box::new(request)), told)
            };
            // What a record holds is text.
            let text = serde_json::to_string(&question).unwrap();
            let read: Question = serde_json::from_str(&text).unwrap();
            assert_eq!(read, question);
            let configured = second[world].get_or_insert_with(|| {
                let plugin = again.load(components[world]).unwrap();
                again.configure_for(&plugin, texts[world], &read).unwrap()
            });
            let repeated = configured.ask(&read);
            assert_eq!(repeated.plugin.digest, told.plugin.digest);
            assert_eq!(repeated.settings_digest, told.settings_digest);
            assert_eq!(repeated.outcome, told.outcome, "{text}");
            let verdict = format!("{:?}", told.outcome.unwrap().verdict);
            let word = verdict.split('(').next().unwrap().to_owned();
            *verdicts.entry(format!("{world} {word}")).or_default() += 1;
        }
    }
    assert_eq!(verdicts.values().sum::<usize>(), DECISIONS);
    // The mix is worth something: both answers, in both worlds, more than a hundred times.
    for kind in ["0 Allow", "0 Deny", "1 Allow", "1 Deny"] {
        assert!(
            verdicts.get(kind).is_some_and(|count| *count > 100),
            "{verdicts:?}"
        );
    }
}
