//! Starts the server and stops it on SIGINT or SIGTERM.
#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::sync::Arc;

use oneclaw_server::app::{self, Running};
use oneclaw_server::config::{Config, Signup};
use oneclaw_server::system_clock::SystemClock;
use oneclaw_server::telemetry;
use tokio::signal::unix::{SignalKind, signal};

fn main() -> ExitCode {
    let config = match Config::from_process() {
        Ok(config) => config,
        Err(error) => return fail(&error),
    };
    if let Err(error) = telemetry::init(&config.log) {
        return fail(&error);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    runtime.block_on(run(config))
}

async fn run(config: Config) -> ExitCode {
    let signals =
        signal(SignalKind::interrupt()).and_then(|int| Ok((int, signal(SignalKind::terminate())?)));
    let (mut interrupt, mut terminate) = match signals {
        Ok(signals) => signals,
        Err(error) => return fail(&error),
    };
    let running = match app::start(config, Arc::new(SystemClock)).await {
        Ok(running) => running,
        Err(error) => return fail(&error),
    };
    greet(&running);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    tracing::info!("stopping: requests in flight are finished first");
    running.stop().await;
    ExitCode::SUCCESS
}

#[expect(
    clippy::print_stdout,
    reason = "this is what a person who starts the server looks at"
)]
fn greet(running: &Running) {
    let config = &running.services.config;
    let url = format!("http://{}", running.address);
    println!("oneclaw {} is ready at {url}", env!("CARGO_PKG_VERSION"));
    println!("  data       {}", config.data_dir.display());
    println!("  database   {}", running.services.store.database_kind());
    if running.made_root_key {
        println!(
            "  root key   made just now: back it up apart from the data, without it no secret can be read"
        );
    }
    if !running.services.gate.is_ready() {
        println!("  WARNING    there is no working access plugin: every access is refused");
    }
    println!("  API        {url}/docs");
    match config.signup {
        Signup::First => {
            println!("  next       the first account claims this server: POST {url}/v1/auth/signup")
        }
        Signup::Open => println!("  next       anyone may sign up: POST {url}/v1/auth/signup"),
        Signup::Closed => {}
    }
}

#[expect(
    clippy::print_stderr,
    reason = "there is no log yet, and a person is looking"
)]
fn fail(error: &dyn std::error::Error) -> ExitCode {
    eprintln!("oneclaw: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        eprintln!("  because: {cause}");
        source = cause.source();
    }
    ExitCode::FAILURE
}
