//! Secrets and their versions.

use oneclaw_tests::app::TestApp;
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn versions_count_up_and_each_can_be_read() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let vault = app.vault(&human).await;
    let url = format!("/v1/vaults/{vault}/secrets/api-keys/openai");
    let body = json!({"value": "one", "type": "api_key", "metadata": {"team": "red"}});
    let first = app.put(&url, &human.token, body).await.expect(201);
    assert_eq!(first["version"], 1);
    assert_eq!(
        (&first["type"], &first["secret_type"]),
        (&json!("api_key"), &json!("api_key"))
    );
    assert_eq!(first.get("value"), None);
    // The type stays when a later write does not name one.
    let second = app
        .put(&url, &human.token, json!({"value": "two"}))
        .await
        .expect(201);
    assert_eq!(
        (&second["version"], &second["type"]),
        (&json!(2), &json!("api_key"))
    );
    assert_eq!(second["id"], first["id"]);

    let read = app.get(&url, &human.token).await.expect(200);
    assert_eq!(
        (&read["value"], &read["version"]),
        (&json!("two"), &json!(2))
    );
    assert_eq!(read["created_by"], format!("user:{}", human.id));
    assert_eq!(read["cmek_encrypted"], false);
    let old = format!("/v1/vaults/{vault}/secret-version/api-keys/openai/1");
    assert_eq!(
        app.get(&old, &human.token).await.expect(200)["value"],
        "one"
    );

    let versions = format!("/v1/vaults/{vault}/secret-versions/api-keys/openai");
    let versions = app.get(&versions, &human.token).await.expect(200);
    let numbers: Vec<_> = versions["versions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v["version"].clone())
        .collect();
    assert_eq!(numbers, [json!(2), json!(1)]);
}

#[tokio::test]
async fn percent_encoded_slashes_are_slashes() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let vault = app.vault(&human).await;
    let url = format!("/v1/vaults/{vault}/secrets/api-keys%2Fopenai");
    app.put(&url, &human.token, json!({"value": "x"}))
        .await
        .expect(201);
    assert_eq!(
        app.read(&human.token, &vault, "api-keys/openai")
            .await
            .expect(200)["value"],
        "x"
    );
    assert_eq!(
        app.read(&human.token, &vault, "api-keys%2Fopenai")
            .await
            .expect(200)["path"],
        "api-keys/openai"
    );
    let url = format!("/v1/vaults/{vault}/secret-version/api-keys%2Fopenai/1");
    assert_eq!(app.get(&url, &human.token).await.expect(200)["value"], "x");
    // Decoded once and no more.
    app.read(&human.token, &vault, "api-keys%252Fopenai")
        .await
        .problem(400);
}

#[tokio::test]
async fn a_deleted_secret_is_gone_until_it_is_written_again() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let vault = app.vault(&human).await;
    let url = format!("/v1/vaults/{vault}/secrets/a");
    app.delete(&url, &human.token).await.problem(404);
    app.secret(&human, &vault, "a", "one").await;
    assert_eq!(app.delete(&url, &human.token).await.status.as_u16(), 204);
    app.get(&url, &human.token).await.problem(410);
    app.get(
        &format!("/v1/vaults/{vault}/secret-version/a/1"),
        &human.token,
    )
    .await
    .problem(410);
    let listed = app
        .get(&format!("/v1/vaults/{vault}/secrets"), &human.token)
        .await
        .expect(200);
    assert_eq!(listed["secrets"], json!([]));
    let revived = app
        .put(&url, &human.token, json!({"value": "two"}))
        .await
        .expect(201);
    assert_eq!(revived["version"], 2);
    assert_eq!(
        app.get(&url, &human.token).await.expect(200)["value"],
        "two"
    );
}

#[tokio::test]
async fn a_secret_expires_and_runs_out() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let vault = app.vault(&human).await;
    let url = format!("/v1/vaults/{vault}/secrets/short");
    let body = json!({"value": "x", "expires_at": "2026-11-23T12:30:00Z"});
    app.put(&url, &human.token, body).await.expect(201);
    app.get(&url, &human.token).await.expect(200);
    app.clock.advance_seconds(1800);
    app.get(&url, &human.token).await.problem(410);

    let url = format!("/v1/vaults/{vault}/secrets/once");
    app.put(
        &url,
        &human.token,
        json!({"value": "x", "max_access_count": 2}),
    )
    .await
    .expect(201);
    assert_eq!(
        app.get(&url, &human.token).await.expect(200)["access_count"],
        1
    );
    assert_eq!(
        app.get(&url, &human.token).await.expect(200)["access_count"],
        2
    );
    app.get(&url, &human.token).await.problem(410);
    let events = app
        .events(&human, "resource_id=once&action=secret.read")
        .await;
    let codes: Vec<_> = events
        .iter()
        .map(|e| e["details"]["code"].clone())
        .collect();
    assert_eq!(
        codes,
        [
            json!("vault/exhausted"),
            json!("policy/owner"),
            json!("policy/owner")
        ]
    );
}

#[tokio::test]
async fn a_hundred_parallel_reads_of_a_secret_with_five_left_give_exactly_five() {
    let app = std::sync::Arc::new(TestApp::start().await);
    let human = app.human("ops").await;
    let vault = app.vault(&human).await;
    let url = format!("/v1/vaults/{vault}/secrets/five");
    app.put(
        &url,
        &human.token,
        json!({"value": "x", "max_access_count": 5}),
    )
    .await
    .expect(201);
    let mut reads = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let (app, url, token) = (
            std::sync::Arc::clone(&app),
            url.clone(),
            human.token.clone(),
        );
        reads.spawn(async move { app.get(&url, &token).await.status.as_u16() });
    }
    let statuses = reads.join_all().await;
    assert_eq!(statuses.iter().filter(|s| **s == 200).count(), 5);
    assert_eq!(statuses.iter().filter(|s| **s == 410).count(), 95);
    let verified = app.get("/v1/audit/verify", &human.token).await.expect(200);
    assert_eq!(verified["chain_valid"], true);
}

#[tokio::test]
async fn parallel_writers_never_lose_a_version() {
    let app = std::sync::Arc::new(TestApp::start().await);
    let human = app.human("ops").await;
    let vault = app.vault(&human).await;
    let mut writes = tokio::task::JoinSet::new();
    for n in 0..20 {
        let (app, vault, token) = (
            std::sync::Arc::clone(&app),
            vault.clone(),
            human.token.clone(),
        );
        writes.spawn(async move {
            let url = format!("/v1/vaults/{vault}/secrets/race");
            let meta = app
                .put(&url, &token, json!({"value": format!("v{n}")}))
                .await
                .expect(201);
            (meta["version"].as_i64().unwrap(), format!("v{n}"))
        });
    }
    let mut written = writes.join_all().await;
    written.sort_unstable();
    assert_eq!(
        written
            .iter()
            .map(|(version, _)| *version)
            .collect::<Vec<_>>(),
        (1..=20).collect::<Vec<_>>()
    );
    for (version, value) in written {
        let url = format!("/v1/vaults/{vault}/secret-version/race/{version}");
        assert_eq!(
            app.get(&url, &human.token).await.expect(200)["value"],
            value
        );
    }
}

#[tokio::test]
async fn a_disabled_version_gives_way_to_the_one_before_it() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let vault = app.vault(&human).await;
    app.secret(&human, &vault, "a/b", "one").await;
    app.secret(&human, &vault, "a/b", "two").await;
    let disable = |n: i64| format!("/v1/vaults/{vault}/secret-version-disable/a/b/{n}");
    let reply = app
        .send(Method::POST, &disable(2), &human.token, None)
        .await;
    assert_eq!(reply.status.as_u16(), 204);
    assert_eq!(
        app.read(&human.token, &vault, "a/b").await.expect(200)["value"],
        "one"
    );
    app.get(
        &format!("/v1/vaults/{vault}/secret-version/a/b/2"),
        &human.token,
    )
    .await
    .problem(410);
    app.send(Method::POST, &disable(1), &human.token, None)
        .await;
    app.read(&human.token, &vault, "a/b").await.problem(410);
    app.send(Method::POST, &disable(3), &human.token, None)
        .await
        .problem(404);
    let versions = app
        .get(
            &format!("/v1/vaults/{vault}/secret-versions/a/b"),
            &human.token,
        )
        .await
        .expect(200);
    assert!(
        versions["versions"]
            .as_array()
            .unwrap()
            .iter()
            .all(|v| v["is_disabled"] == true)
    );
}

#[tokio::test]
async fn a_rotation_makes_a_new_value_and_does_not_show_it() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let vault = app.vault(&human).await;
    let url = format!("/v1/vaults/{vault}/secret-rotate/db");
    app.send(Method::POST, &url, &human.token, None)
        .await
        .problem(404);
    let put = format!("/v1/vaults/{vault}/secrets/db");
    let body = json!({"value": "old", "type": "password", "metadata": {"a": 1}});
    app.put(&put, &human.token, body).await.expect(201);
    let meta = app
        .send(Method::POST, &url, &human.token, None)
        .await
        .expect(201);
    assert_eq!(meta.get("value"), None);
    assert_eq!(
        (&meta["version"], &meta["type"], &meta["metadata"]),
        (&json!(2), &json!("password"), &json!({"a": 1}))
    );
    let value = |v: Value| v["value"].as_str().unwrap().to_owned();
    let hex = value(app.get(&put, &human.token).await.expect(200));
    assert!(hex.len() == 32 && hex.bytes().all(|b| b.is_ascii_hexdigit()));
    app.post(
        &url,
        &human.token,
        json!({"length": 64, "charset": "alphanumeric"}),
    )
    .await
    .expect(201);
    let long = value(app.get(&put, &human.token).await.expect(200));
    assert!(long.len() == 64 && long.bytes().all(|b| b.is_ascii_alphanumeric()));
    for bad in [
        json!({"length": 7}),
        json!({"length": 1025}),
        json!({"charset": "emoji"}),
    ] {
        app.post(&url, &human.token, bad).await.problem(400);
    }
}

#[tokio::test]
async fn a_listing_shows_what_may_be_read_and_no_value() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let vault = app.vault(&human).await;
    for path in ["api-keys/a", "api-keys/b", "keys/c"] {
        app.secret(&human, &vault, path, "hidden-value").await;
    }
    let agent = app.agent(&human, json!({})).await;
    app.policy(&human, &vault, &agent, "api-keys/*", json!({}))
        .await;
    let token = app.token(&agent).await;
    let paths = |list: &Value| -> Vec<String> {
        list["secrets"]
            .as_array()
            .unwrap()
            .iter()
            .map(|s| s["path"].as_str().unwrap().to_owned())
            .collect()
    };
    let url = format!("/v1/vaults/{vault}/secrets");
    let reply = app.get(&url, &token).await;
    assert!(!reply.text.contains("hidden-value"));
    assert_eq!(paths(&reply.expect(200)), ["api-keys/a", "api-keys/b"]);
    let all = app.get(&url, &human.token).await.expect(200);
    assert_eq!(paths(&all).len(), 3);
    let some = app
        .get(&format!("{url}?prefix=keys"), &human.token)
        .await
        .expect(200);
    assert_eq!(paths(&some), ["keys/c"]);
    // A prefix is text, not a pattern.
    let none = app
        .get(&format!("{url}?prefix=%25"), &human.token)
        .await
        .expect(200);
    assert_eq!(paths(&none), [] as [&str; 0]);
}

#[tokio::test]
async fn an_agent_that_submits_transactions_cannot_obtain_private_keys() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let vault = app.vault(&human).await;
    for (path, kind) in [
        ("keys/signer", "private_key"),
        ("keys/ssh", "ssh_key"),
        ("keys/api", "api_key"),
    ] {
        let url = format!("/v1/vaults/{vault}/secrets/{path}");
        app.put(&url, &human.token, json!({"value": "v", "type": kind}))
            .await
            .expect(201);
    }
    let agent = app
        .agent(&human, json!({"intents_api_enabled": true}))
        .await;
    app.policy(&human, &vault, &agent, "keys/**", json!({}))
        .await;
    let token = app.token(&agent).await;
    for path in ["keys/signer", "keys/ssh"] {
        let problem = app.read(&token, &vault, path).await.problem(403);
        assert_eq!(problem["reason_code"], "vault/private-key-blocked");
        app.get(
            &format!("/v1/vaults/{vault}/secret-version/{path}/1"),
            &token,
        )
        .await
        .problem(403);
    }
    app.read(&token, &vault, "keys/api").await.expect(200);
    // Switched off on the record, a token that was issued with it still does not get the key; a new one does.
    let off = json!({"intents_api_enabled": false});
    app.patch(&format!("/v1/agents/{}", agent.id), &human.token, off)
        .await
        .expect(200);
    app.read(&token, &vault, "keys/signer").await.problem(403);
    app.read(&app.token(&agent).await, &vault, "keys/signer")
        .await
        .expect(200);
}

#[tokio::test]
async fn a_decision_is_recorded_also_when_it_leads_to_nothing() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let vault = app.vault(&human).await;
    app.read(&human.token, &vault, "missing").await.problem(404);
    let url = format!("/v1/vaults/{vault}/secret-rotate/missing");
    app.send(Method::POST, &url, &human.token, None)
        .await
        .problem(404);
    let url = format!("/v1/vaults/{vault}/secrets/missing");
    app.delete(&url, &human.token).await.problem(404);
    let events = app.events(&human, "resource_id=missing").await;
    let actions: Vec<_> = events
        .iter()
        .map(|e| e["action"].as_str().unwrap())
        .collect();
    assert_eq!(actions, ["secret.delete", "secret.rotate", "secret.read"]);
    for event in events {
        assert_eq!(event["details"]["decision"], "allow");
        assert_eq!(event["details"]["outcome"], "no secret at this path");
        assert_eq!(
            event["details"]["evaluations"][0]["plugin"],
            "access-policy"
        );
    }
}
