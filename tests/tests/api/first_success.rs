//! The story that the README tells, on both databases.

use oneclaw_tests::app::{Database, TestApp};
use serde_json::json;

async fn an_agent_reads_what_a_policy_allows_and_nothing_else(database: Database) {
    let app = TestApp::start_with(database, |_| {}).await;
    let human = app.human("ops").await;
    let vault = app.vault(&human).await;
    app.secret(&human, &vault, "api-keys/x", "sk-allowed").await;
    app.secret(&human, &vault, "keys/x", "sk-refused").await;
    let agent = app.agent(&human, json!({"scopes": ["vaults:read"]})).await;
    app.policy(&human, &vault, &agent, "api-keys/**", json!({}))
        .await;
    let token = app.token(&agent).await;

    let allowed = app.read(&token, &vault, "api-keys/x").await.expect(200);
    assert_eq!(allowed["value"], "sk-allowed");

    let refused = app.read(&token, &vault, "keys/x").await.problem(403);
    assert_eq!(refused["reason_code"], "scope/path-not-in-scope");

    let events = app
        .events(
            &human,
            &format!("actor_type=agent&actor_id={}&action=secret.read", agent.id),
        )
        .await;
    let decisions: Vec<_> = events
        .iter()
        .map(|e| (&e["resource_id"], &e["details"]["decision"]))
        .collect();
    assert_eq!(
        decisions,
        [
            (&json!("keys/x"), &json!("deny")),
            (&json!("api-keys/x"), &json!("allow"))
        ]
    );
    assert_eq!(events[0]["id"], refused["decision_id"]);
    let evaluation = &events[1]["details"]["evaluations"][0];
    assert_eq!(evaluation["plugin"], "access-policy");
    assert_eq!(evaluation["digest"].as_str().unwrap().len(), 64);

    let verified = app.get("/v1/audit/verify", &human.token).await.expect(200);
    assert_eq!(verified["chain_valid"], true);
    assert_eq!(verified["events_checked"], verified["events_verified"]);

    let elsewhere = app.vault(&human).await;
    let body = json!({"vault_ids": [elsewhere]});
    app.patch(&format!("/v1/agents/{}", agent.id), &human.token, body)
        .await
        .expect(200);
    let bound = app.read(&token, &vault, "api-keys/x").await.problem(403);
    assert_eq!(bound["reason_code"], "binding/vault-not-bound");

    let body = json!({"vault_ids": [], "is_active": false});
    app.patch(&format!("/v1/agents/{}", agent.id), &human.token, body)
        .await
        .expect(200);
    app.read(&token, &vault, "api-keys/x").await.problem(401);
    app.post("/v1/auth/agent-token", "", json!({"api_key": agent.key}))
        .await
        .problem(401);
    let kept = app.events(&human, &format!("actor_id={}", agent.id)).await;
    assert!(kept.len() >= 4, "the history of a deactivated agent stays");
}

#[tokio::test]
async fn on_sqlite_an_agent_reads_what_a_policy_allows_and_nothing_else() {
    an_agent_reads_what_a_policy_allows_and_nothing_else(Database::Sqlite).await;
}

#[tokio::test]
async fn on_postgres_an_agent_reads_what_a_policy_allows_and_nothing_else() {
    an_agent_reads_what_a_policy_allows_and_nothing_else(Database::Postgres).await;
}

#[tokio::test]
async fn everything_is_still_there_after_a_restart() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let vault = app.vault(&human).await;
    app.secret(&human, &vault, "a", "kept").await;
    let dir = app.stop().await;
    let url = format!("sqlite://{}/oneclaw.db", dir.path().display());
    let app = TestApp::start_in(dir, &url, |_| {}).await;
    // The port, and with it the issuer, is another one: the old token does not count here.
    let login = json!({"email": "ops@example.com", "password": oneclaw_tests::app::PASSWORD});
    let token = app.post("/v1/auth/token", "", login).await.expect(200)["access_token"].clone();
    let read = app
        .read(token.as_str().unwrap(), &vault, "a")
        .await
        .expect(200);
    assert_eq!(read["value"], "kept");
}

#[tokio::test]
async fn a_database_without_its_root_key_is_refused_and_no_other_key_is_left_in_its_place() {
    let app = TestApp::start().await;
    app.human("ops").await;
    let dir = app.stop().await;
    let root_key = dir.path().join("root.key");
    let original = std::fs::read(&root_key).unwrap();
    std::fs::remove_file(&root_key).unwrap();
    let config = oneclaw_server::config::Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        ..oneclaw_server::config::Config::for_data_dir(dir.path().to_owned())
    };
    let error = oneclaw_server::app::start(config.clone(), oneclaw_tests::clock::TestClock::new())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("another root key"), "{error}");
    assert!(!root_key.exists());
    std::fs::write(&root_key, original).unwrap();
    std::fs::set_permissions(
        &root_key,
        std::os::unix::fs::PermissionsExt::from_mode(0o600),
    )
    .unwrap();
    let running = oneclaw_server::app::start(config, oneclaw_tests::clock::TestClock::new())
        .await
        .unwrap();
    assert!(running.is_claimed && !running.made_root_key);
    running.stop().await;
}
