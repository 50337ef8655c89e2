//! Reads and refusals: counted, recorded, and committed together.

use std::slice::from_ref;

use oneclaw_core::ids::{EventId, OrgId, SecretId};
use oneclaw_core::principal::Principal;
use oneclaw_store::{ReadCommit, ReadOutcome, Store, StoreError};

use crate::stage::{Stage, event, event_in, id, open, path, tamper};

crate::stories!(
    of_a_hundred_reads_at_once_exactly_as_many_count_as_there_is_room_for,
    two_nodes_share_what_room_there_is,
    a_read_of_what_was_disabled_in_the_meantime_does_not_count,
    an_event_that_the_database_refuses_does_not_take_others_along,
    nothing_is_lost_when_more_come_than_the_queue_holds,
    what_was_accepted_is_durable_when_the_store_has_closed,
    an_altered_chain_stops_its_own_organisation_and_no_other,
);

fn read(org: OrgId, count: Option<(SecretId, i64)>) -> ReadCommit {
    let mut refused = event_in(org, "secret.read");
    refused.details = serde_json::json!({"code": "vault/exhausted"});
    let mut granted = event_in(org, "secret.read");
    granted.details = serde_json::json!({"code": "granted"});
    ReadCommit {
        event: granted,
        count,
        exhausted_event: refused,
    }
}

/// So many reads at once, on one or more stores; answers how many counted.
async fn reads(stores: &[Store], org: OrgId, count: (SecretId, i64), times: usize) -> usize {
    let mut readers = tokio::task::JoinSet::new();
    for n in 0..times {
        let store = stores[n % stores.len()].clone();
        readers.spawn(async move { store.commit_read(read(org, Some(count))).await.unwrap() });
    }
    let outcomes = readers.join_all().await;
    outcomes
        .into_iter()
        .filter(|outcome| *outcome == ReadOutcome::Counted)
        .count()
}

async fn recorded(stage: &Stage, code: &str) -> i64 {
    let sql =
        format!("SELECT count(*) FROM audit_events WHERE details = '{{\"code\":\"{code}\"}}'");
    stage.number(&sql).await
}

async fn of_a_hundred_reads_at_once_exactly_as_many_count_as_there_is_room_for(stage: Stage) {
    let (org, user) = stage.account().await;
    let vault = stage.vault(&org, Principal::User(user.id)).await;
    let (secret, version) = stage.put(&vault, "a", Some(5)).await;
    let (free, _) = stage.put(&vault, "b", None).await;

    let counted = reads(
        from_ref(&stage.store),
        org.id,
        (secret.id, version.version),
        100,
    )
    .await;
    assert_eq!(counted, 5);
    assert_eq!(recorded(&stage, "granted").await, 5);
    assert_eq!(recorded(&stage, "vault/exhausted").await, 95);
    let (_, read_out) = stage
        .store
        .version(vault.id, &path("a"), 1)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(read_out.access_count, 5);

    assert_eq!(
        reads(from_ref(&stage.store), org.id, (free.id, 1), 40).await,
        40
    );
    let (_, open) = stage
        .store
        .version(vault.id, &path("b"), 1)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(open.access_count, 40);
    let uncounted = stage.store.commit_read(read(org.id, None)).await.unwrap();
    assert_eq!(uncounted, ReadOutcome::Counted);
    assert_eq!(stage.sound_chain(org.id).await, 145);
}

async fn two_nodes_share_what_room_there_is(stage: Stage) {
    let (org, user) = stage.account().await;
    let vault = stage.vault(&org, Principal::User(user.id)).await;
    let mut secrets = Vec::new();
    for n in 0..5 {
        secrets.push(stage.put(&vault, &format!("s{n}"), Some(5)).await.0.id);
    }
    let stores = [stage.store.clone(), open(&stage.url).await];
    let mut readers = tokio::task::JoinSet::new();
    for n in 0..200 {
        let (store, secret) = (stores[n % 2].clone(), secrets[n % 5]);
        readers.spawn(async move {
            store
                .commit_read(read(org.id, Some((secret, 1))))
                .await
                .unwrap()
        });
    }
    let outcomes = readers.join_all().await;
    assert_eq!(
        outcomes
            .iter()
            .filter(|outcome| **outcome == ReadOutcome::Counted)
            .count(),
        25
    );
    assert_eq!(recorded(&stage, "granted").await, 25);
    assert_eq!(stage.sound_chain(org.id).await, 207);
}

async fn a_read_of_what_was_disabled_in_the_meantime_does_not_count(stage: Stage) {
    let (org, user) = stage.account().await;
    let vault = stage.vault(&org, Principal::User(user.id)).await;
    let (secret, _) = stage.put(&vault, "a", None).await;
    let disabled = event(&org, "secret.version_disable");
    stage
        .store
        .disable_version(vault.id, &path("a"), 1, disabled)
        .await
        .unwrap();
    for count in [(secret.id, 1), (SecretId::from_uuid(id()), 1)] {
        let outcome = stage
            .store
            .commit_read(read(org.id, Some(count)))
            .await
            .unwrap();
        assert_eq!(outcome, ReadOutcome::Exhausted);
    }
    assert_eq!(recorded(&stage, "vault/exhausted").await, 2);
}

async fn an_event_that_the_database_refuses_does_not_take_others_along(stage: Stage) {
    let (org, user) = stage.account().await;
    let vault = stage.vault(&org, Principal::User(user.id)).await;
    let (secret, _) = stage.put(&vault, "a", Some(1000)).await;
    let known: EventId = {
        let event = event(&org, "secret.read");
        stage.store.record(event.clone()).await.unwrap();
        event.id
    };
    let mut readers = tokio::task::JoinSet::new();
    for n in 0..60 {
        let store = stage.store.clone();
        readers.spawn(async move {
            let mut commit = read(org.id, Some((secret.id, 1)));
            let is_bad = n % 20 == 7;
            if is_bad {
                commit.event.id = known;
            }
            let outcome = store.commit_read(commit).await;
            let expected = if is_bad {
                Err(StoreError::Conflict("event"))
            } else {
                Ok(ReadOutcome::Counted)
            };
            assert_eq!(outcome, expected);
        });
    }
    readers.join_all().await;
    // What was refused was not counted either.
    let (_, version) = stage
        .store
        .version(vault.id, &path("a"), 1)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(version.access_count, 57);
    assert_eq!(stage.sound_chain(org.id).await, 4 + 57);
}

async fn nothing_is_lost_when_more_come_than_the_queue_holds(stage: Stage) {
    let (org, _) = stage.account().await;
    let options = oneclaw_store::StoreOptions {
        queue: 1,
        ..Default::default()
    };
    let narrow = Store::open(&stage.url, crate::stage::AUDIT_KEY, options)
        .await
        .unwrap();
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..600 {
        let store = narrow.clone();
        callers.spawn(async move {
            store
                .record(event_in(org.id, "auth.failure"))
                .await
                .unwrap()
        });
    }
    callers.join_all().await;
    assert_eq!(stage.sound_chain(org.id).await, 601);
}

async fn what_was_accepted_is_durable_when_the_store_has_closed(stage: Stage) {
    let (org, _) = stage.account().await;
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let store = stage.store.clone();
        callers.spawn(async move { store.record(event_in(org.id, "auth.failure")).await });
    }
    stage.store.close().await;
    let answers = callers.join_all().await;
    let accepted = answers.iter().filter(|answer| answer.is_ok()).count();
    for answer in answers {
        assert!(
            matches!(answer, Ok(()) | Err(StoreError::Unavailable(_))),
            "{answer:?}"
        );
    }
    assert!(stage.store.ping().await.is_err());
    stage.store.close().await;
    let store = open(&stage.url).await;
    let outcome = store.verify(org.id, None, None, 1000).await.unwrap();
    assert!(outcome.chain_valid);
    assert_eq!(
        outcome.events_verified,
        1 + i64::try_from(accepted).unwrap()
    );
}

async fn an_altered_chain_stops_its_own_organisation_and_no_other(stage: Stage) {
    let (ours, _) = stage.account().await;
    let (theirs, _) = stage.account().await;
    stage
        .store
        .record(event(&ours, "auth.success"))
        .await
        .unwrap();
    // Somebody cuts the last event off and says that the one before was the last.
    let org = ours.id;
    tamper(
        &stage.url,
        &format!("DELETE FROM audit_events WHERE org_id = '{org}' AND seq = 2"),
    )
    .await;
    let rewound = format!(
        "UPDATE audit_heads SET seq = 1, \
         event_id = (SELECT id FROM audit_events WHERE org_id = '{org}' AND seq = 1), \
         hash = (SELECT integrity_hash FROM audit_events WHERE org_id = '{org}' AND seq = 1) \
         WHERE org_id = '{org}'"
    );
    assert_eq!(tamper(&stage.url, &rewound).await, 1);
    let mut callers = tokio::task::JoinSet::new();
    for n in 0..20 {
        let store = stage.store.clone();
        let org = if n % 2 == 0 { ours.id } else { theirs.id };
        callers.spawn(async move { (n, store.record(event_in(org, "auth.success")).await) });
    }
    for (n, outcome) in callers.join_all().await {
        if n % 2 == 0 {
            assert!(
                matches!(outcome, Err(StoreError::Corrupt(_))),
                "{outcome:?}"
            );
        } else {
            assert_eq!(outcome, Ok(()));
        }
    }
    assert!(
        !stage
            .store
            .verify(ours.id, None, None, 100)
            .await
            .unwrap()
            .chain_valid
    );
    assert_eq!(stage.sound_chain(theirs.id).await, 11);
}
