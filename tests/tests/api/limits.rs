//! Rate limits and limits on guessing.

use oneclaw_tests::app::{Database, PASSWORD, Reply, TestApp};
use serde_json::json;

async fn limited() -> TestApp {
    TestApp::start_with(Database::Sqlite, |config| config.rate_limits = true).await
}

#[track_caller]
fn refused(reply: Reply) {
    let seconds: u64 = reply.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!(seconds >= 1);
    reply.problem(429);
}

#[tokio::test]
async fn requests_without_a_good_credential_count_against_their_address() {
    let app = limited().await;
    let human = app.human("ops").await;
    let mut last = None;
    for _ in 0..2000 {
        let reply = app.get("/v1/health", "").await;
        if reply.status.as_u16() == 429 {
            last = Some(reply);
            break;
        }
    }
    refused(last.expect("a burst of 2,000 requests runs into the limit"));
    // A good credential from the same address is not held up by it.
    app.get("/v1/vaults", &human.token).await.expect(200);
}

#[tokio::test]
async fn guessing_a_password_is_slowed_down_and_a_right_one_is_not_counted() {
    let app = limited().await;
    app.human("ops").await;
    let right = json!({"email": "ops@example.com", "password": PASSWORD});
    let wrong = json!({"email": "ops@example.com", "password": "Wrong-Password-77!"});
    for _ in 0..12 {
        app.post("/v1/auth/token", "", right.clone())
            .await
            .expect(200);
    }
    for _ in 0..10 {
        app.post("/v1/auth/token", "", wrong.clone())
            .await
            .problem(401);
    }
    refused(app.post("/v1/auth/token", "", wrong.clone()).await);
    refused(app.post("/v1/auth/token", "", right.clone()).await);
    app.clock.advance_seconds(30);
    app.post("/v1/auth/token", "", right).await.expect(200);
}

#[tokio::test]
async fn guessing_a_key_is_slowed_down_and_right_keys_are_not_counted() {
    let app = limited().await;
    let human = app.human("ops").await;
    let agent = app.agent(&human, json!({})).await;
    for _ in 0..100 {
        app.token(&agent).await;
    }
    for n in 0..60 {
        let path = if n % 2 == 0 {
            "agent-token"
        } else {
            "api-key-token"
        };
        app.post(
            &format!("/v1/auth/{path}"),
            "",
            json!({"api_key": format!("ocv_{n}")}),
        )
        .await
        .problem(401);
    }
    refused(
        app.post("/v1/auth/agent-token", "", json!({"api_key": "ocv_x"}))
            .await,
    );
}

#[tokio::test]
async fn guessing_a_confirmation_is_slowed_down() {
    let app = limited().await;
    let human = app.human("ops").await;
    let body =
        json!({"current_password": "Wrong-Password-77!", "new_password": "Granite-Harbour-93!"});
    for _ in 0..5 {
        app.post("/v1/auth/change-password", &human.token, body.clone())
            .await
            .problem(400);
    }
    refused(
        app.post("/v1/auth/change-password", &human.token, body)
            .await,
    );
}
