//! The cache of callers' configurations.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::common::{code, configured, engine, org, request};
use oneclaw_core::principal::{Principal, PrincipalKind};
use oneclaw_policy_host::{AccessCache, AccessKey, Configured, Mode, Revision};
use oneclaw_test_guests::Behaviour;

fn key(n: u128) -> AccessKey {
    AccessKey {
        org: org(),
        vault: request().vault,
        principal: Principal::new(PrincipalKind::Agent, uuid::Uuid::from_u128(n)),
    }
}

/// Waits for the background thread, without guessing how long it takes.
fn until(what: &str, done: impl Fn() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < Duration::from_secs(120), "{what}");
        std::thread::yield_now();
    }
}

fn use_often(cache: &AccessCache, n: u128, times: usize) {
    for _ in 0..times {
        assert!(cache.get(&key(n), at(1)).is_some());
    }
}

fn filled<const N: usize>(cache: &AccessCache) -> [Arc<Configured>; N] {
    std::array::from_fn(|n| {
        let configured = configured(Behaviour::Allow);
        cache.insert(key(n as u128), at(1), Arc::clone(&configured));
        configured
    })
}

fn at(policies: i64) -> Revision {
    [0, policies, 2026]
}

#[test]
fn a_configuration_is_good_for_its_revision_alone() {
    let cache = AccessCache::new(engine(), 10, 0, 1);
    let [one] = filled(&cache);
    assert!(Arc::ptr_eq(&cache.get(&key(0), at(1)).unwrap(), &one));
    assert!(cache.get(&key(0), at(2)).is_none());
    assert!(cache.get(&key(0), at(0)).is_none());
    assert!(cache.get(&key(1), at(1)).is_none());
}

#[test]
fn an_older_revision_never_replaces_a_newer_one() {
    let cache = AccessCache::new(engine(), 10, 0, 1);
    let (old, new) = (configured(Behaviour::Allow), configured(Behaviour::Deny));
    cache.insert(key(0), at(2), Arc::clone(&new));
    cache.insert(key(0), at(1), old);
    assert!(cache.get(&key(0), at(1)).is_none());
    assert!(Arc::ptr_eq(&cache.get(&key(0), at(2)).unwrap(), &new));
}

#[test]
fn a_configuration_of_another_organisation_is_not_kept() {
    let cache = AccessCache::new(engine(), 10, 0, 1);
    let foreign = AccessKey {
        org: crate::common::other_org(),
        ..key(0)
    };
    cache.insert(foreign, at(1), configured(Behaviour::Allow));
    assert!(cache.is_empty());
}

#[test]
fn the_cache_is_bounded() {
    let cache = AccessCache::new(engine(), 10, 0, 1);
    let one = configured(Behaviour::Allow);
    for n in 0..100 {
        cache.insert(key(n), at(1), Arc::clone(&one));
    }
    assert!(cache.len() <= 10, "{}", cache.len());
}

#[test]
fn what_is_used_often_gets_a_snapshot_and_decides_the_same() {
    let cache = AccessCache::new(engine(), 10, 2, 3);
    let [one, two] = filled(&cache);
    use_often(&cache, 0, 3);
    use_often(&cache, 1, 2);
    until("the first is promoted", || one.is_snapshotted());
    assert!(!two.is_snapshotted());
    assert_eq!(
        code(&one.evaluate_access(&request(), Mode::Fresh)),
        "hostile/allowed"
    );
    use_often(&cache, 1, 1);
    until("the second is promoted", || two.is_snapshotted());
}

#[test]
fn the_least_recently_used_snapshot_makes_room() {
    let cache = AccessCache::new(engine(), 10, 1, 2);
    let [one, two] = filled(&cache);
    use_often(&cache, 0, 2);
    until("the first is promoted", || one.is_snapshotted());
    use_often(&cache, 1, 2);
    until("the second is promoted", || two.is_snapshotted());
    assert!(!one.is_snapshotted());
    use_often(&cache, 0, 2);
    until("the first is promoted again", || one.is_snapshotted());
    assert!(!two.is_snapshotted());
}

#[test]
fn a_snapshot_in_use_is_not_traded_for_another() {
    let cache = AccessCache::new(engine(), 10, 1, 2);
    let [busy, rival, later] = filled(&cache);
    use_often(&cache, 0, 2);
    until("the busy one is promoted", || busy.is_snapshotted());
    use_often(&cache, 1, 1);
    use_often(&cache, 0, 1);
    use_often(&cache, 1, 1);
    // The requests are dealt with in order, so when this one was granted, the rival's had been refused.
    use_often(&cache, 2, 2);
    until("the later one is promoted", || later.is_snapshotted());
    assert!(!rival.is_snapshotted());
}
