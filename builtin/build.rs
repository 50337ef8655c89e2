//! Compiles the built-in plugins from their sources.

use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let out_dir = std::env::var_os("OUT_DIR").ok_or("cargo names no OUT_DIR")?;
    let component = oneclaw_guest_build::build("oneclaw-access-policy")?;
    std::fs::write(PathBuf::from(out_dir).join("access_policy.wasm"), component)?;
    Ok(())
}
