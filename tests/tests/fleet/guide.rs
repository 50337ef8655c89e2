//! Running a fleet, from the first agent to the last, by REST alone.

use oneclaw_tests::app::TestApp;
use serde_json::{Value, json};

const NAMES: [&str; 5] = ["worker-1", "worker-2", "worker-3", "scanner-a", "scanner-b"];

#[tokio::test]
async fn a_fleet_from_its_first_agent_to_its_last() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let key = app
        .post(
            "/v1/auth/api-keys",
            &human.token,
            json!({"name": "provisioning"}),
        )
        .await
        .expect(201);
    let key = key["api_key"].as_str().unwrap();
    let signed_in = app
        .post("/v1/auth/api-key-token", "", json!({"api_key": key}))
        .await
        .expect(200);
    let token = signed_in["access_token"].as_str().unwrap();

    // Five agents, one after the other.
    let mut ids = Vec::new();
    let mut keys = Vec::new();
    for name in NAMES {
        let body = json!({"name": name, "description": format!("Fleet agent: {name}"), "scopes": ["vaults:read"]});
        let made = app.post("/v1/agents", token, body).await.expect(201);
        ids.push(made["agent"]["id"].as_str().unwrap().to_owned());
        keys.push(made["api_key"].as_str().unwrap().to_owned());
    }

    // A shared vault with policies by path: for all, for each, and for one.
    let vault = app
        .post("/v1/vaults", token, json!({"name": "production-vault"}))
        .await
        .expect(201);
    let vault = vault["id"].as_str().unwrap();
    let secrets = format!("/v1/vaults/{vault}/secrets");
    for path in [
        "api-keys/openai",
        "api-keys/anthropic",
        "agents/worker-1/config",
        "agents/worker-2/config",
        "keys/base-signer",
    ] {
        app.put(&format!("{secrets}/{path}"), token, json!({"value": path}))
            .await
            .expect(201);
    }
    let policies = format!("/v1/vaults/{vault}/policies");
    let grant = async |pattern: &str, id: &str, permissions: Value, more: Value| {
        let mut body = json!({
            "secret_path_pattern": pattern, "principal_type": "agent", "principal_id": id, "permissions": permissions,
        });
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        app.post(&policies, token, body).await.expect(201)
    };
    for (name, id) in NAMES.iter().zip(&ids) {
        grant("api-keys/**", id, json!(["read"]), json!({})).await;
        grant(
            &format!("agents/{name}/**"),
            id,
            json!(["read", "write"]),
            json!({}),
        )
        .await;
    }
    let exchange = async |key: &str| {
        app.post("/v1/auth/agent-token", "", json!({"api_key": key}))
            .await
    };
    let sign_in = async |key: &str| {
        let answer = exchange(key).await.expect(200);
        answer["access_token"].as_str().unwrap().to_owned()
    };
    let may = async |agent: &str, path: &str| app.read(agent, vault, path).await.status.as_u16();
    let (one, two) = (sign_in(&keys[0]).await, sign_in(&keys[1]).await);
    assert_eq!(may(&one, "api-keys/openai").await, 200);
    assert_eq!(may(&one, "agents/worker-1/config").await, 200);
    assert_eq!(may(&one, "agents/worker-2/config").await, 403);
    assert_eq!(may(&two, "agents/worker-2/config").await, 200);
    assert_eq!(may(&one, "keys/base-signer").await, 403);

    // A conditional policy with an expiry. One that lies in the past is taken and never applies.
    let conditions = json!({
        "ip_allowlist": ["127.0.0.0/8"],
        "time_window": {"after": "00:00", "before": "00:00", "timezone": "UTC"},
    });
    let past = json!({"conditions": conditions, "expires_at": "2026-06-01T00:00:00Z"});
    let expired = grant("keys/**", &ids[0], json!(["read"]), past).await;
    assert_eq!(expired["expires_at"], "2026-06-01T00:00:00Z");
    let one = sign_in(&keys[0]).await;
    assert_eq!(may(&one, "keys/base-signer").await, 403);
    let ahead = json!({"conditions": conditions, "expires_at": "2100-01-01T00:00:00Z"});
    grant("keys/**", &ids[0], json!(["read"]), ahead).await;
    let one = sign_in(&keys[0]).await;
    assert_eq!(may(&one, "keys/base-signer").await, 200);

    // A vault for each agent.
    let mut own = Vec::new();
    for (name, id) in NAMES.iter().zip(&ids) {
        let body = json!({"name": format!("vault-{name}"), "description": format!("Isolated vault for {name}")});
        let vault = app.post("/v1/vaults", token, body).await.expect(201);
        let vault = vault["id"].as_str().unwrap().to_owned();
        let body = json!({
            "secret_path_pattern": "**", "principal_type": "agent", "principal_id": id,
            "permissions": ["read", "write"], "effect": "allow", "priority": 0, "policy_schema_version": 1,
        });
        app.post(&format!("/v1/vaults/{vault}/policies"), token, body)
            .await
            .expect(201);
        own.push(vault);
    }
    let two = sign_in(&keys[1]).await;
    let place = |n: usize| format!("/v1/vaults/{}/secrets/state", own[n]);
    app.put(&place(1), &two, json!({"value": "x"}))
        .await
        .expect(201);
    app.put(&place(0), &two, json!({"value": "x"}))
        .await
        .problem(403);

    // Bound to its own vault, whatever a policy says; and a shorter life of its tokens.
    let agent = |n: usize| format!("/v1/agents/{}", ids[n]);
    app.patch(
        &agent(1),
        token,
        json!({"vault_ids": [own[1]], "token_ttl_seconds": 300}),
    )
    .await
    .expect(200);
    assert_eq!(may(&two, "api-keys/openai").await, 403);
    let short = exchange(&keys[1]).await.expect(200);
    assert_eq!(short["expires_in"], 300);
    app.get(&place(1), short["access_token"].as_str().unwrap())
        .await
        .expect(200);

    // The same guardrails for all, with one request.
    let limits =
        json!({"tx_max_value": "0.05", "tx_daily_limit": "0.5", "tx_allowed_chains": ["base"]});
    app.put("/v1/org/guardrails", token, limits)
        .await
        .expect(200);

    // A new key: the old one is dead at once.
    let rotated = app
        .post(&format!("{}/rotate-key", agent(2)), token, Value::Null)
        .await
        .expect(200);
    assert_eq!(exchange(&keys[2]).await.status.as_u16(), 401);
    sign_in(rotated["api_key"].as_str().unwrap()).await;

    // Deactivated: shut out at once, and its history stays.
    app.patch(&agent(0), token, json!({"is_active": false}))
        .await
        .expect(200);
    assert_eq!(exchange(&keys[0]).await.status.as_u16(), 401);
    assert_eq!(may(&one, "api-keys/openai").await, 401);
    let query = format!(
        "/v1/audit/events?actor_type=agent&actor_id={}&limit=50",
        ids[0]
    );
    let events = app.get(&query, token).await.expect(200);
    let events = events["events"].as_array().unwrap();
    assert!(
        events
            .iter()
            .all(|event| event["actor_id"] == ids[0].as_str())
    );
    assert!(events.iter().any(|event| event["action"] == "secret.read"));
    let record = app.get(&agent(0), token).await.expect(200);
    assert_eq!(record["is_active"], false);
    let idle = app
        .get("/v1/agents?is_active=false", token)
        .await
        .expect(200);
    assert_eq!(idle["agents"].as_array().unwrap().len(), 1);
    let verified = app.get("/v1/audit/verify", token).await.expect(200);
    assert_eq!(verified["chain_valid"], true);

    // What is used, against what there is room for.
    let used = app.get("/v1/billing/subscription", token).await.expect(200);
    for (meter, count) in [("agents", 5), ("vaults", 6), ("secrets", 6)] {
        assert_eq!(used["usage"][meter]["used"], count, "{meter}");
        assert!(used["usage"][meter]["limit"].as_i64().unwrap() > 1_000_000);
    }
}

#[tokio::test]
async fn an_agent_that_enrols_by_itself_is_let_in_by_the_human_it_names() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let body = json!({"name": "worker-8f2c", "human_email": "ops@example.com"});
    let asked = app.post("/v1/agents/enroll", "", body).await.expect(201);
    assert!(!asked.to_string().contains("ocv_"));
    let mail = app.mail_to("ops@example.com").await;
    let token = mail.word("http").rsplit('/').next().unwrap().to_owned();
    let approve = format!("/v1/agents/enrollments/{token}/approve");
    let created = app
        .post(&approve, &human.token, json!({}))
        .await
        .expect(201);
    assert_eq!(created["agent"]["created_by"], human.id.as_str());
    let key = json!({"api_key": created["api_key"]});
    app.post("/v1/auth/agent-token", "", key).await.expect(200);
}

#[tokio::test]
async fn agents_share_back_with_the_human_who_made_them() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let vault = app.vault(&human).await;
    let mut shares = Vec::new();
    for name in NAMES {
        let agent = app
            .agent(&human, json!({"name": name, "scopes": ["**"]}))
            .await;
        let rights = json!({"permissions": ["read", "write"]});
        app.policy(&human, &vault, &agent, &format!("agents/{name}/**"), rights)
            .await;
        let token = app.token(&agent).await;
        let url = format!("/v1/vaults/{vault}/secrets/agents/{name}/result");
        let stored = app.put(&url, &token, json!({"value": name})).await;
        let secret = stored.expect(201)["id"].as_str().unwrap().to_owned();
        let body = json!({
            "recipient_type": "creator", "expires_at": "2026-12-31T00:00:00Z", "max_access_count": 5,
        });
        let share = app
            .post(&format!("/v1/secrets/{secret}/share"), &token, body)
            .await
            .expect(201);
        assert_eq!(share["max_access_count"], 5);
        shares.push((share["id"].as_str().unwrap().to_owned(), agent, token));
    }
    // Each is tracked by itself, and says which agent it is from.
    let inbound = app
        .get("/v1/shares/inbound", &human.token)
        .await
        .expect(200);
    let inbound = inbound["shares"].as_array().unwrap();
    assert_eq!(inbound.len(), NAMES.len());
    for (id, agent, _) in &shares {
        let item = inbound.iter().find(|item| item["id"] == id.as_str());
        let item = item.unwrap();
        assert_eq!(
            (&item["status"], &item["created_by"]),
            (&json!("pending"), &json!(agent.id))
        );
        assert!(NAMES.contains(&item["created_by_name"].as_str().unwrap()));
    }
    let answer = async |id: &str, what: &str| {
        let url = format!("/v1/shares/{id}/{what}");
        app.send(reqwest::Method::POST, &url, &human.token, None)
            .await
    };
    let value = async |id: &str| app.get(&format!("/v1/share/{id}"), &human.token).await;
    let (accepted, declined) = (&shares[0], &shares[1]);
    value(&accepted.0).await.problem(403);
    answer(&accepted.0, "accept").await.expect(204);
    answer(&declined.0, "decline").await.expect(204);
    assert_eq!(value(&accepted.0).await.expect(200)["value"], NAMES[0]);
    assert!(value(&declined.0).await.status.is_client_error());
    for ((id, _, token), status) in [(accepted, "accepted"), (declined, "declined")] {
        let item = app
            .get(&format!("/v1/shares/{id}"), token)
            .await
            .expect(200);
        assert_eq!(item["status"], status);
    }
}

#[tokio::test]
async fn guardrails_are_set_for_one_agent_and_for_all_in_a_loop() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let mut urls = Vec::new();
    for name in NAMES {
        let fields = json!({"name": name, "intents_api_enabled": true});
        let agent = app.agent(&human, fields).await;
        urls.push(format!("/v1/agents/{}", agent.id));
    }
    for url in &urls {
        let limits = json!({
            "tx_max_value": "0.05", "tx_daily_limit": "0.5", "tx_allowed_chains": ["base"],
        });
        let changed = app.patch(url, &human.token, limits).await.expect(200);
        assert_eq!(changed["tx_max_value"], "0.05");
    }
    let one = json!({
        "tx_to_allowlist": [
            "0x70997970C51812dc3A010C7d01b50e0d17dc79C8", "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
        ],
        "tx_max_value": "0.1", "tx_daily_limit": "1.0", "tx_allowed_chains": ["base", "ethereum"],
    });
    app.patch(&urls[0], &human.token, one).await.expect(200);
    let shown = app.get(&urls[0], &human.token).await.expect(200);
    assert_eq!(shown["tx_to_allowlist"].as_array().unwrap().len(), 2);
    assert_eq!(
        (&shown["tx_max_value"], &shown["tx_allowed_chains"]),
        (&json!("0.1"), &json!(["base", "ethereum"]))
    );
    let others = app.get(&urls[1], &human.token).await.expect(200);
    assert_eq!(others["tx_max_value"], "0.05");
}

#[tokio::test]
async fn patterns_match_what_their_table_says() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let vault = app.vault(&human).await;
    let paths = [
        "api-keys/openai",
        "api-keys/eu/openai",
        "env/production/db",
        "env/production/eu/db",
        "env/preview/db",
    ];
    for path in paths {
        app.secret(&human, &vault, path, "v").await;
    }
    for (pattern, readable) in [
        ("**", &paths[..]),
        ("api-keys/*", &paths[..1]),
        ("api-keys/**", &paths[..2]),
        ("env/production/*", &paths[2..3]),
    ] {
        let agent = app.agent(&human, json!({"scopes": ["**"]})).await;
        app.policy(&human, &vault, &agent, pattern, json!({})).await;
        let token = app.token(&agent).await;
        for path in paths {
            let expected = if readable.contains(&path) { 200 } else { 403 };
            let status = app.read(&token, &vault, path).await.status.as_u16();
            assert_eq!(status, expected, "{pattern} {path}");
        }
    }
}
