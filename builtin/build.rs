//! Compiles the built-in plugins from their sources.

use std::error::Error;
use std::path::PathBuf;

/// Packages, and the files that hold their components.
const PLUGINS: [(&str, &str); 2] = [
    ("oneclaw-access-policy", "access_policy.wasm"),
    (
        "oneclaw-transaction-guardrails",
        "transaction_guardrails.wasm",
    ),
];

fn main() -> Result<(), Box<dyn Error>> {
    let out_dir = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo names no OUT_DIR")?);
    for (package, file) in PLUGINS {
        std::fs::write(out_dir.join(file), oneclaw_guest_build::build(package)?)?;
    }
    Ok(())
}
