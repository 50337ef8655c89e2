//! A file, or a folder, for each noun.

pub mod agent;
pub mod api_key;
pub mod audit;
pub mod auth;
pub mod billing;
pub mod completions;
pub mod config;
pub mod decision;
pub mod env;
pub mod fleet;
pub mod guardrails;
pub mod login;
pub mod mfa;
pub mod plugin;
pub mod policy;
pub mod receipt;
pub mod secret;
pub mod share;
pub mod vault;
pub mod webhook;

use serde_json::{Map, Value};

use crate::failure::Failure;

/// A list as it stands on a command line, `a,b`; empty for the empty text.
pub fn comma_list(text: &str) -> Vec<String> {
    text.split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Text from the command line, or from a file with `@file`.
///
/// # Errors
/// The file cannot be read.
pub fn text_argument(text: &str) -> Result<String, Failure> {
    match text.strip_prefix('@') {
        Some(file) => Ok(crate::input::read_file(std::path::Path::new(file))?.to_string()),
        None => Ok(text.to_owned()),
    }
}

/// JSON from the command line, or from a file with `@file`.
///
/// # Errors
/// The file cannot be read, or it is no JSON.
pub fn json_argument(name: &str, text: &str) -> Result<Value, Failure> {
    serde_json::from_str(&text_argument(text)?)
        .map_err(|error| Failure::Usage(format!("--{name} is no JSON: {error}")))
}

/// Whether a change says what is to be changed.
///
/// # Errors
/// It does not.
pub fn changes_something(body: &Map<String, Value>) -> Result<(), Failure> {
    if body.is_empty() {
        return Err(Failure::Usage(
            "nothing is given that would be changed".to_owned(),
        ));
    }
    Ok(())
}
