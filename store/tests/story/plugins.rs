//! What organisations upload, and what is attached.

use std::sync::Arc;

use oneclaw_core::ids::{AttachmentId, OrgId, PluginId, PluginVersionId, PublisherId};
use oneclaw_core::principal::Principal;
use oneclaw_store::{
    AttachmentMode, AttachmentRecord, AttachmentRevision, NewEvent, NewVersion, PluginRules,
    PluginVersion, Publisher, StoreError, Uploaded,
};
use serde_json::json;

use crate::stage::{Stage, at, event_in, id};

crate::stories!(
    a_version_is_stored_once_and_never_changes,
    a_retired_plugin_takes_nothing_more,
    what_is_attached_has_one_revision_that_every_change_raises,
    of_two_changes_from_one_revision_one_wins,
    a_publisher_is_of_one_organisation_and_ends_for_good,
);

fn version(org: OrgId, by: Principal, name: &str, number: &str, digest: &str) -> PluginVersion {
    PluginVersion {
        id: PluginVersionId::from_uuid(id()),
        plugin_id: PluginId::from_uuid(id()),
        org_id: org,
        plugin: name.to_owned(),
        version: number.to_owned(),
        digest: digest.to_owned(),
        size: 5,
        summary: "Does nothing.".to_owned(),
        settings_schema: "{}".to_owned(),
        worlds: vec!["access-policy".to_owned()],
        cases: 3,
        publisher_id: None,
        signature: Some(vec![1; 64]),
        created_by: by,
        created_at: at(10),
        yanked_at: None,
    }
}

async fn upload(stage: &Stage, version: &PluginVersion) -> Result<Uploaded, StoreError> {
    let org = version.org_id;
    let new = NewVersion {
        version: version.clone(),
        bytes: b"bytes",
    };
    stage.store.upload_plugin(new, plugin_event(org)).await
}

fn plugin_event(org: OrgId) -> NewEvent {
    event_in(org, "plugin.test")
}

async fn uploaded(stage: &Stage, version: &PluginVersion) -> PluginVersion {
    match upload(stage, version).await.unwrap() {
        Uploaded::New(version) => *version,
        other => panic!("{other:?}"),
    }
}

async fn a_version_is_stored_once_and_never_changes(stage: Stage) {
    let (org, user) = stage.account().await;
    let me = Principal::User(user.id);
    let first = uploaded(&stage, &version(org.id, me, "hours", "1.0.0", "aa")).await;
    let second = uploaded(&stage, &version(org.id, me, "hours", "1.1.0", "bb")).await;
    assert_eq!(
        first.plugin_id, second.plugin_id,
        "one plugin, two versions"
    );
    // The very bytes again are what is there, whatever they are said to be.
    let again = version(org.id, me, "hours", "9.9.9", "aa");
    assert_eq!(
        upload(&stage, &again).await.unwrap(),
        Uploaded::Known(Box::new(first.clone()))
    );
    let other = version(org.id, me, "hours", "1.0.0", "cc");
    assert_eq!(
        upload(&stage, &other).await.unwrap_err(),
        StoreError::Conflict("version")
    );
    let store = &stage.store;
    assert_eq!(
        store
            .plugin_version(org.id, "hours", "1.0.0")
            .await
            .unwrap(),
        Some(first.clone())
    );
    assert_eq!(
        store.plugin_by_digest(org.id, "bb").await.unwrap(),
        Some(second)
    );
    assert_eq!(
        store.plugin_component(org.id, "aa").await.unwrap().unwrap(),
        b"bytes"
    );
    assert_eq!(store.plugin_component(org.id, "cc").await.unwrap(), None);
    // Another organisation has its own.
    let (theirs, somebody) = stage.account().await;
    assert_eq!(store.plugin(theirs.id, "hours").await.unwrap(), None);
    assert_eq!(store.plugin_component(theirs.id, "aa").await.unwrap(), None);
    let own = version(
        theirs.id,
        Principal::User(somebody.id),
        "hours",
        "1.0.0",
        "aa",
    );
    assert_ne!(uploaded(&stage, &own).await.plugin_id, first.plugin_id);
    store
        .yank_plugin_version(org.id, first.id, at(20), plugin_event(org.id))
        .await
        .unwrap();
    let yanked = store.plugin_version_by_id(org.id, first.id).await.unwrap();
    assert_eq!(yanked.unwrap().yanked_at, Some(at(20)));
    assert_eq!(
        store
            .yank_plugin_version(org.id, first.id, at(21), plugin_event(org.id))
            .await,
        Err(StoreError::NotFound)
    );
    let recent = store.plugins_uploaded_after(at(9), 10).await.unwrap();
    assert_eq!(recent.len(), 2, "without the yanked one: {recent:?}");
    assert_eq!(store.plugins_uploaded_after(at(10), 10).await.unwrap(), []);
}

fn attachment(version: &PluginVersion) -> (AttachmentRecord, AttachmentRevision) {
    let attachment_id = AttachmentId::from_uuid(id());
    let record = AttachmentRecord {
        id: attachment_id,
        org_id: version.org_id,
        plugin_id: version.plugin_id,
        name: "hours".to_owned(),
        revision: 1,
        is_attached: true,
        created_at: at(30),
    };
    let state = AttachmentRevision {
        attachment_id,
        revision: 1,
        cause: "attach".to_owned(),
        is_attached: true,
        version_id: version.id,
        settings: r#"{"a":1}"#.to_owned(),
        scope: json!({"paths": ["a/**"]}),
        position: -3,
        mode: AttachmentMode::Enforce,
        canary_percent: 10,
        asks: json!({"facts": ["x"]}),
        fallback: None,
        changed_by: version.created_by,
        changed_at: at(30),
    };
    (record, state)
}

async fn what_is_attached_has_one_revision_that_every_change_raises(stage: Stage) {
    let (org, user) = stage.account().await;
    let me = Principal::User(user.id);
    let store = &stage.store;
    assert_eq!(store.plugins_revision(org.id).await.unwrap(), 0);
    assert_eq!(store.plugin_set(org.id).await.unwrap().attached, []);
    let first = uploaded(&stage, &version(org.id, me, "hours", "1.0.0", "aa")).await;
    let second = uploaded(&stage, &version(org.id, me, "hours", "1.1.0", "bb")).await;
    assert_eq!(store.plugins_revision(org.id).await.unwrap(), 0);
    let (mut record, state) = attachment(&first);
    store
        .attach_plugin(&record, &state, plugin_event(org.id))
        .await
        .unwrap();
    assert_eq!(store.plugins_revision(org.id).await.unwrap(), 1);
    assert_eq!(
        store.attachment(org.id, record.id).await.unwrap(),
        Some((record.clone(), state.clone()))
    );
    let next = AttachmentRevision {
        revision: 2,
        version_id: second.id,
        mode: AttachmentMode::Canary,
        fallback: Some((first.id, state.settings.clone())),
        ..state.clone()
    };
    store
        .change_attachment(&record, &next, plugin_event(org.id))
        .await
        .unwrap();
    record.revision = 2;
    let set = store.plugin_set(org.id).await.unwrap();
    assert_eq!(set.revision, 2);
    let [attached] = &set.attached[..] else {
        panic!("{set:?}")
    };
    assert_eq!(attached.current.digest, "bb");
    assert_eq!(attached.fallback.as_ref().unwrap().version, "1.0.0");
    assert_eq!(attached.scope, json!({"paths": ["a/**"]}));
    let detached = AttachmentRevision {
        revision: 3,
        is_attached: false,
        ..next.clone()
    };
    store
        .change_attachment(&record, &detached, plugin_event(org.id))
        .await
        .unwrap();
    let set = store.plugin_set(org.id).await.unwrap();
    assert_eq!((set.revision, set.attached.len()), (3, 0));
    let states = store
        .attachment_revisions(record.id, i64::MAX, 10)
        .await
        .unwrap();
    assert_eq!(states, [detached, next, state]);
    assert_eq!(store.attachments(org.id).await.unwrap().len(), 1);
}

async fn of_two_changes_from_one_revision_one_wins(stage: Stage) {
    let (org, user) = stage.account().await;
    let version = version(org.id, Principal::User(user.id), "hours", "1.0.0", "aa");
    let version = uploaded(&stage, &version).await;
    let (record, state) = attachment(&version);
    stage
        .store
        .attach_plugin(&record, &state, plugin_event(org.id))
        .await
        .unwrap();
    let (stage, mut tasks) = (Arc::new(stage), tokio::task::JoinSet::new());
    for _ in 0..8 {
        let (stage, record) = (Arc::clone(&stage), record.clone());
        let state = AttachmentRevision {
            revision: 2,
            ..state.clone()
        };
        tasks.spawn(async move {
            let event = plugin_event(record.org_id);
            stage.store.change_attachment(&record, &state, event).await
        });
    }
    let outcomes = tasks.join_all().await;
    assert_eq!(outcomes.iter().filter(|o| o.is_ok()).count(), 1);
    let late = outcomes
        .iter()
        .filter(|o| **o == Err(StoreError::Conflict("revision")))
        .count();
    assert_eq!(late, 7, "{outcomes:?}");
    assert_eq!(stage.store.plugins_revision(org.id).await.unwrap(), 2);
}

async fn a_retired_plugin_takes_nothing_more(stage: Stage) {
    let (org, user) = stage.account().await;
    let me = Principal::User(user.id);
    let first = uploaded(&stage, &version(org.id, me, "hours", "1.0.0", "aa")).await;
    let (record, state) = attachment(&first);
    let store = &stage.store;
    store
        .attach_plugin(&record, &state, plugin_event(org.id))
        .await
        .unwrap();
    let retire = async || {
        store
            .retire_plugin(org.id, first.plugin_id, at(40), plugin_event(org.id))
            .await
    };
    assert_eq!(retire().await, Err(StoreError::Conflict("attached")));
    let detached = AttachmentRevision {
        revision: 2,
        is_attached: false,
        ..state.clone()
    };
    store
        .change_attachment(&record, &detached, plugin_event(org.id))
        .await
        .unwrap();
    retire().await.unwrap();
    assert_eq!(retire().await, Err(StoreError::NotFound));
    let second = version(org.id, me, "hours", "1.1.0", "bb");
    assert_eq!(
        upload(&stage, &second).await.unwrap_err(),
        StoreError::Conflict("retired")
    );
    let (record, state) = attachment(&first);
    assert_eq!(
        store
            .attach_plugin(&record, &state, plugin_event(org.id))
            .await,
        Err(StoreError::Conflict("retired"))
    );
}

async fn a_publisher_is_of_one_organisation_and_ends_for_good(stage: Stage) {
    let (org, user) = stage.account().await;
    let (theirs, _) = stage.account().await;
    let store = &stage.store;
    let publisher = Publisher {
        id: PublisherId::from_uuid(id()),
        org_id: org.id,
        name: "security".to_owned(),
        public_key: vec![9; 32],
        created_by: Principal::User(user.id),
        created_at: at(1),
        revoked_at: None,
    };
    store
        .create_publisher(&publisher, plugin_event(org.id))
        .await
        .unwrap();
    let twice = Publisher {
        id: PublisherId::from_uuid(id()),
        ..publisher.clone()
    };
    assert_eq!(
        store.create_publisher(&twice, plugin_event(org.id)).await,
        Err(StoreError::Conflict("publisher"))
    );
    assert_eq!(
        store.publishers(org.id).await.unwrap(),
        vec![publisher.clone()]
    );
    assert_eq!(store.publishers(theirs.id).await.unwrap(), []);
    let revoke = async |org| {
        store
            .revoke_publisher(org, publisher.id, at(2), plugin_event(org))
            .await
    };
    assert_eq!(revoke(theirs.id).await, Err(StoreError::NotFound));
    revoke(org.id).await.unwrap();
    assert_eq!(revoke(org.id).await, Err(StoreError::NotFound));
    assert_eq!(
        store.plugin_rules(org.id).await.unwrap(),
        PluginRules::default()
    );
    let rules = PluginRules {
        signatures_required: true,
        replay_required: true,
    };
    store
        .set_plugin_rules(org.id, rules, plugin_event(org.id))
        .await
        .unwrap();
    assert_eq!(store.plugin_rules(org.id).await.unwrap(), rules);
    assert_eq!(
        store.plugin_rules(theirs.id).await.unwrap(),
        PluginRules::default()
    );
}
