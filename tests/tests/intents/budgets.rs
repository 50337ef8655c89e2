//! Budgets hold under parallel load: on both databases, and on two servers that share one.

use oneclaw_server::config::Config;
use oneclaw_tests::anvil::Anvil;
use oneclaw_tests::app::{Database, TestApp};
use serde_json::{Value, json};

use crate::setup::{ALICE, ETHER, Payer, add_chain, agent_with_key};

const PARALLEL: usize = 200;

fn tally(statuses: &[u16]) -> (usize, usize) {
    let count = |wanted: u16| statuses.iter().filter(|status| **status == wanted).count();
    (count(201), count(403))
}

/// Fires intents in parallel and gives their statuses.
async fn fire(targets: &[(String, String)], count: usize, body: &Value) -> Vec<u16> {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut tasks = Vec::new();
    for index in 0..count {
        let (url, token) = targets[index % targets.len()].clone();
        let (http, body) = (http.clone(), body.to_string());
        tasks.push(tokio::spawn(async move {
            let sent = http
                .post(url)
                .bearer_auth(token)
                .header("content-type", "application/json")
                .body(body)
                .send()
                .await
                .unwrap();
            let status = sent.status().as_u16();
            let text = sent.text().await.unwrap();
            assert!(
                status == 201 || text.contains("daily_limit"),
                "{status} {text}"
            );
            status
        }));
    }
    let mut statuses = Vec::new();
    for task in tasks {
        statuses.push(task.await.unwrap());
    }
    statuses
}

async fn exactly_three(database: Database) {
    let payer = Payer::new(database, json!({"tx_daily_limit": "0.3"})).await;
    let before = payer.anvil.balance(ALICE).await;
    let url = format!("{}{}", payer.app.url, payer.path("transactions"));
    let body = json!({"to": ALICE, "value": "0.1", "chain": "dev"});
    let statuses = fire(&[(url, payer.token.clone())], PARALLEL, &body).await;
    assert_eq!(tally(&statuses), (3, PARALLEL - 3));
    assert_eq!(payer.anvil.balance(ALICE).await - before, 3 * ETHER / 10);
    assert_eq!(payer.anvil.nonce(&payer.address).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_200_at_once_exactly_three_fit_a_budget_for_three_on_sqlite() {
    exactly_three(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_200_at_once_exactly_three_fit_a_budget_for_three_on_postgresql() {
    exactly_three(Database::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_on_one_database_share_one_budget() {
    let anvil = Anvil::start().await;
    let url = oneclaw_tests::postgres::new_database().await;
    // Servers behind one name: each takes the tokens of the other.
    let named = |config: &mut Config| "http://vault.example".clone_into(&mut config.public_url);
    let first = TestApp::start_in(tempfile::tempdir().unwrap(), &url, named).await;
    let human = first.human("owner").await;
    add_chain(&first, &human, anvil.url()).await;
    let limits = json!({"tx_daily_limit": "0.3"});
    let (agent, token, address) = agent_with_key(&first, &human, limits).await;
    anvil.fund(&address, 10 * ETHER).await;
    // The second one needs the same root key, as everybody who runs two servers has to see to.
    let dir = tempfile::tempdir().unwrap();
    std::fs::copy(
        first.dir.path().join("root.key"),
        dir.path().join("root.key"),
    )
    .unwrap();
    let second = TestApp::start_in(dir, &url, named).await;
    let before = anvil.balance(ALICE).await;
    let targets: Vec<_> = [&first, &second]
        .iter()
        .map(|app| {
            (
                format!("{}/v1/agents/{}/transactions", app.url, agent.id),
                token.clone(),
            )
        })
        .collect();
    let body = json!({"to": ALICE, "value": "0.1", "chain": "dev"});
    let statuses = fire(&targets, PARALLEL, &body).await;
    assert_eq!(tally(&statuses), (3, PARALLEL - 3));
    assert_eq!(anvil.balance(ALICE).await - before, 3 * ETHER / 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_only_counts_like_sending() {
    let payer = Payer::new(Database::Sqlite, json!({"tx_daily_limit": "0.3"})).await;
    let body = json!({"to": ALICE, "value": "0.2", "chain": "dev"});
    let signed = payer
        .app
        .post(&payer.path("transactions/sign"), &payer.token, body.clone())
        .await
        .expect(200);
    assert_eq!(signed["status"], "sign_only");
    let problem = crate::setup::refused(payer.submit(body).await, "daily_limit");
    assert_eq!(problem["limit"], (3 * ETHER / 10).to_string());
    assert_eq!(problem["attempted"], (ETHER / 5).to_string());
    assert_eq!(problem["current"], (ETHER / 5).to_string());
    payer.pay(ALICE, "0.1").await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_that_share_a_budget_spend_from_one_pot() {
    let shared = json!({"guardrails": {"budgets": [
        {"name": "treasury", "shared_by": "organisation", "asset": "native", "limit": "1", "window": {"rolling_seconds": 3600}},
        {"name": "own", "shared_by": "agent", "asset": "native", "limit": "0.7", "window": {"calendar": "day", "timezone": "UTC"}},
    ]}});
    let payer = Payer::new(Database::Sqlite, shared.clone()).await;
    let (other, token, address) = agent_with_key(&payer.app, &payer.human, shared).await;
    payer.anvil.fund(&address, ETHER).await;
    payer.pay(ALICE, "0.7").await.expect(201);
    // Its own budget is used up, so nothing of the shared one may be held by the refusal either.
    payer.pay(ALICE, "0.1").await.expect(403);
    let path = format!("/v1/agents/{}/transactions", other.id);
    let pay = |value: &str| {
        let body = json!({"to": ALICE, "value": value, "chain": "dev"});
        payer.app.post(&path, &token, body)
    };
    pay("0.300000000000000001").await.expect(403);
    pay("0.3").await.expect(201);
    pay("0.000000000000000001").await.expect(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_budget_is_free_again_after_its_window() {
    let payer = Payer::new(Database::Sqlite, json!({"tx_daily_limit": "1"})).await;
    payer.pay(ALICE, "1").await.expect(201);
    payer.pay(ALICE, "1").await.expect(403);
    payer.app.clock.advance_seconds(86_400);
    let token = payer.app.token(&payer.agent).await;
    let body = json!({"to": ALICE, "value": "1", "chain": "dev"});
    payer
        .app
        .post(&payer.path("transactions"), &token, body)
        .await
        .expect(201);
}
