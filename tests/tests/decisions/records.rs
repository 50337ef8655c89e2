//! What is recorded of a decision, and who may see it.

use oneclaw_tests::app::{Database, TestApp};
use serde_json::{Value, json};

async fn decision(app: &TestApp, token: &str, id: &Value) -> Value {
    let path = format!("/v1/decisions/{}", id.as_str().unwrap());
    app.get(&path, token).await.expect(200)
}

async fn list(app: &TestApp, token: &str, query: &str) -> Vec<Value> {
    let list = app
        .get(&format!("/v1/decisions?{query}"), token)
        .await
        .expect(200);
    list["decisions"].as_array().unwrap().clone()
}

async fn a_refusal_explains_itself(database: Database) {
    let app = TestApp::start_with(database, |_| {}).await;
    let human = app.human("owner").await;
    let vault = app.vault(&human).await;
    app.secret(&human, &vault, "db/password", "MARKER-of-a-value")
        .await;
    let agent = app.agent(&human, json!({"scopes": ["**"]})).await;
    let token = app.token(&agent).await;

    let refused = app.read(&token, &vault, "db/password").await.problem(403);
    let id = &refused["decision_id"];
    let seen = decision(&app, &human.token, id).await;
    assert_eq!(seen["verdict"], "deny");
    assert_eq!(seen["code"], refused["reason_code"]);
    assert_eq!(seen["path"], "db/password");
    assert_eq!(seen["principal_id"], agent.id);
    // An event of the audit trail vouches for the very record.
    let event = &app.events(&human, "action=secret.read").await[0];
    assert_eq!(event["id"], *id);
    assert_eq!(event["details"]["record"], seen["record_digest"]);

    let wide = json!({"permissions": ["delete"]});
    let other = app.policy(&human, &vault, &agent, "db/*", wide).await;
    let refused = app.read(&token, &vault, "db/password").await.problem(403);
    let seen = decision(&app, &human.token, &refused["decision_id"]).await;
    assert_eq!(seen["code"], "policy/no-match");
    assert_eq!(seen["explanation"]["decided_by"], "access-policy");
    assert_eq!(seen["plugins"][0]["verdict"], "deny");
    assert_eq!(seen["plugins"][0]["digest"].as_str().unwrap().len(), 64);
    let ways = seen["explanation"]["would_allow"].to_string();
    assert!(
        ways.contains("gives `read` at `db/password` (or at `db/*`)"),
        "{ways}"
    );
    assert!(
        ways.contains(&other) && ways.contains("gives delete"),
        "{ways}"
    );
    // What others' policies say stays hidden from the agent; its own decision does not.
    let own = decision(&app, &token, &refused["decision_id"]).await;
    assert!(!own.to_string().contains(&other), "{own}");

    app.policy(&human, &vault, &agent, "db/*", json!({})).await;
    app.read(&token, &vault, "db/password").await.expect(200);
    let allowed = &list(&app, &token, "verdict=allow").await[0];
    let seen = decision(&app, &human.token, &allowed["id"]).await;
    assert_eq!(seen["code"], "policy/allowed");
    assert_eq!(seen["explanation"]["would_allow"], json!([]));
    assert_eq!(seen["request"]["path"], "db/password");
    let everything = app.get("/v1/decisions?limit=1000", &human.token).await.text;
    assert!(!everything.contains("MARKER"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_explains_itself_on_sqlite() {
    a_refusal_explains_itself(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_explains_itself_on_postgresql() {
    a_refusal_explains_itself(Database::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conditions_say_what_would_make_them_hold() {
    let app = TestApp::start().await;
    let human = app.human("owner").await;
    let vault = app.vault(&human).await;
    app.secret(&human, &vault, "a", "1").await;
    for (conditions, condition, says) in [
        (
            json!({"ip_allowlist": ["10.0.0.0/8"]}),
            "ip_allowlist",
            "10.0.0.0/8; it came from 127.0.0.1",
        ),
        (
            json!({"environment_in": ["production"]}),
            "environment_in",
            "(production); it is for none",
        ),
        (
            json!({"time_window": {"after": "03:00", "before": "03:01", "timezone": "UTC"}}),
            "time_window",
            "within the time window",
        ),
    ] {
        let agent = app.agent(&human, json!({})).await;
        let policy = app
            .policy(
                &human,
                &vault,
                &agent,
                "a",
                json!({"conditions": conditions}),
            )
            .await;
        let token = app.token(&agent).await;
        let refused = app.read(&token, &vault, "a").await.problem(403);
        let seen = decision(&app, &human.token, &refused["decision_id"]).await;
        let explanation = &seen["explanation"];
        assert_eq!(explanation["condition"], condition);
        assert_eq!(explanation["rule"], policy);
        assert!(
            explanation["would_allow"][0]
                .as_str()
                .unwrap()
                .contains(says),
            "{explanation}"
        );
        if condition == "time_window" {
            let opens = explanation["allowed_from"].as_str().unwrap();
            assert!(opens.ends_with("T03:00:00Z"), "{opens}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_of_the_gate_are_recorded_too() {
    let app = TestApp::start().await;
    let human = app.human("owner").await;
    let (vault, other) = (app.vault(&human).await, app.vault(&human).await);
    app.secret(&human, &vault, "a/b", "1").await;
    let bound = app.agent(&human, json!({"vault_ids": [other]})).await;
    let refused = app
        .read(&app.token(&bound).await, &vault, "a/b")
        .await
        .problem(403);
    let seen = decision(&app, &human.token, &refused["decision_id"]).await;
    assert_eq!(seen["code"], "binding/vault-not-bound");
    assert_eq!(seen["plugins"], json!([]));
    assert_eq!(seen["explanation"]["decided_by"], "gate");
    assert!(
        seen["explanation"]["would_allow"][0]
            .as_str()
            .unwrap()
            .contains("vault_ids")
    );

    let narrow = app.agent(&human, json!({"scopes": ["x/**"]})).await;
    app.policy(&human, &vault, &narrow, "**", json!({})).await;
    let refused = app
        .read(&app.token(&narrow).await, &vault, "a/b")
        .await
        .problem(403);
    let seen = decision(&app, &human.token, &refused["decision_id"]).await;
    assert_eq!(seen["code"], "scope/path-not-in-scope");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_sees_what_is_theirs_page_by_page() {
    let app = TestApp::start().await;
    let human = app.human("owner").await;
    let stranger = app.human("stranger").await;
    let vault = app.vault(&human).await;
    app.secret(&human, &vault, "team/a", "1").await;
    let (one, two) = (
        app.agent(&human, json!({})).await,
        app.agent(&human, json!({})).await,
    );
    let (first, second) = (app.token(&one).await, app.token(&two).await);
    for n in 0..5 {
        app.read(&first, &vault, &format!("team/{n}"))
            .await
            .problem(403);
    }
    let id = app.read(&second, &vault, "team/x").await.problem(403)["decision_id"].clone();
    let path = format!("/v1/decisions/{}", id.as_str().unwrap());
    for token in [&first, &stranger.token] {
        app.get(&path, token).await.problem(404);
    }
    app.get(&path, "").await.problem(401);
    assert_eq!(list(&app, &stranger.token, "").await, Vec::<Value>::new());
    assert_eq!(
        list(&app, &first, &format!("agent={}", two.id)).await,
        Vec::<Value>::new()
    );
    assert_eq!(list(&app, &first, "").await.len(), 5);
    assert_eq!(
        list(
            &app,
            &human.token,
            &format!("agent={}&path_prefix=team/", one.id)
        )
        .await
        .len(),
        5
    );
    assert_eq!(
        list(&app, &human.token, &format!("vault={vault}&verdict=deny"))
            .await
            .len(),
        6
    );
    // The write of the owner.
    assert_eq!(list(&app, &human.token, "verdict=allow").await.len(), 1);

    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = app
            .get(&format!("/v1/decisions?limit=2&cursor={cursor}"), &first)
            .await
            .expect(200);
        for decision in page["decisions"].as_array().unwrap() {
            seen.push(decision["path"].as_str().unwrap().to_owned());
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen, ["team/4", "team/3", "team/2", "team/1", "team/0"]);

    for (query, field) in [
        ("agent=x", "agent"),
        ("vault=x", "vault"),
        ("verdict=maybe", "verdict"),
        ("world=x", "world"),
        ("plugin=ABC", "plugin"),
        ("since=yesterday", "since"),
        ("cursor=x", "cursor"),
        ("limit=0", "limit"),
    ] {
        let problem = app
            .get(&format!("/v1/decisions?{query}"), &human.token)
            .await
            .problem(400);
        assert!(
            problem["fields"][field].is_string()
                || problem["detail"].as_str().unwrap().contains(field),
            "{problem}"
        );
    }
    app.get("/v1/decisions/x", &human.token).await.problem(400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_go_after_the_days_in_the_settings_and_denials_are_never_left_out() {
    let app = TestApp::start_with(Database::Sqlite, |config| {
        config.decisions.retention_days = 7;
        config.decisions.allowed_percent = 0;
    })
    .await;
    let human = app.human("owner").await;
    let vault = app.vault(&human).await;
    app.secret(&human, &vault, "a", "1").await;
    app.read(&human.token, &vault, "a").await.expect(200);
    assert_eq!(list(&app, &human.token, "").await, Vec::<Value>::new());
    let agent = app.agent(&human, json!({})).await;
    let token = app.token(&agent).await;
    app.read(&token, &vault, "a").await.problem(403);
    assert_eq!(app.running.services.purge_decisions().await.unwrap(), 0);
    assert_eq!(list(&app, &token, "").await.len(), 1);
    app.clock.advance_seconds(8 * 24 * 60 * 60);
    assert_eq!(app.running.services.purge_decisions().await.unwrap(), 1);
}

/// Bytes that tables and indexes take whose names begin so.
pub async fn bytes_of(app: &TestApp, tables: &str) -> i64 {
    use sqlx::Connection as _;
    let file = app.dir.path().join("oneclaw.db");
    let mut connection = sqlx::SqliteConnection::connect(&format!("sqlite://{}", file.display()))
        .await
        .unwrap();
    let sql = "SELECT SUM(pgsize) FROM dbstat WHERE name LIKE $1 OR name LIKE $2";
    sqlx::query_scalar(sql)
        .bind(format!("{tables}%"))
        .bind(format!("sqlite_autoindex_{tables}%"))
        .fetch_one(&mut connection)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_of_access_takes_less_room_than_its_audit_event() {
    const DECISIONS: i64 = 400;
    let app = TestApp::start().await;
    let human = app.human("owner").await;
    let vault = app.vault(&human).await;
    let agent = app.agent(&human, json!({})).await;
    app.policy(&human, &vault, &agent, "**", json!({})).await;
    let token = app.token(&agent).await;
    let before = (
        bytes_of(&app, "decisions").await,
        bytes_of(&app, "audit_events").await,
    );
    for n in 0..DECISIONS {
        app.read(&token, &vault, &format!("service/database/password-{n}"))
            .await
            .problem(404);
    }
    let record = (bytes_of(&app, "decisions").await - before.0) / DECISIONS;
    let event = (bytes_of(&app, "audit_events").await - before.1) / DECISIONS;
    println!("{record} bytes a record, {event} bytes an event");
    assert!(record < 900, "{record}");
    assert!(record < event, "{record} and {event}");
}
