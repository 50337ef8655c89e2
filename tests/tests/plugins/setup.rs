//! Guests to upload, and somebody who uploads them.

pub use oneclaw_test_guests::hostile;
use oneclaw_test_guests::{TWO_WORLDS, with_text};
use oneclaw_tests::app::{Agent, Human, Reply, TestApp};
use serde_json::{Value, json};

use crate::components::{Parts, component, component_from, contract};

/// The hostile guest under another name, as long as its own.
pub fn named(name: &str, version: &str) -> Vec<u8> {
    with_text(&hostile(version), "hostile", name)
}

/// A plugin named `plain` that decides on access and always abstains.
pub fn access_only(version: &str) -> Vec<u8> {
    plain(Parts::default(), version)
}

/// A plugin named `plain` that decides on what is signed and always abstains.
pub fn signatures_only(version: &str) -> Vec<u8> {
    let parts = Parts {
        wit: "package test:guest; world guest { include oneclaw:policy/transaction-guardrail@0.1.0; }",
        evaluate_name: "evaluate-transaction",
        ..Parts::default()
    };
    plain(parts, version)
}

fn plain(parts: Parts<'_>, version: &str) -> Vec<u8> {
    with_text(&component(parts), "1.0.0", version)
}

/// A component for another version of the contract.
pub fn of_another_contract() -> Vec<u8> {
    let contract = contract().replace("oneclaw:policy@0.1.0", "oneclaw:policy@0.2.0");
    let wit = "package test:guest; world guest { include oneclaw:policy/access-policy@0.2.0; }";
    let module = r#"(module
        (memory (export "memory") 1)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64))
        (func (export "describe") (result i32) (i32.const 0))
        (func (export "configure") (param i32 i32) (result i32) (i32.const 0))
        (func (export "evaluate-access") (param i32) (result i32) (i32.const 0)))"#;
    component_from(module, wit, Some(&contract))
}

/// The guest of both worlds.
pub fn two_worlds() -> Vec<u8> {
    TWO_WORLDS.to_vec()
}

/// A component with one more custom section.
pub fn with_section(component: &[u8], name: &str, content: &[u8]) -> Vec<u8> {
    fn leb(mut n: usize, out: &mut Vec<u8>) {
        loop {
            let byte = u8::try_from(n & 0x7f).unwrap();
            n >>= 7;
            out.push(if n == 0 { byte } else { byte | 0x80 });
            if n == 0 {
                return;
            }
        }
    }
    let mut section = Vec::new();
    leb(name.len(), &mut section);
    section.extend_from_slice(name.as_bytes());
    section.extend_from_slice(content);
    let mut out = component.to_vec();
    out.push(0);
    leb(section.len(), &mut out);
    out.extend_from_slice(&section);
    out
}

/// Uploads.
pub async fn upload(app: &TestApp, human: &Human, component: &[u8], query: &str) -> Reply {
    app.send_bytes(
        &format!("/v1/plugins{query}"),
        &human.token,
        "application/wasm",
        component.to_vec(),
    )
    .await
}

/// Uploads what is taken in.
pub async fn uploaded(app: &TestApp, human: &Human, component: &[u8]) -> Value {
    upload(app, human, component, "").await.expect(201)
}

/// Attaches, and answers with the id.
pub async fn attach(app: &TestApp, human: &Human, body: Value) -> String {
    let attachment = app
        .post("/v1/plugins/attachments", &human.token, body)
        .await
        .expect(201);
    attachment["id"].as_str().unwrap().to_owned()
}

/// Changes an attachment.
pub async fn change(app: &TestApp, human: &Human, id: &str, body: Value) -> Value {
    app.patch(&format!("/v1/plugins/attachments/{id}"), &human.token, body)
        .await
        .expect(200)
}

/// Goes one revision back.
pub async fn roll_back(app: &TestApp, human: &Human, id: &str) -> Value {
    let path = format!("/v1/plugins/attachments/{id}/rollback");
    app.post(&path, &human.token, json!({})).await.expect(200)
}

/// The hostile guest of this version with this behaviour, enforced.
pub fn enforced(version: &str, behaviour: &str) -> Value {
    json!({"plugin": "hostile", "version": version, "settings": behaviour, "mode": "enforce"})
}

/// An organisation with a secret `a` and an agent that may read it.
pub struct Reader {
    pub human: Human,
    pub vault: String,
    pub agent: Agent,
    pub token: String,
}

impl Reader {
    pub async fn new(app: &TestApp, name: &str) -> Self {
        let human = app.human(name).await;
        let vault = app.vault(&human).await;
        app.secret(&human, &vault, "a", "value").await;
        let (agent, token) = Self::another(app, &human, &vault).await;
        Self {
            human,
            vault,
            agent,
            token,
        }
    }

    /// One more agent that may read everything in the vault.
    pub async fn another(app: &TestApp, human: &Human, vault: &str) -> (Agent, String) {
        let agent = app.agent(human, json!({"scopes": ["**"]})).await;
        app.policy(human, vault, &agent, "**", json!({})).await;
        let token = app.token(&agent).await;
        (agent, token)
    }

    /// Reads the secret.
    pub async fn read(&self, app: &TestApp) -> Reply {
        app.read(&self.token, &self.vault, "a").await
    }

    /// What the last read was recorded with.
    pub async fn last(&self, app: &TestApp) -> Value {
        let query = format!("actor_id={}&action=secret.read&limit=1", self.agent.id);
        app.events(&self.human, &query).await[0]["details"].clone()
    }
}

/// The entry of an attachment among the evaluations of an event.
pub fn entries<'a>(details: &'a Value, attachment: &str) -> Vec<&'a Value> {
    details["evaluations"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["attachment"] == attachment)
        .collect()
}
