//! From a request to a permit or a denial.

use std::sync::Arc;

use crate::common::{code, configured, engine, hostile, org, request};
use oneclaw_core::request::{AccessRequest, Fact, Permission};
use oneclaw_core::verdict::Verdict;
use oneclaw_policy_host::{
    Action, Attachment, DecidedAccess, DeleteSecret, Denial, Failure, Mode, PermitError,
    ReadSecret, RotateSecret, Ruling, WriteSecret, decide_access,
};
use oneclaw_test_guests::Behaviour;
use proptest::prelude::*;
use sha2::{Digest, Sha256};

const TTL_MS: i64 = 5000;

fn decided(behaviours: &[Behaviour], request: AccessRequest) -> DecidedAccess {
    let attached: Vec<Attachment> = behaviours
        .iter()
        .map(|behaviour| Attachment::ready(configured(*behaviour), Mode::Fresh))
        .collect();
    decide_access(request, &attached, TTL_MS)
}

fn denial(behaviours: &[Behaviour]) -> Denial {
    decided(behaviours, request())
        .into_permit::<ReadSecret>()
        .unwrap_err()
}

#[test]
fn an_allow_becomes_a_permit_for_exactly_what_was_asked() {
    let decided = decided(&[Behaviour::Allow, Behaviour::Abstain], request());
    assert!(matches!(decided.ruling(), Ruling::Allow(grants) if grants.len() == 1));
    assert_eq!(decided.evaluations().len(), 2);
    let digest: [u8; 32] = Sha256::digest(request().canonical_bytes()).into();
    assert_eq!(decided.request_digest(), digest);

    let permit = decided.into_permit::<ReadSecret>().unwrap();
    let AccessRequest {
        org,
        vault,
        path,
        at,
        principal,
        ..
    } = request();
    assert_eq!(permit.request_digest(), digest);
    assert_eq!(permit.principal(), principal);
    assert_eq!(permit.expires_at(), at.plus_millis(TTL_MS));

    let just_in_time = at.plus_millis(TTL_MS - 1);
    assert_eq!(permit.covers(org, vault, &path, just_in_time), Ok(()));
    assert_eq!(
        permit.covers(org, vault, &path, at.plus_millis(TTL_MS)),
        Err(PermitError::Expired)
    );
    assert_eq!(
        permit.covers(crate::common::other_org(), vault, &path, at),
        Err(PermitError::OtherOrganisation)
    );
    let other_vault = "0190a0b0-0000-7000-8000-0000000000ff".parse().unwrap();
    assert_eq!(
        permit.covers(org, other_vault, &path, at),
        Err(PermitError::OtherVault)
    );
    let other_path = "api-keys/openai2".parse().unwrap();
    assert_eq!(
        permit.covers(org, vault, &other_path, at),
        Err(PermitError::OtherPath)
    );
}

fn permit_for<A: Action>(permission: Permission) -> Result<(), String> {
    let request = AccessRequest {
        permission,
        ..request()
    };
    let permit = decided(&[Behaviour::Allow], request).into_permit::<A>();
    permit.map(|_| ()).map_err(|denial| denial.code)
}

#[test]
fn a_decision_on_one_permission_gives_no_permit_for_another() {
    for permission in Permission::ALL {
        let outcomes = [
            (permit_for::<ReadSecret>(permission), Permission::Read),
            (permit_for::<WriteSecret>(permission), Permission::Write),
            (permit_for::<DeleteSecret>(permission), Permission::Delete),
            (permit_for::<RotateSecret>(permission), Permission::Rotate),
        ];
        for (outcome, wanted) in outcomes {
            if wanted == permission {
                assert_eq!(outcome, Ok(()));
            } else {
                assert_eq!(outcome, Err("internal/wrong-permission".to_owned()));
            }
        }
    }
}

#[test]
fn a_denial_carries_what_the_plugin_said() {
    assert_eq!(
        denial(&[Behaviour::Allow, Behaviour::Deny]),
        Denial {
            code: "hostile/denied".to_owned(),
            message: "The test says no.".to_owned(),
            plugin: "hostile".to_owned(),
            rule: "rule-1".to_owned(),
            condition: "time_window".to_owned(),
            figures: None,
        }
    );
}

#[test]
fn a_denial_without_words_is_given_some() {
    assert_eq!(
        denial(&[Behaviour::DenySilently]).message,
        "The policy plugin `hostile` denies this (hostile/denied)."
    );
}

#[test]
fn what_waits_for_approval_is_denied_until_then() {
    let pending = decided(&[Behaviour::Allow, Behaviour::RequireApproval], request());
    assert!(matches!(pending.ruling(), Ruling::RequireApproval(wanted) if wanted.len() == 1));
    let denial = pending.into_permit::<ReadSecret>().unwrap_err();
    assert_eq!(denial.code, "hostile/needs-approval");
    assert_eq!(denial.message, "This needs one approval by `owners` first.");
    let denied = denial_code(&[Behaviour::RequireApproval, Behaviour::Deny]);
    assert_eq!(denied, "hostile/denied");
}

fn denial_code(behaviours: &[Behaviour]) -> String {
    denial(behaviours).code
}

#[test]
fn without_a_plugin_nothing_is_allowed() {
    let denial = denial(&[]);
    assert_eq!(denial.code, "internal/no-plugin");
    assert_eq!(
        denial.message,
        "No policy plugin is attached here, so nothing is allowed."
    );
}

#[test]
fn a_plugin_that_could_not_be_had_denies() {
    let failure = Failure::new(
        "internal/missing-plugin",
        "its component is not in the store",
    );
    let attached = [
        Attachment::ready(configured(Behaviour::Allow), Mode::Fresh),
        Attachment::failed("office-hours".to_owned(), failure),
    ];
    let decided = decide_access(request(), &attached, TTL_MS);
    assert_eq!(decided.evaluations()[1].plugin.name, "office-hours");
    let denial = decided.into_permit::<ReadSecret>().unwrap_err();
    assert_eq!(
        (denial.code.as_str(), denial.plugin.as_str()),
        ("internal/missing-plugin", "office-hours")
    );
}

#[test]
fn a_failure_made_elsewhere_always_has_a_code_of_the_host() {
    assert_eq!(Failure::new("policy/allowed", "x").code, "internal/trap");
}

#[test]
fn an_attachment_of_another_organisation_denies() {
    let foreign = engine()
        .configure(
            hostile(),
            crate::common::other_org(),
            Behaviour::Allow.settings(),
        )
        .unwrap();
    let decided = decide_access(
        request(),
        &[Attachment::ready(foreign, Mode::Fresh)],
        TTL_MS,
    );
    let denial = decided.into_permit::<ReadSecret>().unwrap_err();
    assert_eq!(denial.code, "internal/wrong-organisation");
}

fn notes(configured: &oneclaw_policy_host::Configured, request: &AccessRequest) -> Vec<String> {
    configured
        .evaluate_access(request, Mode::Fresh)
        .outcome
        .unwrap()
        .notes
}

#[test]
fn the_plugin_sees_the_request_and_all_of_it() {
    let seen = notes(&configured(Behaviour::Describe), &request());
    assert_eq!(
        seen,
        [
            "organisation 0190a0b0000070008000000000000001",
            "vault 0190a0b000007000800000000000000a",
            "principal PrincipalKind::Agent 0190a0b000007000800000000000000b",
            "owner false",
            "permission Permission::Read",
            "path api-keys/openai",
            "client 00000000000000000000ffff0a010203",
            "at 1790000000000",
            "environment Some(\"production\")",
            "fact token.auth_method=api_key",
        ]
    );
}

#[test]
fn an_evaluation_names_the_plugin_the_settings_and_the_cost() {
    let configured = configured(Behaviour::Allow);
    let evaluation = configured.evaluate_access(&request(), Mode::Fresh);
    assert_eq!(*evaluation.plugin, *hostile().identity());
    assert_eq!(evaluation.plugin.digest, hostile().digest());
    assert_eq!(
        &*evaluation.settings_digest,
        hex::encode(Sha256::digest("allow"))
    );
    assert_eq!(configured.needed_facts(), ["test.fact"]);
    assert!(evaluation.fuel > 0);
}

#[test]
fn debug_output_holds_neither_settings_nor_facts() {
    let configured = configured(Behaviour::Allow);
    assert!(!format!("{configured:?}").contains("\"allow\""));
    let permit = decided(&[Behaviour::Allow], request())
        .into_permit::<ReadSecret>()
        .unwrap();
    assert!(!format!("{permit:?}").contains("api_key"));
}

fn any_request() -> impl Strategy<Value = AccessRequest> {
    (
        prop::sample::select(Permission::ALL.to_vec()),
        "[a-z]{1,8}(/[a-z]{1,8}){0,3}",
        any::<bool>(),
        any::<u128>(),
        any::<std::net::IpAddr>(),
        any::<i64>(),
        prop::option::of(".{0,12}"),
        prop::collection::vec((".{0,12}", ".{0,12}"), 0..4),
    )
        .prop_map(
            |(permission, path, owner, principal, client, at, environment, facts)| AccessRequest {
                permission,
                path: path.parse().unwrap(),
                owner,
                principal: oneclaw_core::principal::Principal::new(
                    oneclaw_core::principal::PrincipalKind::User,
                    uuid::Uuid::from_u128(principal),
                ),
                client,
                at: oneclaw_core::clock::Timestamp::from_millis(at),
                environment,
                facts: facts
                    .into_iter()
                    .map(|(key, value)| Fact { key, value })
                    .collect(),
                ..request()
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_snapshot_decides_as_the_component_it_was_made_from(requests in prop::collection::vec(any_request(), 1..8)) {
        use std::sync::OnceLock;
        static PAIR: OnceLock<[Arc<oneclaw_policy_host::Configured>; 2]> = OnceLock::new();
        let [plain, snapshotted] = PAIR.get_or_init(|| {
            let pair = [configured(Behaviour::Describe), configured(Behaviour::Describe)];
            pair[1].build_snapshot().unwrap();
            pair
        });
        for request in &requests {
            let wanted = plain.evaluate_access(request, Mode::Fresh);
            for mode in [Mode::Fresh, Mode::Warm] {
                let got = snapshotted.evaluate_access(request, mode);
                prop_assert_eq!(&got.outcome, &wanted.outcome);
                if mode == Mode::Fresh {
                    prop_assert_eq!(got.fuel, wanted.fuel);
                }
            }
        }
    }
}

#[test]
fn many_threads_decide_at_once() {
    let configurations = [
        Behaviour::Allow,
        Behaviour::Deny,
        Behaviour::Trap,
        Behaviour::Abstain,
    ]
    .map(|behaviour| (configured(behaviour), behaviour));
    configurations[0].0.build_snapshot().unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let configurations = &configurations;
            scope.spawn(move || {
                for n in 0..200 {
                    let (configured, behaviour) = &configurations[(n + thread) % 4];
                    let mode = if n % 3 == 0 { Mode::Warm } else { Mode::Fresh };
                    let wanted = match behaviour {
                        Behaviour::Allow => "hostile/allowed",
                        Behaviour::Deny => "hostile/denied",
                        Behaviour::Trap => "internal/trap",
                        _ => "abstain",
                    };
                    assert_eq!(code(&configured.evaluate_access(&request(), mode)), wanted);
                }
            });
        }
    });
}

#[test]
fn when_no_slot_is_free_the_request_is_denied_and_says_so() {
    let engine = oneclaw_policy_host::Engine::new(oneclaw_policy_host::EngineOptions {
        slots: oneclaw_policy_host::Slots {
            instances: 1,
            warm: 1,
        },
        ..crate::common::options(crate::common::patient())
    })
    .unwrap();
    let plugin = engine.load(oneclaw_test_guests::HOSTILE).unwrap();
    let one = engine.configure(&plugin, org(), "allow").unwrap();
    let two = engine.configure(&plugin, org(), "allow").unwrap();
    // The warm instance of the first stays in the only slot.
    assert_eq!(
        code(&one.evaluate_access(&request(), Mode::Warm)),
        "hostile/allowed"
    );
    assert_eq!(
        code(&two.evaluate_access(&request(), Mode::Fresh)),
        "internal/no-capacity"
    );
    drop(one);
    assert_eq!(
        code(&two.evaluate_access(&request(), Mode::Fresh)),
        "hostile/allowed"
    );
}

#[test]
fn an_allow_keeps_its_reason() {
    let evaluation = configured(Behaviour::Allow).evaluate_access(&request(), Mode::Fresh);
    let Ok(Verdict::Allow(reason)) = evaluation.outcome.map(|decision| decision.verdict) else {
        panic!("the guest allows")
    };
    assert_eq!(
        (reason.code.as_str(), reason.message.as_str()),
        ("hostile/allowed", "")
    );
}
