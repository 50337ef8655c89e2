//! A new password and the proof of an address, by mail.

use oneclaw_server::config::Config;
use oneclaw_tests::app::{Database, PASSWORD, TestApp};
use oneclaw_tests::browser::Browser;
use serde_json::{Value, json};

const NEW_PASSWORD: &str = "Copper-Meadow-91?";

/// Users have to prove their address before they sign in.
fn strict(config: &mut Config) {
    config.require_verified_email = true;
}

async fn sign_in(app: &TestApp, email: &str, password: &str) -> oneclaw_tests::app::Reply {
    let body = json!({"email": email, "password": password});
    app.post("/v1/auth/token", "", body).await
}

async fn ask(app: &TestApp, what: &str, email: &str) -> Value {
    let path = format!("/v1/auth/{what}");
    app.post(&path, "", json!({"email": email}))
        .await
        .expect(200)
}

/// The token in the link of a mail.
fn token(link: &str) -> String {
    link.rsplit('/').next().unwrap().to_owned()
}

async fn reset(app: &TestApp, token: &str, password: &str) -> oneclaw_tests::app::Reply {
    let body = json!({"token": token, "new_password": password});
    app.post("/v1/auth/reset-password", "", body).await
}

#[tokio::test]
async fn a_forgotten_password_is_set_anew_once_and_ends_every_session() {
    for database in [Database::Sqlite, Database::Postgres] {
        let app = TestApp::start_with(database, |_| {}).await;
        let human = app.human("ops").await;
        let session = sign_in(&app, "ops@example.com", PASSWORD).await.expect(200);
        app.clock.advance_seconds(5);
        let known = ask(&app, "forgot-password", "Ops@Example.com").await;
        let unknown = ask(&app, "forgot-password", "nobody@example.com").await;
        assert_eq!(known, unknown);
        assert_eq!(known["status"], "email_sent");

        let link = app.mail_to("ops@example.com").await.word("http");
        let token = token(&link);
        let weak = reset(&app, &token, "short").await.problem(400);
        assert!(weak["fields"]["new_password"].is_string());
        reset(&app, &token, NEW_PASSWORD).await.expect(200);
        let again = reset(&app, &token, NEW_PASSWORD).await.problem(400);
        assert!(again["fields"]["token"].is_string());

        sign_in(&app, "ops@example.com", PASSWORD)
            .await
            .problem(401);
        app.get("/v1/auth/me", &human.token).await.problem(401);
        let refresh = json!({"refresh_token": session["refresh_token"]});
        app.post("/v1/auth/refresh", "", refresh).await.problem(401);
        let new = sign_in(&app, "ops@example.com", NEW_PASSWORD)
            .await
            .expect(200);
        let profile = app
            .get("/v1/auth/me", new["access_token"].as_str().unwrap())
            .await;
        // The mail came to that address, so it is the human's.
        assert_eq!(profile.expect(200)["email_verified"], true);
        assert!(app.mails_to("nobody@example.com", 0).await.is_empty());
    }
}

#[tokio::test]
async fn the_links_in_mails_lead_to_pages_that_do_nothing_by_being_opened() {
    let app = TestApp::start_with(Database::Sqlite, strict).await;
    let body = json!({"email": "ops@example.com", "password": PASSWORD});
    app.post("/v1/auth/signup", "", body).await.expect(200);
    let link = app.mail_to("ops@example.com").await.word("http");
    let page = link.strip_prefix(&app.url).unwrap().to_owned();
    let mut browser = Browser::new(&app);
    for _ in 0..2 {
        browser.open(&page).await.page(200);
    }
    sign_in(&app, "ops@example.com", PASSWORD)
        .await
        .problem(403);
    browser.submit(&page, &[]).await.page(200);
    sign_in(&app, "ops@example.com", PASSWORD).await.expect(200);

    ask(&app, "forgot-password", "ops@example.com").await;
    let mails = app.mails_to("ops@example.com", 2).await;
    let link = mails
        .iter()
        .map(|mail| mail.word("http"))
        .find(|link| link.contains("reset-password"))
        .unwrap();
    let page = link.strip_prefix(&app.url).unwrap().to_owned();
    browser.open(&page).await.page(200);
    let weak = browser
        .submit(&page, &[("new_password", "short")])
        .await
        .page(400);
    assert!(weak.contains("new_password"), "{weak}");
    browser
        .submit(&page, &[("new_password", NEW_PASSWORD)])
        .await
        .page(200);
    sign_in(&app, "ops@example.com", NEW_PASSWORD)
        .await
        .expect(200);
}

#[tokio::test]
async fn of_many_uses_of_one_link_at_once_one_sets_the_password() {
    let app = TestApp::start().await;
    app.human("ops").await;
    ask(&app, "forgot-password", "ops@example.com").await;
    let token = token(&app.mail_to("ops@example.com").await.word("http"));
    let (a, b, c) = tokio::join!(
        reset(&app, &token, NEW_PASSWORD),
        reset(&app, &token, NEW_PASSWORD),
        reset(&app, &token, NEW_PASSWORD)
    );
    let mut statuses = [a, b, c].map(|reply| reply.status.as_u16());
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400, 400]);
}

#[tokio::test]
async fn links_for_a_new_password_end_after_an_hour_or_with_the_next_one() {
    let app = TestApp::start().await;
    app.human("ops").await;
    ask(&app, "forgot-password", "ops@example.com").await;
    let first = token(&app.mail_to("ops@example.com").await.word("http"));
    ask(&app, "forgot-password", "ops@example.com").await;
    let mails = app.mails_to("ops@example.com", 2).await;
    let tokens: Vec<String> = mails.iter().map(|mail| token(&mail.word("http"))).collect();
    let second = tokens.iter().find(|token| **token != first).unwrap();
    reset(&app, &first, NEW_PASSWORD).await.problem(400);
    app.clock.advance_seconds(3600);
    reset(&app, second, NEW_PASSWORD).await.problem(400);
    // A token for one purpose is none for another.
    let body = json!({"token": second});
    app.post("/v1/auth/verify-email", "", body)
        .await
        .problem(400);
}

#[tokio::test]
async fn wishes_for_mails_are_limited_for_every_address_alike() {
    let app = TestApp::start_with(Database::Sqlite, |config| config.rate_limits = true).await;
    app.human("ops").await;
    for email in ["ops@example.com", "nobody@example.com"] {
        for _ in 0..3 {
            ask(&app, "forgot-password", email).await;
        }
        let path = "/v1/auth/forgot-password";
        let refused = app.post(path, "", json!({"email": email})).await;
        assert_eq!(refused.headers["retry-after"], "600");
        refused.problem(429);
    }
    let path = "/v1/auth/forgot-password";
    let bad = app
        .post(path, "", json!({"email": "ops"}))
        .await
        .problem(400);
    assert!(bad["fields"]["email"].is_string());
}

#[tokio::test]
async fn where_addresses_must_be_proved_nobody_signs_in_before() {
    let app = TestApp::start_with(Database::Sqlite, strict).await;
    let body = json!({"email": "ops@example.com", "password": PASSWORD});
    let made = app.post("/v1/auth/signup", "", body).await.expect(200);
    assert_eq!(made.get("access_token"), None, "{made}");
    assert_eq!(made["email"], "ops@example.com");
    sign_in(&app, "ops@example.com", PASSWORD)
        .await
        .problem(403);
    // Who does not know the password is not told about the address.
    sign_in(&app, "ops@example.com", NEW_PASSWORD)
        .await
        .problem(401);

    let first = token(&app.mail_to("ops@example.com").await.word("http"));
    ask(&app, "resend-verification", "ops@example.com").await;
    let mails = app.mails_to("ops@example.com", 2).await;
    let tokens: Vec<String> = mails.iter().map(|mail| token(&mail.word("http"))).collect();
    let second = tokens.iter().find(|token| **token != first).unwrap();
    app.post("/v1/auth/verify-email", "", json!({"token": first}))
        .await
        .problem(400);
    let signed_in = app
        .post("/v1/auth/verify-email", "", json!({"token": second}))
        .await
        .expect(200);
    let profile = app
        .get("/v1/auth/me", signed_in["access_token"].as_str().unwrap())
        .await;
    assert_eq!(profile.expect(200)["email_verified"], true);
    app.post("/v1/auth/verify-email", "", json!({"token": second}))
        .await
        .problem(400);
    sign_in(&app, "ops@example.com", PASSWORD).await.expect(200);

    // There is nothing left to prove.
    ask(&app, "resend-verification", "ops@example.com").await;
    app.mail_is_settled().await;
    assert_eq!(app.mails_to("ops@example.com", 2).await.len(), 2);
}
