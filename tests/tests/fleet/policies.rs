//! Policies that are about many agents at once, and patterns with the agent's own words in them.

use oneclaw_tests::app::{Agent, Database, Human, TestApp};
use serde_json::{Value, json};

async fn grant(app: &TestApp, owner: &Human, vault: &str, to: &str, pattern: &str) -> String {
    let policy = app
        .post(
            &format!("/v1/vaults/{vault}/policies"),
            &owner.token,
            json!({
                "secret_path_pattern": pattern, "principal_type": "agent", "principal_id": to,
                "permissions": ["read", "write"],
            }),
        )
        .await
        .expect(201);
    assert_eq!(policy["principal_id"], to);
    policy["id"].as_str().unwrap().to_owned()
}

async fn named(app: &TestApp, owner: &Human, name: &str, labels: Value) -> Agent {
    app.agent(owner, json!({"name": name, "labels": labels}))
        .await
}

async fn status(app: &TestApp, token: &str, vault: &str, path: &str) -> u16 {
    app.read(token, vault, path).await.status.as_u16()
}

#[tokio::test]
async fn one_policy_gives_each_agent_its_own_subtree_on_sqlite() {
    one_policy_gives_each_agent_its_own_subtree(Database::Sqlite).await;
}

#[tokio::test]
async fn one_policy_gives_each_agent_its_own_subtree_on_postgresql() {
    one_policy_gives_each_agent_its_own_subtree(Database::Postgres).await;
}

async fn one_policy_gives_each_agent_its_own_subtree(database: Database) {
    let app = TestApp::start_with(database, |_| {}).await;
    let owner = app.human("owner").await;
    let vault = app.vault(&owner).await;
    for path in ["agents/w1/config", "agents/w2/config", "teams/red/key"] {
        app.secret(&owner, &vault, path, "value").await;
    }
    grant(&app, &owner, &vault, "*", "agents/{agent-name}/**").await;
    grant(
        &app,
        &owner,
        &vault,
        "label:team=red",
        "teams/{label:team}/*",
    )
    .await;
    let w1 = named(&app, &owner, "w1", json!({"team": "red"})).await;
    let w2 = named(&app, &owner, "w2", json!({})).await;
    let (t1, t2) = (app.token(&w1).await, app.token(&w2).await);
    for (token, path, expected) in [
        (&t1, "agents/w1/config", 200),
        (&t1, "agents/w2/config", 403),
        (&t1, "teams/red/key", 200),
        (&t2, "agents/w2/config", 200),
        (&t2, "agents/w1/config", 403),
        (&t2, "teams/red/key", 403),
    ] {
        assert_eq!(status(&app, token, &vault, path).await, expected, "{path}");
    }
    // The vault is there for its members, and each lists what it may read.
    let vaults = app.get("/v1/vaults", &t2).await.expect(200);
    assert_eq!(vaults["vaults"][0]["id"], vault.as_str());
    let list = app
        .get(&format!("/v1/vaults/{vault}/secrets"), &t2)
        .await
        .expect(200);
    let paths: Vec<&str> = list["secrets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["path"].as_str().unwrap())
        .collect();
    assert_eq!(paths, ["agents/w2/config"]);
    // A new agent has its subtree without anybody doing anything.
    let w3 = named(&app, &owner, "w3", json!({})).await;
    let t3 = app.token(&w3).await;
    let url = format!("/v1/vaults/{vault}/secrets/agents/w3/state");
    app.put(&url, &t3, json!({"value": "mine"}))
        .await
        .expect(201);
    let url = format!("/v1/vaults/{vault}/secrets/agents/w1/state");
    app.put(&url, &t3, json!({"value": "not mine"}))
        .await
        .problem(403);
}

#[tokio::test]
async fn changes_of_policies_names_and_labels_count_from_the_next_request_on_every_node() {
    let first = TestApp::start_with(Database::Postgres, |_| {}).await;
    let url = {
        use secrecy::ExposeSecret as _;
        let config = &first.running.services.config;
        config.database_url.expose_secret().to_owned()
    };
    // The same root key, as nodes of one installation have.
    let dir = tempfile::tempdir().unwrap();
    std::fs::copy(
        first.dir.path().join("root.key"),
        dir.path().join("root.key"),
    )
    .unwrap();
    let public_url = first.running.services.config.public_url.clone();
    let second = TestApp::start_in(dir, &url, |config| config.public_url = public_url).await;

    let owner = first.human("owner").await;
    let vault = first.vault(&owner).await;
    first.secret(&owner, &vault, "agents/w1/key", "value").await;
    first.secret(&owner, &vault, "teams/red", "value").await;
    let agent = first
        .agent(
            &owner,
            json!({"name": "w1", "labels": {"team": "red"}, "scopes": ["**"]}),
        )
        .await;
    let token = first.token(&agent).await;
    let both = async |path: &str, expected: u16| {
        for (node, app) in [&first, &second].into_iter().enumerate() {
            assert_eq!(
                status(app, &token, &vault, path).await,
                expected,
                "{path} on node {node}"
            );
        }
    };
    both("agents/w1/key", 403).await;
    let own = grant(&first, &owner, &vault, "*", "agents/{agent-name}/**").await;
    let team = grant(&second, &owner, &vault, "label:team=red", "teams/*").await;
    both("agents/w1/key", 200).await;
    both("teams/red", 200).await;

    let patch = async |app: &TestApp, change: Value| {
        app.patch(&format!("/v1/agents/{}", agent.id), &owner.token, change)
            .await
            .expect(200);
    };
    patch(&first, json!({"name": "w9"})).await;
    both("agents/w1/key", 403).await;
    patch(&second, json!({"name": "w1"})).await;
    both("agents/w1/key", 200).await;
    patch(&second, json!({"labels": {"team": "blue"}})).await;
    both("teams/red", 403).await;
    patch(&first, json!({"labels": {"team": "red"}})).await;
    both("teams/red", 200).await;

    let policy = |id: &str| format!("/v1/vaults/{vault}/policies/{id}");
    first
        .put(&policy(&own), &owner.token, json!({"effect": "deny"}))
        .await
        .expect(200);
    both("agents/w1/key", 403).await;
    second
        .delete(&policy(&team), &owner.token)
        .await
        .expect(204);
    both("teams/red", 403).await;
}

#[tokio::test]
async fn no_name_of_an_agent_reaches_what_is_not_its_own() {
    let app = TestApp::start().await;
    let owner = app.human("owner").await;
    let vault = app.vault(&owner).await;
    for path in ["agents/w1/key", "agents/w2/key", "agents/x", "a/key"] {
        app.secret(&owner, &vault, path, "value").await;
    }
    grant(&app, &owner, &vault, "*", "agents/{agent-name}/**").await;
    named(&app, &owner, "w1", json!({})).await;
    for name in [
        "*",
        "**",
        "w*",
        "w1/key",
        "../a",
        ".",
        "w1/../w2",
        "{agent-id}",
        "{agent-name}",
        "w[12]",
        "w?",
        "agents/w1",
        "w1 ",
        "w1",
    ] {
        let agent = app
            .agent(&owner, json!({"name": name, "scopes": ["**"]}))
            .await;
        let token = app.token(&agent).await;
        for path in ["agents/w1/key", "agents/w2/key", "agents/x", "a/key"] {
            assert_eq!(
                status(&app, &token, &vault, path).await,
                403,
                "`{name}` at {path}"
            );
        }
    }
}

#[tokio::test]
async fn a_denial_for_every_agent_holds_for_those_with_odd_names_too() {
    let app = TestApp::start().await;
    let owner = app.human("owner").await;
    let vault = app.vault(&owner).await;
    app.secret(&owner, &vault, "agents/w1/frozen/key", "value")
        .await;
    app.secret(&owner, &vault, "agents/w1/key", "value").await;
    let odd = named(&app, &owner, "w.1", json!({})).await;
    app.policy(&owner, &vault, &odd, "agents/w1/**", json!({}))
        .await;
    let deny = json!({
        "secret_path_pattern": "agents/{agent-name}/frozen/**", "principal_type": "agent",
        "principal_id": "*", "permissions": ["read"], "effect": "deny",
    });
    app.post(&format!("/v1/vaults/{vault}/policies"), &owner.token, deny)
        .await
        .expect(201);
    let token = app.token(&odd).await;
    assert_eq!(status(&app, &token, &vault, "agents/w1/key").await, 200);
    assert_eq!(
        status(&app, &token, &vault, "agents/w1/frozen/key").await,
        403
    );
}

#[tokio::test]
async fn scopes_of_a_token_have_the_patterns_for_many_filled_in() {
    let app = TestApp::start().await;
    let owner = app.human("owner").await;
    let vault = app.vault(&owner).await;
    grant(&app, &owner, &vault, "*", "agents/{agent-name}/**").await;
    grant(&app, &owner, &vault, "*", "api-keys/**").await;
    grant(&app, &owner, &vault, "label:team=red", "{label:team}/*").await;
    grant(&app, &owner, &vault, "label:team=blue", "blue-alone/*").await;
    let agent = named(&app, &owner, "w1", json!({"team": "red"})).await;
    let token = app.token(&agent).await;
    let claims = token.split('.').nth(1).unwrap();
    let claims = base64::Engine::decode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, claims).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(
        claims["scopes"],
        json!(["agents/w1/**", "api-keys/**", "red/*"])
    );
}

#[tokio::test]
async fn policies_for_many_that_cannot_be_meant_are_refused() {
    let app = TestApp::start().await;
    let owner = app.human("owner").await;
    let vault = app.vault(&owner).await;
    let url = format!("/v1/vaults/{vault}/policies");
    let policy = |kind: &str, id: &str, pattern: &str| json!({"secret_path_pattern": pattern, "principal_type": kind, "principal_id": id, "permissions": ["read"]});
    for (body, field) in [
        (policy("user", "*", "a/*"), "principal_id"),
        (policy("user", "label:team=red", "a/*"), "principal_id"),
        (policy("agent", "label:team", "a/*"), "principal_id"),
        (policy("agent", "label:a=1,a=2", "a/*"), "principal_id"),
        (policy("agent", "label:team=*", "a/*"), "principal_id"),
        (policy("agent", "**", "a/*"), "principal_id"),
        (policy("agent", "*", "{agent}/x"), "secret_path_pattern"),
        (policy("agent", "*", "{agent-name"), "secret_path_pattern"),
        (policy("agent", "*", "{label:a/b}/x"), "secret_path_pattern"),
        (
            policy("user", &owner.id, "{agent-id}/x"),
            "secret_path_pattern",
        ),
    ] {
        let problem = app
            .post(&url, &owner.token, body.clone())
            .await
            .problem(400);
        assert!(problem["fields"][field].is_string(), "{body}: {problem}");
    }
    let list = app.get(&url, &owner.token).await.expect(200);
    assert_eq!(list["policies"], json!([]));
    // Labels are told in the order of their names.
    let made = app
        .post(&url, &owner.token, policy("agent", "label:b=2,a=1", "a/*"))
        .await
        .expect(201);
    assert_eq!(made["principal_id"], "label:a=1,b=2");
}
