//! What is not attached, and what is said then.

use oneclaw_tests::app::TestApp;
use serde_json::{Value, json};

use crate::setup::{Reader, attach, enforced, hostile, two_worlds, uploaded};

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_meant_is_refused_by_field_and_changes_nothing() {
    let app = TestApp::start().await;
    let reader = Reader::new(&app, "ops").await;
    let human = &reader.human;
    uploaded(&app, human, &hostile("0.1.0")).await;
    uploaded(&app, human, &two_worlds()).await;
    uploaded(&app, human, &crate::setup::access_only("1.0.0")).await;
    let others = app.human("others").await;
    let foreign = app.vault(&others).await;
    let hostile = |more: Value| merged(enforced("0.1.0", "allow"), more);
    let two =
        |settings: Value| json!({"plugin": "two-worlds", "version": "1.0.0", "settings": settings});
    for (body, field) in [
        (hostile(json!({"plugin": "unknown"})), "version"),
        (hostile(json!({"version": "9.9.9"})), "version"),
        (hostile(json!({"mode": "loud"})), "mode"),
        (hostile(json!({"canary_percent": 0})), "canary_percent"),
        (hostile(json!({"canary_percent": 101})), "canary_percent"),
        (hostile(json!({"name": ""})), "name"),
        // The schema of this guest wants text, its `configure` the name of a behaviour.
        (hostile(json!({"settings": {"a": 1}})), "settings"),
        (hostile(json!({"settings": "nonsense"})), "settings"),
        (hostile(json!({"settings": "x".repeat(20_000)})), "settings"),
        (
            hostile(json!({"settings": "problems-in-configure"})),
            "settings/a",
        ),
        (
            hostile(json!({"settings": "trap-in-configure"})),
            "settings",
        ),
        (
            hostile(json!({"settings": "spin-in-configure"})),
            "settings",
        ),
        (
            hostile(json!({"settings": "allocate-in-configure"})),
            "settings",
        ),
        (
            hostile(json!({"settings": "recurse-in-configure"})),
            "settings",
        ),
        (
            hostile(json!({"settings": "megabytes-of-problems"})),
            "settings",
        ),
        (
            hostile(json!({"settings": "ask-for-ten-thousand"})),
            "settings",
        ),
        (two(json!({"path": "a"})), "settings"),
        (
            two(json!({"path": "a", "limit": "1", "more": 1})),
            "settings",
        ),
        (
            hostile(json!({"scope": {"paths": ["a//b"]}})),
            "scope.paths",
        ),
        (
            hostile(json!({"scope": {"vaults": [foreign]}})),
            "scope.vaults",
        ),
        (
            hostile(json!({"scope": {"agents": [foreign]}})),
            "scope.agents",
        ),
        (
            hostile(json!({"scope": {"chains": ["nowhere"]}})),
            "scope.chains",
        ),
        (
            hostile(json!({"scope": {"labels": {"": "x"}}})),
            "scope.labels",
        ),
        (
            hostile(json!({"scope": {"paths": ["a"], "chains": ["base"]}})),
            "scope",
        ),
        (
            json!({"plugin": "plain", "version": "1.0.0", "scope": {"chains": ["base"]}}),
            "scope.chains",
        ),
    ] {
        let problem = app
            .post("/v1/plugins/attachments", &human.token, body.clone())
            .await
            .problem(400);
        let fields = problem["fields"].as_object().unwrap();
        assert!(
            fields.keys().any(|key| key.starts_with(field)),
            "{body}: {problem}"
        );
    }
    // A slip in a scope would widen it.
    let slip = hostile(json!({"scope": {"vault": [reader.vault]}}));
    app.post("/v1/plugins/attachments", &human.token, slip)
        .await
        .problem(400);
    let list = app
        .get("/v1/plugins/attachments", &human.token)
        .await
        .expect(200);
    assert_eq!(list["attachments"], json!([]));
    reader.read(&app).await.expect(200);
}

fn merged(mut body: Value, more: Value) -> Value {
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_is_refused_leaves_in_force_what_was() {
    let app = TestApp::start().await;
    let reader = Reader::new(&app, "ops").await;
    let human = &reader.human;
    uploaded(&app, human, &hostile("0.1.0")).await;
    let id = attach(&app, human, enforced("0.1.0", "deny")).await;
    let path = format!("/v1/plugins/attachments/{id}");
    for body in [
        json!({"settings": "spin-in-configure"}),
        json!({"version": "0.1.1"}),
        json!({"mode": "off"}),
        json!({"scope": {"paths": ["**x"]}}),
    ] {
        app.patch(&path, &human.token, body).await.problem(400);
    }
    app.patch(
        &path,
        &human.token,
        json!({"revision": 7, "mode": "shadow"}),
    )
    .await
    .problem(409);
    let attachment = app.get(&path, &human.token).await.expect(200);
    assert_eq!(
        (&attachment["revision"], &attachment["mode"]),
        (&json!(1), &json!("enforce"))
    );
    reader.read(&app).await.problem(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_organisation_has_no_part_in_any_of_it() {
    let app = TestApp::start().await;
    let ours = Reader::new(&app, "ops").await;
    let theirs = Reader::new(&app, "others").await;
    uploaded(&app, &ours.human, &hostile("0.1.0")).await;
    let id = attach(&app, &ours.human, enforced("0.1.0", "deny")).await;
    let path = format!("/v1/plugins/attachments/{id}");
    app.get(&path, &theirs.human.token).await.problem(404);
    app.patch(&path, &theirs.human.token, json!({"mode": "shadow"}))
        .await
        .problem(404);
    app.delete(&path, &theirs.human.token).await.problem(404);
    app.get(&format!("{path}/revisions"), &theirs.human.token)
        .await
        .problem(404);
    app.post(&format!("{path}/rollback"), &theirs.human.token, json!({}))
        .await
        .problem(404);
    app.post(
        "/v1/plugins/attachments",
        &theirs.human.token,
        enforced("0.1.0", "deny"),
    )
    .await
    .problem(400);
    ours.read(&app).await.problem(403);
    theirs.read(&app).await.expect(200);
    app.get(&path, &ours.token).await.problem(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_are_attached_as_may_be() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    uploaded(&app, &human, &crate::setup::access_only("1.0.0")).await;
    let body = json!({"plugin": "plain", "version": "1.0.0"});
    for _ in 0..32 {
        attach(&app, &human, body.clone()).await;
    }
    let problem = app
        .post("/v1/plugins/attachments", &human.token, body)
        .await
        .problem(409);
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("32 plugins are attached"),
        "{problem}"
    );
}
