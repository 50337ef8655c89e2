//! Refuses changes to secrets while a freeze lasts: nothing is written, deleted or rotated. Reading is left to others.
//!
//! The same plugin in [JavaScript](../../../other-languages/javascript/) and [Python](../../../other-languages/python/)
//! has to pass the same cases.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

use oneclaw_policy_sdk::{
    AccessPolicy, AccessRequest, Decision, Manifest, Needs, Permission, Problem, Reason, Verdict,
    reply, settings::problem,
};
use serde::Deserialize;

const INSTANT: &str = "must be an instant in UTC, such as `2026-12-18T17:00:00Z`";

/// When nothing is changed, and where.
pub struct ChangeFreeze {
    freezes: Vec<Freeze>,
}

struct Freeze {
    from_ms: i64,
    until_ms: i64,
    /// As it stands in the settings, for people.
    until: String,
    /// Each with a slash at its end; empty: everywhere.
    below: Vec<String>,
}

/// See `settings.schema.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    freezes: Vec<FreezeSettings>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FreezeSettings {
    from: String,
    until: String,
    #[serde(default)]
    below: Vec<String>,
}

impl AccessPolicy for ChangeFreeze {
    type Settings = Settings;

    fn manifest() -> Manifest {
        Manifest {
            name: "change-freeze".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "Refuses changes to secrets while a freeze lasts.".to_owned(),
            settings_schema: include_str!("settings.schema.json").to_owned(),
        }
    }

    fn configure(settings: Settings) -> Result<(Self, Needs), Vec<Problem>> {
        let mut problems = Vec::new();
        let mut freezes = Vec::new();
        if settings.freezes.is_empty() {
            problems.push(problem("/freezes", "must have at least one entry"));
        }
        for (at, freeze) in settings.freezes.into_iter().enumerate() {
            let mut instant = |key: &str, text: &str| {
                let instant = milliseconds(text);
                if instant.is_none() {
                    problems.push(problem(format!("/freezes/{at}/{key}"), INSTANT));
                }
                instant
            };
            let (from, until) = (
                instant("from", &freeze.from),
                instant("until", &freeze.until),
            );
            let (Some(from_ms), Some(until_ms)) = (from, until) else {
                continue;
            };
            if until_ms <= from_ms {
                problems.push(problem(
                    format!("/freezes/{at}/until"),
                    "must be later than `from`",
                ));
            }
            let below = freeze.below.iter();
            freezes.push(Freeze {
                from_ms,
                until_ms,
                until: freeze.until,
                below: below
                    .map(|path| format!("{}/", path.trim_end_matches('/')))
                    .collect(),
            });
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let needs = Needs {
            budgets: Vec::new(),
            facts: Vec::new(),
        };
        Ok((Self { freezes }, needs))
    }

    fn evaluate(&self, request: &AccessRequest) -> Decision {
        if request.permission == Permission::Read {
            return reply::abstain();
        }
        let frozen = self
            .freezes
            .iter()
            .find(|freeze| freeze.covers(request.at_ms, &request.path));
        match frozen {
            None => reply::abstain(),
            Some(freeze) => {
                let reason = Reason {
                    message: format!("Nothing is changed here before {}.", freeze.until),
                    ..reply::reason("change-freeze/frozen")
                };
                reply::with_reason(reason, Verdict::Deny)
            }
        }
    }
}

impl Freeze {
    fn covers(&self, at_ms: i64, path: &str) -> bool {
        (self.from_ms..self.until_ms).contains(&at_ms)
            && (self.below.is_empty() || self.below.iter().any(|below| path.starts_with(below)))
    }
}

/// An instant of RFC 3339 in UTC, to the second.
fn milliseconds(text: &str) -> Option<i64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_of_month = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    let is_there =
        (1..=days_of_month).contains(&day) && hour < 24 && minute < 60 && second < 60 && year > 0;
    // Years begin in March, so that the day that comes and goes is the last one.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day
        - 1
        - DAYS_TO_1970;
    is_there.then_some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1000)
}

/// From the first of March of the year 0 on.
const DAYS_TO_1970: i64 = 719_468;

fn numbers(text: &str, between: char, digits: [usize; 3]) -> Option<[i64; 3]> {
    let mut parts = text.split(between);
    let mut number = |digits: usize| {
        let part = parts.next()?;
        let is_number = part.len() == digits && part.bytes().all(|b| b.is_ascii_digit());
        is_number.then(|| part.parse().ok()).flatten()
    };
    let [first, second, third] = digits;
    let numbers = [number(first)?, number(second)?, number(third)?];
    parts.next().is_none().then_some(numbers)
}

oneclaw_policy_sdk::export_access_policy!(ChangeFreeze);

#[cfg(test)]
mod tests {
    use super::milliseconds;

    #[test]
    fn instants_are_read_to_the_second_and_days_that_there_are_not_are_refused() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T23:59:59Z", 951_868_799),
            ("2026-12-18T17:00:00Z", 1_797_613_200),
        ] {
            assert_eq!(milliseconds(text), Some(seconds * 1000), "{text}");
        }
        for text in [
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:00",
            "2026-1-1T00:00:00Z",
            "2026-01-01 00:00:00Z",
            "",
        ] {
            assert_eq!(milliseconds(text), None, "{text}");
        }
    }
}
