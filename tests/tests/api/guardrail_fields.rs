//! Guardrails as fields of an agent: what is stored is enforced, and what could not be is refused when it is written.

use oneclaw_tests::app::TestApp;
use serde_json::{Value, json};

const A: &str = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
const WRONG_CHECKSUM: &str = "0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";

#[tokio::test]
async fn what_could_not_be_enforced_is_refused_at_creation_and_at_change() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let agent = app.agent(&human, json!({"tx_max_value": "1"})).await;
    let url = format!("/v1/agents/{}", agent.id);
    let before = app.get(&url, &human.token).await.expect(200);
    for (name, value, field) in [
        ("tx_to_allowlist", json!([A, "0x1"]), "tx_to_allowlist[1]"),
        (
            "tx_to_allowlist",
            json!([WRONG_CHECKSUM]),
            "tx_to_allowlist[0]",
        ),
        (
            "tx_token_allowlist",
            json!(["USDC"]),
            "tx_token_allowlist[0]",
        ),
        (
            "tx_max_value",
            json!("0.1234567890123456789"),
            "tx_max_value",
        ),
        ("tx_max_value", json!("-1"), "tx_max_value"),
        ("tx_max_value_eth", json!("0x10"), "tx_max_value"),
        ("tx_daily_limit", json!(0.5), "tx_daily_limit"),
        ("tx_daily_limit", json!(" 1"), "tx_daily_limit"),
        ("tx_daily_limit", json!("9".repeat(78)), "tx_daily_limit"),
        ("tx_max_per_day", json!(1.5), "tx_max_per_day"),
        (
            "tx_allowed_chains",
            json!(["base", "atlantis"]),
            "tx_allowed_chains[1]",
        ),
        (
            "tx_allowed_chains",
            json!(["solana"]),
            "tx_allowed_chains[0]",
        ),
        (
            "per_chain_guardrails",
            json!({"base": {"max_valu": "1"}}),
            "per_chain_guardrails.base.max_valu",
        ),
        (
            "per_chain_guardrails",
            json!({"tron": {}}),
            "per_chain_guardrails.tron",
        ),
        (
            "tx_overhead_budget",
            json!({"solana": "1"}),
            "tx_overhead_budget.solana",
        ),
        ("solana_ata_allowlist", json!(["a"]), "solana_ata_allowlist"),
        (
            "xrpl_allowed_tx_types",
            json!(["Payment"]),
            "xrpl_allowed_tx_types",
        ),
        (
            "execution_intents_enabled",
            json!(true),
            "execution_intents_enabled",
        ),
        (
            "execution_guardrails",
            json!({"a": 1}),
            "execution_guardrails",
        ),
        (
            "per_environment_guardrails",
            json!({"production": {}}),
            "per_environment_guardrails",
        ),
        ("intent_signature", json!("always"), "intent_signature"),
        ("labels", json!({"team": 1}), "labels"),
        ("guardrails", json!([]), "guardrails"),
        (
            "guardrails",
            json!({"recipient": {}}),
            "guardrails.recipient",
        ),
        (
            "guardrails",
            json!({"recipients": {"allow": [WRONG_CHECKSUM]}}),
            "guardrails.recipients.allow[0]",
        ),
        (
            "guardrails",
            json!({"per_chain": {"base": {"time_windows": [{"timezone": "Mars/Olympus"}]}}}),
            "guardrails.per_chain.base.time_windows[0].timezone",
        ),
        (
            "guardrails",
            json!({"budgets": [{"name": "x", "shared_by": "label:team", "asset": "native", "limit": "1",
                                "window": {"calendar": "day"}}]}),
            "guardrails.budgets[0].shared_by",
        ),
    ] {
        let mut body = json!({"name": "x"});
        body[name] = value;
        let problem = app
            .post("/v1/agents", &human.token, body.clone())
            .await
            .problem(400);
        assert!(problem["fields"][field].is_string(), "{body}: {problem}");
        let problem = app
            .patch(&url, &human.token, body.clone())
            .await
            .problem(400);
        assert!(problem["fields"][field].is_string(), "{body}: {problem}");
    }
    assert_eq!(app.get(&url, &human.token).await.expect(200), before);
    let all = app.get("/v1/agents", &human.token).await.expect(200);
    assert_eq!(all["agents"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn guardrails_come_back_as_they_were_given() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let fields = json!({
        "tx_to_allowlist": [A], "tx_max_value": "0.10", "tx_overhead_budget": {"evm": "0.5"},
        "per_chain_guardrails": {"base": {"max_value_eth": "0.05", "to_allowlist": [A]}},
        "intent_signature": "required", "labels": {"team": "red"},
        "guardrails": {
            "budgets": [{"name": "team", "shared_by": "label:team", "asset": "native", "limit": "5",
                         "window": {"calendar": "week", "timezone": "Europe/Berlin"}, "chains": ["base"]}],
            "functions": [{"signature": "transfer(address,uint256)"}],
            "per_chain": {"ethereum": {"require_simulation": true}},
        },
    });
    let agent = app.agent(&human, fields.clone()).await;
    let url = format!("/v1/agents/{}", agent.id);
    let got = app.get(&url, &human.token).await.expect(200);
    for (name, value) in fields.as_object().unwrap() {
        assert_eq!(got[name], *value, "{name}");
    }
    let body = json!({"tx_max_value": 2, "tx_allowed_chains": [8453, "ethereum"]});
    let changed = app.patch(&url, &human.token, body).await.expect(200);
    assert_eq!(changed["tx_max_value"], "2");
    assert_eq!(changed["tx_allowed_chains"], json!(["8453", "ethereum"]));
    assert_eq!(changed["guardrails"], fields["guardrails"]);
    let body =
        json!({"guardrails": null, "intent_signature": null, "labels": null, "tx_max_value": ""});
    let cleared = app.patch(&url, &human.token, body).await.expect(200);
    assert_eq!(cleared["guardrails"], Value::Null);
    assert_eq!(cleared["intent_signature"], "off");
    assert_eq!(cleared["labels"], json!({}));
    assert_eq!(cleared["tx_max_value"], Value::Null);
}

#[tokio::test]
async fn a_change_is_held_against_all_that_the_agent_has() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let shared = json!({"budgets": [{"name": "x", "shared_by": "label:team", "asset": "native", "limit": "1",
                                     "window": {"calendar": "day"}}]});
    let fields = json!({"labels": {"team": "red"}, "guardrails": shared});
    let agent = app.agent(&human, fields).await;
    let url = format!("/v1/agents/{}", agent.id);
    let problem = app
        .patch(&url, &human.token, json!({"labels": {}}))
        .await
        .problem(400);
    assert!(problem["fields"]["guardrails.budgets[0].shared_by"].is_string());
}

#[tokio::test]
async fn an_agent_with_guardrails_of_another_time_can_still_be_shut_out() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let agent = app.agent(&human, json!({})).await;
    let url = format!("/v1/agents/{}", agent.id);
    app.edit_database("UPDATE agents SET profile = '{\"tx_to_allowlist\":[\"0x1\"]}'")
        .await;
    let off = app
        .patch(&url, &human.token, json!({"is_active": false}))
        .await
        .expect(200);
    assert_eq!(off["is_active"], false);
    let problem = app
        .patch(&url, &human.token, json!({"intents_api_enabled": true}))
        .await
        .problem(400);
    assert!(problem["fields"]["tx_to_allowlist[0]"].is_string());
}
