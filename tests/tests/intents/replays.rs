//! Decisions on what is signed: recorded with their budgets, and made again with other guardrails.

use oneclaw_tests::app::Database;
use serde_json::{Value, json};

use crate::setup::{ALICE, Payer, refused};

async fn finished(payer: &Payer, replay: Value) -> Value {
    let path = format!("/v1/replays/{}", replay["id"].as_str().unwrap());
    for _ in 0..1200 {
        let now = payer.app.get(&path, &payer.human.token).await.expect(200);
        if !["queued", "running"].contains(&now["status"].as_str().unwrap()) {
            assert_eq!(now["status"], "done", "{now}");
            return now;
        }
        // Nothing tells a client; it asks.
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the replay did not come to its end");
}

async fn budgets_and_drafts_of_guardrails_are_replayed(database: Database) {
    let payer = Payer::new(database, json!({"tx_daily_limit": "3"})).await;
    for value in ["1", "1.5"] {
        payer.pay(ALICE, value).await.expect(201);
    }
    let problem = refused(payer.pay(ALICE, "1").await, "daily_limit");
    let path = format!("/v1/decisions/{}", problem["decision_id"].as_str().unwrap());
    let seen = payer.app.get(&path, &payer.human.token).await.expect(200);
    assert_eq!(seen["world"], "transaction-guardrail");
    let figures = &seen["explanation"]["figures"];
    assert_eq!(figures["limit"], "3000000000000000000");
    assert_eq!(figures["current"], "2500000000000000000");
    let ways = seen["explanation"]["would_allow"].to_string();
    assert!(
        ways.contains("at most 500000000000000000 of `native` fit now"),
        "{ways}"
    );
    assert!(ways.contains("at least 3500000000000000000"), "{ways}");
    let spent = &seen["plugins"][0]["budgets"].to_string();
    assert!(spent.contains("2500000000000000000"), "{spent}");

    let draft = |fields: Value| {
        json!({
            "candidate": {"guardrails": {"agent_id": payer.agent.id, "fields": fields}},
            "filter": {"world": "transaction-guardrail"},
        })
    };
    for (fields, closed, opened) in [
        // As it is: nothing changes.
        (json!({"tx_daily_limit": "3"}), 0, 0),
        (json!({"tx_daily_limit": "4"}), 0, 1),
        // The second payment no longer fits beside the first.
        (json!({"tx_daily_limit": "2"}), 1, 0),
        (json!({"tx_daily_limit": null, "tx_max_value": "1.2"}), 1, 1),
    ] {
        let replay = payer
            .app
            .post("/v1/replays", &payer.human.token, draft(fields.clone()))
            .await
            .expect(202);
        let done = finished(&payer, replay).await;
        let counts = (
            &done["allow_to_deny"],
            &done["deny_to_allow"],
            &done["undetermined"],
        );
        assert_eq!(
            counts,
            (&json!(closed), &json!(opened), &json!(0)),
            "{fields}: {done}"
        );
    }
    // Under the name that official clients know.
    let replay = payer
        .app
        .post(
            &payer.path("guardrails/replay"),
            &payer.human.token,
            json!({"days": 1, "draft_guardrails": {}}),
        )
        .await
        .expect(202);
    assert_eq!(finished(&payer, replay).await["changes"], 0);
    let report = payer
        .app
        .get("/v1/org/guardrail-shadow-report", &payer.human.token)
        .await
        .expect(200);
    assert_eq!(
        (&report["allowed"], &report["denied"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(report["denied_by_code"], json!({"daily_limit": 1}));
    payer.change(json!({"tx_daily_limit": "5"})).await;
    let revisions = payer
        .app
        .get("/v1/org/guardrail-revisions", &payer.human.token)
        .await
        .expect(200);
    assert_eq!(revisions["revisions"][0]["agent_id"], payer.agent.id);
    assert_eq!(
        revisions["revisions"][0]["fields"],
        json!(["tx_daily_limit"])
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn budgets_and_drafts_of_guardrails_are_replayed_on_sqlite() {
    budgets_and_drafts_of_guardrails_are_replayed(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn budgets_and_drafts_of_guardrails_are_replayed_on_postgresql() {
    budgets_and_drafts_of_guardrails_are_replayed(Database::Postgres).await;
}
