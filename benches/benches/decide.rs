//! What does a decision cost? The built-in access policy in its sandbox and without one, beside Cedar and regorus, on the
//! same policies and requests.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkGroup, Criterion, measurement::WallTime};
use oneclaw_benches::cedar::Cedar;
use oneclaw_benches::rego::{self, Rego, WAYS};
use oneclaw_benches::sandbox::{self, Sandbox};
use oneclaw_benches::workload::{Workload, caller, org, vault};
use oneclaw_benches::{Result, agree, measuring, native, rounds};
use oneclaw_policy_host::{AccessCache, AccessKey, Attachment, Configured, Mode, decide_access};

/// The revision of every configuration here.
const REVISION: [i64; 3] = [0, 1, 2026];

const PERMIT_TTL_MS: i64 = 30_000;

/// Policies of one caller in the vault of thousands.
const PER_CALLER: usize = 10;

fn main() -> Result<()> {
    let mut criterion = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(800))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    let sandbox = Sandbox::new()?;
    let sizes: &[usize] = if measuring() {
        &[1, 10, 100, 1000]
    } else {
        &[1, 10]
    };
    for size in sizes {
        by_policies(&mut criterion, &sandbox, *size)?;
    }
    by_vault(&mut criterion, &sandbox)?;
    criterion.final_summary();
    Ok(())
}

/// So many policies can apply to the caller, and the engine holds no others.
fn by_policies(criterion: &mut Criterion, sandbox: &Sandbox, policies: usize) -> Result<()> {
    let workload = Workload::new(policies, 0)?;
    let mut group = criterion.benchmark_group(format!("decide, {policies} policies"));
    let expected = time_native(&mut group, &workload)?;
    time_sandbox(&mut group, sandbox, &workload, &expected)?;
    time_cedar(&mut group, &workload, &expected)?;
    time_regorus(&mut group, &workload, &expected)?;
    group.finish();
    Ok(())
}

/// Times the plugin without a sandbox and returns the answers that all others have to give.
fn time_native(group: &mut Group<'_>, workload: &Workload) -> Result<Vec<bool>> {
    let policies = native::configure(workload)?;
    let requests: Vec<_> = workload.requests.iter().map(native::request).collect();
    let expected: Vec<bool> = requests
        .iter()
        .map(|request| native::allowed(&policies.decide_by_scan(request)))
        .collect();
    let indexed = requests
        .iter()
        .map(|request| Ok(native::allowed(&policies.decide(request))));
    agree("the native index", &expected, indexed)?;
    time(group, "native, index", &requests, |request| {
        black_box(policies.decide(request));
    });
    time(group, "native, scan", &requests, |request| {
        black_box(policies.decide_by_scan(request));
    });
    Ok(expected)
}

fn time_sandbox(
    group: &mut Group<'_>,
    sandbox: &Sandbox,
    workload: &Workload,
    expected: &[bool],
) -> Result<()> {
    let cases = [
        ("fresh", &sandbox.indexed, true, Mode::Fresh),
        ("warm", &sandbox.indexed, true, Mode::Warm),
        ("cold", &sandbox.indexed, false, Mode::Fresh),
        ("fresh, scan", &sandbox.scanning, true, Mode::Fresh),
        ("warm, scan", &sandbox.scanning, true, Mode::Warm),
    ];
    for (name, plugin, from_snapshot, mode) in cases {
        let configured = if from_snapshot {
            sandbox.snapshot(plugin, workload)?
        } else {
            sandbox.configure(plugin, workload)?
        };
        let answers = sandbox::answers(&configured, mode, &workload.requests);
        agree(name, expected, answers)?;
        time(group, name, &workload.requests, |request| {
            black_box(configured.evaluate_access(request, mode));
        });
    }
    Ok(())
}

fn time_cedar(group: &mut Group<'_>, workload: &Workload, expected: &[bool]) -> Result<()> {
    let cedar = Cedar::new(workload)?;
    let requests = workload
        .requests
        .iter()
        .map(|request| cedar.request(request))
        .collect::<Result<Vec<_>>>()?;
    agree(
        "cedar",
        expected,
        requests.iter().map(|request| cedar.decide(request)),
    )?;
    time(group, "cedar", &workload.requests, |request| {
        black_box(
            cedar
                .request(request)
                .and_then(|request| cedar.decide(&request))
                .ok(),
        );
    });
    time(group, "cedar, request ready", &requests, |request| {
        black_box(cedar.decide(request).ok());
    });
    Ok(())
}

/// Regorus gets its inputs ready made, because building them takes a different time in each way of doing it.
fn time_regorus(group: &mut Group<'_>, workload: &Workload, expected: &[bool]) -> Result<()> {
    let inputs: Vec<_> = workload
        .requests
        .iter()
        .map(|request| rego::input(workload, request))
        .collect();
    for (name, form, machine) in WAYS {
        let mut rego = Rego::new(workload, form, machine)?;
        agree(
            name,
            expected,
            inputs.iter().map(|input| rego.decide(input)),
        )?;
        time(group, name, &inputs, |input| {
            black_box(rego.decide(input).ok());
        });
    }
    Ok(())
}

/// A caller has ten policies: in a vault that has no others, and in one that has thousands. Includes what the server does
/// for a decision to find the caller's.
fn by_vault(criterion: &mut Criterion, sandbox: &Sandbox) -> Result<()> {
    let (many, in_turn) = if measuring() { (300, 64) } else { (20, 2) };
    let mut group = criterion.benchmark_group(format!("decide, {PER_CALLER} policies of a caller"));
    for callers in [1, many] {
        let name = format!("of {} in the vault", callers as usize * PER_CALLER);
        let cache = AccessCache::new(&sandbox.engine, 4096, 0, u32::MAX);
        let workloads = (0..callers)
            .map(|index| Workload::new(PER_CALLER, index))
            .collect::<Result<Vec<_>>>()?;
        for (index, workload) in (0..).zip(&workloads) {
            let configured = sandbox.configure(&sandbox.indexed, workload)?;
            if index < in_turn {
                configured.build_snapshot()?;
            }
            cache.insert(key(index), REVISION, configured);
        }
        let [first, ..] = workloads.as_slice() else {
            continue;
        };
        for (mode, mode_name) in [(Mode::Fresh, "fresh"), (Mode::Warm, "warm")] {
            time(
                &mut group,
                &format!("{mode_name}, {name}"),
                &first.requests,
                |request| {
                    let configured = find(&cache, 0);
                    black_box(configured.map(|c| c.evaluate_access(request, mode)));
                },
            );
        }
        time(
            &mut group,
            &format!("ruling, {name}"),
            &first.requests,
            |request| {
                let attached = find(&cache, 0).map(|c| Attachment::ready(c, Mode::Fresh));
                black_box(attached.map(|a| decide_access(request.clone(), &[a], PERMIT_TTL_MS)));
            },
        );
        if callers > 1 {
            // One request of each caller, then the next one of each, and so on.
            let turns: Vec<_> = (0..first.requests.len())
                .flat_map(|at| {
                    (0..in_turn)
                        .zip(&workloads)
                        .filter_map(move |(i, w)| Some((i, w.requests.get(at)?)))
                })
                .collect();
            let name = format!("fresh, {name}, {in_turn} callers in turn");
            time(&mut group, &name, &turns, |(index, request)| {
                let configured = find(&cache, *index);
                black_box(configured.map(|c| c.evaluate_access(request, Mode::Fresh)));
            });
        }
    }
    group.finish();
    Ok(())
}

fn key(index: u64) -> AccessKey {
    AccessKey {
        org: org(),
        vault: vault(),
        principal: caller(index),
    }
}

fn find(cache: &AccessCache, index: u64) -> Option<Arc<Configured>> {
    cache.get(&key(index), REVISION)
}

type Group<'a> = BenchmarkGroup<'a, WallTime>;

fn time<T>(group: &mut Group<'_>, name: &str, requests: &[T], mut decide: impl FnMut(&T)) {
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|iterations| rounds(requests, iterations, &mut decide));
    });
}
