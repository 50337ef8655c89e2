//! Pages for a browser: signing in and out, cookies, and forms that nobody else can send.

use oneclaw_tests::app::{Database, PASSWORD, TestApp};
use oneclaw_tests::browser::Browser;
use serde_json::json;

#[tokio::test]
async fn a_browser_signs_in_goes_where_it_wanted_and_signs_out_for_real() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let mut browser = Browser::new(&app);
    let page = browser.open("/sign-in?next=%2F%3Fa%3Db").await.page(200);
    assert!(page.contains(r#"name="next" value="/?a=b""#), "{page}");
    let visit = browser.cookie.clone().unwrap();
    let fields = [
        ("email", "Ops@example.com"),
        ("password", PASSWORD),
        ("next", "/?a=b"),
    ];
    let reply = browser.submit("/sign-in", &fields).await;
    let kept = reply.headers["set-cookie"].to_str().unwrap().to_owned();
    assert!(kept.contains("; HttpOnly; SameSite=Lax"), "{kept}");
    assert_eq!(reply.onward(), "/?a=b");
    // A cookie from before the sign-in must not become the session: whoever planted it would be in as well.
    let session = browser.cookie.clone().unwrap();
    assert_ne!(session, visit);
    let page = browser.open("/").await.page(200);
    assert!(page.contains("ops@example.com"), "{page}");
    assert_eq!(
        browser.open("/sign-in?next=%2Fdocs").await.onward(),
        "/docs"
    );
    let events = app.events(&human, "action=auth.success").await;
    assert_eq!(events[0]["details"]["by"], "browser");

    browser.open("/").await.page(200);
    assert_eq!(browser.submit("/sign-out", &[]).await.onward(), "/sign-in");
    assert_eq!(browser.cookie, None);
    browser.cookie = Some(session);
    let page = browser.open("/").await.page(200);
    assert!(!page.contains("ops@example.com"), "{page}");
}

#[tokio::test]
async fn a_wrong_password_is_said_without_saying_which_part_was_wrong() {
    let app = TestApp::start().await;
    app.human("ops").await;
    let mut browser = Browser::new(&app);
    let mut pages = Vec::new();
    for email in ["ops@example.com", "nobody@example.com"] {
        browser.open("/sign-in").await.page(200);
        let fields = [("email", email), ("password", "Wrong-Password-77!")];
        let page = browser.submit("/sign-in", &fields).await.page(401);
        assert!(page.contains("There is no account with this address"));
        assert!(!page.contains("Wrong-Password-77!"));
        pages.push(page.replace(email, "…"));
    }
    assert_eq!(pages[0], pages[1]);
}

#[tokio::test]
async fn guessing_on_the_page_counts_with_guessing_elsewhere() {
    let app = TestApp::start_with(Database::Sqlite, |config| config.rate_limits = true).await;
    app.human("ops").await;
    let mut browser = Browser::new(&app);
    browser.open("/sign-in").await.page(200);
    let fields = [
        ("email", "ops@example.com"),
        ("password", "Wrong-Password-77!"),
    ];
    for _ in 0..10 {
        browser.submit("/sign-in", &fields).await.page(401);
    }
    browser.submit("/sign-in", &fields).await.page(429);
    let body = json!({"email": "ops@example.com", "password": PASSWORD});
    app.post("/v1/auth/token", "", body).await.problem(429);
}

#[tokio::test]
async fn a_form_that_was_not_made_for_this_browser_is_refused() {
    let app = TestApp::start().await;
    app.human("ops").await;
    let mut browser = Browser::signed_in(&app, "ops").await;
    browser.open("/").await.page(200);
    let token = browser.form_token.clone();
    let mut other = Browser::signed_in(&app, "ops").await;
    other.open("/").await.page(200);
    let theirs = other.form_token.clone();
    assert_ne!(token, theirs);
    for fields in [
        vec![],
        vec![("form_token", "")],
        vec![("form_token", theirs.as_str())],
        vec![
            ("form_token", token.as_str()),
            ("form_token", token.as_str()),
        ],
    ] {
        let reply = browser.submit_exactly("/sign-out", &fields, &[]).await;
        assert!(reply.status.is_client_error(), "{fields:?}: {}", reply.text);
    }
    let good = [("form_token", token.as_str())];
    for site in ["cross-site", "same-site"] {
        let headers = [("sec-fetch-site", site)];
        let reply = browser.submit_exactly("/sign-out", &good, &headers).await;
        reply.page(403);
    }
    let large = "x".repeat(40_000);
    let fields = [good[0], ("more", large.as_str())];
    let reply = browser.submit_exactly("/sign-out", &fields, &[]).await;
    reply.page(413);
    // None of it has signed anybody out.
    let page = browser.open("/").await.page(200);
    assert!(page.contains("ops@example.com"));
    let headers = [("sec-fetch-site", "same-origin")];
    let reply = browser.submit_exactly("/sign-out", &good, &headers).await;
    assert_eq!(reply.onward(), "/sign-in");
}

#[tokio::test]
async fn nobody_is_sent_to_another_site_after_signing_in() {
    let app = TestApp::start().await;
    app.human("ops").await;
    for next in ["https://evil.example/", "//evil.example", "/\\evil.example"] {
        let mut browser = Browser::new(&app);
        browser.open("/sign-in").await.page(200);
        let fields = [
            ("email", "ops@example.com"),
            ("password", PASSWORD),
            ("next", next),
        ];
        assert_eq!(browser.submit("/sign-in", &fields).await.onward(), "/");
    }
}

#[tokio::test]
async fn a_new_password_ends_every_browser_and_so_does_time() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let mut first = Browser::signed_in(&app, "ops").await;
    app.clock.advance_seconds(12 * 3600);
    assert!(!first.open("/").await.page(200).contains("ops@example.com"));
    let body = json!({"email": "ops@example.com", "password": PASSWORD});
    let login = app.post("/v1/auth/token", "", body).await.expect(200);
    let token = login["access_token"].as_str().unwrap();
    let mut second = Browser::signed_in(&app, "ops").await;
    assert!(second.open("/").await.page(200).contains("ops@example.com"));
    let change = json!({"current_password": PASSWORD, "new_password": "Marble-Teapot-93?"});
    let reply = app.post("/v1/auth/change-password", token, change).await;
    assert_eq!(reply.status, 204);
    assert!(!second.open("/").await.page(200).contains("ops@example.com"));
    assert_eq!(human.id.len(), 36);
}

#[tokio::test]
async fn a_cookie_opens_pages_and_not_the_api_and_pages_run_no_script() {
    let app = TestApp::start().await;
    app.human("ops").await;
    let mut browser = Browser::signed_in(&app, "ops").await;
    let reply = browser.open("/v1/auth/me").await;
    reply.problem(401);
    let reply = browser.open("/").await;
    let policy = reply.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && !policy.contains("script"));
    assert_eq!(reply.headers["cache-control"], "no-store");
    assert!(!reply.page(200).contains("<script"));
    let style = browser.open("/pages/style.css").await;
    assert_eq!(style.headers["content-type"], "text/css; charset=utf-8");
}

#[tokio::test]
async fn over_https_the_cookie_is_for_this_host_alone() {
    let app = TestApp::start_with(Database::Sqlite, |config| {
        config.public_url = "https://vault.example.com".to_owned();
    })
    .await;
    let mut browser = Browser::new(&app);
    let reply = browser.open("/sign-in").await;
    let cookie = reply.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("__Host-oneclaw_session="), "{cookie}");
    assert!(cookie.ends_with("; Secure"), "{cookie}");
}
