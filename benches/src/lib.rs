//! What the benches share: a workload, and one adapter for each engine that decides it.
//!
//! Every engine is given the same policies and the same requests, each in the form that suits it best, and
//! [`agree`] compares their answers before anything is timed.
#![forbid(unsafe_code)]

use std::error::Error;
use std::time::{Duration, Instant};

pub mod cedar;
pub mod intents;
pub mod native;
pub mod paths;
pub mod rego;
pub mod sandbox;
pub mod wall_time;
pub mod workload;

/// The built-in access policy without its index, as a component.
pub static ACCESS_SCAN: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/access_scan.wasm"));

/// Whatever went wrong; a bench has nobody to tell but its reader.
pub type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

/// Whether this is a measurement (`cargo bench`) and not a test run (`cargo test`).
#[must_use]
pub fn measuring() -> bool {
    let given = |flag: &str| std::env::args().any(|argument| argument == flag);
    given("--bench") && !given("--test")
}

/// Compares the answers of an engine (`true`: allowed) with the expected ones.
///
/// # Errors
/// Names the engine and the first request on which it differs.
pub fn agree(
    engine: &str,
    expected: &[bool],
    answers: impl IntoIterator<Item = Result<bool>>,
) -> Result<()> {
    let mut compared = 0;
    for (index, (expected, answer)) in expected.iter().zip(answers).enumerate() {
        if *expected != answer? {
            return Err(format!("{engine} does not answer {expected} to request {index}").into());
        }
        compared += 1;
    }
    if compared == expected.len() {
        Ok(())
    } else {
        Err(format!(
            "{engine} answered {compared} requests of {}",
            expected.len()
        )
        .into())
    }
}

/// Times `iterations` decisions over requests that differ in what they cost. Always runs whole rounds of all requests,
/// so that no mix is favoured, and scales to what was asked for.
pub fn rounds<T>(requests: &[T], iterations: u64, mut decide: impl FnMut(&T)) -> Duration {
    let per_round = u64::try_from(requests.len()).unwrap_or(u64::MAX).max(1);
    let rounds = iterations.div_ceil(per_round);
    let started = Instant::now();
    for _ in 0..rounds {
        for request in requests {
            decide(request);
        }
    }
    started
        .elapsed()
        .mul_f64(iterations as f64 / (rounds * per_round) as f64)
}
