//! Policy conditions: address, time, environment, expiry.

use oneclaw_tests::app::{Agent, Database, Human, Reply, TestApp};
use reqwest::Method;
use serde_json::{Value, json};

struct Scene {
    app: TestApp,
    human: Human,
    vault: String,
    agent: Agent,
    token: String,
}

async fn scene(app: TestApp, policy: Value) -> Scene {
    let human = app.human("ops").await;
    let vault = app.vault(&human).await;
    app.secret(&human, &vault, "keys/x", "v").await;
    let agent = app
        .agent(
            &human,
            json!({"scopes": ["**"], "environment": "staging", "token_ttl_seconds": 86400}),
        )
        .await;
    app.policy(&human, &vault, &agent, "keys/**", policy).await;
    let token = app.token(&agent).await;
    Scene {
        app,
        human,
        vault,
        agent,
        token,
    }
}

impl Scene {
    async fn read(&self) -> Reply {
        self.app.read(&self.token, &self.vault, "keys/x").await
    }

    async fn refused_by(&self, condition: &str) {
        let problem = self.read().await.problem(403);
        assert_eq!(problem["reason_code"], "policy/condition-failed");
        // Which condition it was stands in the audit trail, not in the answer.
        let event = &self
            .app
            .events(&self.human, &format!("actor_id={}&limit=1", self.agent.id))
            .await[0];
        assert_eq!(event["id"], problem["decision_id"]);
        assert_eq!(event["details"]["condition"], condition);
        assert!(event["details"]["rule"].as_str().unwrap().len() == 36);
    }
}

#[tokio::test]
async fn an_address_outside_the_allowlist_is_refused() {
    let inside = scene(
        TestApp::start().await,
        json!({"conditions": {"ip_allowlist": ["127.0.0.0/8"]}}),
    )
    .await;
    inside.read().await.expect(200);
    let outside = scene(
        TestApp::start().await,
        json!({"conditions": {"ip_allowlist": ["10.0.0.0/8", "2001:db8::/32"]}}),
    )
    .await;
    outside.refused_by("ip_allowlist").await;
}

#[tokio::test]
async fn a_spoofed_header_never_satisfies_an_allowlist() {
    let scene = scene(
        TestApp::start().await,
        json!({"conditions": {"ip_allowlist": ["10.0.0.0/8"]}}),
    )
    .await;
    let url = format!("/v1/vaults/{}/secrets/keys/x", scene.vault);
    for header in [
        "x-forwarded-for",
        "forwarded",
        "x-real-ip",
        "cf-connecting-ip",
        "true-client-ip",
    ] {
        let value = if header == "forwarded" {
            "for=10.1.2.3"
        } else {
            "10.1.2.3"
        };
        scene
            .app
            .send_with(Method::GET, &url, &scene.token, None, &[(header, value)])
            .await
            .problem(403);
    }
}

#[tokio::test]
async fn behind_a_trusted_proxy_the_address_it_saw_counts() {
    let app = TestApp::start_with(Database::Sqlite, |config| {
        config.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    })
    .await;
    let scene = scene(
        app,
        json!({"conditions": {"ip_allowlist": ["10.0.0.0/8", "2001:db8::/32"]}}),
    )
    .await;
    let url = format!("/v1/vaults/{}/secrets/keys/x", scene.vault);
    let from = async |address: &str| {
        scene
            .app
            .send_with(
                Method::GET,
                &url,
                &scene.token,
                None,
                &[("x-forwarded-for", address)],
            )
            .await
            .status
            .as_u16()
    };
    assert_eq!(from("10.1.2.3").await, 200);
    assert_eq!(from("2001:db8::7").await, 200);
    assert_eq!(from("203.0.113.1").await, 403);
    assert_eq!(from("10.1.2.3, 203.0.113.1").await, 403);
}

#[tokio::test]
async fn a_time_window_opens_and_closes_in_its_zone() {
    // The clock stands at 12:00 UTC, 13:00 in Berlin (winter).
    let window = json!({"conditions": {"time_window": {"after": "08:00", "before": "14:00", "timezone": "Europe/Berlin"}}});
    let scene = scene(TestApp::start().await, window).await;
    scene.read().await.expect(200);
    scene.app.clock.advance_seconds(3599);
    scene.read().await.expect(200);
    scene.app.clock.advance_seconds(1);
    let problem = scene.read().await.problem(403);
    assert_eq!(problem["reason_code"], "policy/condition-failed");
}

#[tokio::test]
async fn a_window_across_midnight_counts_for_the_day_it_opened() {
    let window = json!({"conditions": {"time_window": {"after": "22:00", "before": "06:00", "timezone": "UTC", "days": ["mon"]}}});
    let scene = scene(TestApp::start().await, window).await;
    scene.refused_by("time_window").await;
    scene.app.clock.advance_seconds(10 * 3600);
    scene.read().await.expect(200);
    scene.app.clock.advance_seconds(7 * 3600);
    // 05:00 on Tuesday is still Monday's window.
    scene.read().await.expect(200);
    scene.app.clock.advance_seconds(3600);
    scene.read().await.problem(403);
}

#[tokio::test]
async fn a_policy_ends_at_its_time_without_anybody_doing_anything() {
    let scene = scene(
        TestApp::start().await,
        json!({"expires_at": "2026-11-23T12:10:00Z"}),
    )
    .await;
    scene.read().await.expect(200);
    scene.app.clock.advance_seconds(600);
    scene.refused_by("expires_at").await;
}

#[tokio::test]
async fn the_environment_is_that_of_the_token() {
    let staging = scene(
        TestApp::start().await,
        json!({"conditions": {"environment_in": ["staging"]}}),
    )
    .await;
    staging.read().await.expect(200);
    // The record changes, the token that was issued for staging does not.
    let url = format!("/v1/agents/{}", staging.agent.id);
    staging
        .app
        .patch(
            &url,
            &staging.human.token,
            json!({"environment": "production"}),
        )
        .await
        .expect(200);
    staging.read().await.expect(200);
    let production = staging.app.token(&staging.agent).await;
    staging
        .app
        .read(&production, &staging.vault, "keys/x")
        .await
        .problem(403);
    let other = scene(
        TestApp::start().await,
        json!({"conditions": {"environment_in": ["production"]}}),
    )
    .await;
    other.refused_by("environment_in").await;
}

#[tokio::test]
async fn conditions_that_cannot_be_meant_are_refused_by_field() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let vault = app.vault(&human).await;
    let agent = app.agent(&human, json!({})).await;
    let url = format!("/v1/vaults/{vault}/policies");
    for (conditions, field) in [
        (
            json!({"ip_allowlst": ["10.0.0.0/8"]}),
            "conditions.ip_allowlst",
        ),
        (json!({"ip_allowlist": []}), "conditions.ip_allowlist"),
        (
            json!({"ip_allowlist": ["10.0.0.0/33"]}),
            "conditions.ip_allowlist",
        ),
        (
            json!({"ip_allowlist": ["10.0.0.1/8"]}),
            "conditions.ip_allowlist",
        ),
        (
            json!({"time_window": {"after": "25:00"}}),
            "conditions.time_window.after",
        ),
        (
            json!({"time_window": {"timezone": "Mars/Olympus"}}),
            "conditions.time_window.timezone",
        ),
        (
            json!({"time_window": {"days": ["noday"]}}),
            "conditions.time_window.days",
        ),
        (json!({"environment_in": []}), "conditions.environment_in"),
        (json!("always"), "conditions"),
    ] {
        let body = json!({"secret_path_pattern": "**", "principal_type": "agent", "principal_id": agent.id,
            "permissions": ["read"], "conditions": conditions});
        let problem = app.post(&url, &human.token, body).await.problem(400);
        assert!(problem["fields"][field].is_string(), "{field}: {problem}");
    }
    for (change, field) in [
        (json!({"permissions": []}), "permissions"),
        (json!({"permissions": ["admin"]}), "permissions"),
        (
            json!({"secret_path_pattern": "a//b"}),
            "secret_path_pattern",
        ),
        (json!({"secret_path_pattern": "a.b"}), "secret_path_pattern"),
        (json!({"principal_type": "team"}), "principal_type"),
        (json!({"principal_id": "x"}), "principal_id"),
        (json!({"effect": "maybe"}), "effect"),
        (json!({"priority": -1}), "priority"),
        (json!({"expires_at": "soon"}), "expires_at"),
    ] {
        let mut body = json!({"secret_path_pattern": "**", "principal_type": "agent", "principal_id": agent.id,
            "permissions": ["read"]});
        body.as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        let problem = app.post(&url, &human.token, body).await.problem(400);
        assert!(problem["fields"][field].is_string(), "{field}: {problem}");
    }
    assert_eq!(
        app.get(&url, &human.token).await.expect(200)["policies"],
        json!([])
    );
}
