//! What the tests of the host share.

use std::sync::{Arc, LazyLock};

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::OrgId;
use oneclaw_core::request::{AccessRequest, Fact, Permission};
use oneclaw_core::transaction::{
    AccessListItem, Address, Authorization, AuthorizationSignature, B256, BalanceChange,
    BudgetView, Chain, Effect, EffectKind, Fees, Intent, IntentSignature, KeyLocation, Simulation,
    TransactionIntent, TransactionRequest, TxType,
};
use oneclaw_core::verdict::{Amount, Verdict};
use oneclaw_policy_host::{
    Configured, Engine, EngineOptions, Evaluation, Limits, Mode, Plugin, Slots, World,
};
use oneclaw_test_guests::{Behaviour, HOSTILE};

pub const ORG: &str = "0190a0b0-0000-7000-8000-000000000001";
pub const OTHER_ORG: &str = "0190a0b0-0000-7000-8000-000000000002";

/// Deadlines so long that on a busy machine fuel still runs out first.
pub fn patient() -> Limits {
    Limits::default()
        .with_deadline_ms(20_000)
        .and_then(|limits| limits.with_configure_deadline_ms(60_000))
        .unwrap()
}

pub fn options(limits: Limits) -> EngineOptions {
    EngineOptions {
        cache_dir: None,
        limits,
        slots: Slots {
            instances: 64,
            warm: 8,
        },
    }
}

/// One engine for all tests that need nothing special.
pub fn engine() -> &'static Engine {
    static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::new(options(patient())).unwrap());
    &ENGINE
}

/// The hostile guest in [`engine`].
pub fn hostile() -> &'static Arc<Plugin> {
    static PLUGIN: LazyLock<Arc<Plugin>> = LazyLock::new(|| engine().load(HOSTILE).unwrap());
    &PLUGIN
}

pub fn org() -> OrgId {
    ORG.parse().unwrap()
}

pub fn other_org() -> OrgId {
    OTHER_ORG.parse().unwrap()
}

pub fn configured(behaviour: Behaviour) -> Arc<Configured> {
    engine()
        .configure(hostile(), org(), behaviour.settings())
        .unwrap()
}

pub fn request() -> AccessRequest {
    AccessRequest {
        org: org(),
        vault: "0190a0b0-0000-7000-8000-00000000000a".parse().unwrap(),
        path: "api-keys/openai".parse().unwrap(),
        permission: Permission::Read,
        principal: "agent:0190a0b0-0000-7000-8000-00000000000b"
            .parse()
            .unwrap(),
        owner: false,
        environment: Some("production".to_owned()),
        client: "10.1.2.3".parse().unwrap(),
        at: Timestamp::from_millis(1_790_000_000_000),
        facts: vec![Fact {
            key: "token.auth_method".to_owned(),
            value: "api_key".to_owned(),
        }],
    }
}

/// Configured to decide on what is signed.
pub fn guarding(behaviour: Behaviour) -> Arc<Configured> {
    engine()
        .configure_guardrail(hostile(), org(), behaviour.settings())
        .unwrap()
}

pub fn address(byte: u8) -> Address {
    Address::repeat_byte(byte)
}

fn hash(byte: u8) -> B256 {
    B256::repeat_byte(byte)
}

/// A request in which nothing is left out.
pub fn transaction() -> TransactionRequest {
    let AccessRequest {
        org,
        vault,
        principal,
        environment,
        client,
        at,
        facts,
        ..
    } = request();
    TransactionRequest {
        org,
        principal,
        key: KeyLocation {
            secret: "0190a0b0-0000-7000-8000-00000000000c".parse().unwrap(),
            vault,
            path: "keys/hot".parse().unwrap(),
            version: 3,
        },
        sender: address(1),
        chain: Some(Chain {
            id: 8453,
            name: "base".to_owned(),
        }),
        intent: Intent::Transaction(TransactionIntent {
            tx_type: TxType::SetCode,
            to: Some(address(2)),
            value: Amount::from_limbs([5, 6, 7, 8]),
            data: vec![0xa9, 0x05, 0x9c, 0xbb, 1].into(),
            gas_limit: 21_000,
            fees: Fees {
                max_fee_per_gas: Amount::from(30_u64),
                max_priority_fee_per_gas: Amount::from(2_u64),
            },
            nonce: 9,
            access_list: vec![AccessListItem {
                address: address(3),
                storage_keys: vec![hash(4)],
            }],
            authorizations: vec![Authorization {
                chain_id: 8453,
                address: address(5),
                nonce: 1,
                signature: Some(AuthorizationSignature {
                    y_parity: 1,
                    r: hash(6),
                    s: hash(7),
                }),
            }],
        }),
        effects: vec![Effect {
            kind: EffectKind::Erc20Transfer,
            parent: Some(0),
            contract: Some(address(2)),
            source: Some(address(1)),
            target: Some(address(8)),
            amount: Amount::from(1000_u64),
            token_id: Some(Amount::from(1_u64)),
            unlimited: true,
            selector: Some(0xa905_9cbb),
            deadline: Some(1_790_000_100),
        }],
        signature: Some(IntentSignature {
            key_id: "ed25519".to_owned(),
            created: at,
        }),
        simulation: Some(Simulation {
            success: false,
            gas_used: 20_000,
            revert_reason: Some("no".to_owned()),
            balance_changes: vec![BalanceChange {
                account: address(1),
                asset: "native".to_owned(),
                negative: true,
                amount: Amount::from(5_u64),
            }],
        }),
        budgets: Vec::new(),
        client,
        at,
        environment,
        labels: vec![Fact {
            key: "team".to_owned(),
            value: "red".to_owned(),
        }],
        facts,
    }
}

/// What a plugin is shown of the budgets it asked for: 1 spent of the first, 2 of the second and so on, ten times as
/// much reserved.
pub fn views(configured: &Configured) -> Vec<BudgetView> {
    (1_u64..)
        .zip(configured.budget_queries())
        .map(|(n, query)| BudgetView {
            budget: query.budget.clone(),
            asset: query.asset.clone(),
            window: query.window.clone(),
            spent: Amount::from(n),
            reserved: Amount::from(10 * n),
        })
        .collect()
}

/// Both worlds, which a host must contain alike.
pub const WORLDS: [World; 2] = [World::AccessPolicy, World::TransactionGuardrail];

/// The hostile guest, in a world.
pub fn configured_in(world: World, behaviour: Behaviour) -> Arc<Configured> {
    match world {
        World::AccessPolicy => configured(behaviour),
        World::TransactionGuardrail => guarding(behaviour),
    }
}

/// Asks about the usual request of a world.
pub fn evaluate_in(world: World, configured: &Configured, mode: Mode) -> Evaluation {
    match world {
        World::AccessPolicy => configured.evaluate_access(&request(), mode),
        World::TransactionGuardrail => {
            configured.evaluate_transaction(&transaction(), &views(configured), mode)
        }
    }
}

/// The code of an evaluation, whoever it comes from.
pub fn code(evaluation: &Evaluation) -> String {
    match &evaluation.outcome {
        Err(failure) => failure.code.to_owned(),
        Ok(decision) => match &decision.verdict {
            Verdict::Allow(reason) | Verdict::Deny(reason) => reason.code.clone(),
            Verdict::RequireApproval(approval) => approval.reason.code.clone(),
            Verdict::Abstain => "abstain".to_owned(),
        },
    }
}

/// The engine decides as ever.
pub fn assert_alive() {
    for world in WORLDS {
        let allow = configured_in(world, Behaviour::Allow);
        for mode in [Mode::Fresh, Mode::Warm] {
            assert_eq!(code(&evaluate_in(world, &allow, mode)), "hostile/allowed");
        }
    }
}
