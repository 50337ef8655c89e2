//! The keys that agents sign transactions with.

use oneclaw_tests::anvil::{ACCOUNTS, Anvil, KEYS};
use oneclaw_tests::app::{Agent, Database, Human, PASSWORD, Reply, TestApp};
use reqwest::Method;
use serde_json::{Value, json};

fn keys_url(agent: &Agent) -> String {
    format!("/v1/agents/{}/signing-keys", agent.id)
}

async fn carry(
    app: &TestApp,
    human: &Human,
    agent: &Agent,
    what: &str,
    body: Value,
    password: &str,
) -> Reply {
    let url = format!("{}/ethereum/{what}", keys_url(agent));
    let headers = [("x-auth-confirm", password)];
    app.send_with(Method::POST, &url, &human.token, Some(body), &headers)
        .await
}

async fn a_key_lives(database: Database) {
    let app = TestApp::start_with(database, |_| {}).await;
    let human = app.human("ops").await;
    let agent = app.agent(&human, json!({})).await;
    let url = keys_url(&agent);
    let first = app
        .post(&url, &human.token, json!({"chain": "base"}))
        .await
        .expect(201);
    assert_eq!(
        (&first["chain"], &first["curve"]),
        (&json!("ethereum"), &json!("secp256k1"))
    );
    assert_eq!(
        (&first["key_version"], &first["is_active"]),
        (&json!(1), &json!(true))
    );
    app.post(&url, &human.token, json!({"chain": 1}))
        .await
        .problem(409);
    let exported = carry(&app, &human, &agent, "export", json!({}), PASSWORD)
        .await
        .expect(200);
    assert_eq!(exported["address"], first["address"]);

    let second = app
        .post(&format!("{url}/ethereum/rotate"), &human.token, json!({}))
        .await
        .expect(200);
    assert_eq!(second["key_version"], 2);
    assert_ne!(second["address"], first["address"]);
    let list = app.get(&url, &human.token).await.expect(200);
    let states: Vec<_> = list["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| {
            (
                key["key_version"].clone(),
                key["is_active"].clone(),
                key["rotated_at"].is_string(),
            )
        })
        .collect();
    assert_eq!(
        states,
        [
            (json!(2), json!(true), false),
            (json!(1), json!(false), true)
        ]
    );

    let record = format!("/v1/agents/{}", agent.id);
    let shown = app.get(&record, &human.token).await.expect(200);
    assert_eq!(shown["evm_address"], second["address"]);
    assert_eq!(shown["signing_chains"], json!(["ethereum"]));

    app.delete(&format!("{url}/ethereum"), &human.token)
        .await
        .expect(204);
    app.delete(&format!("{url}/ethereum"), &human.token)
        .await
        .problem(404);
    app.post(&format!("{url}/ethereum/rotate"), &human.token, json!({}))
        .await
        .problem(404);
    carry(&app, &human, &agent, "export", json!({}), PASSWORD)
        .await
        .problem(404);

    let brought = carry(
        &app,
        &human,
        &agent,
        "import",
        json!({"private_key": KEYS[0]}),
        PASSWORD,
    )
    .await
    .expect(201);
    assert_eq!(brought["key_version"], 3);
    assert_eq!(
        brought["address"].as_str().unwrap().to_lowercase(),
        ACCOUNTS[0]
    );
    carry(
        &app,
        &human,
        &agent,
        "import",
        json!({"private_key": KEYS[1]}),
        PASSWORD,
    )
    .await
    .problem(409);
    let back = carry(&app, &human, &agent, "export", json!({}), PASSWORD)
        .await
        .expect(200);
    assert_eq!(
        format!("0x{}", back["private_key"].as_str().unwrap()),
        KEYS[0]
    );
    assert_eq!(
        (
            &back["address"],
            &back["public_key"],
            &back["key_version"],
            &back["agent_id"]
        ),
        (
            &brought["address"],
            &brought["public_key"],
            &json!(3),
            &json!(agent.id)
        )
    );

    let events = app.events(&human, "limit=100").await;
    for action in ["create", "rotate", "deactivate", "import", "export"] {
        let action = format!("signing_key.{action}");
        assert!(
            events
                .iter()
                .any(|event| event["action"] == action.as_str()),
            "{action}"
        );
    }
    let trail = json!(events).to_string();
    assert!(!trail.contains(KEYS[0].trim_start_matches("0x")));
    assert!(!trail.contains(exported["private_key"].as_str().unwrap()));
}

#[tokio::test]
async fn a_key_is_made_carried_out_rotated_ended_and_another_brought_in() {
    a_key_lives(Database::Sqlite).await;
}

#[tokio::test]
async fn a_key_is_made_carried_out_rotated_ended_and_another_brought_in_on_postgresql() {
    a_key_lives(Database::Postgres).await;
}

#[tokio::test]
async fn other_kinds_of_chains_and_unknown_ones_are_refused() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let agent = app.agent(&human, json!({})).await;
    for chain in ["bitcoin", "solana", "xrp", "cardano", "tron"] {
        let problem = app
            .post(&keys_url(&agent), &human.token, json!({"chain": chain}))
            .await
            .problem(400);
        assert!(
            problem["detail"]
                .as_str()
                .unwrap()
                .contains("EVM chains alone"),
            "{problem}"
        );
    }
    for chain in [
        json!("nowhere"),
        json!(""),
        json!(999_999_999_u64),
        json!("\u{0}"),
    ] {
        let problem = app
            .post(&keys_url(&agent), &human.token, json!({"chain": chain}))
            .await
            .problem(400);
        assert!(
            problem["detail"].as_str().unwrap().starts_with("chain"),
            "{problem}"
        );
    }
}

#[tokio::test]
async fn what_is_no_private_key_is_not_brought_in_and_not_repeated() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let agent = app.agent(&human, json!({})).await;
    let order = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
    for (key, format) in [
        ("MARKER not a key", "hex"),
        ("", "hex"),
        (&*"0".repeat(64), "hex"),
        (order, "hex"),
        (&*"a".repeat(63), "hex"),
        (&*"a".repeat(66), "hex"),
        ("MARKERMARKER", "base64"),
        (KEYS[0], "wif"),
        (KEYS[0], "pem"),
    ] {
        let body = json!({"private_key": key, "format": format});
        let reply = carry(&app, &human, &agent, "import", body, PASSWORD).await;
        assert!(
            !reply.text.contains("MARKER") && !reply.text.contains(order),
            "{}",
            reply.text
        );
        reply.problem(400);
    }
    assert_eq!(
        app.get(&keys_url(&agent), &human.token).await.expect(200)["keys"],
        json!([])
    );
}

#[tokio::test]
async fn a_key_is_carried_with_the_right_password_alone_and_wrong_ones_run_out() {
    let app = TestApp::start_with(Database::Sqlite, |config| config.rate_limits = true).await;
    let human = app.human("ops").await;
    let agent = app.agent(&human, json!({})).await;
    app.post(
        &keys_url(&agent),
        &human.token,
        json!({"chain": "ethereum"}),
    )
    .await
    .expect(201);
    let url = format!("{}/ethereum/export", keys_url(&agent));
    app.post(&url, &human.token, json!({})).await.problem(403);
    for _ in 0..5 {
        carry(&app, &human, &agent, "export", json!({}), "wrong")
            .await
            .problem(403);
    }
    carry(&app, &human, &agent, "export", json!({}), PASSWORD)
        .await
        .problem(429);
    carry(
        &app,
        &human,
        &agent,
        "import",
        json!({"private_key": KEYS[0]}),
        PASSWORD,
    )
    .await
    .problem(429);
    let events = app.events(&human, "action=signing_key.export").await;
    let codes = |code: &str| {
        events
            .iter()
            .filter(|event| event["details"]["code"] == code)
            .count()
    };
    assert_eq!(
        (codes("confirmation_missing"), codes("confirmation_wrong")),
        (1, 5)
    );
}

#[tokio::test]
async fn an_agent_sees_its_own_keys_and_touches_none() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let agent = app.agent(&human, json!({})).await;
    let other = app.agent(&human, json!({"name": "other"})).await;
    app.post(
        &keys_url(&agent),
        &human.token,
        json!({"chain": "ethereum"}),
    )
    .await
    .expect(201);
    let token = app.token(&agent).await;
    let url = keys_url(&agent);
    let list = app.get(&url, &token).await.expect(200);
    assert_eq!(list["keys"].as_array().unwrap().len(), 1);
    app.get(&keys_url(&other), &token).await.problem(403);
    app.get(&format!("{}/ethereum/balance", keys_url(&other)), &token)
        .await
        .problem(403);
    app.post(&url, &token, json!({"chain": "ethereum"}))
        .await
        .problem(403);
    app.post(&format!("{url}/ethereum/rotate"), &token, json!({}))
        .await
        .problem(403);
    app.post(&format!("{url}/ethereum/export"), &token, json!({}))
        .await
        .problem(403);
    app.post(
        &format!("{url}/ethereum/import"),
        &token,
        json!({"private_key": KEYS[0]}),
    )
    .await
    .problem(403);
    app.delete(&format!("{url}/ethereum"), &token)
        .await
        .problem(403);

    let stranger = app.human("stranger").await;
    app.get(&url, &stranger.token).await.problem(404);
    app.post(&url, &stranger.token, json!({"chain": "ethereum"}))
        .await
        .problem(404);
    carry(&app, &stranger, &agent, "export", json!({}), PASSWORD)
        .await
        .problem(404);
}

#[tokio::test]
async fn without_a_plugin_no_key_is_carried_out() {
    let app = TestApp::start_with(Database::Sqlite, |config| {
        config.access_plugin = oneclaw_server::config::AccessPlugin::None;
    })
    .await;
    let human = app.human("ops").await;
    let agent = app.agent(&human, json!({})).await;
    app.post(
        &keys_url(&agent),
        &human.token,
        json!({"chain": "ethereum"}),
    )
    .await
    .expect(201);
    let problem = carry(&app, &human, &agent, "export", json!({}), PASSWORD)
        .await
        .problem(403);
    assert!(problem["decision_id"].is_string(), "{problem}");
}

#[tokio::test]
async fn a_balance_is_read_from_the_chain_that_is_named() {
    let anvil = Anvil::start().await;
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let agent = app.agent(&human, json!({})).await;
    let url = keys_url(&agent);
    app.get(&format!("{url}/base/balance"), &human.token)
        .await
        .problem(404);
    carry(
        &app,
        &human,
        &agent,
        "import",
        json!({"private_key": KEYS[0]}),
        PASSWORD,
    )
    .await
    .expect(201);
    app.get(&format!("{url}/base/balance"), &human.token)
        .await
        .problem(503);
    app.get(&format!("{url}/nowhere/balance"), &human.token)
        .await
        .problem(400);

    let local = app.get("/v1/chains/localhost", "").await.expect(200);
    let chain = format!("/v1/admin/chains/{}", local["id"].as_str().unwrap());
    app.put(&chain, &human.token, json!({"rpc_url": anvil.url()}))
        .await
        .expect(200);
    let token = app.token(&agent).await;
    let balance = app
        .get(&format!("{url}/localhost/balance"), &token)
        .await
        .expect(200);
    assert_eq!(
        balance,
        json!({"chain": "localhost", "address": balance["address"], "balance_wei": "10000000000000000000000",
            "balance_display": "10000 ETH"})
    );
    assert_eq!(
        balance["address"].as_str().unwrap().to_lowercase(),
        ACCOUNTS[0]
    );
    for tokens in ["0x12", "0x", &vec![ACCOUNTS[1]; 21].join(","), ACCOUNTS[1]] {
        let problem = app
            .get(&format!("{url}/localhost/balance?tokens={tokens}"), &token)
            .await
            .problem(400);
        assert!(
            problem["detail"].as_str().unwrap().starts_with("tokens"),
            "{problem}"
        );
    }
}

#[tokio::test]
async fn no_policy_gives_a_signing_key_away() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let agent = app.agent(&human, json!({})).await;
    app.post(
        &keys_url(&agent),
        &human.token,
        json!({"chain": "ethereum"}),
    )
    .await
    .expect(201);
    let found = app
        .get("/v1/org/agent-keys-vault", &human.token)
        .await
        .expect(200);
    let vault = found["vault_id"].as_str().unwrap();
    for (kind, id) in [("user", &human.id), ("agent", &agent.id)] {
        let policy = json!({
            "secret_path_pattern": "**", "principal_type": kind, "principal_id": id, "permissions": ["read"],
        });
        app.post(
            &format!("/v1/vaults/{vault}/policies"),
            &human.token,
            policy,
        )
        .await
        .expect(201);
    }
    // What is not a signing key is read, so that it is not for lack of a policy.
    let path = |rest: &str| format!("agents/{}/{rest}/private_key", agent.id);
    app.read(&human.token, vault, &path("ssh"))
        .await
        .expect(200);
    let token = app.token(&agent).await;
    for token in [&human.token, &token] {
        let refused = app.read(token, vault, &path("chains/ethereum")).await;
        let problem = refused.problem(403);
        assert_eq!(
            problem["reason_code"], "vault/signing-key-blocked",
            "{problem}"
        );
        let version = format!(
            "/v1/vaults/{vault}/secret-version/{}/1",
            path("chains/ethereum")
        );
        app.get(&version, token).await.problem(403);
    }
    carry(&app, &human, &agent, "export", json!({}), PASSWORD)
        .await
        .expect(200);
}
