//! The gate to values, with permits as the built-in access policy grants them.

use std::sync::{Arc, LazyLock};

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{AgentId, OrgId, VaultId};
use oneclaw_core::path::SecretPath;
use oneclaw_core::principal::Principal;
use oneclaw_core::request::{AccessRequest, Permission};
use oneclaw_policy_host::{
    Action, Attachment, Configured, Engine, EngineOptions, Mode, Permit, PermitError, ReadSecret,
    RotateSecret, WriteSecret, decide_access,
};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use crate::envelope::{EnvelopeError, SecretRef, VaultKey, open, seal};

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const TTL_MS: i64 = 5_000;

fn org(n: u128) -> OrgId {
    OrgId::from_uuid(Uuid::from_u128(n))
}

fn vault(n: u128) -> VaultId {
    VaultId::from_uuid(Uuid::from_u128(n))
}

fn path(text: &str) -> SecretPath {
    text.parse().unwrap()
}

/// The access policy without any policies, for organisation 1: owners may do everything.
fn policy() -> Arc<Configured> {
    static POLICY: LazyLock<(Engine, Arc<Configured>)> = LazyLock::new(|| {
        let engine = Engine::new(EngineOptions::default()).unwrap();
        let plugin = engine.load(oneclaw_builtin::ACCESS_POLICY).unwrap();
        let configured = engine
            .configure(&plugin, org(1), r#"{"policies":[],"zones":{}}"#)
            .unwrap();
        (engine, configured)
    });
    Arc::clone(&POLICY.1)
}

/// A permit of the owner of vault 2 in organisation 1.
fn permit<A: Action>(at: &SecretPath) -> Permit<A> {
    let request = AccessRequest {
        org: org(1),
        vault: vault(2),
        path: at.clone(),
        permission: A::PERMISSION,
        principal: Principal::Agent(AgentId::from_uuid(Uuid::from_u128(3))),
        owner: true,
        environment: None,
        client: "192.0.2.1".parse().unwrap(),
        at: NOW,
        facts: Vec::new(),
    };
    decide_access(request, &[Attachment::ready(policy(), Mode::Fresh)], TTL_MS)
        .into_permit()
        .unwrap()
}

fn at(path: &SecretPath) -> SecretRef<'_> {
    SecretRef {
        org: org(1),
        vault: vault(2),
        path,
        version: 1,
    }
}

fn value() -> SecretString {
    SecretString::from("the value")
}

#[test]
fn what_one_permit_seals_another_opens() {
    let key = VaultKey::generate().unwrap();
    let path = path("api-keys/openai");
    let read = permit::<ReadSecret>(&path);
    for sealed in [
        seal(
            &permit::<WriteSecret>(&path),
            &key,
            at(&path),
            &value(),
            NOW,
        )
        .unwrap(),
        seal(
            &permit::<RotateSecret>(&path),
            &key,
            at(&path),
            &value(),
            NOW,
        )
        .unwrap(),
    ] {
        let opened = open(&read, &key, at(&path), &sealed, NOW).unwrap();
        assert_eq!(opened.expose_secret(), "the value");
    }
}

#[test]
fn a_permit_is_good_for_its_own_place_alone() {
    let key = VaultKey::generate().unwrap();
    let (here, there) = (path("a"), path("b"));
    let (read, write) = (permit::<ReadSecret>(&here), permit::<WriteSecret>(&here));
    let sealed = seal(&write, &key, at(&here), &value(), NOW).unwrap();
    for (place, why) in [
        (
            SecretRef {
                org: org(9),
                ..at(&here)
            },
            PermitError::OtherOrganisation,
        ),
        (
            SecretRef {
                vault: vault(9),
                ..at(&here)
            },
            PermitError::OtherVault,
        ),
        (at(&there), PermitError::OtherPath),
    ] {
        let opened = open(&read, &key, place, &sealed, NOW);
        assert!(matches!(opened, Err(EnvelopeError::Permit(e)) if e == why));
        let sealed = seal(&write, &key, place, &value(), NOW);
        assert!(matches!(sealed, Err(EnvelopeError::Permit(e)) if e == why));
    }
}

#[test]
fn a_permit_runs_out() {
    let key = VaultKey::generate().unwrap();
    let path = path("a");
    let (read, write) = (permit::<ReadSecret>(&path), permit::<WriteSecret>(&path));
    let (last, late) = (NOW.plus_millis(TTL_MS - 1), NOW.plus_millis(TTL_MS));
    let sealed = seal(&write, &key, at(&path), &value(), last).unwrap();
    open(&read, &key, at(&path), &sealed, last).unwrap();
    let expired = |error| matches!(error, EnvelopeError::Permit(PermitError::Expired));
    assert!(expired(
        open(&read, &key, at(&path), &sealed, late).unwrap_err()
    ));
    assert!(expired(
        seal(&write, &key, at(&path), &value(), late).unwrap_err()
    ));
}

/// The permit covers every version of a path; the encryption tells them apart.
#[test]
fn a_permit_does_not_make_one_version_open_as_another() {
    let key = VaultKey::generate().unwrap();
    let path = path("a");
    let write = permit::<WriteSecret>(&path);
    let sealed = seal(&write, &key, at(&path), &value(), NOW).unwrap();
    let other = SecretRef {
        version: 2,
        ..at(&path)
    };
    assert!(matches!(
        open(&permit::<ReadSecret>(&path), &key, other, &sealed, NOW),
        Err(EnvelopeError::Damaged)
    ));
}

#[test]
fn who_is_denied_gets_no_permit() {
    let request = AccessRequest {
        org: org(1),
        vault: vault(2),
        path: path("a"),
        permission: Permission::Read,
        principal: Principal::Agent(AgentId::from_uuid(Uuid::from_u128(3))),
        owner: false,
        environment: None,
        client: "192.0.2.1".parse().unwrap(),
        at: NOW,
        facts: Vec::new(),
    };
    for attached in [vec![], vec![Attachment::ready(policy(), Mode::Fresh)]] {
        let denial = decide_access(request.clone(), &attached, TTL_MS).into_permit::<ReadSecret>();
        assert!(!denial.unwrap_err().message.is_empty());
    }
}
