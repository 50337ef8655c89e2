//! What does it cost until a decision can be made: after a start of the server, after a plugin was uploaded, after a
//! policy was changed?

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion};
use oneclaw_benches::sandbox::Sandbox;
use oneclaw_benches::workload::Workload;
use oneclaw_benches::{Result, measuring};
use oneclaw_policy_host::{Engine, EngineOptions, Mode};

fn main() -> Result<()> {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(800))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    load(&mut criterion)?;
    let sandbox = Sandbox::new()?;
    let sizes: &[usize] = if measuring() { &[10, 100, 1000] } else { &[10] };
    for policies in sizes {
        settings(&mut criterion, &sandbox, *policies)?;
    }
    criterion.final_summary();
    Ok(())
}

/// From the bytes of a component to a plugin.
fn load(criterion: &mut Criterion) -> Result<()> {
    let mut group = criterion.benchmark_group("load");
    group.bench_function("engine", |bencher| {
        bencher.iter_with_large_drop(|| Engine::new(EngineOptions::default()));
    });

    let compiling = Engine::new(EngineOptions::default())?;
    group.bench_function("compile", |bencher| {
        bencher.iter_with_large_drop(|| black_box(compiling.load(oneclaw_builtin::ACCESS_POLICY)));
    });

    let directory = tempfile::tempdir()?;
    let caching = Engine::new(EngineOptions {
        cache_dir: Some(directory.path().to_owned()),
        ..EngineOptions::default()
    })?;
    drop(caching.load(oneclaw_builtin::ACCESS_POLICY)?);
    group.bench_function("from the artefact cache", |bencher| {
        bencher.iter_with_large_drop(|| black_box(caching.load(oneclaw_builtin::ACCESS_POLICY)));
    });
    group.finish();
    Ok(())
}

/// From settings to the first decision, and to a snapshot.
fn settings(criterion: &mut Criterion, sandbox: &Sandbox, policies: usize) -> Result<()> {
    let workload = Workload::new(policies, 0)?;
    let [request, ..] = workload.requests.as_slice() else {
        return Err("the workload has no requests".into());
    };
    let configure = || sandbox.configure(&sandbox.indexed, &workload);
    let mut group = criterion.benchmark_group(format!("settings, {policies} policies"));

    group.bench_function("new settings to first decision", |bencher| {
        bencher.iter(|| {
            black_box(configure().map(|c| c.evaluate_access(request, Mode::Fresh))).is_ok()
        });
    });
    let configured = configure()?;
    group.bench_function("decision without snapshot", |bencher| {
        bencher.iter(|| black_box(configured.evaluate_access(request, Mode::Fresh)));
    });
    let snapshotted = sandbox.snapshot(&sandbox.indexed, &workload)?;
    group.bench_function("decision from snapshot", |bencher| {
        bencher.iter(|| black_box(snapshotted.evaluate_access(request, Mode::Fresh)));
    });
    group.bench_function("snapshot", |bencher| {
        bencher.iter_batched(
            configure,
            |configured| {
                black_box(configured.is_ok_and(|c| c.build_snapshot().is_ok()));
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
    Ok(())
}
