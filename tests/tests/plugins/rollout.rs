//! Shadow, canary, enforce and back, while requests keep coming: none fails, and each names one version that counted.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use oneclaw_tests::app::{Agent, TestApp};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::setup::{Reader, attach, change, enforced, entries, hostile, roll_back, uploaded};

/// Agents that read all the time.
const AGENTS: usize = 8;
/// Reads of each between two changes, at least.
const READS: usize = 5;

/// Agents that read for as long as this lives.
struct Load {
    app: Arc<TestApp>,
    agents: Vec<Agent>,
    done: Arc<AtomicBool>,
    reads: Arc<AtomicUsize>,
    tasks: JoinSet<Vec<u16>>,
}

impl Load {
    async fn start(app: &Arc<TestApp>, reader: &Reader) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let reads = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        let mut agents = Vec::new();
        for _ in 0..AGENTS {
            let (agent, token) = Reader::another(app, &reader.human, &reader.vault).await;
            agents.push(agent);
            let (app, vault) = (Arc::clone(app), reader.vault.clone());
            let (done, reads) = (Arc::clone(&done), Arc::clone(&reads));
            tasks.spawn(async move {
                let mut statuses = Vec::new();
                while !done.load(Ordering::Relaxed) {
                    let reply = app.read(&token, &vault, "a").await;
                    statuses.push(reply.status.as_u16());
                    reads.fetch_add(1, Ordering::Relaxed);
                }
                statuses
            });
        }
        Self {
            app: Arc::clone(app),
            agents,
            done,
            reads,
            tasks,
        }
    }

    /// Waits until so many more reads were made.
    async fn go_on(&self) {
        let target = self.reads.load(Ordering::Relaxed) + AGENTS * READS;
        while self.reads.load(Ordering::Relaxed) < target {
            tokio::task::yield_now().await;
        }
    }

    /// Stops reading; what each read was answered with.
    async fn stop(self) -> (Arc<TestApp>, Vec<Agent>, Vec<u16>) {
        self.done.store(true, Ordering::Relaxed);
        let statuses = self.tasks.join_all().await;
        (self.app, self.agents, statuses.concat())
    }
}

/// Every read that was recorded, of all agents.
async fn recorded(app: &TestApp, reader: &Reader, agents: &[Agent]) -> Vec<Value> {
    let mut all = Vec::new();
    for agent in agents {
        let mut offset = 0;
        loop {
            let query = format!(
                "actor_id={}&action=secret.read&limit=1000&offset={offset}",
                agent.id
            );
            let page = app.events(&reader.human, &query).await;
            offset += page.len();
            let is_last = page.len() < 1000;
            all.extend(page);
            if is_last {
                break;
            }
        }
    }
    all
}

fn counted<'a>(details: &'a Value, id: &str) -> Vec<&'a Value> {
    entries(details, id)
        .into_iter()
        .filter(|entry| entry["mode"] != "shadow")
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn from_shadow_to_enforced_and_back_under_load_no_request_fails() {
    let app = Arc::new(TestApp::start().await);
    let reader = Reader::new(&app, "ops").await;
    let human = &reader.human;
    uploaded(&app, human, &hostile("0.1.0")).await;
    let load = Load::start(&app, &reader).await;
    load.go_on().await;

    // The first version is enforced and abstains. The second one is uploaded and goes all the way, and back.
    let id = attach(&app, human, enforced("0.1.0", "abstain")).await;
    load.go_on().await;
    uploaded(&app, human, &hostile("0.2.0")).await;
    let shadow = json!({"version": "0.2.0", "settings": "allow", "mode": "shadow"});
    change(&app, human, &id, shadow).await;
    load.go_on().await;
    change(
        &app,
        human,
        &id,
        json!({"mode": "canary", "canary_percent": 50}),
    )
    .await;
    load.go_on().await;
    change(&app, human, &id, json!({"mode": "enforce"})).await;
    load.go_on().await;
    for _ in 0..3 {
        roll_back(&app, human, &id).await;
        load.go_on().await;
    }
    let path = format!("/v1/plugins/attachments/{id}");
    app.delete(&path, &human.token).await.expect(204);
    load.go_on().await;

    let (app, agents, statuses) = load.stop().await;
    assert!(statuses.len() >= AGENTS * READS * 9);
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    let reads = recorded(&app, &reader, &agents).await;
    assert_eq!(reads.len(), statuses.len());
    let mut seen = BTreeSet::new();
    for read in &reads {
        let details = &read["details"];
        let all = entries(details, &id);
        if all.is_empty() {
            seen.insert("none".to_owned());
            continue;
        }
        let counted = counted(details, &id);
        let [one] = counted[..] else {
            panic!("not exactly one version counted: {details}")
        };
        assert_ne!(one["verdict"], "failed", "{details}");
        assert!(all.len() <= 2, "{details}");
        for entry in &all {
            let word = |key: &str| entry[key].as_str().unwrap();
            seen.insert(format!("{} {}", word("version"), word("mode")));
        }
    }
    let expected = [
        "0.1.0 enforce",
        "0.2.0 canary",
        "0.2.0 enforce",
        "0.2.0 shadow",
        "none",
    ];
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn attaching_and_detaching_while_deciding_drops_nothing() {
    let app = Arc::new(TestApp::start().await);
    let reader = Reader::new(&app, "ops").await;
    let human = &reader.human;
    uploaded(&app, human, &hostile("0.1.0")).await;
    let load = Load::start(&app, &reader).await;
    for _ in 0..10 {
        let id = attach(&app, human, enforced("0.1.0", "deny")).await;
        let path = format!("/v1/plugins/attachments/{id}");
        // From the answer on, the next decision is made with it, and after the next without it.
        reader.read(&app).await.problem(403);
        app.delete(&path, &human.token).await.expect(204);
        reader.read(&app).await.expect(200);
    }
    let (_, _, statuses) = load.stop().await;
    assert!(
        statuses.iter().all(|status| matches!(status, 200 | 403)),
        "{statuses:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_counts_for_the_same_callers_and_for_more_when_its_share_grows() {
    let app = TestApp::start().await;
    let reader = Reader::new(&app, "ops").await;
    let human = &reader.human;
    uploaded(&app, human, &hostile("0.1.0")).await;
    let mut tokens = Vec::new();
    for _ in 0..24 {
        tokens.push(Reader::another(&app, human, &reader.vault).await.1);
    }
    let body = json!({"plugin": "hostile", "version": "0.1.0", "settings": "deny", "mode": "canary",
        "canary_percent": 30});
    let id = attach(&app, human, body).await;
    let refused = async || {
        let mut refused = BTreeSet::new();
        for (number, token) in tokens.iter().enumerate() {
            if app.read(token, &reader.vault, "a").await.status == 403 {
                refused.insert(number);
            }
        }
        refused
    };
    let some = refused().await;
    assert!((1..24).contains(&some.len()), "30 % of 24 agents: {some:?}");
    assert_eq!(refused().await, some);
    change(&app, human, &id, json!({"canary_percent": 70})).await;
    let more = refused().await;
    assert!(
        more.is_superset(&some) && more.len() > some.len(),
        "{some:?} {more:?}"
    );
    change(&app, human, &id, json!({"canary_percent": 100})).await;
    assert_eq!(refused().await.len(), 24);
}
