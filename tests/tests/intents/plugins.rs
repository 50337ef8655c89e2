//! Without a component that allows it, nothing is signed: none, one that is missing, misbehaves, or wants somebody's
//! approval.

use oneclaw_server::config::{AccessPlugin, Config};
use oneclaw_tests::app::{Agent, Database, Human, TestApp};
use serde_json::{Value, json};

use crate::setup::{ALICE, agent_with_key, refused};

const CONTRACT: &str = "0x5FbDB2315678afecb367f032d93F642f64180aa3";

/// A server with this component in place of the built-in guardrails.
async fn server(plugin: AccessPlugin) -> (TestApp, Human) {
    let change = |config: &mut Config| config.guardrail_plugin = plugin;
    let app = TestApp::start_with(Database::Sqlite, change).await;
    let human = app.human("ops").await;
    (app, human)
}

/// Everything that an agent may ask to have signed.
fn everything() -> Vec<(&'static str, Value)> {
    let transfer = json!({"to": ALICE, "value": "0", "chain": "base"});
    let with = |more: Value| {
        let mut body = transfer.clone();
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        body
    };
    vec![
        ("transactions", transfer.clone()),
        ("transactions/sign", transfer.clone()),
        ("sign", with(json!({"intent_type": "transaction"}))),
        (
            "sign",
            json!({"intent_type": "personal_sign", "chain": "base", "message": "x"}),
        ),
        (
            "sign",
            json!({"intent_type": "eip712_digest", "chain": "base", "hash": format!("0x{}", "ab".repeat(32))}),
        ),
        (
            "sign",
            json!({"intent_type": "typed_data", "chain": "base", "typed_data": {
                "types": {"Order": [{"name": "id", "type": "uint256"}]}, "primaryType": "Order",
                "domain": {"name": "Shop", "verifyingContract": CONTRACT}, "message": {"id": "1"},
            }}),
        ),
    ]
}

async fn all_refused(app: &TestApp, human: &Human, (agent, token): (&Agent, &str), code: &str) {
    for (call, body) in everything() {
        let path = format!("/v1/agents/{}/{call}", agent.id);
        let problem = refused(app.post(&path, token, body.clone()).await, code);
        let event = &app.events(human, "action=transaction.denied&limit=1").await[0];
        assert_eq!(event["id"], problem["decision_id"], "{call} {body}");
    }
    let list = app
        .get(&format!("/v1/agents/{}/transactions", agent.id), token)
        .await
        .expect(200);
    assert_eq!(list["transactions"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_guardrails_nothing_is_signed() {
    let (app, human) = server(AccessPlugin::None).await;
    let (agent, token, _) = agent_with_key(&app, &human, json!({})).await;
    all_refused(&app, &human, (&agent, &token), "internal/no-plugin").await;
    let missing = AccessPlugin::File("/nonexistent/plugin.wasm".into());
    let (app, human) = server(missing).await;
    let (agent, token, _) = agent_with_key(&app, &human, json!({})).await;
    all_refused(&app, &human, (&agent, &token), "internal/plugin-not-loaded").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guardrails_that_misbehave_or_want_approval_sign_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hostile.wasm");
    std::fs::write(&path, oneclaw_test_guests::HOSTILE).unwrap();
    let (app, human) = server(AccessPlugin::File(path)).await;
    for (behaviour, code) in [
        ("require-approval", "approval_unavailable"),
        ("trap", "internal/trap"),
        ("spin", "internal/fuel"),
        ("megabytes-of-notes", "internal/bad-reply"),
    ] {
        let fields = json!({"guardrails": {"typed_data": [
            {"verifying_contract": CONTRACT, "primary_types": [behaviour]}]}});
        let (agent, token, _) = agent_with_key(&app, &human, fields).await;
        all_refused(&app, &human, (&agent, &token), code).await;
    }
    // The same component allows where it is told to.
    let fields = json!({"guardrails": {"typed_data": [
        {"verifying_contract": CONTRACT, "primary_types": ["allow"]}]}});
    let (agent, token, _) = agent_with_key(&app, &human, fields).await;
    let (call, body) = everything().remove(0);
    app.post(&format!("/v1/agents/{}/{call}", agent.id), &token, body)
        .await
        .expect(201);
}
