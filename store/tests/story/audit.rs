//! The audit trail, read and kept.

use oneclaw_core::ids::{OrgId, VaultId};
use oneclaw_store::{AuditEvent, EventFilter, EventPage, NewEvent, Verification};
use serde_json::json;

use crate::stage::{Stage, at, event, event_in, id, open};

crate::stories!(
    an_event_is_found_again_exactly_as_it_was_recorded,
    each_filter_finds_what_it_asks_for,
    pages_are_newest_first_and_count_everything,
    organisations_have_chains_of_their_own,
    events_at_once_from_two_nodes_keep_every_chain_sound,
    a_part_of_the_chain_can_be_verified_alone,
    text_that_a_caller_chose_never_keeps_an_event_from_being_recorded,
);

fn filter() -> EventFilter {
    EventFilter {
        limit: 100,
        ..EventFilter::default()
    }
}

async fn an_event_is_found_again_exactly_as_it_was_recorded(stage: Stage) {
    let (org, _) = stage.account().await;
    let sent = NewEvent {
        vault_id: Some(VaultId::from_uuid(id())),
        ..event(&org, "secret.read")
    };
    stage.store.record(sent.clone()).await.unwrap();
    let plain = NewEvent {
        ip: Some("2001:db8::1".parse().unwrap()),
        ..event(&org, "x")
    };
    stage.store.record(plain.clone()).await.unwrap();
    let bare = NewEvent {
        ip: None,
        details: json!({}),
        ..event(&org, "y")
    };
    stage.store.record(bare.clone()).await.unwrap();

    let EventPage { events, total, .. } = stage.store.events(org.id, &filter()).await.unwrap();
    assert_eq!(total, 4);
    let mut before: Option<&AuditEvent> = None;
    for (found, sent) in events
        .iter()
        .rev()
        .zip([None, Some(&sent), Some(&plain), Some(&bare)])
    {
        assert_eq!(found.prev_event_id, before.map(|event| event.id));
        assert_eq!(found.seq, before.map_or(1, |event| event.seq + 1));
        assert_eq!(found.integrity_hash.len(), 64);
        if let Some(sent) = sent.cloned() {
            let back = found.clone();
            let back = NewEvent {
                decision: None,
                id: back.id,
                org_id: back.org_id,
                action: back.action,
                actor_type: back.actor_type,
                actor_id: back.actor_id,
                resource_type: back.resource_type,
                resource_id: back.resource_id,
                vault_id: back.vault_id,
                details: back.details,
                ip: back.ip,
                at: back.at,
            };
            assert_eq!(back, sent);
        }
        before = Some(found);
    }
}

async fn each_filter_finds_what_it_asks_for(stage: Stage) {
    let (org, _) = stage.account().await;
    let vault = VaultId::from_uuid(id());
    let one = NewEvent {
        action: "secret.read".to_owned(),
        actor_type: "agent".to_owned(),
        actor_id: "a1".to_owned(),
        resource_type: "secret".to_owned(),
        resource_id: "api-keys/x".to_owned(),
        vault_id: Some(vault),
        at: at(100),
        ..event(&org, "")
    };
    let two = NewEvent {
        resource_type: "vault".to_owned(),
        resource_id: vault.to_string(),
        at: at(200),
        ..event(&org, "vault.create")
    };
    stage.store.record(one.clone()).await.unwrap();
    stage.store.record(two.clone()).await.unwrap();

    let text = |text: &str| Some(text.to_owned());
    let (first, second) = (vec![one.id], vec![two.id]);
    let both = vec![two.id, one.id];
    let vault = vault.to_string();
    for (asked, expected) in [
        (
            EventFilter {
                actor_type: text("agent"),
                ..filter()
            },
            &first,
        ),
        (
            EventFilter {
                actor_id: text("a1"),
                ..filter()
            },
            &first,
        ),
        (
            EventFilter {
                action: text("vault.create"),
                ..filter()
            },
            &second,
        ),
        (
            EventFilter {
                resource_type: text("vault"),
                ..filter()
            },
            &second,
        ),
        (
            EventFilter {
                resource_id: text("api-keys/x"),
                ..filter()
            },
            &first,
        ),
        (
            EventFilter {
                resource_id: text(&vault),
                ..filter()
            },
            &both,
        ),
        (
            EventFilter {
                vault_id: text(&vault),
                ..filter()
            },
            &first,
        ),
        (
            EventFilter {
                from: Some(at(101)),
                ..filter()
            },
            &second,
        ),
        (
            EventFilter {
                from: Some(at(100)),
                to: Some(at(199)),
                ..filter()
            },
            &first,
        ),
        (
            EventFilter {
                from: Some(at(100)),
                to: Some(at(200)),
                ..filter()
            },
            &both,
        ),
        (
            EventFilter {
                action: text("vault.create"),
                actor_type: text("agent"),
                ..filter()
            },
            &vec![],
        ),
        (
            EventFilter {
                action: text("%"),
                ..filter()
            },
            &vec![],
        ),
        (
            EventFilter {
                actor_id: text("\0"),
                ..filter()
            },
            &vec![],
        ),
    ] {
        let EventPage { events, total, .. } = stage.store.events(org.id, &asked).await.unwrap();
        let ids: Vec<_> = events.iter().map(|event| event.id).collect();
        assert_eq!(&ids, expected, "{asked:?}");
        assert_eq!(total, i64::try_from(expected.len()).unwrap());
    }
}

async fn pages_are_newest_first_and_count_everything(stage: Stage) {
    let (org, _) = stage.account().await;
    for n in 0..9 {
        stage
            .store
            .record(event(&org, &format!("n{n}")))
            .await
            .unwrap();
    }
    let page = async |limit, offset| {
        let asked = EventFilter {
            limit,
            offset,
            ..EventFilter::default()
        };
        let EventPage { events, total, .. } = stage.store.events(org.id, &asked).await.unwrap();
        assert_eq!(total, 10);
        events
            .into_iter()
            .map(|event| event.action)
            .collect::<Vec<_>>()
    };
    assert_eq!(page(2, 0).await, ["n8", "n7"]);
    assert_eq!(page(2, 8).await, ["n0", "org.create"]);
    assert!(page(2, 10).await.is_empty());
    assert_eq!(page(0, -3).await, ["n8"]);
    assert_eq!(page(i64::MAX, 0).await.len(), 10);
}

async fn organisations_have_chains_of_their_own(stage: Stage) {
    let (ours, _) = stage.account().await;
    let (theirs, _) = stage.account().await;
    stage
        .store
        .record(event(&ours, "auth.success"))
        .await
        .unwrap();
    assert_eq!(stage.sound_chain(ours.id).await, 2);
    assert_eq!(stage.sound_chain(theirs.id).await, 1);
    assert_eq!(stage.actions(theirs.id).await, ["org.create"]);
    let nobody = OrgId::from_uuid(id());
    assert_eq!(
        stage.store.verify(nobody, None, None, 100).await.unwrap(),
        Verification {
            events_checked: 0,
            events_verified: 0,
            chain_valid: true,
            broken_at: None,
            begins_after: None,
        }
    );
}

async fn events_at_once_from_two_nodes_keep_every_chain_sound(stage: Stage) {
    let mut orgs = Vec::new();
    for _ in 0..3 {
        orgs.push(stage.account().await.0);
    }
    let stores = [stage.store.clone(), open(&stage.url).await];
    let mut writers = tokio::task::JoinSet::new();
    for n in 0..300 {
        let (store, org) = (stores[n % 2].clone(), orgs[n % 3].id);
        writers.spawn(async move {
            // Some alone, some with a change, some committed together.
            if n % 10 == 0 {
                let event = event_in(org, "auth.logout");
                store
                    .revoke_jti(&format!("{n}"), at(9), event)
                    .await
                    .unwrap();
            } else {
                store.record(event_in(org, "secret.read")).await.unwrap();
            }
        });
    }
    writers.join_all().await;
    for org in orgs {
        assert_eq!(stage.sound_chain(org.id).await, 101);
        let there = stores[1].verify(org.id, None, None, 1000).await.unwrap();
        assert!(there.chain_valid);
        assert_eq!(there.events_verified, 101);
    }
}

async fn a_part_of_the_chain_can_be_verified_alone(stage: Stage) {
    let (org, _) = stage.account().await;
    for n in 1..=20 {
        let event = NewEvent {
            at: at(n * 10),
            ..event(&org, "x")
        };
        stage.store.record(event).await.unwrap();
    }
    let verify = async |from: Option<i64>, to: Option<i64>, limit| {
        let outcome = stage
            .store
            .verify(org.id, from.map(at), to.map(at), limit)
            .await
            .unwrap();
        (outcome.chain_valid, outcome.events_checked)
    };
    assert_eq!(verify(Some(50), Some(100), 1000).await, (true, 6));
    assert_eq!(verify(None, Some(50), 1000).await, (true, 6));
    assert_eq!(verify(Some(201), None, 1000).await, (true, 0));
    assert_eq!(verify(None, Some(-1), 1000).await, (true, 0));
    assert_eq!(verify(None, None, 5).await, (true, 5));

    // The fifth event says another thing: parts that it is not in are sound.
    let sql = format!(
        "UPDATE audit_events SET action = 'y' WHERE org_id = '{}' AND seq = 5",
        org.id
    );
    assert_eq!(stage.tamper(&sql).await, 1);
    assert_eq!(verify(None, None, 10).await, (true, 10));
    assert_eq!(verify(None, Some(30), 100).await, (true, 4));
    assert_eq!(verify(Some(30), Some(60), 100).await, (false, 2));
    assert_eq!(verify(None, None, 1000).await, (false, 5));
}

async fn text_that_a_caller_chose_never_keeps_an_event_from_being_recorded(stage: Stage) {
    let (org, _) = stage.account().await;
    let event = NewEvent {
        actor_id: "a\0b".to_owned(),
        resource_id: "ä".repeat(100_000),
        details: json!({"input": "\0\u{7}\u{10ffff}", "long": "x".repeat(100_000)}),
        ..event(&org, "auth.failure")
    };
    stage.store.record(event.clone()).await.unwrap();
    let EventPage { events, .. } = stage.store.events(org.id, &filter()).await.unwrap();
    assert_eq!(events[0].actor_id, "a\u{fffd}b");
    assert_eq!(events[0].resource_id, "ä".repeat(512));
    assert_eq!(events[0].details, event.details);
    assert_eq!(stage.sound_chain(org.id).await, 2);
}
