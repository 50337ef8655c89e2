//! What a share keeps to itself.

use oneclaw_tests::app::TestApp;
use reqwest::Method;
use serde_json::json;

use super::{Stage, link};

#[tokio::test]
async fn who_reads_the_trail_cannot_use_a_link() {
    let stage = Stage::new().await;
    let made = stage.share(&stage.human.token, link()).await.expect(201);
    let share = super::id(&made);
    stage.access(&share, "").await.expect(200);
    stage.access(&share, &stage.token).await.expect(200);
    let url = format!("/v1/share/{share}");
    stage.app.delete(&url, &stage.human.token).await.expect(204);
    stage.access(&share, "").await.problem(404);
    let events = stage.app.events(&stage.human, "limit=100").await;
    let about = events
        .iter()
        .filter(|event| event["resource_type"] == "share");
    let about: Vec<_> = about.collect();
    assert_eq!(about.len(), 5);
    for event in about {
        assert_eq!(event["resource_id"], made["audit_id"]);
        assert!(!event.to_string().contains(&share), "{event}");
    }
    // The agent showed its token, though it did not have to.
    let of_agent = format!("actor_id={}&action=share.access", stage.agent.id);
    assert_eq!(stage.app.events(&stage.human, &of_agent).await.len(), 1);
}

#[tokio::test]
async fn an_unknown_share_and_one_that_was_taken_back_look_the_same() {
    let stage = Stage::new().await;
    let open = stage.shared(&stage.human.token, link()).await;
    let closed = stage
        .shared(&stage.token, json!({"recipient_type": "creator"}))
        .await;
    for (share, token) in [(&open, &stage.human.token), (&closed, &stage.token)] {
        let url = format!("/v1/shares/{share}");
        stage.app.delete(&url, token).await.expect(204);
        stage.app.delete(&url, token).await.problem(404);
    }
    let unknown = stage
        .access("5f0c1c6e-90a4-4e0a-8a1b-1f5a3c1d2e3f", "")
        .await
        .problem(404);
    for share in [&open, &closed] {
        for token in ["", &stage.human.token] {
            assert_eq!(stage.access(share, token).await.problem(404), unknown);
        }
    }
    stage.access("not-an-id", "").await.problem(400);
    stage.accept(&closed, &stage.human.token).await.problem(404);
    assert_eq!(stage.item(&closed, &stage.token).await["status"], "revoked");
}

#[tokio::test]
async fn shares_are_seen_and_taken_back_by_those_whom_they_concern() {
    let stage = Stage::new().await;
    let share = stage.shared(&stage.human.token, link()).await;
    let to_agent = json!({"recipient_type": "agent", "recipient_id": stage.agent.id});
    let to_agent = stage.shared(&stage.human.token, to_agent).await;
    let stranger = stage.app.human("stranger").await;
    for token in [&stranger.token, &stage.token] {
        let url = format!("/v1/shares/{share}");
        stage.app.get(&url, token).await.problem(404);
        stage.app.delete(&url, token).await.problem(404);
        stage.accept(&share, token).await.problem(404);
        stage.answer(&share, token, "decline").await.problem(404);
    }
    let url = format!("/v1/share/{to_agent}");
    stage.app.delete(&url, &stage.token).await.problem(403);
    stage.item(&to_agent, &stage.token).await;
    stage.access(&to_agent, &stranger.token).await.problem(403);

    // An administrator sees and ends what an agent has shared.
    let by_agent = stage
        .shared(&stage.token, json!({"recipient_type": "creator"}))
        .await;
    let all = stage
        .app
        .get("/v1/shares?direction=all", &stage.human.token)
        .await;
    assert_eq!(all.expect(200)["shares"].as_array().unwrap().len(), 3);
    let none = stage
        .app
        .get("/v1/shares?direction=all", &stranger.token)
        .await;
    assert_eq!(none.expect(200)["shares"], json!([]));
    stage
        .app
        .get("/v1/shares?direction=all", &stage.token)
        .await
        .problem(403);
    let url = format!("/v1/share/{by_agent}");
    stage.app.delete(&url, &stage.human.token).await.expect(204);
}

#[tokio::test]
async fn every_route_but_the_access_asks_for_a_credential() {
    let app = TestApp::start().await;
    let share = "/v1/shares/5f0c1c6e-90a4-4e0a-8a1b-1f5a3c1d2e3f";
    for (method, path) in [
        (Method::POST, "/v1/shares".to_owned()),
        (Method::GET, "/v1/shares".to_owned()),
        (Method::GET, "/v1/shares/inbound".to_owned()),
        (Method::GET, "/v1/shares/outbound".to_owned()),
        (Method::GET, share.to_owned()),
        (Method::DELETE, share.to_owned()),
        (Method::DELETE, share.replace("shares", "share")),
        (Method::POST, format!("{share}/accept")),
        (Method::POST, format!("{share}/decline")),
        (Method::POST, share.replace("shares", "secrets") + "/share"),
    ] {
        app.send(method, &path, "", Some(json!({})))
            .await
            .problem(401);
    }
    app.get(&share.replace("shares", "share"), "")
        .await
        .problem(404);
}
