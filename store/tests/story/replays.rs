//! Replays: taken up, gone on with, cancelled.

use oneclaw_core::ids::{EventId, OrgId};
use oneclaw_core::principal::Principal;
use oneclaw_store::{Replay, ReplayChange, ReplayEnd, ReplayProgress, Result, Store, StoreError};
use serde_json::json;
use uuid::Uuid;

use crate::stage::{Stage, at, event_in, id};

crate::stories!(
    a_cancelled_replay_takes_nothing_more_from_whoever_worked_on_it,
    what_waits_can_be_cancelled_once_and_by_its_organisation_alone,
    a_replay_that_was_taken_over_is_the_second_workers,
    of_an_end_and_a_cancellation_at_once_one_holds,
);

const DONE: ReplayEnd<'static> = ReplayEnd::Done {
    gate_passed: Some(true),
};

/// A replay that waits.
async fn waiting(stage: &Stage) -> Replay {
    let (org, user) = stage.account().await;
    let replay = Replay {
        id: id(),
        org_id: org.id,
        created_by: Principal::User(user.id),
        created_at: at(1),
        spec: json!({"candidate": "current"}),
        state: "queued".to_owned(),
        total: 3,
        done: 0,
        counts: json!({}),
        cursor: None,
        started_at: None,
        finished_at: None,
        error: None,
        gate_passed: None,
    };
    let event = event_in(org.id, "replay.create");
    stage.store.add_replay(&replay, event).await.unwrap();
    replay
}

/// A page of one decision, which would change.
fn page(n: i64) -> ReplayProgress {
    let decision_id = EventId::from_uuid(id());
    ReplayProgress {
        looked_at: 1,
        counts: json!({"allow_to_deny": n}),
        cursor: (at(n), decision_id),
        changes: vec![ReplayChange {
            n,
            decision_id,
            body: json!({"n": n}),
        }],
    }
}

async fn taken_up(stage: &Stage, worker: Uuid, replay: &Replay) {
    let taken = stage.store.take_up_replay(worker, at(2)).await.unwrap();
    let taken = taken.unwrap();
    assert_eq!((taken.id, taken.state.as_str()), (replay.id, "running"));
}

async fn cancel(store: &Store, org: OrgId, replay: Uuid) -> Result<bool> {
    let event = event_in(org, "replay.cancel");
    store.cancel_replay(org, replay, at(3), event).await
}

async fn end(store: &Store, replay: &Replay, worker: Uuid) -> Result<bool> {
    let event = event_in(replay.org_id, "replay.finish");
    store
        .end_replay(replay.id, worker, at(4), DONE, event)
        .await
}

async fn events(stage: &Stage, action: &str) -> i64 {
    stage
        .number(&format!(
            "SELECT count(*) FROM audit_events WHERE action = '{action}'"
        ))
        .await
}

async fn now(stage: &Stage, replay: &Replay) -> Replay {
    let found = stage.store.replay(replay.org_id, replay.id).await;
    found.unwrap().unwrap()
}

async fn a_cancelled_replay_takes_nothing_more_from_whoever_worked_on_it(stage: Stage) {
    let (store, worker) = (&stage.store, id());
    let replay = waiting(&stage).await;
    taken_up(&stage, worker, &replay).await;
    assert!(
        store
            .advance_replay(replay.id, worker, page(1))
            .await
            .unwrap()
    );
    assert!(cancel(store, replay.org_id, replay.id).await.unwrap());
    // The worker does not know of it yet.
    assert!(
        !store
            .advance_replay(replay.id, worker, page(2))
            .await
            .unwrap()
    );
    assert!(!end(store, &replay, worker).await.unwrap());
    let cancelled = now(&stage, &replay).await;
    assert_eq!((cancelled.state.as_str(), cancelled.done), ("cancelled", 1));
    assert_eq!(cancelled.counts, json!({"allow_to_deny": 1}));
    assert_eq!(cancelled.finished_at, Some(at(3)));
    assert_eq!(cancelled.gate_passed, None);
    // What was found before it stays.
    let changes = store.replay_changes(replay.id, 0, 10).await.unwrap();
    assert_eq!(changes.iter().map(|it| it.n).collect::<Vec<_>>(), [1]);
    assert_eq!(events(&stage, "replay.cancel").await, 1);
    assert_eq!(events(&stage, "replay.finish").await, 0);
    // Nobody takes it up again.
    assert!(!store.has_replays_to_do().await.unwrap());
    assert_eq!(store.take_up_replay(id(), at(5)).await.unwrap(), None);
}

async fn what_waits_can_be_cancelled_once_and_by_its_organisation_alone(stage: Stage) {
    let store = &stage.store;
    let replay = waiting(&stage).await;
    let (other, _) = stage.account().await;
    for (org, known) in [(other.id, replay.id), (replay.org_id, id())] {
        let refused = cancel(store, org, known).await;
        assert!(matches!(refused, Err(StoreError::NotFound)), "{refused:?}");
    }
    assert_eq!(now(&stage, &replay).await.state, "queued");
    assert!(cancel(store, replay.org_id, replay.id).await.unwrap());
    assert!(!cancel(store, replay.org_id, replay.id).await.unwrap());
    assert_eq!(now(&stage, &replay).await.state, "cancelled");
    assert_eq!(events(&stage, "replay.cancel").await, 1);
    assert_eq!(store.take_up_replay(id(), at(5)).await.unwrap(), None);
}

async fn a_replay_that_was_taken_over_is_the_second_workers(stage: Stage) {
    let (store, first, second) = (&stage.store, id(), id());
    let replay = waiting(&stage).await;
    taken_up(&stage, first, &replay).await;
    assert!(
        store
            .advance_replay(replay.id, first, page(1))
            .await
            .unwrap()
    );
    taken_up(&stage, second, &replay).await;
    assert!(
        !store
            .advance_replay(replay.id, first, page(2))
            .await
            .unwrap()
    );
    assert!(!end(store, &replay, first).await.unwrap());
    assert!(
        store
            .advance_replay(replay.id, second, page(2))
            .await
            .unwrap()
    );
    assert!(end(store, &replay, second).await.unwrap());
    let done = now(&stage, &replay).await;
    assert_eq!((done.state.as_str(), done.done), ("done", 2));
    assert_eq!(done.gate_passed, Some(true));
    assert_eq!(events(&stage, "replay.finish").await, 1);
    // What has come to its end cannot be cancelled.
    assert!(!cancel(store, replay.org_id, replay.id).await.unwrap());
    assert_eq!(now(&stage, &replay).await, done);
    assert_eq!(events(&stage, "replay.cancel").await, 0);
}

async fn of_an_end_and_a_cancellation_at_once_one_holds(stage: Stage) {
    for round in 1..=10 {
        let replay = waiting(&stage).await;
        let worker = id();
        taken_up(&stage, worker, &replay).await;
        let (store, it) = (stage.store.clone(), replay.clone());
        let ending = tokio::spawn(async move { end(&store, &it, worker).await.unwrap() });
        let (store, org, it) = (stage.store.clone(), replay.org_id, replay.id);
        let cancelling = tokio::spawn(async move { cancel(&store, org, it).await.unwrap() });
        let (ended, cancelled) = (ending.await.unwrap(), cancelling.await.unwrap());
        assert_ne!(ended, cancelled);
        let state = if ended { "done" } else { "cancelled" };
        assert_eq!(now(&stage, &replay).await.state, state);
        let told = events(&stage, "replay.finish").await + events(&stage, "replay.cancel").await;
        assert_eq!(told, round);
    }
}
