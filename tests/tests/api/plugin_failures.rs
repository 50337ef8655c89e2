//! When the access plugin is missing or broken, everything is refused, and the server goes on answering.

use oneclaw_server::config::{AccessPlugin, Config};
use oneclaw_tests::app::{Database, TestApp};
use serde_json::{Value, json};

/// Tries everything that needs a decision and gives the reason of each refusal.
async fn everything_is_refused(change: impl FnOnce(&mut Config), code: &str) {
    let app = TestApp::start_with(Database::Sqlite, change).await;
    let human = app.human("ops").await;
    let vault = app.vault(&human).await;
    let base = format!("/v1/vaults/{vault}");
    // The owner too: ownership is a fact for the plugin to judge, not a way around it.
    let refusals = [
        app.get(&format!("{base}/secrets/a"), &human.token).await,
        app.put(
            &format!("{base}/secrets/a"),
            &human.token,
            json!({"value": "v"}),
        )
        .await,
        app.delete(&format!("{base}/secrets/a"), &human.token).await,
        app.post(&format!("{base}/secret-rotate/a"), &human.token, json!({}))
            .await,
        app.get(&format!("{base}/secret-versions/a"), &human.token)
            .await,
    ];
    for reply in refusals {
        let problem = reply.problem(403);
        assert_eq!(problem["reason_code"], code, "{problem}");
    }
    assert_eq!(
        app.get(&format!("{base}/secrets"), &human.token)
            .await
            .expect(200)["secrets"],
        json!([])
    );
    let events = app
        .events(&human, &format!("vault_id={vault}&resource_type=secret"))
        .await;
    assert_eq!(events.len(), 5);
    assert!(
        events
            .iter()
            .all(|e: &Value| e["details"]["code"] == code && e["details"]["decision"] == "deny")
    );
    assert_eq!(
        app.get("/v1/audit/verify", &human.token).await.expect(200)["chain_valid"],
        true
    );
    app.get("/v1/health", "").await.expect(200);
    app.get("/v1/vaults", &human.token).await.expect(200);
}

#[tokio::test]
async fn without_a_plugin_everything_is_refused() {
    everything_is_refused(
        |config| config.access_plugin = AccessPlugin::None,
        "internal/no-plugin",
    )
    .await;
}

#[tokio::test]
async fn with_a_plugin_that_is_not_there_everything_is_refused() {
    let file = AccessPlugin::File("/nonexistent/plugin.wasm".into());
    everything_is_refused(
        |config| config.access_plugin = file,
        "internal/plugin-not-loaded",
    )
    .await;
}

#[tokio::test]
async fn with_a_plugin_that_is_no_component_everything_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("plugin.wasm");
    std::fs::write(&path, b"\0asm nonsense").unwrap();
    everything_is_refused(
        |config| config.access_plugin = AccessPlugin::File(path),
        "internal/plugin-not-loaded",
    )
    .await;
}

fn hostile(config: &mut Config, dir: &std::path::Path) {
    let path = dir.join("hostile.wasm");
    std::fs::write(&path, oneclaw_test_guests::HOSTILE).unwrap();
    config.access_plugin = AccessPlugin::File(path);
}

#[tokio::test]
async fn with_a_plugin_that_refuses_its_settings_everything_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    // An owner without policies: settings that name no behaviour.
    everything_is_refused(
        |config| hostile(config, dir.path()),
        "internal/configure-failed",
    )
    .await;
}

#[tokio::test]
async fn a_plugin_that_misbehaves_while_it_decides_refuses_and_takes_nobody_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let app = TestApp::start_with(Database::Sqlite, |config| hostile(config, dir.path())).await;
    let human = app.human("ops").await;
    let vault = app.vault(&human).await;
    // The hostile guest behaves as the first pattern says.
    for (behaviour, code) in [
        ("trap", "internal/trap"),
        ("spin", "internal/fuel"),
        ("allocate", "internal/memory"),
        ("megabytes-of-notes", "internal/bad-reply"),
        ("trap-in-configure", "internal/configure-failed"),
    ] {
        let agent = app.agent(&human, json!({"scopes": ["**"]})).await;
        app.policy(&human, &vault, &agent, behaviour, json!({}))
            .await;
        let problem = app
            .read(&app.token(&agent).await, &vault, "a")
            .await
            .problem(403);
        assert_eq!(problem["reason_code"], code, "{behaviour}");
        let event = &app
            .events(&human, &format!("actor_id={}&limit=1", agent.id))
            .await[0];
        assert_eq!(
            (&event["id"], &event["details"]["code"]),
            (&problem["decision_id"], &json!(code))
        );
    }
    // The same plugin still allows where it is told to.
    let agent = app.agent(&human, json!({"scopes": ["**"]})).await;
    app.policy(&human, &vault, &agent, "allow", json!({})).await;
    app.read(&app.token(&agent).await, &vault, "a")
        .await
        .problem(404);
}

#[tokio::test]
async fn a_server_without_a_working_plugin_says_so() {
    let app = TestApp::start_with(Database::Sqlite, |config| {
        config.access_plugin = AccessPlugin::None
    })
    .await;
    assert_eq!(
        app.get("/v1/health", "").await.expect(200)["status"],
        "degraded"
    );
}
