//! `plugin new`: the template that refuses, in one of three languages, with what it is built from beside it, so that
//! nothing of this repository has to be found elsewhere.

use std::path::Path;

use clap::ValueEnum;
use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;

/// Files of the SDK and of the contract, by their place below `vendor/`.
static VENDORED: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/vendored.rs"));

const SCHEMA: &str = include_str!("../../../../plugins/template/src/settings.schema.json");
const CASES: &str = include_str!("../../../../plugins/template/cases.json");

/// Files of a plugin in Rust, beside those that every plugin has.
const RUST: &[(&str, &str)] = &[(
    "src/lib.rs",
    include_str!("../../../../plugins/template/src/lib.rs"),
)];
/// Files of a plugin in JavaScript.
const JAVASCRIPT: &[(&str, &str)] = &[
    (
        "plugin.js",
        include_str!("../../../../plugins/template/javascript/plugin.js"),
    ),
    (
        "package.json",
        include_str!("../../../../plugins/template/javascript/package.json"),
    ),
    (
        "build.js",
        include_str!("../../../../plugins/other-languages/javascript/build.js"),
    ),
];
/// Files of a plugin in Python.
const PYTHON: &[(&str, &str)] = &[
    (
        "plugin.py",
        include_str!("../../../../plugins/template/python/plugin.py"),
    ),
    (
        "plugin.env",
        include_str!("../../../../plugins/template/python/plugin.env"),
    ),
    (
        "build.sh",
        include_str!("../../../../plugins/other-languages/python/build.sh"),
    ),
    (
        "requirements.txt",
        include_str!("../../../../plugins/other-languages/python/requirements.txt"),
    ),
];

/// An interpreter is larger than what a server takes by default, and so is its memory.
const ROOM: &str = " --component-mib 32 --memory-mib 64 --configure-fuel 4000000000";

/// What a plugin is written in.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Language {
    Rust,
    #[value(alias = "js")]
    Javascript,
    #[value(alias = "py")]
    Python,
}

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
BUILD
1claw plugin test NAME.wasmROOM     # the cases, in the cage of the server
1claw plugin push NAME.wasm
1claw plugin attach NAME 0.1.0 --settings '{\"below\": \"prod\"}'
```

VENDOR
";

impl Language {
    /// The file that decides, and the one that describes the settings.
    const fn files(self) -> (&'static str, &'static str) {
        match self {
            Self::Rust => ("src/lib.rs", "src/settings.schema.json"),
            Self::Javascript => ("plugin.js", "settings.schema.json"),
            Self::Python => ("plugin.py", "settings.schema.json"),
        }
    }

    /// Commands that make the component.
    const fn build(self) -> &'static [&'static str] {
        match self {
            Self::Rust => &["1claw plugin build"],
            Self::Javascript => &["npm install", "npm run build"],
            Self::Python => &[
                "python3 -m venv .venv && . .venv/bin/activate",
                "pip install -r requirements.txt",
                "sh build.sh",
            ],
        }
    }

    const fn room(self) -> &'static str {
        match self {
            Self::Rust => "",
            Self::Javascript | Self::Python => ROOM,
        }
    }

    const fn vendor(self) -> &'static str {
        match self {
            Self::Rust => {
                "`cargo test` runs unit tests, if you write some. `vendor/` holds the SDK and the contract with the server as they were when\nthis was made."
            }
            Self::Javascript | Self::Python => {
                "`vendor/` holds the contract with the server as it was when this was made. A server takes a component of this size if\nit is told to: see the guide on other languages."
            }
        }
    }

    const fn ignored(self) -> &'static str {
        match self {
            Self::Rust => "target/\n*.wasm\n",
            Self::Javascript => "node_modules/\nbuild/\n*.wasm\n",
            Self::Python => ".venv/\n__pycache__/\nbuild/\n*.wasm\n",
        }
    }

    /// Whether a file below `vendor/` is for plugins in this language.
    fn vendors(self, file: &str) -> bool {
        self == Self::Rust || !file.starts_with("policy-sdk/")
    }
}

pub fn new(context: &Context, name: &str, language: Language, dir: &Path) -> Result<(), Failure> {
    if !is_name(name) {
        return Err(Failure::Usage(format!(
            "`{name}` is no name for a plugin; use lower-case words joined by hyphens, such as `office-door`, 2 to 64 characters"
        )));
    }
    let root = dir.join(name);
    // Fails if it exists: nothing of somebody's is written over.
    std::fs::create_dir(&root).map_err(|error| Failure::file(&root, &error))?;
    let (source, schema) = language.files();
    let readme = README
        .replace("NAME", name)
        .replace("SOURCE", source)
        .replace("SCHEMA", schema)
        .replace("BUILD", &language.build().join("\n"))
        .replace("ROOM", language.room())
        .replace("VENDOR", language.vendor());
    write(&root, "README.md", &readme)?;
    write(&root, ".gitignore", language.ignored())?;
    write(&root, schema, SCHEMA)?;
    write(&root, "cases.json", &own(CASES, name))?;
    let files = match language {
        Language::Rust => {
            write(&root, "Cargo.toml", &MANIFEST.replace("NAME", name))?;
            RUST
        }
        Language::Javascript => JAVASCRIPT,
        Language::Python => PYTHON,
    };
    for (file, text) in files {
        write(&root, file, &own(text, name))?;
    }
    for (file, text) in VENDORED.iter().filter(|(file, _)| language.vendors(file)) {
        write(&root.join("vendor"), file, text)?;
    }
    context.output.done(
        &format!(
            "{} made; next: cd {name} && {} && 1claw plugin test {name}.wasm{}",
            root.display(),
            language.build().join(" && "),
            language.room(),
        ),
        &json!({ "directory": root.display().to_string() }),
    )
}

/// The template under another name.
fn own(text: &str, name: &str) -> String {
    text.replace("\"template\"", &format!("\"{name}\""))
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
