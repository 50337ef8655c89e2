//! What the tests of the host share.

use std::sync::{Arc, LazyLock};

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::OrgId;
use oneclaw_core::request::{AccessRequest, Fact, Permission};
use oneclaw_core::verdict::Verdict;
use oneclaw_policy_host::{
    Configured, Engine, EngineOptions, Evaluation, Limits, Mode, Plugin, Slots,
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
    let allow = configured(Behaviour::Allow);
    for mode in [Mode::Fresh, Mode::Warm] {
        assert_eq!(
            code(&allow.evaluate_access(&request(), mode)),
            "hostile/allowed"
        );
    }
}
