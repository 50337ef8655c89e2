//! What an organisation uses, and the limits that an administrator sets.

use oneclaw_tests::app::{Database, Human, TestApp};
use reqwest::Method;
use serde_json::{Value, json};

async fn set_tier(app: &TestApp, admin: &Human, org: &Human, body: Value) -> Value {
    let url = format!("/v1/admin/orgs/{}/billing-tier", org.org);
    app.put(&url, &admin.token, body).await.expect(200)
}

async fn subscription(app: &TestApp, human: &Human) -> Value {
    app.get("/v1/billing/subscription", &human.token)
        .await
        .expect(200)
}

async fn requests_are_counted_and_answers_say_so(database: Database) {
    let app = TestApp::start_with(database, |_| {}).await;
    let (human, other) = (app.human("ops").await, app.human("other").await);
    let agent = app.agent(&human, json!({})).await;
    let token = app.token(&agent).await;
    for n in 2..=6 {
        let reply = app.get("/v1/vaults", &token).await;
        assert_eq!(reply.headers["x-ratelimit-requests-used"], n.to_string());
        assert_eq!(reply.headers["x-ratelimit-requests-limit"], "1000000000000");
        assert_eq!(reply.headers["x-ratelimit-requests-percent"], "0");
        assert_eq!(reply.headers["x-credit-balance-cents"], "0");
        assert_eq!(reply.headers["x-credit-expiring-soon"], "false");
        assert_eq!(reply.headers["x-overage-method"], "credits");
        assert!(reply.headers.get("x-quota-warning").is_none());
    }
    // Nobody in particular is counted for nobody, and learns nothing.
    let stranger = app.get("/v1/vaults", "").await;
    assert!(stranger.headers.get("x-ratelimit-requests-used").is_none());
    let usage = app.get("/v1/billing/usage", &human.token).await.expect(200);
    assert_eq!(
        usage,
        json!({
            "billing_tier": "self_hosted",
            "free_tier_limit": 1_000_000_000_000_i64,
            "current_month": {
                "total_requests": 7, "paid_requests": 0, "free_requests": 7, "total_cost_usd": "0.00"
            },
        })
    );
    let theirs = app.get("/v1/billing/usage", &other.token).await.expect(200);
    assert_eq!(theirs["current_month"]["total_requests"], 1);

    let history = app
        .get("/v1/billing/history?limit=3", &human.token)
        .await
        .expect(200);
    let newest = &history["events"][0];
    assert_eq!(
        (
            &newest["method"],
            &newest["endpoint"],
            &newest["status_code"]
        ),
        (&json!("GET"), &json!("/v1/billing/usage"), &json!(200))
    );
    assert_eq!(newest["principal_id"], human.id.as_str());
    let before = &history["events"][1];
    assert_eq!(
        (&before["principal_type"], &before["principal_id"]),
        (&json!("agent"), &json!(agent.id))
    );
    assert_eq!(
        (&before["price_usd"], &before["is_paid"]),
        (&json!("0.00"), &json!(false))
    );
    assert_eq!(history["events"].as_array().unwrap().len(), 3);

    // Durable: another server on the same data goes on counting.
    if app.running.services.store.database_kind() == oneclaw_store::DatabaseKind::Sqlite {
        let human_token = human.token.clone();
        let public_url = app.url.clone();
        let dir = app.stop().await;
        let url = format!("sqlite://{}/oneclaw.db", dir.path().display());
        let app = TestApp::start_in(dir, &url, |config| config.public_url = public_url).await;
        let usage = app.get("/v1/billing/usage", &human_token).await.expect(200);
        assert_eq!(usage["current_month"]["total_requests"], 9);
        // A new month begins at nothing.
        app.clock.advance_seconds(10 * 86_400);
    }
}

#[tokio::test]
async fn on_sqlite_requests_are_counted_and_answers_say_so() {
    requests_are_counted_and_answers_say_so(Database::Sqlite).await;
}

#[tokio::test]
async fn on_postgres_requests_are_counted_and_answers_say_so() {
    requests_are_counted_and_answers_say_so(Database::Postgres).await;
}

#[tokio::test]
async fn the_history_tells_no_path_of_a_secret_and_keeps_two_hundred() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let vault = app.vault(&human).await;
    app.secret(&human, &vault, "very/private", "v").await;
    for _ in 0..230 {
        app.get("/v1/vaults", &human.token).await.expect(200);
    }
    app.read(&human.token, &vault, "very/private")
        .await
        .expect(200);
    let history = app.get("/v1/billing/history?limit=200", &human.token).await;
    assert!(!history.text.contains("private"));
    let history = history.expect(200);
    let events = history["events"].as_array().unwrap();
    assert_eq!(events.len(), 200);
    assert_eq!(
        events[0]["endpoint"],
        "/v1/vaults/{vault_id}/secrets/{*path}"
    );
    for bad in ["0", "201", "-1", "x"] {
        app.get(&format!("/v1/billing/history?limit={bad}"), &human.token)
            .await
            .problem(400);
    }
}

#[tokio::test]
async fn a_subscription_shows_use_against_limits_in_numbers_alone() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let vault = app.vault(&human).await;
    app.secret(&human, &vault, "a", "v").await;
    app.secret(&human, &vault, "b", "v").await;
    app.agent(&human, json!({})).await;
    let shown = subscription(&app, &human).await;
    assert_eq!(
        (&shown["tier"], &shown["plan"]),
        (&json!("self_hosted"), &json!("self_hosted"))
    );
    assert_eq!(
        (&shown["status"], &shown["interval"]),
        (&json!("active"), &json!("month"))
    );
    assert_eq!(
        (&shown["credit_balance_cents"], &shown["credit_balance_usd"]),
        (&json!(0), &json!("0.00"))
    );
    for (meter, used) in [
        ("requests", 5),
        ("vaults", 1),
        ("secrets", 2),
        ("agents", 1),
        ("team_members", 1),
        ("intent_transactions", 0),
        ("shares", 0),
    ] {
        assert_eq!(shown["usage"][meter]["used"], used, "{meter}");
        assert!(
            shown["usage"][meter]["limit"].as_i64().unwrap() > 1_000_000,
            "{meter}"
        );
    }
    assert!(shown["usage"]["wallets"]["used"].is_i64());
    for (flat, meter) in [
        ("requests", "requests"),
        ("vaults", "vaults"),
        ("secrets", "secrets"),
        ("agents", "agents"),
    ] {
        assert_eq!(shown[format!("{flat}_used")], shown["usage"][meter]["used"]);
        assert_eq!(
            shown[format!("{flat}_limit")],
            shown["usage"][meter]["limit"]
        );
    }
    // The clock stands in November.
    assert_eq!(shown["current_period_end"], "2026-12-01T00:00:00Z");
}

async fn a_tier_holds_back_what_goes_beyond_it(database: Database) {
    let app = TestApp::start_with(database, |_| {}).await;
    let (admin, human) = (app.human("admin").await, app.human("ops").await);
    let set = set_tier(&app, &admin, &human, json!({"tier": "free"})).await;
    assert_eq!(
        set,
        json!({"org_id": human.org, "billing_tier": "free", "ends_at": null})
    );
    for _ in 0..2 {
        app.agent(&human, json!({})).await;
    }
    let problem = app
        .post("/v1/agents", &human.token, json!({"name": "one too many"}))
        .await
        .problem(403);
    assert_eq!(problem["type"], "resource_limit_exceeded");
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.starts_with("Agent limit reached (2/2 on free tier)."),
        "{detail}"
    );

    // Ten at once find room for three.
    let mut creating = tokio::task::JoinSet::new();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for _ in 0..10 {
        let request = client
            .post(format!("{}/v1/vaults", app.url))
            .bearer_auth(&human.token)
            .json(&json!({"name": "vault"}));
        creating.spawn(async move { request.send().await.unwrap().status().as_u16() });
    }
    let mut statuses = creating.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 201, 201, 403, 403, 403, 403, 403, 403, 403]);
    let problem = app
        .post("/v1/vaults", &human.token, json!({"name": "vault"}))
        .await
        .problem(403);
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.starts_with("Vault limit reached (3/3 on free tier)."),
        "{detail}"
    );

    // What goes away makes room; others are not touched.
    let vaults = app.get("/v1/vaults", &human.token).await.expect(200);
    let vault = vaults["vaults"][0]["id"].as_str().unwrap().to_owned();
    app.delete(&format!("/v1/vaults/{vault}"), &human.token)
        .await;
    app.vault(&human).await;
    for _ in 0..4 {
        app.vault(&admin).await;
    }
    let shown = subscription(&app, &human).await;
    assert_eq!(shown["usage"]["vaults"], json!({"used": 3, "limit": 3}));
    assert_eq!(shown["tier"], "free");

    set_tier(&app, &admin, &human, json!({"tier": "self_hosted"})).await;
    app.vault(&human).await;
    app.agent(&human, json!({})).await;
    let events = app.events(&human, "action=billing.tier").await;
    assert_eq!(events.len(), 2);
    assert_eq!(events[0]["actor_id"], admin.id.as_str());
}

#[tokio::test]
async fn on_sqlite_a_tier_holds_back_what_goes_beyond_it() {
    a_tier_holds_back_what_goes_beyond_it(Database::Sqlite).await;
}

#[tokio::test]
async fn on_postgres_a_tier_holds_back_what_goes_beyond_it() {
    a_tier_holds_back_what_goes_beyond_it(Database::Postgres).await;
}

#[tokio::test]
async fn secrets_are_counted_by_path_and_only_while_they_are_there() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let vault = app.vault(&human).await;
    set_tier(&app, &human, &human, json!({"tier": "free"})).await;
    for n in 0..50 {
        app.secret(&human, &vault, &format!("s/{n}"), "v").await;
    }
    let put = async |path: &str| {
        let url = format!("/v1/vaults/{vault}/secrets/{path}");
        app.put(&url, &human.token, json!({"value": "w"})).await
    };
    let problem = put("s/50").await.problem(403);
    assert_eq!(problem["type"], "resource_limit_exceeded");
    // Another version of what is there takes no room, and agents' keys neither.
    put("s/7").await.expect(201);
    app.agent(&human, json!({})).await;
    app.delete(&format!("/v1/vaults/{vault}/secrets/s/7"), &human.token)
        .await;
    put("s/50").await.expect(201);
    put("s/7").await.problem(403);
}

#[tokio::test]
async fn a_tier_ends_at_its_time() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let set = set_tier(
        &app,
        &human,
        &human,
        json!({"tier": "free", "duration_days": 3}),
    )
    .await;
    assert_eq!(set["ends_at"], "2026-11-26T12:00:00Z");
    for _ in 0..3 {
        app.vault(&human).await;
    }
    app.post("/v1/vaults", &human.token, json!({"name": "x"}))
        .await
        .problem(403);
    app.clock.advance_seconds(3 * 86_400);
    let human = Human {
        token: app
            .post(
                "/v1/auth/token",
                "",
                json!({"email": "ops@example.com", "password": oneclaw_tests::app::PASSWORD}),
            )
            .await
            .expect(200)["access_token"]
            .as_str()
            .unwrap()
            .to_owned(),
        ..human
    };
    app.vault(&human).await;
    assert_eq!(subscription(&app, &human).await["tier"], "self_hosted");
}

#[tokio::test]
async fn a_tier_is_set_by_whoever_runs_the_server_alone() {
    let app = TestApp::start().await;
    let (admin, human) = (app.human("admin").await, app.human("ops").await);
    let agent = app.agent(&admin, json!({})).await;
    let token = app.token(&agent).await;
    let url = format!("/v1/admin/orgs/{}/billing-tier", human.org);
    for token in [&human.token, &token] {
        app.put(&url, token, json!({"tier": "enterprise"}))
            .await
            .problem(403);
    }
    app.put(&url, "", json!({"tier": "enterprise"}))
        .await
        .problem(401);
    for (body, field) in [
        (json!({"tier": "platinum"}), "tier"),
        (json!({"tier": "pro", "duration_days": 0}), "duration_days"),
    ] {
        let problem = app.put(&url, &admin.token, body).await.problem(400);
        assert!(problem["fields"][field].is_string(), "{problem}");
    }
    let nobody = "/v1/admin/orgs/00000000-0000-4000-8000-000000000000/billing-tier";
    app.put(nobody, &admin.token, json!({"tier": "pro"}))
        .await
        .problem(404);
    app.put(
        "/v1/admin/orgs/x/billing-tier",
        &admin.token,
        json!({"tier": "pro"}),
    )
    .await
    .problem(400);
    for path in [
        "usage",
        "subscription",
        "history",
        "credits/balance",
        "credits/transactions",
    ] {
        app.get(&format!("/v1/billing/{path}"), &token)
            .await
            .problem(403);
    }
}

#[tokio::test]
async fn an_organisation_is_warned_before_its_requests_run_out_and_never_cut_off() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    set_tier(&app, &human, &human, json!({"tier": "free"})).await;
    app.edit_database("UPDATE org_billing SET max_requests = 10")
        .await;
    let mut warned = Vec::new();
    for _ in 0..12 {
        let reply = app.get("/v1/vaults", &human.token).await;
        assert_eq!(reply.status.as_u16(), 200);
        // The limit was changed behind the server's back, and is known with the next look at it.
        app.get("/v1/billing/usage", &human.token).await.expect(200);
        warned.push(reply.headers.contains_key("x-quota-warning"));
    }
    assert!(!warned[0] && warned[11], "{warned:?}");
}

#[tokio::test]
async fn credits_are_none_and_selling_is_not_offered() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let get = async |path: &str| app.get(path, &human.token).await.expect(200);
    assert_eq!(
        get("/v1/billing/credits/balance").await,
        json!({
            "balance_cents": 0, "balance_usd": "0.00", "expiring_within_30d_cents": 0,
            "expiring_within_90_days": {"amount_cents": 0}
        })
    );
    assert_eq!(
        get("/v1/billing/credits/transactions?page=2&limit=20").await,
        json!({"transactions": [], "page": 2, "limit": 20})
    );
    let headers = [("user-agent", "@1claw/cli")];
    let path = "/v1/billing/credits/transactions";
    let bare = app
        .send_with(Method::GET, path, &human.token, None, &headers)
        .await;
    assert_eq!(bare.expect(200), json!([]));
    assert_eq!(
        get("/v1/billing/llm-token-billing").await,
        json!({"enabled": false})
    );
    for path in [
        "subscribe",
        "portal",
        "credits/topup",
        "llm-token-billing/enable",
    ] {
        app.post(&format!("/v1/billing/{path}"), &human.token, json!({}))
            .await
            .problem(501);
    }
    for body in [json!({"method": "x402"}), json!({"overage_method": "x402"})] {
        let set = app
            .patch("/v1/billing/overage-method", &human.token, body)
            .await
            .expect(200);
        assert_eq!(set, json!({"overage_method": "x402"}));
    }
    assert_eq!(
        get("/v1/billing/subscription").await["overage_method"],
        "x402"
    );
    for body in [json!({}), json!({"method": "cash"})] {
        let problem = app
            .patch("/v1/billing/overage-method", &human.token, body)
            .await
            .problem(400);
        assert!(problem["fields"]["method"].is_string());
    }
}
