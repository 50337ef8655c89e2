//! Patterns with a place for something of the agent: `agents/{agent-name}/**`, `{agent-id}`, `{label:team}`.
//!
//! What is put in its place is at most one segment and matches nothing but itself. A value with any character that a
//! segment does not have (`/`, `*`, `.`, a brace, a space, …) is not put there: an allow does not apply to such an agent,
//! and a denial applies with `*` in the place, for whoever bears an odd name must not slip through it.

use crate::glob::{self, ParseGlobError};
use crate::ids::AgentId;
use crate::label::{Labels, is_label_word};
use crate::path::excerpt;

/// Most places in one pattern.
pub const MAX_PLACES: usize = 8;

/// What there is of an agent to put into patterns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentWords {
    /// `{agent-id}`
    pub id: AgentId,
    /// `{agent-name}`; `None` if another agent of the organisation has borne the name for longer.
    pub name: Option<String>,
    /// `{label:…}`
    pub labels: Labels,
}

/// Why text is not a pattern, with places or without.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseTemplateError {
    /// What is left without the places is no pattern.
    #[error(transparent)]
    Glob(#[from] ParseGlobError),
    /// A brace without its other half, or something else in braces.
    #[error(
        "pattern `{0}` has braces around something other than `agent-name`, `agent-id` or `label:` with a name"
    )]
    Place(String),
    /// More than [`MAX_PLACES`].
    #[error("the pattern has more than {MAX_PLACES} places in braces")]
    TooMany,
}

#[derive(Debug, Clone, Copy)]
enum Part<'a> {
    Text(&'a str),
    Id,
    Name,
    Label(&'a str),
}

/// Whether the pattern has a place for something of the agent.
#[must_use]
pub fn has_places(pattern: &str) -> bool {
    pattern.contains(['{', '}'])
}

fn parts(pattern: &str) -> Result<Vec<Part<'_>>, ParseTemplateError> {
    let wrong = || ParseTemplateError::Place(excerpt(pattern));
    let mut parts = Vec::new();
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('{') {
        let (place, behind) = after.split_once('}').ok_or_else(wrong)?;
        if before.contains('}') {
            return Err(wrong());
        }
        parts.push(Part::Text(before));
        parts.push(match (place, place.strip_prefix("label:")) {
            ("agent-id", _) => Part::Id,
            ("agent-name", _) => Part::Name,
            (_, Some(key)) if is_label_word(key) => Part::Label(key),
            _ => return Err(wrong()),
        });
        rest = behind;
    }
    if rest.contains('}') {
        return Err(wrong());
    }
    parts.push(Part::Text(rest));
    if parts.len() / 2 > MAX_PLACES {
        return Err(ParseTemplateError::TooMany);
    }
    Ok(parts)
}

/// Checks a pattern as it is written.
///
/// # Errors
/// Says what is wrong with it.
pub fn check(pattern: &str) -> Result<(), ParseTemplateError> {
    let sample: String = parts(pattern)?
        .into_iter()
        .map(|part| match part {
            Part::Text(text) => text,
            Part::Id | Part::Name | Part::Label(_) => "x",
        })
        .collect();
    Ok(glob::check(&sample)?)
}

/// The pattern for one caller (`None`: not an agent) of a policy that allows; `None` if the policy does not apply.
#[must_use]
pub fn for_allow(pattern: &str, caller: Option<&AgentWords>) -> Option<String> {
    expand(pattern, caller, None)
}

/// The pattern for one caller of a policy that denies. A place for which there is no fit value stands for any. `None` for
/// text that is no pattern.
#[must_use]
pub fn for_denial(pattern: &str, caller: Option<&AgentWords>) -> Option<String> {
    // A value may fit and make the whole too long.
    expand(pattern, caller, Some("*")).or_else(|| expand(pattern, None, Some("*")))
}

fn expand(pattern: &str, caller: Option<&AgentWords>, otherwise: Option<&str>) -> Option<String> {
    if !has_places(pattern) {
        return Some(pattern.to_owned());
    }
    let mut expanded = String::with_capacity(pattern.len());
    for part in parts(pattern).ok()? {
        let id;
        let value = match part {
            Part::Text(text) => {
                expanded.push_str(text);
                continue;
            }
            Part::Id => {
                id = caller.map(|words| words.id.to_string());
                id.as_deref()
            }
            Part::Name => caller.and_then(|words| words.name.as_deref()),
            Part::Label(key) => caller
                .and_then(|words| words.labels.get(key))
                .map(String::as_str),
        };
        expanded.push_str(value.filter(|value| is_segment(value)).or(otherwise)?);
    }
    let expanded = match otherwise {
        // Two places side by side must not make `**` of themselves.
        Some(_) => single_stars(&expanded, pattern),
        None => expanded,
    };
    glob::check(&expanded).is_ok().then_some(expanded)
}

/// Runs of `*` that the pattern does not have become one.
fn single_stars(expanded: &str, pattern: &str) -> String {
    let written: Vec<&str> = pattern.split('/').collect();
    let segments = expanded.split('/').enumerate().map(|(at, segment)| {
        if written.get(at) == Some(&"**") {
            return segment.to_owned();
        }
        let mut single = String::with_capacity(segment.len());
        for c in segment.chars() {
            if !(c == '*' && single.ends_with('*')) {
                single.push(c);
            }
        }
        single
    });
    segments.collect::<Vec<_>>().join("/")
}

/// Whether a value can stand as a segment of a path, or as a part of one, and for nothing else.
fn is_segment(value: &str) -> bool {
    !value.is_empty()
        && value
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::glob::PathGlob;

    fn words(name: &str, team: &str) -> AgentWords {
        AgentWords {
            id: "0190a0b0-0000-7000-8000-000000000001".parse().unwrap(),
            name: Some(name.to_owned()),
            labels: Labels::from([("team".to_owned(), team.to_owned())]),
        }
    }

    #[test]
    fn places_are_filled_with_what_the_agent_has() {
        let agent = words("worker-1", "red");
        let expanded = |pattern: &str| for_allow(pattern, Some(&agent));
        for (pattern, expected) in [
            ("agents/{agent-name}/**", "agents/worker-1/**"),
            ("x/{agent-id}", "x/0190a0b0-0000-7000-8000-000000000001"),
            ("{label:team}/*", "red/*"),
            ("t-{label:team}-{agent-name}", "t-red-worker-1"),
            ("plain/*", "plain/*"),
        ] {
            check(pattern).unwrap();
            assert_eq!(expanded(pattern).as_deref(), Some(expected), "{pattern}");
        }
        assert_eq!(expanded("{label:stage}/x"), None);
        assert_eq!(for_allow("agents/{agent-name}/**", None), None);
        assert_eq!(for_allow("agents/*", None).as_deref(), Some("agents/*"));
    }

    #[test]
    fn a_denial_applies_to_whom_no_value_fits() {
        let odd = words("a.b", "red");
        let denied = |pattern: &str| for_denial(pattern, Some(&odd)).unwrap();
        assert_eq!(denied("agents/{agent-name}/**"), "agents/*/**");
        assert_eq!(denied("x{agent-name}{label:stage}/y"), "x*/y");
        assert_eq!(denied("**/{label:team}"), "**/red");
        assert_eq!(for_allow("agents/{agent-name}/**", Some(&odd)), None);
        let long = words(&"a".repeat(255), "red");
        let pattern = "{agent-name}/{agent-name}/{agent-name}";
        assert_eq!(for_allow(pattern, Some(&long)), None);
        assert_eq!(for_denial(pattern, Some(&long)).as_deref(), Some("*/*/*"));
    }

    #[test]
    fn braces_around_anything_else_are_refused() {
        for bad in [
            "{",
            "}",
            "{}",
            "a/{agent}/b",
            "{agent-name",
            "agent-name}",
            "{{agent-name}}",
            "{label:}",
            "{label:a/b}",
            "{label:*}",
            "{agent-name}//x",
            "{agent-name}/",
            "a}{agent-id}",
            "{agent-id}{agent-id}{agent-id}{agent-id}{agent-id}{agent-id}{agent-id}{agent-id}{agent-id}",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_value_ever_widens_a_match(
            name in "[a-c*/.{}\\[\\]?! \\-_ä\u{0}]{0,6}",
            team in "[a-c*/.{}\\-_]{0,5}",
            path in "(agents|a|b|ab|abc|x)(/(agents|a|b|ab|abc|x|secret)){0,4}",
        ) {
            let agent = words(&name, &team);
            for pattern in ["agents/{agent-name}/**", "{label:team}/*", "x/{agent-name}{label:team}", "**/{agent-name}"] {
                let Some(expanded) = for_allow(pattern, Some(&agent)) else { continue };
                let matches = PathGlob::new(&expanded).unwrap().matches(&path);
                // Whatever matches does so with the very values in their places, as whole text.
                let literally = match pattern {
                    "agents/{agent-name}/**" => path == format!("agents/{name}") || path.starts_with(&format!("agents/{name}/")),
                    "{label:team}/*" => path.strip_prefix(&format!("{team}/")).is_some_and(|rest| !rest.contains('/')),
                    "x/{agent-name}{label:team}" => path == format!("x/{name}{team}"),
                    _ => path == name || path.ends_with(&format!("/{name}")),
                };
                proptest::prop_assert_eq!(matches, literally, "{} on {}", expanded, path);
                proptest::prop_assert_eq!(expanded.matches('/').count(), pattern.matches('/').count());
                proptest::prop_assert_eq!(expanded.matches('*').count(), pattern.matches('*').count());
            }
        }

        #[test]
        fn a_denial_covers_at_least_what_the_same_allow_does(
            name in "[a-c*/.{}]{0,4}",
            path in "agents(/(a|b|ab|abc|x)){0,3}",
        ) {
            let agent = words(&name, "red");
            for pattern in ["agents/{agent-name}/**", "agents/{agent-name}*/x", "agents/{label:team}{agent-name}"] {
                let denied = PathGlob::new(&for_denial(pattern, Some(&agent)).unwrap()).unwrap();
                if let Some(allowed) = for_allow(pattern, Some(&agent)) {
                    let allowed = PathGlob::new(&allowed).unwrap();
                    proptest::prop_assert!(!allowed.matches(&path) || denied.matches(&path));
                }
            }
        }
    }
}
