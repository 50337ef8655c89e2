//! Compiles the examples from their sources, and puts the cases of each into its component.

use std::error::Error;
use std::path::PathBuf;

use oneclaw_guest_build::{build, build_language, with_cases};

/// Directories of the examples; whether one evaluates a language.
const EXAMPLES: [(&str, bool); 9] = [
    ("../template", false),
    ("change-freeze", false),
    ("office-hours", false),
    ("dollar-budget", false),
    ("velocity", false),
    ("first-recipient", false),
    ("origin-lists", false),
    ("cedar-adapter", true),
    ("rego-adapter", true),
];

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo names no OUT_DIR")?);
    let here = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").ok_or("no manifest")?);
    for (dir, is_language) in EXAMPLES {
        let name = dir.trim_start_matches("../");
        let package = match name {
            "template" => "oneclaw-plugin-template".to_owned(),
            name => format!("oneclaw-{name}"),
        };
        let component = if is_language {
            build_language(&package)?
        } else {
            build(&package)?
        };
        let cases = std::fs::read(here.join(dir).join("cases.json"))?;
        let file = out.join(format!("{name}.wasm"));
        std::fs::write(file, with_cases(component, &cases))?;
    }
    Ok(())
}
