//! What a rule has to say.

use std::fmt::Write as _;

/// One place where a rule is broken.
pub struct Finding {
    /// Path from the root of the workspace, and a line where there is one.
    pub place: String,
    /// What stands there, and what to do instead.
    pub what: String,
}

/// Fails if there are any, and shows them all.
#[track_caller]
pub fn none(findings: &[Finding]) {
    let mut text = String::new();
    for Finding { place, what } in findings {
        writeln!(text, "  {place}: {what}").unwrap();
    }
    assert!(findings.is_empty(), "\n{text}");
}
