//! The setting of the server that has every transaction simulated.

use oneclaw_tests::app::TestApp;
use serde_json::json;

use crate::setup::{ALICE, agent_with_key};

#[tokio::test(flavor = "multi_thread")]
async fn where_every_transaction_is_to_be_simulated_none_is_signed_without() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let chain = json!({"name": "quiet", "display_name": "Quiet", "chain_id": 77_123});
    app.post("/v1/admin/chains", &human.token, chain)
        .await
        .expect(201);
    let (agent, token, _) = agent_with_key(&app, &human, json!({})).await;
    let path = format!("/v1/agents/{}/transactions/sign", agent.id);
    let body = json!({"chain": "quiet", "to": ALICE, "value": "0", "nonce": 0, "gas_limit": 21_000,
        "max_fee_per_gas": "2", "max_priority_fee_per_gas": "1", "simulate_first": true});
    let signed = app.post(&path, &token, body.clone()).await.expect(200);
    assert_eq!(signed["simulation_status"], "skipped");

    let setting = "/v1/admin/settings/intents_api.require_simulation";
    app.put(setting, &human.token, json!({"value": "true"}))
        .await
        .expect(200);
    for simulate_first in [true, false] {
        let mut body = body.clone();
        body["nonce"] = json!(1);
        body["simulate_first"] = json!(simulate_first);
        let problem = app.post(&path, &token, body).await.problem(503);
        let detail = problem["detail"].as_str().unwrap();
        assert!(
            detail.contains("simulation backend not configured"),
            "{detail}"
        );
    }
    app.delete(setting, &human.token).await.expect(204);
    let mut body = body;
    body["nonce"] = json!(1);
    app.post(&path, &token, body).await.expect(200);
}
