//! Which crate may depend on which.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::findings::{self, Finding};
use crate::source::{names, root};

/// What each crate of the product may depend on, of this workspace. A new edge is a decision: it is entered here, and in
/// docs/decisions/0002-crates.md, in the change that makes it.
const EDGES: &[(&str, &[&str])] = &[
    ("oneclaw-core", &[]),
    ("oneclaw-guest-build", &[]),
    ("oneclaw-builtin", &["oneclaw-guest-build"]),
    ("oneclaw-policy-sdk", &[]),
    (
        "oneclaw-policy-testing",
        &["oneclaw-core", "oneclaw-policy-host", "oneclaw-policy-sdk"],
    ),
    ("oneclaw-access-policy", &["oneclaw-policy-sdk"]),
    ("oneclaw-plugin-template", &["oneclaw-policy-sdk"]),
    ("oneclaw-change-freeze", &["oneclaw-policy-sdk"]),
    ("oneclaw-office-hours", &["oneclaw-policy-sdk"]),
    ("oneclaw-dollar-budget", &["oneclaw-policy-sdk"]),
    ("oneclaw-velocity", &["oneclaw-policy-sdk"]),
    ("oneclaw-first-recipient", &["oneclaw-policy-sdk"]),
    ("oneclaw-origin-lists", &["oneclaw-policy-sdk"]),
    ("oneclaw-cedar-adapter", &["oneclaw-policy-sdk"]),
    ("oneclaw-rego-adapter", &["oneclaw-policy-sdk"]),
    ("oneclaw-policy-host", &["oneclaw-core"]),
    ("oneclaw-store", &["oneclaw-core"]),
    ("oneclaw-crypto", &["oneclaw-core", "oneclaw-policy-host"]),
    ("oneclaw-transaction-guardrails", &["oneclaw-policy-sdk"]),
    ("oneclaw-effects", &["oneclaw-core"]),
    (
        "oneclaw-signer",
        &["oneclaw-core", "oneclaw-policy-host", "oneclaw-crypto"],
    ),
    ("oneclaw-outbound", &[]),
    ("oneclaw-chain", &["oneclaw-core", "oneclaw-outbound"]),
    ("oneclaw-audit-proof", &[]),
    (
        "oneclaw-server",
        &[
            "oneclaw-core",
            "oneclaw-builtin",
            "oneclaw-policy-host",
            "oneclaw-store",
            "oneclaw-crypto",
            "oneclaw-effects",
            "oneclaw-signer",
            "oneclaw-chain",
            "oneclaw-outbound",
            "oneclaw-audit-proof",
        ],
    ),
    // The policy host is there for the commands of plugin authors alone: see modules.rs.
    (
        "oneclaw-cli",
        &[
            "oneclaw-core",
            "oneclaw-audit-proof",
            "oneclaw-policy-host",
            "oneclaw-guest-build",
        ],
    ),
];

/// Crates that serve tests and benches, and may depend on anything.
const SUPPORT: &[&str] = &[
    "oneclaw-tests",
    "oneclaw-test-guests",
    "oneclaw-hostile-guest",
    "oneclaw-two-worlds-guest",
    "oneclaw-benches",
    "oneclaw-access-scan",
    "oneclaw-plugin-examples",
];

/// Crates from outside that belong to one layer, with the crates of the product that may depend on them.
const OWNED: &[(&str, &[&str], &str)] = &[
    (
        "wasmtime",
        &["oneclaw-policy-host"],
        "the cage is built in one place",
    ),
    (
        "wasmtime-wizer",
        &["oneclaw-policy-host"],
        "the cage is built in one place",
    ),
    (
        "wasmparser",
        &["oneclaw-policy-host"],
        "components are checked in one place",
    ),
    (
        "wit-parser",
        &["oneclaw-policy-host"],
        "components are checked in one place",
    ),
    (
        "boon",
        &["oneclaw-policy-host"],
        "settings of plugins are checked in one place",
    ),
    (
        "sqlx",
        &["oneclaw-store"],
        "nothing else may know which database there is",
    ),
    ("axum", &["oneclaw-server"], "HTTP ends in the server"),
    ("tower", &["oneclaw-server"], "HTTP ends in the server"),
    ("tower-http", &["oneclaw-server"], "HTTP ends in the server"),
    ("hyper", &["oneclaw-server"], "HTTP ends in the server"),
    ("hyper-util", &["oneclaw-server"], "HTTP ends in the server"),
    ("http", &["oneclaw-server"], "HTTP ends in the server"),
    (
        "tokio",
        &[
            "oneclaw-store",
            "oneclaw-outbound",
            "oneclaw-chain",
            "oneclaw-server",
        ],
        "decisions and key material need no runtime",
    ),
    ("lettre", &["oneclaw-server"], "mails leave in one place"),
    (
        "aes-gcm",
        &["oneclaw-crypto"],
        "key material is handled in one crate",
    ),
    (
        "argon2",
        &["oneclaw-crypto"],
        "key material is handled in one crate",
    ),
    (
        "jsonwebtoken",
        &["oneclaw-crypto"],
        "key material is handled in one crate",
    ),
    (
        "ed25519-dalek",
        &["oneclaw-crypto", "oneclaw-audit-proof", "oneclaw-cli"],
        "key material is handled in one crate, and what it signed is verified by whoever has the public key",
    ),
    (
        "getrandom",
        &["oneclaw-crypto", "oneclaw-cli"],
        "randomness is drawn in one module",
    ),
    ("clap", &["oneclaw-cli"], "there is one command line"),
    (
        "ureq",
        &["oneclaw-cli"],
        "the command line needs no runtime to speak HTTP; everything else has one",
    ),
    (
        "comfy-table",
        &["oneclaw-cli"],
        "tables are for people at a terminal",
    ),
    (
        "indicatif",
        &["oneclaw-cli"],
        "progress is for people at a terminal",
    ),
    (
        "rpassword",
        &["oneclaw-cli"],
        "passwords are typed at a terminal",
    ),
];

/// Crates that may depend on these crates from outside and on no others.
const CLOSED: &[(&str, &[&str], &str)] = &[
    (
        "oneclaw-core",
        &[
            "serde",
            "serde_json",
            "uuid",
            "globset",
            "alloy",
            "ipnet",
            "thiserror",
            "zeroize",
            "utoipa",
        ],
        "words that everyone shares do no I/O and know no framework",
    ),
    (
        "oneclaw-policy-sdk",
        &["serde", "serde_json", "wit-bindgen"],
        "what is in the SDK is in every plugin",
    ),
    (
        "oneclaw-transaction-guardrails",
        &["serde", "serde_json"],
        "a plugin is what its request and settings say, and nothing else",
    ),
    (
        "oneclaw-effects",
        &["alloy", "serde_json", "thiserror"],
        "decoding does no I/O and needs no runtime",
    ),
    (
        "oneclaw-audit-proof",
        &[
            "serde",
            "serde_json",
            "serde_json_canonicalizer",
            "sha2",
            "ed25519-dalek",
            "base64",
            "hex",
            "thiserror",
        ],
        "verifying needs no secret, no network and no clock",
    ),
    (
        "oneclaw-access-policy",
        &["serde", "serde_json"],
        "a plugin is what its request and settings say, and nothing else",
    ),
];

struct Package {
    name: String,
    manifest: String,
    /// Normal and build dependencies.
    dependencies: BTreeSet<String>,
}

/// The members of the workspace, as cargo understands their manifests.
fn packages() -> Vec<Package> {
    let cargo = std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from);
    let output = Command::new(cargo)
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let root = format!("{}/", root().display());
    let package = |value: &Value| Package {
        name: value["name"].as_str().unwrap().to_owned(),
        manifest: value["manifest_path"]
            .as_str()
            .unwrap()
            .replacen(&root, "", 1),
        dependencies: value["dependencies"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|dependency| dependency["kind"] != "dev")
            .map(|dependency| dependency["name"].as_str().unwrap().to_owned())
            .collect(),
    };
    let packages: Vec<Package> = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(package)
        .collect();
    assert!(packages.len() >= EDGES.len());
    packages
}

impl Package {
    /// Where the manifest names a dependency.
    fn place(&self, dependency: &str) -> String {
        let text = std::fs::read_to_string(root().join(&self.manifest)).unwrap();
        let line = text
            .lines()
            .position(|line| names(line, dependency) && !line.starts_with("name"));
        match line {
            Some(index) => format!("{}:{}", self.manifest, index + 1),
            None => self.manifest.clone(),
        }
    }
}

fn is_support(package: &Package) -> bool {
    SUPPORT.contains(&package.name.as_str())
}

#[test]
fn crates_depend_on_each_other_only_as_decided() {
    let edges: BTreeMap<&str, &[&str]> = EDGES.iter().copied().collect();
    let mut found = Vec::new();
    for package in packages().iter().filter(|package| !is_support(package)) {
        let Some(allowed) = edges.get(package.name.as_str()) else {
            found.push(Finding {
                place: package.manifest.clone(),
                what: format!(
                    "`{}` is in no layer; enter it in EDGES of tests/tests/layering/crates.rs with what it may depend on",
                    package.name
                ),
            });
            continue;
        };
        for dependency in &package.dependencies {
            if dependency.starts_with("oneclaw-") && !allowed.contains(&dependency.as_str()) {
                found.push(Finding {
                    place: package.place(dependency),
                    what: format!(
                        "`{}` must not depend on `{dependency}`; move what is needed to a crate that both may use, or decide on the edge in docs/decisions/0002-crates.md",
                        package.name
                    ),
                });
            }
        }
    }
    findings::none(&found);
}

#[test]
fn crates_from_outside_stay_in_their_layer() {
    let mut found = Vec::new();
    for package in packages().iter().filter(|package| !is_support(package)) {
        for (name, owners, why) in OWNED {
            if package.dependencies.contains(*name) && !owners.contains(&package.name.as_str()) {
                found.push(Finding {
                    place: package.place(name),
                    what: format!(
                        "`{name}` belongs to {}, because {why}; go through its functions",
                        owners.join(" and ")
                    ),
                });
            }
        }
        for dependency in &package.dependencies {
            if dependency.contains("wasi") {
                found.push(Finding {
                    place: package.place(dependency),
                    what: format!(
                        "`{dependency}`: components import nothing, so nothing here may offer them WASI"
                    ),
                });
            }
        }
    }
    findings::none(&found);
}

#[test]
fn core_sdk_and_plugins_have_few_dependencies() {
    let packages = packages();
    let mut found = Vec::new();
    for (name, allowed, why) in CLOSED {
        let package = packages.iter().find(|package| package.name == *name);
        let package = package.unwrap_or_else(|| panic!("there is no crate `{name}` any more"));
        for dependency in &package.dependencies {
            if !dependency.starts_with("oneclaw-") && !allowed.contains(&dependency.as_str()) {
                found.push(Finding {
                    place: package.place(dependency),
                    what: format!("`{dependency}` does not belong in `{name}`: {why}"),
                });
            }
        }
    }
    findings::none(&found);
}
