//! What does a fleet cost: how long to provision it, and is a read slower for an agent of many than for one of few?
#![expect(
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a bench reads answers of its own server, and has nobody to tell but its reader"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use oneclaw_benches::{Result, measuring};
use oneclaw_tests::app::{Human, TestApp};
use serde_json::{Value, json};

/// Agents in one request.
const BATCH: usize = 1000;

/// Reads of each server in one round; the servers take turns, so that what else the machine does hits both alike.
const READS: usize = 50;

/// Most that a read may cost beside a large fleet, as a multiple of one beside a small fleet, at the median.
const MOST: f64 = 1.3;

/// Most that a page in the second half of the list may cost, as a multiple of one in the first half.
const MOST_PAGE: f64 = 1.5;

fn main() -> Result<()> {
    let (small, large, rounds) = if measuring() {
        (10, 10_000, 40)
    } else {
        (5, 40, 1)
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let few = Fleet::provision(small).await?;
        let many = Fleet::provision(large).await?;
        pages(&many).await?;
        let (mut beside_few, mut beside_many) = (Vec::new(), Vec::new());
        for round in 0..rounds {
            few.read(round, &mut beside_few).await?;
            many.read(round, &mut beside_many).await?;
        }
        let (few, many) = (median(&mut beside_few), median(&mut beside_many));
        let ratio = many.as_secs_f64() / few.as_secs_f64();
        println!("a read: {few:?} among {small} agents, {many:?} among {large}; ratio {ratio:.2}");
        if measuring() && ratio > MOST {
            return Err(
                format!("a read among {large} agents costs {ratio:.2} times as much").into(),
            );
        }
        Ok(())
    })
}

/// A server with agents that have a subtree each by one policy.
struct Fleet {
    app: Arc<TestApp>,
    owner: Human,
    vault: String,
    names: Vec<String>,
    tokens: Vec<String>,
}

impl Fleet {
    async fn provision(size: usize) -> Result<Self> {
        let app = Arc::new(TestApp::start().await);
        let owner = app.human("owner").await;
        let vault = app.vault(&owner).await;
        let policy = json!({
            "secret_path_pattern": "agents/{agent-name}/**", "principal_type": "agent", "principal_id": "*",
            "permissions": ["read"],
        });
        app.post(
            &format!("/v1/vaults/{vault}/policies"),
            &owner.token,
            policy,
        )
        .await
        .expect(201);
        let names: Vec<String> = (0..size).map(|n| format!("worker-{n}")).collect();
        let (mut keys, mut slowest) = (Vec::new(), Duration::ZERO);
        let begun = Instant::now();
        for batch in names.chunks(BATCH) {
            let agents: Vec<Value> = batch
                .iter()
                .map(|name| json!({"name": name, "labels": {"team": "red"}}))
                .collect();
            let sent = Instant::now();
            let made = app
                .post("/v1/agents/bulk", &owner.token, json!({"agents": agents}))
                .await
                .expect(201);
            slowest = slowest.max(sent.elapsed());
            for agent in made["agents"].as_array().ok_or("no agents")? {
                keys.push(agent["api_key"].as_str().ok_or("no key")?.to_owned());
            }
        }
        println!(
            "{size} agents: {:?}, the slowest request {slowest:?}",
            begun.elapsed()
        );
        // Some agents from all over the fleet read; every one of them for itself.
        let step = size.div_ceil(READS).max(1);
        let (mut readers, mut tokens) = (Vec::new(), Vec::new());
        for (name, key) in names.iter().zip(&keys).step_by(step) {
            app.secret(&owner, &vault, &format!("agents/{name}/config"), "value")
                .await;
            let body = json!({"api_key": key});
            let token = app.post("/v1/auth/agent-token", "", body).await.expect(200);
            tokens.push(token["access_token"].as_str().ok_or("no token")?.to_owned());
            readers.push(name.clone());
        }
        Ok(Self {
            app,
            owner,
            vault,
            names: readers,
            tokens,
        })
    }

    async fn read(&self, round: usize, times: &mut Vec<Duration>) -> Result<()> {
        let readers = self.names.iter().zip(&self.tokens).cycle();
        for (name, token) in readers.skip(round).take(READS) {
            let path = format!("agents/{name}/config");
            let begun = Instant::now();
            let reply = self.app.read(token, &self.vault, &path).await;
            let taken = begun.elapsed();
            reply.expect(200);
            // The first round makes the configurations.
            if round > 0 || !measuring() {
                times.push(taken);
            }
        }
        Ok(())
    }
}

/// The first page and the last one, which must not have to count its way there.
async fn pages(fleet: &Fleet) -> Result<()> {
    let mut query = "limit=100".to_owned();
    let mut times = Vec::new();
    loop {
        let begun = Instant::now();
        let page = fleet
            .app
            .get(&format!("/v1/agents?{query}"), &fleet.owner.token)
            .await
            .expect(200);
        times.push(begun.elapsed());
        match page["next_cursor"].as_str() {
            Some(cursor) => query = format!("limit=100&cursor={cursor}"),
            None => break,
        }
    }
    let count = times.len();
    let (first, last) = times.split_at_mut((count / 2).max(1).min(count));
    let (first, last) = (median(first), median(last));
    println!("{count} pages of 100 agents: {first:?} in the first half, {last:?} in the second");
    if measuring() && last.as_secs_f64() > first.as_secs_f64() * MOST_PAGE {
        return Err("later pages of agents cost more than earlier ones".into());
    }
    Ok(())
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
