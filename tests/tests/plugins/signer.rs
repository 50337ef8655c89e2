//! An agent that has things signed.

use oneclaw_tests::app::{Agent, Human, Reply, TestApp};
use reqwest::Method;
use serde_json::{Value, json};

/// Somebody to pay.
pub const SOMEBODY: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";

/// An agent with a key, and its human.
pub struct Signer {
    pub app: TestApp,
    pub human: Human,
    pub agent: Agent,
    pub token: String,
}

impl Signer {
    pub async fn new() -> Self {
        Self::on(TestApp::start().await).await
    }

    /// On a server that runs.
    pub async fn on(app: TestApp) -> Self {
        let human = app.human("ops").await;
        let (agent, token) = Self::another(&app, &human).await;
        Self {
            app,
            human,
            agent,
            token,
        }
    }

    /// One more agent with a key.
    pub async fn another(app: &TestApp, human: &Human) -> (Agent, String) {
        let agent = app.agent(human, json!({"intents_api_enabled": true})).await;
        let keys = format!("/v1/agents/{}/signing-keys", agent.id);
        app.post(&keys, &human.token, json!({"chain": "ethereum"}))
            .await
            .expect(201);
        let token = app.token(&agent).await;
        (agent, token)
    }

    /// Has a transfer signed.
    pub async fn sign(&self, value: &str) -> Reply {
        self.ask("sign", &transfer(SOMEBODY, value), &[]).await
    }

    /// Asks about a transaction: has it signed (`sign`), or looks what would come of it (`preview`).
    pub async fn ask(&self, what: &str, body: &Value, headers: &[(&str, &str)]) -> Reply {
        let path = format!("/v1/agents/{}/transactions/{what}", self.agent.id);
        self.app
            .send_with(
                Method::POST,
                &path,
                &self.token,
                Some(body.clone()),
                headers,
            )
            .await
    }

    pub async fn refused(&self, value: &str, code: &str) -> Value {
        refused(self.sign(value).await, code)
    }
}

/// A transfer with everything given for which a node would be asked.
pub fn transfer(to: &str, value: &str) -> Value {
    json!({
        "chain": "base", "to": to, "value": value, "gas_limit": 21_000, "nonce": 0,
        "max_fee_per_gas": "30", "max_priority_fee_per_gas": "1",
    })
}

/// A refusal with this code.
#[track_caller]
pub fn refused(reply: Reply, code: &str) -> Value {
    let problem = reply.problem(403);
    assert_eq!(problem["reason_code"], code, "{problem}");
    problem
}
