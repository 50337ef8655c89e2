//! `1claw`: a oneclaw server from a shell. Speaks HTTP and keeps nothing but its own settings and one sign-in.
//!
//! Whatever is printed goes through [`output`], whatever is asked of the server through [`client`], and whatever comes from
//! the environment through [`environment`].

#![forbid(unsafe_code)]

mod args;
mod client;
mod clock;
mod commands;
mod context;
mod environment;
mod failure;
mod input;
mod output;
mod settings;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::Cli;
use crate::context::Context;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = Context::new(cli.global).and_then(|context| cli.command.run(&context));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::report(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}
