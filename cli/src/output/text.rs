//! Text from elsewhere, made fit for a terminal. A name or a message is chosen by somebody else, and must not move the
//! cursor, change colours or turn the direction of writing.

use std::fmt::Write as _;

/// Whether a terminal would do something other than show it.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
        )
}

fn escaped(text: &str, keep: &[char]) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if !is_harmful(c) || keep.contains(&c) => out.push(c),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
        }
    }
    out
}

/// Everything on one line, with nothing in it that a terminal would act upon.
pub fn one_line(text: &str) -> String {
    escaped(text, &[])
}

/// The same, with line breaks as they are.
pub fn visible(text: &str) -> String {
    escaped(text, &['\n'])
}

/// JSON text without the characters that it may hold as they are and that a terminal would act upon. They occur in strings
/// alone, so the result means the same.
pub fn json_safe(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c != '\n' && is_harmful(c) {
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_acts_upon_is_left() {
        let nasty = "a\u{1b}[2J\u{9b}31m\r\n\t\u{202e}b\u{7f}é世";
        assert_eq!(
            one_line(nasty),
            "a\\u{1b}[2J\\u{9b}31m\\r\\n\\t\\u{202e}b\\u{7f}é世"
        );
        assert_eq!(visible("a\nb\r"), "a\nb\\r");
    }

    #[test]
    fn json_means_the_same_afterwards() {
        let value = serde_json::json!({"name": "a\u{1b}\u{9b}\u{202e}é"});
        let safe = json_safe(&serde_json::to_string_pretty(&value).unwrap());
        assert!(safe.chars().all(|c| c == '\n' || !is_harmful(c)), "{safe}");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&safe).unwrap(),
            value
        );
    }
}
