//! From where an organisation's humans and agents may speak.

use oneclaw_server::config::Config;
use oneclaw_tests::app::{Database, Human, PASSWORD, Reply, TestApp};
use oneclaw_tests::browser::Browser;
use reqwest::Method;
use serde_json::{Value, json};

/// A server that believes what the test says about where a request comes from.
async fn start() -> TestApp {
    TestApp::start_with(Database::Sqlite, |config| {
        config.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    })
    .await
}

async fn get_from(app: &TestApp, address: &str, path: &str, token: &str) -> Reply {
    let from = [("x-forwarded-for", address)];
    app.send_with(Method::GET, path, token, None, &from).await
}

async fn post_from(app: &TestApp, address: &str, path: &str, body: Value) -> Reply {
    let from = [("x-forwarded-for", address)];
    app.send_with(Method::POST, path, "", Some(body), &from)
        .await
}

async fn rule(app: &TestApp, human: &Human, body: Value) -> String {
    let rule = app
        .post("/v1/security/ip-rules", &human.token, body)
        .await
        .expect(201);
    rule["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn rules_bind_every_credential_on_every_route_from_the_next_request_on() {
    let app = start().await;
    let human = app.human("ops").await;
    let agent = app.agent(&human, json!({})).await;
    let agent_token = app.token(&agent).await;
    let key = app
        .post("/v1/auth/api-keys", &human.token, json!({"name": "ci"}))
        .await
        .expect(201);
    let key = key["api_key"].as_str().unwrap().to_owned();
    let login = json!({"email": "ops@example.com", "password": PASSWORD});
    let session = app
        .post("/v1/auth/token", "", login.clone())
        .await
        .expect(200);
    let id = rule(
        &app,
        &human,
        json!({"rule_type": "block", "cidr": "203.0.113.0/24", "description": "bad"}),
    )
    .await;

    let bad = "203.0.113.9";
    for credential in [&human.token, &agent_token, &key, &agent.key] {
        let problem = get_from(&app, bad, "/v1/vaults", credential)
            .await
            .problem(403);
        assert!(
            problem["detail"].as_str().unwrap().contains("IP rules"),
            "{problem}"
        );
        get_from(&app, "198.51.100.1", "/v1/vaults", credential)
            .await
            .expect(200);
    }
    for (path, body) in [
        ("/v1/auth/token", login),
        ("/v1/auth/agent-token", json!({"api_key": agent.key})),
        ("/v1/auth/api-key-token", json!({"api_key": key})),
        (
            "/v1/auth/refresh",
            json!({"refresh_token": session["refresh_token"]}),
        ),
    ] {
        post_from(&app, bad, path, body).await.problem(403);
    }
    // The address of the connection counts when there is no proxy between; public routes stay public.
    get_from(&app, bad, "/v1/health", "").await.expect(200);
    let events = app.events(&human, "action=auth.address_denied").await;
    assert!(events.len() >= 8, "{}", events.len());
    assert_eq!(events[0]["ip_address"].as_str().unwrap_or(bad), bad);

    let path = format!("/v1/security/ip-rules/{id}");
    assert_eq!(app.delete(&path, &human.token).await.status, 204);
    get_from(&app, bad, "/v1/vaults", &agent_token)
        .await
        .expect(200);
}

#[tokio::test]
async fn an_allow_rule_shuts_out_everybody_else_that_it_is_about() {
    let app = start().await;
    let human = app.human("ops").await;
    let agent = app.agent(&human, json!({})).await;
    let token = app.token(&agent).await;
    rule(
        &app,
        &human,
        json!({"rule_type": "allow", "cidr": "10.0.0.0/8", "applies_to": "agents"}),
    )
    .await;
    rule(
        &app,
        &human,
        json!({"rule_type": "allow", "cidr": "2001:db8::/32", "applies_to": "agents"}),
    )
    .await;
    rule(
        &app,
        &human,
        json!({"rule_type": "deny", "cidr": "10.9.0.0/16"}),
    )
    .await;
    for (address, status) in [
        ("10.1.2.3", 200),
        ("2001:db8::5", 200),
        ("10.9.1.1", 403),
        ("198.51.100.1", 403),
    ] {
        let reply = get_from(&app, address, "/v1/vaults", &token).await;
        assert_eq!(reply.status.as_u16(), status, "{address}");
    }
    // Humans are bound by the denial alone.
    for (address, status) in [("198.51.100.1", 200), ("10.9.1.1", 403)] {
        let reply = get_from(&app, address, "/v1/vaults", &human.token).await;
        assert_eq!(reply.status.as_u16(), status, "{address}");
    }
}

#[tokio::test]
async fn pages_are_bound_as_well() {
    let app = start().await;
    let human = app.human("ops").await;
    let mut browser = Browser::signed_in(&app, "ops").await;
    rule(
        &app,
        &human,
        json!({"rule_type": "deny", "cidr": "203.0.113.0/24"}),
    )
    .await;
    assert!(
        browser
            .open("/")
            .await
            .page(200)
            .contains("ops@example.com")
    );
    browser.address = Some("203.0.113.9".to_owned());
    let page = browser.open("/").await.page(403);
    assert!(
        page.contains("IP rules") && !page.contains("ops@example.com"),
        "{page}"
    );
    let mut fresh = Browser::new(&app);
    fresh.address = Some("203.0.113.9".to_owned());
    fresh.open("/sign-in").await.page(200);
    let fields = [("email", "ops@example.com"), ("password", PASSWORD)];
    fresh.submit("/sign-in", &fields).await.page(403);
}

#[tokio::test]
async fn nobody_locks_themselves_out_by_mistake() {
    let app = start().await;
    let human = app.human("ops").await;
    let path = "/v1/security/ip-rules";
    for body in [
        json!({"rule_type": "deny", "cidr": "127.0.0.1"}),
        json!({"rule_type": "deny", "cidr": "0.0.0.0/0", "applies_to": "users"}),
        json!({"rule_type": "allow", "cidr": "203.0.113.0/24"}),
    ] {
        let problem = app.post(path, &human.token, body).await.problem(409);
        assert!(
            problem["detail"].as_str().unwrap().contains("127.0.0.1"),
            "{problem}"
        );
    }
    // About agents it is nobody's own address.
    rule(
        &app,
        &human,
        json!({"rule_type": "deny", "cidr": "127.0.0.1", "applies_to": "agents"}),
    )
    .await;
    let own = rule(
        &app,
        &human,
        json!({"rule_type": "allow", "cidr": "127.0.0.0/8"}),
    )
    .await;
    rule(
        &app,
        &human,
        json!({"rule_type": "allow", "cidr": "203.0.113.0/24"}),
    )
    .await;
    let delete = format!("{path}/{own}");
    app.delete(&delete, &human.token).await.problem(409);
    let forced = json!({"rule_type": "deny", "cidr": "127.0.0.1", "force": true});
    rule(&app, &human, forced).await;
    app.get("/v1/vaults", &human.token).await.problem(403);
}

#[tokio::test]
async fn rules_are_checked_and_are_for_owners_and_admins() {
    let app = start().await;
    let human = app.human("ops").await;
    let other = app.human("other").await;
    let agent = app.agent(&human, json!({})).await;
    let agent = app.token(&agent).await;
    let path = "/v1/security/ip-rules";
    for (body, field) in [
        (
            json!({"rule_type": "maybe", "cidr": "10.0.0.0/8"}),
            "rule_type",
        ),
        (json!({"rule_type": "deny", "cidr": "10.0.0.1/8"}), "cidr"),
        (json!({"rule_type": "deny", "cidr": "ten"}), "cidr"),
        (
            json!({"rule_type": "deny", "cidr": "10.0.0.0/8", "applies_to": "robots"}),
            "applies_to",
        ),
    ] {
        let problem = app.post(path, &human.token, body).await.problem(400);
        assert!(problem["fields"][field].is_string(), "{problem}");
    }
    let id = rule(
        &app,
        &human,
        json!({"rule_type": "deny", "cidr": "2001:db8::/32", "label": "test"}),
    )
    .await;
    let list = app.get(path, &human.token).await.expect(200);
    let rule = &list["rules"][0];
    assert_eq!(rule["id"], id);
    assert_eq!(rule["org_id"], human.org);
    assert_eq!(rule["rule_type"], "deny");
    assert_eq!(rule["cidr"], "2001:db8::/32");
    assert_eq!(rule["applies_to"], "all");
    assert_eq!(rule["label"], "test");
    assert_eq!(rule["created_by"], human.id);
    let list = app.get(path, &other.token).await.expect(200);
    assert_eq!(list["rules"], json!([]));
    let delete = format!("{path}/{id}");
    app.delete(&delete, &other.token).await.problem(404);
    app.get(path, &agent).await.problem(403);
    app.delete(&delete, &agent).await.problem(403);
    app.delete(&format!("{path}/nonsense"), &human.token)
        .await
        .problem(400);
}

#[tokio::test]
async fn a_rule_acts_at_once_on_another_server_with_the_same_database() {
    let url = oneclaw_tests::postgres::new_database().await;
    // Servers behind one name and one proxy: each takes the tokens of the other.
    let named = |config: &mut Config| {
        "http://vault.example".clone_into(&mut config.public_url);
        config.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    };
    let first = TestApp::start_in(tempfile::tempdir().unwrap(), &url, named).await;
    let human = first.human("ops").await;
    let agent = first.agent(&human, json!({})).await;
    let token = first.token(&agent).await;
    let dir = tempfile::tempdir().unwrap();
    let key = first.dir.path().join("root.key");
    std::fs::copy(key, dir.path().join("root.key")).unwrap();
    let second = TestApp::start_in(dir, &url, named).await;
    let path = "/v1/vaults";
    get_from(&second, "203.0.113.9", path, &token)
        .await
        .expect(200);
    let id = rule(
        &first,
        &human,
        json!({"rule_type": "deny", "cidr": "203.0.113.0/24"}),
    )
    .await;
    get_from(&second, "203.0.113.9", path, &token)
        .await
        .problem(403);
    let delete = format!("/v1/security/ip-rules/{id}");
    assert_eq!(first.delete(&delete, &human.token).await.status, 204);
    get_from(&second, "203.0.113.9", path, &token)
        .await
        .expect(200);
}
