//! Accounts, sessions and personal keys.

use oneclaw_server::config::Signup;
use oneclaw_tests::app::{Database, Human, PASSWORD, Reply, TestApp};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn the_first_account_claims_a_server_that_is_set_so() {
    let app = TestApp::start_with(Database::Sqlite, |config| config.signup = Signup::First).await;
    app.human("first").await;
    let second = json!({"email": "second@example.com", "password": PASSWORD});
    app.post("/v1/auth/signup", "", second).await.problem(403);
}

#[tokio::test]
async fn a_closed_server_takes_no_accounts() {
    let app = TestApp::start_with(Database::Sqlite, |config| config.signup = Signup::Closed).await;
    let body = json!({"email": "a@example.com", "password": PASSWORD});
    app.post("/v1/auth/signup", "", body).await.problem(403);
}

#[tokio::test]
async fn an_address_can_be_used_once_whatever_its_case() {
    let app = TestApp::start().await;
    app.human("ops").await;
    let again = json!({"email": "OPS@Example.com", "password": PASSWORD});
    app.post("/v1/auth/signup", "", again).await.problem(409);
}

#[tokio::test]
async fn a_weak_password_or_a_bad_address_is_refused_by_name() {
    let app = TestApp::start().await;
    for (email, password, field) in [
        ("a@example.com", "short", "password"),
        ("a@example.com", "alllowercase-12", "password"),
        ("a@example.com", "Quartz-Lantern-aaa1", "password"),
        ("a@example.com", "Quartz-Lantern-1234", "password"),
        ("nonsense", PASSWORD, "email"),
    ] {
        let body = json!({"email": email, "password": password});
        let problem = app.post("/v1/auth/signup", "", body).await.problem(400);
        assert!(problem["fields"][field].is_string(), "{problem}");
    }
}

#[tokio::test]
async fn a_login_answers_alike_for_an_unknown_address_and_a_wrong_password() {
    let app = TestApp::start().await;
    app.human("ops").await;
    let known = json!({"email": "ops@example.com", "password": "Wrong-Password-77!"});
    let unknown = json!({"email": "nobody@example.com", "password": "Wrong-Password-77!"});
    let known = app.post("/v1/auth/token", "", known).await.problem(401);
    let unknown = app.post("/v1/auth/token", "", unknown).await.problem(401);
    assert_eq!(known, unknown);
    assert_eq!(known["detail"], "Invalid credentials");
    let right = json!({"email": "Ops@example.com", "password": PASSWORD});
    let token = app.post("/v1/auth/token", "", right).await.expect(200);
    assert_eq!(token["token_type"], "Bearer");
    assert!(token["expires_in"].as_i64().unwrap() >= 3600);
    assert!(token["refresh_token"].is_string() && token["user_id"].is_string());
}

#[tokio::test]
async fn a_logout_ends_the_token_and_the_session_for_real() {
    let app = TestApp::start().await;
    app.human("ops").await;
    let login = json!({"email": "ops@example.com", "password": PASSWORD});
    let session = app.post("/v1/auth/token", "", login).await.expect(200);
    let token = session["access_token"].as_str().unwrap();
    let reply = app.delete("/v1/auth/token", token).await;
    assert_eq!((reply.status.as_u16(), reply.text.as_str()), (204, ""));
    app.get("/v1/auth/me", token).await.problem(401);
    let refresh = json!({"refresh_token": session["refresh_token"]});
    app.post("/v1/auth/refresh", "", refresh).await.problem(401);
}

#[tokio::test]
async fn a_refresh_token_works_once_and_its_second_use_ends_the_session() {
    let app = TestApp::start().await;
    app.human("ops").await;
    let login = json!({"email": "ops@example.com", "password": PASSWORD});
    let first = app.post("/v1/auth/token", "", login).await.expect(200);
    let stolen = json!({"refresh_token": first["refresh_token"]});
    let second = app
        .post("/v1/auth/refresh", "", stolen.clone())
        .await
        .expect(200);
    app.get("/v1/auth/me", second["access_token"].as_str().unwrap())
        .await
        .expect(200);
    app.post("/v1/auth/refresh", "", stolen).await.problem(401);
    let honest = json!({"refresh_token": second["refresh_token"]});
    app.post("/v1/auth/refresh", "", honest).await.problem(401);
}

#[tokio::test]
async fn a_refresh_without_a_body_exchanges_a_valid_bearer_token() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let fresh = app
        .send(Method::POST, "/v1/auth/refresh", &human.token, None)
        .await
        .expect(200);
    assert!(fresh["access_token"].is_string());
    assert_eq!(app.events(&human, "action=auth.refresh").await.len(), 1);
    let agent = app.agent(&human, json!({})).await;
    let token = app.token(&agent).await;
    app.send(Method::POST, "/v1/auth/refresh", &token, None)
        .await
        .problem(403);
    app.send(Method::POST, "/v1/auth/refresh", "", None)
        .await
        .problem(401);
}

#[tokio::test]
async fn a_token_dies_at_its_time() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    app.clock.advance_seconds(3599);
    app.get("/v1/auth/me", &human.token).await.expect(200);
    app.clock.advance_seconds(2);
    app.get("/v1/auth/me", &human.token).await.problem(401);
}

#[tokio::test]
async fn a_profile_has_every_field_that_clients_read_and_can_be_changed() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let me = app.get("/v1/auth/me", &human.token).await.expect(200);
    assert_eq!(me["email"], "ops@example.com");
    assert_eq!(me["role"], "owner");
    assert_eq!(me["org_id"], human.org.as_str());
    for field in [
        "id",
        "display_name",
        "auth_method",
        "created_at",
        "billing_tier",
    ] {
        assert!(me[field].is_string(), "{field}");
    }
    for field in ["email_verified", "marketing_emails", "totp_enabled"] {
        assert!(me[field].is_boolean(), "{field}");
    }
    let body = json!({"display_name": "Operations", "marketing_emails": true});
    let me = app
        .patch("/v1/auth/me", &human.token, body)
        .await
        .expect(200);
    assert_eq!(
        (&me["display_name"], &me["marketing_emails"]),
        (&json!("Operations"), &json!(true))
    );
}

#[tokio::test]
async fn a_changed_password_replaces_the_old_one_and_its_sessions() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let login = json!({"email": "ops@example.com", "password": PASSWORD});
    let session = app
        .post("/v1/auth/token", "", login.clone())
        .await
        .expect(200);
    let new = "Granite-Harbour-93!";
    let wrong = json!({"current_password": "Wrong-Password-77!", "new_password": new});
    app.post("/v1/auth/change-password", &human.token, wrong)
        .await
        .problem(400);
    let right = json!({"current_password": PASSWORD, "new_password": new});
    let reply = app
        .post("/v1/auth/change-password", &human.token, right)
        .await;
    assert_eq!(reply.status.as_u16(), 204);
    app.post("/v1/auth/token", "", login).await.problem(401);
    app.post(
        "/v1/auth/token",
        "",
        json!({"email": "ops@example.com", "password": new}),
    )
    .await
    .expect(200);
    let refresh = json!({"refresh_token": session["refresh_token"]});
    app.post("/v1/auth/refresh", "", refresh).await.problem(401);
}

/// `DELETE /v1/auth/me` with a password.
async fn delete_account(app: &TestApp, human: &Human, password: &str) -> Reply {
    app.send_with(
        Method::DELETE,
        "/v1/auth/me",
        &human.token,
        Some(json!({"confirm": "yes"})),
        &[("x-auth-confirm", password)],
    )
    .await
}

#[tokio::test]
async fn an_account_goes_only_with_its_password_and_with_nothing_left_behind() {
    let app = TestApp::start().await;
    app.human("first").await;
    let human = app.human("ops").await;
    let vault = app.vault(&human).await;
    app.delete("/v1/auth/me", &human.token).await.problem(403);
    delete_account(&app, &human, "Wrong-Password-77!")
        .await
        .problem(403);
    delete_account(&app, &human, PASSWORD).await.problem(409);
    app.delete(&format!("/v1/vaults/{vault}"), &human.token)
        .await
        .expect(204);
    let gone = delete_account(&app, &human, PASSWORD).await;
    assert_eq!(gone.status.as_u16(), 204);
    app.get("/v1/auth/me", &human.token).await.problem(401);
    let login = json!({"email": "ops@example.com", "password": PASSWORD});
    app.post("/v1/auth/token", "", login).await.problem(401);
}

#[tokio::test]
async fn the_last_account_of_those_who_run_the_server_stays() {
    let app = TestApp::start().await;
    let first = app.human("first").await;
    let problem = delete_account(&app, &first, PASSWORD).await.problem(409);
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("runs the server"), "{detail}");
    app.get("/v1/auth/me", &first.token).await.expect(200);
}

#[tokio::test]
async fn a_personal_key_works_by_exchange_and_as_bearer_until_it_is_revoked() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let body = json!({"name": "ci", "scopes": ["anything"]});
    let made = app
        .post("/v1/auth/api-keys", &human.token, body)
        .await
        .expect(201);
    let key = made["api_key"].as_str().unwrap();
    assert!(key.starts_with("1ck_"));
    assert_eq!(made["key"]["key_prefix"], &key[..12]);

    let token = app
        .post("/v1/auth/api-key-token", "", json!({"api_key": key}))
        .await
        .expect(200);
    assert!(token["expires_in"].as_i64().unwrap() >= 3600);
    app.get("/v1/vaults", token["access_token"].as_str().unwrap())
        .await
        .expect(200);
    app.get("/v1/vaults", key).await.expect(200);

    let keys = app.get("/v1/auth/api-keys", &human.token).await.expect(200);
    assert_eq!(keys["keys"].as_array().unwrap().len(), 1);
    assert_eq!(keys["keys"][0].get("api_key"), None);

    let other = app.human("other").await;
    let url = format!("/v1/auth/api-keys/{}", made["key"]["id"].as_str().unwrap());
    app.delete(&url, &other.token).await.problem(404);
    assert_eq!(app.delete(&url, &human.token).await.status.as_u16(), 204);
    app.get("/v1/vaults", key).await.problem(401);
    app.post("/v1/auth/api-key-token", "", json!({"api_key": key}))
        .await
        .problem(401);
}

#[tokio::test]
async fn a_personal_key_dies_at_its_time() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let body = json!({"name": "short", "expires_at": "2026-11-23T13:00:00+00:00"});
    let made = app
        .post("/v1/auth/api-keys", &human.token, body)
        .await
        .expect(201);
    let key = made["api_key"].as_str().unwrap();
    app.get("/v1/vaults", key).await.expect(200);
    app.clock.advance_seconds(3600);
    app.get("/v1/vaults", key).await.problem(401);
    let late = json!({"name": "late", "expires_at": "2026-11-23T11:00:00Z"});
    let login = json!({"email": "ops@example.com", "password": PASSWORD});
    let token = app.post("/v1/auth/token", "", login).await.expect(200)["access_token"].clone();
    app.post("/v1/auth/api-keys", token.as_str().unwrap(), late)
        .await
        .problem(400);
}

#[tokio::test]
async fn forged_and_foreign_tokens_are_refused() {
    use base64::Engine as _;
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let part = |value: Value| base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let pieces: Vec<&str> = human.token.split('.').collect();
    let none = format!(
        "{}.{}.",
        part(json!({"alg": "none", "typ": "JWT"})),
        pieces[1]
    );
    let unsigned = format!("{}.{}.", pieces[0], pieces[1]);
    let mut altered = pieces[1].to_owned();
    altered.replace_range(10..11, if &altered[10..11] == "A" { "B" } else { "A" });
    let altered = format!("{}.{altered}.{}", pieces[0], pieces[2]);
    let other = TestApp::start().await;
    let foreign = other.human("ops").await.token;
    for token in [
        none,
        unsigned,
        altered,
        foreign,
        "x".to_owned(),
        "a.b.c".to_owned(),
        "1ck_x".to_owned(),
        "ocv_x".to_owned(),
    ] {
        let reply = app.get("/v1/auth/me", &token).await;
        assert_eq!(reply.headers["www-authenticate"], "Bearer");
        let problem = reply.problem(401);
        assert!(
            !problem.to_string().contains(&token) || token == "x",
            "{problem}"
        );
    }
    app.get("/v1/auth/me", "").await.problem(401);
}
