//! Messages, typed data and every type of transaction, signed by the key and by no other.

use alloy::consensus::TxEnvelope;
use alloy::consensus::transaction::SignerRecoverable as _;
use alloy::eips::eip2718::Decodable2718 as _;
use alloy::primitives::{Address, Signature, eip191_hash_message};
use oneclaw_tests::app::Database;
use serde_json::{Value, json};

use crate::setup::{ALICE, Payer, refused};

fn recovered(raw: &Value) -> (TxEnvelope, Address) {
    let bytes = hex::decode(raw.as_str().unwrap().trim_start_matches("0x")).unwrap();
    let envelope = TxEnvelope::decode_2718(&mut bytes.as_slice()).unwrap();
    let signer = envelope.recover_signer().unwrap();
    (envelope, signer)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_of_transaction_is_signed_by_the_agents_key() {
    let payer = Payer::new(
        Database::Sqlite,
        json!({"guardrails": {"delegations": "allow"}}),
    )
    .await;
    let base = json!({"intent_type": "transaction", "to": ALICE, "value": "0.01", "chain": "dev"});
    let slot = format!("0x{}", "00".repeat(32));
    for (number, more) in [
        (0, json!({"tx_type": 0})),
        (
            1,
            json!({"tx_type": 1, "access_list": [{"address": ALICE, "storage_keys": [slot]}]}),
        ),
        (2, json!({})),
        (
            4,
            json!({"tx_type": 4, "authorization_list": [{"address": ALICE}]}),
        ),
    ] {
        let mut body = base.clone();
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let signed = payer.sign(body).await.expect(200);
        assert_eq!(signed["tx_type"], number);
        let (envelope, signer) = recovered(&signed["signed_tx"]);
        assert_eq!(signer.to_string(), payer.address, "type {number}");
        assert_eq!(
            envelope.tx_hash().to_string(),
            signed["tx_hash"].as_str().unwrap()
        );
        let mined = payer
            .anvil
            .rpc("eth_sendRawTransaction", json!([signed["signed_tx"]]))
            .await;
        assert_eq!(mined, signed["tx_hash"], "type {number}");
    }
    let blob = json!({"intent_type": "transaction", "to": ALICE, "value": "0", "chain": "dev", "tx_type": 3});
    let problem = payer.sign(blob).await.problem(400);
    assert!(problem["detail"].as_str().unwrap().contains("4844"));
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_signed_once_a_human_allows_it() {
    let payer = Payer::new(Database::Sqlite, json!({})).await;
    let body = json!({"intent_type": "personal_sign", "chain": "ethereum", "message": "hello"});
    refused(payer.sign(body.clone()).await, "message_signing_disabled");
    payer.change(json!({"message_signing_enabled": true})).await;
    let signed = payer.sign(body).await.expect(200);
    let hash = eip191_hash_message("hello");
    assert_eq!(signed["message_hash"], hash.to_string());
    let signature: Signature = signed["signature"].as_str().unwrap().parse().unwrap();
    assert_eq!(
        signature
            .recover_address_from_prehash(&hash)
            .unwrap()
            .to_string(),
        payer.address
    );
    let as_bytes =
        json!({"intent_type": "message", "chain": "ethereum", "message": "0x68656c6c6f"});
    let again = payer.sign(as_bytes).await.expect(200);
    assert_eq!(again["signature"], signed["signature"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn typed_data_is_signed_for_listed_domains_alone() {
    let contract = "0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC";
    let payer = Payer::new(Database::Sqlite, json!({})).await;
    // The example of EIP-712, without the type of its domain.
    let mail = json!({
        "types": {
            "Person": [{"name": "name", "type": "string"}, {"name": "wallet", "type": "address"}],
            "Mail": [{"name": "from", "type": "Person"}, {"name": "to", "type": "Person"}, {"name": "contents", "type": "string"}],
        },
        "primaryType": "Mail",
        "domain": {"name": "Ether Mail", "version": "1", "chainId": 1, "verifyingContract": contract},
        "message": {
            "from": {"name": "Cow", "wallet": "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"},
            "to": {"name": "Bob", "wallet": "0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB"},
            "contents": "Hello, Bob!",
        },
    });
    let body = json!({"intent_type": "typed_data", "chain": "ethereum", "typed_data": mail});
    refused(payer.sign(body.clone()).await, "typed_data_not_allowed");
    payer
        .change(json!({"eip712_domain_allowlist": [contract]}))
        .await;
    let signed = payer.sign(body.clone()).await.expect(200);
    assert_eq!(
        signed["typed_data_hash"],
        "0xbe609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2"
    );
    let mut unknown = body;
    unknown["typed_data"]["primaryType"] = json!("Nothing");
    payer.sign(unknown).await.problem(400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_key_signs_nothing_and_holds_nothing() {
    let payer = Payer::new(Database::Sqlite, json!({"tx_daily_limit": "1"})).await;
    let deleted = |at: &str| {
        let sql = format!("UPDATE secrets SET deleted_at = {at}");
        let app = &payer.app;
        async move { app.edit_database(&sql).await }
    };
    deleted("1").await;
    payer.pay(ALICE, "1").await.problem(410);
    deleted("NULL").await;
    assert_eq!(payer.pay(ALICE, "1").await.expect(201)["nonce"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_at_a_path_signs_for_an_agent_that_may_read_there() {
    let payer = Payer::new(Database::Sqlite, json!({})).await;
    let vault = payer.app.vault(&payer.human).await;
    // The first account that `anvil` knows; its key is published everywhere.
    let key = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
    for (path, value) in [("keys/hot", key), ("keys/broken", "not a key")] {
        let url = format!("/v1/vaults/{vault}/secrets/{path}");
        let body = json!({"value": value, "type": "private_key"});
        payer
            .app
            .put(&url, &payer.human.token, body)
            .await
            .expect(201);
    }
    payer
        .app
        .secret(&payer.human, &vault, "keys/password", "hunter2")
        .await;
    let pay = |path: &str| {
        payer.submit(json!({"to": ALICE, "value": "1", "chain": "dev", "signing_key_path": path}))
    };
    pay("keys/hot").await.problem(404);
    payer
        .app
        .policy(&payer.human, &vault, &payer.agent, "keys/*", json!({}))
        .await;
    // Scopes are a ceiling fixed with the token: a policy added later needs a new one.
    let token = payer.app.token(&payer.agent).await;
    let payer = Payer { token, ..payer };
    let pay = |path: &str| {
        payer.submit(json!({"to": ALICE, "value": "1", "chain": "dev", "signing_key_path": path}))
    };
    // Read as often as it may be, a key is gone for signing as well.
    let url = format!("/v1/vaults/{vault}/secrets/keys/once");
    let body = json!({"value": key, "type": "private_key", "max_access_count": 1});
    let human = &payer.human.token;
    payer.app.put(&url, human, body).await.expect(201);
    payer.app.get(&url, human).await.expect(200);
    pay("keys/once").await.problem(410);
    let paid = pay("keys/hot").await.expect(201);
    assert_eq!(paid["from"], "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
    assert_eq!(paid["status"], "broadcast");
    // It is replaced with the key that signed it, and with no other.
    payer.anvil.set_automine(false).await;
    let stuck = pay("keys/hot").await.expect(201);
    let replace = payer.path(&format!(
        "transactions/{}/replace",
        stuck["id"].as_str().unwrap()
    ));
    payer
        .app
        .post(&replace, &payer.token, json!({}))
        .await
        .problem(409);
    let body = json!({"signing_key_path": "keys/hot"});
    let faster = payer
        .app
        .post(&replace, &payer.token, body)
        .await
        .expect(201);
    assert_eq!(
        (&faster["nonce"], &faster["from"]),
        (&stuck["nonce"], &stuck["from"])
    );
    payer.anvil.set_automine(true).await;
    pay("keys/broken").await.problem(400);
    pay("keys/password").await.problem(400);
    pay("keys/nothing").await.problem(404);
    pay("secrets/x").await.problem(400);
    // The value stays out of reach.
    payer
        .app
        .read(&payer.token, &vault, "keys/hot")
        .await
        .problem(403);
    // In two vaults the path is ambiguous, until one is named.
    let other = payer.app.vault(&payer.human).await;
    let url = format!("/v1/vaults/{other}/secrets/keys/hot");
    payer
        .app
        .put(
            &url,
            &payer.human.token,
            json!({"value": key, "type": "private_key"}),
        )
        .await
        .expect(201);
    payer
        .app
        .policy(&payer.human, &other, &payer.agent, "keys/*", json!({}))
        .await;
    pay("keys/hot").await.problem(400);
    let named = json!({"to": ALICE, "value": "1", "chain": "dev", "signing_key_path": "keys/hot", "vault_id": vault});
    payer.submit(named).await.expect(201);
}
