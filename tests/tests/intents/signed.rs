//! Signed intents (RFC 9421): a stolen token alone moves no money.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer as _, SigningKey};
use oneclaw_tests::app::{Database, Reply};
use reqwest::Method;
use serde_json::{Value, json};

use crate::setup::{ALICE, Payer, refused};

/// 2026-11-23T12:00:00Z, where the test clock stands.
const NOON: i64 = 1_795_435_200;

struct Signed {
    body: String,
    headers: Vec<(String, String)>,
}

fn digest(body: &str) -> String {
    use sha2::Digest as _;
    format!("sha-256=:{}:", STANDARD.encode(sha2::Sha256::digest(body)))
}

/// A POST to `path`, signed as an agent would.
fn signed(
    key: &SigningKey,
    key_id: &str,
    path: &str,
    body: &Value,
    nonce: &str,
    created: i64,
) -> Signed {
    let body = body.to_string();
    let digest = digest(&body);
    let params = format!(
        "(\"@method\" \"@path\" \"content-digest\");created={created};keyid=\"{key_id}\";nonce=\"{nonce}\";alg=\"ed25519\""
    );
    let base = format!(
        "\"@method\": POST\n\"@path\": {path}\n\"content-digest\": {digest}\n\"@signature-params\": {params}"
    );
    let signature = STANDARD.encode(key.sign(base.as_bytes()).to_bytes());
    Signed {
        body,
        headers: vec![
            ("content-digest".to_owned(), digest),
            ("signature-input".to_owned(), format!("sig1={params}")),
            ("signature".to_owned(), format!("sig1=:{signature}:")),
        ],
    }
}

async fn send(payer: &Payer, path: &str, signed: &Signed) -> Reply {
    let headers: Vec<(&str, &str)> = signed
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let body = serde_json::from_str(&signed.body).unwrap();
    payer
        .app
        .send_with(Method::POST, path, &payer.token, Some(body), &headers)
        .await
}

async fn payer_with_key() -> (Payer, SigningKey) {
    let payer = Payer::new(Database::Sqlite, json!({})).await;
    let key = SigningKey::from_bytes(&[7; 32]);
    let body =
        json!({"public_key": STANDARD.encode(key.verifying_key().as_bytes()), "key_id": "k1"});
    let created = payer
        .app
        .post(&payer.path("intent-keys"), &payer.token, body)
        .await
        .expect(201);
    assert_eq!(created["key_id"], "k1");
    payer.change(json!({"intent_signature": "required"})).await;
    (payer, key)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_token_alone_moves_no_money() {
    let (payer, key) = payer_with_key().await;
    let path = payer.path("transactions");
    let body = json!({"to": ALICE, "value": "0.1", "chain": "dev"});
    refused(
        payer.submit(body.clone()).await,
        "intent_signature_required",
    );
    let sign = json!({"intent_type": "personal_sign", "chain": "dev", "message": "x"});
    refused(payer.sign(sign).await, "intent_signature_required");
    // Nor does a key of the thief's own help.
    let thief = SigningKey::from_bytes(&[9; 32]);
    let own = json!({"public_key": STANDARD.encode(thief.verifying_key().as_bytes())});
    payer
        .app
        .post(&payer.path("intent-keys"), &payer.token, own)
        .await
        .problem(403);
    payer
        .app
        .delete(&payer.path("intent-keys/k1"), &payer.token)
        .await
        .problem(403);
    let foreign = signed(&thief, "k1", &path, &body, "n1", NOON);
    refused(
        send(&payer, &path, &foreign).await,
        "intent_signature_invalid",
    );

    let good = signed(&key, "k1", &path, &body, "n2", NOON);
    let paid = send(&payer, &path, &good).await.expect(201);
    assert_eq!(paid["intent_key_id"], "k1");
    let events = payer
        .app
        .events(&payer.human, "action=transaction.submit")
        .await;
    assert_eq!(events[0]["details"]["intent_key_id"], "k1");
}

#[tokio::test(flavor = "multi_thread")]
async fn replayed_altered_stale_and_misplaced_signatures_are_refused() {
    let (payer, key) = payer_with_key().await;
    let path = payer.path("transactions");
    let body = json!({"to": ALICE, "value": "0.1", "chain": "dev"});
    let good = signed(&key, "k1", &path, &body, "once", NOON);
    send(&payer, &path, &good).await.expect(201);
    refused(
        send(&payer, &path, &good).await,
        "intent_signature_replayed",
    );

    let mut altered = signed(&key, "k1", &path, &body, "n3", NOON);
    altered.body = altered.body.replace("0.1", "9.9");
    refused(
        send(&payer, &path, &altered).await,
        "intent_signature_invalid",
    );
    let mut both = signed(&key, "k1", &path, &body, "n4", NOON);
    both.body = both.body.replace("0.1", "9.9");
    both.headers[0].1 = digest(&both.body);
    refused(send(&payer, &path, &both).await, "intent_signature_invalid");

    for (created, nonce) in [(NOON - 301, "n5"), (NOON + 31, "n6")] {
        let stale = signed(&key, "k1", &path, &body, nonce, created);
        refused(
            send(&payer, &path, &stale).await,
            "intent_signature_invalid",
        );
    }
    let elsewhere = payer.path("transactions/sign");
    let misplaced = signed(&key, "k1", &path, &body, "n7", NOON);
    refused(
        send(&payer, &elsewhere, &misplaced).await,
        "intent_signature_invalid",
    );
    let unknown = signed(&key, "k2", &path, &body, "n8", NOON);
    refused(
        send(&payer, &path, &unknown).await,
        "intent_signature_invalid",
    );
    assert_eq!(payer.anvil.nonce(&payer.address).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_counts_no_longer_and_a_key_vouches_for_the_next() {
    let (payer, key) = payer_with_key().await;
    let next = SigningKey::from_bytes(&[8; 32]);
    let path = payer.path("intent-keys");
    let body =
        json!({"public_key": STANDARD.encode(next.verifying_key().as_bytes()), "key_id": "k2"});
    let vouched = signed(&key, "k1", &path, &body, "v1", NOON);
    send(&payer, &path, &vouched).await.expect(201);
    let url = payer.path("intent-keys/k1");
    payer.app.delete(&url, &payer.human.token).await.expect(204);
    let listed = payer.app.get(&path, &payer.token).await.expect(200);
    assert_eq!(listed["keys"].as_array().unwrap().len(), 1);

    let submit = payer.path("transactions");
    let body = json!({"to": ALICE, "value": "0.1", "chain": "dev"});
    let old = signed(&key, "k1", &submit, &body, "v2", NOON);
    refused(
        send(&payer, &submit, &old).await,
        "intent_signature_invalid",
    );
    let new = signed(&next, "k2", &submit, &body, "v3", NOON);
    send(&payer, &submit, &new).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_optional_signature_may_be_missing_and_never_wrong() {
    let (payer, key) = payer_with_key().await;
    payer.change(json!({"intent_signature": "optional"})).await;
    payer.pay(ALICE, "0.1").await.expect(201);
    let path = payer.path("transactions");
    let body = json!({"to": ALICE, "value": "0.1", "chain": "dev"});
    let mut wrong = signed(&key, "k1", &path, &body, "w1", NOON);
    wrong.body = wrong.body.replace("0.1", "0.2");
    refused(
        send(&payer, &path, &wrong).await,
        "intent_signature_invalid",
    );
}
