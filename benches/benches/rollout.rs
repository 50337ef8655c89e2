//! What does it cost the requests that are under way to attach a plugin, watch it, try it on a share, enforce it, and go
//! back? 500 requests arrive in each second, whether those before them were answered or not.
#![expect(
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a bench reads answers of its own server, and has nobody to tell but its reader"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use oneclaw_benches::{Result, measuring};
use oneclaw_tests::app::{Human, TestApp};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

/// Requests in each second.
const RATE: u32 = 500;

/// Agents that take turns.
const AGENTS: usize = 16;

/// Events in one page of the trail.
const PAGE: usize = 1000;

fn main() -> Result<()> {
    let stage = if measuring() {
        Duration::from_secs(4)
    } else {
        Duration::from_millis(200)
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(roll_out(stage))
}

/// All the stages, each for so long.
async fn roll_out(stage: Duration) -> Result<()> {
    let scene = Scene::new().await?;
    let mut requests = 0;
    requests += scene.stage("nothing attached", stage).await?;
    let attachment = scene
        .app
        .post(
            "/v1/plugins/attachments",
            &scene.owner.token,
            json!({"plugin": "hostile", "version": "0.1.0", "settings": "abstain", "mode": "enforce"}),
        )
        .await
        .expect(201);
    let id = attachment["id"].as_str().ok_or("no id")?.to_owned();
    requests += scene.stage("first version enforced", stage).await?;
    let changes = [
        (
            "second version in shadow",
            json!({"version": "0.2.0", "settings": "allow", "mode": "shadow"}),
        ),
        (
            "second version for half",
            json!({"mode": "canary", "canary_percent": 50}),
        ),
        ("second version enforced", json!({"mode": "enforce"})),
    ];
    let path = format!("/v1/plugins/attachments/{id}");
    for (name, change) in changes {
        let changed = scene.app.patch(&path, &scene.owner.token, change);
        requests += scene.stage_during(name, stage, changed, 200).await?;
    }
    let back = format!("{path}/rollback");
    for name in ["back to half", "back to shadow", "back to the first"] {
        let changed = scene.app.post(&back, &scene.owner.token, json!({}));
        requests += scene.stage_during(name, stage, changed, 200).await?;
    }
    let detached = scene.app.delete(&path, &scene.owner.token);
    requests += scene.stage_during("detached", stage, detached, 204).await?;
    scene.check(&id, requests).await
}

/// A server with agents that may read one secret, and two versions of a plugin.
struct Scene {
    app: Arc<TestApp>,
    owner: Human,
    vault: Arc<str>,
    agents: Vec<(String, Arc<str>)>,
}

impl Scene {
    async fn new() -> Result<Self> {
        let app = Arc::new(TestApp::start().await);
        let owner = app.human("owner").await;
        let vault = app.vault(&owner).await;
        app.secret(&owner, &vault, "a", "value").await;
        let mut agents = Vec::with_capacity(AGENTS);
        for _ in 0..AGENTS {
            let agent = app.agent(&owner, json!({"scopes": ["**"]})).await;
            app.policy(&owner, &vault, &agent, "**", json!({})).await;
            let token = app.token(&agent).await;
            agents.push((agent.id, token.into()));
        }
        for version in ["0.1.0", "0.2.0"] {
            let component = oneclaw_test_guests::hostile(version);
            app.send_bytes("/v1/plugins", &owner.token, "application/wasm", component)
                .await
                .expect(201);
        }
        Ok(Self {
            app,
            owner,
            vault: vault.into(),
            agents,
        })
    }

    /// Requests for so long; how many there were.
    async fn stage(&self, name: &str, length: Duration) -> Result<usize> {
        let due = usize::try_from(length.as_millis() * u128::from(RATE) / 1000)?.max(AGENTS);
        let mut ticks = tokio::time::interval(Duration::from_secs(1) / RATE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut sent = JoinSet::new();
        let begun = Instant::now();
        for (_, token) in self.agents.iter().cycle().take(due) {
            ticks.tick().await;
            let (app, token) = (Arc::clone(&self.app), Arc::clone(token));
            let vault = Arc::clone(&self.vault);
            sent.spawn(async move {
                let begun = Instant::now();
                let status = app.read(&token, &vault, "a").await.status.as_u16();
                (status, begun.elapsed())
            });
        }
        let answers = sent.join_all().await;
        let rate = answers.len() as f64 / begun.elapsed().as_secs_f64();
        let failed = answers.iter().filter(|(status, _)| *status != 200).count();
        let mut times: Vec<Duration> = answers.iter().map(|(_, time)| *time).collect();
        times.sort_unstable();
        let at = |share: usize| times.get(times.len() * share / 1000).copied();
        println!(
            "{name:<26} {due:>5} requests, {rate:>5.0}/s, {failed} failed, median {:.2?}, 99 % {:.2?}, slowest {:.2?}",
            at(500).unwrap_or_default(),
            at(990).unwrap_or_default(),
            times.last().copied().unwrap_or_default(),
        );
        if failed > 0 {
            return Err(format!("{failed} requests failed with: {name}").into());
        }
        Ok(due)
    }

    /// Requests for so long, and a change in the middle of the first of them.
    async fn stage_during(
        &self,
        name: &str,
        length: Duration,
        change: impl Future<Output = oneclaw_tests::app::Reply>,
        status: u16,
    ) -> Result<usize> {
        let (requests, reply) = tokio::join!(self.stage(name, length), change);
        if reply.status.as_u16() != status {
            return Err(format!("{name}: {}", reply.text).into());
        }
        requests
    }

    /// Whether each of so many requests was recorded, with exactly one version that counted, or none while nothing was
    /// attached.
    async fn check(&self, attachment: &str, requests: usize) -> Result<()> {
        let mut seen = BTreeMap::new();
        let mut recorded = 0;
        for (id, _) in &self.agents {
            let mut offset = 0;
            loop {
                let query =
                    format!("actor_id={id}&action=secret.read&limit={PAGE}&offset={offset}");
                let page = self.app.events(&self.owner, &query).await;
                for event in &page {
                    let version = counted(&event["details"], attachment)?;
                    *seen.entry(version).or_insert(0_usize) += 1;
                }
                offset += page.len();
                if page.len() < PAGE {
                    break;
                }
            }
            recorded += offset;
        }
        println!("recorded, by the version that counted: {seen:?}");
        if recorded != requests {
            return Err(format!("{requests} requests, and {recorded} recorded").into());
        }
        if seen.keys().ne(["0.1.0", "0.2.0", "none"]) {
            return Err("not every version counted at some time".into());
        }
        Ok(())
    }
}

/// The version of the attachment that counted for a decision.
fn counted(details: &Value, attachment: &str) -> Result<String> {
    let all = details["evaluations"].as_array().ok_or("no evaluations")?;
    let mine: Vec<&Value> = all
        .iter()
        .filter(|entry| entry["attachment"] == attachment)
        .collect();
    if mine.is_empty() {
        return Ok("none".to_owned());
    }
    let mut counted = mine.iter().filter(|entry| entry["mode"] != "shadow");
    match (counted.next(), counted.next()) {
        (Some(one), None) if one["verdict"] != "failed" => {
            Ok(one["version"].as_str().ok_or("no version")?.to_owned())
        }
        _ => Err(format!("not exactly one version counted: {details}").into()),
    }
}
