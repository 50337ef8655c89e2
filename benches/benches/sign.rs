//! What does a signature cost, and how much of a request for one is the decision?

use std::cell::RefCell;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion};
use oneclaw_benches::intents::Intents;
use oneclaw_benches::workload::org;
use oneclaw_benches::{Result, measuring};
use oneclaw_core::path::SecretPath;
use oneclaw_core::transaction::{Intent, TransactionRequest};
use oneclaw_crypto::envelope::{Sealed, SecretRef, VaultKey, seal_without_permit_for_system_vault};
use oneclaw_policy_host::{
    Attachment, Configured, Engine, EngineOptions, GuardrailAttachment, Mode, SigningPermit,
    decide_transaction,
};
use oneclaw_signer::{SealedKey, Signed};
use oneclaw_tests::app::TestApp;
use serde_json::json;

/// As many as the server takes in the allowlist of an agent.
const RECIPIENTS: u32 = 1000;

/// How long a permit holds, in milliseconds, as in the server.
const PERMIT_TTL_MS: i64 = 10_000;

/// Most that the decision may take of a request, as a share of one.
const MOST: f64 = 0.05;

fn main() -> Result<()> {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let fixture = Fixture::new()?;
    let decisions = without_network(&mut criterion, &fixture)?;
    let requests = whole_request(&mut criterion, &fixture)?;
    criterion.final_summary();
    compare(&decisions, &requests)
}

/// A key, a transaction that it is to sign, and the guardrails that allow it.
struct Fixture {
    intents: Intents,
    configured: Arc<Configured>,
    request: TransactionRequest,
    vault_key: VaultKey,
    sealed: Sealed,
}

impl Fixture {
    fn new() -> Result<Self> {
        let engine = Engine::new(EngineOptions::default())?;
        let plugin = engine.load(oneclaw_builtin::TRANSACTION_GUARDRAILS)?;
        let intents = Intents::new(RECIPIENTS)?;
        let configured = engine.configure_guardrail(&plugin, org(), &intents.settings)?;
        configured.build_snapshot()?;
        let key = oneclaw_signer::generate()?;
        let mut request = intents.requests.first().ok_or("no request")?.clone();
        request.sender = key.address;
        for effect in &mut request.effects {
            effect.source = Some(key.address);
        }
        let path = "agents/worker/chains/ethereum/private_key";
        request.key.path = path.parse::<SecretPath>()?;
        let vault_key = VaultKey::generate()?;
        let sealed =
            seal_without_permit_for_system_vault(&vault_key, place(&request), &key.private_key)?;
        Ok(Self {
            intents,
            configured,
            request,
            vault_key,
            sealed,
        })
    }

    fn attachments(&self, mode: Mode) -> [GuardrailAttachment; 1] {
        [GuardrailAttachment {
            plugin: Attachment::ready(Arc::clone(&self.configured), mode),
            views: self.intents.views.clone(),
        }]
    }

    /// `None` for a refusal.
    fn decide(
        request: TransactionRequest,
        attached: &[GuardrailAttachment],
    ) -> Option<SigningPermit> {
        let decided = decide_transaction(request, attached, PERMIT_TTL_MS);
        decided.into_permit().ok()
    }

    /// `None` when nothing was signed.
    fn sign(&self, permit: SigningPermit) -> Option<Signed> {
        let key = SealedKey {
            vault_key: &self.vault_key,
            at: place(&self.request),
            sealed: &self.sealed,
        };
        oneclaw_signer::sign(permit, key, self.request.at).ok()
    }
}

fn place(request: &TransactionRequest) -> SecretRef<'_> {
    SecretRef {
        org: request.org,
        vault: request.key.vault,
        path: &request.key.path,
        version: request.key.version,
    }
}

/// Decision and signature, each by itself and together. Gives what decisions in fresh instances took, each entry the mean
/// of a sample.
fn without_network(criterion: &mut Criterion, fixture: &Fixture) -> Result<Vec<Duration>> {
    let decisions = RefCell::new(Vec::new());
    let [fresh, warm] = [Mode::Fresh, Mode::Warm].map(|mode| fixture.attachments(mode));
    let request = || fixture.request.clone();
    let permit = || Fixture::decide(request(), &fresh);
    for attached in [&fresh, &warm] {
        let signed = Fixture::decide(request(), attached).and_then(|permit| fixture.sign(permit));
        if !matches!(signed, Some(Signed::Transaction { .. })) {
            return Err("what is allowed was not signed".into());
        }
    }
    let mut group = criterion.benchmark_group(format!("sign, {RECIPIENTS} recipients"));
    group.bench_function("decision, fresh", |bencher| {
        bencher.iter_custom(|iterations| {
            let mut took = Duration::ZERO;
            for _ in 0..iterations {
                let request = request();
                let started = Instant::now();
                black_box(Fixture::decide(request, &fresh));
                took += started.elapsed();
            }
            decisions.borrow_mut().push(took.div_f64(iterations as f64));
            took
        });
    });
    group.bench_function("decision, warm", |bencher| {
        bencher.iter_batched(
            request,
            |request| Fixture::decide(request, &warm),
            BatchSize::SmallInput,
        );
    });
    group.bench_function("signature", |bencher| {
        bencher.iter_batched(
            permit,
            |permit| permit.and_then(|permit| fixture.sign(permit)),
            BatchSize::SmallInput,
        );
    });
    group.bench_function("decision, fresh, and signature", |bencher| {
        bencher.iter_batched(
            request,
            |request| Fixture::decide(request, &fresh).and_then(|permit| fixture.sign(permit)),
            BatchSize::SmallInput,
        );
    });
    group.finish();
    Ok(decisions.into_inner())
}

/// Requests to a server on SQLite, for a chain that it has no node of, so that no network but this machine's takes part.
/// Gives what each of them took, by an agent with the guardrails of the fixture.
fn whole_request(criterion: &mut Criterion, fixture: &Fixture) -> Result<Vec<Duration>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let Intent::Transaction(intent) = &fixture.request.intent else {
        return Err("not a transaction".into());
    };
    let to = intent.to.ok_or("no recipient")?.to_string();
    // The plugin is asked about both agents: what is between them is the limits and the budgets that they draw on.
    let limits = json!({
        "tx_to_allowlist": allowlist(&fixture.intents.settings)?,
        "tx_max_value": "0.1",
        "tx_daily_limit": "1000000",
        "tx_max_per_day": 1_000_000,
    });
    let mut requests = Vec::new();
    let app = runtime.block_on(TestApp::start());
    let human = runtime.block_on(app.human("owner"));
    let mut group = criterion.benchmark_group("sign-only request");
    for (name, limits) in [
        ("without limits", json!({})),
        ("with 1,000 recipients", limits),
    ] {
        let (path, token) = runtime.block_on(agent(&app, &human, limits));
        let body = json!({"to": to, "value": "0.000001", "chain": "base"});
        let request = || runtime.block_on(app.post(&path, &token, body.clone()));
        let first = request();
        if first.status.as_u16() != 200 {
            return Err(format!("{name}: {}", first.text).into());
        }
        let times = RefCell::new(Vec::new());
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|iterations| {
                let took = (0..iterations).map(|_| {
                    let started = Instant::now();
                    black_box(request());
                    started.elapsed()
                });
                let took: Vec<_> = took.collect();
                let sum = took.iter().sum();
                times.borrow_mut().extend(took);
                sum
            });
        });
        if request().status.as_u16() != 200 {
            return Err(format!("{name}: no more signatures at the end").into());
        }
        requests = times.into_inner();
    }
    group.finish();
    runtime.block_on(app.stop());
    Ok(requests)
}

/// The addresses that the guardrails of the fixture list.
fn allowlist(settings: &str) -> Result<serde_json::Value> {
    let settings: serde_json::Value = serde_json::from_str(settings)?;
    let recipients = settings.pointer("/rulesets/0/recipients");
    Ok(recipients.ok_or("no recipients")?.clone())
}

/// An agent with a key of its own: where it has transactions signed, and its token.
async fn agent(
    app: &TestApp,
    human: &oneclaw_tests::app::Human,
    mut fields: serde_json::Value,
) -> (String, String) {
    if let Some(fields) = fields.as_object_mut() {
        fields.insert("intents_api_enabled".to_owned(), json!(true));
    }
    let agent = app.agent(human, fields).await;
    let keys = format!("/v1/agents/{}/signing-keys", agent.id);
    app.post(&keys, &human.token, json!({"chain": "ethereum"}))
        .await
        .expect(201);
    let token = app.token(&agent).await;
    (format!("/v1/agents/{}/transactions/sign", agent.id), token)
}

/// Says how much of a request the decision is. Both were timed in this process, one after the other.
#[expect(
    clippy::print_stdout,
    reason = "criterion knows single figures, not the ratio of two; a bench speaks to its reader on the terminal"
)]
fn compare(decisions: &[Duration], requests: &[Duration]) -> Result<()> {
    // Not both were asked for, or each ran once.
    let (true, Some(decision), Some(request)) = (measuring(), median(decisions), median(requests))
    else {
        return Ok(());
    };
    let share = decision.as_secs_f64() / request.as_secs_f64();
    println!(
        "decision {decision:?}, sign-only request {request:?}: a share of {:.2} %",
        share * 100.0
    );
    if share < MOST {
        Ok(())
    } else {
        Err("the decision takes more of a request than it may".into())
    }
}

fn median(times: &[Duration]) -> Option<Duration> {
    let mut times = times.to_vec();
    times.sort_unstable();
    times.get(times.len() / 2).copied()
}
