//! What a column of a table shows of an answer.

use serde_json::Value;

use super::text::one_line;

/// A column, or a field of a single thing.
pub struct Column {
    /// What stands above it.
    pub title: &'static str,
    show: Show,
    /// Never cut off: ids and the like, which are there to be copied.
    pub whole: bool,
}

enum Show {
    Member(&'static str),
    Time(&'static str),
    Made(fn(&Value) -> String),
}

impl Column {
    /// A member of the answer; lists are joined by commas. May be cut off to fit a terminal.
    pub const fn new(title: &'static str, member: &'static str) -> Self {
        Self {
            title,
            show: Show::Member(member),
            whole: false,
        }
    }

    /// An id, or something else that is copied.
    pub const fn id(title: &'static str, member: &'static str) -> Self {
        Self {
            title,
            show: Show::Member(member),
            whole: true,
        }
    }

    /// A time, to the second.
    pub const fn time(title: &'static str, member: &'static str) -> Self {
        Self {
            title,
            show: Show::Time(member),
            whole: true,
        }
    }

    /// Whatever has to be worked out.
    pub const fn made(title: &'static str, make: fn(&Value) -> String) -> Self {
        Self {
            title,
            show: Show::Made(make),
            whole: false,
        }
    }

    /// What it shows of one thing: one line, harmless, empty if there is nothing.
    pub fn cell(&self, item: &Value) -> String {
        let text = match &self.show {
            Show::Member(name) => plain(item.get(*name).unwrap_or(&Value::Null)),
            Show::Time(name) => seconds(&plain(item.get(*name).unwrap_or(&Value::Null))),
            Show::Made(make) => make(item),
        };
        one_line(&text)
    }
}

/// A value as people read it.
pub fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| format!("{name}={}", plain(value)))
            .collect::<Vec<_>>()
            .join(", "),
    }
}

/// RFC 3339 without fractions of a second.
fn seconds(time: &str) -> String {
    match (time.split_once('.'), time.ends_with('Z')) {
        (Some((whole, _)), true) => format!("{whole}Z"),
        _ => time.to_owned(),
    }
}
