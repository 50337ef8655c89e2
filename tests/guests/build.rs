//! Builds the guests and leaves the components where `include_bytes!` finds them.

use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("`OUT_DIR` is not set")?);
    let hostile = oneclaw_guest_build::build("oneclaw-hostile-guest").map_err(|e| e.to_string())?;
    std::fs::write(out.join("hostile.wasm"), hostile)?;
    let both = oneclaw_guest_build::build("oneclaw-two-worlds-guest").map_err(|e| e.to_string())?;
    std::fs::write(out.join("two_worlds.wasm"), both)?;
    Ok(())
}
