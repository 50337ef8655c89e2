//! What the tests build with.

use oneclaw_core::amount::Amount as CoreAmount;
use oneclaw_core::guardrails::{AllowedChain, BudgetAsset, BudgetRule, GuardrailSettings, Ruleset};
use oneclaw_core::transaction::Address as CoreAddress;
use oneclaw_core::verdict::Window as CoreWindow;
pub use oneclaw_policy_sdk::{
    Address, Amount, BudgetView, Chain, Decision, Effect, EffectKind, Fact, Fees, Id, Intent,
    IntentSignature, IpAddress, Principal, PrincipalKind, Reason, Simulation, TransactionGuardrail,
    TransactionIntent, TransactionRequest, TypedDataIntent, Verdict, settings,
};

use crate::{Guardrails, Settings};

pub const ETHER: u128 = 1_000_000_000_000_000_000;
pub const SELECTOR: u32 = 0xa905_9cbb;

/// Addresses by a number.
pub fn at(n: u32) -> Address {
    Address {
        high: 0,
        middle: 0,
        low: n,
    }
}

pub fn core_at(n: u32) -> CoreAddress {
    at(n).to_string().parse().unwrap()
}

pub fn core_list(numbers: &[u32]) -> Vec<CoreAddress> {
    numbers.iter().copied().map(core_at).collect()
}

pub fn rules() -> Ruleset {
    Ruleset {
        name: "agent".to_owned(),
        ..Ruleset::default()
    }
}

pub fn chain(id: u64, name: &str) -> AllowedChain {
    AllowedChain {
        id,
        name: name.to_owned(),
    }
}

pub fn budget(asset: BudgetAsset, code: &str, limit: u128) -> BudgetRule {
    BudgetRule {
        budget: format!("agent/{}", code.replace('_', "-")),
        code: code.to_owned(),
        asset,
        limit: CoreAmount::from(limit),
        window: CoreWindow::Rolling { seconds: 86_400 },
    }
}

pub fn configured(settings: &GuardrailSettings) -> Guardrails {
    let text = serde_json::to_string(settings).unwrap();
    let settings = settings::parse::<Settings>(&text).unwrap();
    Guardrails::configure(settings).unwrap().0
}

pub fn with(rulesets: Vec<Ruleset>) -> Guardrails {
    configured(&GuardrailSettings {
        rulesets,
        ..GuardrailSettings::default()
    })
}

pub fn request(intent: Intent, effects: Vec<Effect>) -> TransactionRequest {
    let id = Id { high: 1, low: 2 };
    TransactionRequest {
        organisation: id,
        principal: Principal {
            kind: PrincipalKind::Agent,
            id,
        },
        signing_key: id,
        sender: at(1),
        chain: Some(Chain {
            id: 8453,
            name: "base".to_owned(),
        }),
        intent,
        effects,
        signature: None,
        simulation: None,
        budgets: Vec::new(),
        client: IpAddress { high: 0, low: 1 },
        at_ms: 0,
        environment: None,
        labels: Vec::new(),
        facts: Vec::new(),
    }
}

/// The budgets of a configuration, each with so much in it.
pub fn holding(guardrails: &Guardrails, current: Amount) -> Vec<BudgetView> {
    let queries = guardrails.budgets.iter();
    queries
        .map(|query| BudgetView {
            budget: query.budget.clone(),
            asset: query.asset.clone(),
            window: query.window.clone(),
            spent: current,
            reserved: Amount::ZERO,
        })
        .collect()
}

pub fn transaction(to: u32, value: Amount) -> TransactionIntent {
    TransactionIntent {
        tx_type: 2,
        to: Some(at(to)),
        value,
        selector: None,
        calldata: Vec::new(),
        gas_limit: 21_000,
        fees: Fees {
            max_fee_per_gas: 2_u64.into(),
            max_priority_fee_per_gas: 1_u64.into(),
        },
        nonce: 0,
    }
}

/// A transfer of native coin.
pub fn pays(to: u32, value: Amount) -> TransactionRequest {
    let mut effect = effect(EffectKind::NativeTransfer, None, None, Some(to), value);
    effect.selector = None;
    request(Intent::Transaction(transaction(to, value)), vec![effect])
}

/// A call with these effects.
pub fn calls(to: u32, effects: Vec<Effect>) -> TransactionRequest {
    let tx = TransactionIntent {
        selector: Some(SELECTOR),
        calldata: SELECTOR.to_be_bytes().to_vec(),
        ..transaction(to, Amount::ZERO)
    };
    request(Intent::Transaction(tx), effects)
}

pub fn effect(
    kind: EffectKind,
    parent: Option<u32>,
    contract: Option<u32>,
    target: Option<u32>,
    amount: Amount,
) -> Effect {
    Effect {
        kind,
        parent,
        contract: contract.map(at),
        source: Some(at(1)),
        target: target.map(at),
        amount,
        token_id: None,
        unlimited: false,
        selector: Some(SELECTOR),
        deadline: None,
    }
}

pub fn refusal(decision: Decision) -> Option<Reason> {
    match decision.verdict {
        Verdict::Deny(reason) => {
            assert!(decision.reservations.is_empty() && !reason.message.is_empty());
            Some(reason)
        }
        Verdict::Allow(reason) => {
            assert_eq!(reason.code, "guardrails/passed");
            None
        }
        other => panic!("{other:?}"),
    }
}

/// The code of the refusal, or `passed`.
pub fn code(guardrails: &Guardrails, request: &TransactionRequest) -> String {
    let refusal = refusal(guardrails.evaluate(request));
    refusal.map_or("passed".to_owned(), |reason| reason.code)
}
