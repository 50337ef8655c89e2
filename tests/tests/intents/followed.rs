//! What becomes of transactions behind the back of whoever asked for them.

use oneclaw_tests::anvil::Anvil;
use oneclaw_tests::app::Database;
use oneclaw_tests::rpc_faults::{Fault, FaultyRpc};
use serde_json::{Value, json};

use crate::setup::{ALICE, ETHER, Payer, add_chain, settled};

/// The transaction as soon as it is as wanted.
async fn once(payer: &Payer, id: &Value, what: &str, is: impl Fn(&Value) -> bool) -> Value {
    let path = payer.path(&format!("transactions/{}", id.as_str().unwrap()));
    let mut last = Value::Null;
    for _ in 0..250 {
        last = payer.app.get(&path, &payer.token).await.expect(200);
        if is(&last) {
            return last;
        }
        // The server looks once a second; there is nothing to be told by.
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("not {what}: {last}");
}

async fn confirmations(payer: &Payer, number: u64) {
    let admin = "/v1/admin/chains";
    let chains = payer.app.get(admin, &payer.human.token).await.expect(200);
    let dev = chains["chains"]
        .as_array()
        .unwrap()
        .iter()
        .find(|chain| chain["name"] == "dev")
        .unwrap()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let change = json!({"confirmations": number});
    payer
        .app
        .put(&format!("{admin}/{dev}"), &payer.human.token, change)
        .await
        .expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_whose_block_is_gone_is_sent_again_and_not_called_included_meanwhile() {
    let payer = Payer::new(Database::Sqlite, json!({"tx_daily_limit": "1"})).await;
    confirmations(&payer, 50).await;
    // Blocks of its own to go back to, and none that is called final.
    let before = payer.anvil.rpc("evm_snapshot", json!([])).await;
    let paid = payer.pay(ALICE, "1").await.expect(201);
    let included = once(&payer, &paid["id"], "included", |transaction| {
        transaction["final_state"] == "included"
    })
    .await;
    payer.anvil.set_automine(false).await;
    payer.anvil.rpc("evm_revert", json!([before])).await;
    let gone = once(&payer, &paid["id"], "gone", |transaction| {
        transaction["final_state"].is_null()
    })
    .await;
    assert_eq!(gone["status"], "broadcast");
    assert!(gone["block_number"].is_null(), "{gone}");
    payer.pay(ALICE, "0.1").await.expect(403);
    let hash = json!([included["tx_hash"]]);
    for attempt in 0.. {
        let pooled = payer
            .anvil
            .rpc("eth_getTransactionByHash", hash.clone())
            .await;
        if pooled.is_object() {
            break;
        }
        assert!(attempt < 200, "it was not sent again");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    payer.anvil.mine(60).await;
    let last = settled(&payer, paid["id"].as_str().unwrap()).await;
    assert_eq!(last["final_state"], "finalized");
    assert_eq!(last["tx_hash"], paid["tx_hash"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_that_hangs_delays_no_other() {
    let payer = Payer::new(Database::Sqlite, json!({})).await;
    let other = Anvil::start_with(&["--chain-id", "31338"]).await;
    other.set_automine(false).await;
    other.fund(&payer.address, 10 * ETHER).await;
    let rpc = FaultyRpc::start(Fault::None, other.url()).await;
    let chain = json!({
        "name": "slow", "display_name": "Slow", "chain_id": 31338, "rpc_url": rpc.url(),
        "allow_private_rpc": true, "is_testnet": true, "confirmations": 1,
    });
    payer
        .app
        .post("/v1/admin/chains", &payer.human.token, chain)
        .await
        .expect(201);
    for _ in 0..3 {
        let body = json!({"to": ALICE, "value": "1", "chain": "slow"});
        payer.submit(body).await.expect(201);
    }
    rpc.spoil(Fault::Hang);
    for _ in 0..2 {
        let paid = payer.pay(ALICE, "1").await.expect(201);
        let last = settled(&payer, paid["id"].as_str().unwrap()).await;
        assert_eq!(last["final_state"], "finalized");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_after_the_bytes_were_handed_out_gives_nothing_back() {
    let payer = Payer::new(Database::Sqlite, json!({"tx_daily_limit": "1"})).await;
    let rpc = FaultyRpc::start(Fault::SwallowSend, payer.anvil.url()).await;
    add_chain(&payer.app, &payer.human, &rpc.url()).await;
    let unsure = payer.pay(ALICE, "1").await.expect(201);
    assert_eq!(unsure["status"], "signed");
    assert!(
        unsure["signed_tx"].is_string(),
        "whoever asked can send it too"
    );
    payer.anvil.fund(&payer.address, 0).await;
    rpc.heal();
    let refused = once(&payer, &unsure["id"], "refused", |transaction| {
        let message = transaction["error_message"].as_str().unwrap_or_default();
        message.to_lowercase().contains("insufficient funds")
    })
    .await;
    assert_eq!(refused["status"], "signed", "{refused}");
    payer.anvil.fund(&payer.address, 100 * ETHER).await;
    payer.pay(ALICE, "0.000000000000000001").await.expect(403);
    let last = settled(&payer, unsure["id"].as_str().unwrap()).await;
    assert_eq!(last["final_state"], "finalized");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_the_bytes_of_what_may_still_be_refused() {
    let payer = Payer::new(Database::Sqlite, json!({})).await;
    let path = payer.path("transactions");
    let submit = || {
        payer.app.send_with(
            reqwest::Method::POST,
            &path,
            &payer.token,
            Some(json!({"to": ALICE, "value": "1", "chain": "base"})),
            &[("idempotency-key", "one")],
        )
    };
    let signed = submit().await.expect(201);
    let all = payer.path("transactions?include_signed_tx=true");
    let list = payer.app.get(&all, &payer.token).await.expect(200);
    assert_eq!(list["transactions"][0]["signed_tx"], signed["signed_tx"]);
    // As it is while the request that signed it has not sent it yet.
    payer
        .app
        .edit_database("UPDATE transactions SET last_checked_at = NULL")
        .await;
    let list = payer.app.get(&all, &payer.token).await.expect(200);
    assert!(list["transactions"][0]["signed_tx"].is_null(), "{list}");
    submit().await.problem(409);
}
