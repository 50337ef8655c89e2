//! Recorded decisions, made again with something else.

use std::collections::BTreeSet;

use oneclaw_tests::app::{Agent, Database, Human, TestApp};
use serde_json::{Value, json};

/// Decisions in the large replay. Of 10,000 the bench makes sure.
const MANY: usize = 600;

/// What an agent has asked for: allowed below `p`, refused below `q`.
pub struct History {
    pub app: TestApp,
    pub human: Human,
    pub vault: String,
    pub agent: Agent,
}

impl History {
    pub async fn of(database: Database, decisions: usize) -> Self {
        let app = TestApp::start_with(database, |_| {}).await;
        let human = app.human("owner").await;
        let vault = app.vault(&human).await;
        let agent = app.agent(&human, json!({"scopes": ["**"]})).await;
        app.policy(&human, &vault, &agent, "p/**", json!({})).await;
        let token = app.token(&agent).await;
        let paths: Vec<String> = (0..decisions)
            .map(|n| format!("{}/{}/{n}", if n % 2 == 0 { "p" } else { "q" }, n % 10))
            .collect();
        {
            let asked = paths.chunks(32).map(|chunk| async {
                let reads = chunk.iter().map(|path| app.read(&token, &vault, path));
                for read in reads {
                    let status = read.await.status.as_u16();
                    assert!(status == 404 || status == 403, "{status}");
                }
            });
            let mut asked: Vec<_> = asked.map(Box::pin).collect();
            // Sixteen at a time, so that the writer has something to group.
            while !asked.is_empty() {
                let batch: Vec<_> = asked.drain(..asked.len().min(16)).collect();
                join_all(batch).await;
            }
        }
        Self {
            app,
            human,
            vault,
            agent,
        }
    }

    pub async fn start(&self, body: Value) -> Value {
        self.app
            .post("/v1/replays", &self.human.token, body)
            .await
            .expect(202)
    }

    pub async fn finished(&self, replay: &Value) -> Value {
        self.app.finished_replay(&self.human, replay).await
    }

    pub async fn run(&self, body: Value) -> Value {
        let replay = self.start(body).await;
        let finished = self.finished(&replay).await;
        assert_eq!(finished["status"], "done", "{finished}");
        finished
    }

    pub async fn changes(&self, replay: &Value) -> Vec<Value> {
        let path = format!("/v1/replays/{}/changes", replay["id"].as_str().unwrap());
        let (mut all, mut cursor) = (Vec::new(), 0.to_string());
        loop {
            let page = self
                .app
                .get(
                    &format!("{path}?limit=50&cursor={cursor}"),
                    &self.human.token,
                )
                .await
                .expect(200);
            all.extend(page["changes"].as_array().unwrap().clone());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = next.to_owned(),
                None => return all,
            }
        }
    }

    fn policy(&self, pattern: &str, effect: &str) -> Value {
        json!({
            "secret_path_pattern": pattern, "principal_type": "agent", "principal_id": self.agent.id,
            "permissions": ["read"], "effect": effect, "priority": 10,
        })
    }
}

async fn join_all<F: Future<Output = ()>>(futures: Vec<std::pin::Pin<Box<F>>>) {
    let mut futures: Vec<_> = futures.into_iter().map(Some).collect();
    std::future::poll_fn(|context| {
        for slot in &mut futures {
            if let Some(future) = slot
                && future.as_mut().poll(context).is_ready()
            {
                *slot = None;
            }
        }
        match futures.iter().all(Option::is_none) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
}

fn paths(changes: &[Value], after: &str) -> BTreeSet<String> {
    changes
        .iter()
        .filter(|change| change["after"]["verdict"] == after)
        .map(|change| change["path"].as_str().unwrap().to_owned())
        .collect()
}

async fn exactly_what_a_change_alters_is_found(database: Database) {
    let history = History::of(database, MANY).await;
    let started = std::time::Instant::now();
    let replay = history
        .run(json!({
            "candidate": {"policies": {
                "vault_id": history.vault,
                "add": [history.policy("p/4/**", "deny"), history.policy("q/7/**", "allow")],
            }},
            "filter": {"agent": history.agent.id},
            "gate": {"no_new_allow": true},
        }))
        .await;
    println!("{MANY} decisions in {:?}", started.elapsed());
    // By hand: the even numbers that end in 4 were allowed, the odd ones that end in 7 were refused.
    let ends_in = |digit: usize, folder: &str| -> BTreeSet<String> {
        (0..MANY)
            .filter(|n| n % 10 == digit)
            .map(|n| format!("{folder}/{digit}/{n}"))
            .collect()
    };
    let (closed, opened) = (ends_in(4, "p"), ends_in(7, "q"));
    assert_eq!(replay["total"], MANY);
    assert_eq!(replay["done"], MANY);
    assert_eq!(replay["allow_to_deny"], closed.len());
    assert_eq!(replay["deny_to_allow"], opened.len());
    assert_eq!(replay["changes"], closed.len() + opened.len());
    assert_eq!(replay["undetermined"], 0);
    assert_eq!(replay["gate_passed"], false);
    let changes = history.changes(&replay).await;
    assert_eq!(paths(&changes, "deny"), closed);
    assert_eq!(paths(&changes, "allow"), opened);
    let change = changes
        .iter()
        .find(|change| change["after"]["verdict"] == "deny")
        .unwrap();
    assert_eq!(change["before"]["code"], "policy/allowed");
    assert_eq!(change["after"]["code"], "policy/denied-by-rule");
    // Nothing was changed by looking.
    let same = history
        .run(json!({"candidate": "current", "gate": {"max_changes": 0}}))
        .await;
    assert_eq!(
        (&same["changes"], &same["gate_passed"]),
        (&json!(0), &json!(true))
    );
    let same = history.run(json!({"candidate": "recorded"})).await;
    assert_eq!(same["changes"], 0);
    assert_eq!(same["other_reason"], 0);
    assert_eq!(same["undetermined"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exactly_what_a_change_alters_is_found_on_sqlite() {
    exactly_what_a_change_alters_is_found(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exactly_what_a_change_alters_is_found_on_postgresql() {
    exactly_what_a_change_alters_is_found(Database::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_that_was_changed_since_shows_and_the_version_that_decided_does_not_move() {
    let history = History::of(Database::Sqlite, 20).await;
    let policies = format!("/v1/vaults/{}/policies", history.vault);
    let list = history
        .app
        .get(&policies, &history.human.token)
        .await
        .expect(200);
    let id = list["policies"][0]["id"].as_str().unwrap();
    history
        .app
        .delete(&format!("{policies}/{id}"), &history.human.token)
        .await
        .expect(204);
    let now = history
        .run(json!({"filter": {"agent": history.agent.id}}))
        .await;
    assert_eq!(now["allow_to_deny"], 10);
    let then = history.run(json!({"candidate": "recorded"})).await;
    assert_eq!(then["changes"], 0);
    // As before, from nothing.
    let drafted = history
        .run(json!({
            "candidate": {"policies": {"vault_id": history.vault, "set": [history.policy("p/**", "allow")]}},
            "filter": {"agent": history.agent.id},
            "include_reasons": true,
        }))
        .await;
    assert_eq!(drafted["changes"], 0);
    // The rule is another one, which is a reason and no change.
    assert_eq!(drafted["other_reason"], 10);
    assert_eq!(history.changes(&drafted).await.len(), 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_and_components_can_be_tried() {
    let history = History::of(Database::Sqlite, 20).await;
    let nothing = history
        .run(json!({
            "candidate": {"settings": {"world": "access-policy", "settings": {"policies": [], "zones": {}}}},
            "filter": {"agent": history.agent.id},
        }))
        .await;
    assert_eq!(nothing["allow_to_deny"], 10);
    let list = history
        .app
        .get("/v1/decisions?limit=1", &history.human.token)
        .await
        .expect(200);
    let path = format!(
        "/v1/decisions/{}",
        list["decisions"][0]["id"].as_str().unwrap()
    );
    let decision = history
        .app
        .get(&path, &history.human.token)
        .await
        .expect(200);
    let digest = &decision["plugins"][0]["digest"];
    let same = history
        .run(json!({"candidate": {"plugin": {"digest": digest, "world": "access-policy"}}}))
        .await;
    assert_eq!(
        (&same["changes"], &same["undetermined"]),
        (&json!(0), &json!(0))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_meant_is_refused_by_name_and_replays_are_for_admins() {
    let history = History::of(Database::Sqlite, 2).await;
    let (app, human) = (&history.app, &history.human);
    let policies =
        |policy: Value| json!({"policies": {"vault_id": history.vault, "add": [policy]}});
    for (body, says) in [
        (json!({"candidate": "tomorrow"}), "candidate"),
        (json!({"candidate": {"policies": {}}}), "vault_id"),
        (
            json!({"candidate": policies(history.policy("a//b", "allow"))}),
            "secret_path_pattern",
        ),
        (
            json!({"candidate": policies(history.policy("a", "maybe"))}),
            "effect",
        ),
        (
            json!({"candidate": {"guardrails": {"agent_id": history.agent.id, "fields": {"guardrails": {"nonsense": 1}}}}}),
            "guardrails",
        ),
        (
            json!({"candidate": {"settings": {"world": "x", "settings": {}}}}),
            "world",
        ),
        (
            json!({"candidate": {"settings": {"world": "access-policy", "settings": {"policies": 1}}}}),
            "settings",
        ),
        (json!({"filter": {"days": 0}}), "days"),
        (
            json!({"filter": {"days": 1, "since": "2026-01-01T00:00:00Z"}}),
            "days",
        ),
        (json!({"filter": {"agent": "x"}}), "agent"),
        (json!({"filter": {"colour": "red"}}), "colour"),
        (json!({"gate": {"most": 1}}), "gate"),
    ] {
        let problem = app
            .post("/v1/replays", &human.token, body.clone())
            .await
            .problem(400);
        assert!(
            problem["detail"].as_str().unwrap().contains(says),
            "{body}: {problem}"
        );
    }
    let unknown =
        json!({"candidate": {"plugin": {"digest": "ab".repeat(32), "world": "access-policy"}}});
    app.post("/v1/replays", &human.token, unknown)
        .await
        .problem(404);
    let agent = app.token(&history.agent).await;
    app.post("/v1/replays", &agent, json!({}))
        .await
        .problem(403);
    let replay = history.run(json!({})).await;
    let path = format!("/v1/replays/{}", replay["id"].as_str().unwrap());
    app.get(&path, &agent).await.problem(403);
    let stranger = app.human("stranger").await;
    for path in [path.clone(), format!("{path}/changes")] {
        app.get(&path, &stranger.token).await.problem(404);
    }
    app.delete(&path, &stranger.token).await.problem(404);
    app.delete(&path, &human.token).await.problem(409);
    let foreign = json!({"candidate": {"policies": {"vault_id": history.vault}}});
    app.post("/v1/replays", &stranger.token, foreign)
        .await
        .problem(404);
}

async fn a_cancelled_replay_is_never_made(database: Database) {
    let history = History::of(database, 20).await;
    let (app, token) = (&history.app, &history.human.token);
    // Another server has the job in its hands and does nothing: what is asked for waits.
    app.edit_database(&format!(
        "INSERT INTO jobs (name, owner, token, leased_until, due_at) VALUES ('replays', '{}', 1, {}, 0)",
        uuid::Uuid::nil(),
        i64::MAX
    ))
    .await;
    let queued = history.start(json!({})).await;
    let running = history.start(json!({})).await;
    let id = |replay: &Value| replay["id"].as_str().unwrap().to_owned();
    let path = |replay: &Value| format!("/v1/replays/{}", id(replay));
    app.edit_database(&format!(
        "UPDATE replays SET state = 'running', worker = '{}' WHERE id = '{}'",
        uuid::Uuid::nil(),
        id(&running)
    ))
    .await;
    for (replay, status) in [(&queued, "queued"), (&running, "running")] {
        let before = app.get(&path(replay), token).await.expect(200);
        assert_eq!(before["status"], status);
        app.delete(&path(replay), token).await.expect(204);
        app.delete(&path(replay), token).await.problem(409);
    }
    let events = app.events(&history.human, "action=replay.cancel").await;
    let cancelled: BTreeSet<&str> = events
        .iter()
        .map(|event| event["resource_id"].as_str().unwrap())
        .collect();
    assert_eq!(cancelled, BTreeSet::from([&*id(&queued), &*id(&running)]));
    // The job is free again: the next one is made, and those before it are not.
    app.edit_database("UPDATE jobs SET leased_until = 0 WHERE name = 'replays'")
        .await;
    history.run(json!({})).await;
    for replay in [&queued, &running] {
        let after = app.get(&path(replay), token).await.expect(200);
        assert_eq!(
            (&after["status"], &after["done"]),
            (&json!("cancelled"), &json!(0))
        );
        assert!(after["finished_at"].is_string(), "{after}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_replay_is_never_made_on_sqlite() {
    a_cancelled_replay_is_never_made(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_replay_is_never_made_on_postgresql() {
    a_cancelled_replay_is_never_made(Database::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_that_was_left_unfinished_is_gone_on_with() {
    let history = History::of(Database::Sqlite, 40).await;
    // A worker that died: another takes the replay up.
    let replay = history.run(json!({})).await;
    let id = replay["id"].as_str().unwrap();
    history
        .app
        .edit_database(&format!(
            "UPDATE replays SET state = 'running', done = 0, cursor_at = NULL, cursor_id = NULL, counts = '{{}}' WHERE id = '{id}'"
        ))
        .await;
    let again = history.finished(&replay).await;
    assert_eq!(again["status"], "done");
    assert_eq!(again["done"], replay["total"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_self_check_finds_what_comes_out_differently_and_says_so() {
    let app =
        TestApp::start_with(Database::Sqlite, |config| config.decisions.self_check = 100).await;
    let human = app.human("owner").await;
    let vault = app.vault(&human).await;
    let agent = app.agent(&human, json!({"scopes": ["**"]})).await;
    let token = app.token(&agent).await;
    app.read(&token, &vault, "a").await.problem(403);
    let services = &app.running.services;
    assert_eq!(services.check_decisions().await.unwrap(), 0);
    let health = app.get("/v1/health", "").await.expect(200);
    assert_eq!(health["status"], "healthy");
    // Somebody alters what was decided.
    app.edit_database(
        "UPDATE decisions SET code = 'policy/allowed', verdict = 'allow', body = unhex(REPLACE(REPLACE(hex(body), \
         hex('deny'), hex('allow')), hex('policy/no-match'), hex('policy/allowed')))",
    )
    .await;
    assert_eq!(services.check_decisions().await.unwrap(), 1);
    let health = app.get("/v1/health", "").await.expect(200);
    assert_eq!(health["status"], "degraded");
    let events = app
        .events(&human, "action=decision.self_check_failed")
        .await;
    assert_eq!(events[0]["details"]["mismatches"], 1);
}
