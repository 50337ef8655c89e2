//! Records of decisions: stored with their events, found again, and gone when they are old.

use std::sync::Arc;

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{AgentId, OrgId, VaultId};
use oneclaw_core::principal::Principal;
use oneclaw_store::{Component, DecisionBasis, DecisionFilter, NewDecision, NewEvent};

use crate::stage::{Stage, event_in, id, open};

crate::stories!(
    a_record_is_found_again_by_all_that_was_asked,
    a_record_and_its_event_are_stored_together_or_not_at_all,
    what_many_records_share_is_stored_once,
    old_records_go_and_take_along_what_nothing_else_refers_to,
    pages_follow_each_other_without_gap_or_overlap,
    a_component_is_kept_once,
);

const HOUR: i64 = 60 * 60 * 1000;
const DAY: i64 = 24 * HOUR;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000 + ms)
}

fn settings() -> (Arc<str>, Arc<str>) {
    (Arc::from("5e77"), Arc::from("{\"policies\":[]}".repeat(50)))
}

fn record(principal: Principal, vault: VaultId, path: &str, verdict: &'static str) -> NewDecision {
    let basis = DecisionBasis::new(
        format!(r#"{{"plugins":[{{"digest":"{}"}}]}}"#, "ab".repeat(32)),
        vec![settings()],
    );
    let code = if verdict == "allow" {
        "policy/allowed"
    } else {
        "policy/no-match"
    };
    let told = ("access-policy", verdict);
    NewDecision::new(told, code, principal, basis, r#"{"q":{}}"#).at(vault, Some(path.to_owned()))
}

fn told(org: OrgId, ms: i64, decision: NewDecision) -> NewEvent {
    NewEvent {
        at: at(ms),
        decision: Some(Arc::new(decision)),
        ..event_in(org, "secret.read")
    }
}

fn agent() -> Principal {
    Principal::Agent(AgentId::from_uuid(id()))
}

async fn a_record_is_found_again_by_all_that_was_asked(stage: Stage) {
    let (org, _) = stage.account().await;
    let (other, _) = stage.account().await;
    let (one, two) = (agent(), agent());
    let vault = VaultId::from_uuid(id());
    let first = told(org.id, 1000, record(one, vault, "team/a/key", "allow"));
    let second = told(org.id, 2000, record(two, vault, "team/b", "deny"));
    let foreign = told(other.id, 1500, record(one, vault, "team/a/key", "allow"));
    for event in [&first, &second, &foreign] {
        stage.store.record(event.clone()).await.unwrap();
    }
    let found = stage
        .store
        .decision(org.id, first.id)
        .await
        .unwrap()
        .unwrap();
    let sent = first.decision.as_ref().unwrap();
    assert_eq!((found.at, found.principal), (at(1000), one));
    assert_eq!(found.basis, sent.basis.body());
    assert_eq!(found.body, r#"{"q":{}}"#);
    assert_eq!(found.digest, sent.digest());
    assert_eq!(
        stage.store.decision(org.id, foreign.id).await.unwrap(),
        None
    );
    let kept = stage.store.decision_settings(org.id, "5e77").await.unwrap();
    assert_eq!(kept.as_deref(), Some(&*settings().1));
    let hidden = stage
        .store
        .decision_settings(OrgId::from_uuid(id()), "5e77");
    assert_eq!(hidden.await.unwrap(), None);

    let all = DecisionFilter::default();
    let text = |text: &str| Some(text.to_owned());
    for (filter, expected) in [
        (all.clone(), vec![second.id, first.id]),
        (
            DecisionFilter {
                principal: Some(one),
                ..all.clone()
            },
            vec![first.id],
        ),
        (
            DecisionFilter {
                vault_id: Some(vault),
                ..all.clone()
            },
            vec![second.id, first.id],
        ),
        (
            DecisionFilter {
                vault_id: Some(VaultId::from_uuid(id())),
                ..all.clone()
            },
            vec![],
        ),
        (
            DecisionFilter {
                path_prefix: text("team/a"),
                ..all.clone()
            },
            vec![first.id],
        ),
        (
            DecisionFilter {
                path_prefix: text("team/%"),
                ..all.clone()
            },
            vec![],
        ),
        (
            DecisionFilter {
                path_prefix: text("\0"),
                ..all.clone()
            },
            vec![],
        ),
        (
            DecisionFilter {
                verdict: text("deny"),
                ..all.clone()
            },
            vec![second.id],
        ),
        (
            DecisionFilter {
                code: text("policy/allowed"),
                ..all.clone()
            },
            vec![first.id],
        ),
        (
            DecisionFilter {
                world: text("transaction-guardrail"),
                ..all.clone()
            },
            vec![],
        ),
        (
            DecisionFilter {
                plugin_digest: Some("ab".repeat(32)),
                ..all.clone()
            },
            vec![second.id, first.id],
        ),
        (
            DecisionFilter {
                plugin_digest: Some("cd".repeat(32)),
                ..all.clone()
            },
            vec![],
        ),
        (
            DecisionFilter {
                since: Some(at(2000)),
                ..all.clone()
            },
            vec![second.id],
        ),
        (
            DecisionFilter {
                until: Some(at(2000)),
                ..all.clone()
            },
            vec![first.id],
        ),
    ] {
        let found = stage
            .store
            .decisions(org.id, &filter, None, 10)
            .await
            .unwrap();
        let ids: Vec<_> = found.iter().map(|decision| decision.id).collect();
        assert_eq!(ids, expected, "{filter:?}");
        let count = stage.store.count_decisions(org.id, &filter).await.unwrap();
        assert_eq!(count, expected.len() as u64, "{filter:?}");
    }
}

async fn a_record_and_its_event_are_stored_together_or_not_at_all(stage: Stage) {
    let (org, _) = stage.account().await;
    let vault = VaultId::from_uuid(id());
    let event = told(org.id, 1, record(agent(), vault, "a", "deny"));
    stage.store.record(event.clone()).await.unwrap();
    // An event of the same id is refused, and so is its record.
    let again = NewEvent {
        decision: Some(Arc::new(record(agent(), vault, "b", "allow"))),
        ..event.clone()
    };
    assert!(stage.store.record(again).await.is_err());
    let kept = stage
        .store
        .decision(org.id, event.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(kept.path.as_deref(), Some("a"));
    // Where the chain was altered nothing is recorded, neither event nor decision.
    stage
        .tamper(&format!(
            "UPDATE audit_heads SET hash = 'x' WHERE org_id = '{}'",
            org.id
        ))
        .await;
    let refused = told(org.id, 2, record(agent(), vault, "c", "deny"));
    assert!(stage.store.record(refused.clone()).await.is_err());
    assert_eq!(
        stage.store.decision(org.id, refused.id).await.unwrap(),
        None
    );
}

async fn what_many_records_share_is_stored_once(stage: Stage) {
    let (org, _) = stage.account().await;
    let vault = VaultId::from_uuid(id());
    let store = &stage.store;
    let writes = (0..100).map(|n| {
        let event = told(org.id, n, record(agent(), vault, "a", "allow"));
        let store = store.clone();
        tokio::spawn(async move { store.record(event).await.unwrap() })
    });
    for write in writes.collect::<Vec<_>>() {
        write.await.unwrap();
    }
    // A second node does not know what the first has stored.
    let second = open(&stage.url).await;
    second
        .record(told(org.id, 200, record(agent(), vault, "a", "allow")))
        .await
        .unwrap();
    assert_eq!(stage.number("SELECT count(*) FROM decisions").await, 101);
    assert_eq!(stage.number("SELECT count(*) FROM decision_bases").await, 1);
    assert_eq!(stage.number("SELECT count(*) FROM settings_blobs").await, 1);
}

async fn old_records_go_and_take_along_what_nothing_else_refers_to(stage: Stage) {
    let (org, _) = stage.account().await;
    let (one, vault) = (agent(), VaultId::from_uuid(id()));
    let old = told(org.id, 0, record(one, vault, "old", "deny"));
    stage.store.record(old.clone()).await.unwrap();
    for hour in 1..=2 {
        // The basis counts as in use again after an hour.
        let event = told(org.id, hour * HOUR, record(one, vault, "later", "deny"));
        stage.store.record(event).await.unwrap();
    }
    assert_eq!(stage.store.purge_decisions(at(HOUR)).await.unwrap(), 1);
    assert_eq!(stage.store.decision(org.id, old.id).await.unwrap(), None);
    assert_eq!(stage.number("SELECT count(*) FROM decision_bases").await, 1);
    assert_eq!(
        stage.store.purge_decisions(at(DAY + HOUR)).await.unwrap(),
        2
    );
    assert_eq!(stage.number("SELECT count(*) FROM settings_blobs").await, 1);
    stage.store.purge_decisions(at(2 * DAY)).await.unwrap();
    assert_eq!(stage.number("SELECT count(*) FROM decision_bases").await, 0);
    assert_eq!(stage.number("SELECT count(*) FROM settings_blobs").await, 0);
    // What was purged is stored again when it is used again.
    let event = told(org.id, 3 * DAY, record(one, vault, "new", "deny"));
    stage.store.record(event.clone()).await.unwrap();
    assert!(
        stage
            .store
            .decision(org.id, event.id)
            .await
            .unwrap()
            .is_some()
    );
}

async fn pages_follow_each_other_without_gap_or_overlap(stage: Stage) {
    let (org, _) = stage.account().await;
    let (one, vault) = (agent(), VaultId::from_uuid(id()));
    let mut ids = Vec::new();
    for n in 0..25 {
        // Several at the same instant.
        let event = told(org.id, n / 4, record(one, vault, "a", "allow"));
        ids.push((event.at, event.id));
        stage.store.record(event).await.unwrap();
    }
    ids.sort();
    let filter = DecisionFilter::default();
    let (mut upwards, mut downwards) = (Vec::new(), Vec::new());
    loop {
        let after = upwards.last().copied();
        let page = stage
            .store
            .decisions_oldest_first(org.id, &filter, after, 7);
        let page = page.await.unwrap();
        if page.is_empty() {
            break;
        }
        upwards.extend(page.iter().map(|decision| (decision.at, decision.id)));
    }
    loop {
        let after = downwards.last().copied();
        let page = stage
            .store
            .decisions(org.id, &filter, after, 7)
            .await
            .unwrap();
        if page.is_empty() {
            break;
        }
        downwards.extend(page.iter().map(|decision| (decision.at, decision.id)));
    }
    assert_eq!(upwards, ids);
    ids.reverse();
    assert_eq!(downwards, ids);
}

async fn a_component_is_kept_once(stage: Stage) {
    let component = Component {
        digest: "d1".to_owned(),
        name: "office-hours".to_owned(),
        version: "1.0.0".to_owned(),
        bytes: vec![0, 1, 2],
    };
    for _ in 0..2 {
        stage.store.keep_component(&component, at(0)).await.unwrap();
    }
    assert_eq!(stage.store.component("d1").await.unwrap(), Some(component));
    assert_eq!(stage.store.component("d2").await.unwrap(), None);
}
