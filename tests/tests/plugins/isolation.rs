//! What one organisation's guests do is not felt by another.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use oneclaw_tests::app::TestApp;
use serde_json::json;
use tokio::task::JoinSet;

use crate::setup::{
    Reader, attach, enforced, hostile, of_another_contract, upload, uploaded, with_section,
};

/// Reads of one measurement.
const SAMPLES: usize = 60;
/// Measurements beside harmless guests and under attack, one after the other in turn.
const ROUNDS: usize = 5;
/// Kinds of work ahead of decisions that are part of the attack.
const PIECES: usize = 4;
/// The attack must not cost more than this.
const RATIO: f64 = 1.5;

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

async fn measured(app: &TestApp, victim: &Reader) -> Vec<Duration> {
    let mut times = Vec::with_capacity(SAMPLES);
    for _ in 0..SAMPLES {
        let started = Instant::now();
        victim.read(app).await.expect(200);
        times.push(started.elapsed());
    }
    times
}

/// Requests that have guests decide, and refuse, until told to stop.
fn requests(
    app: &Arc<TestApp>,
    reader: &Arc<Reader>,
    tokens: &[String],
    done: &Arc<AtomicBool>,
    refused: &Arc<AtomicUsize>,
) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for token in tokens {
        let (app, reader, token) = (Arc::clone(app), Arc::clone(reader), token.clone());
        let (done, refused) = (Arc::clone(done), Arc::clone(refused));
        tasks.spawn(async move {
            while !done.load(Ordering::Relaxed) {
                app.read(&token, &reader.vault, "a").await.problem(403);
                refused.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    tasks
}

/// Work that is done ahead of decisions, one piece after the other: components to compile and settings to take, all of which
/// are refused in the end.
fn prepare_all_the_time(
    tasks: &mut JoinSet<()>,
    app: &Arc<TestApp>,
    attacker: &Arc<Reader>,
    done: &Arc<AtomicBool>,
    pieces: &Arc<AtomicUsize>,
) {
    let (app, attacker) = (Arc::clone(app), Arc::clone(attacker));
    let (done, pieces) = (Arc::clone(done), Arc::clone(pieces));
    tasks.spawn(async move {
        let human = &attacker.human;
        let importing = wat::parse_str(
            r#"(component (import "wasi:random/random@0.2.0" (instance (export "get-random-u64" (func (result u64))))))"#,
        )
        .unwrap();
        while !done.load(Ordering::Relaxed) {
            let number = pieces.fetch_add(1, Ordering::Relaxed);
            let (reply, status) = match number % PIECES {
                // Of one version and ever other bytes: looked at, compiled, and then refused.
                0 => {
                    let bytes = with_section(&hostile("0.1.0"), "n", &number.to_be_bytes());
                    (upload(&app, human, &bytes, "").await, 409)
                }
                1 => (upload(&app, human, &of_another_contract(), "").await, 400),
                2 => (upload(&app, human, &importing, "").await, 400),
                // Loaded, and stopped at the limit of what taking settings may cost.
                _ => {
                    let body = enforced("0.1.0", "spin-in-configure");
                    let path = "/v1/plugins/attachments";
                    (app.post(path, &human.token, body).await, 400)
                }
            };
            assert_eq!(reply.status.as_u16(), status, "{number}: {}", reply.text);
        }
    });
}

/// The agents of an organisation, each with a plugin of its own attached that behaves in one way.
async fn agents(app: &TestApp, reader: &Reader, behaviours: &[&str]) -> Vec<String> {
    let mut tokens = Vec::new();
    for behaviour in behaviours {
        let (agent, token) = Reader::another(app, &reader.human, &reader.vault).await;
        let mut body = enforced("0.1.0", behaviour);
        body["scope"] = json!({"agents": [agent.id]});
        attach(app, &reader.human, body).await;
        tokens.push(token);
    }
    tokens
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn hostile_guests_of_one_organisation_do_not_slow_another_down() {
    let app = Arc::new(TestApp::start().await);
    let victim = Reader::new(&app, "victim").await;
    let neighbour = Arc::new(Reader::new(&app, "neighbour").await);
    let attacker = Arc::new(Reader::new(&app, "attacker").await);
    for reader in [&victim, &*neighbour, &*attacker] {
        uploaded(&app, &reader.human, &hostile("0.1.0")).await;
    }
    attach(&app, &victim.human, enforced("0.1.0", "abstain")).await;
    // The same number of agents that refuse at once: what any neighbour costs that asks as often as it can.
    let harmless = agents(&app, &neighbour, &["deny"; 7]).await;
    // Much work for little fuel, no end, memory without end, recursion without end, and floods.
    let behaviours = [
        "copy",
        "spin",
        "allocate",
        "recurse",
        "trap",
        "many-empty-notes",
        "megabyte-message",
    ];
    let hostile = agents(&app, &attacker, &behaviours).await;
    measured(&app, &victim).await;
    let (refused, pieces, asked) = (Arc::default(), Arc::default(), Arc::default());
    let (mut peace, mut war) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let done = Arc::new(AtomicBool::new(false));
        let tasks = requests(&app, &neighbour, &harmless, &done, &asked);
        peace.extend(measured(&app, &victim).await);
        done.store(true, Ordering::Relaxed);
        tasks.join_all().await;
        let done = Arc::new(AtomicBool::new(false));
        let mut tasks = requests(&app, &attacker, &hostile, &done, &refused);
        prepare_all_the_time(&mut tasks, &app, &attacker, &done, &pieces);
        war.extend(measured(&app, &victim).await);
        done.store(true, Ordering::Relaxed);
        tasks.join_all().await;
    }
    let (refused, pieces) = (
        refused.load(Ordering::Relaxed),
        pieces.load(Ordering::Relaxed),
    );
    assert!(
        refused >= ROUNDS && pieces >= PIECES,
        "there was no attack: {refused}, {pieces}"
    );
    let (peace, war) = (median(peace), median(war));
    let ratio = war.as_secs_f64() / peace.as_secs_f64();
    println!(
        "beside harmless guests {peace:?}, under attack {war:?}: {ratio:.2}; {} and {refused} requests, {pieces} components and settings",
        asked.load(Ordering::Relaxed)
    );
    assert!(
        ratio < RATIO,
        "beside harmless guests {peace:?}, under attack {war:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_remembered_between_decisions_and_organisations() {
    let app = TestApp::start().await;
    let (one, other) = (
        Reader::new(&app, "one").await,
        Reader::new(&app, "other").await,
    );
    // Counts its decisions: a memory that was used before would say so.
    for reader in [&one, &other] {
        uploaded(&app, &reader.human, &hostile("0.1.0")).await;
        attach(&app, &reader.human, enforced("0.1.0", "count")).await;
    }
    for _ in 0..20 {
        for reader in [&one, &other] {
            reader.read(&app).await.problem(403);
            assert_eq!(reader.last(&app).await["message"], "1");
        }
    }
}
