//! The trail taken away and verified by somebody who has the public key alone.

use oneclaw_audit_proof::{Report, Verifier, Wrong};
use oneclaw_core::ids::EventId;
use oneclaw_store::NewEvent;
use oneclaw_tests::app::{Database, Human, TestApp};
use serde_json::{Value, json};

/// The key as the server publishes it.
async fn verifier(app: &TestApp) -> Verifier {
    let key = app.get("/v1/audit/checkpoint-key", "").await.expect(200);
    assert_eq!(key["algorithm"], "Ed25519");
    Verifier::new(key["verifier_key"].as_str().unwrap().parse().unwrap())
}

async fn export(app: &TestApp, human: &Human, query: &str) -> String {
    let reply = app
        .get(&format!("/v1/audit/export{query}"), &human.token)
        .await;
    assert_eq!(reply.status.as_u16(), 200, "{}", reply.text);
    assert_eq!(reply.headers["content-type"], "application/x-ndjson");
    reply.text
}

async fn verify(app: &TestApp, export: &str) -> Report {
    verifier(app).await.verify(export.as_bytes()).unwrap()
}

async fn busy(app: &TestApp, human: &Human, writes: usize) {
    let vault = app.vault(human).await;
    for n in 0..writes {
        app.secret(human, &vault, &format!("a/{n}"), "v").await;
    }
}

async fn an_export_verifies_offline(database: Database) {
    let app = TestApp::start_with(database, |_| {}).await;
    let (human, other) = (app.human("ops").await, app.human("other").await);
    busy(&app, &human, 6).await;
    busy(&app, &other, 2).await;
    let text = export(&app, &human, "").await;
    let report = verify(&app, &text).await;
    assert!(report.is_valid(), "{report:#?}");
    // Signing up, a vault, six secrets, and the export itself; all of it is covered.
    assert_eq!((report.first, report.events, report.covered), (1, 9, 9));
    assert_eq!(report.org_id, human.org);
    assert!(!text.contains(&other.org));

    // The lines say what the API says.
    let listed = app.events(&human, "limit=1000").await;
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &Value| line["record"] == "event")
        .collect();
    for (line, event) in lines.iter().zip(listed.iter().rev()) {
        for field in [
            "id",
            "action",
            "actor_id",
            "details",
            "created_at",
            "integrity_hash",
        ] {
            assert_eq!(line[field], event[field], "{field}");
        }
    }

    // Every edit of the file is found, and named where it can be.
    let wrong = async |text: String| verify(&app, &text).await.problems[0].what.clone();
    assert!(matches!(
        wrong(text.replacen("a/3", "a/9", 1)).await,
        Wrong::Edited { seq: 6, .. }
    ));
    let without: Vec<&str> = text.lines().filter(|line| !line.contains("a/3")).collect();
    assert!(matches!(
        wrong(without.join("\n")).await,
        Wrong::Missing { first: 6, last: 6 }
    ));
    let mut swapped: Vec<&str> = text.lines().collect();
    let at = swapped
        .iter()
        .position(|line| line.contains("a/3"))
        .unwrap();
    swapped.swap(at, at + 1);
    assert!(!verify(&app, &swapped.join("\n")).await.is_valid());
    let half = &text[..text.len() / 2];
    assert!(!verify(&app, half).await.is_valid());
}

#[tokio::test]
async fn on_sqlite_an_export_verifies_offline() {
    an_export_verifies_offline(Database::Sqlite).await;
}

#[tokio::test]
async fn on_postgres_an_export_verifies_offline() {
    an_export_verifies_offline(Database::Postgres).await;
}

#[tokio::test]
async fn a_checkpoint_kept_outside_finds_that_old_rows_and_their_end_were_put_back() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    busy(&app, &human, 4).await;
    // Everything that stands in the trail, kept and put back with its seal later on.
    app.edit_database(
        "CREATE TABLE kept_events AS SELECT * FROM audit_events; \
         CREATE TABLE kept_heads AS SELECT * FROM audit_heads; INSERT INTO kept_heads SELECT * FROM kept_heads",
    )
    .await;
    busy(&app, &human, 3).await;
    let made = app
        .post("/v1/audit/checkpoints", &human.token, json!({}))
        .await
        .expect(201);
    assert_eq!(made["size"], 11);
    let held = made["note"].as_str().unwrap().to_owned();
    app.edit_database(
        "DELETE FROM audit_events; INSERT INTO audit_events SELECT * FROM kept_events; \
         DELETE FROM audit_heads; INSERT INTO audit_heads SELECT DISTINCT * FROM kept_heads",
    )
    .await;
    // The server itself knows by the checkpoint that it has.
    let verified = app.get("/v1/audit/verify", &human.token).await.expect(200);
    assert_eq!(verified["chain_valid"], false);
    // With that removed too, it does not, and an export fits in itself; the one who kept a checkpoint does.
    app.edit_database("DELETE FROM audit_checkpoints").await;
    let verified = app.get("/v1/audit/verify", &human.token).await.expect(200);
    assert_eq!(verified["chain_valid"], true);
    let text = export(&app, &human, "").await;
    assert!(verify(&app, &text).await.is_valid());
    let with_it = verifier(&app).await.holding([held.as_str()]).unwrap();
    let report = with_it.verify(text.as_bytes()).unwrap();
    assert!(
        matches!(report.problems[0].what, Wrong::Truncated { signed: 11, .. }),
        "{report:#?}"
    );
}

#[tokio::test]
async fn a_chain_that_was_altered_is_not_signed_and_can_be_exported_as_evidence() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    busy(&app, &human, 2).await;
    app.post("/v1/audit/checkpoints", &human.token, json!({}))
        .await
        .expect(201);
    busy(&app, &human, 3).await;
    app.edit_database(
        "UPDATE audit_events SET resource_id = 'a/7' WHERE resource_id = 'a/1' AND seq < 5",
    )
    .await;
    // Behind the newest checkpoint nothing was altered.
    app.post("/v1/audit/checkpoints", &human.token, json!({}))
        .await
        .expect(201);
    let text = export(&app, &human, "").await;
    let report = verify(&app, &text).await;
    assert!(
        matches!(
            report.problems[0].what,
            Wrong::Altered { first: 1, last: 5 }
        ),
        "{report:#?}"
    );
    busy(&app, &human, 2).await;
    app.edit_database("UPDATE audit_events SET resource_id = 'a/7' WHERE seq = (SELECT max(seq) FROM audit_events)")
        .await;
    app.post("/v1/audit/checkpoints", &human.token, json!({}))
        .await
        .problem(500);
    let text = export(&app, &human, "").await;
    assert!(!verify(&app, &text).await.is_valid());
}

#[tokio::test]
async fn an_export_can_go_on_from_a_checkpoint() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    busy(&app, &human, 3).await;
    let made = app
        .post("/v1/audit/checkpoints", &human.token, json!({}))
        .await
        .expect(201);
    busy(&app, &human, 3).await;
    let size = made["size"].as_u64().unwrap();
    let text = export(&app, &human, &format!("?since={size}")).await;
    let report = verify(&app, &text).await;
    assert!(report.is_valid(), "{report:#?}");
    assert_eq!((report.first, report.events), (size + 1, 5));
    let list = app
        .get("/v1/audit/checkpoints", &human.token)
        .await
        .expect(200);
    assert_eq!(list["checkpoints"][0], made);
    let rest = app
        .get(
            &format!("/v1/audit/checkpoints?after={size}&limit=1"),
            &human.token,
        )
        .await
        .expect(200);
    assert_eq!(rest["checkpoints"].as_array().unwrap().len(), 1);
    let problem = app
        .get("/v1/audit/export?since=1", &human.token)
        .await
        .problem(400);
    assert!(problem["fields"]["since"].is_string());
    app.get("/v1/audit/checkpoints?limit=0", &human.token)
        .await
        .problem(400);
}

#[tokio::test]
async fn an_export_of_many_pages_is_whole() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let mut recording = tokio::task::JoinSet::new();
    for n in 0..1_300 {
        let store = app.running.services.store.clone();
        let event = NewEvent {
            id: EventId::from_uuid(oneclaw_crypto::random::new_id()),
            org_id: human.org.parse().unwrap(),
            action: "secret.read".to_owned(),
            actor_type: "agent".to_owned(),
            actor_id: String::new(),
            resource_type: "secret".to_owned(),
            resource_id: format!("a/{n}"),
            vault_id: None,
            details: json!({"n": n}),
            ip: None,
            at: app.running.services.clock.now(),
            decision: None,
        };
        recording.spawn(async move { store.record(event).await.unwrap() });
    }
    recording.join_all().await;
    let text = export(&app, &human, "").await;
    let report = verify(&app, &text).await;
    assert!(report.is_valid(), "{report:#?}");
    assert_eq!(report.events, 1_302);
    assert_eq!(
        text.lines()
            .filter(|line| line.contains("\"record\":\"leaves\""))
            .count(),
        3
    );
}

#[tokio::test]
async fn the_trail_is_taken_away_by_owners_and_admins_alone() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let agent = app.agent(&human, json!({})).await;
    let token = app.token(&agent).await;
    app.get("/v1/audit/export", &token).await.problem(403);
    app.get("/v1/audit/checkpoints", &token).await.problem(403);
    app.post("/v1/audit/checkpoints", &token, json!({}))
        .await
        .problem(403);
    app.get("/v1/audit/export", "").await.problem(401);
    app.edit_database("UPDATE users SET role = 'member'").await;
    app.get("/v1/audit/export", &human.token).await.problem(403);
    app.post("/v1/audit/checkpoints", &human.token, json!({}))
        .await
        .problem(403);
    app.get("/v1/audit/checkpoints", &human.token)
        .await
        .expect(200);
}

#[tokio::test]
async fn pages_by_cursor_miss_and_repeat_nothing_while_events_are_added() {
    let app = TestApp::start().await;
    let (human, other) = (app.human("ops").await, app.human("other").await);
    busy(&app, &human, 9).await;
    let before: Vec<Value> = app.events(&human, "limit=1000").await;
    let mut seen = Vec::new();
    let mut query = "limit=4".to_owned();
    loop {
        let page = app
            .get(&format!("/v1/audit/events?{query}"), &human.token)
            .await
            .expect(200);
        seen.extend(page["events"].as_array().unwrap().clone());
        // Something happens between any two pages.
        busy(&app, &human, 1).await;
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        query = format!("limit=4&cursor={cursor}");
    }
    assert_eq!(seen, before);
    let theirs = app.events(&other, "").await[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    for wrong in ["x", &theirs, "00000000-0000-4000-8000-000000000000"] {
        let problem = app
            .get(&format!("/v1/audit/events?cursor={wrong}"), &human.token)
            .await
            .problem(400);
        assert!(problem["fields"]["cursor"].is_string(), "{problem}");
    }
    // A cursor goes together with every filter.
    let writes = app.events(&human, "action=secret.write&limit=2").await;
    let page = format!(
        "action=secret.write&limit=2&cursor={}",
        writes[1]["id"].as_str().unwrap()
    );
    let next = app.events(&human, &page).await;
    assert_eq!(next.len(), 2);
    assert!(!writes.contains(&next[0]));
}

async fn old_events_go_and_the_rest_still_verifies(database: Database) {
    let app = TestApp::start_with(database, |config| config.audit_retention_days = Some(30)).await;
    let human = app.human("ops").await;
    busy(&app, &human, 3).await;
    let whole = export(&app, &human, "").await;
    let last = app.events(&human, "limit=1").await[0]["id"].clone();
    app.clock.advance_seconds(31 * 86_400);
    let body = json!({"email": "ops@example.com", "password": oneclaw_tests::app::PASSWORD});
    let signed_in = app.post("/v1/auth/token", "", body).await.expect(200);
    let token = signed_in["access_token"].as_str().unwrap().to_owned();
    let human = Human { token, ..human };
    app.running.services.remove_old_events().await.unwrap();
    busy(&app, &human, 2).await;
    let verified = app.get("/v1/audit/verify", &human.token).await.expect(200);
    assert_eq!(verified["chain_valid"], true);
    assert_eq!(verified["begins_after_event_id"], last);
    let actions: Vec<Value> = app
        .events(&human, "")
        .await
        .iter()
        .map(|e| e["action"].clone())
        .collect();
    assert_eq!(
        actions,
        [
            "secret.write",
            "secret.write",
            "vault.create",
            "audit.retention",
            "auth.success"
        ]
    );
    let rest = export(&app, &human, "").await;
    let report = verify(&app, &rest).await;
    assert!(report.is_valid(), "{report:#?}");
    assert_eq!((report.first, report.last), (7, 12));
    // Both files hold together: the older one's last checkpoint is where the newer one begins.
    let older = verify(&app, &whole).await;
    assert_eq!((older.last, older.covered), (6, 6));
    app.get("/v1/audit/export?since=3", &human.token)
        .await
        .problem(400);
    // Nothing more is old, and a second round removes nothing.
    app.running.services.remove_old_events().await.unwrap();
    assert_eq!(app.events(&human, "action=audit.retention").await.len(), 1);
}

#[tokio::test]
async fn on_sqlite_old_events_go_and_the_rest_still_verifies() {
    old_events_go_and_the_rest_still_verifies(Database::Sqlite).await;
}

#[tokio::test]
async fn on_postgres_old_events_go_and_the_rest_still_verifies() {
    old_events_go_and_the_rest_still_verifies(Database::Postgres).await;
}
