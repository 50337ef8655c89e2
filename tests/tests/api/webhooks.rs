//! Webhooks over HTTP, with a real target.

use std::sync::atomic::{AtomicU32, Ordering};

use oneclaw_server::config::RootKeySource;
use oneclaw_tests::app::{Agent, Database, Human, TestApp};
use oneclaw_tests::receiver::{Received, Receiver};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

/// A server whose webhooks may go to the targets of tests.
async fn start() -> (TestApp, Human) {
    let app = TestApp::start_with(Database::Sqlite, |config| {
        config.allow_private_targets = true
    })
    .await;
    let human = app.human("ops").await;
    (app, human)
}

/// The same human, with a key that outlives tokens and is good on every server of a database.
async fn lasting(app: &TestApp, human: Human) -> Human {
    let key = app
        .post("/v1/auth/api-keys", &human.token, json!({"name": "lasts"}))
        .await
        .expect(201);
    Human {
        token: key["api_key"].as_str().unwrap().to_owned(),
        ..human
    }
}

async fn hook(app: &TestApp, human: &Human, url: &str, events: Value) -> (String, String) {
    let body = json!({"url": url, "events": events});
    let made = app
        .post("/v1/webhooks", &human.token, body)
        .await
        .expect(201);
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    assert!(made["created_at"].is_string());
    (text("id"), text("secret"))
}

/// What a receiver does who believes nothing.
fn verified(request: &Received, secret: &str) -> Value {
    assert!(request.is_signed_with(secret), "{request:?}");
    let event: Value = serde_json::from_str(&request.body).unwrap();
    assert_eq!(request.header("x-oneclaw-event"), event["type"]);
    event
}

async fn deliveries(app: &TestApp, human: &Human, id: &str) -> Vec<Value> {
    let path = format!("/v1/webhooks/{id}/deliveries");
    let list = app.get(&path, &human.token).await.expect(200);
    list["deliveries"].as_array().unwrap().clone()
}

/// Waits until the newest delivery has been tried so often.
async fn tried(app: &TestApp, human: &Human, id: &str, attempts: i64) -> Value {
    for _ in 0..3000 {
        if let Some(newest) = deliveries(app, human, id).await.first()
            && newest["attempts"] == attempts
        {
            return newest.clone();
        }
        // The server looks by itself; there is nothing to be told by.
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("{:?}", deliveries(app, human, id).await);
}

static RENAMED: AtomicU32 = AtomicU32::new(0);

async fn rename(app: &TestApp, human: &Human, agent: &Agent) {
    let path = format!("/v1/agents/{}", agent.id);
    let name = format!("name {}", RENAMED.fetch_add(1, Ordering::Relaxed));
    app.patch(&path, &human.token, json!({"name": name}))
        .await
        .expect(200);
}

#[tokio::test]
async fn a_target_is_told_what_it_wants_to_know_signed_and_once() {
    let (app, human) = start().await;
    let target = Receiver::start().await;
    let before = app.agent(&human, json!({"name": "before"})).await;
    let (id, secret) = hook(
        &app,
        &human,
        &target.url,
        json!(["agent.*", "policy.created"]),
    )
    .await;
    assert!(secret.starts_with("whsec_"));
    let agent = app.agent(&human, json!({"name": "after"})).await;
    let vault = app.vault(&human).await;
    app.secret(&human, &vault, "a/b", "mArKeR-in-a-secret")
        .await;
    let policy = app.policy(&human, &vault, &agent, "a/**", json!({})).await;
    let received = target.received(2).await;
    // What is told at about the same time may arrive in any order.
    let of_type = |name: &str| {
        let found = received
            .iter()
            .find(|r| r.header("x-oneclaw-event") == name);
        verified(found.unwrap(), &secret)
    };
    let created = of_type("agent.created");
    assert_eq!(created["type"], "agent.created");
    assert_eq!(created["org_id"], human.org);
    assert_eq!(created["data"]["resource_id"], agent.id);
    assert_eq!(created["data"]["actor_id"], human.id);
    let policy_created = of_type("policy.created");
    assert_eq!(policy_created["type"], "policy.created");
    assert_eq!(policy_created["data"]["resource_id"], policy);
    // The id of the event is the one in the trail.
    let events = app.events(&human, "action=agent.register").await;
    assert!(events.iter().any(|event| event["id"] == created["id"]));
    let done = tried(&app, &human, &id, 1).await;
    assert_eq!(done["state"], "delivered");
    assert_eq!(done["last_status"], 204);
    assert_eq!(deliveries(&app, &human, &id).await.len(), 2);
    assert_eq!(target.so_far(), 2);
    assert!(
        received
            .iter()
            .all(|r| !r.body.contains("mArKeR") && !r.body.contains(&before.id))
    );
    let shown = app
        .get(&format!("/v1/webhooks/{id}"), &human.token)
        .await
        .expect(200);
    assert!(shown.get("secret").is_none(), "{shown}");
}

#[tokio::test]
async fn what_a_target_does_not_take_is_tried_again_and_then_given_up_for_all_to_see() {
    let (app, human) = start().await;
    let human = lasting(&app, human).await;
    let target = Receiver::start().await;
    target.answers("500 Oops");
    let agent = app.agent(&human, json!({})).await;
    let (id, secret) = hook(&app, &human, &target.url, json!(["agent.updated"])).await;
    rename(&app, &human, &agent).await;
    let first = tried(&app, &human, &id, 1).await;
    assert_eq!(first["state"], "pending");
    assert_eq!(first["last_status"], 500);
    assert!(first["next_attempt_at"].is_string());
    // Redirects are not followed: they would lead past the check of the address.
    target.answers("302 Found\r\nlocation: http://127.0.0.1:1/");
    app.clock.advance_seconds(10);
    let second = tried(&app, &human, &id, 2).await;
    assert!(
        second["last_error"].as_str().unwrap().contains("redirect"),
        "{second}"
    );
    for attempt in 3..=10 {
        app.clock.advance_seconds(86_400);
        tried(&app, &human, &id, attempt).await;
    }
    let last = deliveries(&app, &human, &id).await.remove(0);
    assert_eq!(last["state"], "given_up");
    assert!(last["finished_at"].is_string() && last["next_attempt_at"].is_null());
    let path = format!("/v1/webhooks/{id}");
    let token = &human.token;
    let shown = app.get(&path, token).await.expect(200);
    assert_eq!(shown["consecutive_failures"], 1);

    // By hand it goes once more, under the same id.
    target.answers("200 OK");
    let again = format!(
        "{path}/deliveries/{}/redeliver",
        last["id"].as_str().unwrap()
    );
    assert_eq!(app.post(&again, token, json!(null)).await.status, 204);
    let received = target.received(11).await;
    verified(&received[10], &secret);
    let ids: Vec<&str> = received
        .iter()
        .map(|r| r.header("x-oneclaw-delivery"))
        .collect();
    assert!(ids.iter().all(|id| *id == last["id"]), "{ids:?}");
}

#[tokio::test]
async fn addresses_that_are_not_public_are_refused_unless_the_server_is_set_otherwise() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    for url in [
        "http://example.com/hook",
        "https://127.0.0.1/hook",
        "https://[::1]/hook",
        "https://10.0.0.1/hook",
        "https://2130706433/hook",
        "https://169.254.169.254/latest/meta-data",
        "https://user:secret@example.com/",
        "ftp://example.com/",
        "nonsense",
    ] {
        let body = json!({"url": url, "events": ["*"]});
        let problem = app
            .post("/v1/webhooks", &human.token, body)
            .await
            .problem(400);
        assert!(problem["fields"]["url"].is_string(), "{url}: {problem}");
    }
    // A name is looked up when it is connected to, and what is behind it is looked at then.
    let (id, _) = hook(
        &app,
        &human,
        "https://localhost/hook",
        json!(["agent.updated"]),
    )
    .await;
    let agent = app.agent(&human, json!({})).await;
    rename(&app, &human, &agent).await;
    let tried = tried(&app, &human, &id, 1).await;
    let error = tried["last_error"].as_str().unwrap();
    assert!(error.contains("not a public address"), "{error}");
}

#[tokio::test]
async fn private_targets_that_are_allowed_no_more_are_told_nothing_more() {
    let (app, human) = start().await;
    let human = lasting(&app, human).await;
    let target = Receiver::start().await;
    let agent = app.agent(&human, json!({})).await;
    let (id, _) = hook(&app, &human, &target.url, json!(["agent.updated"])).await;
    let database = format!("sqlite://{}/oneclaw.db", app.dir.path().display());
    let app = TestApp::start_in(app.stop().await, &database, |_| {}).await;
    rename(&app, &human, &agent).await;
    let refused = tried(&app, &human, &id, 1).await;
    let error = refused["last_error"].as_str().unwrap();
    assert!(error.contains("not a public address"), "{error}");
    assert_eq!(target.so_far(), 0);
}

#[tokio::test]
async fn a_webhook_that_is_switched_off_is_told_nothing_of_that_time() {
    let (app, human) = start().await;
    let target = Receiver::start().await;
    let agent = app.agent(&human, json!({})).await;
    let (id, _) = hook(
        &app,
        &human,
        &target.url,
        json!(["agent.updated", "vault.created"]),
    )
    .await;
    let path = format!("/v1/webhooks/{id}");
    let off = json!({"is_active": false, "description": "quiet"});
    let shown = app.patch(&path, &human.token, off).await.expect(200);
    assert_eq!(shown["is_active"], false);
    assert_eq!(shown["description"], "quiet");
    rename(&app, &human, &agent).await;
    let on = json!({"is_active": true});
    app.patch(&path, &human.token, on).await.expect(200);
    app.vault(&human).await;
    let received = target.received(1).await;
    assert_eq!(received[0].header("x-oneclaw-event"), "vault.created");
    assert_eq!(app.delete(&path, &human.token).await.status, 204);
    app.get(&path, &human.token).await.problem(404);
}

#[tokio::test]
async fn webhooks_are_for_owners_and_admins_and_their_own_organisation() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let other = app.human("other").await;
    let agent = app.agent(&human, json!({})).await;
    let agent = app.token(&agent).await;
    let (id, _) = hook(&app, &human, "https://example.com/hook", json!(["*"])).await;
    let path = format!("/v1/webhooks/{id}");
    app.get(&path, &other.token).await.problem(404);
    app.patch(&path, &other.token, json!({})).await.problem(404);
    app.delete(&path, &other.token).await.problem(404);
    app.get(&format!("{path}/deliveries"), &other.token)
        .await
        .problem(404);
    let list = app.get("/v1/webhooks", &other.token).await.expect(200);
    assert_eq!(list["webhooks"], json!([]));
    app.get("/v1/webhooks", &agent).await.problem(403);
    for (body, field) in [
        (
            json!({"url": "https://example.com/", "events": []}),
            "events",
        ),
        (
            json!({"url": "https://example.com/", "events": ["agent.exploded"]}),
            "events",
        ),
        (
            json!({"url": "https://example.com/", "events": ["*"], "secret": "short"}),
            "secret",
        ),
    ] {
        let problem = app
            .post("/v1/webhooks", &human.token, body)
            .await
            .problem(400);
        assert!(problem["fields"][field].is_string(), "{problem}");
    }
    let own =
        json!({"url": "https://example.com/", "events": ["*"], "secret": "a secret of their own"});
    let made = app
        .post("/v1/webhooks", &human.token, own)
        .await
        .expect(201);
    assert_eq!(made["secret"], "a secret of their own");
}

#[tokio::test]
async fn a_new_secret_takes_over_while_the_old_one_still_counts() {
    let (app, human) = start().await;
    let target = Receiver::start().await;
    let agent = app.agent(&human, json!({})).await;
    let (id, first) = hook(&app, &human, &target.url, json!(["agent.updated"])).await;
    let path = format!("/v1/webhooks/{id}/rotate-secret");
    let rotate = async |body: Value| app.post(&path, &human.token, body).await;
    let wrong = rotate(json!({"overlap_seconds": 604_801}))
        .await
        .problem(400);
    assert!(wrong["fields"]["overlap_seconds"].is_string(), "{wrong}");
    let rotated = rotate(json!({"overlap_seconds": 60})).await.expect(200);
    let second = rotated["secret"].as_str().unwrap();
    assert!(rotated["old_secret_until"].is_string());
    rename(&app, &human, &agent).await;
    let received = target.received(1).await;
    assert!(received[0].is_signed_with(second) && received[0].is_signed_with(&first));
    app.clock.advance_seconds(61);
    rename(&app, &human, &agent).await;
    let received = target.received(2).await;
    assert!(received[1].is_signed_with(second) && !received[1].is_signed_with(&first));
    // Without an overlap the old one is worth nothing at once.
    let third = rotate(json!({"overlap_seconds": 0, "secret": "brought along by hand"})).await;
    assert!(third.expect(200)["old_secret_until"].is_null());
    rename(&app, &human, &agent).await;
    let received = target.received(3).await;
    assert!(
        received[2].is_signed_with("brought along by hand") && !received[2].is_signed_with(second)
    );
    let events = app.events(&human, "action=webhook.rotate_secret").await;
    assert_eq!(events.len(), 2);
    // Sealed, they stand nowhere in the database.
    let mut file = std::fs::read(app.dir.path().join("oneclaw.db")).unwrap();
    file.extend(std::fs::read(app.dir.path().join("oneclaw.db-wal")).unwrap_or_default());
    let holds = |secret: &str| file.windows(secret.len()).any(|w| w == secret.as_bytes());
    assert!(!holds(&first) && !holds(second) && !holds("brought along by hand"));
}

#[tokio::test]
async fn a_target_that_is_gone_and_comes_back_gets_everything() {
    let (app, human) = start().await;
    let mut target = Receiver::start().await;
    let (id, secret) = hook(&app, &human, &target.url, json!(["vault.created"])).await;
    target.kill().await;
    let mut made = Vec::new();
    for _ in 0..12 {
        made.push(app.vault(&human).await);
    }
    while deliveries(&app, &human, &id)
        .await
        .iter()
        .filter(|delivery| delivery["attempts"] == 1)
        .count()
        < 12
    {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    target.revive().await;
    app.clock.advance_seconds(10);
    let received = target.received(12).await;
    let mut told: Vec<String> = received
        .iter()
        .map(|request| {
            verified(request, &secret)["data"]["resource_id"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    told.sort();
    made.sort();
    assert_eq!(told, made);
}

#[tokio::test]
async fn there_are_so_many_webhooks_in_an_organisation_and_no_more() {
    let (app, human) = start().await;
    for _ in 0..50 {
        hook(
            &app,
            &human,
            "https://example.com/hook",
            json!(["vault.deleted"]),
        )
        .await;
    }
    let body = json!({"url": "https://example.com/hook", "events": ["*"]});
    app.post("/v1/webhooks", &human.token, body)
        .await
        .problem(409);
}

#[tokio::test]
async fn an_event_from_before_a_server_stopped_is_delivered_by_the_next_one() {
    let database = oneclaw_tests::postgres::new_database().await;
    let target = Receiver::start().await;
    let dir = tempfile::tempdir().unwrap();
    let allow = |config: &mut oneclaw_server::config::Config| config.allow_private_targets = true;
    let app = TestApp::start_in(dir, &database, allow).await;
    let human = app.human("ops").await;
    target.answers("503 Later");
    hook(&app, &human, &target.url, json!(["vault.created"])).await;
    app.vault(&human).await;
    target.received(1).await;
    let dir = app.stop().await;
    target.answers("200 OK");
    let app = TestApp::start_in(dir, &database, allow).await;
    app.clock.advance_seconds(60);
    let received = target.received(2).await;
    assert_eq!(
        received[0].header("x-oneclaw-delivery"),
        received[1].header("x-oneclaw-delivery")
    );
}

#[tokio::test]
async fn what_a_dead_server_was_telling_is_told_by_another() {
    let target = Receiver::start().await;
    let first = TestApp::start_with(Database::Postgres, |config| {
        config.allow_private_targets = true
    })
    .await;
    let human = lasting(&first, first.human("ops").await).await;
    let (id, secret) = hook(&first, &human, &target.url, json!(["vault.created"])).await;
    // It waits for an answer that never comes, and goes on holding the job.
    target.answers("");
    first.vault(&human).await;
    target.received(1).await;
    target.answers("200 OK");
    let services = &first.running.services;
    let database = services.config.database_url.expose_secret().to_owned();
    let key = first.dir.path().join("root.key");
    let second = TestApp::start_in(tempfile::tempdir().unwrap(), &database, |config| {
        config.allow_private_targets = true;
        config.root_key = RootKeySource::File(key);
    })
    .await;
    second.human("other").await;
    // To the second server half a minute passes without a word from the first, as if that were dead.
    second.clock.advance_seconds(31);
    let received = target.received(2).await;
    assert_eq!(
        received[0].header("x-oneclaw-delivery"),
        received[1].header("x-oneclaw-delivery")
    );
    verified(&received[1], &secret);
    // The first may have lost patience and written that down before, or may find that it is told already.
    while deliveries(&second, &human, &id).await[0]["state"] != "delivered" {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(deliveries(&second, &human, &id).await.len(), 1);
}
