//! Who may share what with whom.

use oneclaw_tests::app::{Database, TestApp};
use serde_json::{Value, json};

use super::{Stage, id, link, put, share};

#[tokio::test]
async fn an_agent_shares_back_and_its_human_accepts_and_reads() {
    let stage = Stage::new().await;
    let body = json!({
        "recipient_type": "creator", "expires_at": "2099-12-31T00:00:00Z", "max_access_count": 5,
    });
    let made = stage.share(&stage.token, body).await.expect(201);
    assert_eq!(made["recipient_type"], "creator");
    assert_eq!(made["max_access_count"], 5);
    assert_eq!(made["expires_at"], "2099-12-31T00:00:00Z");
    let share = id(&made);
    let url = format!("/v1/share/{share}");
    assert!(made["share_url"].as_str().unwrap().ends_with(&url));

    let inbound = stage
        .app
        .get("/v1/shares/inbound", &stage.human.token)
        .await;
    let inbound = inbound.expect(200);
    let item = &inbound["shares"][0];
    assert_eq!(item["id"], json!(share));
    assert_eq!(item["secret_path"], "api-keys/openai");
    assert_eq!(item["secret_id"], json!(stage.secret));
    assert_eq!(item["status"], "pending");
    assert_eq!(item["is_accepted"], false);
    assert_eq!(item["created_by"], json!(stage.agent.id));
    assert_eq!(item["created_by_type"], "agent");
    assert_eq!(item["created_by_name"], "worker-1");
    assert_eq!(item["recipient_id"], json!(stage.human.id));
    assert_eq!(inbound.as_object().unwrap().len(), 1);

    stage.access(&share, &stage.human.token).await.problem(403);
    stage.accept(&share, &stage.human.token).await.expect(204);
    stage.accept(&share, &stage.human.token).await.expect(204);
    let read = stage.access(&share, &stage.human.token).await.expect(200);
    assert_eq!(read["value"], "sk-1");
    assert_eq!(read["path"], "api-keys/openai");
    assert_eq!(read["id"], json!(share));
    assert_eq!(
        (&read["access_count"], &read["max_access_count"]),
        (&json!(1), &json!(5))
    );
    assert_eq!(stage.item(&share, &stage.token).await["status"], "accepted");

    let events = stage.app.events(&stage.human, "limit=20").await;
    let actions: Vec<&Value> = events.iter().map(|event| &event["action"]).collect();
    for action in ["share.create", "share.accept", "share.access"] {
        assert!(actions.contains(&&json!(action)), "{action}");
    }
    let access = events
        .iter()
        .find(|e| e["action"] == "share.access")
        .unwrap();
    assert_eq!(access["actor_id"], json!(stage.human.id));
    assert_eq!(access["resource_id"], json!(share));
    assert_eq!(
        access["details"]["shared_by"],
        format!("agent:{}", stage.agent.id)
    );
    assert_eq!(access["details"]["decision"], "allow");
}

#[tokio::test]
async fn the_newest_value_is_given() {
    let stage = Stage::new().await;
    let share = stage.shared(&stage.human.token, link()).await;
    assert_eq!(stage.access(&share, "").await.expect(200)["value"], "sk-1");
    put(
        &stage.app,
        &stage.human.token,
        &stage.vault,
        "api-keys/openai",
        "sk-2",
    )
    .await;
    assert_eq!(stage.access(&share, "").await.expect(200)["value"], "sk-2");
}

#[tokio::test]
async fn shares_with_users_and_agents_are_theirs_alone() {
    let stage = Stage::new().await;
    let other = stage
        .app
        .agent(&stage.human, json!({"name": "other"}))
        .await;
    let other_token = stage.app.token(&other).await;
    let to_agent = json!({"recipient_type": "agent", "recipient_id": other.id});
    let share = stage.shared(&stage.human.token, to_agent).await;
    stage.accept(&share, &stage.token).await.problem(404);
    stage.accept(&share, &stage.human.token).await.problem(404);
    stage.accept(&share, &other_token).await.expect(204);
    assert_eq!(
        stage.access(&share, &other_token).await.expect(200)["value"],
        "sk-1"
    );
    stage.access(&share, "").await.problem(401);
    stage.access(&share, &stage.token).await.problem(403);
    let refusal = stage.access(&share, &stage.human.token).await.problem(403);
    assert_eq!(refusal["reason_code"], "share/not-the-recipient");

    let to_user = json!({"recipient_type": "user", "recipient_id": stage.human.id});
    let share = stage.shared(&stage.human.token, to_user).await;
    stage.accept(&share, &stage.human.token).await.expect(204);
    stage.access(&share, &stage.human.token).await.expect(200);
}

#[tokio::test]
async fn a_share_by_address_waits_for_the_account_with_it() {
    let stage = Stage::new().await;
    let share = stage
        .shared(
            &stage.human.token,
            json!({"recipient_type": "external_email", "recipient_email": "Late@Example.com"}),
        )
        .await;
    stage.access(&share, "").await.problem(401);
    let wrong = stage.app.human("early").await;
    stage.accept(&share, &wrong.token).await.problem(404);
    let late = stage.app.human("late").await;
    let inbound = stage
        .app
        .get("/v1/shares/inbound", &late.token)
        .await
        .expect(200);
    assert_eq!(inbound["shares"][0]["id"], json!(share));
    assert_eq!(inbound["shares"][0]["recipient_email"], "late@example.com");
    stage.access(&share, &late.token).await.problem(403);
    stage.accept(&share, &late.token).await.expect(204);
    assert_eq!(
        stage.access(&share, &late.token).await.expect(200)["value"],
        "sk-1"
    );
    // It stands in the trail of the organisation that the secret belongs to, and in no other.
    let theirs = stage.app.events(&late, "limit=100").await;
    assert!(theirs.iter().all(|event| event["resource_type"] != "share"));
    let ours = stage.app.events(&stage.human, "action=share.access").await;
    assert_eq!(ours[0]["actor_id"], json!(late.id));
}

#[tokio::test]
async fn an_agent_passes_on_to_others_what_it_wrote_and_nothing_else() {
    let stage = Stage::new().await;
    let code = |reply: Value| reply["reason_code"].clone();
    let others = [
        link(),
        json!({"recipient_type": "user", "recipient_id": stage.human.id}),
        json!({"recipient_type": "agent", "recipient_id": stage.agent.id}),
    ];
    for body in &others {
        let refused = stage.share(&stage.token, body.clone()).await.problem(403);
        assert_eq!(code(refused), "share/not-the-writer");
    }
    let by_address = json!({"recipient_type": "external_email", "email": "a@example.com"});
    stage
        .share(&stage.token, by_address.clone())
        .await
        .problem(403);

    let fields = json!({"permissions": ["read", "write"]});
    stage
        .app
        .policy(&stage.human, &stage.vault, &stage.agent, "own/**", fields)
        .await;
    let token = stage.app.token(&stage.agent).await;
    let own = put(&stage.app, &token, &stage.vault, "own/report", "mine").await;
    for body in others {
        share(&stage.app, &token, &own, body).await.expect(201);
    }
    share(&stage.app, &token, &own, by_address)
        .await
        .problem(403);
    // Once somebody else has written it, it is not the agent's to give any more.
    let shared = id(&share(&stage.app, &token, &own, link()).await.expect(201));
    stage.access(&shared, "").await.expect(200);
    put(
        &stage.app,
        &stage.human.token,
        &stage.vault,
        "own/report",
        "theirs",
    )
    .await;
    let refused = stage.access(&shared, "").await.problem(403);
    assert_eq!(code(refused), "share/sharer-may-not-read");

    let vault = stage
        .app
        .post("/v1/vaults", &token, json!({"name": "own"}))
        .await
        .expect(201);
    let vault = id(&vault);
    let theirs = put(
        &stage.app,
        &stage.human.token,
        &vault,
        "x",
        "in the agent's vault",
    )
    .await;
    share(&stage.app, &token, &theirs, link()).await.expect(201);
}

#[tokio::test]
async fn nobody_shares_what_they_may_not_read() {
    let stage = Stage::new().await;
    let hidden = put(
        &stage.app,
        &stage.human.token,
        &stage.vault,
        "keys/base",
        "k",
    )
    .await;
    let creator = json!({"recipient_type": "creator"});
    let refused = share(&stage.app, &stage.token, &hidden, creator.clone())
        .await
        .problem(403);
    assert_eq!(refused["reason_code"], "scope/path-not-in-scope");
    let named =
        json!({"vault_id": stage.vault, "secret_path": "keys/base", "recipient_type": "creator"});
    let unknown =
        json!({"vault_id": stage.vault, "secret_path": "keys/none", "recipient_type": "creator"});
    let first = stage
        .app
        .post("/v1/shares", &stage.token, named)
        .await
        .problem(403);
    let second = stage
        .app
        .post("/v1/shares", &stage.token, unknown)
        .await
        .problem(403);
    assert_eq!(first["detail"], second["detail"]);
    let events = stage.app.events(&stage.human, "action=share.create").await;
    assert_eq!(events.len(), 3);
    assert!(
        events
            .iter()
            .all(|event| event["details"]["decision"] == "deny")
    );

    let stranger = stage.app.human("stranger").await;
    stage.share(&stranger.token, link()).await.problem(404);
    let named = json!({"vault_id": stage.vault, "secret_path": "api-keys/openai"});
    stage
        .app
        .post("/v1/shares", &stranger.token, named)
        .await
        .problem(404);
    for body in [
        json!({"recipient_type": "user", "recipient_id": stranger.id}),
        json!({"recipient_type": "agent", "recipient_id": stranger.id}),
    ] {
        stage.share(&stage.human.token, body).await.problem(404);
    }
}

#[tokio::test]
async fn no_private_key_leaves_through_a_share_of_an_agent_that_signs() {
    let stage = Stage::new().await;
    let url = format!("/v1/vaults/{}/secrets/api-keys/signer", stage.vault);
    let body = json!({"value": "0x11", "type": "private_key"});
    let key = id(&stage
        .app
        .put(&url, &stage.human.token, body)
        .await
        .expect(201));
    let creator = json!({"recipient_type": "creator"});
    // Shared while it was allowed, it is blocked from the moment that the agent signs.
    let before = id(&share(&stage.app, &stage.token, &key, creator.clone())
        .await
        .expect(201));
    stage.accept(&before, &stage.human.token).await.expect(204);
    let to_agent = json!({"recipient_type": "agent", "recipient_id": stage.agent.id});
    let to_signer = id(&share(&stage.app, &stage.human.token, &key, to_agent)
        .await
        .expect(201));
    stage.accept(&to_signer, &stage.token).await.expect(204);
    stage.access(&to_signer, &stage.token).await.expect(200);

    let record = format!("/v1/agents/{}", stage.agent.id);
    let change = json!({"intents_api_enabled": true});
    stage
        .app
        .patch(&record, &stage.human.token, change)
        .await
        .expect(200);
    let refused = share(&stage.app, &stage.token, &key, creator)
        .await
        .problem(403);
    assert_eq!(refused["reason_code"], "vault/private-key-blocked");
    let refused = stage.access(&before, &stage.human.token).await.problem(403);
    assert_eq!(refused["reason_code"], "share/sharer-may-not-read");
    let refused = stage.access(&to_signer, &stage.token).await.problem(403);
    assert_eq!(refused["reason_code"], "vault/private-key-blocked");
    // Nor with a link, as long as it says who it is.
    let open = id(&share(&stage.app, &stage.human.token, &key, link())
        .await
        .expect(201));
    stage.access(&open, &stage.token).await.problem(403);
    stage.access(&open, "").await.expect(200);
}

#[tokio::test]
async fn keys_of_agents_are_shared_by_nobody() {
    let stage = Stage::new().await;
    let url = format!("/v1/agents/{}/signing-keys", stage.agent.id);
    let made = json!({"chain": "ethereum"});
    stage
        .app
        .post(&url, &stage.human.token, made)
        .await
        .expect(201);
    let system = stage
        .app
        .get("/v1/org/agent-keys-vault", &stage.human.token)
        .await
        .expect(200);
    let system = system["vault_id"].as_str().unwrap();
    let policy = json!({
        "secret_path_pattern": "**", "principal_type": "agent", "principal_id": stage.agent.id,
        "permissions": ["read"],
    });
    let policies = format!("/v1/vaults/{system}/policies");
    stage
        .app
        .post(&policies, &stage.human.token, policy)
        .await
        .expect(201);
    let token = stage.app.token(&stage.agent).await;
    for path in [
        "chains/ethereum/private_key",
        "ssh/private_key",
        "ecdh/private_key",
    ] {
        let path = format!("agents/{}/{path}", stage.agent.id);
        for (token, kind) in [
            (&stage.human.token, "anyone_with_link"),
            (&token, "creator"),
        ] {
            let body = json!({"vault_id": system, "secret_path": path, "recipient_type": kind});
            let refused = stage.app.post("/v1/shares", token, body).await.problem(403);
            assert_eq!(refused["reason_code"], "share/key-of-an-agent");
        }
    }
}

#[tokio::test]
async fn bad_input_names_the_field() {
    let stage = Stage::new().await;
    let with = |more: Value| {
        let mut body = link();
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        body
    };
    for (field, body) in [
        ("recipient_type", json!({})),
        ("recipient_type", json!({"recipient_type": "everybody"})),
        ("recipient_type", json!({"recipient_type": "creator"})),
        ("recipient_id", json!({"recipient_type": "user"})),
        (
            "recipient_id",
            json!({"recipient_type": "agent", "recipient_id": "worker-1"}),
        ),
        ("email", json!({"recipient_type": "external_email"})),
        (
            "email",
            json!({"recipient_type": "email", "email": "nobody"}),
        ),
        (
            "expires_at",
            with(json!({"expires_at": "2001-01-01T00:00:00Z"})),
        ),
        ("expires_at", with(json!({"expires_at": "tomorrow"}))),
        ("expires_in_hours", with(json!({"expires_in_hours": 0}))),
        (
            "expires_in_hours",
            with(json!({"expires_in_hours": i64::MAX})),
        ),
        (
            "expires_in_hours",
            with(json!({"expires_in_hours": 1, "expires_at": "2099-01-01T00:00:00Z"})),
        ),
        ("max_access_count", with(json!({"max_access_count": 0}))),
        ("max_access_count", with(json!({"max_access_count": "5"}))),
        ("passphrase", with(json!({"passphrase": ""}))),
        ("passphrase", with(json!({"passphrase": "x".repeat(2000)}))),
        ("ip_allowlist", with(json!({"ip_allowlist": []}))),
        (
            "ip_allowlist",
            with(json!({"ip_allowlist": ["10.0.0.0/33"]})),
        ),
        (
            "ip_allowlist",
            with(json!({"ip_allowlist": vec!["10.0.0.1"; 101]})),
        ),
        (
            "permissions",
            with(json!({"permissions": ["read", "write"]})),
        ),
    ] {
        let problem = stage
            .share(&stage.human.token, body.clone())
            .await
            .problem(400);
        assert!(problem["fields"][field].is_string(), "{body}: {problem}");
    }
    for body in [
        json!({}),
        json!({"vault_id": stage.vault}),
        json!({"secret_id": stage.secret, "vault_id": stage.vault, "secret_path": "a"}),
        json!({"secret_id": "x"}),
        json!({"vault_id": "x", "secret_path": "a"}),
        json!({"vault_id": stage.vault, "secret_path": "a//b"}),
    ] {
        stage
            .app
            .post("/v1/shares", &stage.human.token, body)
            .await
            .problem(400);
    }
    let nowhere = "0190a0b0-0000-7000-8000-000000000001";
    share(&stage.app, &stage.human.token, nowhere, link())
        .await
        .problem(404);
    share(&stage.app, &stage.human.token, "x", link())
        .await
        .problem(400);
    assert_eq!(
        stage
            .app
            .get("/v1/shares", &stage.human.token)
            .await
            .expect(200)["shares"],
        json!([])
    );
}

#[tokio::test]
async fn the_eleventh_share_in_a_minute_is_refused_on_every_node() {
    for database in [Database::Sqlite, Database::Postgres] {
        let app = TestApp::start_with(database, |config| config.rate_limits = true).await;
        let stage = Stage::on(app).await;
        let creator = json!({"recipient_type": "creator"});
        for _ in 0..9 {
            stage.share(&stage.token, creator.clone()).await.expect(201);
        }
        stage.app.clock.advance_seconds(20);
        stage.share(&stage.human.token, link()).await.expect(201);
        let refused = stage.share(&stage.token, creator.clone()).await;
        assert_eq!(refused.headers["retry-after"], "40");
        refused.problem(429);
        // Another organisation has its own minute.
        let other = stage.app.human("other").await;
        let vault = stage.app.vault(&other).await;
        let secret = put(&stage.app, &other.token, &vault, "a", "b").await;
        share(&stage.app, &other.token, &secret, link())
            .await
            .expect(201);

        stage.app.clock.advance_seconds(40);
        let token = stage.app.token(&stage.agent).await;
        for _ in 0..9 {
            stage.share(&token, creator.clone()).await.expect(201);
        }
        stage.share(&token, creator).await.problem(429);
    }
}

#[tokio::test]
async fn humans_get_a_mail_about_a_share_and_nothing_secret_in_it() {
    let stage = Stage::new().await;
    let body = json!({"recipient_type": "creator", "passphrase": "open sesame"});
    let by_agent = stage.shared(&stage.token, body).await;
    let outside = json!({"recipient_type": "external_email", "email": "friend@example.com"});
    let by_human = stage.shared(&stage.human.token, outside).await;
    for (address, share, who) in [
        ("ops@example.com", &by_agent, "worker-1"),
        ("friend@example.com", &by_human, "ops"),
    ] {
        let mail = stage.app.mail_to(address).await;
        let text = &mail.text;
        assert!(mail.subject.contains(who), "{}", mail.subject);
        assert!(
            text.contains(share.as_str()) && text.contains("api-keys/openai"),
            "{text}"
        );
        assert!(
            !text.contains("sk-1") && !text.contains("open sesame"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn many_secrets_travel_in_one_share() {
    let stage = Stage::new().await;
    let url = format!("/v1/vaults/{}/secrets/bundles/deploy", stage.vault);
    let put = |body: Value| stage.app.put(&url, &stage.human.token, body);
    let bundle = "# deployment\nDB_HOST=db.internal\nDB_PASSWORD=s3cret=\n";
    let made = put(json!({"type": "env_bundle", "value": bundle}))
        .await
        .expect(201);
    let share = id(&share(&stage.app, &stage.human.token, &id(&made), link())
        .await
        .expect(201));
    let read = stage.access(&share, "").await.expect(200);
    assert_eq!(
        (&read["type"], &read["value"]),
        (&json!("env_bundle"), &json!(bundle))
    );
    // The type stays, and so does what it asks for.
    for body in [
        json!({"type": "env_bundle", "value": "no variable"}),
        json!({"value": "A=1\nA=2"}),
    ] {
        let problem = put(body).await.problem(400);
        assert!(problem["fields"]["value"].is_string(), "{problem}");
    }
    let rotate = format!("/v1/vaults/{}/secret-rotate/bundles/deploy", stage.vault);
    stage
        .app
        .post(&rotate, &stage.human.token, json!({}))
        .await
        .problem(400);
    put(json!({"value": "A=1"})).await.expect(201);
    assert_eq!(stage.access(&share, "").await.expect(200)["value"], "A=1");
}
