//! JSON as it is stored.

use serde::Serialize;
use serde_json::Value;

use crate::error::{Result, StoreError};

/// Deepest nesting that is written; the parser that reads it back stops at 128.
const MAX_DEPTH: usize = 64;

/// A list or an object as text.
pub(crate) fn text<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|_| StoreError::Conflict("json"))
}

/// An object as text, its keys in order at every level, so that equal values have equal text whatever order a build of
/// the JSON library keeps keys in.
///
/// # Errors
/// [`StoreError::Conflict`] `json` for what is nested deeper than 64 levels.
pub(crate) fn canonical(value: &Value) -> Result<String> {
    let mut out = String::with_capacity(128);
    write(value, &mut out, MAX_DEPTH)?;
    Ok(out)
}

fn write(value: &Value, out: &mut String, depth: usize) -> Result<()> {
    let deeper = || depth.checked_sub(1).ok_or(StoreError::Conflict("json"));
    match value {
        Value::Array(items) => {
            let depth = deeper()?;
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(item, out, depth)?;
            }
            out.push(']');
        }
        Value::Object(members) => {
            let depth = deeper()?;
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(key, _)| *key);
            out.push('{');
            for (index, (key, member)) in members.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                out.push_str(&text(key)?);
                out.push(':');
                write(member, out, depth)?;
            }
            out.push('}');
        }
        leaf => out.push_str(&text(leaf)?),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_sorted_at_every_level_and_nothing_else_moves() {
        let value = json!({"b": [3, 1, {"z": null, "a": "\u{0}ä\""}], "a": {}, "": 1.5});
        assert_eq!(
            canonical(&value).unwrap(),
            r#"{"":1.5,"a":{},"b":[3,1,{"a":"\u0000ä\"","z":null}]}"#
        );
    }

    #[test]
    fn what_could_not_be_read_back_is_refused() {
        let mut value = json!(1);
        for _ in 0..MAX_DEPTH {
            value = json!([value]);
        }
        assert!(canonical(&value).is_ok());
        assert_eq!(
            canonical(&json!([value])),
            Err(StoreError::Conflict("json"))
        );
    }
}
