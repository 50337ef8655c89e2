//! Webhooks: a place in the audit trail, and deliveries that come from it.

use oneclaw_core::clock::Timestamp;
use oneclaw_store::{AttemptOutcome, AuditEvent, Delivery, DeliveryState, StoreError, Webhook};

use crate::stage::{Stage, at, event, id};

crate::stories!(
    a_webhook_that_does_not_answer_leaves_room_for_the_others,
    a_change_is_stored_unless_somebody_else_was_quicker,
    of_many_servers_that_look_at_the_trail_at_once_one_makes_the_deliveries,
    a_delivery_is_due_until_it_ends_and_failures_switch_the_webhook_off,
);

async fn webhook(stage: &Stage, org: &oneclaw_store::Org, by: &oneclaw_store::User) -> Webhook {
    let webhook = Webhook {
        id: id(),
        org_id: org.id,
        url: "https://example.com/".to_owned(),
        events: vec!["*".to_owned()],
        description: String::new(),
        sealed_secret: vec![1],
        old_secret: None,
        is_active: true,
        failures: 0,
        disabled_reason: None,
        cursor: 0,
        created_by: by.id,
        created_at: at(1),
        updated_at: at(1),
    };
    let made = event(org, "webhook.create");
    stage.store.create_webhook(&webhook, made).await.unwrap();
    stage
        .store
        .webhook(org.id, webhook.id)
        .await
        .unwrap()
        .unwrap()
}

fn delivery(webhook: &Webhook, event: &AuditEvent) -> Delivery {
    Delivery {
        id: id(),
        webhook_id: webhook.id,
        event_id: event.id,
        event_type: "agent.created".to_owned(),
        body: "{}".to_owned(),
        state: DeliveryState::Pending,
        attempts: 0,
        due_at: Some(at(5)),
        last_status: None,
        last_error: None,
        created_at: at(5),
        finished_at: None,
    }
}

async fn of_many_servers_that_look_at_the_trail_at_once_one_makes_the_deliveries(stage: Stage) {
    let (org, user) = stage.account().await;
    let store = &stage.store;
    let hook = webhook(&stage, &org, &user).await;
    // What was there before is none of its business, its own making included in the next look.
    assert_eq!(hook.cursor, 1);
    stage.agent(&org).await;
    let behind = store.webhooks_behind(10).await.unwrap();
    assert_eq!(behind, std::slice::from_ref(&hook));
    assert!(store.has_webhook_work(at(1)).await.unwrap());
    let found = store.events_after(org.id, hook.cursor, 10).await.unwrap();
    let actions: Vec<&str> = found.iter().map(|event| event.action.as_str()).collect();
    assert_eq!(actions, ["webhook.create", "agent.register"]);
    let last = found.last().unwrap().seq;
    let mut attempts = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (store, hook, delivery) = (store.clone(), hook.clone(), delivery(&hook, &found[1]));
        attempts.spawn(async move { store.advance_webhook(&hook, last, &[delivery]).await });
    }
    let outcomes = attempts.join_all().await;
    assert_eq!(outcomes.iter().filter(|o| o.is_ok()).count(), 1);
    assert_eq!(store.deliveries(hook.id, 10).await.unwrap().len(), 1);
    assert!(store.webhooks_behind(10).await.unwrap().is_empty());
    assert!(!store.has_webhook_work(at(4)).await.unwrap());
    assert!(store.has_webhook_work(at(5)).await.unwrap());
    // With so many waiting, the rest waits in the trail.
    stage.agent(&org).await;
    assert!(store.webhooks_behind(1).await.unwrap().is_empty());
    assert_eq!(store.webhooks_behind(2).await.unwrap().len(), 1);
}

async fn a_delivery_is_due_until_it_ends_and_failures_switch_the_webhook_off(stage: Stage) {
    let (org, user) = stage.account().await;
    let store = &stage.store;
    let hook = webhook(&stage, &org, &user).await;
    stage.agent(&org).await;
    let found = store.events_after(org.id, hook.cursor, 10).await.unwrap();
    let both: Vec<Delivery> = found.iter().map(|event| delivery(&hook, event)).collect();
    store.advance_webhook(&hook, 3, &both).await.unwrap();
    let end = async |delivery: &Delivery, state, due_at: Option<Timestamp>| {
        let outcome = AttemptOutcome {
            state,
            due_at,
            status: Some(500),
            error: Some("it answers with HTTP status 500".to_owned()),
            at: at(6),
        };
        let off = Some(event(&org, "webhook.disable"));
        store.finish_attempt(delivery, &outcome, 2, off).await
    };
    end(&both[0], DeliveryState::Pending, Some(at(50)))
        .await
        .unwrap();
    assert_eq!(store.due_deliveries(at(49), 10, 10).await.unwrap().len(), 1);
    let due = store.due_deliveries(at(50), 10, 10).await.unwrap();
    assert_eq!(due.len(), 2);
    assert_eq!(due[1].attempts, 1);
    assert_eq!(due[1].last_status, Some(500));
    // A server that does not know of that attempt writes nothing.
    let late = end(&both[0], DeliveryState::GivenUp, None).await;
    assert_eq!(late, Err(StoreError::NotFound));
    end(&due[1], DeliveryState::GivenUp, None).await.unwrap();
    let ended = end(&due[1], DeliveryState::GivenUp, None).await;
    assert_eq!(ended, Err(StoreError::NotFound));
    assert!(
        store
            .webhook(org.id, hook.id)
            .await
            .unwrap()
            .unwrap()
            .is_active
    );
    end(&both[1], DeliveryState::GivenUp, None).await.unwrap();
    let off = store.webhook(org.id, hook.id).await.unwrap().unwrap();
    assert!(!off.is_active && off.disabled_reason.is_some());
    assert!(
        store
            .due_deliveries(at(1_000), 10, 10)
            .await
            .unwrap()
            .is_empty()
    );
    let again = event(&org, "webhook.redeliver");
    store
        .redeliver(hook.id, both[0].id, again.clone())
        .await
        .unwrap();
    let twice = store.redeliver(hook.id, both[0].id, again).await;
    assert_eq!(twice, Err(StoreError::NotFound));
    let gone = event(&org, "webhook.delete");
    store.delete_webhook(org.id, hook.id, gone).await.unwrap();
    assert_eq!(
        stage
            .number("SELECT count(*) FROM webhook_deliveries")
            .await,
        0
    );
}

async fn a_webhook_that_does_not_answer_leaves_room_for_the_others(stage: Stage) {
    let (org, user) = stage.account().await;
    let store = &stage.store;
    let full = webhook(&stage, &org, &user).await;
    let other = webhook(&stage, &org, &user).await;
    for _ in 0..5 {
        stage.agent(&org).await;
    }
    let found = store.events_after(org.id, 0, 100).await.unwrap();
    let last = found.last().unwrap().seq;
    let many: Vec<Delivery> = found.iter().map(|event| delivery(&full, event)).collect();
    store.advance_webhook(&full, last, &many).await.unwrap();
    let one = delivery(&other, &found[0]);
    let one = Delivery {
        due_at: Some(at(6)),
        ..one
    };
    store
        .advance_webhook(&other, last, std::slice::from_ref(&one))
        .await
        .unwrap();
    let due = store.due_deliveries(at(10), 3, 10).await.unwrap();
    assert_eq!(due.len(), 4);
    let first_two = store.due_deliveries(at(10), 3, 2).await.unwrap();
    assert!(first_two.iter().any(|due| due.id == one.id));
}

async fn a_change_is_stored_unless_somebody_else_was_quicker(stage: Stage) {
    let (org, user) = stage.account().await;
    let store = &stage.store;
    let hook = webhook(&stage, &org, &user).await;
    stage.agent(&org).await;
    let changed = Webhook {
        url: "https://example.org/".to_owned(),
        events: vec!["agent.*".to_owned()],
        description: "changed".to_owned(),
        sealed_secret: vec![2],
        old_secret: Some((vec![1], at(99))),
        is_active: false,
        updated_at: at(2),
        ..hook.clone()
    };
    let update = async |webhook: &Webhook, before| {
        let event = event(&org, "webhook.update");
        store.update_webhook(webhook, before, event).await
    };
    update(&changed, at(1)).await.unwrap();
    let stored = store.webhook(org.id, hook.id).await.unwrap();
    assert_eq!(stored, Some(changed.clone()));
    let late = update(&changed, at(1)).await;
    assert_eq!(late, Err(StoreError::NotFound));
    let (stranger, _) = stage.account().await;
    let theirs = Webhook {
        org_id: stranger.id,
        ..changed.clone()
    };
    let foreign = update(&theirs, at(2)).await;
    assert_eq!(foreign, Err(StoreError::NotFound));
    // Switched on again it begins at the end of the trail.
    let on = Webhook {
        is_active: true,
        updated_at: at(3),
        ..changed
    };
    update(&on, at(2)).await.unwrap();
    let stored = store.webhook(org.id, hook.id).await.unwrap().unwrap();
    assert!(stored.cursor > hook.cursor);
}
