//! A fleet in one request.

use oneclaw_tests::app::{Database, TestApp};
use reqwest::Method;
use serde_json::{Value, json};

const BULK: &str = "/v1/agents/bulk";

fn fleet(size: usize) -> Value {
    let agents: Vec<Value> = (0..size)
        .map(|n| {
            json!({
                "ref": format!("w{n}"), "name": format!("worker-{n}"), "labels": {"team": "red"},
                "vault_ids": ["ref:shared", format!("ref:own{n}")],
            })
        })
        .collect();
    let mut vaults = vec![json!({"ref": "shared", "name": "production"})];
    let mut policies = vec![json!({
        "vault": "ref:shared", "secret_path_pattern": "agents/{agent-name}/**", "principal_type": "agent",
        "principal_id": "*", "permissions": ["read", "write"],
    })];
    for n in 0..size {
        vaults.push(json!({"ref": format!("own{n}"), "name": format!("vault-{n}")}));
        policies.push(json!({
            "vault": format!("ref:own{n}"), "secret_path_pattern": "**", "principal_type": "agent",
            "principal_id": format!("ref:w{n}"), "permissions": ["read", "write"],
        }));
    }
    json!({"agents": agents, "vaults": vaults, "policies": policies})
}

async fn count(app: &TestApp, token: &str, list: &str) -> usize {
    let answer = app.get(&format!("/v1/{list}"), token).await.expect(200);
    answer[list].as_array().unwrap().len()
}

#[tokio::test]
async fn a_fleet_is_made_in_one_request_on_sqlite() {
    a_fleet_is_made_in_one_request(Database::Sqlite).await;
}

#[tokio::test]
async fn a_fleet_is_made_in_one_request_on_postgresql() {
    a_fleet_is_made_in_one_request(Database::Postgres).await;
}

async fn a_fleet_is_made_in_one_request(database: Database) {
    let app = TestApp::start_with(database, |_| {}).await;
    let owner = app.human("owner").await;
    let made = app.post(BULK, &owner.token, fleet(5)).await.expect(201);
    assert_eq!(made["replayed"], false);
    let shared = made["vaults"][0]["id"].as_str().unwrap();
    for n in 0..5 {
        let agent = &made["agents"][n];
        assert_eq!(agent["ref"], format!("w{n}"));
        assert_eq!(agent["name"], format!("worker-{n}"));
        let key = agent["api_key"].as_str().unwrap();
        assert!(key.starts_with(agent["api_key_prefix"].as_str().unwrap()));
        let token = app
            .post("/v1/auth/agent-token", "", json!({"api_key": key}))
            .await
            .expect(200);
        let token = token["access_token"].as_str().unwrap();
        // In its subtree of the shared vault, and in its own; nowhere else.
        let own = made["vaults"][n + 1]["id"].as_str().unwrap();
        let other = made["vaults"][(n + 1) % 5 + 1]["id"].as_str().unwrap();
        for (vault, path, expected) in [
            (shared, format!("agents/worker-{n}/config"), 201),
            (shared, format!("agents/worker-{}/config", n + 1), 403),
            (own, "anything".to_owned(), 201),
            (other, "anything".to_owned(), 403),
        ] {
            let url = format!("/v1/vaults/{vault}/secrets/{path}");
            let reply = app.put(&url, token, json!({"value": "v"})).await;
            assert_eq!(reply.status.as_u16(), expected, "{url}");
        }
        // As complete as one that was made alone.
        let url = format!("/v1/agents/{}", agent["id"].as_str().unwrap());
        let record = app.get(&url, &owner.token).await.expect(200);
        assert!(record["ssh_public_key"].is_string() && record["ecdh_public_key"].is_string());
        assert_eq!(record["created_by"], owner.id.as_str());
        assert_eq!(record["vault_ids"], json!([shared, own]));
    }
    let events = app.events(&owner, "action=agent.register&limit=100").await;
    assert_eq!(events.len(), 5);
    let verified = app.get("/v1/audit/verify", &owner.token).await.expect(200);
    assert_eq!(verified["chain_valid"], true);
}

#[tokio::test]
async fn one_mistake_anywhere_makes_nothing() {
    let app = TestApp::start().await;
    let owner = app.human("owner").await;
    let stranger = app.human("stranger").await;
    let foreign = app.vault(&stranger).await;
    let good = fleet(3);
    let with = |list: &str, entry: Value| {
        let mut body = good.clone();
        body[list].as_array_mut().unwrap().push(entry);
        body
    };
    let policy = |vault: &str, principal: &str, pattern: &str| {
        json!({"vault": vault, "secret_path_pattern": pattern, "principal_type": "agent",
            "principal_id": principal, "permissions": ["read"]})
    };
    for (body, field) in [
        (with("agents", json!({"name": ""})), "agents[3].name"),
        (
            with("agents", json!({"ref": "w0", "name": "x"})),
            "agents[3].ref",
        ),
        (
            with("agents", json!({"ref": "a b", "name": "x"})),
            "agents[3].ref",
        ),
        (
            with("agents", json!({"name": "x", "vault_ids": ["ref:none"]})),
            "agents[3].vault_ids",
        ),
        (
            with("agents", json!({"name": "x", "vault_ids": [foreign]})),
            "agents[3].vault",
        ),
        (
            with("agents", json!({"name": "x", "tx_max_value": "-1"})),
            "agents[3].tx_max_value",
        ),
        (with("vaults", json!({"name": " "})), "vaults[4].name"),
        (
            with("policies", policy("ref:none", "*", "a")),
            "policies[4].vault",
        ),
        (
            with("policies", policy("ref:shared", "ref:none", "a")),
            "policies[4].principal_id",
        ),
        (
            with("policies", policy("ref:shared", "*", "a//b")),
            "policies[4].secret_path_pattern",
        ),
        (json!({}), "agents"),
        (
            json!({"agents": vec![json!({"name": "x"}); 1001]}),
            "agents",
        ),
    ] {
        let problem = app.post(BULK, &owner.token, body).await.problem(400);
        assert!(problem["fields"][field].is_string(), "{field}: {problem}");
    }
    let unknown = policy("ref:shared", "0190a0b0-0000-7000-8000-000000000001", "a");
    app.post(BULK, &owner.token, with("policies", unknown))
        .await
        .problem(404);
    assert_eq!(count(&app, &owner.token, "agents").await, 0);
    assert_eq!(count(&app, &owner.token, "vaults").await, 0);

    let agent = app.agent(&owner, json!({})).await;
    let token = app.token(&agent).await;
    app.post(BULK, &token, good).await.problem(403);
}

#[tokio::test]
async fn the_same_client_key_makes_the_same_fleet_once() {
    let app = TestApp::start().await;
    let owner = app.human("owner").await;
    let send = async |key: &str, body: Value| {
        let headers = [("idempotency-key", key)];
        app.send_with(Method::POST, BULK, &owner.token, Some(body), &headers)
            .await
    };
    let first = send("k1", fleet(3)).await.expect(201);
    let again = send("k1", fleet(3)).await.expect(200);
    assert_eq!(again["replayed"], true);
    for (one, other) in first["agents"]
        .as_array()
        .unwrap()
        .iter()
        .zip(again["agents"].as_array().unwrap())
    {
        assert_eq!(one["id"], other["id"]);
        // Shown once, and kept nowhere.
        assert!(one["api_key"].is_string() && other.get("api_key").is_none());
    }
    assert_eq!(first["policies"], again["policies"]);
    send("k1", fleet(2)).await.problem(409);
    send("bad key", fleet(2)).await.problem(400);
    assert_eq!(count(&app, &owner.token, "agents").await, 3);
    for file in ["oneclaw.db", "oneclaw.db-wal"] {
        let stored = std::fs::read(app.dir.path().join(file)).unwrap();
        for agent in first["agents"].as_array().unwrap() {
            let key = agent["api_key"].as_str().unwrap().as_bytes();
            assert!(
                !stored.windows(key.len()).any(|window| window == key),
                "{file}"
            );
        }
    }
    // Another organisation's key is another key.
    let stranger = app.human("stranger").await;
    let headers = [("idempotency-key", "k1")];
    app.send_with(
        Method::POST,
        BULK,
        &stranger.token,
        Some(fleet(1)),
        &headers,
    )
    .await
    .expect(201);
    // After a day the key is free.
    app.clock.advance_seconds(86_401);
    let owner_token = app
        .post(
            "/v1/auth/token",
            "",
            json!({"email": "owner@example.com", "password": oneclaw_tests::app::PASSWORD}),
        )
        .await
        .expect(200);
    let token = owner_token["access_token"].as_str().unwrap();
    app.send_with(Method::POST, BULK, token, Some(fleet(1)), &headers)
        .await
        .expect(201);
}

#[tokio::test]
async fn of_many_at_once_under_one_key_one_makes_the_fleet_on_sqlite() {
    of_many_at_once_under_one_key_one_makes_the_fleet(Database::Sqlite).await;
}

#[tokio::test]
async fn of_many_at_once_under_one_key_one_makes_the_fleet_on_postgresql() {
    of_many_at_once_under_one_key_one_makes_the_fleet(Database::Postgres).await;
}

async fn of_many_at_once_under_one_key_one_makes_the_fleet(database: Database) {
    let app = std::sync::Arc::new(TestApp::start_with(database, |_| {}).await);
    let owner = app.human("owner").await;
    let mut requests = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (app, token) = (std::sync::Arc::clone(&app), owner.token.clone());
        requests.spawn(async move {
            let headers = [("idempotency-key", "same")];
            app.send_with(Method::POST, BULK, &token, Some(fleet(4)), &headers)
                .await
        });
    }
    let replies = requests.join_all().await;
    let made = replies.iter().filter(|r| r.status.as_u16() == 201).count();
    let told = replies.iter().filter(|r| r.status.as_u16() == 200).count();
    assert_eq!((made, told), (1, 7));
    assert_eq!(count(&app, &owner.token, "agents").await, 4);
}

#[tokio::test]
async fn a_tier_holds_back_fleets_as_a_whole_on_sqlite() {
    a_tier_holds_back_fleets_as_a_whole(Database::Sqlite).await;
}

#[tokio::test]
async fn a_tier_holds_back_fleets_as_a_whole_on_postgresql() {
    a_tier_holds_back_fleets_as_a_whole(Database::Postgres).await;
}

async fn a_tier_holds_back_fleets_as_a_whole(database: Database) {
    let app = std::sync::Arc::new(TestApp::start_with(database, |_| {}).await);
    let owner = app.human("owner").await;
    let tier = format!("/v1/admin/orgs/{}/billing-tier", owner.org);
    app.put(&tier, &owner.token, json!({"tier": "pro"}))
        .await
        .expect(200);
    app.agent(&owner, json!({})).await;
    let agents = |size: usize| {
        let agents = (0..size).map(|n| json!({"name": format!("worker-{n}")}));
        json!({"agents": agents.collect::<Vec<_>>()})
    };
    let refused = app.post(BULK, &owner.token, agents(10)).await.problem(403);
    assert_eq!(refused["type"], "resource_limit_exceeded");
    let detail = refused["detail"].as_str().unwrap();
    assert!(
        detail.starts_with("Agent limit reached (1/10 on pro tier). 10 more do not fit."),
        "{detail}"
    );
    assert_eq!(count(&app, &owner.token, "agents").await, 1);

    // Whoever comes first, the nine places that are left are filled exactly, and never by a part of a fleet.
    let mut requests = tokio::task::JoinSet::new();
    for n in 0..12 {
        let (app, token) = (std::sync::Arc::clone(&app), owner.token.clone());
        let (path, body, size) = match n % 2 {
            0 => (BULK, agents(3), 3),
            _ => ("/v1/agents", json!({"name": "alone"}), 1),
        };
        requests.spawn(async move {
            let reply = app.post(path, &token, body).await;
            match reply.status.as_u16() {
                201 => size,
                403 => 0,
                other => panic!("{other}: {}", reply.text),
            }
        });
    }
    let made: usize = requests.join_all().await.into_iter().sum();
    assert_eq!(made, 9);
    assert_eq!(count(&app, &owner.token, "agents").await, 10);
    app.post("/v1/agents", &owner.token, json!({"name": "one too many"}))
        .await
        .problem(403);
}

#[tokio::test]
async fn a_thousand_agents_fit_in_one_request() {
    let app = TestApp::start().await;
    let owner = app.human("owner").await;
    let agents: Vec<Value> = (0..1000)
        .map(|n| json!({"name": format!("worker-{n}"), "labels": {"team": "red"}}))
        .collect();
    let begun = std::time::Instant::now();
    let made = app
        .post(BULK, &owner.token, json!({"agents": agents}))
        .await
        .expect(201);
    println!("{:?}", begun.elapsed());
    assert_eq!(made["agents"].as_array().unwrap().len(), 1000);
    let used = app
        .get("/v1/billing/subscription", &owner.token)
        .await
        .expect(200);
    assert_eq!(used["usage"]["agents"]["used"], 1000);
}
