//! Settings that are changed while the server runs.

use oneclaw_tests::app::TestApp;
use serde_json::json;

#[tokio::test]
async fn who_runs_the_server_changes_its_settings_and_nobody_else() {
    let app = TestApp::start().await;
    let admin = app.human("ops").await;
    let other = app.human("other").await;
    let agent = app.agent(&admin, json!({})).await;
    let agent = app.token(&agent).await;
    let path = "/v1/admin/settings/intents_api.require_simulation";
    let body = json!({"value": "true"});
    for token in [&other.token, &agent] {
        app.get("/v1/admin/settings", token).await.problem(403);
        app.put(path, token, body.clone()).await.problem(403);
        app.delete(path, token).await.problem(403);
    }
    let find = async || {
        let list = app
            .get("/v1/admin/settings", &admin.token)
            .await
            .expect(200);
        let settings = list["settings"].as_array().unwrap().clone();
        let is_it = |s: &&serde_json::Value| s["key"] == "intents_api.require_simulation";
        settings.iter().find(is_it).unwrap().clone()
    };
    assert_eq!(find().await["value"], "false");
    assert!(find().await.get("updated_at").is_none());
    let set = app.put(path, &admin.token, body).await.expect(200);
    assert_eq!(set["value"], "true");
    assert_eq!(set["updated_by"], admin.id);
    assert_eq!(find().await, set);
    for _ in 0..2 {
        assert_eq!(app.delete(path, &admin.token).await.status, 204);
    }
    assert_eq!(find().await["value"], "false");
    let events = app.events(&admin, "resource_type=setting").await;
    // What has its default already is not changed a second time.
    assert_eq!(events.len(), 2);
}

#[tokio::test]
async fn unknown_keys_and_values_that_cannot_be_meant_are_refused_by_name() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let body = json!({"value": "true"});
    let problem = app
        .put(
            "/v1/admin/settings/intents_api.simulate",
            &human.token,
            body,
        )
        .await
        .problem(400);
    let key = problem["fields"]["key"].as_str().unwrap();
    assert!(key.contains("`intents_api.require_simulation`"), "{key}");
    for (key, value) in [
        (
            "admin/settings/intents_api.require_simulation",
            json!("yes"),
        ),
        ("admin/settings/intents_api.require_simulation", json!(true)),
        ("org/settings/org.name", json!("  ")),
    ] {
        let path = format!("/v1/{key}");
        let problem = app
            .put(&path, &human.token, json!({"value": value}))
            .await
            .problem(400);
        assert!(problem["fields"]["value"].is_string(), "{problem}");
    }
}

#[tokio::test]
async fn an_organisation_has_settings_of_its_own() {
    let app = TestApp::start().await;
    let one = app.human("one").await;
    let two = app.human("two").await;
    let path = "/v1/org/settings/org.name";
    let body = json!({"value": "Night shift"});
    app.put(path, &one.token, body).await.expect(200);
    for (human, name) in [(&one, "Night shift"), (&two, "")] {
        let list = app.get("/v1/org/settings", &human.token).await.expect(200);
        assert_eq!(list["settings"][0]["value"], name);
    }
    assert_eq!(app.delete(path, &one.token).await.status, 204);
}
