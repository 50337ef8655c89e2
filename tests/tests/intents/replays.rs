//! Decisions on what is signed: recorded with their budgets, and made again with other guardrails.

use oneclaw_tests::app::{Database, TestApp};
use serde_json::{Value, json};

use crate::setup::{ALICE, MALLORY, Payer, refused};

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

/// Updates that say nothing of guardrails: more than an answer has revisions, and than are read at a time.
const OTHER_UPDATES: usize = 205;

#[tokio::test(flavor = "multi_thread")]
async fn a_revision_of_guardrails_is_seen_behind_any_number_of_other_changes() {
    let app = TestApp::start().await;
    let human = app.human("owner").await;
    app.agent(&human, json!({})).await;
    let agent = app.agent(&human, json!({"tx_daily_limit": "3"})).await;
    let path = format!("/v1/agents/{}", agent.id);
    let change = async |fields: Value| app.patch(&path, &human.token, fields).await.expect(200);
    change(json!({"tx_max_value": "1", "shroud_enabled": false})).await;
    for n in 0..OTHER_UPDATES {
        change(json!({"description": format!("number {n}"), "shroud_enabled": false})).await;
    }
    change(json!({"is_active": false, "tx_max_value": "0.5"})).await;
    let list = app
        .get("/v1/org/guardrail-revisions", &human.token)
        .await
        .expect(200);
    let seen: Vec<_> = list["revisions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|revision| {
            (
                &revision["action"],
                &revision["agent_id"],
                &revision["fields"],
            )
        })
        .collect();
    let of_agent = json!(agent.id);
    // The agent that was made without guardrails is none of them.
    assert_eq!(
        seen,
        [
            (
                &json!("agent.deactivate"),
                &of_agent,
                &json!(["tx_max_value"])
            ),
            (&json!("agent.update"), &of_agent, &json!(["tx_max_value"])),
            (
                &json!("agent.register"),
                &of_agent,
                &json!(["tx_daily_limit"])
            ),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_of_guardrails_changes_the_one_decision_that_it_is_about() {
    let payer = Payer::new(Database::Sqlite, json!({})).await;
    payer.pay(ALICE, "1").await.expect(201);
    payer.app.clock.advance_seconds(60);
    payer.pay(MALLORY, "2").await.expect(201);
    let decisions = payer
        .app
        .get(
            "/v1/decisions?world=transaction-guardrail&verdict=allow",
            &payer.human.token,
        )
        .await
        .expect(200);
    assert_eq!(decisions["count"], 2);
    // Newest first.
    let second = &decisions["decisions"][0]["id"];
    let draft = json!({"budgets": [{
        "name": "day", "asset": "native", "limit": "1.5", "window": {"rolling_seconds": 86400},
    }]});
    let replay = payer
        .app
        .post(
            &payer.path("guardrails/replay"),
            &payer.human.token,
            json!({"days": 1, "draft_guardrails": draft}),
        )
        .await
        .expect(202);
    let done = finished(&payer, replay).await;
    assert_eq!(
        (&done["allow_to_deny"], &done["changes"], &done["same"]),
        (&json!(1), &json!(1), &json!(1)),
        "{done}"
    );
    let path = format!("/v1/replays/{}/changes", done["id"].as_str().unwrap());
    let changes = payer.app.get(&path, &payer.human.token).await.expect(200);
    let changes = changes["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0]["decision_id"], *second);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shadow_report_counts_what_a_watched_plugin_would_have_refused_in_its_time() {
    let payer = Payer::new(Database::Sqlite, json!({})).await;
    let (app, human) = (&payer.app, &payer.human);
    // Before anything was watched.
    payer.pay(ALICE, "1").await.expect(201);
    let uploaded = app
        .send_bytes(
            "/v1/plugins",
            &human.token,
            "application/wasm",
            oneclaw_test_guests::hostile("0.1.0"),
        )
        .await;
    uploaded.expect(201);
    let watched =
        json!({"plugin": "hostile", "version": "0.1.0", "settings": "deny", "mode": "shadow"});
    app.post("/v1/plugins/attachments", &human.token, watched)
        .await
        .expect(201);
    app.clock.advance_seconds(60);
    payer.pay(ALICE, "1").await.expect(201);
    let decisions = app
        .get("/v1/decisions?world=transaction-guardrail", &human.token)
        .await
        .expect(200);
    let decision = decisions["decisions"][0].clone();
    let report = async |query: &str| {
        let path = format!("/v1/org/guardrail-shadow-report?{query}");
        app.get(&path, &human.token).await.expect(200)
    };
    let at = decision["created_at"].as_str().unwrap();
    // `since` takes its instant in, `until` leaves it out.
    for (query, decisions) in [
        (String::new(), 2),
        (format!("since={at}"), 1),
        (format!("since={at}&until=2026-11-24T00:00:00Z"), 1),
    ] {
        let report = report(&query).await;
        assert_eq!(report["decisions"], decisions, "{query}: {report}");
        assert_eq!(report["allowed"], decisions);
        let [watched] = &report["shadow"].as_array().unwrap()[..] else {
            panic!("{report}")
        };
        assert_eq!(
            (
                &watched["name"],
                &watched["decisions"],
                &watched["would_deny"]
            ),
            (&json!("hostile"), &json!(1), &json!(1))
        );
        assert_eq!(watched["agree"], 0);
        assert_eq!(watched["concordance_rate"], "0.00000");
        assert_eq!(report["sample_decisions"], json!([decision["id"]]));
    }
    let before = report(&format!("until={at}")).await;
    assert_eq!(before["decisions"], 1);
    assert_eq!(before["shadow"], json!([]));
    assert_eq!(before["sample_decisions"], json!([]));
    let after = report("since=2026-11-24T00:00:00Z").await;
    assert_eq!(after["decisions"], 0);
}
