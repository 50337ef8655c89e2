//! Agents that enrol themselves: asked for by anybody, decided on by a human, and no word about who has an account.

use std::time::{Duration, Instant};

use oneclaw_server::config::{Config, EnrollmentMode, RootKeySource};
use oneclaw_tests::app::{Database, Human, Reply, TestApp};
use oneclaw_tests::browser::Browser;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

/// With limits, as they are counted in the database.
fn limited(config: &mut Config) {
    config.rate_limits = true;
}

async fn enroll(app: &TestApp, email: &str) -> Reply {
    let body = json!({"name": "worker-7", "human_email": email, "description": "Reads mail"});
    app.post("/v1/agents/enroll", "", body).await
}

/// The enrolments that wait for a human, once there are so many.
async fn waiting(app: &TestApp, human: &Human, count: usize) -> Vec<Value> {
    let limit = Instant::now() + Duration::from_secs(60);
    loop {
        let list = app.get("/v1/agents/enrollments", &human.token).await;
        let list = list.expect(200)["enrollments"].as_array().unwrap().clone();
        if list.len() >= count {
            return list;
        }
        assert!(Instant::now() < limit, "they do not come: {list:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn token_of(url: &Value) -> String {
    let url = url.as_str().unwrap();
    url.rsplit('/').next().unwrap().to_owned()
}

#[tokio::test]
async fn an_agent_that_asks_is_let_in_by_the_human_it_names_and_can_do_nothing_yet() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let taken = enroll(&app, "Ops@Example.com").await.expect(201);
    assert_eq!(taken["agent_id"], "00000000-0000-0000-0000-000000000000");
    assert!(!taken.to_string().contains("ocv_"));

    let mail = app.mail_to("ops@example.com").await;
    assert!(mail.subject.contains("worker-7"), "{}", mail.subject);
    assert!(mail.text.contains("> Reads mail"));
    let url = taken["approval_url"].as_str().unwrap();
    assert_eq!(mail.word("http"), url);
    assert!(mail.text.contains(&format!("{url}?deny")));

    let pending = &waiting(&app, &human, 1).await[0];
    assert_eq!(pending["name"], "worker-7");
    assert_eq!(pending["human_email"], "ops@example.com");
    assert_eq!(pending["status"], "pending");
    let approve = format!(
        "/v1/agents/enrollments/{}/approve",
        pending["id"].as_str().unwrap()
    );
    let created = app
        .post(&approve, &human.token, json!({}))
        .await
        .expect(201);
    assert_eq!(created["name"], "worker-7");
    assert_eq!(created["agent"]["created_by"], human.id);
    let key = created["api_key"].as_str().unwrap();
    app.post(&approve, &human.token, json!({}))
        .await
        .problem(409);

    // It signs in, and sees nothing.
    let vault = app.vault(&human).await;
    app.secret(&human, &vault, "api/key", "value").await;
    let token = app
        .post("/v1/auth/agent-token", "", json!({"api_key": key}))
        .await
        .expect(200)["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    app.read(&token, &vault, "api/key").await.problem(403);
    let told = app.events(&human, "action=agent.enroll").await;
    assert_eq!(told[0]["actor_type"], "anonymous");
    let told = app.events(&human, "action=agent.register").await;
    assert_eq!(told[0]["details"]["enrollment_id"], pending["id"]);
}

#[tokio::test]
async fn of_many_approvals_at_once_one_makes_an_agent() {
    for database in [Database::Sqlite, Database::Postgres] {
        let app = TestApp::start_with(database, |_| {}).await;
        let human = app.human("ops").await;
        let taken = enroll(&app, "ops@example.com").await.expect(201);
        waiting(&app, &human, 1).await;
        let token = token_of(&taken["approval_url"]);
        let approve = format!("/v1/agents/enrollments/{token}/approve");
        let approvals = (0..8).map(|_| app.post(&approve, &human.token, json!({})));
        let statuses: Vec<u16> = futures(approvals)
            .await
            .iter()
            .map(|reply| reply.status.as_u16())
            .collect();
        let let_in = statuses.iter().filter(|status| **status == 201).count();
        assert_eq!(let_in, 1, "{statuses:?}");
        assert!(
            statuses.iter().all(|s| [201, 409].contains(s)),
            "{statuses:?}"
        );
        let agents = app.get("/v1/agents", &human.token).await.expect(200);
        assert_eq!(agents["agents"].as_array().unwrap().len(), 1);
    }
}

/// All of them at once.
async fn futures<T>(all: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut all: Vec<_> = all.map(Box::pin).collect();
    let mut done: Vec<Option<T>> = all.iter().map(|_| None).collect();
    std::future::poll_fn(move |context| {
        for (future, done) in all.iter_mut().zip(&mut done) {
            if done.is_none()
                && let std::task::Poll::Ready(value) = future.as_mut().poll(context)
            {
                *done = Some(value);
            }
        }
        if done.iter().all(Option::is_some) {
            std::task::Poll::Ready(done.iter_mut().map(|value| value.take().unwrap()).collect())
        } else {
            std::task::Poll::Pending
        }
    })
    .await
}

#[tokio::test]
async fn an_agent_that_is_denied_or_forgotten_is_not_let_in_any_more() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    enroll(&app, "ops@example.com").await.expect(201);
    let id = waiting(&app, &human, 1).await[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = |what: &str| format!("/v1/agents/enrollments/{id}/{what}");
    let denied = app.post(&path("deny"), &human.token, json!({})).await;
    assert_eq!(denied.status, 204);
    app.post(&path("approve"), &human.token, json!({}))
        .await
        .problem(409);
    app.post(&path("deny"), &human.token, json!({}))
        .await
        .problem(409);
    let shown = app
        .get(&format!("/v1/agents/enrollments/{id}"), &human.token)
        .await;
    assert_eq!(shown.expect(200)["status"], "denied");
    assert_eq!(
        app.events(&human, "action=agent.enroll_deny").await.len(),
        1
    );

    enroll(&app, "ops@example.com").await.expect(201);
    let late = waiting(&app, &human, 1).await[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    app.clock.advance_seconds(24 * 3600);
    let human = Human {
        token: sign_in(&app, "ops").await,
        ..human
    };
    let path = format!("/v1/agents/enrollments/{late}/approve");
    app.post(&path, &human.token, json!({})).await.problem(410);
    let list = app
        .get("/v1/agents/enrollments", &human.token)
        .await
        .expect(200);
    assert_eq!(list["enrollments"], json!([]));
    let agents = app.get("/v1/agents", &human.token).await.expect(200);
    assert_eq!(agents["agents"], json!([]));
}

async fn sign_in(app: &TestApp, name: &str) -> String {
    let body = json!({
        "email": format!("{name}@example.com"),
        "password": oneclaw_tests::app::PASSWORD,
    });
    let reply = app.post("/v1/auth/token", "", body).await.expect(200);
    reply["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn no_other_organisation_and_no_agent_sees_or_decides_an_enrolment() {
    let app = TestApp::start().await;
    let (human, other) = (app.human("ops").await, app.human("other").await);
    let agent = app.agent(&human, json!({})).await;
    let agent = app.token(&agent).await;
    let taken = enroll(&app, "ops@example.com").await.expect(201);
    let decoy = enroll(&app, "nobody@example.com").await.expect(201);
    let pending = waiting(&app, &human, 1).await;
    let id = pending[0]["id"].as_str().unwrap().to_owned();
    let list = app
        .get("/v1/agents/enrollments", &other.token)
        .await
        .expect(200);
    assert_eq!(list["enrollments"], json!([]));

    // Neither tells a stranger anything: the link of an account here, and that of none.
    let (real, decoy) = (
        token_of(&taken["approval_url"]),
        token_of(&decoy["approval_url"]),
    );
    let mut answers = Vec::new();
    for name in [&id, &real, &decoy] {
        for (what, token) in [("approve", &other.token), ("deny", &other.token)] {
            let path = format!("/v1/agents/enrollments/{name}/{what}");
            let mut problem = app.post(&path, token, json!({})).await.problem(404);
            problem.as_object_mut().unwrap().remove("request_id");
            answers.push(problem);
        }
        let path = format!("/v1/agents/enrollments/{name}");
        app.get(&path, &other.token).await.problem(404);
        app.get(&path, &agent).await.problem(403);
        app.get(&path, "").await.problem(401);
        let path = format!("/v1/agents/enrollments/{name}/approve");
        app.post(&path, &agent, json!({})).await.problem(403);
        app.post(&path, "", json!({})).await.problem(401);
    }
    assert!(
        answers.iter().all(|answer| answer == &answers[0]),
        "{answers:?}"
    );
    app.get("/v1/agents/enrollments", &agent).await.problem(403);
    app.get("/v1/agents/enrollments/x", &human.token)
        .await
        .problem(400);
}

#[tokio::test]
async fn an_agent_that_names_nobody_belongs_to_whoever_opens_its_link() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let body = json!({"name": "lone", "human_email": ""});
    let taken = app.post("/v1/agents/enroll", "", body).await.expect(201);
    let list = app
        .get("/v1/agents/enrollments", &human.token)
        .await
        .expect(200);
    assert_eq!(list["enrollments"], json!([]));
    let name = token_of(&taken["approval_url"]);
    let shown = app
        .get(&format!("/v1/agents/enrollments/{name}"), &human.token)
        .await
        .expect(200);
    assert_eq!(shown["human_email"], Value::Null);
    let id = shown["id"].as_str().unwrap();
    let by_id = format!("/v1/agents/enrollments/{id}/approve");
    app.post(&by_id, &human.token, json!({})).await.problem(404);
    let by_link = format!("/v1/agents/enrollments/{name}/approve");
    let created = app
        .post(&by_link, &human.token, json!({}))
        .await
        .expect(201);
    assert_eq!(created["agent"]["org_id"], human.org);
}

#[tokio::test]
async fn bad_names_and_addresses_are_refused_by_name_and_leave_nothing() {
    let app = TestApp::start_with(Database::Sqlite, limited).await;
    for (body, field) in [
        (
            json!({"name": "", "human_email": "ops@example.com"}),
            "name",
        ),
        (json!({"name": "x".repeat(256)}), "name"),
        (json!({"name": "a\u{0007}"}), "name"),
        (json!({"name": "a", "human_email": "ops"}), "human_email"),
        (
            json!({"name": "a", "description": "x".repeat(4097)}),
            "description",
        ),
    ] {
        let problem = app
            .post("/v1/agents/enroll", "", body.clone())
            .await
            .problem(400);
        assert!(problem["fields"][field].is_string(), "{body}: {problem}");
    }
    // None of them used the cooldown up.
    enroll(&app, "ops@example.com").await.expect(201);
}

#[tokio::test]
async fn in_the_automatic_mode_the_key_is_mailed_and_the_agent_is_there() {
    let app = TestApp::start_with(Database::Sqlite, |config| {
        config.enrollment = EnrollmentMode::Auto;
    })
    .await;
    let human = app.human("ops").await;
    let taken = enroll(&app, "ops@example.com").await.expect(201);
    let decoy = enroll(&app, "nobody@example.com").await.expect(201);
    assert_eq!(keys(&taken), keys(&decoy));
    assert!(!taken.to_string().contains("ocv_"));
    let key = app.mail_to("ops@example.com").await.word("ocv_");
    let token = app
        .post("/v1/auth/agent-token", "", json!({"api_key": key}))
        .await
        .expect(200);
    let agents = app.get("/v1/agents", &human.token).await.expect(200);
    assert_eq!(agents["agents"][0]["id"], token["agent_id"]);
    assert_eq!(agents["agents"][0]["created_by"], human.id);
    assert!(app.mails_to("nobody@example.com", 0).await.is_empty());
}

#[tokio::test]
async fn where_a_tier_has_no_room_the_human_is_asked_instead_and_others_do_not_wait() {
    let app = TestApp::start_with(Database::Sqlite, |config| {
        config.enrollment = EnrollmentMode::Auto;
    })
    .await;
    let (human, other) = (app.human("ops").await, app.human("other").await);
    let tier = format!("/v1/admin/orgs/{}/billing-tier", human.org);
    app.put(&tier, &human.token, json!({"tier": "free"}))
        .await
        .expect(200);
    let first = app.agent(&human, json!({})).await;
    app.agent(&human, json!({})).await;
    enroll(&app, "ops@example.com").await.expect(201);
    enroll(&app, "other@example.com").await.expect(201);
    assert!(!app.mail_to("ops@example.com").await.text.contains("ocv_"));
    app.mail_to("other@example.com").await.word("ocv_");
    let agents = app.get("/v1/agents", &other.token).await.expect(200);
    assert_eq!(agents["agents"].as_array().unwrap().len(), 1);

    let id = waiting(&app, &human, 1).await[0]["id"].clone();
    let approve = format!("/v1/agents/enrollments/{}/approve", id.as_str().unwrap());
    let refused = app
        .post(&approve, &human.token, json!({}))
        .await
        .problem(403);
    assert_eq!(refused["type"], "resource_limit_exceeded");
    // It still waits, and is let in once there is room.
    let gone = format!("/v1/agents/{}", first.id);
    app.delete(&gone, &human.token).await.expect(204);
    app.post(&approve, &human.token, json!({}))
        .await
        .expect(201);
}

#[tokio::test]
async fn where_enrolment_is_off_nobody_may_ask() {
    let app = TestApp::start_with(Database::Sqlite, |config| {
        config.enrollment = EnrollmentMode::Off;
    })
    .await;
    enroll(&app, "ops@example.com").await.problem(403);
}

fn keys(value: &Value) -> Vec<String> {
    value.as_object().unwrap().keys().cloned().collect()
}

fn retry_after(reply: &Reply) -> u64 {
    reply.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap()
}

#[tokio::test]
async fn the_second_within_ten_minutes_is_too_many_for_known_and_unknown_alike() {
    let app = TestApp::start_with(Database::Sqlite, limited).await;
    app.human("ops").await;
    for email in ["ops@example.com", "nobody@example.com"] {
        enroll(&app, email).await.expect(201);
    }
    app.clock.advance_seconds(60);
    for email in ["OPS@example.com", "nobody@example.com"] {
        let again = enroll(&app, email).await;
        assert_eq!(retry_after(&again), 540);
        again.problem(429);
    }
    app.clock.advance_seconds(540);
    for email in ["ops@example.com", "nobody@example.com"] {
        enroll(&app, email).await.expect(201);
    }
}

#[tokio::test]
async fn limits_are_shared_by_servers_and_survive_a_restart() {
    let first = TestApp::start_with(Database::Postgres, limited).await;
    let url = first
        .running
        .services
        .config
        .database_url
        .expose_secret()
        .to_owned();
    let key = first.dir.path().join("root.key");
    let second = TestApp::start_in(tempfile::tempdir().unwrap(), &url, |config| {
        limited(config);
        config.root_key = RootKeySource::File(key);
    })
    .await;
    // Five at once from one address, on whichever server, and one more a second later.
    for n in 0..5 {
        let app = if n % 2 == 0 { &first } else { &second };
        enroll(app, &format!("a{n}@example.com")).await.expect(201);
    }
    for app in [&first, &second] {
        let refused = enroll(app, "a9@example.com").await;
        assert_eq!(retry_after(&refused), 1);
        refused.problem(429);
    }
    second.clock.advance_seconds(1);
    enroll(&second, "a9@example.com").await.expect(201);
    second.stop().await;

    let dir = first.stop().await;
    let again = TestApp::start_in(dir, &url, limited).await;
    again.clock.advance_seconds(3);
    enroll(&again, "a0@example.com").await.problem(429);
    enroll(&again, "b@example.com").await.expect(201);
}

#[tokio::test]
async fn links_that_name_nobody_do_not_pile_up_without_bound() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let ask = || app.post("/v1/agents/enroll", "", json!({"name": "lone"}));
    let first = ask().await.expect(201);
    for _ in 0..62 {
        let round = futures((0..8).map(|_| ask())).await;
        assert!(round.iter().all(|reply| reply.status == 201));
    }
    let statuses = futures((0..8).map(|_| ask())).await;
    let taken = statuses.iter().filter(|reply| reply.status == 201).count();
    assert_eq!(taken, 500 - 1 - 62 * 8);
    assert_eq!(retry_after(&ask().await), 600);
    // Others are not affected, and room comes back.
    enroll(&app, "ops@example.com").await.expect(201);
    let name = token_of(&first["approval_url"]);
    let deny = format!("/v1/agents/enrollments/{name}/deny");
    assert_eq!(app.post(&deny, &human.token, json!({})).await.status, 204);
    ask().await.expect(201);
}

#[tokio::test]
async fn on_the_page_a_signed_in_human_allows_or_denies_and_sees_the_key_once() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let taken = enroll(&app, "ops@example.com").await.expect(201);
    let page = format!("/enroll/{}", token_of(&taken["approval_url"]));
    let decoy = enroll(&app, "nobody@example.com").await.expect(201);
    let decoy = format!("/enroll/{}", token_of(&decoy["approval_url"]));
    waiting(&app, &human, 1).await;

    // Who has not signed in is told nothing, not even whether there is something.
    let mut browser = Browser::new(&app);
    for link in [&page, &decoy] {
        let onward = browser.open(link).await.onward();
        assert!(onward.starts_with("/sign-in?next="), "{onward}");
    }
    browser.open("/sign-in").await.page(200);
    let fields = [
        ("email", "ops@example.com"),
        ("password", oneclaw_tests::app::PASSWORD),
        ("next", page.as_str()),
    ];
    assert_eq!(browser.submit("/sign-in", &fields).await.onward(), page);
    browser.open(&decoy).await.page(404);
    let shown = browser.open(&page).await.page(200);
    assert!(
        shown.contains("worker-7") && shown.contains("Reads mail"),
        "{shown}"
    );
    assert!(!shown.contains("<script"), "{shown}");
    // Looking decides nothing.
    waiting(&app, &human, 1).await;
    let done = browser
        .submit(&page, &[("decision", "allow")])
        .await
        .page(200);
    let key = done
        .split(|c: char| c.is_whitespace() || c == '<' || c == '>')
        .find(|word| word.starts_with("ocv_"))
        .unwrap()
        .to_owned();
    app.post("/v1/auth/agent-token", "", json!({"api_key": key}))
        .await
        .expect(200);
    let shown = browser.open(&page).await.page(200);
    assert!(
        shown.contains("approved") && !shown.contains("ocv_"),
        "{shown}"
    );

    let taken = enroll(&app, "ops@example.com").await.expect(201);
    let page = format!("/enroll/{}", token_of(&taken["approval_url"]));
    waiting(&app, &human, 1).await;
    browser.open(&format!("{page}?deny")).await.page(200);
    browser
        .submit(&page, &[("decision", "deny")])
        .await
        .page(200);
    let list = app
        .get("/v1/agents/enrollments", &human.token)
        .await
        .expect(200);
    assert_eq!(list["enrollments"], json!([]));
}
