//! `plugin bench`: what decisions cost on this machine.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use oneclaw_policy_host::{Case, CaseWorld, Configured, Mode, case_views};
use serde_json::{Value, json};

use super::local::{Caged, Room};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Column;

/// Longest that one case is measured.
const MOST_TIME: Duration = Duration::from_secs(20);

/// Has a decision made, and says how much fuel it took.
type Ask = Box<dyn Fn(&Configured, Mode) -> u64>;

const COLUMNS: &[Column] = &[
    Column::new("Case", "name"),
    Column::new("Fuel", "fuel"),
    Column::new("Fresh µs", "fresh_us"),
    Column::new("99 % µs", "fresh_p99_us"),
    Column::new("Warm µs", "warm_us"),
    Column::new("Instance µs", "instance_us"),
    Column::new("Snapshot ms", "snapshot_ms"),
    Column::new("Decisions", "decisions"),
];

pub fn bench(
    context: &Context,
    component: &Path,
    cases: Option<&Path>,
    decisions: u32,
    room: Room,
) -> Result<(), Failure> {
    let started = Instant::now();
    let caged = Caged::load(component, room)?;
    let compile_ms = millis(started.elapsed());
    let cases = caged.cases(cases)?;
    let mut rows = Vec::with_capacity(cases.len());
    for case in &cases {
        rows.extend(measure(context, (&caged, &compile_ms), case, decisions)?);
    }
    context.output.list(&rows, COLUMNS)?;
    context.output.note(&format!(
        "compiled in {compile_ms} ms, once, and kept by servers; then, for each settings, a snapshot is made"
    ));
    context.output.note(
        "fresh: an instance of its own for each decision, from the snapshot, as servers run what is uploaded; warm: an instance that is used again; instance: what of fresh it takes to start one",
    );
    Ok(())
}

/// Nothing for a case whose settings are refused: there is no decision to measure.
fn measure(
    context: &Context,
    (caged, compile_ms): (&Caged, &str),
    case: &Case,
    decisions: u32,
) -> Result<Option<Value>, Failure> {
    let local = |why: String| Failure::local(format!("{}: {why}", case.name));
    let settings = case.settings_text();
    let started = Instant::now();
    let (configured, ask): (Arc<Configured>, Ask) = match case.world {
        CaseWorld::AccessPolicy => {
            let request = case.access_request().map_err(local)?;
            let Ok(configured) = caged
                .engine
                .configure(&caged.plugin, request.org, &settings)
            else {
                return Ok(None);
            };
            let ask = move |configured: &Configured, mode| {
                configured.evaluate_access(&request, mode).fuel
            };
            (configured, Box::new(ask))
        }
        CaseWorld::TransactionGuardrail => {
            let request = case.transaction_request().map_err(local)?;
            let Ok(configured) =
                caged
                    .engine
                    .configure_guardrail(&caged.plugin, request.org, &settings)
            else {
                return Ok(None);
            };
            let views = case_views(configured.budget_queries(), &request.budgets);
            let ask = move |configured: &Configured, mode| {
                configured.evaluate_transaction(&request, &views, mode).fuel
            };
            (configured, Box::new(ask))
        }
    };
    let configure_ms = millis(started.elapsed());
    // Without a snapshot, every decision takes the settings in again. Servers do the same.
    let started = Instant::now();
    let snapshot = configured.build_snapshot();
    let snapshot_ms = millis(started.elapsed());
    if let Err(error) = &snapshot {
        context.output.note(&format!(
            "{}: there is no snapshot, and every decision takes the settings in again: {error}",
            case.name
        ));
    }
    let fuel = ask(&configured, Mode::Fresh);
    let mut fresh = times(decisions, || ask(&configured, Mode::Fresh));
    let mut warm = times(decisions, || ask(&configured, Mode::Warm));
    let mut instance = times(decisions, || configured.start_and_drop().is_ok());
    Ok(Some(json!({
        "name": case.name,
        "fuel": fuel,
        "fresh_us": micros(quantile(&mut fresh, 50)),
        "fresh_p99_us": micros(quantile(&mut fresh, 99)),
        "warm_us": micros(quantile(&mut warm, 50)),
        "instance_us": micros(quantile(&mut instance, 50)),
        "compile_ms": compile_ms,
        "configure_ms": configure_ms,
        "snapshot_ms": snapshot_ms,
        "decisions": fresh.len(),
    })))
}

fn times<T>(decisions: u32, mut decide: impl FnMut() -> T) -> Vec<Duration> {
    let started = Instant::now();
    let mut times = Vec::with_capacity(usize::try_from(decisions).unwrap_or_default());
    for _ in 0..decisions {
        let before = Instant::now();
        std::hint::black_box(decide());
        times.push(before.elapsed());
        if started.elapsed() > MOST_TIME {
            break;
        }
    }
    times
}

fn quantile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    let at = times.len().saturating_sub(1) * percent / 100;
    times.get(at).copied().unwrap_or_default()
}

fn micros(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1e6)
}

fn millis(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1e3)
}
