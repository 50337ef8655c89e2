//! Guardrails for many agents: the strictest of the organisation's, the labels' and the agent's own wins.

use oneclaw_tests::app::{Database, Human, TestApp};
use serde_json::{Value, json};

use crate::guardrails::approve;
use crate::setup::{ALICE, MALLORY, Payer, agent_with_key, refused};

const ORG: &str = "/v1/org/guardrails";
const RED: &str = "/v1/org/guardrails/labels/team/red";

async fn set(app: &TestApp, human: &Human, url: &str, fields: Value) -> Value {
    app.put(url, &human.token, fields).await.expect(200)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_strictest_of_all_guardrails_wins_on_sqlite() {
    the_strictest_of_all_guardrails_wins(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_strictest_of_all_guardrails_wins_on_postgresql() {
    the_strictest_of_all_guardrails_wins(Database::Postgres).await;
}

async fn the_strictest_of_all_guardrails_wins(database: Database) {
    let payer = Payer::new(database, json!({"tx_max_value": "0.5"})).await;
    let (app, human) = (&payer.app, &payer.human);
    payer.pay(ALICE, "0.4").await.expect(201);
    set(app, human, ORG, json!({"tx_max_value": "0.3"})).await;
    let problem = refused(payer.pay(ALICE, "0.4").await, "value_limit");
    assert_eq!(problem["rule"], "organisation");
    payer.pay(ALICE, "0.3").await.expect(201);
    // For a label that the agent does not have, and then has.
    set(
        app,
        human,
        RED,
        json!({"tx_to_allowlist": [ALICE], "tx_max_value": "0.2"}),
    )
    .await;
    payer.pay(MALLORY, "0.3").await.expect(201);
    payer.change(json!({"labels": {"team": "red"}})).await;
    let problem = refused(payer.pay(MALLORY, "0.1").await, "recipient_not_allowed");
    assert_eq!(problem["rule"], "label/team=red");
    refused(payer.pay(ALICE, "0.3").await, "value_limit");
    payer.pay(ALICE, "0.2").await.expect(201);
    // A wider default takes nothing away from what the agent's own say.
    set(app, human, ORG, json!({"tx_max_value": "90"})).await;
    app.delete(RED, &human.token).await.expect(204);
    let problem = refused(payer.pay(ALICE, "0.6").await, "value_limit");
    assert_eq!(problem["rule"], "agent");
    app.delete(ORG, &human.token).await.expect(204);
    app.delete(ORG, &human.token).await.problem(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daily_limit_for_all_is_each_agents_own_and_counts_once() {
    let payer = Payer::new(Database::Sqlite, json!({"tx_daily_limit": "5"})).await;
    let (app, human) = (&payer.app, &payer.human);
    let budget =
        json!({"name": "day", "asset": "native", "limit": "0.8", "window": {"calendar": "day"}});
    set(
        app,
        human,
        ORG,
        json!({"tx_daily_limit": "1", "guardrails": {"budgets": [budget]}}),
    )
    .await;
    payer.pay(ALICE, "0.5").await.expect(201);
    payer.pay(ALICE, "0.3").await.expect(201);
    refused(
        payer.pay(ALICE, "0.000000000000000001").await,
        "budget_limit",
    );
    set(app, human, ORG, json!({"tx_daily_limit": "1"})).await;
    payer.pay(ALICE, "0.2").await.expect(201);
    let problem = refused(payer.pay(ALICE, "0.1").await, "daily_limit");
    assert_eq!(problem["rule"], "organisation");
    let (other, token, address) = agent_with_key(app, human, json!({"name": "other"})).await;
    payer.anvil.fund(&address, 10 * crate::setup::ETHER).await;
    let body = json!({"to": ALICE, "value": "1", "chain": "dev"});
    let url = format!("/v1/agents/{}/transactions", other.id);
    app.post(&url, &token, body).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn defaults_make_an_agent_a_guarded_one_and_leave_what_it_says_itself() {
    let payer = Payer::new(Database::Sqlite, json!({})).await;
    let (app, human) = (&payer.app, &payer.human);
    let unlimited = json!({"to": MALLORY, "value": "0", "chain": "dev", "data": approve(ALICE, &"f".repeat(64))});
    payer.submit(unlimited.clone()).await.expect(201);
    set(app, human, ORG, json!({"tx_max_value": "1"})).await;
    refused(payer.submit(unlimited.clone()).await, "unlimited_approval");
    payer
        .change(json!({"guardrails": {"unlimited_approvals": "allow"}}))
        .await;
    payer.submit(unlimited.clone()).await.expect(201);
    let closed =
        json!({"guardrails": {"unlimited_approvals": "deny"}, "message_signing_enabled": false});
    set(app, human, ORG, closed).await;
    refused(payer.submit(unlimited).await, "unlimited_approval");
    payer.change(json!({"message_signing_enabled": true})).await;
    let message = json!({"intent_type": "personal_sign", "message": "hello", "chain": "ethereum"});
    refused(
        payer.sign(message.clone()).await,
        "message_signing_disabled",
    );
    app.delete(ORG, &human.token).await.expect(204);
    payer.sign(message).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn guardrails_for_many_are_written_by_admins_and_every_state_is_kept() {
    let app = TestApp::start().await;
    let human = app.human("owner").await;
    let empty = app.get(ORG, &human.token).await.expect(200);
    assert_eq!(
        (&empty["guardrails"], &empty["revision"]),
        (&json!({}), &json!(0))
    );
    let first = set(
        &app,
        &human,
        ORG,
        json!({"tx_max_value_eth": "0.5", "tx_max_per_day": null}),
    )
    .await;
    assert_eq!(first["guardrails"], json!({"tx_max_value": "0.5"}));
    assert_eq!(
        (&first["scope"], &first["revision"]),
        (&json!("organisation"), &json!(1))
    );
    let second = set(&app, &human, RED, json!({"tx_allowed_chains": ["base"]})).await;
    assert_eq!(
        (&second["label"], &second["revision"]),
        (&json!("team=red"), &json!(2))
    );
    assert_eq!(app.get(RED, &human.token).await.expect(200), second);
    let all = app
        .get("/v1/org/guardrails/labels", &human.token)
        .await
        .expect(200);
    assert_eq!(all["labels"], json!([second]));
    app.delete(RED, &human.token).await.expect(204);
    app.get(RED, &human.token).await.problem(404);

    let list = app
        .get("/v1/org/guardrails/revisions?limit=2", &human.token)
        .await
        .expect(200);
    let revisions = list["revisions"].as_array().unwrap();
    assert_eq!(
        (&revisions[0]["revision"], &revisions[0]["guardrails"]),
        (&json!(3), &Value::Null)
    );
    assert_eq!(
        revisions[1]["guardrails"],
        json!({"tx_allowed_chains": ["base"]})
    );
    let url = format!(
        "/v1/org/guardrails/revisions?before={}",
        list["next_before"]
    );
    let rest = app.get(&url, &human.token).await.expect(200);
    assert_eq!(
        rest["revisions"][0]["guardrails"],
        json!({"tx_max_value": "0.5"})
    );
    assert!(rest.get("next_before").is_none());
    let events = app.events(&human, "resource_type=guardrails").await;
    let actions: Vec<&str> = events
        .iter()
        .map(|e| e["action"].as_str().unwrap())
        .collect();
    assert_eq!(
        actions,
        [
            "org.guardrails.remove",
            "org.guardrails.update",
            "org.guardrails.update"
        ]
    );
    assert_eq!(events[1]["id"], revisions[1]["event_id"]);

    for (body, field) in [
        (json!({"tx_max_valeu": "1"}), "tx_max_valeu"),
        (json!({"tx_max_value": "-1"}), "tx_max_value"),
        (
            json!({"tx_allowed_chains": ["nowhere"]}),
            "tx_allowed_chains[0]",
        ),
        (
            json!({"message_signing_enabled": true}),
            "message_signing_enabled",
        ),
        (
            json!({"eip712_default_policy": "allow"}),
            "eip712_default_policy",
        ),
        (json!({"labels": {"a": "b"}}), "labels"),
        (json!({"shroud_enabled": true}), "shroud_enabled"),
        (
            json!({"guardrails": {"typed_data": [{"verifying_contract": ALICE}]}}),
            "guardrails.typed_data",
        ),
        (
            json!({"guardrails": {"budgets": [{"name": "x", "asset": "native", "limit": "1",
                "shared_by": "label:team", "window": {"calendar": "day"}}]}}),
            "guardrails.budgets[0].shared_by",
        ),
    ] {
        let problem = app.put(ORG, &human.token, body).await.problem(400);
        assert!(problem["fields"][field].is_string(), "{field}: {problem}");
    }
    app.put(
        "/v1/org/guardrails/labels/te%20am/red",
        &human.token,
        json!({}),
    )
    .await
    .problem(400);
    let agent = app.agent(&human, json!({})).await;
    let token = app.token(&agent).await;
    for url in [
        ORG,
        "/v1/org/guardrails/labels",
        "/v1/org/guardrails/revisions",
    ] {
        app.get(url, &token).await.problem(403);
    }
    app.put(ORG, &token, json!({})).await.problem(403);
    // Another organisation has its own.
    let stranger = app.human("stranger").await;
    let theirs = app.get(ORG, &stranger.token).await.expect(200);
    assert_eq!(theirs["revision"], 0);
}
