//! What stands nowhere in the code that ships.

use crate::findings::{self, Finding};
use crate::source::product;

/// Lines of a file outside tests, from which on it is split.
const MAX_LINES: usize = 500;

const PANICS: &[&str] = &[
    ".unwrap()",
    ".expect(",
    ".unwrap_err()",
    ".expect_err(",
    "panic!",
    "todo!",
    "unimplemented!",
    "unreachable!",
];

const PRINTS: &[&str] = &["print!", "println!", "eprint!", "eprintln!", "dbg!"];

/// Files that speak to a person or to cargo rather than to the log; so do build scripts.
const MAY_PRINT: &[&str] = &["server/src/main.rs", "guest-build/src/lib.rs"];

#[test]
fn nothing_that_ships_panics_on_purpose() {
    let mut found = Vec::new();
    for source in product() {
        for token in PANICS {
            for line in source.lines_naming(token) {
                found.push(Finding {
                    place: format!("{}:{line}", source.path),
                    what: format!("`{token}` outside tests; return an error, or write the code so that there is no such case"),
                });
            }
        }
    }
    findings::none(&found);
}

#[test]
fn nothing_that_ships_prints() {
    let mut found = Vec::new();
    for source in product() {
        if MAY_PRINT.contains(&source.path.as_str()) || source.path.ends_with("/build.rs") {
            continue;
        }
        for token in PRINTS {
            for line in source.lines_naming(token) {
                found.push(Finding {
                    place: format!("{}:{line}", source.path),
                    what: format!("`{token}`; use tracing, which goes to the log with its level"),
                });
            }
        }
    }
    findings::none(&found);
}

#[test]
fn no_lint_is_silenced_without_a_reason() {
    let mut found = Vec::new();
    for source in product() {
        for token in ["#[allow(", "#![allow("] {
            for line in source.lines_naming(token) {
                found.push(Finding {
                    place: format!("{}:{line}", source.path),
                    what: format!("`{token}`; write `#[expect(lint, reason = \"…\")]`, which fails once it is not needed any more"),
                });
            }
        }
    }
    findings::none(&found);
}

#[test]
fn unsafe_code_stands_in_four_files_of_the_policy_host() {
    /// Loading machine code that was compiled before; calling a function whose type was checked when the plugin was
    /// loaded; asking the system for the processor time of a thread; lowering the priority of one.
    const PLACES: [&str; 4] = [
        "policy-host/src/artefacts.rs",
        "policy-host/src/ready.rs",
        "policy-host/src/deadline.rs",
        "policy-host/src/priority.rs",
    ];
    let mut found = Vec::new();
    for source in product() {
        if PLACES.contains(&source.path.as_str()) {
            continue;
        }
        for line in source.lines_naming("unsafe") {
            found.push(Finding {
                place: format!("{}:{line}", source.path),
                what: format!("`unsafe`; the places for it are {}", PLACES.join(", ")),
            });
        }
    }
    findings::none(&found);
}

#[test]
fn no_work_is_left_in_a_comment() {
    let mut found = Vec::new();
    for source in product() {
        for (index, line) in source.raw.lines().enumerate() {
            if ["TODO", "FIXME", "XXX"]
                .iter()
                .any(|word| line.contains(word))
            {
                found.push(Finding {
                    place: format!("{}:{}", source.path, index + 1),
                    what: "do it, or open an issue; a note in the code is read by nobody"
                        .to_owned(),
                });
            }
        }
    }
    findings::none(&found);
}

#[test]
fn no_file_is_longer_than_a_reader_is_patient() {
    let mut found = Vec::new();
    for source in product() {
        let lines = source.code.len();
        if lines > MAX_LINES {
            found.push(Finding {
                place: source.path.clone(),
                what: format!(
                    "{lines} lines without tests; split it by what it does, below {MAX_LINES}"
                ),
            });
        }
    }
    findings::none(&found);
}
