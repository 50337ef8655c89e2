//! Vaults.

use oneclaw_tests::app::TestApp;
use serde_json::json;

#[tokio::test]
async fn a_vault_has_the_documented_shape() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let body = json!({"name": "production", "description": "", "unknown_field": 1});
    let vault = app.post("/v1/vaults", &human.token, body).await.expect(201);
    assert_eq!(vault["created_by"], human.id.as_str());
    assert_eq!(vault["created_by_type"], "user");
    assert_eq!(vault["org_id"], human.org.as_str());
    assert_eq!(vault["created_at"], "2026-11-23T12:00:00Z");
    let listed = app.get("/v1/vaults", &human.token).await.expect(200);
    assert_eq!(listed["vaults"], json!([vault]));
    let url = format!("/v1/vaults/{}", vault["id"].as_str().unwrap());
    assert_eq!(app.get(&url, &human.token).await.expect(200), vault);
}

#[tokio::test]
async fn what_another_organisation_has_is_not_found() {
    let app = TestApp::start().await;
    let (human, stranger) = (app.human("ops").await, app.human("stranger").await);
    let vault = app.vault(&human).await;
    app.secret(&human, &vault, "a", "x").await;
    let agent = app.agent(&human, json!({})).await;
    let base = format!("/v1/vaults/{vault}");
    let token = &stranger.token;
    app.get(&base, token).await.problem(404);
    app.delete(&base, token).await.problem(404);
    app.get(&format!("{base}/secrets"), token)
        .await
        .problem(404);
    app.get(&format!("{base}/secrets/a"), token)
        .await
        .problem(404);
    app.put(&format!("{base}/secrets/a"), token, json!({"value": "y"}))
        .await
        .problem(404);
    app.delete(&format!("{base}/secrets/a"), token)
        .await
        .problem(404);
    app.get(&format!("{base}/policies"), token)
        .await
        .problem(404);
    app.get(&format!("/v1/agents/{}", agent.id), token)
        .await
        .problem(404);
    app.patch(
        &format!("/v1/agents/{}", agent.id),
        token,
        json!({"name": "x"}),
    )
    .await
    .problem(404);
    app.delete(&format!("/v1/agents/{}", agent.id), token)
        .await
        .problem(404);
    let policy = json!({"secret_path_pattern": "**", "principal_type": "agent", "principal_id": agent.id, "permissions": ["read"]});
    app.post(&format!("{base}/policies"), token, policy.clone())
        .await
        .problem(404);
    let own = app.vault(&stranger).await;
    app.post(&format!("/v1/vaults/{own}/policies"), token, policy)
        .await
        .problem(404);
    app.post(
        "/v1/agents",
        token,
        json!({"name": "x", "vault_ids": [vault]}),
    )
    .await
    .problem(400);
    assert_eq!(
        app.get("/v1/agents", token).await.expect(200)["agents"],
        json!([])
    );
    assert_eq!(
        app.read(&human.token, &vault, "a").await.expect(200)["value"],
        "x"
    );
}

#[tokio::test]
async fn an_agent_owns_the_vault_it_makes_and_its_human_can_use_it() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let agent = app.agent(&human, json!({})).await;
    let token = app.token(&agent).await;
    let vault = app
        .post("/v1/vaults", &token, json!({"name": "mine"}))
        .await
        .expect(201);
    assert_eq!(vault["created_by_type"], "agent");
    let id = vault["id"].as_str().unwrap();
    let url = format!("/v1/vaults/{id}/secrets/notes/today");
    // Its scopes are empty, yet what an agent owns is within its reach.
    app.put(&url, &token, json!({"value": "n"}))
        .await
        .expect(201);
    assert_eq!(
        app.read(&token, id, "notes/today").await.expect(200)["value"],
        "n"
    );
    assert_eq!(
        app.read(&human.token, id, "notes/today").await.expect(200)["value"],
        "n"
    );

    let other = app.agent(&human, json!({})).await;
    app.read(&app.token(&other).await, id, "notes/today")
        .await
        .problem(403);
    let grant = json!({"secret_path_pattern": "notes/*", "principal_type": "agent", "principal_id": other.id, "permissions": ["read"]});
    app.post(&format!("/v1/vaults/{id}/policies"), &token, grant)
        .await
        .expect(201);
    assert_eq!(
        app.read(&app.token(&other).await, id, "notes/today")
            .await
            .expect(200)["value"],
        "n"
    );
}

#[tokio::test]
async fn a_bound_agent_makes_no_vaults_and_sees_only_its_own() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let (one, two) = (app.vault(&human).await, app.vault(&human).await);
    let agent = app.agent(&human, json!({"vault_ids": [one]})).await;
    for vault in [&one, &two] {
        app.policy(&human, vault, &agent, "**", json!({})).await;
    }
    let token = app.token(&agent).await;
    let listed = app.get("/v1/vaults", &token).await.expect(200);
    let ids: Vec<_> = listed["vaults"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v["id"].clone())
        .collect();
    assert_eq!(ids, [json!(one)]);
    app.get(&format!("/v1/vaults/{two}"), &token)
        .await
        .problem(404);
    let listing = app
        .get(&format!("/v1/vaults/{two}/secrets"), &token)
        .await
        .problem(403);
    assert_eq!(listing["reason_code"], "binding/vault-not-bound");
    app.post("/v1/vaults", &token, json!({"name": "x"}))
        .await
        .problem(403);
}

#[tokio::test]
async fn a_deleted_vault_takes_its_secrets_and_policies_along() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let vault = app.vault(&human).await;
    app.secret(&human, &vault, "a", "x").await;
    let agent = app.agent(&human, json!({})).await;
    app.policy(&human, &vault, &agent, "**", json!({})).await;
    let token = app.token(&agent).await;
    app.delete(&format!("/v1/vaults/{vault}"), &token)
        .await
        .problem(403);
    assert_eq!(
        app.delete(&format!("/v1/vaults/{vault}"), &human.token)
            .await
            .status
            .as_u16(),
        204
    );
    app.read(&human.token, &vault, "a").await.problem(404);
    app.read(&token, &vault, "a").await.problem(404);
}

#[tokio::test]
async fn the_vault_of_agents_keys_is_hidden_and_managed_by_the_server() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    app.get("/v1/org/agent-keys-vault", &human.token)
        .await
        .problem(404);
    let agent = app.agent(&human, json!({})).await;
    let vault = app
        .get("/v1/org/agent-keys-vault", &human.token)
        .await
        .expect(200);
    let vault = vault["vault_id"].as_str().unwrap();
    app.get("/v1/org/agent-keys-vault", &app.token(&agent).await)
        .await
        .problem(403);
    assert_eq!(
        app.get("/v1/vaults", &human.token).await.expect(200)["vaults"],
        json!([])
    );
    let path = format!("agents/{}/ssh/private_key", agent.id);
    let problem = app.read(&human.token, vault, &path).await.problem(403);
    assert_eq!(problem["reason_code"], "policy/no-match");
    let url = format!("/v1/vaults/{vault}/secrets/{path}");
    let problem = app
        .put(&url, &human.token, json!({"value": "x"}))
        .await
        .problem(403);
    assert_eq!(problem["reason_code"], "vault/system-managed");
    app.delete(&format!("/v1/vaults/{vault}"), &human.token)
        .await
        .problem(403);

    // An agent may be given its own key, like any secret.
    app.policy(
        &human,
        vault,
        &agent,
        &format!("agents/{}/ssh/*", agent.id),
        json!({}),
    )
    .await;
    let key = app
        .read(&app.token(&agent).await, vault, &path)
        .await
        .expect(200);
    assert!(
        key["value"]
            .as_str()
            .unwrap()
            .starts_with("-----BEGIN PRIVATE KEY-----")
    );
}
