//! What a plugin can be written in, and what is there for each language.

use std::path::Path;

use clap::ValueEnum;

/// What a plugin is written in.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Language {
    Rust,
    #[value(alias = "js")]
    Javascript,
    #[value(alias = "py")]
    Python,
}

/// A file of a plugin: its place, and what it says.
type File = (&'static str, &'static str);

/// A file of this repository, for a plugin.
macro_rules! file {
    ($place:literal, $source:literal) => {
        (
            $place,
            include_str!(concat!("../../../../plugins/", $source)),
        )
    };
}

const RUST: &[File] = &[
    file!("src/lib.rs", "template/src/lib.rs"),
    file!(
        "src/settings.schema.json",
        "template/src/settings.schema.json"
    ),
];
const JAVASCRIPT: &[File] = &[
    file!("plugin.js", "template/javascript/plugin.js"),
    file!("settings.schema.json", "template/src/settings.schema.json"),
    file!("package.json", "template/javascript/package.json"),
    file!(
        "package-lock.json",
        "other-languages/javascript/package-lock.json"
    ),
    file!("build.js", "other-languages/javascript/build.js"),
];
const PYTHON: &[File] = &[
    file!("plugin.py", "template/python/plugin.py"),
    file!("settings.schema.json", "template/src/settings.schema.json"),
    file!("plugin.env", "template/python/plugin.env"),
    file!("build.sh", "other-languages/python/build.sh"),
    file!(
        "requirements.txt",
        "other-languages/python/requirements.txt"
    ),
];

/// An interpreter is larger than what a server takes by default, and so is its memory.
const ROOM: &str = " --component-mib 32 --memory-mib 64 --configure-fuel 4000000000";

impl Language {
    /// What the plugin in a directory is written in, by what it is built with.
    pub fn of(dir: &Path) -> Option<Self> {
        let by_marker = [
            ("Cargo.toml", Self::Rust),
            ("package.json", Self::Javascript),
            ("plugin.env", Self::Python),
        ];
        by_marker
            .into_iter()
            .find(|(marker, _)| dir.join(marker).exists())
            .map(|(_, language)| language)
    }

    /// The file that decides.
    pub const fn source(self) -> &'static str {
        match self {
            Self::Rust => "src/lib.rs",
            Self::Javascript => "plugin.js",
            Self::Python => "plugin.py",
        }
    }

    /// The file that describes the settings.
    pub const fn schema(self) -> &'static str {
        match self {
            Self::Rust => "src/settings.schema.json",
            Self::Javascript | Self::Python => "settings.schema.json",
        }
    }

    /// What a new plugin is made of, beside what all of them have.
    pub const fn files(self) -> &'static [File] {
        match self {
            Self::Rust => RUST,
            Self::Javascript => JAVASCRIPT,
            Self::Python => PYTHON,
        }
    }

    /// Options that the local commands need for a component in this language.
    pub const fn room(self) -> &'static str {
        match self {
            Self::Rust => "",
            Self::Javascript | Self::Python => ROOM,
        }
    }

    /// What the README of a new plugin says of what lies beside it.
    pub const fn vendor(self) -> &'static str {
        match self {
            Self::Rust => {
                "`cargo test` runs unit tests, if you write some. `vendor/` holds the SDK and the contract with the server as they were when\nthis was made."
            }
            Self::Javascript | Self::Python => {
                "`vendor/` holds the contract with the server as it was when this was made. A server takes a component of this size if\nit is told to: see the guide on other languages."
            }
        }
    }

    /// What is made when it is built.
    pub const fn ignored(self) -> &'static str {
        match self {
            Self::Rust => "target/\n*.wasm\n",
            Self::Javascript => "node_modules/\nbuild/\n*.wasm\n",
            Self::Python => ".venv/\n__pycache__/\nbuild/\n*.wasm\n",
        }
    }

    /// Whether a file below `vendor/` is for plugins in this language.
    pub fn vendors(self, file: &str) -> bool {
        self == Self::Rust || !file.starts_with("policy-sdk/")
    }
}
