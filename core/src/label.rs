//! Labels of agents, and what selects agents by them.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::path::excerpt;

/// Most labels of an agent.
pub const MAX_LABELS: usize = 32;

/// Most labels that one selector names.
pub const MAX_SELECTOR_LABELS: usize = 4;

/// What stands before a label where ids of principals stand too.
pub const LABEL: &str = "label:";

/// The labels of an agent: names and values.
pub type Labels = BTreeMap<String, String>;

/// Whether text can be the name or the value of a label: 1 to 64 letters, digits, `-`, `_` and `.`.
#[must_use]
pub fn is_label_word(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

/// One label, `team=red`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Label {
    /// `team`
    pub key: String,
    /// `red`
    pub value: String,
}

/// Why text is not a label or a selector of labels.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseLabelError {
    /// No `=`, or a name or value outside the alphabet.
    #[error(
        "`{0}` is not a label; write `name=value`, both of 1 to 64 letters, digits, `-`, `_` and `.`"
    )]
    Form(String),
    /// One name twice: no agent has two values for it.
    #[error("label `{0}` is named twice")]
    Twice(String),
    /// More than [`MAX_SELECTOR_LABELS`].
    #[error("more than {MAX_SELECTOR_LABELS} labels are named")]
    TooMany,
}

impl Label {
    /// A label of these words.
    ///
    /// # Errors
    /// [`ParseLabelError::Form`].
    pub fn new(key: &str, value: &str) -> Result<Self, ParseLabelError> {
        if is_label_word(key) && is_label_word(value) {
            return Ok(Self {
                key: key.to_owned(),
                value: value.to_owned(),
            });
        }
        Err(ParseLabelError::Form(excerpt(&format!("{key}={value}"))))
    }

    /// The label that stands there as `label:team=red`.
    #[must_use]
    pub fn from_mark(mark: &str) -> Option<Self> {
        mark.strip_prefix(LABEL)?.parse().ok()
    }

    /// The label as it stands beside ids of principals: `label:team=red`.
    #[must_use]
    pub fn mark(&self) -> String {
        format!("{LABEL}{self}")
    }
}

impl FromStr for Label {
    type Err = ParseLabelError;

    fn from_str(input: &str) -> Result<Self, ParseLabelError> {
        match input.split_once('=') {
            Some((key, value)) => Self::new(key, value),
            None => Err(ParseLabelError::Form(excerpt(input))),
        }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.key, self.value)
    }
}

/// Selects agents that have every one of some labels. Displays and parses as `stage=prod,team=red`, in the order of the
/// names.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LabelSelector(Vec<Label>);

impl LabelSelector {
    /// The labels, by name; at least one.
    #[must_use]
    pub fn labels(&self) -> &[Label] {
        &self.0
    }

    /// Whether an agent with these labels is selected.
    #[must_use]
    pub fn selects(&self, labels: &Labels) -> bool {
        self.0
            .iter()
            .all(|label| labels.get(&label.key) == Some(&label.value))
    }
}

impl FromStr for LabelSelector {
    type Err = ParseLabelError;

    fn from_str(input: &str) -> Result<Self, ParseLabelError> {
        let mut labels = Vec::new();
        for part in input.split(',') {
            if labels.len() >= MAX_SELECTOR_LABELS {
                return Err(ParseLabelError::TooMany);
            }
            labels.push(part.parse::<Label>()?);
        }
        labels.sort_unstable();
        if let Some(twice) = labels
            .iter()
            .zip(labels.iter().skip(1))
            .find_map(|(one, next)| (one.key == next.key).then_some(&one.key))
        {
            return Err(ParseLabelError::Twice(twice.clone()));
        }
        Ok(Self(labels))
    }
}

impl fmt::Display for LabelSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, label) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(",")?;
            }
            label.fmt(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_is_the_same_in_whatever_order_it_is_written() {
        let parsed = |text: &str| text.parse::<LabelSelector>().unwrap();
        assert_eq!(parsed("team=red,stage=prod"), parsed("stage=prod,team=red"));
        assert_eq!(
            parsed("team=red,stage=prod").to_string(),
            "stage=prod,team=red"
        );
    }

    #[test]
    fn every_label_of_a_selector_must_be_there() {
        let selector: LabelSelector = "stage=prod,team=red".parse().unwrap();
        let agent = |pairs: &[(&str, &str)]| {
            pairs
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect::<Labels>()
        };
        assert!(selector.selects(&agent(&[("team", "red"), ("stage", "prod"), ("x", "y")])));
        assert!(!selector.selects(&agent(&[("team", "red")])));
        assert!(!selector.selects(&agent(&[("team", "red"), ("stage", "test")])));
        assert!(!selector.selects(&Labels::new()));
    }

    #[test]
    fn what_is_no_selector_is_refused() {
        for bad in [
            "",
            "team",
            "team=",
            "=red",
            "team=red,",
            "team=a b",
            "team=a=b",
            "team=*",
            "team=a/b",
            "team=red,team=blue",
            "a=1,b=1,c=1,d=1,e=1",
        ] {
            assert!(bad.parse::<LabelSelector>().is_err(), "{bad}");
        }
    }
}
