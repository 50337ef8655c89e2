//! Checkpoints, sinks and the removal of old events.

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{OrgId, SinkId};
use oneclaw_store::{
    AuditSink, ChainSpan, EventFilter, NewEvent, Org, Removed, StoreError, StoredCheckpoint, User,
};

use crate::stage::{Stage, at, event, event_in, id, open};

crate::stories!(
    verified_events_are_given_out_and_altered_ones_are_not,
    of_two_checkpoints_of_one_size_the_first_stays,
    old_events_go_up_to_a_checkpoint_and_the_rest_still_verifies,
    events_that_a_sink_has_not_got_are_kept,
    altered_events_are_not_removed,
    a_beginning_that_was_altered_is_noticed,
    a_sink_is_taken_by_one_and_moves_on_once,
    a_sink_that_was_lost_is_taken_again_and_its_first_taker_changes_nothing,
);

/// A chain of events at the instants 1 to `events`; the first, of the organisation, is at 0.
async fn chain(stage: &Stage, events: i64) -> (Org, User) {
    let (org, user) = stage.account().await;
    for n in 1..events {
        let event = NewEvent {
            at: at(n),
            ..event(&org, "x")
        };
        stage.store.record(event).await.unwrap();
    }
    (org, user)
}

fn checkpoint(org: OrgId, size: i64) -> StoredCheckpoint {
    StoredCheckpoint {
        org_id: org,
        size,
        roots: vec!["00".to_owned()],
        note: format!("checkpoint {size}"),
        created_at: at(size),
    }
}

fn sink(org: &Org, user: &User, name: &str) -> AuditSink {
    AuditSink {
        id: SinkId::from_uuid(id()),
        org_id: org.id,
        name: name.to_owned(),
        kind: "file".to_owned(),
        target: "trail".to_owned(),
        sealed: Some(vec![1, 2]),
        is_active: true,
        position: 0,
        delivered_at: None,
        failures: 0,
        retry_at: at(0),
        last_error: None,
        created_by: user.id,
        created_at: at(0),
    }
}

async fn remove(
    stage: &Stage,
    org: OrgId,
    before: Timestamp,
) -> Result<Option<Removed>, StoreError> {
    let event = |_: Removed| NewEvent {
        at: at(1_000_000),
        ..event_in(org, "audit.retention")
    };
    stage.store.remove_old_events(org, before, event).await
}

async fn verified_events_are_given_out_and_altered_ones_are_not(stage: Stage) {
    let (org, _) = chain(&stage, 8).await;
    let read = async |after, limit| stage.store.verified_events(org.id, after, limit).await;
    let numbers: Vec<i64> = read(2, 3)
        .await
        .unwrap()
        .iter()
        .map(|event| event.seq)
        .collect();
    assert_eq!(numbers, [3, 4, 5]);
    assert!(read(8, 5).await.unwrap().is_empty());
    let sql = format!(
        "UPDATE audit_events SET action = 'y' WHERE org_id = '{}' AND seq = 5",
        org.id
    );
    assert_eq!(stage.tamper(&sql).await, 1);
    assert!(read(0, 4).await.is_ok());
    assert!(matches!(read(2, 3).await, Err(StoreError::Corrupt(_))));
    assert!(read(5, 3).await.is_ok());
    // As they stand they can be had nevertheless.
    assert_eq!(
        stage.store.events_after(org.id, 4, 1).await.unwrap()[0].action,
        "y"
    );
}

async fn of_two_checkpoints_of_one_size_the_first_stays(stage: Stage) {
    let (org, _) = chain(&stage, 6).await;
    assert_eq!(
        stage.store.chains_to_sign(None, 10).await.unwrap(),
        [org.id]
    );
    for size in [2, 4, 6] {
        stage
            .store
            .add_checkpoint(&checkpoint(org.id, size))
            .await
            .unwrap();
    }
    let other = StoredCheckpoint {
        note: "another".to_owned(),
        ..checkpoint(org.id, 4)
    };
    stage.store.add_checkpoint(&other).await.unwrap();
    let found = stage.store.checkpoints(org.id, 2, 10).await.unwrap();
    assert_eq!(found, [checkpoint(org.id, 4), checkpoint(org.id, 6)]);
    let newest = stage.store.newest_checkpoint(org.id, 5).await.unwrap();
    assert_eq!(newest, Some(checkpoint(org.id, 4)));
    assert!(
        stage
            .store
            .chains_to_sign(None, 10)
            .await
            .unwrap()
            .is_empty()
    );
    // One that knows of more events than there are says that the end was put back.
    stage.sound_chain(org.id).await;
    stage
        .store
        .add_checkpoint(&checkpoint(org.id, 7))
        .await
        .unwrap();
    let outcome = stage.store.verify(org.id, None, None, 100).await.unwrap();
    assert!(!outcome.chain_valid);
}

async fn old_events_go_up_to_a_checkpoint_and_the_rest_still_verifies(stage: Stage) {
    let (org, _) = chain(&stage, 10).await;
    let old = stage
        .store
        .chains_older_than(at(6), None, 10)
        .await
        .unwrap();
    assert_eq!(old, [org.id]);
    // Nothing is covered by a checkpoint yet.
    assert_eq!(remove(&stage, org.id, at(6)).await.unwrap(), None);
    for size in [3, 5, 9] {
        stage
            .store
            .add_checkpoint(&checkpoint(org.id, size))
            .await
            .unwrap();
    }
    let third = stage.store.events_after(org.id, 4, 1).await.unwrap()[0].id;
    let removed = |events, through| Some(Removed { events, through });
    assert_eq!(remove(&stage, org.id, at(6)).await.unwrap(), removed(3, 3));
    assert_eq!(remove(&stage, org.id, at(6)).await.unwrap(), removed(2, 5));
    assert_eq!(remove(&stage, org.id, at(6)).await.unwrap(), None);
    // Seven are left: five of the old, and two that say what happened.
    assert_eq!(stage.sound_chain(org.id).await, 7);
    let outcome = stage.store.verify(org.id, None, None, 3).await.unwrap();
    assert_eq!(outcome.begins_after, Some(third));
    let span = stage.store.chain_span(org.id).await.unwrap();
    assert_eq!(
        span,
        ChainSpan {
            after: 5,
            after_event: Some(third),
            through: 12
        }
    );
    let filter = EventFilter {
        limit: 100,
        ..EventFilter::default()
    };
    let page = stage.store.events(org.id, &filter).await.unwrap();
    assert_eq!((page.total, page.events.len()), (7, 7));
    for part in [
        (Some(at(0)), None),
        (None, Some(at(8))),
        (Some(at(7)), Some(at(8))),
    ] {
        let part = stage
            .store
            .verify(org.id, part.0, part.1, 100)
            .await
            .unwrap();
        assert!(part.chain_valid);
    }
    stage.store.record(event(&org, "y")).await.unwrap();
    assert_eq!(stage.sound_chain(org.id).await, 8);
    // The first that is left is missed like any other.
    stage
        .tamper(&format!(
            "DELETE FROM audit_events WHERE org_id = '{}' AND seq = 6",
            org.id
        ))
        .await;
    assert!(
        !stage
            .store
            .verify(org.id, None, None, 100)
            .await
            .unwrap()
            .chain_valid
    );
}

async fn events_that_a_sink_has_not_got_are_kept(stage: Stage) {
    let (org, user) = chain(&stage, 10).await;
    for size in [3, 5] {
        stage
            .store
            .add_checkpoint(&checkpoint(org.id, size))
            .await
            .unwrap();
    }
    let mut slow = sink(&org, &user, "slow");
    slow.position = 4;
    stage
        .store
        .create_sink(&slow, event(&org, "audit.sink_create"))
        .await
        .unwrap();
    assert_eq!(
        remove(&stage, org.id, at(9))
            .await
            .unwrap()
            .unwrap()
            .through,
        3
    );
    assert_eq!(remove(&stage, org.id, at(9)).await.unwrap(), None);
    // One that was stopped holds nothing back.
    stage
        .store
        .switch_sink(org.id, slow.id, false, event(&org, "audit.sink_update"))
        .await
        .unwrap();
    assert_eq!(
        remove(&stage, org.id, at(9))
            .await
            .unwrap()
            .unwrap()
            .through,
        5
    );
}

async fn altered_events_are_not_removed(stage: Stage) {
    let (org, _) = chain(&stage, 10).await;
    stage
        .store
        .add_checkpoint(&checkpoint(org.id, 5))
        .await
        .unwrap();
    stage
        .tamper(&format!(
            "UPDATE audit_events SET action = 'y' WHERE org_id = '{}' AND seq = 2",
            org.id
        ))
        .await;
    assert!(matches!(
        remove(&stage, org.id, at(9)).await,
        Err(StoreError::Corrupt(_))
    ));
    let left = stage
        .number(&format!(
            "SELECT count(*) FROM audit_events WHERE org_id = '{}'",
            org.id
        ))
        .await;
    assert_eq!(left, 10);
}

async fn a_beginning_that_was_altered_is_noticed(stage: Stage) {
    for change in [
        "UPDATE audit_starts SET seq = seq + 1 WHERE org_id = '{org}'",
        "UPDATE audit_starts SET removed_at = removed_at + 1 WHERE org_id = '{org}'",
        "UPDATE audit_starts SET hash = 'x' WHERE org_id = '{org}'",
        "DELETE FROM audit_starts WHERE org_id = '{org}'",
    ] {
        let (org, _) = chain(&stage, 10).await;
        stage
            .store
            .add_checkpoint(&checkpoint(org.id, 5))
            .await
            .unwrap();
        remove(&stage, org.id, at(9)).await.unwrap().unwrap();
        stage.sound_chain(org.id).await;
        assert_eq!(
            stage
                .tamper(&change.replace("{org}", &org.id.to_string()))
                .await,
            1
        );
        let outcome = stage.store.verify(org.id, None, None, 100).await.unwrap();
        assert!(!outcome.chain_valid, "{change}");
    }
}

async fn a_sink_is_taken_by_one_and_moves_on_once(stage: Stage) {
    let (org, user) = chain(&stage, 10).await;
    let made = sink(&org, &user, "one");
    stage
        .store
        .create_sink(&made, event(&org, "audit.sink_create"))
        .await
        .unwrap();
    let same = sink(&org, &user, "one");
    let taken = stage.store.create_sink(&same, event(&org, "x")).await;
    assert_eq!(taken, Err(StoreError::Conflict("sink")));
    let due = stage.store.sinks_due(at(1)).await.unwrap();
    assert_eq!(due, std::slice::from_ref(&made));
    let other = open(&stage.url).await;
    let takes = [
        stage.store.take_sink(&due[0], at(100)).await.unwrap(),
        other.take_sink(&due[0], at(101)).await.unwrap(),
    ];
    assert_eq!(takes, [true, false]);
    assert!(stage.store.sinks_due(at(99)).await.unwrap().is_empty());
    let advance = async |from, to, held, until| {
        stage
            .store
            .advance_sink(made.id, (from, to), (at(held), at(until)), at(50))
            .await
    };
    advance(0, 6, 100, 110).await.unwrap();
    assert_eq!(advance(0, 6, 100, 110).await, Err(StoreError::NotFound));
    advance(6, 11, 110, 120).await.unwrap();
    stage
        .store
        .release_sink(made.id, at(120), at(50), None)
        .await
        .unwrap();
    // Everything has arrived: the sink's own making was the eleventh event.
    assert!(stage.store.sinks_due(at(1_000)).await.unwrap().is_empty());
    let state = &stage.store.sinks(org.id).await.unwrap()[0];
    assert_eq!(
        (state.sink.position, state.newest, state.waiting_since),
        (11, 11, None)
    );
    assert_eq!(
        (state.sink.delivered_at, state.sink.failures),
        (Some(at(50)), 0)
    );
}

async fn a_sink_that_was_lost_is_taken_again_and_its_first_taker_changes_nothing(stage: Stage) {
    let (org, user) = chain(&stage, 10).await;
    let made = sink(&org, &user, "one");
    stage
        .store
        .create_sink(&made, event(&org, "audit.sink_create"))
        .await
        .unwrap();
    let due = stage.store.sinks_due(at(1)).await.unwrap();
    assert!(stage.store.take_sink(&due[0], at(100)).await.unwrap());
    // Its taker is not heard of any more.
    let again = stage.store.sinks_due(at(100)).await.unwrap();
    assert!(stage.store.take_sink(&again[0], at(200)).await.unwrap());
    let late = stage
        .store
        .advance_sink(made.id, (0, 6), (at(100), at(300)), at(150))
        .await;
    assert_eq!(late, Err(StoreError::NotFound));
    stage
        .store
        .release_sink(made.id, at(100), at(0), Some("late"))
        .await
        .unwrap();
    let failed = stage
        .store
        .release_sink(made.id, at(200), at(250), Some("no answer in time"))
        .await;
    failed.unwrap();
    let state = stage.store.sinks(org.id).await.unwrap().remove(0);
    assert_eq!(state.sink.last_error.as_deref(), Some("no answer in time"));
    assert_eq!(
        (
            state.sink.failures,
            state.sink.retry_at,
            state.sink.position
        ),
        (1, at(250), 0)
    );
    assert_eq!(
        state.waiting_since,
        Some(stage.store.events_after(org.id, 0, 1).await.unwrap()[0].at)
    );
    stage
        .store
        .delete_sink(org.id, made.id, event(&org, "audit.sink_delete"))
        .await
        .unwrap();
    let gone = stage
        .store
        .delete_sink(org.id, made.id, event(&org, "x"))
        .await;
    assert_eq!(gone, Err(StoreError::NotFound));
}
