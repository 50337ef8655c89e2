//! Every way in which a guest can misbehave, in every way of running it; and after each, the engine still answers.

use std::sync::Arc;

use crate::common::{
    WORLDS, assert_alive, code, configured, configured_in, engine, evaluate_in, hostile, org,
    request, transaction, views,
};
use oneclaw_core::request::AccessRequest;
use oneclaw_core::verdict::Verdict;
use oneclaw_policy_host::{
    Attachment, ConfigureError, Configured, Engine, EngineOptions, GuardrailAttachment, Limits,
    Mode, Plugin, Ruling, Slots, World, decide_access, decide_transaction,
};
use oneclaw_test_guests::{Behaviour, HOSTILE};

/// What must come of a behaviour.
enum Outcome {
    /// The settings are refused with this code, and never come to decide.
    Unconfigurable(&'static str),
    /// The settings are refused with so many problems.
    Problems(usize),
    /// What the plugin asks for is refused.
    Needs,
    /// A decision with this code.
    Decides(&'static str),
    /// A failure with this code.
    Fails(&'static str),
}

/// Has no catch-all arm: a behaviour without expectation does not compile.
fn expected(world: World, behaviour: Behaviour) -> Outcome {
    use Outcome::{Decides, Fails, Needs, Problems, Unconfigurable};
    let only_when_signing = |outcome, otherwise| match world {
        World::TransactionGuardrail => outcome,
        World::AccessPolicy => otherwise,
    };
    match behaviour {
        Behaviour::Allow | Behaviour::Describe => Decides("hostile/allowed"),
        Behaviour::Deny | Behaviour::DenySilently => Decides("hostile/denied"),
        Behaviour::Abstain => Decides("abstain"),
        Behaviour::RequireApproval => Decides("hostile/needs-approval"),
        Behaviour::Count => Decides("hostile/counted"),

        Behaviour::Trap | Behaviour::Panic => Fails("internal/trap"),
        // Its own stack lies at the bottom of its memory, so it leaves the memory before it fills the host's.
        Behaviour::Recurse => Fails("internal/trap"),
        // Copying costs fuel by the byte.
        Behaviour::Spin | Behaviour::Copy => Fails("internal/fuel"),
        Behaviour::Allocate => Fails("internal/memory"),
        Behaviour::MegabytesOfNotes
        | Behaviour::ManyEmptyNotes
        | Behaviour::MegabyteMessage
        | Behaviour::BadUtf8
        | Behaviour::LengthBeyondMemory
        | Behaviour::ForgeInternalDeny
        | Behaviour::ForgeInternalAllow
        | Behaviour::ForgeInternalApproval
        | Behaviour::EmptyCode
        | Behaviour::SentenceAsCode
        | Behaviour::ApprovalByNobody
        | Behaviour::ReserveOnceTooOften
        | Behaviour::FloodOfReservations
        | Behaviour::ReserveWithoutScope
        | Behaviour::ReserveOfAnother
        | Behaviour::ReserveWithoutAsset
        | Behaviour::ReserveWithoutTime
        | Behaviour::ReserveForEver
        | Behaviour::ReserveNowhere => Fails("internal/bad-reply"),
        // There are no budgets on access.
        Behaviour::Reserve | Behaviour::ReserveEverything => {
            only_when_signing(Decides("hostile/allowed"), Fails("internal/bad-reply"))
        }
        Behaviour::DenyAndReserve => {
            only_when_signing(Decides("hostile/denied"), Fails("internal/bad-reply"))
        }
        Behaviour::DenyWithFigures => Decides("hostile/denied"),
        Behaviour::OneNoteTooMany | Behaviour::NoteTooLong => {
            only_when_signing(Fails("internal/bad-reply"), Decides("hostile/allowed"))
        }
        Behaviour::SeeBudgets => only_when_signing(Decides("hostile/allowed"), Decides("abstain")),
        Behaviour::AskWithoutScope | Behaviour::AskNowhere => {
            only_when_signing(Needs, Decides("hostile/denied"))
        }
        Behaviour::AskForTenThousand => Unconfigurable("internal/bad-reply"),

        Behaviour::TrapInConfigure => Unconfigurable("internal/trap"),
        Behaviour::SpinInConfigure => Unconfigurable("internal/fuel"),
        Behaviour::AllocateInConfigure => Unconfigurable("internal/memory"),
        Behaviour::RecurseInConfigure => Unconfigurable("internal/trap"),
        Behaviour::MegabytesOfProblems => Unconfigurable("internal/bad-reply"),
        Behaviour::ProblemsInConfigure => Problems(2),
        Behaviour::NoProblemsInConfigure => Problems(0),
    }
}

fn check(world: World, configured: &Configured, behaviour: Behaviour, mode: Mode) {
    let evaluation = evaluate_in(world, configured, mode);
    let (wanted, fails) = match expected(world, behaviour) {
        Outcome::Decides(code) => (code, false),
        Outcome::Fails(code) => (code, true),
        Outcome::Unconfigurable(_) | Outcome::Problems(_) | Outcome::Needs => return,
    };
    assert_eq!(
        code(&evaluation),
        wanted,
        "{world:?} {behaviour:?} {mode:?}: {:?}",
        evaluation.outcome
    );
    assert_eq!(evaluation.outcome.is_err(), fails, "{behaviour:?} {mode:?}");
    assert!(evaluation.fuel > 0, "{behaviour:?} {mode:?}");
}

fn deciding(world: World) -> impl Iterator<Item = Behaviour> {
    let decides =
        move |b: &Behaviour| matches!(expected(world, *b), Outcome::Decides(_) | Outcome::Fails(_));
    Behaviour::ALL.iter().copied().filter(decides)
}

fn run_all(world: World, prepare: fn(&Configured)) {
    for behaviour in deciding(world) {
        let configured = configured_in(world, behaviour);
        prepare(&configured);
        for mode in [Mode::Fresh, Mode::Warm] {
            // Twice: a warm instance that failed must not be met again.
            check(world, &configured, behaviour, mode);
            check(world, &configured, behaviour, mode);
            assert_alive();
        }
    }
}

fn snapshot(configured: &Configured) {
    configured.build_snapshot().unwrap();
    assert!(configured.is_snapshotted());
}

#[test]
fn every_behaviour_is_contained_in_fresh_and_warm_instances() {
    for world in WORLDS {
        run_all(world, |_| {});
    }
}

#[test]
fn every_behaviour_is_contained_in_fresh_and_warm_instances_of_a_snapshot() {
    run_all(World::AccessPolicy, snapshot);
}

#[test]
fn every_behaviour_about_signing_is_contained_in_instances_of_a_snapshot() {
    run_all(World::TransactionGuardrail, snapshot);
}

#[test]
fn every_behaviour_in_configure_is_an_error_and_no_configuration() {
    for world in WORLDS {
        for behaviour in Behaviour::ALL.iter().copied() {
            let settings = behaviour.settings();
            let outcome = match world {
                World::AccessPolicy => engine().configure(hostile(), org(), settings),
                World::TransactionGuardrail => {
                    engine().configure_guardrail(hostile(), org(), settings)
                }
            };
            match (expected(world, behaviour), outcome) {
                (Outcome::Unconfigurable(code), Err(ConfigureError::Failed(failure))) => {
                    assert_eq!(failure.code, code, "{behaviour:?}: {failure}");
                }
                (Outcome::Problems(count), Err(ConfigureError::Problems(problems))) => {
                    assert_eq!(problems.len(), count, "{behaviour:?}");
                }
                (Outcome::Needs, Err(ConfigureError::Needs(_)))
                | (Outcome::Decides(_) | Outcome::Fails(_), Ok(_)) => {}
                (_, outcome) => panic!("{world:?} {behaviour:?}: {outcome:?}"),
            }
            assert_alive();
        }
    }
}

#[test]
fn a_plugin_that_fails_denies_even_beside_one_that_allows() {
    let fails =
        |world| deciding(world).filter(move |b| matches!(expected(world, *b), Outcome::Fails(_)));
    let denied = |ruling: &Ruling, behaviour| {
        let Ruling::Deny(denial) = ruling else {
            panic!("{behaviour:?}")
        };
        assert!(
            denial.code.starts_with("internal/"),
            "{behaviour:?}: {denial:?}"
        );
    };
    for behaviour in fails(World::AccessPolicy) {
        let attached = [Behaviour::Allow, behaviour]
            .map(|behaviour| Attachment::ready(configured(behaviour), Mode::Fresh));
        denied(
            decide_access(request(), &attached, 1000).ruling(),
            behaviour,
        );
    }
    for behaviour in fails(World::TransactionGuardrail) {
        let attached = [Behaviour::Reserve, behaviour].map(|behaviour| {
            let configured = configured_in(World::TransactionGuardrail, behaviour);
            GuardrailAttachment {
                views: views(&configured),
                plugin: Attachment::ready(configured, Mode::Fresh),
            }
        });
        let decided = decide_transaction(transaction(), &attached, 1000);
        denied(decided.ruling(), behaviour);
        assert_eq!(decided.reservations().count(), 0, "{behaviour:?}");
        assert!(decided.into_permit().is_err(), "{behaviour:?}");
    }
}

#[test]
fn settings_that_select_nothing_are_refused_with_the_plugins_own_words() {
    let error = engine()
        .configure(hostile(), org(), "no such behaviour")
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the plugin refuses its settings: `` must be the name of a behaviour"
    );
}

#[test]
fn settings_beyond_the_limit_do_not_reach_the_plugin() {
    let limits = Limits::default().with_settings_bytes(16).unwrap();
    let engine = Engine::new(crate::common::options(limits)).unwrap();
    let plugin = engine.load(HOSTILE).unwrap();
    let error = engine
        .configure(&plugin, org(), &"x".repeat(17))
        .unwrap_err();
    assert_eq!(
        error,
        ConfigureError::TooLarge {
            bytes: 17,
            limit: 16
        }
    );
}

/// Fuel without end, so that nothing but the clock can stop the guest.
fn engine_with_short_deadlines() -> Engine {
    let limits = Limits::default()
        .with_fuel_per_decision(10_000_000_000)
        .and_then(|limits| limits.with_fuel_per_configure(100_000_000_000))
        .and_then(|limits| limits.with_configure_deadline_ms(20))
        .unwrap();
    Engine::new(crate::common::options(limits)).unwrap()
}

#[test]
fn the_deadline_alone_stops_a_plugin_that_has_fuel_left() {
    let engine = engine_with_short_deadlines();
    let plugin = engine.load(HOSTILE).unwrap();
    for behaviour in [Behaviour::Spin, Behaviour::Copy] {
        let configured = engine
            .configure(&plugin, org(), behaviour.settings())
            .unwrap();
        let guarding = engine
            .configure_guardrail(&plugin, org(), behaviour.settings())
            .unwrap();
        for mode in [Mode::Fresh, Mode::Warm] {
            for (world, configured) in WORLDS.into_iter().zip([&configured, &guarding]) {
                let evaluation = evaluate_in(world, configured, mode);
                assert_eq!(code(&evaluation), "internal/deadline", "{behaviour:?}");
            }
        }
    }
    let spinning = engine.configure(&plugin, org(), Behaviour::SpinInConfigure.settings());
    let Err(ConfigureError::Failed(failure)) = spinning else {
        panic!("{spinning:?}")
    };
    assert_eq!(failure.code, "internal/deadline");
}

fn counted(configured: &Configured, mode: Mode) -> u64 {
    counted_for(configured, &request(), mode)
}

fn counted_for(configured: &Configured, request: &AccessRequest, mode: Mode) -> u64 {
    let evaluation = configured.evaluate_access(request, mode);
    let Ok(Verdict::Deny(reason)) = evaluation.outcome.map(|decision| decision.verdict) else {
        panic!("the counting guest denies")
    };
    reason.message.parse().unwrap()
}

#[test]
fn no_state_survives_a_decision_in_a_fresh_instance() {
    let configured = configured(Behaviour::Count);
    for snapshotted in [false, true] {
        assert_eq!(configured.is_snapshotted(), snapshotted);
        for _ in 0..100 {
            assert_eq!(counted(&configured, Mode::Fresh), 1);
        }
        configured.build_snapshot().unwrap();
    }
}

/// An engine of the test's own, since the places for warm instances are shared by all that an engine runs.
fn engine_with_warm_places(warm: u32) -> (Engine, Arc<Plugin>) {
    let slots = Slots {
        instances: 64,
        warm,
    };
    let engine = Engine::new(EngineOptions {
        slots,
        ..crate::common::options(crate::common::patient())
    })
    .unwrap();
    let plugin = engine.load(HOSTILE).unwrap();
    (engine, plugin)
}

#[test]
fn a_warm_instance_is_given_up_after_32_decisions() {
    let (engine, plugin) = engine_with_warm_places(1);
    let settings = Behaviour::Count.settings();
    for snapshotted in [false, true] {
        let configured = engine.configure(&plugin, org(), settings).unwrap();
        if snapshotted {
            configured.build_snapshot().unwrap();
        }
        let counts: Vec<u64> = (0..70).map(|_| counted(&configured, Mode::Warm)).collect();
        let wanted: Vec<u64> = (0..70).map(|n| n % 32 + 1).collect();
        assert_eq!(counts, wanted);
    }
}

#[test]
fn a_warm_instance_serves_one_configuration_alone() {
    let (engine, plugin) = engine_with_warm_places(3);
    let configurations = [org(), crate::common::other_org(), org()].map(|org| {
        let settings = Behaviour::Count.settings();
        engine.configure(&plugin, org, settings).unwrap()
    });
    for n in 1..=3 {
        for configured in &configurations {
            let request = AccessRequest {
                org: configured.org(),
                ..request()
            };
            assert_eq!(counted_for(configured, &request, Mode::Warm), n);
        }
    }
}

#[test]
fn warm_instances_are_bounded_over_all_configurations() {
    let (engine, plugin) = engine_with_warm_places(8);
    let settings = Behaviour::Count.settings();
    let configurations: Vec<_> = (0..20)
        .map(|_| engine.configure(&plugin, org(), settings).unwrap())
        .collect();
    let round = || -> u64 { configurations.iter().map(|c| counted(c, Mode::Warm)).sum() };
    assert_eq!(round(), 20);
    assert_eq!(round(), 20 + 8, "eight were kept from the first round");
    drop(configurations);
    let configured = engine.configure(&plugin, org(), settings).unwrap();
    assert_eq!(counted(&configured, Mode::Warm), 1);
    assert_eq!(counted(&configured, Mode::Warm), 2, "places are given back");
}

#[test]
fn a_request_of_another_organisation_is_not_shown_to_the_plugin() {
    let configured = engine()
        .configure(
            hostile(),
            crate::common::other_org(),
            Behaviour::Allow.settings(),
        )
        .unwrap();
    for mode in [Mode::Fresh, Mode::Warm] {
        let evaluation = configured.evaluate_access(&request(), mode);
        assert_eq!(code(&evaluation), "internal/wrong-organisation");
        assert_eq!(evaluation.fuel, 0);
    }
}
