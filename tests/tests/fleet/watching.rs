//! A fleet is watched: what one agent did, and how much of everything is used.

use oneclaw_tests::app::TestApp;
use serde_json::json;

#[tokio::test]
async fn the_trail_of_one_agent_among_many_comes_in_pages_of_fifty() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let vault = app.vault(&human).await;
    app.secret(&human, &vault, "api-keys/openai", "v").await;
    let mut fleet = Vec::new();
    for n in 0..5 {
        let agent = app
            .agent(
                &human,
                json!({"name": format!("worker-{n}"), "scopes": ["**"]}),
            )
            .await;
        app.policy(&human, &vault, &agent, "api-keys/**", json!({}))
            .await;
        let token = app.token(&agent).await;
        fleet.push((agent, token));
    }
    for _ in 0..60 {
        for (_, token) in fleet.iter().take(2) {
            app.read(token, &vault, "api-keys/openai").await.expect(200);
        }
    }
    let (watched, _) = &fleet[1];
    let query = format!("actor_type=agent&actor_id={}&limit=50", watched.id);
    let page = app
        .get(&format!("/v1/audit/events?{query}"), &human.token)
        .await
        .expect(200);
    // Sixty reads and the exchange of its key.
    assert_eq!((&page["count"], &page["total"]), (&json!(50), &json!(61)));
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest = app
        .get(
            &format!("/v1/audit/events?{query}&cursor={cursor}"),
            &human.token,
        )
        .await
        .expect(200);
    assert_eq!((&rest["count"], &rest["total"]), (&json!(11), &json!(61)));
    assert!(rest.get("next_cursor").is_none());
    for list in [&page, &rest] {
        for event in list["events"].as_array().unwrap() {
            assert_eq!(event["actor_id"], watched.id.as_str());
        }
    }
    // A deactivated agent's trail stays.
    let url = format!("/v1/agents/{}", watched.id);
    app.patch(&url, &human.token, json!({"is_active": false}))
        .await
        .expect(200);
    assert_eq!(app.events(&human, &query).await.len(), 50);

    let used = app
        .get("/v1/billing/subscription", &human.token)
        .await
        .expect(200);
    assert_eq!(used["usage"]["agents"]["used"], 5);
    assert_eq!(
        (&used["vaults_used"], &used["secrets_used"]),
        (&json!(1), &json!(1))
    );
    assert!(used["requests_used"].as_i64().unwrap() > 120);
    assert!(used["requests_limit"].is_i64());
}
