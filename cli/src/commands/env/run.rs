//! Running a command with variables. The command takes the place of this process: it has its number, gets its signals, and
//! its exit code is the one that the caller sees. No shell is involved.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use clap::Args;

use super::Selection;
use crate::context::Context;
use crate::failure::{Failure, exit};

/// Run a command with the secrets of a vault in its environment
///
/// The command is started as it stands, without a shell. Its exit code is passed on, and signals reach it. Variables that are
/// set already get the value from the vault. Nothing is written to the disk and nothing is cached.
#[derive(Args)]
#[command(after_help = "Examples:
  1claw env run -v production -- python worker.py
  1claw env run -v production --prefix api-keys/ -- ./deploy --now
  1claw env run -v production -e staging -- sh -c 'echo \"$GREETING\"'

Exit codes: that of the command; 126 if it cannot be started, 127 if there is none of the name; those of 1claw if the
variables cannot be had.")]
pub struct RunArgs {
    #[command(flatten)]
    selection: Selection,
    /// Nothing is cached anyway; taken for scripts that say it
    #[arg(long, hide = true)]
    no_cache: bool,
    /// The command, with its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

impl RunArgs {
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let variables = self.selection.source(context)?.variables(context)?;
        let Some((program, arguments)) = self.command.split_first() else {
            return Err(Failure::Usage("there is no command to run".to_owned()));
        };
        let mut command = Command::new(program);
        command.args(arguments);
        for (name, value) in &variables {
            command.env(name, value.as_str());
        }
        // Comes back only if the command could not be started.
        let error = command.exec();
        let program = program.to_string_lossy();
        Err(Failure::NotStarted {
            code: match error.kind() {
                ErrorKind::NotFound => exit::NO_SUCH_COMMAND,
                _ => exit::NOT_EXECUTABLE,
            },
            message: format!("`{program}` cannot be started: {error}"),
        })
    }
}
