//! Secrets shared with others.

mod access;
mod bounds;
mod create;
mod lists;

use oneclaw_tests::app::{Agent, Human, Reply, TestApp};
use serde_json::{Value, json};

/// An organisation with a vault, a secret in it, and an agent that may read it.
struct Stage {
    app: TestApp,
    human: Human,
    vault: String,
    /// The id of the secret at `api-keys/openai`, which is `sk-1`.
    secret: String,
    agent: Agent,
    token: String,
}

impl Stage {
    async fn new() -> Self {
        Self::on(TestApp::start().await).await
    }

    async fn on(app: TestApp) -> Self {
        let human = app.human("ops").await;
        let vault = app.vault(&human).await;
        let secret = put(&app, &human.token, &vault, "api-keys/openai", "sk-1").await;
        let agent = app.agent(&human, json!({"name": "worker-1"})).await;
        app.policy(&human, &vault, &agent, "api-keys/**", json!({}))
            .await;
        let token = app.token(&agent).await;
        Self {
            app,
            human,
            vault,
            secret,
            agent,
            token,
        }
    }

    /// Shares the secret, as the human or as the agent.
    async fn share(&self, token: &str, body: Value) -> Reply {
        share(&self.app, token, &self.secret, body).await
    }

    /// The id of a new share.
    async fn shared(&self, token: &str, body: Value) -> String {
        id(&self.share(token, body).await.expect(201))
    }

    /// Gets the value.
    async fn access(&self, id: &str, token: &str) -> Reply {
        self.app.get(&format!("/v1/share/{id}"), token).await
    }

    async fn accept(&self, id: &str, token: &str) -> Reply {
        self.answer(id, token, "accept").await
    }

    async fn answer(&self, id: &str, token: &str, what: &str) -> Reply {
        let url = format!("/v1/shares/{id}/{what}");
        self.app
            .send(reqwest::Method::POST, &url, token, None)
            .await
    }

    async fn item(&self, id: &str, token: &str) -> Value {
        self.app
            .get(&format!("/v1/shares/{id}"), token)
            .await
            .expect(200)
    }
}

async fn share(app: &TestApp, token: &str, secret: &str, body: Value) -> Reply {
    app.post(&format!("/v1/secrets/{secret}/share"), token, body)
        .await
}

/// Stores a secret and gives its id.
async fn put(app: &TestApp, token: &str, vault: &str, path: &str, value: &str) -> String {
    let url = format!("/v1/vaults/{vault}/secrets/{path}");
    id(&app
        .put(&url, token, json!({"value": value}))
        .await
        .expect(201))
}

fn id(body: &Value) -> String {
    body["id"].as_str().unwrap().to_owned()
}

fn link() -> Value {
    json!({"recipient_type": "anyone_with_link"})
}
