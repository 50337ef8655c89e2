//! Secret paths, parsed once at the border.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest accepted path, in bytes.
pub const MAX_PATH_BYTES: usize = 512;

/// A well-formed path of a secret, for example `api-keys/openai`.
///
/// Letters, digits, `_`, `-` and `/`; begins and ends with a letter or digit; no empty segment; at most
/// [`MAX_PATH_BYTES`] bytes. There is therefore no `.`, no `..`, no NUL and nothing that needs escaping in a path.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(value_type = String))]
pub struct SecretPath(String);

/// Why a string is not a secret path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParsePathError {
    /// Nothing at all.
    #[error("the path is empty")]
    Empty,
    /// Longer than [`MAX_PATH_BYTES`].
    #[error("the path has {0} bytes; the limit is {MAX_PATH_BYTES}")]
    TooLong(usize),
    /// `a//b`.
    #[error("path `{0}` has an empty segment")]
    EmptySegment(String),
    /// `.` or `..` as a segment.
    #[error("path `{0}` has a `.` or `..` segment")]
    DotSegment(String),
    /// A character outside the alphabet.
    #[error("path `{0}` has a character that is not a letter, digit, `_`, `-` or `/`")]
    Character(String),
    /// Begins or ends with something other than a letter or digit.
    #[error("path `{0}` must begin and end with a letter or digit")]
    Edge(String),
}

/// The first 64 characters of user input, with control characters replaced, fit for an error message.
#[must_use]
pub fn excerpt(input: &str) -> String {
    input
        .chars()
        .take(64)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

impl SecretPath {
    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SecretPath {
    type Err = ParsePathError;

    fn from_str(input: &str) -> Result<Self, ParsePathError> {
        if input.is_empty() {
            return Err(ParsePathError::Empty);
        }
        if input.len() > MAX_PATH_BYTES {
            return Err(ParsePathError::TooLong(input.len()));
        }
        for segment in input.split('/') {
            match segment {
                "" => return Err(ParsePathError::EmptySegment(excerpt(input))),
                "." | ".." => return Err(ParsePathError::DotSegment(excerpt(input))),
                _ => {}
            }
        }
        let in_alphabet = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'/');
        if !input.bytes().all(in_alphabet) {
            return Err(ParsePathError::Character(excerpt(input)));
        }
        let edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphanumeric());
        if !edge(input.bytes().next()) || !edge(input.bytes().next_back()) {
            return Err(ParsePathError::Edge(excerpt(input)));
        }
        Ok(Self(input.to_owned()))
    }
}

impl TryFrom<String> for SecretPath {
    type Error = ParsePathError;

    fn try_from(input: String) -> Result<Self, ParsePathError> {
        input.parse()
    }
}

impl From<SecretPath> for String {
    fn from(path: SecretPath) -> Self {
        path.0
    }
}

impl fmt::Display for SecretPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SecretPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretPath({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_formed_paths_are_accepted() {
        for good in [
            "a",
            "OPENAI_KEY",
            "api-keys/openai",
            "a/b/c",
            "a/-b/c",
            "x_1/9",
        ] {
            assert_eq!(good.parse::<SecretPath>().unwrap().as_str(), good);
        }
    }

    #[test]
    fn each_malformed_path_names_what_is_wrong() {
        let error = |s: &str| s.parse::<SecretPath>().unwrap_err();
        assert_eq!(error(""), ParsePathError::Empty);
        assert!(matches!(error("a//b"), ParsePathError::EmptySegment(_)));
        assert!(matches!(error("/a"), ParsePathError::EmptySegment(_)));
        assert!(matches!(error("a/"), ParsePathError::EmptySegment(_)));
        assert!(matches!(error("a/../b"), ParsePathError::DotSegment(_)));
        assert!(matches!(error("a/./b"), ParsePathError::DotSegment(_)));
        assert!(matches!(error("a\0b"), ParsePathError::Character(_)));
        assert!(matches!(error("a b"), ParsePathError::Character(_)));
        assert!(matches!(error("ä"), ParsePathError::Character(_)));
        assert!(matches!(error("-a"), ParsePathError::Edge(_)));
        assert!(matches!(error("a_"), ParsePathError::Edge(_)));
        assert_eq!(error(&"a".repeat(513)), ParsePathError::TooLong(513));
    }
}
