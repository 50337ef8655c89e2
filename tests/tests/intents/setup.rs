//! A server, a chain, and an agent with a key and money.

use oneclaw_tests::anvil::Anvil;
use oneclaw_tests::app::{Agent, Database, Human, Reply, TestApp};
use serde_json::{Value, json};

/// One ether, in wei.
pub const ETHER: u128 = 1_000_000_000_000_000_000;

/// Somebody to pay.
pub const ALICE: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
/// Somebody else.
pub const MALLORY: &str = "0x90F79bf6EB2c4f870365E785982E1f101E93b906";

/// An agent that can pay.
pub struct Payer {
    pub app: TestApp,
    pub anvil: Anvil,
    pub human: Human,
    pub agent: Agent,
    pub token: String,
    pub address: String,
}

/// Adds the chain `dev` with this RPC.
pub async fn add_chain(app: &TestApp, human: &Human, url: &str) {
    let chain = json!({
        "name": "dev", "display_name": "Development", "chain_id": 31337, "rpc_url": url,
        "allow_private_rpc": true, "is_testnet": true, "confirmations": 1,
    });
    // The registry comes with a local chain of the same id, for `anvil` on its usual port.
    let chains = app.get("/v1/admin/chains", &human.token).await.expect(200);
    let local = chains["chains"]
        .as_array()
        .unwrap()
        .iter()
        .find(|chain| chain["chain_id"] == 31337)
        .unwrap()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    app.delete(&format!("/v1/admin/chains/{local}"), &human.token)
        .await
        .expect(204);
    app.post("/v1/admin/chains", &human.token, chain)
        .await
        .expect(201);
}

/// An agent with the Intents API on, these fields, and a signing key; with its token and address.
pub async fn agent_with_key(
    app: &TestApp,
    human: &Human,
    fields: Value,
) -> (Agent, String, String) {
    let mut all = json!({"intents_api_enabled": true});
    all.as_object_mut()
        .unwrap()
        .extend(fields.as_object().unwrap().clone());
    let agent = app.agent(human, all).await;
    let keys = format!("/v1/agents/{}/signing-keys", agent.id);
    let key = app
        .post(&keys, &human.token, json!({"chain": "ethereum"}))
        .await
        .expect(201);
    let token = app.token(&agent).await;
    (agent, token, key["address"].as_str().unwrap().to_owned())
}

impl Payer {
    /// With 100 ether and these fields.
    pub async fn new(database: Database, fields: Value) -> Self {
        let anvil = Anvil::start().await;
        let app = TestApp::start_with(database, |_| {}).await;
        let human = app.human("owner").await;
        add_chain(&app, &human, anvil.url()).await;
        let (agent, token, address) = agent_with_key(&app, &human, fields).await;
        anvil.fund(&address, 100 * ETHER).await;
        Self {
            app,
            anvil,
            human,
            agent,
            token,
            address,
        }
    }

    /// A path below the agent.
    pub fn path(&self, rest: &str) -> String {
        format!("/v1/agents/{}/{rest}", self.agent.id)
    }

    /// Submits a transfer.
    pub async fn pay(&self, to: &str, value: &str) -> Reply {
        self.submit(json!({"to": to, "value": value, "chain": "dev"}))
            .await
    }

    /// Submits.
    pub async fn submit(&self, body: Value) -> Reply {
        self.app
            .post(&self.path("transactions"), &self.token, body)
            .await
    }

    /// Has something signed.
    pub async fn sign(&self, body: Value) -> Reply {
        self.app.post(&self.path("sign"), &self.token, body).await
    }

    /// Changes the agent.
    pub async fn change(&self, fields: Value) -> Value {
        self.app
            .patch(
                &format!("/v1/agents/{}", self.agent.id),
                &self.human.token,
                fields,
            )
            .await
            .expect(200)
    }
}

/// A transaction once it is final, or has failed.
pub async fn settled(payer: &Payer, id: &str) -> Value {
    let path = payer.path(&format!("transactions/{id}"));
    for _ in 0..200 {
        let transaction = payer.app.get(&path, &payer.token).await.expect(200);
        let state = transaction["final_state"].as_str().unwrap_or_default();
        if state.starts_with("finalized") || state == "dropped" || state == "replaced" {
            return transaction;
        }
        // The server looks once a second; there is nothing to be told by.
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("transaction {id} did not become final");
}

/// The refusal of a guardrail with this code.
#[track_caller]
pub fn refused(reply: Reply, code: &str) -> Value {
    let problem = reply.problem(403);
    assert_eq!(problem["reason_code"], code, "{problem}");
    assert_eq!(problem["type"], "guardrail_violation");
    problem
}
