//! Whatever is wrong with an intent is said, with the name of the field, and nothing is signed.

use oneclaw_tests::app::Database;
use oneclaw_tests::rpc_faults::{Fault, FaultyRpc};
use serde_json::{Value, json};

use crate::setup::{ALICE, Payer, add_chain};

#[tokio::test(flavor = "multi_thread")]
async fn each_mistake_names_its_field() {
    let payer = Payer::new(Database::Sqlite, json!({})).await;
    let base = json!({"to": ALICE, "value": "0.1", "chain": "dev"});
    for (field, change) in [
        ("value", json!({"value": "0x16345785d8a0000"})),
        ("value", json!({"value": 0.1})),
        ("value", json!({"value": "1e17"})),
        ("value", json!({"value": "-1"})),
        ("value", json!({"value": " 1"})),
        ("value", json!({"value": "0.0000000000000000001"})),
        ("value", json!({"value": "9".repeat(79)})),
        (
            "to",
            json!({"to": "0x70997970c51812dc3A010C7d01b50e0d17dc79C8"}),
        ),
        ("to", json!({"to": "alice.eth"})),
        ("to", json!({"to": null})),
        ("chain", json!({"chain": "nowhere"})),
        ("chain", json!({"chain": 999_999_999})),
        ("chain", json!({"chain": null})),
        ("data", json!({"data": "0xabc"})),
        ("gas_limit", json!({"gas_limit": 1})),
        ("tx_type", json!({"tx_type": 3})),
        ("mode", json!({"mode": "smart_account"})),
        (
            "signing_key_path",
            json!({"signing_key_path": "passwords/x"}),
        ),
    ] {
        let mut body = base.clone();
        body.as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        let problem = payer.submit(body).await.problem(400);
        assert!(
            problem["fields"].get(field).is_some(),
            "{change}: {problem}"
        );
    }
    assert_eq!(payer.anvil.nonce(&payer.address).await, 0);
    let list = payer
        .app
        .get(&payer.path("transactions"), &payer.token)
        .await
        .expect(200);
    assert_eq!(list["transactions"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authorisation_that_the_sender_is_to_sign_is_for_this_transaction_alone() {
    let fields = json!({"guardrails": {"delegations": "allow"}});
    let payer = Payer::new(Database::Sqlite, fields).await;
    let delegate = |nonce: Value, entry: Value| {
        let mut own = json!({"address": ALICE});
        own.as_object_mut()
            .unwrap()
            .extend(entry.as_object().unwrap().clone());
        payer.submit(
            json!({"to": ALICE, "value": "0", "chain": "dev", "gas_limit": 100_000,
            "nonce": nonce, "authorization_list": [own]}),
        )
    };
    for (nonce, entry, field) in [
        (Value::Null, json!({"chain_id": 1}), "chain_id"),
        (Value::Null, json!({"chain_id": 0}), "chain_id"),
        (Value::Null, json!({"nonce": 1}), "nonce"),
        (json!(0), json!({"nonce": 0}), "nonce"),
        (json!(0), json!({"nonce": u64::MAX}), "nonce"),
    ] {
        let problem = delegate(nonce, entry.clone()).await.problem(400);
        let field = format!("authorization_list[0].{field}");
        assert!(
            problem["fields"].get(&field).is_some(),
            "{entry}: {problem}"
        );
    }
    delegate(json!(0), json!({"chain_id": 31337, "nonce": 1}))
        .await
        .expect(201);
}

/// An agent on a chain whose RPC misbehaves like this.
async fn with(fault: Fault) -> (Payer, FaultyRpc) {
    let payer = Payer::new(Database::Sqlite, json!({"tx_daily_limit": "1"})).await;
    let rpc = FaultyRpc::start(fault, payer.anvil.url()).await;
    add_chain_again(&payer, &rpc.url()).await;
    (payer, rpc)
}

async fn add_chain_again(payer: &Payer, url: &str) {
    add_chain(&payer.app, &payer.human, url).await;
}

fn detail(problem: &Value) -> &str {
    problem["detail"].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_that_lies_about_its_id_is_not_used() {
    let (payer, rpc) = with(Fault::WrongChainId).await;
    let problem = payer.pay(ALICE, "0.1").await.problem(503);
    assert!(detail(&problem).contains("31337"), "{problem}");
    assert!(!detail(&problem).contains(&rpc.url()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_that_answers_garbage_or_errors_is_named_and_nothing_is_held() {
    for fault in [Fault::Garbage, Fault::HttpError, Fault::RpcError] {
        let (payer, rpc) = with(fault).await;
        payer.pay(ALICE, "1").await.problem(503);
        rpc.heal();
        assert_eq!(payer.pay(ALICE, "1").await.expect(201)["nonce"], 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_never_comes_to_a_sent_transaction_leaves_it_counted_and_sends_the_same_again()
 {
    let (payer, rpc) = with(Fault::SwallowSend).await;
    let unsure = payer.pay(ALICE, "1").await.expect(201);
    assert_eq!(unsure["status"], "signed", "{unsure}");
    assert!(
        unsure["error_message"]
            .as_str()
            .unwrap()
            .contains("sent again")
    );
    payer.pay(ALICE, "0.1").await.expect(403);
    rpc.heal();
    let last = crate::setup::settled(&payer, unsure["id"].as_str().unwrap()).await;
    assert_eq!(last["tx_hash"], unsure["tx_hash"]);
    assert_eq!(payer.anvil.nonce(&payer.address).await, 1);
}
