//! The scopes of an agent: a ceiling on the paths within its reach.

use oneclaw_core::glob::{self, PathGlob};
use oneclaw_core::path::SecretPath;

/// Whether a scope is a path glob rather than a capability word such as `vaults:read`.
pub fn is_path_scope(scope: &str) -> bool {
    scope
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'/' | b'*'))
}

/// Whether one of the scopes reaches the path.
pub(super) fn scopes_reach(scopes: &[String], path: &SecretPath) -> bool {
    scopes
        .iter()
        .filter(|scope| is_path_scope(scope))
        .any(|scope| {
            // A lone `*` as a scope means everything, unlike in a policy.
            scope == "*"
                || scope == "**"
                || (glob::check(scope).is_ok()
                    && PathGlob::new(scope).is_ok_and(|g| g.matches(path.as_str())))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(scopes: &[&str], path: &str) -> bool {
        let scopes: Vec<String> = scopes.iter().map(|s| (*s).to_owned()).collect();
        scopes_reach(&scopes, &path.parse().unwrap())
    }

    #[test]
    fn no_scope_reaches_nothing_and_capability_words_do_not_count() {
        assert!(!reach(&[], "a"));
        assert!(!reach(&["vaults:read", "vault.read"], "a"));
        assert!(reach(&["vaults:read", "a/**"], "a/b"));
        assert!(!reach(&["a/**"], "ab/c"));
        assert!(reach(&["*"], "a/b/c"));
        assert!(reach(&["**"], "a/b/c"));
        assert!(!reach(&["a/*"], "a/b/c"));
    }
}
