//! From a key to a transaction that is final.

use oneclaw_tests::app::Database;
use serde_json::json;

use crate::setup::{ALICE, ETHER, Payer, settled};

async fn an_agent_pays(database: Database) {
    let payer = Payer::new(database, json!({})).await;
    let before = payer.anvil.balance(ALICE).await;
    let paid = payer.pay(ALICE, "0.05").await.expect(201);
    assert_eq!(paid["status"], "broadcast");
    assert_eq!(paid["value_wei"], "50000000000000000");
    assert_eq!(paid["from"], payer.address.as_str());
    assert_eq!(paid["chain"], "dev");
    assert_eq!(paid["chain_id"], 31337);
    assert_eq!(paid["nonce"], 0);
    assert!(paid["signed_tx"].as_str().unwrap().starts_with("0x02"));
    let last = settled(&payer, paid["id"].as_str().unwrap()).await;
    assert_eq!(last["final_state"], "finalized");
    assert_eq!(last["gas_used"], 21000);
    assert!(last["block_number"].as_u64().unwrap() > 0);
    assert!(last.get("signed_tx").is_none(), "not without asking");
    assert_eq!(payer.anvil.balance(ALICE).await - before, ETHER / 20);

    let sent = payer
        .anvil
        .rpc("eth_getTransactionByHash", json!([paid["tx_hash"]]))
        .await;
    assert_eq!(
        sent["from"].as_str().unwrap().to_lowercase(),
        payer.address.to_lowercase()
    );
    let list = payer.path("transactions?include_signed_tx=1");
    let list = payer.app.get(&list, &payer.token).await.expect(200);
    assert_eq!(list["transactions"][0]["signed_tx"], paid["signed_tx"]);

    let events = payer
        .app
        .events(&payer.human, "action=transaction.submit")
        .await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["details"]["decision"], "allow");
    let spent = payer
        .app
        .get(
            &format!("/v1/agents/{}", payer.agent.id),
            &payer.human.token,
        )
        .await
        .expect(200);
    assert_eq!(spent["tx_spent_today"], "0.05");
    assert_eq!(spent["tx_count_today"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_pays_a_recipient_with_no_key_in_sight_on_sqlite() {
    an_agent_pays(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_pays_a_recipient_with_no_key_in_sight_on_postgresql() {
    an_agent_pays(Database::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_of_a_client_gives_the_same_transaction_once() {
    let payer = Payer::new(Database::Sqlite, json!({})).await;
    let path = payer.path("transactions");
    let body = json!({"to": ALICE, "value": "1", "chain": "dev"});
    let send = |body: serde_json::Value| {
        payer.app.send_with(
            reqwest::Method::POST,
            &path,
            &payer.token,
            Some(body),
            &[("idempotency-key", "one")],
        )
    };
    let first = send(body.clone()).await.expect(201);
    let again = send(body).await.expect(200);
    assert_eq!(first["id"], again["id"]);
    assert_eq!(first["signed_tx"], again["signed_tx"]);
    let other = send(json!({"to": ALICE, "value": "2", "chain": "dev"})).await;
    assert!(
        other.problem(409)["detail"]
            .as_str()
            .unwrap()
            .contains("Idempotency-Key")
    );
    assert_eq!(payer.anvil.nonce(&payer.address).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_transaction_may_be_tried_again_under_the_same_key() {
    let payer = Payer::new(Database::Sqlite, json!({"tx_max_value": "1"})).await;
    let path = payer.path("transactions");
    let send = || {
        payer.app.send_with(
            reqwest::Method::POST,
            &path,
            &payer.token,
            Some(json!({"to": ALICE, "value": "2", "chain": "dev"})),
            &[("idempotency-key", "k")],
        )
    };
    send().await.expect(403);
    payer.change(json!({"tx_max_value": "2"})).await;
    send().await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stuck_transaction_is_sped_up_and_another_cancelled() {
    let payer = Payer::new(Database::Sqlite, json!({"tx_daily_limit": "3"})).await;
    payer.anvil.set_automine(false).await;
    let stuck = payer.pay(ALICE, "1").await.expect(201);
    let other = payer.pay(ALICE, "1").await.expect(201);
    let path = payer.path(&format!(
        "transactions/{}/replace",
        stuck["id"].as_str().unwrap()
    ));
    let faster = payer
        .app
        .post(&path, &payer.token, json!({}))
        .await
        .expect(201);
    assert_eq!(faster["nonce"], stuck["nonce"]);
    assert_eq!(faster["replaces"], stuck["id"]);
    assert_ne!(faster["tx_hash"], stuck["tx_hash"]);
    let again = payer.app.post(&path, &payer.token, json!({})).await;
    again.problem(409);
    let path = payer.path(&format!(
        "transactions/{}/cancel",
        other["id"].as_str().unwrap()
    ));
    let cancelled = payer
        .app
        .post(&path, &payer.token, json!({}))
        .await
        .expect(201);
    assert_eq!(cancelled["value_wei"], "0");
    // A replacement takes the place of what it replaces in the budget: 2 of 3 are spent, and 1 more fits.
    payer.pay(ALICE, "1.000000000000000001").await.expect(403);
    let before = payer.anvil.balance(ALICE).await;
    payer.anvil.mine(1).await;
    payer.anvil.set_automine(true).await;
    let id = |transaction: &serde_json::Value| transaction["id"].as_str().unwrap().to_owned();
    assert_eq!(
        settled(&payer, &id(&faster)).await["final_state"],
        "finalized"
    );
    assert_eq!(
        settled(&payer, &id(&stuck)).await["final_state"],
        "replaced"
    );
    assert_eq!(
        settled(&payer, &id(&cancelled)).await["final_state"],
        "finalized"
    );
    assert_eq!(payer.anvil.balance(ALICE).await - before, ETHER);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_needs_no_place_of_the_sender_on_its_list_of_recipients() {
    let payer = Payer::new(Database::Sqlite, json!({"tx_to_allowlist": [ALICE]})).await;
    payer.anvil.set_automine(false).await;
    let stuck = payer.pay(ALICE, "1").await.expect(201);
    let path = payer.path(&format!(
        "transactions/{}/cancel",
        stuck["id"].as_str().unwrap()
    ));
    let cancelled = payer
        .app
        .post(&path, &payer.token, json!({}))
        .await
        .expect(201);
    assert_eq!(cancelled["to"], payer.address.as_str());
    assert_eq!(cancelled["nonce"], stuck["nonce"]);
    payer
        .pay(&payer.address, "0.000000000000000001")
        .await
        .expect(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_simulation_that_reverts_signs_nothing() {
    let payer = Payer::new(Database::Sqlite, json!({})).await;
    // PUSH0 PUSH0 REVERT
    let contract = MALLORY_CONTRACT;
    payer
        .anvil
        .rpc("anvil_setCode", json!([contract, "0x5f5ffd"]))
        .await;
    let body = json!({"to": contract, "value": "0", "data": "0x12345678", "chain": "dev", "simulate_first": true});
    let failed = payer.submit(body).await.expect(422);
    assert_eq!(failed["status"], "simulation_failed");
    assert!(failed["detail"].as_str().unwrap().contains("revert"));
    assert!(failed["signed_tx"].is_null());
    assert_eq!(payer.anvil.nonce(&payer.address).await, 0);
    let simulated = payer
        .app
        .post(
            &payer.path("transactions/simulate"),
            &payer.token,
            json!({"to": ALICE, "value": "1", "chain": "dev"}),
        )
        .await
        .expect(200);
    assert_eq!(simulated["status"], "success");
    assert_eq!(simulated["gas_used"], 21000);
    assert!(!simulated["balance_changes"].as_array().unwrap().is_empty());
    // A chain without RPC still has an answer with every member that clients read.
    let nowhere = payer
        .app
        .post(
            &payer.path("transactions/simulate"),
            &payer.token,
            json!({"to": ALICE, "value": "1", "chain": "base"}),
        )
        .await
        .expect(200);
    assert_eq!(nowhere["status"], "error");
    assert_eq!(nowhere["balance_changes"], json!([]));
}

const MALLORY_CONTRACT: &str = "0x00000000000000000000000000000000000c0de1";

#[tokio::test(flavor = "multi_thread")]
async fn without_an_rpc_a_transaction_is_signed_and_says_so() {
    let payer = Payer::new(Database::Sqlite, json!({})).await;
    let body = json!({"to": ALICE, "value": "0.01", "chain": "base"});
    let signed = payer.submit(body.clone()).await.expect(201);
    assert_eq!(signed["status"], "signed");
    assert_eq!(signed["nonce"], 0);
    let next = payer.submit(body).await.expect(201);
    assert_eq!(next["nonce"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_chain_refuses_has_failed_and_gives_back_nonce_and_budget() {
    let payer = Payer::new(Database::Sqlite, json!({"tx_daily_limit": "150"})).await;
    let failed = payer.pay(ALICE, "150").await.expect(201);
    assert_eq!(failed["status"], "failed", "{failed}");
    assert!(
        failed["error_message"]
            .as_str()
            .unwrap()
            .contains("refused")
    );
    assert!(failed["signed_tx"].is_null(), "nobody may send it later");
    let paid = payer.pay(ALICE, "99").await.expect(201);
    assert_eq!(paid["nonce"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_tells_the_decision_and_uses_nothing_up() {
    let payer = Payer::new(
        Database::Sqlite,
        json!({"tx_max_value": "1", "tx_daily_limit": "5"}),
    )
    .await;
    let path = payer.path("transactions/preview");
    let preview = |value: &str| {
        let body = json!({"to": ALICE, "value": value, "chain": "dev"});
        payer.app.post(&path, &payer.token, body)
    };
    let allowed = preview("1").await.expect(200);
    assert_eq!(allowed["decision"], "allow", "{allowed}");
    assert_eq!(allowed["effects"][0]["kind"], "native_transfer");
    assert_eq!(allowed["budgets"][0]["would_reserve"], ETHER.to_string());
    let denied = preview("1.000000000000000001").await.expect(200);
    assert_eq!(denied["decision"], "deny");
    assert_eq!(denied["reason_code"], "value_limit");
    assert_eq!(denied["rule"], "agent");
    assert_eq!(denied["limit"], ETHER.to_string());
    let paid = payer.pay(ALICE, "1").await.expect(201);
    assert_eq!(paid["nonce"], 0);
}
