//! What a refusal by plugins of the organisation's own says of what would have to be different.

use oneclaw_test_guests::{hostile, with_text};
use oneclaw_tests::app::{Agent, Human, Reply, TestApp};
use serde_json::{Value, json};

use crate::records::bytes_of;

/// An agent that may read everything, as far as the built-in policy goes, and the plugins `hostile` and `another`.
struct Guarded {
    app: TestApp,
    human: Human,
    vault: String,
    agent: Agent,
}

impl Guarded {
    async fn new() -> Self {
        let app = TestApp::start().await;
        let human = app.human("owner").await;
        let vault = app.vault(&human).await;
        app.secret(&human, &vault, "a", "value").await;
        let agent = app.agent(&human, json!({"scopes": ["**"]})).await;
        let hostile = hostile("0.1.0");
        for component in [with_text(&hostile, "hostile", "another"), hostile] {
            let reply = app
                .send_bytes("/v1/plugins", &human.token, "application/wasm", component)
                .await;
            reply.expect(201);
        }
        Self {
            app,
            human,
            vault,
            agent,
        }
    }

    async fn grant(&self) {
        let (app, human) = (&self.app, &self.human);
        app.policy(human, &self.vault, &self.agent, "**", json!({}))
            .await;
    }

    async fn attach(&self, plugin: &str, behaviour: &str, mode: &str) -> String {
        let body =
            json!({"plugin": plugin, "version": "0.1.0", "settings": behaviour, "mode": mode});
        let path = "/v1/plugins/attachments";
        let attached = self.app.post(path, &self.human.token, body).await;
        attached.expect(201)["id"].as_str().unwrap().to_owned()
    }

    async fn detach(&self, attachment: &str) {
        let path = format!("/v1/plugins/attachments/{attachment}");
        self.app.delete(&path, &self.human.token).await.expect(204);
    }

    async fn read(&self) -> Reply {
        let token = self.app.token(&self.agent).await;
        self.app.read(&token, &self.vault, "a").await
    }

    /// The record of a refusal with this code.
    async fn refused(&self, code: &str) -> Value {
        let problem = self.read().await.problem(403);
        assert_eq!(problem["reason_code"], code, "{problem}");
        let path = format!("/v1/decisions/{}", problem["decision_id"].as_str().unwrap());
        self.app.get(&path, &self.human.token).await.expect(200)
    }
}

fn ways(decision: &Value) -> Vec<&str> {
    let ways = decision["explanation"]["would_allow"].as_array().unwrap();
    ways.iter().map(|way| way.as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_denies_is_named_with_what_it_said_and_what_can_be_changed() {
    let guarded = Guarded::new().await;
    guarded.grant().await;
    let id = guarded.attach("hostile", "deny", "enforce").await;
    let name = format!("`hostile` 0.1.0 (attachment {id})");
    let seen = guarded.refused("hostile/denied").await;
    assert_eq!(seen["explanation"]["decided_by"], "hostile");
    assert_eq!(seen["explanation"]["summary"], "The test says no.");
    assert_eq!(
        ways(&seen),
        [
            format!(
                "the request would have to be one that plugin {name} lets pass; it refuses this one with \
                 `hostile/denied`, rule `rule-1`, condition `time_window`, \"The test says no.\""
            ),
            format!(
                "an administrator would have to change the settings or the scope of plugin {name}, set it to \
                 `shadow`, or detach it"
            ),
        ]
    );
    // It is as it says.
    let path = format!("/v1/plugins/attachments/{id}");
    let watched = json!({"mode": "shadow"});
    guarded
        .app
        .patch(&path, &guarded.human.token, watched)
        .await
        .expect(200);
    guarded.read().await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_wants_approval_says_of_whom() {
    let guarded = Guarded::new().await;
    guarded.grant().await;
    let id = guarded
        .attach("hostile", "require-approval", "enforce")
        .await;
    let seen = guarded.refused("hostile/needs-approval").await;
    assert_eq!(seen["verdict"], "require-approval");
    let ways = ways(&seen);
    assert_eq!(ways.len(), 2, "{ways:?}");
    assert!(
        ways[0].starts_with(&format!(
            "plugin `hostile` 0.1.0 (attachment {id}) wants approval first (1 by `owners`), with `hostile/needs-approval`"
        )),
        "{ways:?}"
    );
    assert!(ways[1].contains("or detach it"), "{ways:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_plugins_that_refuse_are_named_and_lifting_one_is_not_enough() {
    let guarded = Guarded::new().await;
    // Neither what is watched nor what allows refuses.
    guarded.attach("hostile", "deny", "shadow").await;
    guarded.attach("another", "allow", "enforce").await;
    let first = guarded.attach("hostile", "deny", "enforce").await;
    let second = guarded
        .attach("another", "require-approval", "enforce")
        .await;
    // The agent has no policy yet: the built-in policy refuses too.
    let problem = guarded.read().await.problem(403);
    let path = format!("/v1/decisions/{}", problem["decision_id"].as_str().unwrap());
    let app = &guarded.app;
    let seen = app.get(&path, &guarded.human.token).await.expect(200);
    let told = ways(&seen);
    assert!(told[0].starts_with(
        "3 plugins refuse, and every one of them has to let it pass: `access-policy`"
    ));
    assert!(
        told[0].ends_with(&format!(
            "`hostile` 0.1.0 (attachment {first}), `another` 0.1.0 (attachment {second})"
        )),
        "{told:?}"
    );
    let says = |what: &str| told.iter().any(|way| way.contains(what));
    assert!(says("for plugin `access-policy`"), "{told:?}");
    assert!(says("gives `read` at `a`"), "{told:?}");
    assert!(says("with `hostile/denied`"), "{told:?}");
    assert!(says("wants approval first"), "{told:?}");

    guarded.grant().await;
    let seen = guarded.refused("hostile/denied").await;
    assert!(ways(&seen)[0].starts_with("2 plugins refuse"));
    // One lifted: the other is all that is left.
    guarded.detach(&first).await;
    let seen = guarded.refused("another/needs-approval").await;
    assert!(ways(&seen)[0].starts_with("plugin `another`"));
    guarded.detach(&second).await;
    guarded.read().await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_of_signatures_and_of_more_plugins_take_a_few_kilobytes() {
    const DECISIONS: i64 = 60;
    let guarded = Guarded::new().await;
    guarded.grant().await;
    let Guarded {
        app, human, vault, ..
    } = &guarded;
    let signer = app.agent(human, json!({"intents_api_enabled": true})).await;
    let path = format!("/v1/agents/{}", signer.id);
    app.post(
        &format!("{path}/signing-keys"),
        &human.token,
        json!({"chain": "ethereum"}),
    )
    .await
    .expect(201);
    let token = app.token(&signer).await;
    let transfer = json!({
        "chain": "base", "to": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8", "value": "0", "nonce": 0,
        "gas_limit": 21_000, "max_fee_per_gas": "30", "max_priority_fee_per_gas": "1",
    });
    let before = bytes_of(app, "decisions").await;
    for _ in 0..DECISIONS {
        app.post(
            &format!("{path}/transactions/sign"),
            &token,
            transfer.clone(),
        )
        .await
        .expect(200);
    }
    let signature = (bytes_of(app, "decisions").await - before) / DECISIONS;

    guarded.attach("hostile", "allow", "enforce").await;
    guarded.attach("another", "allow", "enforce").await;
    let token = app.token(&guarded.agent).await;
    let before = bytes_of(app, "decisions").await;
    for n in 0..DECISIONS {
        app.read(&token, vault, &format!("service/database/password-{n}"))
            .await
            .problem(404);
    }
    let access = (bytes_of(app, "decisions").await - before) / DECISIONS;
    println!("{signature} bytes for a transfer, {access} bytes for access with two plugins more");
    assert!(signature < 6000, "{signature}");
    assert!(access < 1100, "{access}");
}
