//! Reading settings, with problems that say where they are.

use serde::de::DeserializeOwned;

use crate::Problem;

mod locate;

/// Reads settings from JSON text. The error is the one problem at which reading stopped, with a JSON pointer (RFC 6901)
/// to the value or key that caused it.
///
/// # Errors
/// The text is not JSON, or not of the shape that `T` asks for.
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T, Vec<Problem>> {
    serde_json::from_str(text).map_err(|error| {
        let pointer = locate::pointer(text, error.line(), error.column());
        vec![problem(pointer, &without_position(&error.to_string()))]
    })
}

/// One thing that is wrong, at a JSON pointer such as `/policies/3/pattern`.
#[must_use]
pub fn problem(pointer: impl Into<String>, message: &str) -> Problem {
    Problem {
        pointer: pointer.into(),
        message: message.to_owned(),
    }
}

/// The pointer says it better than line and column of a text that the user may never have seen.
fn without_position(message: &str) -> String {
    message
        .rsplit_once(" at line ")
        .map_or(message, |(message, _)| message)
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Settings {
        #[serde(rename = "rules")]
        _rules: Vec<Rule>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Rule {
        #[serde(rename = "name")]
        _name: String,
        #[serde(rename = "weight", default)]
        _weight: u8,
    }

    fn only_problem(text: &str) -> (String, String) {
        let mut problems = parse::<Settings>(text).unwrap_err();
        assert_eq!(problems.len(), 1);
        let problem = problems.remove(0);
        (problem.pointer, problem.message)
    }

    #[test]
    fn a_problem_points_at_the_value_or_key_that_is_wrong() {
        let pointer = |text: &str| only_problem(text).0;
        assert_eq!(pointer(r#"{"rules": 1}"#), "/rules");
        assert_eq!(pointer(r#"{"rules": ["x"]}"#), "/rules/0");
        assert_eq!(
            pointer(r#"{"rules": [{"name": "a, ]\"}"}, {"name": false}]}"#),
            "/rules/1/name"
        );
        assert_eq!(
            pointer(r#"{"rules": [{"name": "a"}, {"name": "b", "weight": 300}]}"#),
            "/rules/1/weight"
        );
        assert_eq!(
            pointer(r#"{"rules": [{"name": "a", "colour/~x": 1}]}"#),
            "/rules/0/colour~1~0x"
        );
        assert_eq!(pointer(r#"{"rules": [{"name": "a"}, {}]}"#), "/rules/1");
        assert_eq!(pointer("[]"), "");
        assert_eq!(pointer(""), "");
    }

    #[test]
    fn a_message_says_what_is_wrong_without_line_and_column() {
        assert_eq!(
            only_problem(r#"{"rules": 1}"#).1,
            "invalid type: integer `1`, expected a sequence"
        );
        assert_eq!(only_problem(r#"{"rules": [{}]}"#).1, "missing field `name`");
    }

    #[test]
    fn right_settings_are_read() {
        assert!(parse::<Settings>(r#"{"rules": [{"name": "a", "weight": 3}]}"#).is_ok());
    }
}
