//! Policies: what they grant, and that changes act at once.

use oneclaw_tests::app::TestApp;
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn a_policy_has_the_documented_shape_and_can_be_changed() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let vault = app.vault(&human).await;
    let agent = app.agent(&human, json!({})).await;
    let base = format!("/v1/vaults/{vault}/policies");
    let body = json!({
        "secret_path_pattern": "api-keys/**", "principal_type": "agent", "principal_id": agent.id,
        "permissions": ["read", "write"], "expires_at": "2027-06-01T02:00:00+02:00", "policy_schema_version": 1,
        "attribute_conditions": {"required_tags": ["x"]},
    });
    let policy = app.post(&base, &human.token, body).await.expect(201);
    assert_eq!(policy["effect"], "allow");
    assert_eq!(policy["priority"], 0);
    assert_eq!(policy["conditions"], json!({}));
    assert_eq!(policy["expires_at"], "2027-06-01T00:00:00Z");
    assert_eq!(
        (&policy["created_by"], &policy["created_by_type"]),
        (&json!(human.id), &json!("user"))
    );
    assert_eq!(policy["policy_schema_version"], 1);
    assert_eq!(
        policy["attribute_conditions"],
        json!({"required_tags": ["x"]})
    );
    assert_eq!(
        app.get(&base, &human.token).await.expect(200)["policies"],
        json!([policy])
    );

    let url = format!("{base}/{}", policy["id"].as_str().unwrap());
    let change = json!({"permissions": ["read"], "expires_at": null, "priority": 7, "attribute_conditions": null});
    let changed = app.put(&url, &human.token, change).await.expect(200);
    assert_eq!(changed["permissions"], json!(["read"]));
    assert_eq!(changed["expires_at"], Value::Null);
    assert_eq!(changed["priority"], 7);
    assert_eq!(changed["attribute_conditions"], Value::Null);
    assert_eq!(changed["secret_path_pattern"], "api-keys/**");
    assert_eq!(app.delete(&url, &human.token).await.status.as_u16(), 204);
    app.delete(&url, &human.token).await.problem(404);
    app.put(&url, &human.token, json!({"priority": 1}))
        .await
        .problem(404);
}

#[tokio::test]
async fn the_next_request_sees_a_changed_or_removed_policy() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let vault = app.vault(&human).await;
    app.secret(&human, &vault, "a", "x").await;
    let agent = app.agent(&human, json!({"scopes": ["**"]})).await;
    let token = app.token(&agent).await;
    app.read(&token, &vault, "a").await.problem(403);
    for _ in 0..3 {
        let policy = app.policy(&human, &vault, &agent, "a", json!({})).await;
        let url = format!("/v1/vaults/{vault}/policies/{policy}");
        app.read(&token, &vault, "a").await.expect(200);
        app.put(&url, &human.token, json!({"effect": "deny"}))
            .await
            .expect(200);
        let problem = app.read(&token, &vault, "a").await.problem(403);
        assert_eq!(problem["reason_code"], "policy/denied-by-rule");
        app.put(&url, &human.token, json!({"effect": "allow"}))
            .await
            .expect(200);
        app.read(&token, &vault, "a").await.expect(200);
        app.delete(&url, &human.token).await;
        app.read(&token, &vault, "a").await.problem(403);
    }
}

#[tokio::test]
async fn the_highest_priority_decides_and_there_a_deny_wins() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let vault = app.vault(&human).await;
    app.secret(&human, &vault, "a", "x").await;
    let agent = app.agent(&human, json!({"scopes": ["**"]})).await;
    let token = app.token(&agent).await;
    app.policy(&human, &vault, &agent, "**", json!({})).await;
    app.policy(&human, &vault, &agent, "a", json!({"effect": "deny"}))
        .await;
    app.read(&token, &vault, "a").await.problem(403);
    app.policy(&human, &vault, &agent, "a", json!({"priority": 1}))
        .await;
    app.read(&token, &vault, "a").await.expect(200);
    app.policy(
        &human,
        &vault,
        &agent,
        "*",
        json!({"priority": 1, "effect": "deny"}),
    )
    .await;
    app.read(&token, &vault, "a").await.problem(403);
}

#[tokio::test]
async fn an_owner_is_not_locked_out_by_a_deny_policy() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let vault = app.vault(&human).await;
    app.secret(&human, &vault, "a", "x").await;
    let deny = json!({"secret_path_pattern": "**", "principal_type": "user", "principal_id": human.id,
        "permissions": ["read", "write"], "effect": "deny", "priority": 9});
    app.post(&format!("/v1/vaults/{vault}/policies"), &human.token, deny)
        .await
        .expect(201);
    app.read(&human.token, &vault, "a").await.expect(200);
}

#[tokio::test]
async fn each_permission_grants_what_it_says() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    for (permission, allowed) in [
        ("read", ["read"].as_slice()),
        ("write", &["write", "delete", "rotate", "disable"]),
        ("delete", &["delete"]),
        ("rotate", &["rotate"]),
    ] {
        let vault = app.vault(&human).await;
        let agent = app.agent(&human, json!({"scopes": ["**"]})).await;
        app.policy(
            &human,
            &vault,
            &agent,
            "p/**",
            json!({"permissions": [permission]}),
        )
        .await;
        let token = app.token(&agent).await;
        for operation in ["read", "write", "rotate", "disable", "delete"] {
            app.secret(&human, &vault, "p/x", "v").await;
            let base = format!("/v1/vaults/{vault}");
            let reply = match operation {
                "read" => app.get(&format!("{base}/secrets/p/x"), &token).await,
                "write" => {
                    app.put(
                        &format!("{base}/secrets/p/x"),
                        &token,
                        json!({"value": "w"}),
                    )
                    .await
                }
                "rotate" => {
                    app.send(
                        Method::POST,
                        &format!("{base}/secret-rotate/p/x"),
                        &token,
                        None,
                    )
                    .await
                }
                "disable" => {
                    app.send(
                        Method::POST,
                        &format!("{base}/secret-version-disable/p/x/1"),
                        &token,
                        None,
                    )
                    .await
                }
                _ => app.delete(&format!("{base}/secrets/p/x"), &token).await,
            };
            let expected = allowed.contains(&operation);
            assert_eq!(
                reply.status.is_success(),
                expected,
                "{permission} on {operation}: {}",
                reply.text
            );
            assert!(expected || reply.status.as_u16() == 403);
        }
    }
}

#[tokio::test]
async fn a_scope_is_a_ceiling_that_no_policy_lifts() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let vault = app.vault(&human).await;
    for path in ["in/x", "out/x"] {
        app.secret(&human, &vault, path, "v").await;
    }
    let agent = app.agent(&human, json!({"scopes": ["in/**"]})).await;
    app.policy(&human, &vault, &agent, "**", json!({})).await;
    let token = app.token(&agent).await;
    app.read(&token, &vault, "in/x").await.expect(200);
    let problem = app.read(&token, &vault, "out/x").await.problem(403);
    assert_eq!(problem["reason_code"], "scope/path-not-in-scope");
    // A lone `*` means everything, as a scope.
    let star = app.agent(&human, json!({"scopes": ["*"]})).await;
    app.policy(&human, &vault, &star, "**", json!({})).await;
    app.read(&app.token(&star).await, &vault, "out/x")
        .await
        .expect(200);
}

#[tokio::test]
async fn derived_scopes_are_fixed_when_the_token_is_issued() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let vault = app.vault(&human).await;
    app.secret(&human, &vault, "a", "x").await;
    let agent = app.agent(&human, json!({"scopes": ["vaults:read"]})).await;
    let before = app.token(&agent).await;
    app.policy(&human, &vault, &agent, "a", json!({})).await;
    app.read(&before, &vault, "a").await.problem(403);
    app.read(&app.token(&agent).await, &vault, "a")
        .await
        .expect(200);
}

#[tokio::test]
async fn a_refusal_does_not_tell_whether_the_path_exists() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let vault = app.vault(&human).await;
    app.secret(&human, &vault, "there", "x").await;
    let agent = app.agent(&human, json!({"scopes": ["**"]})).await;
    let token = app.token(&agent).await;
    let mut there = app.read(&token, &vault, "there").await.problem(403);
    let mut missing = app.read(&token, &vault, "missing").await.problem(403);
    for problem in [&mut there, &mut missing] {
        problem.as_object_mut().unwrap().remove("decision_id");
    }
    assert_eq!(there, missing);
}

#[tokio::test]
async fn only_those_who_manage_a_vault_touch_its_policies() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let vault = app.vault(&human).await;
    let agent = app.agent(&human, json!({"scopes": ["**"]})).await;
    let policy = app
        .policy(
            &human,
            &vault,
            &agent,
            "**",
            json!({"permissions": ["read", "write"]}),
        )
        .await;
    let token = app.token(&agent).await;
    let base = format!("/v1/vaults/{vault}/policies");
    app.get(&base, &token).await.problem(403);
    let body = json!({"secret_path_pattern": "**", "principal_type": "agent", "principal_id": agent.id, "permissions": ["rotate"]});
    app.post(&base, &token, body).await.problem(403);
    app.put(&format!("{base}/{policy}"), &token, json!({"priority": 5}))
        .await
        .problem(403);
    app.delete(&format!("{base}/{policy}"), &token)
        .await
        .problem(403);
}
