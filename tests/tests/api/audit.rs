//! The audit trail over HTTP.

use oneclaw_tests::app::{Database, TestApp};
use serde_json::{Value, json};

#[tokio::test]
async fn every_change_stands_in_the_trail_with_its_actor_and_address() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let vault = app.vault(&human).await;
    let agent = app.agent(&human, json!({})).await;
    let policy = app.policy(&human, &vault, &agent, "**", json!({})).await;
    app.delete(
        &format!("/v1/vaults/{vault}/policies/{policy}"),
        &human.token,
    )
    .await;
    app.secret(&human, &vault, "a", "v").await;
    app.delete(&format!("/v1/vaults/{vault}/secrets/a"), &human.token)
        .await;
    let events = app.events(&human, "limit=1000").await;
    let actions: Vec<_> = events
        .iter()
        .rev()
        .map(|e| e["action"].as_str().unwrap())
        .collect();
    assert_eq!(
        actions,
        [
            "org.create",
            "vault.create",
            "agent.register",
            "policy.create",
            "policy.delete",
            "secret.write",
            "secret.delete"
        ]
    );
    for event in &events {
        assert_eq!(
            (&event["actor_type"], &event["actor_id"]),
            (&json!("user"), &json!(human.id))
        );
        assert_eq!(event["ip_address"], "127.0.0.1");
        assert_eq!(event["org_id"], human.org.as_str());
        for field in [
            "id",
            "resource_type",
            "resource_id",
            "created_at",
            "integrity_hash",
        ] {
            assert!(event[field].is_string(), "{field}");
        }
        assert!(event["details"].is_object());
    }
    assert_eq!(events.last().unwrap()["prev_event_id"], Value::Null);
    for pair in events.windows(2) {
        assert_eq!(pair[0]["prev_event_id"], pair[1]["id"]);
    }
}

#[tokio::test]
async fn filters_and_pages_select_what_they_say() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let vault = app.vault(&human).await;
    let other = app.vault(&human).await;
    let agent = app.agent(&human, json!({"scopes": ["**"]})).await;
    app.policy(&human, &vault, &agent, "**", json!({})).await;
    app.secret(&human, &vault, "a", "v").await;
    app.secret(&human, &other, "a", "v").await;
    let token = app.token(&agent).await;
    for _ in 0..5 {
        app.read(&token, &vault, "a").await.expect(200);
    }
    let by_agent = app
        .events(&human, &format!("actor_type=agent&actor_id={}", agent.id))
        .await;
    assert_eq!(by_agent.len(), 6);
    let in_vault = app.events(&human, &format!("resource_id={vault}")).await;
    assert_eq!(
        in_vault,
        app.events(&human, &format!("vault_id={vault}")).await
    );
    assert_eq!(in_vault.len(), 8);
    assert_eq!(
        app.events(&human, "action=secret.read&resource_type=secret")
            .await
            .len(),
        5
    );
    assert_eq!(
        app.events(&human, "actor_type=&action=secret.write")
            .await
            .len(),
        2
    );
    assert!(
        app.events(&human, "to=2026-11-23T11:59:59Z")
            .await
            .is_empty()
    );
    assert!(
        !app.events(
            &human,
            "from=2026-11-23T12:00:00Z&to=2026-11-23T13:00:00%2B01:00"
        )
        .await
        .is_empty()
    );
    let page = app
        .get(
            "/v1/audit/events?limit=2&offset=1&action=secret.read",
            &human.token,
        )
        .await
        .expect(200);
    assert_eq!((&page["count"], &page["total"]), (&json!(2), &json!(5)));
    for bad in ["limit=0", "offset=-1", "from=yesterday", "limit=x"] {
        app.get(&format!("/v1/audit/events?{bad}"), &human.token)
            .await
            .problem(400);
    }
    // An agent sees what it did itself, whatever it asks for.
    let own = app.get("/v1/audit/events", &token).await.expect(200);
    assert_eq!(own["total"], 6);
    let foreign = app
        .get(&format!("/v1/audit/events?actor_id={}", human.id), &token)
        .await
        .expect(200);
    assert_eq!(foreign["events"], json!([]));
    app.get("/v1/audit/verify", &token).await.problem(403);
}

#[tokio::test]
async fn the_older_name_answers_alike_and_one_client_gets_its_bare_array() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let new = app.get("/v1/audit/events", &human.token).await.expect(200);
    assert_eq!(app.get("/v1/audit", &human.token).await.expect(200), new);
    let headers = [("user-agent", "@1claw/cli")];
    let array = app
        .send_with(
            reqwest::Method::GET,
            "/v1/audit",
            &human.token,
            None,
            &headers,
        )
        .await
        .expect(200);
    assert_eq!(array, new["events"]);
}

#[tokio::test]
async fn organisations_do_not_see_each_others_trails() {
    let app = TestApp::start().await;
    let (one, two) = (app.human("one").await, app.human("two").await);
    app.vault(&one).await;
    let seen = app.events(&two, &format!("actor_id={}", one.id)).await;
    assert!(seen.is_empty());
    assert_eq!(app.events(&two, "").await.len(), 1);
}

async fn an_edited_row_is_named_by_verify(database: Database) {
    let app = TestApp::start_with(database, |_| {}).await;
    let human = app.human("ops").await;
    let vault = app.vault(&human).await;
    for _ in 0..4 {
        app.secret(&human, &vault, "a", "v").await;
    }
    let events = app.events(&human, "").await;
    let victim = events[2]["id"].as_str().unwrap();
    let sql = format!(
        "UPDATE audit_events SET details = replace(details, '\"version\":2', '\"version\":9') WHERE id = '{victim}'"
    );
    app.edit_database(&sql).await;
    let verified = app.get("/v1/audit/verify", &human.token).await.expect(200);
    assert_eq!(verified["chain_valid"], false);
    assert_eq!(verified["broken_at_event_id"], victim);
    assert_eq!(verified["scheme"]["algorithm"], "HMAC-SHA256");
}

#[tokio::test]
async fn on_sqlite_an_edited_row_is_named_by_verify() {
    an_edited_row_is_named_by_verify(Database::Sqlite).await;
}

#[tokio::test]
async fn on_postgres_an_edited_row_is_named_by_verify() {
    an_edited_row_is_named_by_verify(Database::Postgres).await;
}
