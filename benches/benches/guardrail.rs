//! What does it cost to decide on a transaction? The built-in guardrails in their sandbox, by the number of recipients.

use std::hint::black_box;
use std::time::Duration;

use criterion::Criterion;
use oneclaw_benches::intents::Intents;
use oneclaw_benches::workload::org;
use oneclaw_benches::{Result, agree, measuring, rounds};
use oneclaw_core::verdict::Verdict;
use oneclaw_policy_host::{Engine, EngineOptions, Mode};

fn main() -> Result<()> {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let engine = Engine::new(EngineOptions::default())?;
    let plugin = engine.load(oneclaw_builtin::TRANSACTION_GUARDRAILS)?;
    let sizes: &[u32] = if measuring() {
        &[10, 1000, 20_000]
    } else {
        &[10, 20_000]
    };
    for recipients in sizes {
        let intents = Intents::new(*recipients)?;
        let configured = engine.configure_guardrail(&plugin, org(), &intents.settings)?;
        configured.build_snapshot()?;
        let mut group = criterion.benchmark_group(format!("guardrail, {recipients} recipients"));
        for (name, mode) in [("fresh", Mode::Fresh), ("warm", Mode::Warm)] {
            let decide =
                |request: &_| configured.evaluate_transaction(request, &intents.views, mode);
            let answers = intents
                .requests
                .iter()
                .map(|request| match &decide(request).outcome {
                    Ok(decision) => Ok(matches!(decision.verdict, Verdict::Allow(_))),
                    Err(failure) => Err(format!("{failure:?}").into()),
                });
            agree(name, &intents.expected(), answers)?;
            group.bench_function(name, |bencher| {
                bencher.iter_custom(|iterations| {
                    rounds(&intents.requests, iterations, |request| {
                        black_box(decide(request));
                    })
                });
            });
        }
        group.finish();
    }
    criterion.final_summary();
    Ok(())
}
