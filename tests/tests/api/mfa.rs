//! Second factors, and proving once more to be there.

use oneclaw_core::clock::Clock as _;
use oneclaw_tests::app::{Database, Human, PASSWORD, Reply, TestApp};
use oneclaw_tests::browser::Browser;
use reqwest::Method;
use serde_json::{Value, json};
use totp_rs::{Algorithm, Builder, Secret};

/// A device that shows codes.
struct Device(String);

impl Device {
    fn code(&self, app: &TestApp, steps: i64) -> String {
        let totp = Builder::new()
            .with_algorithm(Algorithm::SHA1)
            .with_digits(6)
            .with_step_duration(30)
            .with_secret(Secret::try_from_base32(&self.0).unwrap())
            .build()
            .unwrap();
        let at = app.clock.now().as_seconds() + 30 * steps;
        totp.generate(at.try_into().unwrap()).to_string()
    }
}

async fn set_up(app: &TestApp, human: &Human) -> (Device, Vec<String>) {
    let setup = app
        .post("/v1/auth/mfa/setup", &human.token, json!(null))
        .await
        .expect(200);
    let uri = setup["otpauth_uri"].as_str().unwrap();
    let device = Device(setup["secret"].as_str().unwrap().to_owned());
    assert!(
        uri.starts_with("otpauth://totp/") && uri.contains(&device.0),
        "{uri}"
    );
    let body = json!({"code": device.code(app, 0)});
    let codes = app
        .post("/v1/auth/mfa/verify-setup", &human.token, body)
        .await
        .expect(200);
    let codes = codes["recovery_codes"].as_array().unwrap().iter();
    let codes: Vec<String> = codes.map(|c| c.as_str().unwrap().to_owned()).collect();
    assert_eq!(codes.len(), 8);
    app.clock.advance_seconds(60);
    (device, codes)
}

async fn password(app: &TestApp) -> Value {
    let body = json!({"email": "ops@example.com", "password": PASSWORD});
    app.post("/v1/auth/token", "", body).await.expect(200)
}

async fn challenge(app: &TestApp) -> String {
    let half = password(app).await;
    assert_eq!(half["mfa_required"], true);
    assert_eq!(half["access_token"], "");
    assert_eq!(half["token_type"], "Bearer");
    assert_eq!(half["expires_in"], 300);
    assert!(half.get("refresh_token").is_none(), "{half}");
    half["mfa_token"].as_str().unwrap().to_owned()
}

async fn verify(app: &TestApp, mfa_token: &str, code: &str) -> Reply {
    let body = json!({"mfa_token": mfa_token, "code": code});
    app.post("/v1/auth/mfa/verify", "", body).await
}

#[tokio::test]
async fn signing_in_asks_for_a_code_once_one_was_shown() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let setup = "/v1/auth/mfa/setup";
    app.post(setup, &human.token, json!(null)).await.expect(200);
    // A secret that no code was shown for asks nothing of anybody.
    assert!(password(&app).await.get("mfa_required").is_none());
    let wrong = json!({"code": "12345"});
    let path = "/v1/auth/mfa/verify-setup";
    let problem = app.post(path, &human.token, wrong).await.problem(400);
    assert!(problem["fields"]["code"].is_string());

    let (device, _) = set_up(&app, &human).await;
    app.post(setup, &human.token, json!(null))
        .await
        .problem(409);
    let code = json!({"code": device.code(&app, 0)});
    app.post(path, &human.token, code).await.problem(409);
    let me = app.get("/v1/auth/me", &human.token).await.expect(200);
    assert_eq!(me["totp_enabled"], true);

    let half = challenge(&app).await;
    app.get("/v1/auth/me", &half).await.problem(401);
    let token = verify(&app, &half, &device.code(&app, 0)).await.expect(200);
    assert!(token["expires_in"].as_i64().unwrap() >= 900);
    assert!(token["refresh_token"].is_string());
    let bearer = token["access_token"].as_str().unwrap();
    app.get("/v1/auth/me", bearer).await.expect(200);
    // The token between password and code counts once as well.
    app.clock.advance_seconds(60);
    verify(&app, &half, &device.code(&app, 0))
        .await
        .problem(401);
}

#[tokio::test]
async fn a_code_counts_once_and_only_around_its_time() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let (device, _) = set_up(&app, &human).await;
    for (steps, status) in [(-2, 401), (2, 401), (1, 200), (1, 401), (0, 401), (-1, 401)] {
        let half = challenge(&app).await;
        let code = device.code(&app, steps);
        let reply = verify(&app, &half, &code).await;
        assert_eq!(reply.status.as_u16(), status, "{steps}: {}", reply.text);
    }
    app.clock.advance_seconds(60);
    let half = challenge(&app).await;
    app.clock.advance_seconds(300);
    let code = device.code(&app, 0);
    verify(&app, &half, &code).await.problem(401);
}

#[tokio::test]
async fn of_many_who_show_one_code_at_once_one_gets_in() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let (device, _) = set_up(&app, &human).await;
    let code = device.code(&app, 0);
    let mut halves = Vec::new();
    for _ in 0..8 {
        halves.push(challenge(&app).await);
    }
    let attempts = halves.iter().map(|half| verify(&app, half, &code));
    let mut entered = 0;
    for reply in futures_join(attempts).await {
        entered += u32::from(reply.status == 200);
    }
    assert_eq!(entered, 1);
}

async fn futures_join<F: Future<Output = Reply>>(all: impl Iterator<Item = F>) -> Vec<Reply> {
    let mut all: Vec<_> = all.map(Box::pin).collect();
    let mut done: Vec<Option<Reply>> = all.iter().map(|_| None).collect();
    std::future::poll_fn(|cx| {
        let mut waits = false;
        for (future, done) in all.iter_mut().zip(&mut done) {
            if done.is_none() {
                match future.as_mut().poll(cx) {
                    std::task::Poll::Ready(reply) => *done = Some(reply),
                    std::task::Poll::Pending => waits = true,
                }
            }
        }
        if waits {
            std::task::Poll::Pending
        } else {
            std::task::Poll::Ready(())
        }
    })
    .await;
    done.into_iter().flatten().collect()
}

#[tokio::test]
async fn a_recovery_code_replaces_the_device_once() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let (_, codes) = set_up(&app, &human).await;
    let half = challenge(&app).await;
    let typed = codes[0].to_uppercase().replace('-', " ");
    verify(&app, &half, &typed).await.expect(200);
    let half = challenge(&app).await;
    verify(&app, &half, &codes[0]).await.problem(401);
    verify(&app, &half, &codes[1]).await.expect(200);
    let status = app
        .get("/v1/auth/mfa/status", &human.token)
        .await
        .expect(200);
    assert_eq!(status, json!({"enabled": true, "recovery_codes_left": 6}));
    let events = app.events(&human, "action=mfa.code_used").await;
    assert_eq!(events[0]["details"]["method"], "recovery_code");
    // Nobody else's recovery codes help.
    let other = app.human("other").await;
    let (_, theirs) = set_up(&app, &other).await;
    let half = challenge(&app).await;
    verify(&app, &half, &theirs[0]).await.problem(401);
}

#[tokio::test]
async fn guessing_codes_ends_the_sign_in_and_is_slowed_down() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let (device, _) = set_up(&app, &human).await;
    let half = challenge(&app).await;
    for _ in 0..5 {
        verify(&app, &half, "000000").await.problem(401);
    }
    let code = device.code(&app, 0);
    verify(&app, &half, &code).await.problem(401);
    let half = challenge(&app).await;
    verify(&app, &half, &code).await.expect(200);

    let app = TestApp::start_with(Database::Sqlite, |config| config.rate_limits = true).await;
    let human = app.human("ops").await;
    let (device, _) = set_up(&app, &human).await;
    for _ in 0..5 {
        let half = challenge(&app).await;
        verify(&app, &half, "000000").await.problem(401);
    }
    let half = challenge(&app).await;
    let code = device.code(&app, 0);
    verify(&app, &half, &code).await.problem(429);
    app.clock.advance_seconds(60);
    let code = device.code(&app, 0);
    verify(&app, &half, &code).await.expect(200);
}

#[tokio::test]
async fn a_browser_is_asked_for_the_code_as_well() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let (device, _) = set_up(&app, &human).await;
    let mut browser = Browser::new(&app);
    browser.open("/sign-in").await.page(200);
    let fields = [
        ("email", "ops@example.com"),
        ("password", PASSWORD),
        ("next", "/docs"),
    ];
    let page = browser.submit("/sign-in", &fields).await.page(200);
    assert!(
        !browser
            .open("/")
            .await
            .page(200)
            .contains("ops@example.com")
    );
    let (_, rest) = page.split_once("name=\"mfa_token\" value=\"").unwrap();
    let mfa_token = rest.split('"').next().unwrap();
    let send = |code| [("mfa_token", mfa_token), ("code", code), ("next", "/docs")];
    let page = browser
        .submit("/sign-in/code", &send("000000"))
        .await
        .page(401);
    assert!(page.contains("not the right code"));
    let code = device.code(&app, 0);
    assert_eq!(
        browser.submit("/sign-in/code", &send(&code)).await.onward(),
        "/docs"
    );
    assert!(
        browser
            .open("/")
            .await
            .page(200)
            .contains("ops@example.com")
    );
}

#[tokio::test]
async fn removing_it_takes_a_code_or_a_confirmation_and_a_password_only_where_that_is_set() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let path = "/v1/auth/mfa";
    app.delete(path, &human.token).await.problem(404);
    let (device, codes) = set_up(&app, &human).await;
    let remove = async |body: Value| {
        app.send(Method::DELETE, path, &human.token, Some(body))
            .await
    };
    for body in [
        json!({}),
        json!({"code": "000000"}),
        json!({"code": "", "password": PASSWORD}),
    ] {
        remove(body).await.problem(403);
    }
    let events = app.events(&human, "action=mfa.disable").await;
    assert_eq!(events[0]["details"]["decision"], "deny");
    assert_eq!(remove(json!({"code": codes[0]})).await.status, 204);
    assert!(password(&app).await.get("mfa_required").is_none());

    app.clock.advance_seconds(60);
    let (device, old) = (set_up(&app, &human).await.0, device);
    remove(json!({"code": codes[1]})).await.problem(403);
    remove(json!({"code": old.code(&app, 0)}))
        .await
        .problem(403);
    assert_eq!(
        remove(json!({"code": device.code(&app, 0)})).await.status,
        204
    );

    app.clock.advance_seconds(60);
    set_up(&app, &human).await;
    let setting = "/v1/admin/settings/auth.mfa_disable_with_password";
    app.put(setting, &human.token, json!({"value": "true"}))
        .await
        .expect(200);
    remove(json!({"password": "Wrong-Password-77!"}))
        .await
        .problem(400);
    assert_eq!(remove(json!({"password": PASSWORD})).await.status, 204);
}

/// Deletes the account, which a token alone must not.
async fn delete_account(app: &TestApp, human: &Human, headers: &[(&str, &str)]) -> Reply {
    app.send_with(
        Method::DELETE,
        "/v1/auth/me",
        &human.token,
        Some(json!({})),
        headers,
    )
    .await
}

#[tokio::test]
async fn with_a_second_factor_the_password_alone_confirms_nothing() {
    let app = TestApp::start().await;
    app.human("first").await;
    let human = app.human("ops").await;
    let (device, _) = set_up(&app, &human).await;
    let password = ("x-auth-confirm", PASSWORD);
    delete_account(&app, &human, &[password]).await.problem(403);
    let wrong = [password, ("x-mfa-token", "000000")];
    delete_account(&app, &human, &wrong).await.problem(403);
    let code = device.code(&app, 0);
    let wrong = [("x-auth-confirm", "Wrong-77!"), ("x-mfa-token", &code)];
    delete_account(&app, &human, &wrong).await.problem(403);
    let right = [password, ("x-mfa-token", &code)];
    assert_eq!(delete_account(&app, &human, &right).await.status, 204);
}

#[tokio::test]
async fn a_token_that_confirms_counts_once_for_five_minutes_and_for_its_own_account() {
    let app = TestApp::start().await;
    let other = app.human("other").await;
    let human = app.human("ops").await;
    let (device, _) = set_up(&app, &human).await;
    let path = "/v1/auth/reauth";
    for body in [
        json!({"password": PASSWORD}),
        json!({"password": "Wrong-77!", "code": device.code(&app, 0)}),
        json!({"password": PASSWORD, "code": "000000"}),
    ] {
        app.post(path, &human.token, body).await.problem(403);
    }
    let reauth = async |code: String| {
        let body = json!({"password": PASSWORD, "code": code});
        let answer = app.post(path, &human.token, body).await.expect(200);
        assert_eq!(answer["expires_in"], 300);
        answer["reauth_token"].as_str().unwrap().to_owned()
    };
    let stolen = reauth(device.code(&app, 0)).await;
    assert!(stolen.starts_with("rat_"));
    let confirm = [("x-auth-confirm", stolen.as_str())];
    delete_account(&app, &other, &confirm).await.problem(403);
    delete_account(&app, &human, &confirm).await.problem(403);

    app.clock.advance_seconds(60);
    let late = reauth(device.code(&app, 0)).await;
    app.clock.advance_seconds(300);
    let confirm = [("x-auth-confirm", late.as_str())];
    delete_account(&app, &human, &confirm).await.problem(403);

    // It is no way to another one, nor to a session.
    let good = reauth(device.code(&app, 0)).await;
    let body = json!({"password": good});
    app.post(path, &human.token, body).await.problem(400);
    app.get("/v1/auth/me", &good).await.problem(401);
    let confirm = [("x-auth-confirm", good.as_str())];
    assert_eq!(delete_account(&app, &human, &confirm).await.status, 204);
}

#[tokio::test]
async fn agents_have_no_second_factor_and_keys_ask_for_none() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let agent = app.agent(&human, json!({})).await;
    let token = app.token(&agent).await;
    for path in ["/v1/auth/mfa/status", "/v1/auth/settings"] {
        app.get(path, &token).await.problem(403);
    }
    app.post("/v1/auth/mfa/setup", &token, json!(null))
        .await
        .problem(403);
    set_up(&app, &human).await;
    let key = app
        .post("/v1/auth/api-keys", &human.token, json!({"name": "ci"}))
        .await
        .expect(201);
    let body = json!({"api_key": key["api_key"]});
    let token = app
        .post("/v1/auth/api-key-token", "", body)
        .await
        .expect(200);
    assert!(!token["access_token"].as_str().unwrap().is_empty());
    let settings = app
        .patch(
            "/v1/auth/settings",
            &human.token,
            json!({"marketing_emails": true}),
        )
        .await
        .expect(200);
    assert_eq!(settings["mfa_enabled"], true);
    assert_eq!(settings["marketing_emails"], true);
    assert_eq!(settings["recovery_codes_left"], 8);
}
