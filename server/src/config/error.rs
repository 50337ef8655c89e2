//! What can be wrong with settings. Values of secret settings are never quoted.

use std::fmt;
use std::path::PathBuf;

/// Where a setting was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// In this file.
    File(PathBuf),
    /// In this environment variable.
    Variable(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "`{}`", path.display()),
            Self::Variable(name) => write!(f, "environment variable `{name}`"),
        }
    }
}

/// A name that is no setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// As it was written: a dotted path in the file, or a variable.
    pub name: String,
    /// The most similar name that exists, in the same notation.
    pub nearest: String,
    /// Where it was written.
    pub origin: Origin,
}

/// Why the server does not start with these settings.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Names that are no settings; all of them.
    #[error("{}", sentences(.0))]
    Unknown(Vec<Unknown>),
    /// A value that does not fit.
    #[error("setting `{setting}` in {origin} {problem}")]
    Value {
        /// The setting, as a dotted path.
        setting: &'static str,
        /// Where it was set.
        origin: Origin,
        /// What is wrong and what would be right; follows the name in the sentence.
        problem: String,
    },
    /// A secret that is given twice.
    #[error("set either `{setting}` (now in {one}) or `{setting}_file` (now in {other}), not both")]
    Both {
        /// The setting without `_file`.
        setting: &'static str,
        /// Where the value is.
        one: Origin,
        /// Where the name of the file is.
        other: Origin,
    },
    /// Rate limits may be off on loopback only.
    #[error(
        "`rate_limits` may be `off` only if the server listens on a loopback address, such as `127.0.0.1:8210`; it listens on `{0}`"
    )]
    RateLimitsOff(std::net::SocketAddr),
    /// A mail server, and nobody whom mails come from.
    #[error("`smtp_url` is set and `mail_from` is not: set it to the address that mails come from")]
    NoSender,
    /// The file of settings cannot be read.
    #[error("the settings in `{path}` could not be read: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not TOML. The text of the line is not repeated: it may hold a secret.
    #[error("`{path}` is not valid TOML: line {line}: {problem}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What the parser found.
        problem: String,
    },
    /// A variable is not UTF-8.
    #[error("environment variable `{0}` is not valid UTF-8")]
    EnvironmentText(String),
}

fn sentences(unknown: &[Unknown]) -> String {
    let sentences: Vec<String> = unknown
        .iter()
        .map(|u| match &u.origin {
            Origin::File(_) => format!(
                "there is no setting `{}` (in {}); did you mean `{}`?",
                u.name, u.origin, u.nearest
            ),
            Origin::Variable(_) => format!(
                "there is no setting for environment variable `{}`; did you mean `{}`?",
                u.name, u.nearest
            ),
        })
        .collect();
    sentences.join("\n")
}
