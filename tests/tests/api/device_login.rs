//! Programs that a human signs in with a browser.

use oneclaw_tests::app::{Database, Human, TestApp};
use oneclaw_tests::browser::Browser;
use serde_json::{Value, json};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

async fn begin(app: &TestApp, body: Value) -> (String, String) {
    let begun = app.post("/v1/auth/device/code", "", body).await.expect(200);
    assert_eq!(begun["expires_in"], 600);
    assert_eq!(begun["interval"], 5);
    let text = |name: &str| begun[name].as_str().unwrap().to_owned();
    let page = text("verification_uri_complete");
    assert_eq!(
        page,
        format!("{}/cli/verify?code={}", app.url, text("user_code"))
    );
    (text("device_code"), text("user_code"))
}

async fn ask(app: &TestApp, device_code: &str) -> Value {
    let body = json!({"device_code": device_code, "grant_type": GRANT});
    app.post("/v1/auth/device/token", "", body)
        .await
        .expect(200)
}

async fn say(app: &TestApp, human: &Human, what: &str, code: &str) -> u16 {
    let path = format!("/v1/auth/device/{what}");
    let reply = app
        .post(&path, &human.token, json!({"user_code": code}))
        .await;
    reply.status.as_u16()
}

#[tokio::test]
async fn a_program_is_signed_in_from_the_page_and_acts_as_the_human_for_a_day() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let (device, code) = begin(&app, json!({"client_id": "1claw-cli <b>"})).await;
    assert_eq!(ask(&app, &device).await["error"], "authorization_pending");

    let mut browser = Browser::new(&app);
    let page = format!("/cli/verify?code={code}");
    let sign_in = browser.open(&page).await.onward();
    assert_eq!(
        sign_in,
        format!("/sign-in?next=%2Fcli%2Fverify%3Fcode%3D{code}")
    );
    let mut browser = Browser::signed_in(&app, "ops").await;
    let shown = browser.open(&page).await.page(200);
    for part in [
        code.as_str(),
        "1claw-cli &#60;b&#62;",
        "127.0.0.1",
        "ops@example.com",
        "owner",
        "24 hours",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let fields = [("code", code.as_str()), ("decision", "approve")];
    browser.submit("/cli/verify", &fields).await.page(200);

    app.clock.advance_seconds(5);
    let token = ask(&app, &device).await;
    assert_eq!(token["token_type"], "Bearer");
    assert_eq!(token["expires_in"], 86_400);
    assert_eq!(token["email"], "ops@example.com");
    assert_eq!(token["user_id"], human.id);
    assert_eq!(token["org_id"], human.org);
    let bearer = token["access_token"].as_str().unwrap();
    let me = app.get("/v1/auth/me", bearer).await.expect(200);
    assert_eq!(me["id"], human.id);
    // A code buys one token.
    assert_eq!(ask(&app, &device).await["error"], "expired_token");
    app.clock.advance_seconds(86_300);
    app.get("/v1/auth/me", bearer).await.expect(200);
    app.clock.advance_seconds(200);
    app.get("/v1/auth/me", bearer).await.problem(401);
}

#[tokio::test]
async fn denial_expiry_and_nonsense_are_answers_and_no_errors() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let (denied, code) = begin(&app, json!({"client_id": "cli"})).await;
    assert_eq!(say(&app, &human, "deny", &code.to_lowercase()).await, 200);
    assert_eq!(ask(&app, &denied).await["error"], "access_denied");
    assert_eq!(say(&app, &human, "approve", &code).await, 409);

    let (old, code) = begin(&app, json!({"client_id": "cli"})).await;
    app.clock.advance_seconds(600);
    assert_eq!(ask(&app, &old).await["error"], "expired_token");
    assert_eq!(say(&app, &human, "approve", &code).await, 404);
    assert_eq!(ask(&app, "1dc_nonsense").await["error"], "expired_token");
    let body = json!({"device_code": old, "grant_type": "password"});
    let answer = app
        .post("/v1/auth/device/token", "", body)
        .await
        .expect(200);
    assert_eq!(answer["error"], "unsupported_grant_type");
}

#[tokio::test]
async fn who_asks_too_often_is_told_to_slow_down_and_waits_longer_from_then_on() {
    let app = TestApp::start().await;
    app.human("ops").await;
    let (device, _) = begin(&app, json!({"client_id": "cli"})).await;
    assert_eq!(ask(&app, &device).await["error"], "authorization_pending");
    app.clock.advance_seconds(2);
    assert_eq!(ask(&app, &device).await["error"], "slow_down");
    app.clock.advance_seconds(6);
    assert_eq!(ask(&app, &device).await["error"], "slow_down");
    app.clock.advance_seconds(15);
    assert_eq!(ask(&app, &device).await["error"], "authorization_pending");
}

#[tokio::test]
async fn only_humans_decide_and_only_the_account_that_was_asked_for() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let other = app.human("other").await;
    let agent = app.agent(&human, json!({})).await;
    let token = app.token(&agent).await;
    let body = json!({"client_id": "cli", "email": "Ops@Example.com"});
    let (device, code) = begin(&app, body).await;
    let decision = json!({"user_code": code});
    for (token, status) in [
        ("", 401),
        (token.as_str(), 403),
        (other.token.as_str(), 409),
    ] {
        app.post("/v1/auth/device/approve", token, decision.clone())
            .await
            .problem(status);
    }
    let path = format!("/v1/auth/device/code/{code}");
    let status = app.get(&path, "").await.expect(200);
    assert_eq!(status["status"], "pending");
    assert_eq!(status["client_id"], "cli");
    assert!(status.get("email").is_none(), "{status}");
    assert_eq!(say(&app, &human, "approve", &code).await, 200);
    assert_eq!(app.get(&path, "").await.expect(200)["status"], "approved");
    assert!(ask(&app, &device).await["access_token"].is_string());
    app.get("/v1/auth/device/code/BCDF-GHJK", "")
        .await
        .problem(404);
    for body in [json!({}), json!({"client_id": ""})] {
        app.post("/v1/auth/device/code", "", body)
            .await
            .problem(400);
    }
    let body = json!({"client_id": "cli", "email": "nonsense"});
    app.post("/v1/auth/device/code", "", body)
        .await
        .problem(400);
}

#[tokio::test]
async fn logins_begun_and_codes_guessed_run_out() {
    let app = TestApp::start_with(Database::Sqlite, |config| config.rate_limits = true).await;
    app.human("ops").await;
    let body = json!({"client_id": "cli"});
    for _ in 0..20 {
        app.post("/v1/auth/device/code", "", body.clone())
            .await
            .expect(200);
        app.get("/v1/auth/device/code/BCDF-GHJK", "")
            .await
            .problem(404);
    }
    let limited = app.post("/v1/auth/device/code", "", body).await;
    assert!(limited.headers.contains_key("retry-after"));
    limited.problem(429);
    app.get("/v1/auth/device/code/BCDF-GHJK", "")
        .await
        .problem(429);
}
