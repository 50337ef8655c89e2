//! Several servers on one database: what is attached through one decides on all; what one cannot load leaves the last good
//! version in force there, and it says so.

use oneclaw_server::config::Config;
use oneclaw_tests::app::TestApp;
use serde_json::json;

use crate::setup::{Reader, attach, change, enforced, entries, hostile, roll_back, uploaded};

/// Two servers behind one name: each takes the tokens of the other.
async fn two() -> (TestApp, TestApp) {
    let url = oneclaw_tests::postgres::new_database().await;
    let named = |config: &mut Config| "http://vault.example".clone_into(&mut config.public_url);
    let first = TestApp::start_in(tempfile::tempdir().unwrap(), &url, named).await;
    let dir = tempfile::tempdir().unwrap();
    std::fs::copy(
        first.dir.path().join("root.key"),
        dir.path().join("root.key"),
    )
    .unwrap();
    let second = TestApp::start_in(dir, &url, named).await;
    (first, second)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_server_attaches_decides_on_the_other_from_the_next_decision_on() {
    let (first, second) = two().await;
    let reader = Reader::new(&first, "ops").await;
    let human = &reader.human;
    reader.read(&second).await.expect(200);
    uploaded(&first, human, &hostile("0.1.0")).await;
    uploaded(&second, human, &hostile("0.2.0")).await;
    let id = attach(&first, human, enforced("0.1.0", "deny")).await;
    reader.read(&second).await.problem(403);
    change(
        &second,
        human,
        &id,
        json!({"version": "0.2.0", "settings": "abstain"}),
    )
    .await;
    reader.read(&first).await.expect(200);
    assert_eq!(
        entries(&reader.last(&first).await, &id)[0]["version"],
        "0.2.0"
    );
    roll_back(&first, human, &id).await;
    reader.read(&second).await.problem(403);
    assert_eq!(
        entries(&reader.last(&second).await, &id)[0]["version"],
        "0.1.0"
    );
    let path = format!("/v1/plugins/attachments/{id}");
    second.delete(&path, &human.token).await.expect(204);
    reader.read(&first).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_changes_at_once_on_two_servers_each_revision_is_made_once() {
    let (first, second) = two().await;
    let reader = Reader::new(&first, "ops").await;
    let human = &reader.human;
    uploaded(&first, human, &hostile("0.1.0")).await;
    let id = attach(&first, human, enforced("0.1.0", "abstain")).await;
    let path = format!("/v1/plugins/attachments/{id}");
    for round in 1..=5 {
        let body = json!({"order": round, "revision": round});
        let (one, other) = tokio::join!(
            first.patch(&path, &human.token, body.clone()),
            second.patch(&path, &human.token, body.clone())
        );
        let good = [&one, &other]
            .iter()
            .filter(|reply| reply.status == 200)
            .count();
        let late = [&one, &other]
            .iter()
            .filter(|reply| reply.status == 409)
            .count();
        assert_eq!((good, late), (1, 1), "{} {}", one.text, other.text);
    }
    let list = first
        .get(&format!("{path}/revisions"), &human.token)
        .await
        .expect(200);
    assert_eq!(list["revisions"].as_array().unwrap().len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_cannot_be_loaded_leaves_the_last_good_one_in_force_and_says_so() {
    let url = oneclaw_tests::postgres::new_database().await;
    let app = TestApp::start_in(tempfile::tempdir().unwrap(), &url, |_| {}).await;
    let reader = Reader::new(&app, "ops").await;
    let human = &reader.human;
    uploaded(&app, human, &hostile("0.1.0")).await;
    let second = uploaded(&app, human, &hostile("0.2.0")).await;
    let id = attach(&app, human, enforced("0.1.0", "abstain")).await;
    change(
        &app,
        human,
        &id,
        json!({"version": "0.2.0", "settings": "deny"}),
    )
    .await;
    reader.read(&app).await.problem(403);
    // The component is gone when the server starts again.
    let damage = |digest: &serde_json::Value| {
        format!(
            "DELETE FROM plugin_components WHERE digest = '{}'",
            digest.as_str().unwrap()
        )
    };
    app.edit_database(&damage(&second["digest"])).await;
    let name = app.running.services.config.public_url.clone();
    let dir = app.stop().await;
    let app = TestApp::start_in(dir, &url, |config| config.public_url = name.clone()).await;
    reader.read(&app).await.expect(200);
    let details = reader.last(&app).await;
    let [decided, failed] = entries(&details, &id)[..] else {
        panic!("{details}")
    };
    assert_eq!(
        (&decided["version"], &decided["mode"]),
        (&json!("0.1.0"), &json!("enforce"))
    );
    assert_eq!(
        (&failed["version"], &failed["code"]),
        (&json!("0.2.0"), &json!("internal/plugin-not-loaded"))
    );
    let path = format!("/v1/plugins/attachments/{id}");
    let attachment = app.get(&path, &human.token).await.expect(200);
    assert_eq!(attachment["state"], "fallback");
    assert!(
        attachment["detail"]
            .as_str()
            .unwrap()
            .contains("not in the database")
    );
    let events = app.events(human, "action=plugin.attachment.failed").await;
    assert_eq!(events.len(), 1, "said once");
    assert_eq!(events[0]["details"]["in_force"], "fallback");

    // Without a version before it, nothing is allowed.
    app.edit_database("DELETE FROM plugin_components").await;
    let name = app.running.services.config.public_url.clone();
    let dir = app.stop().await;
    let app = TestApp::start_in(dir, &url, |config| config.public_url = name.clone()).await;
    let problem = reader.read(&app).await.problem(403);
    assert_eq!(problem["reason_code"], "internal/plugin-not-loaded");
    let attachment = app.get(&path, &human.token).await.expect(200);
    assert_eq!(attachment["state"], "failed");
}
