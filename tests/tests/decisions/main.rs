//! Decisions: recorded, explained, replayed and vouched for.

mod determinism;
mod own_plugins;
mod receipts;
mod records;
mod replays;

/// An engine whose deadlines a busy machine does not miss. Fuel bounds the work all the same.
fn patient_engine() -> oneclaw_policy_host::Engine {
    let limits = oneclaw_policy_host::Limits::default()
        .with_deadline_ms(30_000)
        .and_then(|limits| limits.with_configure_deadline_ms(60_000))
        .unwrap();
    oneclaw_policy_host::Engine::new(oneclaw_policy_host::EngineOptions {
        limits,
        ..Default::default()
    })
    .unwrap()
}
