//! New keys for many, and old ones that still count for a while.

use oneclaw_tests::app::{Database, TestApp};
use serde_json::json;

async fn exchange(app: &TestApp, key: &str) -> u16 {
    let body = json!({"api_key": key});
    let reply = app.post("/v1/auth/agent-token", "", body).await;
    reply.status.as_u16()
}

#[tokio::test]
async fn an_old_key_counts_until_its_overlap_ends_on_sqlite() {
    an_old_key_counts_until_its_overlap_ends(Database::Sqlite).await;
}

#[tokio::test]
async fn an_old_key_counts_until_its_overlap_ends_on_postgresql() {
    an_old_key_counts_until_its_overlap_ends(Database::Postgres).await;
}

async fn an_old_key_counts_until_its_overlap_ends(database: Database) {
    let app = TestApp::start_with(database, |_| {}).await;
    let owner = app.human("owner").await;
    let agent = app.agent(&owner, json!({})).await;
    let url = format!("/v1/agents/{}/rotate-key", agent.id);
    let rotate = async |body: serde_json::Value| {
        let answer = app.post(&url, &owner.token, body).await.expect(200);
        answer["api_key"].as_str().unwrap().to_owned()
    };
    let second = rotate(json!({"overlap_seconds": 600})).await;
    assert_eq!(exchange(&app, &agent.key).await, 200);
    assert_eq!(exchange(&app, &second).await, 200);
    // The raw key counts as the token does.
    app.get("/v1/agents/me", &agent.key).await.expect(200);
    app.clock.advance_seconds(599);
    assert_eq!(exchange(&app, &agent.key).await, 200);
    app.clock.advance_seconds(1);
    assert_eq!(exchange(&app, &agent.key).await, 401);
    assert_eq!(exchange(&app, &second).await, 200);

    // Without an overlap every key from before is dead, the one in its overlap too.
    let third = rotate(json!({"overlap_seconds": 600})).await;
    let fourth = rotate(json!({})).await;
    for (key, expected) in [(&second, 401), (&third, 401), (&fourth, 200)] {
        assert_eq!(exchange(&app, key).await, expected);
    }
    // A change of the agent does not bring a key back, and shutting it out shuts out both.
    let fifth = rotate(json!({"overlap_seconds": 600})).await;
    let record = format!("/v1/agents/{}", agent.id);
    app.patch(&record, &owner.token, json!({"is_active": false}))
        .await
        .expect(200);
    assert_eq!(exchange(&app, &fourth).await, 401);
    assert_eq!(exchange(&app, &fifth).await, 401);
    for bad in [json!(-1), json!(604_801), json!("600")] {
        let body = json!({"overlap_seconds": bad});
        app.post(&url, &owner.token, body).await.problem(400);
    }
}

#[tokio::test]
async fn many_agents_get_new_keys_together() {
    let app = TestApp::start().await;
    let owner = app.human("owner").await;
    let stranger = app.human("stranger").await;
    let foreign = app.agent(&stranger, json!({})).await;
    let mut agents = Vec::new();
    for n in 0..4 {
        agents.push(app.agent(&owner, json!({"name": format!("w{n}")})).await);
    }
    let mut ids: Vec<&str> = agents.iter().map(|a| a.id.as_str()).collect();
    ids.extend([foreign.id.as_str(), "nobody", ids[0]]);
    let answer = app
        .post(
            "/v1/agents/batch-rotate-keys",
            &owner.token,
            json!({"agent_ids": ids, "overlap_seconds": 60}),
        )
        .await
        .expect(200);
    assert_eq!(
        (&answer["rotated"], &answer["failed"]),
        (&json!(4), &json!(3))
    );
    assert!(answer["old_keys_valid_until"].is_string());
    for (agent, made) in agents.iter().zip(answer["keys"].as_array().unwrap()) {
        assert_eq!(made["id"], agent.id.as_str());
        assert_eq!(exchange(&app, made["api_key"].as_str().unwrap()).await, 200);
        assert_eq!(exchange(&app, &agent.key).await, 200);
    }
    assert_eq!(exchange(&app, &foreign.key).await, 200);
    app.clock.advance_seconds(60);
    for agent in &agents {
        assert_eq!(exchange(&app, &agent.key).await, 401);
    }
    let events = app.events(&owner, "action=agent.rotate_key").await;
    assert_eq!(events.len(), 4);
    for bad in [
        json!({"agent_ids": []}),
        json!({"agent_ids": vec!["x"; 1001]}),
    ] {
        app.post("/v1/agents/batch-rotate-keys", &owner.token, bad)
            .await
            .problem(400);
    }
    let token = app.token(&foreign).await;
    app.post(
        "/v1/agents/batch-rotate-keys",
        &token,
        json!({"agent_ids": [foreign.id]}),
    )
    .await
    .problem(403);
}
