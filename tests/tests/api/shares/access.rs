//! Who gets the value of a share, how often, with what and from where.

use std::sync::Arc;

use oneclaw_tests::app::{Database, TestApp};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{Stage, id, link, put};

#[tokio::test]
async fn a_link_is_used_as_often_as_it_may_be_and_no_more() {
    let stage = Stage::new().await;
    let body = json!({"recipient_type": "anyone_with_link", "max_access_count": 2});
    let share = stage.shared(&stage.human.token, body).await;
    for count in 1..=2 {
        let read = stage.access(&share, "").await.expect(200);
        assert_eq!(
            (&read["value"], &read["access_count"]),
            (&json!("sk-1"), &json!(count))
        );
    }
    stage.access(&share, "").await.problem(410);
    assert_eq!(
        stage.item(&share, &stage.human.token).await["status"],
        "exhausted"
    );
    let events = stage.app.events(&stage.human, "action=share.access").await;
    let codes: Vec<&Value> = events
        .iter()
        .map(|event| &event["details"]["code"])
        .collect();
    assert_eq!(codes[0], "share/exhausted");
    assert_eq!(events[1]["actor_type"], "anonymous");
    assert_eq!(events[1]["actor_id"], "");
}

#[tokio::test]
async fn of_a_hundred_accesses_at_once_as_many_succeed_as_there_are_left() {
    for database in [Database::Sqlite, Database::Postgres] {
        let stage = Arc::new(Stage::on(TestApp::start_with(database, |_| {}).await).await);
        let body = json!({"recipient_type": "anyone_with_link", "max_access_count": 5});
        let share = stage.shared(&stage.human.token, body).await;
        let mut tasks = JoinSet::new();
        for _ in 0..100 {
            let (stage, share) = (Arc::clone(&stage), share.clone());
            tasks.spawn(async move { stage.access(&share, "").await.status.as_u16() });
        }
        let statuses = tasks.join_all().await;
        assert_eq!(statuses.iter().filter(|s| **s == 200).count(), 5);
        assert_eq!(statuses.iter().filter(|s| **s == 410).count(), 95);
        let events = stage
            .app
            .events(&stage.human, "action=share.access&limit=200")
            .await;
        let allowed = events
            .iter()
            .filter(|e| e["details"]["decision"] == "allow");
        assert_eq!((events.len(), allowed.count()), (100, 5));
        let read = stage
            .app
            .read(&stage.human.token, &stage.vault, "api-keys/openai")
            .await;
        assert_eq!(read.expect(200)["access_count"], 6);
    }
}

#[tokio::test]
async fn reads_through_a_share_count_on_the_secret() {
    let stage = Stage::new().await;
    let url = format!("/v1/vaults/{}/secrets/once", stage.vault);
    let body = json!({"value": "x", "max_access_count": 1});
    let secret = id(&stage
        .app
        .put(&url, &stage.human.token, body)
        .await
        .expect(201));
    let share = id(
        &super::share(&stage.app, &stage.human.token, &secret, link())
            .await
            .expect(201),
    );
    stage.access(&share, "").await.expect(200);
    stage.access(&share, "").await.problem(410);
    stage.app.get(&url, &stage.human.token).await.problem(410);
    assert_eq!(
        stage.item(&share, &stage.human.token).await["access_count"],
        1
    );
}

#[tokio::test]
async fn a_passphrase_comes_in_any_of_three_ways_and_never_in_the_url() {
    let stage = Stage::new().await;
    let body = json!({"recipient_type": "anyone_with_link", "passphrase": "open sesame"});
    let share = stage.shared(&stage.human.token, body).await;
    let url = format!("/v1/share/{share}");
    let right = || Some(json!({"passphrase": "open sesame"}));
    let app = &stage.app;
    for (method, url) in [
        (Method::GET, url.clone()),
        (Method::POST, format!("{url}/access")),
        (Method::POST, format!("/v1/shares/{share}/access")),
    ] {
        app.send(method.clone(), &url, "", right())
            .await
            .expect(200);
        let header = [("x-share-passphrase", "open sesame")];
        app.send_with(method.clone(), &url, "", None, &header)
            .await
            .expect(200);
        let missing = app.send(method.clone(), &url, "", None).await.problem(403);
        let wrong = Some(json!({"passphrase": "open barley"}));
        let wrong = app.send(method, &url, "", wrong).await.problem(403);
        assert_eq!(missing["detail"], wrong["detail"]);
        assert_eq!(missing["reason_code"], "share/passphrase");
    }
    app.get(&format!("{url}?passphrase=open%20sesame"), "")
        .await
        .problem(403);
    assert_eq!(
        stage.item(&share, &stage.human.token).await["has_passphrase"],
        true
    );
}

#[tokio::test]
async fn guesses_at_a_passphrase_run_out_and_a_restart_gives_none_back() {
    let limits = |config: &mut oneclaw_server::config::Config| config.rate_limits = true;
    let stage = Stage::on(TestApp::start_with(Database::Sqlite, limits).await).await;
    let body = json!({"recipient_type": "anyone_with_link", "passphrase": "open sesame"});
    let share = stage.shared(&stage.human.token, body).await;
    let guess = |app: &TestApp, word: &str| {
        let header = [("x-share-passphrase", word.to_owned())];
        let url = format!("/v1/share/{share}");
        let request = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = request.get(format!("{}{url}", app.url));
        let request = request.header(header[0].0, &header[0].1);
        async move {
            let reply = request.send().await.unwrap();
            let retry = reply.headers().get("retry-after").cloned();
            (reply.status().as_u16(), retry)
        }
    };
    for _ in 0..20 {
        assert_eq!(guess(&stage.app, "open sesame").await.0, 200);
    }
    for n in 0..6 {
        assert_eq!(guess(&stage.app, &format!("wrong {n}")).await.0, 403);
    }
    let url = format!("sqlite://{}/oneclaw.db", stage.app.dir.path().display());
    let dir = stage.app.stop().await;
    let app = TestApp::start_in(dir, &url, limits).await;
    for n in 6..10 {
        assert_eq!(guess(&app, &format!("wrong {n}")).await.0, 403);
    }
    for word in ["wrong", "open sesame"] {
        let (status, retry) = guess(&app, word).await;
        assert_eq!(status, 429);
        let seconds: u64 = retry.unwrap().to_str().unwrap().parse().unwrap();
        assert!((1..=600).contains(&seconds), "{seconds}");
    }
    app.clock.advance_seconds(600);
    assert_eq!(guess(&app, "open sesame").await.0, 200);
}

#[tokio::test]
async fn a_share_is_open_from_its_networks_alone() {
    let proxy = |config: &mut oneclaw_server::config::Config| {
        config.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    };
    let stage = Stage::on(TestApp::start_with(Database::Sqlite, proxy).await).await;
    let body = json!({
        "recipient_type": "anyone_with_link",
        "ip_allowlist": ["10.0.0.0/8", "2001:db8::/32", "192.0.2.7"],
    });
    let share = stage.shared(&stage.human.token, body).await;
    for (from, status) in [
        ("10.200.0.1", 200),
        ("11.0.0.1", 403),
        ("192.0.2.7", 200),
        ("192.0.2.8", 403),
        ("2001:db8::1", 200),
        ("2001:db9::1", 403),
        ("::ffff:10.0.0.1", 200),
    ] {
        let header = [("x-forwarded-for", from)];
        let url = format!("/v1/share/{share}");
        let reply = stage
            .app
            .send_with(Method::GET, &url, "", None, &header)
            .await;
        assert_eq!(reply.status.as_u16(), status, "{from}: {}", reply.text);
    }
    stage.access(&share, "").await.problem(403);
}

#[tokio::test]
async fn a_share_ends_at_its_time() {
    let stage = Stage::new().await;
    let share = stage.shared(&stage.human.token, link()).await;
    let creator = stage
        .shared(&stage.token, json!({"recipient_type": "creator"}))
        .await;
    let item = stage.item(&share, &stage.human.token).await;
    assert_eq!(item["expires_at"], "2026-11-24T12:00:00Z");
    stage.app.clock.advance_seconds(24 * 3600 - 1);
    stage.access(&share, "").await.expect(200);
    stage.app.clock.advance_seconds(1);
    stage.access(&share, "").await.problem(410);
    let login = json!({"email": "ops@example.com", "password": oneclaw_tests::app::PASSWORD});
    let login = stage
        .app
        .post("/v1/auth/token", "", login)
        .await
        .expect(200);
    let token = login["access_token"].as_str().unwrap();
    stage.accept(&creator, token).await.problem(410);
    let item = stage.item(&share, token).await;
    assert_eq!(
        (&item["status"], &item["is_expired"]),
        (&json!("expired"), &json!(true))
    );
}

#[tokio::test]
async fn a_share_gives_nothing_that_the_sharer_may_not_read_at_that_moment() {
    let stage = Stage::new().await;
    let share = stage
        .shared(&stage.token, json!({"recipient_type": "creator"}))
        .await;
    stage.accept(&share, &stage.human.token).await.expect(204);
    let read = || stage.access(&share, &stage.human.token);
    let refused = |body: Value| {
        assert_eq!(body["reason_code"], "share/sharer-may-not-read");
        assert!(
            !body["detail"].as_str().unwrap().contains("policy"),
            "{body}"
        );
    };
    read().await.expect(200);
    let policies = format!("/v1/vaults/{}/policies", stage.vault);
    let list = stage
        .app
        .get(&policies, &stage.human.token)
        .await
        .expect(200);
    let policy = format!("{policies}/{}", list["policies"][0]["id"].as_str().unwrap());
    let human = &stage.human.token;

    // Conditions are those of the access: the address is that of who asks, the time is now.
    let elsewhere = json!({"conditions": {"ip_allowlist": ["203.0.113.0/24"]}});
    stage.app.put(&policy, human, elsewhere).await.expect(200);
    refused(read().await.problem(403));
    stage
        .app
        .put(&policy, human, json!({"conditions": {}}))
        .await
        .expect(200);
    read().await.expect(200);

    let record = format!("/v1/agents/{}", stage.agent.id);
    for (change, back) in [
        (json!({"is_active": false}), json!({"is_active": true})),
        (json!({"scopes": ["other/**"]}), json!({"scopes": []})),
        (
            json!({"expires_at": "2026-11-23T12:00:00.001Z"}),
            json!({"expires_at": null}),
        ),
    ] {
        stage.app.patch(&record, human, change).await.expect(200);
        stage.app.clock.advance_seconds(1);
        refused(read().await.problem(403));
        stage.app.patch(&record, human, back).await.expect(200);
        read().await.expect(200);
    }
    stage.app.delete(&policy, human).await.expect(204);
    refused(read().await.problem(403));
    let events = stage.app.events(&stage.human, "action=share.access").await;
    assert_eq!(events[0]["details"]["code"], "scope/path-not-in-scope");
    assert_eq!(events[0]["actor_id"], json!(stage.human.id));
}

#[tokio::test]
async fn a_recipient_that_is_bound_to_other_vaults_gets_nothing() {
    let stage = Stage::new().await;
    let other = stage.app.vault(&stage.human).await;
    let body = json!({"recipient_type": "agent", "recipient_id": stage.agent.id});
    let share = stage.shared(&stage.human.token, body).await;
    stage.accept(&share, &stage.token).await.expect(204);
    stage.access(&share, &stage.token).await.expect(200);
    let record = format!("/v1/agents/{}", stage.agent.id);
    let bound = json!({"vault_ids": [other]});
    stage
        .app
        .patch(&record, &stage.human.token, bound)
        .await
        .expect(200);
    let refused = stage.access(&share, &stage.token).await.problem(403);
    assert_eq!(refused["reason_code"], "binding/vault-not-bound");
}

#[tokio::test]
async fn a_declined_share_stays_declined() {
    let stage = Stage::new().await;
    let share = stage
        .shared(&stage.token, json!({"recipient_type": "creator"}))
        .await;
    let human = &stage.human.token;
    stage
        .answer(&share, &stage.token, "decline")
        .await
        .problem(404);
    stage.accept(&share, human).await.expect(204);
    stage.access(&share, human).await.expect(200);
    stage.answer(&share, human, "decline").await.expect(204);
    stage.answer(&share, human, "decline").await.expect(204);
    stage.access(&share, human).await.problem(403);
    stage.accept(&share, human).await.problem(409);
    assert_eq!(stage.item(&share, &stage.token).await["status"], "declined");
}

#[tokio::test]
async fn what_is_deleted_is_not_shared_any_more() {
    let stage = Stage::new().await;
    let human = &stage.human.token;
    let open = stage.shared(human, link()).await;
    let path = format!("/v1/vaults/{}/secrets/api-keys/openai", stage.vault);
    stage.app.delete(&path, human).await.expect(204);
    stage.access(&open, "").await.problem(410);
    stage.share(human, link()).await.problem(410);
    // Another secret at the same path is not what was shared.
    put(&stage.app, human, &stage.vault, "api-keys/openai", "sk-new").await;
    stage.access(&open, "").await.problem(410);
    let fresh = stage.shared(human, link()).await;
    let by_agent = stage
        .shared(&stage.token, json!({"recipient_type": "creator"}))
        .await;
    stage.accept(&by_agent, human).await.expect(204);
    stage.access(&by_agent, human).await.expect(200);
    let record = format!("/v1/agents/{}", stage.agent.id);
    stage.app.delete(&record, human).await.expect(204);
    stage.access(&by_agent, human).await.problem(404);
    stage.accept(&by_agent, human).await.problem(404);
    stage.access(&fresh, "").await.expect(200);
    let vault = format!("/v1/vaults/{}", stage.vault);
    stage.app.delete(&vault, human).await.expect(204);
    stage.access(&fresh, "").await.problem(404);
}
