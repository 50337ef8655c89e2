//! The registry of chains.

use oneclaw_tests::app::{Database, TestApp};
use reqwest::Method;
use serde_json::{Value, json};

const KEYED: &str = "https://rpc.example.com/v1/MARKER-IN-A-URL";

fn named<'a>(list: &'a Value, name: &str) -> &'a Value {
    let chains = list["chains"].as_array().unwrap();
    chains.iter().find(|chain| chain["name"] == name).unwrap()
}

#[tokio::test]
async fn a_new_server_knows_chains_and_reaches_the_local_one_alone() {
    let app = TestApp::start().await;
    let admin = app.human("ops").await;
    let list = app.get("/v1/chains", "").await.expect(200);
    assert_eq!(named(&list, "base")["chain_id"], 8453);
    assert_eq!(named(&list, "polygon")["native_currency"], "POL");
    assert_eq!(named(&list, "sepolia")["is_testnet"], true);
    let all = app.get("/v1/admin/chains", &admin.token).await.expect(200);
    for chain in all["chains"].as_array().unwrap() {
        let urls = chain["rpc_urls"].as_array().unwrap();
        if chain["name"] == "localhost" {
            assert_eq!(urls, &[json!("http://127.0.0.1:8545")]);
            assert_eq!(
                (&chain["chain_id"], &chain["allow_private_rpc"]),
                (&json!(31337), &json!(true))
            );
        } else {
            assert!(urls.is_empty(), "{chain}");
        }
    }
}

#[tokio::test]
async fn a_chain_is_found_by_name_and_by_id() {
    let app = TestApp::start().await;
    let by_name = app.get("/v1/chains/base", "").await.expect(200);
    let by_id = app.get("/v1/chains/8453", "").await.expect(200);
    assert_eq!(by_name, by_id);
    for unknown in [
        "nowhere",
        "999999999",
        "99999999999999999999999",
        "%00",
        "0x2105",
    ] {
        app.get(&format!("/v1/chains/{unknown}"), "")
            .await
            .problem(404);
    }
}

async fn a_chain_lives(database: Database) {
    let app = TestApp::start_with(database, |_| {}).await;
    let admin = app.human("ops").await;
    let body = json!({"name": "mine", "display_name": "Mine", "chain_id": 777, "rpc_url": KEYED,
        "ws_url": "wss://rpc.example.com/MARKER-IN-A-URL", "native_currency": "MINE"});
    let made = app
        .post("/v1/admin/chains", &admin.token, body.clone())
        .await
        .expect(201);
    assert_eq!(made["rpc_urls"], json!([KEYED]));
    assert_eq!(
        (&made["confirmations"], &made["is_enabled"]),
        (&json!(12), &json!(true))
    );
    app.post("/v1/admin/chains", &admin.token, body)
        .await
        .problem(409);
    let other_name = json!({"name": "mine-2", "display_name": "Mine", "chain_id": 777});
    app.post("/v1/admin/chains", &admin.token, other_name)
        .await
        .problem(409);

    let shown = app.get("/v1/chains/mine", "").await;
    assert!(!shown.text.contains("MARKER"), "{}", shown.text);
    let for_admin = app.get("/v1/chains/mine", &admin.token).await.expect(200);
    assert_eq!(for_admin["rpc_url"], KEYED);

    let url = format!("/v1/admin/chains/{}", made["id"].as_str().unwrap());
    let change = json!({"rpc_urls": [KEYED, "https://spare.example.net"], "confirmations": 3, "is_enabled": false});
    let changed = app.put(&url, &admin.token, change).await.expect(200);
    assert_eq!(changed["rpc_urls"][1], "https://spare.example.net");
    assert_eq!(changed["native_currency"], "MINE");
    app.get("/v1/chains/mine", "").await.problem(404);
    let cleared = app
        .put(&url, &admin.token, json!({"rpc_url": null}))
        .await
        .expect(200);
    assert_eq!(cleared["rpc_urls"], json!([]));
    for field in [json!({"name": "other"}), json!({"chain_id": 778})] {
        app.put(&url, &admin.token, field).await.problem(400);
    }
    app.delete(&url, &admin.token).await.expect(204);
    app.delete(&url, &admin.token).await.problem(404);
    app.put(&url, &admin.token, json!({})).await.problem(404);

    let events = app.events(&admin, "resource_type=chain").await;
    let actions: Vec<&str> = events
        .iter()
        .map(|e| e["action"].as_str().unwrap())
        .collect();
    for action in ["chain.create", "chain.update", "chain.delete"] {
        assert!(actions.contains(&action), "{actions:?}");
    }
    assert!(!json!(events).to_string().contains("MARKER"));
}

#[tokio::test]
async fn a_chain_is_added_changed_and_removed_and_its_urls_stay_with_administrators() {
    a_chain_lives(Database::Sqlite).await;
}

#[tokio::test]
async fn a_chain_is_added_changed_and_removed_on_postgresql() {
    a_chain_lives(Database::Postgres).await;
}

#[tokio::test]
async fn only_who_runs_the_server_changes_the_registry() {
    let app = TestApp::start().await;
    let admin = app.human("ops").await;
    let stranger = app.human("other").await;
    let agent = app.agent(&admin, json!({})).await;
    let list = app.get("/v1/admin/chains", &admin.token).await.expect(200);
    let url = format!(
        "/v1/admin/chains/{}",
        named(&list, "base")["id"].as_str().unwrap()
    );
    let body = json!({"name": "x", "display_name": "X", "chain_id": 5});
    for token in [stranger.token.clone(), app.token(&agent).await] {
        app.get("/v1/admin/chains", &token).await.problem(403);
        app.post("/v1/admin/chains", &token, body.clone())
            .await
            .problem(403);
        app.put(&url, &token, json!({"rpc_url": KEYED}))
            .await
            .problem(403);
        app.delete(&url, &token).await.problem(403);
    }
    app.send(Method::GET, "/v1/admin/chains", "", None)
        .await
        .problem(401);
    let base = app
        .get("/v1/chains/base", &stranger.token)
        .await
        .expect(200);
    assert_eq!(base.get("rpc_urls"), None);
}

#[tokio::test]
async fn what_is_no_chain_is_refused_and_the_field_is_named() {
    let app = TestApp::start().await;
    let admin = app.human("ops").await;
    for (field, value) in [
        ("name", json!("Upper")),
        ("name", json!("")),
        ("name", json!("8453")),
        ("name", json!("a".repeat(65))),
        ("display_name", json!("")),
        ("chain_id", json!(0)),
        ("chain_id", json!(u64::MAX)),
        ("rpc_url", json!("ftp://MARKER.example.com")),
        ("rpc_url", json!("MARKER")),
        ("rpc_urls", json!(vec!["https://a.example.com"; 9])),
        ("rpc_urls", json!(["http://127.0.0.1:8545/MARKER"])),
        ("rpc_urls", json!(["http://169.254.169.254/MARKER"])),
        ("rpc_urls", json!(["http://[::1]/MARKER"])),
        ("rpc_urls", json!(["http://localhost:8545/MARKER"])),
        ("ws_url", json!("https://a.example.com")),
        ("explorer_url", json!("javascript:alert(1)")),
        ("native_currency", json!("")),
        ("confirmations", json!(0)),
        ("confirmations", json!(1001)),
    ] {
        let mut body = json!({"name": "good", "display_name": "Good", "chain_id": 777});
        body[field] = value.clone();
        let reply = app.post("/v1/admin/chains", &admin.token, body).await;
        assert!(!reply.text.contains("MARKER"), "{}", reply.text);
        let problem = reply.problem(400);
        assert!(
            problem["detail"].as_str().unwrap().starts_with(field),
            "{field} {value}: {problem}"
        );
    }
    let body = json!({"name": "good", "display_name": "Good", "chain_id": 777, "rpc_url": "http://127.0.0.1:1",
        "allow_private_rpc": true});
    let made = app
        .post("/v1/admin/chains", &admin.token, body)
        .await
        .expect(201);
    let url = format!("/v1/admin/chains/{}", made["id"].as_str().unwrap());
    let problem = app
        .put(&url, &admin.token, json!({"allow_private_rpc": false}))
        .await
        .problem(400);
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("allow_private_rpc"),
        "{problem}"
    );
}

#[tokio::test]
async fn what_was_removed_does_not_come_back_at_the_next_start() {
    let app = TestApp::start().await;
    let admin = app.human("ops").await;
    let list = app.get("/v1/admin/chains", &admin.token).await.expect(200);
    let url = format!(
        "/v1/admin/chains/{}",
        named(&list, "localhost")["id"].as_str().unwrap()
    );
    app.delete(&url, &admin.token).await.expect(204);
    let dir = app.stop().await;
    let database = format!("sqlite://{}/oneclaw.db", dir.path().display());
    let app = TestApp::start_in(dir, &database, |_| {}).await;
    app.get("/v1/chains/localhost", "").await.problem(404);
    app.get("/v1/chains/base", "").await.expect(200);
}
