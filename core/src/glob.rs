//! Path globs, as written in policies and in the path scopes of agents.
//!
//! `*` stands for exactly one segment, `**` for zero or more; inside a segment (`web-*`) a `*` stands for any run of
//! characters other than `/`. Matching is case-sensitive and per segment, so `api-keys/**` matches `api-keys` and
//! `api-keys/a/b` but never `api-keys2/x`.

use std::fmt;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::path::excerpt;

/// Longest accepted pattern, in bytes.
pub const MAX_PATTERN_BYTES: usize = 512;

/// Most segments in a pattern, and so a bound on the work of one match.
pub const MAX_PATTERN_SEGMENTS: usize = 32;

/// Most `**` segments in one pattern.
pub const MAX_DOUBLE_STARS: usize = 4;

/// A checked pattern, ready to match.
#[derive(Clone)]
pub struct PathGlob {
    pattern: String,
    set: GlobSet,
}

/// Why a string is not a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseGlobError {
    /// Nothing at all.
    #[error("the pattern is empty")]
    Empty,
    /// Longer than [`MAX_PATTERN_BYTES`] or with more than [`MAX_PATTERN_SEGMENTS`] segments.
    #[error(
        "the pattern is too long: at most {MAX_PATTERN_BYTES} bytes, {MAX_PATTERN_SEGMENTS} segments and {MAX_DOUBLE_STARS} `**`"
    )]
    TooLong,
    /// `a//b`, a leading or a trailing slash.
    #[error("pattern `{0}` has an empty segment")]
    EmptySegment(String),
    /// A character outside the alphabet.
    #[error("pattern `{0}` has a character that is not a letter, digit, `_`, `-`, `/` or `*`")]
    Character(String),
    /// `a**` or `***`.
    #[error("pattern `{0}`: `**` must be a whole segment")]
    DoubleStar(String),
}

/// Checks the syntax of a pattern without building a matcher.
///
/// # Errors
/// Says what is wrong with it.
pub fn check(pattern: &str) -> Result<(), ParseGlobError> {
    if pattern.is_empty() {
        return Err(ParseGlobError::Empty);
    }
    let segments = pattern.split('/');
    if pattern.len() > MAX_PATTERN_BYTES
        || segments.clone().count() > MAX_PATTERN_SEGMENTS
        || segments.clone().filter(|s| *s == "**").count() > MAX_DOUBLE_STARS
    {
        return Err(ParseGlobError::TooLong);
    }
    if !pattern
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'/' | b'*'))
    {
        return Err(ParseGlobError::Character(excerpt(pattern)));
    }
    for segment in segments {
        if segment.is_empty() {
            return Err(ParseGlobError::EmptySegment(excerpt(pattern)));
        }
        if segment != "**" && segment.contains("**") {
            return Err(ParseGlobError::DoubleStar(excerpt(pattern)));
        }
    }
    Ok(())
}

impl PathGlob {
    /// Parses a pattern.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn new(pattern: &str) -> Result<Self, ParseGlobError> {
        check(pattern)?;
        let mut set = GlobSetBuilder::new();
        // globset's `a/**` wants at least one segment after `a/`; ours also matches `a` itself, as does `a/**/**`.
        for text in std::iter::successors(Some(pattern), |text| text.strip_suffix("/**")) {
            let glob = GlobBuilder::new(text)
                .literal_separator(true)
                .backslash_escape(false)
                .build()
                .map_err(|_| ParseGlobError::Character(excerpt(pattern)))?;
            set.add(glob);
        }
        let set = set
            .build()
            .map_err(|_| ParseGlobError::Character(excerpt(pattern)))?;
        Ok(Self {
            pattern: pattern.to_owned(),
            set,
        })
    }

    /// Whether the whole path matches.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        self.set.is_match(path)
    }

    /// The pattern as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.pattern
    }
}

impl fmt::Debug for PathGlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PathGlob({})", self.pattern)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_matches(pattern: &str, matching: &[&str], other: &[&str]) {
        let glob = PathGlob::new(pattern).unwrap();
        for path in matching {
            assert!(glob.matches(path), "{pattern} should match {path}");
        }
        for path in other {
            assert!(!glob.matches(path), "{pattern} should not match {path}");
        }
    }

    #[test]
    fn the_table_of_the_contract_holds() {
        check_matches("**", &["a", "a/b", "a/b/c"], &[]);
        check_matches(
            "api-keys/*",
            &["api-keys/openai"],
            &["api-keys", "api-keys/a/b"],
        );
        check_matches(
            "api-keys/**",
            &["api-keys", "api-keys/openai", "api-keys/a/b"],
            &["api-keys2/x", "x/api-keys"],
        );
        check_matches(
            "env/production/*",
            &["env/production/db"],
            &["env/production/a/b", "env/staging/db"],
        );
        check_matches("*", &["OPENAI_KEY"], &["a/b"]);
        check_matches("**/db", &["db", "x/y/db"], &["x/db/y"]);
        check_matches(
            "a/**/b",
            &["a/b", "a/x/b", "a/x/y/b"],
            &["a", "ab", "a/b/c"],
        );
        check_matches("web-*/x", &["web-1/x", "web-/x"], &["web-1/y/x", "web/x"]);
        check_matches("a/**/b/**", &["a/b", "a/x/b/c"], &["a/x"]);
        check_matches("a*/**/**", &["ab", "a/x", "a/x/y"], &["b/a"]);
    }

    #[test]
    fn malformed_patterns_are_refused() {
        for bad in [
            "", "/a", "a/", "a//b", "a.b", "a?", "{x}", "a**", "***", "ä", "[a]", "!a",
        ] {
            assert!(PathGlob::new(bad).is_err(), "{bad}");
        }
        assert!(PathGlob::new(&"a/".repeat(40)).is_err());
        assert!(PathGlob::new("**/a/**/b/**/c/**/d/**").is_err());
    }

    /// The plainest matcher one can write, to compare with.
    fn naive(pattern: &[&str], path: &[&str]) -> bool {
        fn segment(p: &[u8], s: &[u8]) -> bool {
            match p.split_first() {
                None => s.is_empty(),
                Some((b'*', rest)) => (0..=s.len()).any(|i| segment(rest, &s[i..])),
                Some((c, rest)) => s
                    .split_first()
                    .is_some_and(|(d, s)| c == d && segment(rest, s)),
            }
        }
        match pattern.split_first() {
            None => path.is_empty(),
            Some((&"**", rest)) => (0..=path.len()).any(|i| naive(rest, &path[i..])),
            // A lone `*` needs a segment; segments are never empty.
            Some((p, rest)) => path
                .split_first()
                .is_some_and(|(s, path)| segment(p.as_bytes(), s.as_bytes()) && naive(rest, path)),
        }
    }

    proptest::proptest! {
        #[test]
        fn matching_agrees_with_a_naive_model(
            pattern in "(\\*\\*|\\*|a|b|a\\*|\\*b)(/(\\*\\*|\\*|a|b|a\\*|\\*b)){0,4}",
            path in "(a|b|ab|abb)(/(a|b|ab|abb)){0,5}",
        ) {
            if let Ok(glob) = PathGlob::new(&pattern) {
                let expected = naive(
                    &pattern.split('/').collect::<Vec<_>>(),
                    &path.split('/').collect::<Vec<_>>(),
                );
                proptest::prop_assert_eq!(glob.matches(&path), expected, "{} on {}", pattern, path);
            }
        }
    }
}
