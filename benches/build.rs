//! Compiles the guest that scans its policies instead of indexing them.

use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    // The guest is the built-in plugin but for one function, so it changes with it.
    println!("cargo:rerun-if-changed=../plugins/access-policy");
    let out_dir = std::env::var_os("OUT_DIR").ok_or("cargo names no OUT_DIR")?;
    let component = oneclaw_guest_build::build("oneclaw-access-scan")?;
    std::fs::write(PathBuf::from(out_dir).join("access_scan.wasm"), component)?;
    Ok(())
}
