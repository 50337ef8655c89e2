//! No gap and no collision.

use oneclaw_tests::app::Database;
use serde_json::{Value, json};

use crate::setup::{ALICE, Payer};

async fn hundred(database: Database) {
    let payer = Payer::new(database, json!({})).await;
    let mut tasks = Vec::new();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    for _ in 0..100 {
        let request = http
            .post(format!("{}{}", payer.app.url, payer.path("transactions")))
            .bearer_auth(&payer.token)
            .header("content-type", "application/json")
            .body(json!({"to": ALICE, "value": "0.001", "chain": "dev"}).to_string());
        tasks.push(tokio::spawn(async move {
            let reply = request.send().await.unwrap();
            let status = reply.status();
            let text = reply.text().await.unwrap();
            assert_eq!(status, 201, "{text}");
            let sent: Value = serde_json::from_str(&text).unwrap();
            assert_ne!(sent["status"], "failed", "{text}");
            sent["nonce"].as_u64().unwrap()
        }));
    }
    let mut nonces = Vec::new();
    for task in tasks {
        nonces.push(task.await.unwrap());
    }
    nonces.sort_unstable();
    assert_eq!(nonces, (0..100).collect::<Vec<u64>>());
    // A node that was too busy to answer, or has lost what it had, is sent the same again by the server, which looks once
    // a second and less often the longer it waits.
    let mut landed = 0;
    for _ in 0..900 {
        payer.anvil.mine(1).await;
        landed = payer.anvil.nonce(&payer.address).await;
        if landed == 100 {
            break;
        }
        payer.app.clock.advance_seconds(20);
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let token = payer.app.token(&payer.agent).await;
    let list = payer
        .app
        .get(&payer.path("transactions"), &token)
        .await
        .expect(200);
    let stuck: Vec<&Value> = list["transactions"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|transaction| transaction["nonce"] == landed)
        .collect();
    assert_eq!(landed, 100, "{stuck:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_at_once_land_as_a_hundred_consecutive_nonces_on_sqlite() {
    hundred(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_at_once_land_as_a_hundred_consecutive_nonces_on_postgresql() {
    hundred(Database::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_uses_no_nonce_up() {
    let payer = Payer::new(Database::Sqlite, json!({"tx_max_value": "1"})).await;
    payer.pay(ALICE, "2").await.expect(403);
    assert_eq!(payer.pay(ALICE, "1").await.expect(201)["nonce"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_explicit_nonce_is_used_as_given_and_lifts_the_next() {
    let payer = Payer::new(Database::Sqlite, json!({})).await;
    let body = json!({"to": ALICE, "value": "0", "chain": "base", "nonce": 7});
    assert_eq!(payer.submit(body).await.expect(201)["nonce"], 7);
    let body = json!({"to": ALICE, "value": "0", "chain": "base"});
    assert_eq!(payer.submit(body).await.expect(201)["nonce"], 8);
}
