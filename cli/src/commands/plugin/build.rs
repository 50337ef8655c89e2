//! `plugin build`: makes the component of a directory, by the tool of the language that it is written in.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;

use super::language::Language;
use super::{interpreted, rust};
use crate::context::Context;
use crate::failure::Failure;

pub fn build(context: &Context, dir: &Path, stack_kib: Option<u32>) -> Result<(), Failure> {
    let language = Language::of(dir).ok_or_else(|| {
        Failure::hinted(
            format!("there is no plugin in {}", dir.display()),
            "start one with `1claw plugin new NAME`, or name its directory",
        )
    })?;
    if stack_kib.is_some() && language != Language::Rust {
        return Err(Failure::Usage(
            "--stack-kib is for plugins in Rust; in other languages the stack is the interpreter's"
                .to_owned(),
        ));
    }
    let component = match language {
        Language::Rust => rust::build(dir, stack_kib)?,
        Language::Javascript => interpreted::javascript(dir)?,
        Language::Python => interpreted::python(dir)?,
    };
    let size = std::fs::metadata(&component)
        .map_err(|error| Failure::file(&component, &error))?
        .len();
    context.output.done(
        &format!("{} made, {} KiB", component.display(), size.div_ceil(1024)),
        &json!({ "component": component.display().to_string(), "size": size }),
    )
}

/// A tool, to be run where the plugin is.
pub fn tool(program: &str, dir: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(dir).stdin(Stdio::null());
    command
}

/// Runs a tool to its end. What it prints is for people, so that it goes where our own words for people go.
pub fn run(command: &mut Command, advice: &str) -> Result<(), Failure> {
    let program = command.get_program().display().to_string();
    let status = command
        .stdout(std::io::stderr())
        .status()
        .map_err(|error| {
            Failure::hinted(format!("{program} cannot be started: {error}"), advice)
        })?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::hinted(
            format!("{program} did not make the plugin: {status}"),
            advice,
        ))
    }
}
