//! How long does it take to make recorded decisions again with something else, and does the replay find exactly what a
//! change alters?
#![expect(
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a bench reads answers of its own server, and has nobody to tell but its reader"
)]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use oneclaw_benches::{Result, measuring};
use oneclaw_tests::app::{Agent, Human, TestApp};
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// Requests at a time while the history is made.
const AT_ONCE: usize = 16;

fn main() -> Result<()> {
    let decisions = if measuring() { 10_000 } else { 40 };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let history = History::of(decisions).await?;
        history.change(decisions).await?;
        history.again("recorded", decisions).await?;
        history.again("current", decisions).await
    })
}

/// What an agent has asked for: allowed below `p`, refused below `q`.
struct History {
    app: Arc<TestApp>,
    owner: Human,
    vault: String,
    agent: Agent,
}

impl History {
    async fn of(decisions: usize) -> Result<Self> {
        let app = Arc::new(TestApp::start().await);
        let owner = app.human("owner").await;
        let vault = app.vault(&owner).await;
        let agent = app.agent(&owner, json!({"scopes": ["**"]})).await;
        app.policy(&owner, &vault, &agent, "p/**", json!({})).await;
        let token: Arc<str> = app.token(&agent).await.into();
        let begun = Instant::now();
        let mut asking = JoinSet::new();
        for task in 0..AT_ONCE {
            let (app, token, vault) = (Arc::clone(&app), Arc::clone(&token), vault.clone());
            asking.spawn(async move {
                for n in (task..decisions).step_by(AT_ONCE) {
                    let status = app.read(&token, &vault, &path(n)).await.status.as_u16();
                    // Nothing stands there: who may read is told so, who may not is refused.
                    assert_eq!(status, if n.is_multiple_of(2) { 404 } else { 403 });
                }
            });
        }
        asking.join_all().await;
        println!("{decisions} decisions over HTTP: {:.2?}", begun.elapsed());
        Ok(Self {
            app,
            owner,
            vault,
            agent,
        })
    }

    /// Two more policies, and what they alter.
    async fn change(&self, decisions: usize) -> Result<()> {
        let policy = |pattern: &str, effect: &str| {
            json!({
                "secret_path_pattern": pattern, "principal_type": "agent", "principal_id": self.agent.id,
                "permissions": ["read"], "effect": effect, "priority": 10,
            })
        };
        let body = json!({
            "candidate": {"policies": {
                "vault_id": self.vault,
                "add": [policy("p/4/**", "deny"), policy("q/7/**", "allow")],
            }},
            "filter": {"agent": self.agent.id},
            "gate": {"no_new_allow": true},
        });
        let replay = self.run("two more policies", body).await?;
        let found = self.changes(&replay).await?;
        // By hand: the even numbers that end in 4 were allowed, the odd ones that end in 7 were refused.
        let expected: BTreeSet<String> = (0..decisions)
            .filter(|n| matches!(n % 10, 4 | 7))
            .map(path)
            .collect();
        println!("{} decisions change", found.len());
        if found != expected || replay["changes"] != expected.len() {
            return Err("the replay did not find exactly what the change alters".into());
        }
        if replay["total"] != decisions || replay["gate_passed"] != false {
            return Err(format!("not what was to be replayed: {replay}").into());
        }
        Ok(())
    }

    /// With what decided, or with what is in force: nothing changes.
    async fn again(&self, candidate: &str, decisions: usize) -> Result<()> {
        let body = json!({"candidate": candidate, "filter": {"agent": self.agent.id}});
        let replay = self.run(candidate, body).await?;
        if replay["same"] != decisions {
            return Err(format!("not all came out the same: {replay}").into());
        }
        Ok(())
    }

    async fn run(&self, name: &str, body: Value) -> Result<Value> {
        let begun = Instant::now();
        let token = &self.owner.token;
        let replay = self.app.post("/v1/replays", token, body).await.expect(202);
        let ended = self.app.finished_replay(&self.owner, &replay).await;
        println!("replay, {name}: {:.2?}", begun.elapsed());
        if ended["status"] == "done" {
            Ok(ended)
        } else {
            Err(format!("the replay did not come to its end: {ended}").into())
        }
    }

    /// The paths whose verdict changes.
    async fn changes(&self, replay: &Value) -> Result<BTreeSet<String>> {
        let path = format!(
            "/v1/replays/{}/changes",
            replay["id"].as_str().ok_or("no id")?
        );
        let (mut all, mut cursor) = (BTreeSet::new(), "0".to_owned());
        loop {
            let page = self
                .app
                .get(
                    &format!("{path}?limit=500&cursor={cursor}"),
                    &self.owner.token,
                )
                .await
                .expect(200);
            for change in page["changes"].as_array().ok_or("no changes")? {
                all.insert(change["path"].as_str().ok_or("no path")?.to_owned());
            }
            match page["next_cursor"].as_str() {
                Some(next) => cursor = next.to_owned(),
                None => return Ok(all),
            }
        }
    }
}

fn path(n: usize) -> String {
    let folder = if n.is_multiple_of(2) { "p" } else { "q" };
    format!("{folder}/{}/{n}", n % 10)
}
