//! The fields of an agent that files may have, and what they hold: for CSV files and for files of fleets.

use serde_json::{Map, Value, json};

use crate::commands::comma_list;

/// What a field holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Text.
    Text,
    /// RFC 3339.
    Time,
    /// A decimal number, kept as text.
    Amount,
    /// A whole number.
    Integer,
    /// Yes or no.
    Flag,
    /// Texts, in any order.
    List,
    /// Names and values.
    Labels,
    /// A JSON object, or a list of such.
    Object,
}

/// Name and kind of each field.
pub const FIELDS: &[(&str, Kind)] = &[
    ("name", Kind::Text),
    ("description", Kind::Text),
    ("scopes", Kind::List),
    ("vault_ids", Kind::List),
    ("labels", Kind::Labels),
    ("environment", Kind::Text),
    ("expires_at", Kind::Time),
    ("api_key_expires_at", Kind::Time),
    ("token_ttl_seconds", Kind::Integer),
    ("intents_api_enabled", Kind::Flag),
    ("intent_signature", Kind::Text),
    ("message_signing_enabled", Kind::Flag),
    ("shroud_enabled", Kind::Flag),
    ("tx_to_allowlist", Kind::List),
    ("tx_max_value", Kind::Amount),
    ("tx_daily_limit", Kind::Amount),
    ("tx_max_per_day", Kind::Integer),
    ("tx_allowed_chains", Kind::List),
    ("tx_token_allowlist", Kind::List),
    ("tx_known_tokens_only", Kind::Flag),
    ("tx_overhead_budget", Kind::Object),
    ("per_chain_guardrails", Kind::Object),
    ("eip712_default_policy", Kind::Text),
    ("eip712_domain_allowlist", Kind::Object),
    ("guardrails", Kind::Object),
];

/// The kind of a field; `None`: there is none of the name.
pub fn kind(name: &str) -> Option<Kind> {
    FIELDS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, kind)| *kind)
}

/// From a cell of a table, which is text.
///
/// # Errors
/// It is not of this kind.
pub fn from_cell(kind: Kind, cell: &str) -> Result<Value, String> {
    match kind {
        Kind::Text | Kind::Time | Kind::Amount => Ok(json!(cell)),
        Kind::List => Ok(cell
            .split([';', ',', ' '])
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .collect()),
        Kind::Integer => cell
            .parse::<i64>()
            .map(|number| json!(number))
            .map_err(|_| format!("`{cell}` is no number")),
        Kind::Flag => match cell.to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" => Ok(json!(true)),
            "false" | "no" | "0" => Ok(json!(false)),
            _ => Err(format!("`{cell}` is neither true nor false")),
        },
        Kind::Labels => labels(&cell.replace([';', ' '], ",")).map(Value::Object),
        Kind::Object => serde_json::from_str(cell).map_err(|error| format!("no JSON: {error}")),
    }
}

/// Labels as they stand on a command line, `team=red,tier=gold`.
///
/// # Errors
/// One has no `=`.
pub fn labels(text: &str) -> Result<Map<String, Value>, String> {
    comma_list(text)
        .iter()
        .map(|label| match label.split_once('=') {
            Some((name, value)) => Ok((name.to_owned(), json!(value))),
            None => Err(format!("`{label}` is no label; write it as name=value")),
        })
        .collect()
}
