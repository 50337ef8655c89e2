//! The environment of the nested cargo.

use std::process::Command;

/// Variables that the outer cargo, clippy, coverage tools or a user set for the outer build, and which would either
/// change what the guest becomes or make the nested cargo wait for the outer one.
const REMOVED: [&str; 17] = [
    "RUSTFLAGS",
    "RUSTDOCFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_TARGET_DIR",
    "CARGO_BUILD_TARGET_DIR",
    "CARGO_BUILD_BUILD_DIR",
    "CARGO_BUILD_RUSTFLAGS",
    "RUSTC",
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTDOC",
    "CLIPPY_ARGS",
    "CLIPPY_CONF_DIR",
    "CARGO_MAKEFLAGS",
    "MAKEFLAGS",
    "LLVM_PROFILE_FILE",
];

/// Families of variables that override profiles or the settings of a target.
const REMOVED_PREFIXES: [&str; 2] = ["CARGO_PROFILE_", "CARGO_TARGET_"];

pub(crate) fn clean(command: &mut Command) {
    for name in REMOVED {
        command.env_remove(name);
    }
    for (name, _) in std::env::vars_os() {
        let overrides = name
            .to_str()
            .is_some_and(|name| REMOVED_PREFIXES.iter().any(|p| name.starts_with(p)));
        if overrides {
            command.env_remove(name);
        }
    }
    command.env("CARGO_INCREMENTAL", "0");
    command.env("CARGO_TERM_COLOR", "never");
}
