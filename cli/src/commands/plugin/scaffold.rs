//! `plugin new`: the template that refuses, with the SDK beside it, so that nothing has to be found elsewhere.

use std::path::Path;

use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;

/// Files of the SDK and of the contract, by their place below `vendor/`.
static VENDORED: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/vendored.rs"));

const LIB: &str = include_str!("../../../../plugins/template/src/lib.rs");
const SCHEMA: &str = include_str!("../../../../plugins/template/src/settings.schema.json");
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

A plugin for oneclaw. `src/lib.rs` decides, `src/settings.schema.json` describes its settings, `cases.json` says what it should
answer.

```sh
1claw plugin build              # NAME.wasm
1claw plugin test NAME.wasm     # the cases, in the cage of the server
cargo test                      # unit tests on this machine, if you write some
1claw plugin push NAME.wasm
1claw plugin attach NAME 0.1.0 --settings '{\"below\": \"prod\"}'
```

`vendor/` holds the SDK and the contract with the server as they were when this was made.
";

pub fn new(context: &Context, name: &str, dir: &Path) -> Result<(), Failure> {
    if !is_name(name) {
        return Err(Failure::Usage(format!(
            "`{name}` is no name for a plugin; use lower-case words joined by hyphens, such as `office-door`, 2 to 64 characters"
        )));
    }
    let root = dir.join(name);
    // Fails if it exists: nothing of somebody's is written over.
    std::fs::create_dir(&root).map_err(|error| Failure::file(&root, &error))?;
    let named = |text: &str| text.replace("NAME", name);
    write(&root, "Cargo.toml", &named(MANIFEST))?;
    write(&root, "README.md", &named(README))?;
    write(&root, ".gitignore", "target/\n*.wasm\n")?;
    write(&root, "src/lib.rs", &own(LIB, name))?;
    write(&root, "src/settings.schema.json", SCHEMA)?;
    write(&root, "cases.json", &own(CASES, name))?;
    for (file, text) in VENDORED {
        write(&root.join("vendor"), file, text)?;
    }
    context.output.done(
        &format!(
            "{} made; next: cd {name} && 1claw plugin build && 1claw plugin test {name}.wasm",
            root.display()
        ),
        &json!({ "directory": root.display().to_string() }),
    )
}

/// The template under another name.
fn own(text: &str, name: &str) -> String {
    text.replace("\"template\"", &format!("\"{name}\""))
        .replace("template/", &format!("{name}/"))
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
