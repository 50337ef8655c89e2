//! Each guardrail refuses one case too many by the smallest step, and names its reason.

use oneclaw_tests::app::Database;
use serde_json::{Value, json};

use crate::setup::{ALICE, ETHER, MALLORY, Payer, refused};

async fn payer(fields: Value) -> Payer {
    Payer::new(Database::Sqlite, fields).await
}

/// Calldata of `transfer(address,uint256)`.
pub fn transfer(to: &str, amount: u128) -> String {
    format!(
        "0xa9059cbb{:0>64}{amount:064x}",
        to.trim_start_matches("0x").to_lowercase()
    )
}

/// Calldata of `approve(address,uint256)`.
pub fn approve(to: &str, amount: &str) -> String {
    format!(
        "0x095ea7b3{:0>64}{amount:0>64}",
        to.trim_start_matches("0x").to_lowercase()
    )
}

const TOKEN: &str = "0x5FbDB2315678afecb367f032d93F642f64180aa3";
const OTHER_TOKEN: &str = "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512";

#[tokio::test(flavor = "multi_thread")]
async fn value_passes_at_the_cap_and_not_one_wei_above() {
    let payer = payer(json!({"tx_max_value_eth": "0.1"})).await;
    payer.pay(ALICE, "0.1").await.expect(201);
    let problem = refused(
        payer.pay(ALICE, "0.100000000000000001").await,
        "value_limit",
    );
    assert_eq!(problem["limit"], (ETHER / 10).to_string());
    assert_eq!(problem["attempted"], (ETHER / 10 + 1).to_string());
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("per-transaction limit of 0.1 ETH")
    );
    let events = payer
        .app
        .events(&payer.human, "action=transaction.denied")
        .await;
    assert_eq!(events[0]["details"]["code"], "value_limit");
    assert_eq!(events[0]["id"], problem["decision_id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_wei_of_the_day_passes_and_none_after_it() {
    let payer = payer(json!({"tx_daily_limit": "1"})).await;
    payer.pay(ALICE, "0.6").await.expect(201);
    let problem = refused(
        payer.pay(ALICE, "0.400000000000000001").await,
        "daily_limit",
    );
    assert_eq!(problem["current"], (6 * ETHER / 10).to_string());
    payer.pay(ALICE, "0.4").await.expect(201);
    refused(
        payer.pay(ALICE, "0.000000000000000001").await,
        "daily_limit",
    );
    payer.pay(ALICE, "0").await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_count_of_a_day_is_held() {
    let payer = payer(json!({"tx_max_per_day": 2})).await;
    payer.pay(ALICE, "0").await.expect(201);
    payer.pay(ALICE, "0").await.expect(201);
    refused(payer.pay(ALICE, "0").await, "count_limit");
}

#[tokio::test(flavor = "multi_thread")]
async fn chains_and_recipients_are_held_to_their_lists() {
    let payer =
        payer(json!({"tx_allowed_chains": ["dev"], "tx_to_allowlist": [ALICE.to_lowercase()]}))
            .await;
    payer.pay(ALICE, "0.1").await.expect(201);
    refused(payer.pay(MALLORY, "0.1").await, "recipient_not_allowed");
    let elsewhere = json!({"to": ALICE, "value": "0", "chain": "base"});
    let problem = refused(payer.submit(elsewhere).await, "chain_not_allowed");
    assert!(problem["detail"].as_str().unwrap().contains("base"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_strictest_of_global_and_per_chain_wins() {
    let payer = payer(json!({
        "tx_max_value": "1",
        "per_chain_guardrails": {"dev": {"max_value": "0.5", "daily_limit_eth": "0.8"}},
    }))
    .await;
    refused(
        payer.pay(ALICE, "0.500000000000000001").await,
        "value_limit",
    );
    payer.pay(ALICE, "0.5").await.expect(201);
    refused(
        payer.pay(ALICE, "0.300000000000000001").await,
        "daily_limit",
    );
    payer.pay(ALICE, "0.3").await.expect(201);
    let elsewhere = |value: &str| json!({"to": ALICE, "value": value, "chain": "base"});
    payer.submit(elsewhere("1")).await.expect(201);
    refused(
        payer.submit(elsewhere("1.000000000000000001")).await,
        "value_limit",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_held_to_their_list_and_their_amounts() {
    let payer = payer(json!({
        "tx_token_allowlist": [TOKEN],
        "guardrails": {
            "tokens": {"limits": [{"token": TOKEN, "max_amount": "1000"}]},
            "budgets": [{"name": "tokens", "shared_by": "agent", "asset": TOKEN, "limit": "1500", "window": {"rolling_seconds": 60}}],
        },
    }))
    .await;
    let call = |token: &str, amount: u128| json!({"to": token, "value": "0", "data": transfer(ALICE, amount), "chain": "base"});
    payer.submit(call(TOKEN, 1000)).await.expect(201);
    refused(payer.submit(call(TOKEN, 1001)).await, "token_limit");
    let problem = payer.submit(call(TOKEN, 501)).await.problem(403);
    assert_eq!(problem["current"], "1000", "{problem}");
    payer.submit(call(TOKEN, 500)).await.expect(201);
    refused(
        payer.submit(call(OTHER_TOKEN, 1)).await,
        "token_not_allowed",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_allowlisted_token_cannot_be_sent_to_somebody_else() {
    let payer = payer(json!({"tx_to_allowlist": [TOKEN, ALICE]})).await;
    let call =
        |to: &str| json!({"to": TOKEN, "value": "0", "data": transfer(to, 5), "chain": "base"});
    payer.submit(call(ALICE)).await.expect(201);
    refused(payer.submit(call(MALLORY)).await, "recipient_not_allowed");
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_gas_and_fees_are_held() {
    let payer = payer(json!({"guardrails": {
        "functions": [{"signature": "transfer(address,uint256)"}],
        "fees": {"max_gas": 100_000, "max_fee_per_gas_gwei": "1.5", "max_total": "0.00015"},
    }}))
    .await;
    let call = |change: Value| {
        let mut body = json!({
            "to": TOKEN, "value": "0", "data": transfer(ALICE, 1), "chain": "base", "gas_limit": 100_000,
            "max_fee_per_gas": "1500000000", "max_priority_fee_per_gas": "1",
        });
        body.as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        payer.submit(body)
    };
    call(json!({})).await.expect(201);
    refused(call(json!({"gas_limit": 100_001})).await, "gas_limit");
    refused(
        call(json!({"max_fee_per_gas": "1500000001"})).await,
        "fee_limit",
    );
    refused(
        call(json!({"data": approve(ALICE, "1")})).await,
        "function_not_allowed",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_signed_outside_of_the_hours() {
    // The test clock stands at noon on a Monday.
    let payer = payer(json!({"guardrails": {"time_windows": [
        {"after": "09:00", "before": "17:00", "timezone": "UTC", "days": ["mon"]}
    ]}}))
    .await;
    payer.pay(ALICE, "0").await.expect(201);
    payer.app.clock.advance_seconds(5 * 3600);
    let token = payer.app.token(&payer.agent).await;
    let body = json!({"to": ALICE, "value": "0", "chain": "dev"});
    let late = payer
        .app
        .post(&payer.path("transactions"), &token, body)
        .await;
    refused(late, "time_window");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_without_intents_and_somebody_elses_agent_are_turned_away() {
    let payer = payer(json!({})).await;
    let (other, _, _) = crate::setup::agent_with_key(&payer.app, &payer.human, json!({})).await;
    let path = format!("/v1/agents/{}/transactions", other.id);
    let body = json!({"to": ALICE, "value": "0", "chain": "dev"});
    payer
        .app
        .post(&path, &payer.token, body.clone())
        .await
        .problem(403);
    // A human who manages the agent acts for it, under the agent's guardrails.
    payer.change(json!({"tx_max_value": "1"})).await;
    let path_of_payer = payer.path("transactions");
    let as_human = |value: &str| {
        let body = json!({"to": ALICE, "value": value, "chain": "dev"});
        payer.app.post(&path_of_payer, &payer.human.token, body)
    };
    as_human("1").await.expect(201);
    refused(as_human("1.1").await, "value_limit");
    payer.change(json!({"intents_api_enabled": false})).await;
    payer.submit(body).await.problem(403);
}
