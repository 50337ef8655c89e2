//! Builds a plugin crate of this workspace for `wasm32-unknown-unknown` and wraps the module as a component.
//!
//! Build scripts call [`build`]; nothing else does. The nested cargo works in a target directory of its own, since the
//! outer cargo holds the lock of the usual one, and in an environment from which everything that would change the output
//! has been removed: a plugin's digest must follow from its sources and from `[profile.plugin]` alone.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

mod environment;
mod layout;

use layout::Layout;

const TARGET: &str = "wasm32-unknown-unknown";

/// How a plugin is compiled.
struct Recipe {
    /// Of the workspace's manifest.
    profile: &'static str,
    stack_bytes: u32,
    /// More flags for the compiler.
    flags: &'static [&'static str],
}

const PLUGIN: Recipe = Recipe {
    profile: "plugin",
    // Rust's default of 1 MiB would make every memory 17 pages or more, and a fresh instance costs what its memory costs.
    // Stack and data of the built-in plugin together fit the first page of 64 KiB, and what it needs for a hundred
    // policies the second; it gets by with 8 KiB of stack.
    stack_bytes: 24 * 1024,
    flags: &[],
};

const LANGUAGE: Recipe = Recipe {
    profile: "plugin-language",
    // Parsers and evaluators call themselves.
    stack_bytes: 256 * 1024,
    // A plugin has no randomness. Whoever asks for some gets an error, and not a build that fails.
    flags: &["--cfg=getrandom_backend=\"unsupported\""],
};

/// Why a plugin could not be built.
#[derive(Debug)]
#[non_exhaustive]
pub enum BuildError {
    /// Not run by a build script of this workspace.
    NotABuildScript(&'static str),
    /// The standard library of the guest's target is not installed.
    MissingTarget,
    /// The nested cargo could not be started.
    Start(std::io::Error),
    /// The nested cargo failed; carries what it wrote to its standard error.
    Cargo(String),
    /// The module is not where cargo should have put it.
    Read(PathBuf, std::io::Error),
    /// The module could not be wrapped as a component.
    Wrap(String),
}

impl std::fmt::Display for BuildError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotABuildScript(missing) => {
                write!(f, "plugins are built by build scripts alone: {missing}")
            }
            Self::MissingTarget => write!(
                f,
                "plugins are compiled to WebAssembly, and the target for it is not installed; run \
                 `rustup target add {TARGET}`"
            ),
            Self::Start(error) => write!(f, "cargo could not be started: {error}"),
            Self::Cargo(output) => write!(f, "building the plugin failed:\n{output}"),
            Self::Read(path, error) => {
                write!(f, "`{}` cannot be read: {error}", path.display())
            }
            Self::Wrap(why) => write!(f, "the plugin is not a valid component: {why}"),
        }
    }
}

impl std::error::Error for BuildError {}

/// Builds the workspace package `package` and returns it as a component.
///
/// Also tells the outer cargo what the build script depends on.
///
/// # Errors
/// Says what to do when the target is not installed, and otherwise what the nested cargo or the wrapping found wrong.
pub fn build(package: &str) -> Result<Vec<u8>, BuildError> {
    build_with(package, &PLUGIN)
}

/// Like [`build`], for a plugin that evaluates a language: it gets a larger stack, because parsers call themselves, and a
/// profile under which much code is compiled in bearable time.
///
/// # Errors
/// As [`build`].
pub fn build_language(package: &str) -> Result<Vec<u8>, BuildError> {
    build_with(package, &LANGUAGE)
}

fn build_with(package: &str, recipe: &Recipe) -> Result<Vec<u8>, BuildError> {
    let layout = Layout::from_build_script()?;
    announce_inputs(&layout, package)?;

    let output = cargo(&layout)
        .args([
            "rustc",
            "--package",
            package,
            "--lib",
            "--crate-type",
            "cdylib",
        ])
        .args([
            "--target",
            TARGET,
            "--profile",
            recipe.profile,
            "--locked",
            "--target-dir",
        ])
        .arg(&layout.guest_target)
        .env("CARGO_ENCODED_RUSTFLAGS", rustflags(&layout, recipe))
        .output()
        .map_err(BuildError::Start)?;
    if !output.status.success() {
        return Err(explain(&output));
    }

    let path = layout
        .guest_target
        .join(TARGET)
        .join(recipe.profile)
        .join(format!("{}.wasm", package.replace('-', "_")));
    let module = std::fs::read(&path).map_err(|error| BuildError::Read(path, error))?;
    wrap(&module)
}

/// Wraps a core module that carries its WIT (as `wit-bindgen` embeds it) as a component.
///
/// # Errors
/// When the module lacks the WIT, or does not fit it.
pub fn wrap(module: &[u8]) -> Result<Vec<u8>, BuildError> {
    let error = |error| BuildError::Wrap(format!("{error:#}"));
    wit_component::ComponentEncoder::default()
        .validate(true)
        .module(module)
        .map_err(error)?
        .encode()
        .map_err(error)
}

/// Puts the cases of a plugin into its component, from where the host takes and tries them at upload.
#[must_use]
pub fn with_cases(mut component: Vec<u8>, cases: &[u8]) -> Vec<u8> {
    const NAME: &[u8] = b"oneclaw:cases";
    let mut section = Vec::with_capacity(NAME.len() + cases.len() + 1);
    leb128(&mut section, NAME.len());
    section.extend_from_slice(NAME);
    section.extend_from_slice(cases);
    // A custom section has the number 0.
    component.push(0);
    leb128(&mut component, section.len());
    component.extend_from_slice(&section);
    component
}

/// The variable-length integers of WebAssembly.
fn leb128(out: &mut Vec<u8>, mut value: usize) {
    loop {
        let byte = value.to_le_bytes()[0] & 0x7f;
        value >>= 7;
        if value == 0 {
            out.push(byte);
            return;
        }
        out.push(byte | 0x80);
    }
}

fn cargo(layout: &Layout) -> Command {
    let mut command = Command::new(&layout.cargo);
    command.current_dir(&layout.workspace);
    environment::clean(&mut command);
    command
}

fn rustflags(layout: &Layout, recipe: &Recipe) -> OsString {
    let mut flags = OsString::from(format!("-Clink-arg=-zstack-size={}", recipe.stack_bytes));
    for flag in recipe.flags {
        flags.push("\u{1f}");
        flags.push(flag);
    }
    let remapped = [
        (Some(&layout.workspace), "/oneclaw"),
        (layout.cargo_home.as_ref(), "/cargo"),
    ];
    for (from, to) in remapped {
        if let Some(from) = from {
            // Panic messages name source files; they must not depend on where the tree or the registry lies.
            flags.push("\u{1f}--remap-path-prefix=");
            flags.push(from);
            flags.push("=");
            flags.push(to);
        }
    }
    flags
}

fn explain(output: &Output) -> BuildError {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    // E0463 for `core` or `std` is what rustc says when a target's standard library is absent.
    if text.contains("target may not be installed") {
        BuildError::MissingTarget
    } else {
        BuildError::Cargo(text)
    }
}

fn announce_inputs(layout: &Layout, package: &str) -> Result<(), BuildError> {
    let plugin = package_dir(layout, package)?;
    let shared = ["policy-sdk", "wit", "Cargo.toml", "Cargo.lock"];
    for path in shared
        .iter()
        .map(|name| layout.workspace.join(name))
        .chain([plugin])
    {
        if path.exists() {
            instruct("rerun-if-changed", &path);
        }
    }
    Ok(())
}

fn package_dir(layout: &Layout, package: &str) -> Result<PathBuf, BuildError> {
    let output = cargo(layout)
        .args(["pkgid", "--offline", "--locked", "--package", package])
        .output()
        .map_err(BuildError::Start)?;
    let text = String::from_utf8_lossy(&output.stdout);
    // For example `path+file:///src/oneclaw/plugins/access-policy#oneclaw-access-policy@0.1.0`.
    let dir = text
        .trim()
        .strip_prefix("path+file://")
        .and_then(|rest| rest.split('#').next());
    match dir {
        Some(dir) if output.status.success() => Ok(Path::new(dir).to_owned()),
        _ => Err(explain(&output)),
    }
}

#[expect(
    clippy::print_stdout,
    reason = "this is how a build script speaks to cargo"
)]
fn instruct(what: &str, path: &Path) {
    println!("cargo:{what}={}", path.display());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    fn failed(stderr: &str) -> BuildError {
        use std::os::unix::process::ExitStatusExt;
        explain(&Output {
            status: std::process::ExitStatus::from_raw(256),
            stdout: Vec::new(),
            stderr: stderr.as_bytes().to_vec(),
        })
    }

    #[cfg(unix)]
    #[test]
    fn a_missing_target_is_answered_with_the_command_that_installs_it() {
        let error = failed(
            "error[E0463]: can't find crate for `core`\n  = note: the `wasm32-unknown-unknown` target may not be \
             installed",
        );
        assert!(
            error
                .to_string()
                .contains("rustup target add wasm32-unknown-unknown"),
            "{error}"
        );
        assert!(matches!(
            failed("error: no such package"),
            BuildError::Cargo(_)
        ));
    }

    #[test]
    fn lengths_are_written_seven_bits_at_a_time() {
        for (value, bytes) in [
            (0, &[0][..]),
            (127, &[127]),
            (128, &[128, 1]),
            (300, &[172, 2]),
        ] {
            let mut out = Vec::new();
            leb128(&mut out, value);
            assert_eq!(out, bytes, "{value}");
        }
    }

    #[test]
    fn bytes_that_are_no_module_are_not_wrapped() {
        assert!(matches!(wrap(b"not wasm"), Err(BuildError::Wrap(_))));
    }
}
