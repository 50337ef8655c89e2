//! Plugins in Rust: cargo compiles, this wraps the module as a component and puts the cases into it.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::build::{run, tool};
use super::local;
use crate::client::text;
use crate::failure::Failure;

const TARGET: &str = "wasm32-unknown-unknown";
/// Longest file of cases; the server takes 512 KiB.
const MOST_CASE_BYTES: u64 = 512 * 1024;

/// KiB of stack of a component. Parsers need more.
const STACK_KIB: u32 = 24;

/// Makes the component of a package, and says where it is.
pub fn build(dir: &Path, stack_kib: Option<u32>) -> Result<PathBuf, Failure> {
    let package = Package::of(dir)?;
    let stack_bytes = stack_kib.unwrap_or(STACK_KIB) * 1024;
    run(
        tool("cargo", dir)
            .args(["rustc", "--lib", "--crate-type", "cdylib", "--release"])
            .args(["--target", TARGET, "--package", &package.name])
            .env("CARGO_ENCODED_RUSTFLAGS", flags(dir, stack_bytes)?),
        &format!(
            "if cargo misses the target, run `rustup target add {TARGET}`; for cargo itself see https://rustup.rs"
        ),
    )?;
    let module = package
        .target
        .join(TARGET)
        .join("release")
        .join(format!("{}.wasm", package.library.replace('-', "_")));
    let module = std::fs::read(&module).map_err(|error| Failure::file(&module, &error))?;
    let mut component =
        oneclaw_guest_build::wrap(&module).map_err(|error| Failure::local(error.to_string()))?;
    let cases = dir.join("cases.json");
    if cases.exists() {
        let cases = local::read(&cases, MOST_CASE_BYTES)?;
        oneclaw_policy_host::parse_cases(&cases)
            .map_err(|error| Failure::local(format!("cases.json: {error}")))?;
        component = oneclaw_guest_build::with_cases(component, &cases);
    }
    let file = dir.join(format!("{}.wasm", package.name));
    std::fs::write(&file, &component).map_err(|error| Failure::file(&file, &error))?;
    Ok(file)
}

/// What cargo says of the package in a directory.
struct Package {
    name: String,
    library: String,
    target: PathBuf,
}

impl Package {
    fn of(dir: &Path) -> Result<Self, Failure> {
        let manifest = dir.join("Cargo.toml");
        let manifest = manifest
            .canonicalize()
            .map_err(|error| Failure::file(&manifest, &error))?;
        let output = tool("cargo", dir)
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .output()
            .map_err(not_started)?;
        if !output.status.success() {
            let words = String::from_utf8_lossy(&output.stderr);
            return Err(Failure::local(words.trim().to_owned()));
        }
        let metadata: Value = serde_json::from_slice(&output.stdout)
            .map_err(|error| Failure::local(format!("cargo metadata: {error}")))?;
        let packages = metadata.get("packages").and_then(Value::as_array);
        let package = packages
            .into_iter()
            .flatten()
            .find(|package| Path::new(text(package, "manifest_path")) == manifest)
            .ok_or_else(|| Failure::local("this directory is no package of cargo's"))?;
        let targets = package.get("targets").and_then(Value::as_array);
        let library = targets
            .into_iter()
            .flatten()
            .find(|target| {
                let kinds = target.get("kind").and_then(Value::as_array);
                kinds
                    .into_iter()
                    .flatten()
                    .any(|kind| matches!(kind.as_str(), Some("lib" | "rlib" | "cdylib")))
            })
            .ok_or_else(|| Failure::local("the package has no library"))?;
        Ok(Self {
            name: text(package, "name").to_owned(),
            library: text(library, "name").to_owned(),
            target: PathBuf::from(text(&metadata, "target_directory")),
        })
    }
}

/// Panics name source files: where the tree lies must not make a difference to the digest. What asks for randomness gets an
/// error, and not a build that fails: a plugin has none.
fn flags(dir: &Path, stack_bytes: u32) -> Result<String, Failure> {
    let here = dir
        .canonicalize()
        .map_err(|error| Failure::file(dir, &error))?;
    let separator = '\u{1f}';
    Ok(format!(
        "-Clink-arg=-zstack-size={stack_bytes}{separator}--cfg=getrandom_backend=\"unsupported\"{separator}--remap-path-prefix={}=/plugin",
        here.display()
    ))
}

fn not_started(error: std::io::Error) -> Failure {
    Failure::hinted(
        format!("cargo cannot be started: {error}"),
        "install Rust, see https://rustup.rs",
    )
}
