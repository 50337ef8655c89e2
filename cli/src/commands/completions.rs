//! Completions for shells, and manual pages: made from the command line itself, so that they are never behind it.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::args::Cli;
use crate::context::Context;
use crate::failure::Failure;

/// Print completions for a shell
#[derive(Args)]
#[command(after_help = "Examples:
  1claw completions bash > ~/.local/share/bash-completion/completions/1claw
  1claw completions zsh > ~/.zfunc/_1claw
  1claw completions fish > ~/.config/fish/completions/1claw.fish")]
pub struct CompletionsArgs {
    /// bash, zsh or fish
    #[arg(value_parser = ["bash", "zsh", "fish"])]
    shell: String,
}

/// Print the manual page, or write those of all commands to a directory
#[derive(Args)]
#[command(after_help = "Examples:
  1claw man | man -l -
  1claw man --dir ~/.local/share/man/man1")]
pub struct ManArgs {
    /// Write a page for every command there
    #[arg(long)]
    dir: Option<PathBuf>,
}

impl CompletionsArgs {
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let shell = match self.shell.as_str() {
            "zsh" => Shell::Zsh,
            "fish" => Shell::Fish,
            _ => Shell::Bash,
        };
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "1claw", &mut script);
        context.output.raw(&String::from_utf8_lossy(&script))
    }
}

impl ManArgs {
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let command = Cli::command();
        if let Some(dir) = &self.dir {
            std::fs::create_dir_all(dir).map_err(|error| Failure::file(dir, &error))?;
            clap_mangen::generate_to(command, dir).map_err(|error| Failure::file(dir, &error))?;
            return context.output.done(
                &format!("manual pages are in {}", dir.display()),
                &serde_json::Value::Null,
            );
        }
        let mut page = Vec::new();
        clap_mangen::Man::new(command)
            .render(&mut page)
            .map_err(|error| Failure::local(error.to_string()))?;
        context.output.raw(&String::from_utf8_lossy(&page))
    }
}
