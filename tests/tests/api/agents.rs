//! Agents: their fields, keys and tokens.

use oneclaw_tests::app::TestApp;
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn creation_answers_in_both_shapes_and_shows_the_key_once() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let body = json!({"name": "worker-1", "scopes": ["vaults:read"], "shroud_config": {"a": 1}, "dpop_jwk": {}});
    let created = app.post("/v1/agents", &human.token, body).await.expect(201);
    assert!(created["api_key"].as_str().unwrap().starts_with("ocv_"));
    for field in ["id", "name", "scopes", "org_id", "created_by"] {
        assert_eq!(created[field], created["agent"][field], "{field}");
    }
    assert_eq!(created["created_by"], human.id.as_str());
    let url = format!("/v1/agents/{}", created["id"].as_str().unwrap());
    let got = app.get(&url, &human.token).await.expect(200);
    assert_eq!(got, created["agent"]);
    assert!(
        !got.to_string()
            .contains(created["api_key"].as_str().unwrap())
    );
    // In lists, nothing is counted.
    let mut listed = got;
    for field in [
        "tx_spent_today",
        "tx_spent_today_eth",
        "tx_spent_today_by_chain",
        "tx_count_today",
    ] {
        listed[field] = Value::Null;
    }
    assert_eq!(
        app.get("/v1/agents", &human.token).await.expect(200)["agents"],
        json!([listed])
    );
}

#[tokio::test]
async fn every_field_of_the_contract_is_stored_and_returned() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let vault = app.vault(&human).await;
    let fields = json!({
        "name": "full", "description": "d", "scopes": ["keys/**", "tx:sign"], "expires_at": "2027-01-01T00:00:00Z",
        "api_key_expires_at": "2026-12-31T00:00:00Z", "token_ttl_seconds": 300, "vault_ids": [vault],
        "intents_api_enabled": true, "environment": "production",
        "tx_to_allowlist": ["0x000000000000000000000000000000000000dEaD"], "tx_max_value": "0.1",
        "tx_daily_limit": "1.0", "tx_allowed_chains": ["base"], "tx_token_allowlist": ["0x036cbd53842c5426634e7929541ec2318f3dcf7e"],
        "tx_known_tokens_only": true, "tx_max_per_day": 5, "per_chain_guardrails": {"base": {"max_value": "0.05"}},
        "tx_overhead_budget": {"base": "0.01"}, "solana_ata_allowlist": [], "xrpl_allowed_tx_types": [],
        "message_signing_enabled": true, "eip712_default_policy": "allow",
        "eip712_domain_allowlist": [{"verifying_contract": "0x000000000022D473030F116dDEE9F6B43aC78BA3", "chain_id": 1}],
        "shroud_enabled": true, "shroud_config": {"mode": "x"}, "execution_intents_enabled": false,
        "execution_guardrails": {}, "cards_enabled": true, "cards_monthly_limit": "10",
        "federation_enabled": true, "federation_audiences": ["https://example.com"], "environment_locked": true,
        "env_auto_resolve": true, "per_environment_guardrails": {}, "intent_signature": "optional",
        "labels": {"team": "red"}, "guardrails": {"fees": {"max_gas": 500_000}},
    });
    let created = app
        .post("/v1/agents", &human.token, fields.clone())
        .await
        .expect(201);
    for (name, value) in fields.as_object().unwrap() {
        assert_eq!(created["agent"][name], *value, "{name}");
    }
    let agent = &created["agent"];
    assert_eq!(
        (&agent["tx_max_value_eth"], &agent["tx_daily_limit_eth"]),
        (&json!("0.1"), &json!("1.0"))
    );
    assert_eq!(agent["auth_method"], "api_key");
    assert_eq!(
        agent["api_key_prefix"],
        &created["api_key"].as_str().unwrap()[..12]
    );
    for (name, value) in [
        ("is_active", json!(true)),
        ("tx_spent_today", json!("0")),
        ("tx_spent_today_eth", json!("0")),
        ("tx_spent_today_by_chain", json!({"evm": "0"})),
        ("tx_count_today", json!(0)),
        ("raw_signing_enabled", json!(false)),
        ("signing_chains", json!([])),
        ("smart_accounts", json!([])),
        ("evm_address", Value::Null),
        ("intents_require_tee", json!(false)),
        ("execution_require_tee", json!(false)),
    ] {
        assert_eq!(agent[name], value, "{name}");
    }
    use base64::Engine as _;
    let decoded = |name: &str| {
        base64::prelude::BASE64_STANDARD
            .decode(agent[name].as_str().unwrap())
            .unwrap()
    };
    assert_eq!(decoded("ssh_public_key").len(), 32);
    assert_eq!(
        (
            decoded("ecdh_public_key").len(),
            decoded("ecdh_public_key")[0]
        ),
        (65, 4)
    );
}

#[tokio::test]
async fn an_update_keeps_what_is_absent_and_clears_what_is_null() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let agent = app.agent(&human, json!({"tx_max_value": "1", "tx_to_allowlist": ["0x036cbd53842c5426634e7929541ec2318f3dcf7e"], "description": "d", "token_ttl_seconds": 300})).await;
    let url = format!("/v1/agents/{}", agent.id);
    let kept = app
        .patch(&url, &human.token, json!({"name": "renamed"}))
        .await
        .expect(200);
    assert_eq!(
        (
            &kept["name"],
            &kept["tx_max_value"],
            &kept["token_ttl_seconds"]
        ),
        (&json!("renamed"), &json!("1"), &json!(300))
    );
    let body = json!({"tx_max_value": null, "tx_to_allowlist": [], "description": null, "token_ttl_seconds": null, "scopes": null});
    let cleared = app.patch(&url, &human.token, body).await.expect(200);
    assert_eq!(cleared["tx_max_value"], Value::Null);
    assert_eq!(cleared["tx_max_value_eth"], Value::Null);
    assert_eq!(cleared["tx_to_allowlist"], json!([]));
    assert_eq!(
        (&cleared["description"], &cleared["token_ttl_seconds"]),
        (&json!(""), &Value::Null)
    );
    let eth = app
        .patch(&url, &human.token, json!({"tx_max_value_eth": "0.5"}))
        .await
        .expect(200);
    assert_eq!(eth["tx_max_value"], "0.5");
    for (bad, field) in [
        (json!({"token_ttl_seconds": 59}), "token_ttl_seconds"),
        (json!({"token_ttl_seconds": 86401}), "token_ttl_seconds"),
        (
            json!({"vault_ids": ["0190a0b0-0000-7000-8000-000000000001"]}),
            "vault_ids",
        ),
        (json!({"scopes": ["a//b"]}), "scopes"),
        (
            json!({"execution_require_tee": true}),
            "execution_require_tee",
        ),
        (json!({"tx_max_value": "1e3"}), "tx_max_value"),
        (json!({"name": ""}), "name"),
    ] {
        let problem = app.patch(&url, &human.token, bad).await.problem(400);
        assert!(problem["fields"][field].is_string(), "{problem}");
    }
    assert_eq!(
        app.get(&url, &human.token).await.expect(200),
        eth,
        "a refused change changes nothing"
    );
}

#[tokio::test]
async fn an_agent_finds_itself_and_nobody_else() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let (one, two) = (
        app.agent(&human, json!({})).await,
        app.agent(&human, json!({})).await,
    );
    let token = app.token(&one).await;
    let me = app.get("/v1/agents/me", &token).await.expect(200);
    assert_eq!(me["id"], one.id.as_str());
    app.get(&format!("/v1/agents/{}", one.id), &token)
        .await
        .expect(200);
    app.get(&format!("/v1/agents/{}", two.id), &token)
        .await
        .problem(403);
    app.get("/v1/agents", &token).await.problem(403);
    app.post("/v1/agents", &token, json!({"name": "x"}))
        .await
        .problem(403);
    app.patch(
        &format!("/v1/agents/{}", one.id),
        &token,
        json!({"scopes": ["**"]}),
    )
    .await
    .problem(403);
    app.get("/v1/auth/me", &token).await.problem(403);
    app.get("/v1/agents/me", &human.token).await.problem(403);
}

#[tokio::test]
async fn a_key_exchange_names_the_agent_and_takes_its_lifetime() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let vault = app.vault(&human).await;
    let agent = app
        .agent(
            &human,
            json!({"token_ttl_seconds": 300, "vault_ids": [vault]}),
        )
        .await;
    let body = json!({"api_key": agent.key, "agent_id": agent.id});
    let token = app.post("/v1/auth/agent-token", "", body).await.expect(200);
    assert_eq!(token["agent_id"], agent.id.as_str());
    assert_eq!(token["vault_ids"], json!([vault]));
    assert_eq!(token["expires_in"], 300);
    let bearer = token["access_token"].as_str().unwrap();
    app.get("/v1/agents/me", bearer).await.expect(200);
    app.get("/v1/agents/me", &agent.key).await.expect(200);
    app.clock.advance_seconds(300);
    app.get("/v1/agents/me", bearer).await.problem(401);
    app.get("/v1/agents/me", &agent.key).await.expect(200);
}

#[tokio::test]
async fn the_last_activity_of_an_agent_is_kept() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let agent = app.agent(&human, json!({})).await;
    app.token(&agent).await;
    // Written along with other things a little later, and at the latest when the server stops.
    let dir = app.stop().await;
    let url = format!("sqlite://{}/oneclaw.db", dir.path().display());
    let app = TestApp::start_in(dir, &url, |_| {}).await;
    let me = app.get("/v1/agents/me", &agent.key).await.expect(200);
    assert_eq!(me["last_active_at"], "2026-11-23T12:00:00Z");
}

#[tokio::test]
async fn every_wrong_credential_is_answered_alike() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let (one, two) = (
        app.agent(&human, json!({})).await,
        app.agent(&human, json!({})).await,
    );
    let dead = app.agent(&human, json!({})).await;
    app.patch(
        &format!("/v1/agents/{}", dead.id),
        &human.token,
        json!({"is_active": false}),
    )
    .await
    .expect(200);
    let short = app
        .agent(&human, json!({"expires_at": "2026-11-23T12:00:01Z"}))
        .await;
    let old = app
        .agent(
            &human,
            json!({"api_key_expires_at": "2026-11-23T12:00:01Z"}),
        )
        .await;
    app.clock.advance_seconds(1);
    let mut answers = Vec::new();
    for body in [
        json!({"api_key": "ocv_nonsense"}),
        json!({"api_key": one.key, "agent_id": two.id}),
        json!({"api_key": one.key, "agent_id": "not-a-uuid"}),
        json!({"api_key": dead.key}),
        json!({"api_key": short.key}),
        json!({"api_key": old.key}),
        json!({"api_key": ""}),
    ] {
        answers.push(
            app.post("/v1/auth/agent-token", "", body)
                .await
                .problem(401),
        );
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
}

#[tokio::test]
async fn a_rotated_key_replaces_the_old_one_at_once() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let agent = app.agent(&human, json!({})).await;
    let issued = app.token(&agent).await;
    let url = format!("/v1/agents/{}/rotate-key", agent.id);
    let rotated = app
        .send(Method::POST, &url, &human.token, None)
        .await
        .expect(200);
    let key = rotated["api_key"].as_str().unwrap();
    assert!(key.starts_with("ocv_") && key != agent.key);
    assert_eq!(rotated["agent"]["api_key_prefix"], &key[..12]);
    app.post("/v1/auth/agent-token", "", json!({"api_key": agent.key}))
        .await
        .problem(401);
    app.post("/v1/auth/agent-token", "", json!({"api_key": key}))
        .await
        .expect(200);
    app.get("/v1/agents/me", &issued).await.expect(200);
}

#[tokio::test]
async fn identity_keys_are_rotated_together() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let agent = app.agent(&human, json!({})).await;
    let url = format!("/v1/agents/{}", agent.id);
    let before = app.get(&url, &human.token).await.expect(200);
    let after = app
        .send(
            Method::POST,
            &format!("{url}/rotate-identity-keys"),
            &human.token,
            None,
        )
        .await
        .expect(200);
    assert_ne!(before["ssh_public_key"], after["ssh_public_key"]);
    assert_ne!(before["ecdh_public_key"], after["ecdh_public_key"]);
    let vault = app
        .get("/v1/org/agent-keys-vault", &human.token)
        .await
        .expect(200);
    let vault = vault["vault_id"].as_str().unwrap();
    app.policy(&human, vault, &agent, "agents/**", json!({}))
        .await;
    let path = format!("agents/{}/ssh/private_key", agent.id);
    assert_eq!(
        app.read(&app.token(&agent).await, vault, &path)
            .await
            .expect(200)["version"],
        2
    );
}

#[tokio::test]
async fn a_human_can_make_a_token_for_an_agent() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let agent = app.agent(&human, json!({})).await;
    let url = format!("/v1/agents/{}/token", agent.id);
    let token = app
        .send(Method::POST, &url, &human.token, None)
        .await
        .expect(200);
    assert_eq!(
        (&token["token"], &token["expires_in"]),
        (&token["access_token"], &json!(3600))
    );
    let me = app
        .get("/v1/agents/me", token["token"].as_str().unwrap())
        .await
        .expect(200);
    assert_eq!(me["id"], agent.id.as_str());
    assert_eq!(app.events(&human, "action=agent.token").await.len(), 1);
}

#[tokio::test]
async fn deleted_agents_are_gone_and_their_events_stay() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let vault = app.vault(&human).await;
    let agents = [
        app.agent(&human, json!({})).await,
        app.agent(&human, json!({})).await,
        app.agent(&human, json!({})).await,
    ];
    app.policy(&human, &vault, &agents[0], "**", json!({}))
        .await;
    let token = app.token(&agents[0]).await;
    assert_eq!(
        app.delete(&format!("/v1/agents/{}", agents[0].id), &human.token)
            .await
            .status
            .as_u16(),
        204
    );
    app.get("/v1/agents/me", &token).await.problem(401);
    app.get(&format!("/v1/agents/{}", agents[0].id), &human.token)
        .await
        .problem(404);
    let policies = app
        .get(&format!("/v1/vaults/{vault}/policies"), &human.token)
        .await
        .expect(200);
    assert_eq!(policies["policies"], json!([]));
    assert!(
        !app.events(&human, &format!("actor_id={}", agents[0].id))
            .await
            .is_empty()
    );

    let body = json!({"agent_ids": [agents[1].id, agents[2].id, agents[0].id, agents[1].id, "x"]});
    let result = app
        .post("/v1/agents/batch-delete", &human.token, body)
        .await
        .expect(200);
    assert_eq!(
        (&result["deleted"], &result["failed"]),
        (&json!(2), &json!(3))
    );
    assert_eq!(result["errors"].as_array().unwrap().len(), 3);
    assert_eq!(
        app.get("/v1/agents", &human.token).await.expect(200)["agents"],
        json!([])
    );
}

#[tokio::test]
async fn an_agent_without_a_key_is_refused_for_now() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    for method in ["mtls", "oidc_client_credentials", "magic"] {
        let body = json!({"name": "x", "auth_method": method});
        let problem = app
            .post("/v1/agents", &human.token, body)
            .await
            .problem(400);
        assert!(problem["fields"]["auth_method"].is_string());
    }
}

#[tokio::test]
async fn parallel_first_agents_share_one_vault_for_their_keys() {
    let app = std::sync::Arc::new(TestApp::start().await);
    let human = std::sync::Arc::new(app.human("ops").await);
    let mut made = tokio::task::JoinSet::new();
    for _ in 0..12 {
        let (app, human) = (std::sync::Arc::clone(&app), std::sync::Arc::clone(&human));
        made.spawn(async move { app.agent(&human, json!({})).await.id });
    }
    assert_eq!(made.join_all().await.len(), 12);
    assert_eq!(
        app.get("/v1/agents", &human.token).await.expect(200)["agents"]
            .as_array()
            .unwrap()
            .len(),
        12
    );
    app.get("/v1/org/agent-keys-vault", &human.token)
        .await
        .expect(200);
}
