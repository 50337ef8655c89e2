//! `plugin new`: the template that refuses, in one of three languages, with what it is built from beside it, so that
//! nothing of this repository has to be found elsewhere.

use std::path::Path;

use serde_json::json;

use super::language::Language;
use crate::context::Context;
use crate::failure::Failure;

/// Files of the SDK and of the contract, by their place below `vendor/`.
static VENDORED: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/vendored.rs"));

const CASES: &str = include_str!("../../../../plugins/template/cases.json");

const MANIFEST: &str = r#"[package]
name = "NAME"
version = "0.1.0"
edition = "2024"
publish = false

[workspace]

[dependencies]
oneclaw-policy-sdk = { path = "vendor/policy-sdk" }
serde = { version = "1", features = ["derive"] }

# The digest of the component follows from these.
[profile.release]
opt-level = 3
lto = "fat"
codegen-units = 1
panic = "abort"
strip = true
overflow-checks = true
"#;

const README: &str = "# NAME

A plugin for oneclaw. `SOURCE` decides, `SCHEMA` describes its settings, `cases.json` says what it should answer.

```sh
1claw plugin build
1claw plugin test NAME.wasmROOM     # the cases, in the cage of the server
1claw plugin push NAME.wasm
1claw plugin attach NAME 0.1.0 --settings '{\"below\": \"prod\"}'
```

VENDOR
";

pub fn new(context: &Context, name: &str, language: Language, dir: &Path) -> Result<(), Failure> {
    if !is_name(name) {
        return Err(Failure::Usage(format!(
            "`{name}` is no name for a plugin; use lower-case words joined by hyphens, such as `office-door`, 2 to 64 characters"
        )));
    }
    let root = dir.join(name);
    // Fails if it exists: nothing of somebody's is written over.
    std::fs::create_dir(&root).map_err(|error| Failure::file(&root, &error))?;
    let readme = README
        .replace("NAME", name)
        .replace("SOURCE", language.source())
        .replace("SCHEMA", language.schema())
        .replace("ROOM", language.room())
        .replace("VENDOR", language.vendor());
    write(&root, "README.md", &readme)?;
    write(&root, ".gitignore", language.ignored())?;
    write(&root, "cases.json", &own(CASES, name))?;
    if language == Language::Rust {
        write(&root, "Cargo.toml", &MANIFEST.replace("NAME", name))?;
    }
    for (file, text) in language.files() {
        write(&root, file, &own(text, name))?;
    }
    for (file, text) in VENDORED.iter().filter(|(file, _)| language.vendors(file)) {
        write(&root.join("vendor"), file, text)?;
    }
    context.output.done(
        &format!(
            "{} made; next: cd {name} && 1claw plugin build && 1claw plugin test {name}.wasm{}",
            root.display(),
            language.room(),
        ),
        &json!({ "directory": root.display().to_string() }),
    )
}

/// The template under another name.
fn own(text: &str, name: &str) -> String {
    // The lock is that of an example.
    text.replace("\"oneclaw-change-freeze\"", &format!("\"{name}\""))
        .replace("\"template\"", &format!("\"{name}\""))
        .replace("template/", &format!("{name}/"))
        .replace("template.wasm", &format!("{name}.wasm"))
}

/// As the server has it.
fn is_name(name: &str) -> bool {
    (2..=64).contains(&name.len())
        && name.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
        && !name.ends_with('-')
        && !name.contains("--")
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn write(root: &Path, file: &str, text: &str) -> Result<(), Failure> {
    let path = root.join(file);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(|error| Failure::file(parent, &error))?;
    }
    std::fs::write(&path, text).map_err(|error| Failure::file(&path, &error))
}
