//! The conditions of an access policy: checked when they are written, so that a slip can never widen access.

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::ip::parse_network;
use crate::path::excerpt;

/// Most entries in any list of a policy.
pub const MAX_LIST_ENTRIES: usize = 256;

/// Minutes in a day; the exclusive end of a window that has no `before`.
pub const MINUTES_PER_DAY: u16 = 24 * 60;

/// A day of the week. Its number is the count of days since Monday.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Day {
    /// Monday
    Mon = 0,
    /// Tuesday
    Tue,
    /// Wednesday
    Wed,
    /// Thursday
    Thu,
    /// Friday
    Fri,
    /// Saturday
    Sat,
    /// Sunday
    Sun,
}

impl Day {
    fn parse(text: &str) -> Option<Self> {
        let lower = text.to_ascii_lowercase();
        Some(match lower.as_str() {
            "mon" | "monday" => Self::Mon,
            "tue" | "tuesday" => Self::Tue,
            "wed" | "wednesday" => Self::Wed,
            "thu" | "thursday" => Self::Thu,
            "fri" | "friday" => Self::Fri,
            "sat" | "saturday" => Self::Sat,
            "sun" | "sunday" => Self::Sun,
            _ => return None,
        })
    }
}

/// When a policy holds, in local wall time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeWindow {
    /// Minutes since local midnight at which the window opens (0 to 1439).
    pub after_minute: u16,
    /// Minutes since local midnight at which it closes, exclusive (0 to 1440). Smaller than `after_minute`: the window
    /// crosses midnight. Equal: the whole day.
    pub before_minute: u16,
    /// IANA zone name, not checked here: the tz database belongs to the host.
    pub zone: String,
    /// Days on which the window may open; empty means every day.
    pub days: Vec<Day>,
}

/// What must hold for a policy to apply; all of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Conditions {
    /// Networks of which one must contain the caller; `None`: from anywhere.
    pub networks: Option<Vec<ipnet::IpNet>>,
    /// When; `None`: always.
    pub time_window: Option<TimeWindow>,
    /// Environments of which one must be the caller's; `None`: any.
    pub environments: Option<Vec<String>>,
}

/// A condition that cannot be meant as written. Names the field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConditionError {
    /// For example `conditions.time_window.after`.
    pub field: String,
    /// What would be right.
    pub message: String,
}

impl fmt::Display for ConditionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

impl std::error::Error for ConditionError {}

fn error<T>(field: &str, message: impl Into<String>) -> Result<T, ConditionError> {
    Err(ConditionError {
        field: field.to_owned(),
        message: message.into(),
    })
}

fn object<'a>(field: &str, value: &'a Value) -> Result<&'a Map<String, Value>, ConditionError> {
    match value {
        Value::Object(map) => Ok(map),
        _ => error(field, "must be an object"),
    }
}

fn strings<'a>(field: &str, value: &'a Value) -> Result<Vec<&'a str>, ConditionError> {
    let Value::Array(items) = value else {
        return error(field, "must be a list of strings");
    };
    if items.is_empty() {
        return error(
            field,
            "must not be empty; leave it out to have no such condition",
        );
    }
    if items.len() > MAX_LIST_ENTRIES {
        return error(field, format!("has more than {MAX_LIST_ENTRIES} entries"));
    }
    items
        .iter()
        .map(|item| {
            item.as_str()
                .map_or_else(|| error(field, "must be a list of strings"), Ok)
        })
        .collect()
}

fn minute_of_day(field: &str, value: &Value) -> Result<u16, ConditionError> {
    let wrong = || {
        error(
            field,
            "must be a time of day `HH:MM`, from `00:00` to `23:59`",
        )
    };
    let Some((hours, minutes)) = value.as_str().and_then(|text| text.split_once(':')) else {
        return wrong();
    };
    let two_digits = |text: &str| {
        (text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit()))
            .then(|| text.parse::<u16>().ok())
            .flatten()
    };
    match (two_digits(hours), two_digits(minutes)) {
        (Some(h @ 0..=23), Some(m @ 0..=59)) => Ok(h * 60 + m),
        _ => wrong(),
    }
}

fn time_window(field: &str, value: &Value) -> Result<TimeWindow, ConditionError> {
    let mut window = TimeWindow {
        after_minute: 0,
        before_minute: MINUTES_PER_DAY,
        zone: "UTC".to_owned(),
        days: Vec::new(),
    };
    for (key, value) in object(field, value)? {
        let at = format!("{field}.{key}");
        match (key.as_str(), value) {
            ("after", value) => window.after_minute = minute_of_day(&at, value)?,
            ("before", Value::String(text)) if text == "24:00" => {}
            ("before", value) => window.before_minute = minute_of_day(&at, value)?,
            ("timezone", Value::Null) | ("days", Value::Null) => {}
            ("timezone", Value::String(zone)) => window.zone.clone_from(zone),
            ("timezone", _) => {
                return error(&at, "must be an IANA zone name, such as `Europe/Berlin`");
            }
            ("days", value) => {
                for day in strings(&at, value)? {
                    match Day::parse(day) {
                        Some(day) if !window.days.contains(&day) => window.days.push(day),
                        Some(_) => {}
                        None => {
                            return error(
                                &at,
                                format!(
                                    "`{}` is not a day; write mon, tue, wed, thu, fri, sat or sun",
                                    excerpt(day)
                                ),
                            );
                        }
                    }
                }
                window.days.sort_unstable();
            }
            _ => {
                return error(
                    &at,
                    "unknown key; a time window has after, before, timezone and days",
                );
            }
        }
    }
    Ok(window)
}

impl Conditions {
    /// Reads the `conditions` of a policy. `null` and `{}` mean none. An unknown key is an error.
    ///
    /// # Errors
    /// Names the field and says what would be right.
    pub fn parse(value: &Value) -> Result<Self, ConditionError> {
        let mut conditions = Self::default();
        if value.is_null() {
            return Ok(conditions);
        }
        for (key, value) in object("conditions", value)? {
            let at = format!("conditions.{key}");
            match key.as_str() {
                "ip_allowlist" => {
                    let networks = strings(&at, value)?
                        .into_iter()
                        .map(|text| parse_network(text).or_else(|e| error(&at, e.to_string())))
                        .collect::<Result<Vec<_>, _>>()?;
                    conditions.networks = Some(networks);
                }
                "time_window" => conditions.time_window = Some(time_window(&at, value)?),
                "environment_in" => {
                    let names = strings(&at, value)?;
                    if let Some(name) = names.iter().find(|n| n.is_empty() || n.len() > 64) {
                        return error(
                            &at,
                            format!(
                                "`{}` is not an environment name (1 to 64 bytes)",
                                excerpt(name)
                            ),
                        );
                    }
                    conditions.environments = Some(names.into_iter().map(str::to_owned).collect());
                }
                _ => {
                    return error(
                        &at,
                        "unknown key; conditions are ip_allowlist, time_window and environment_in",
                    );
                }
            }
        }
        Ok(conditions)
    }
}

/// The settings of the built-in access policy for one caller: the policies that can apply to it in one vault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct AccessSettings {
    /// In any order.
    pub policies: Vec<PolicyRule>,
    /// Every zone that a time window names, by name.
    pub zones: std::collections::BTreeMap<String, ZoneTable>,
}

/// One policy as the plugin sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PolicyRule {
    /// The policy's id; comes back in reasons.
    pub id: String,
    /// Path glob, see [`crate::glob`].
    pub pattern: String,
    /// `false`: a deny policy.
    pub allow: bool,
    /// The highest priority among the applicable policies decides; there, a deny beats an allow.
    pub priority: u32,
    /// Permission words.
    pub permissions: Vec<&'static str>,
    /// From this instant on the policy does not apply, in milliseconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at_ms: Option<i64>,
    /// CIDR networks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub networks: Option<Vec<String>>,
    /// When the policy holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_window: Option<WindowRule>,
    /// Environment names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environments: Option<Vec<String>>,
}

/// A [`TimeWindow`] as the plugin sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WindowRule {
    /// See [`TimeWindow::after_minute`].
    pub after_minute: u16,
    /// See [`TimeWindow::before_minute`].
    pub before_minute: u16,
    /// A key of [`AccessSettings::zones`].
    pub zone: String,
    /// Bit `n` set: the window may open on the day `n` days after Monday. Never 0.
    pub days: u8,
}

/// The offsets of a zone over the years that matter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct ZoneTable {
    /// `(from, offset)`: from this instant (seconds since the epoch) local time is UTC plus `offset` seconds.
    /// Ascending; the first entry also covers everything before it.
    pub transitions: Vec<(i64, i32)>,
    /// From this instant (seconds since the epoch) on, the table knows nothing: a window in this zone is closed.
    pub until: i64,
}

impl From<&TimeWindow> for WindowRule {
    fn from(window: &TimeWindow) -> Self {
        let days = match window.days.as_slice() {
            [] => 0b111_1111,
            days => days.iter().fold(0, |bits, day| bits | 1 << (*day as u8)),
        };
        Self {
            after_minute: window.after_minute,
            before_minute: window.before_minute,
            zone: window.zone.clone(),
            days,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_conditions_of_the_fleet_guide_are_read() {
        let conditions = Conditions::parse(&json!({
            "ip_allowlist": ["10.0.0.0/8"],
            "time_window": {"after": "08:00", "before": "20:00", "timezone": "UTC"}
        }))
        .unwrap();
        assert_eq!(conditions.networks.unwrap()[0].to_string(), "10.0.0.0/8");
        let window = conditions.time_window.unwrap();
        assert_eq!((window.after_minute, window.before_minute), (480, 1200));
        assert_eq!(WindowRule::from(&window).days, 127);
    }

    #[test]
    fn null_and_empty_mean_no_condition() {
        assert_eq!(
            Conditions::parse(&Value::Null).unwrap(),
            Conditions::default()
        );
        assert_eq!(
            Conditions::parse(&json!({})).unwrap(),
            Conditions::default()
        );
    }

    #[test]
    fn a_slip_is_refused_and_names_its_field() {
        let field = |value: Value| Conditions::parse(&value).unwrap_err().field;
        assert_eq!(field(json!([])), "conditions");
        assert_eq!(field(json!({"ip_allow": []})), "conditions.ip_allow");
        assert_eq!(
            field(json!({"ip_allowlist": []})),
            "conditions.ip_allowlist"
        );
        assert_eq!(
            field(json!({"ip_allowlist": ["10.0.0.0/40"]})),
            "conditions.ip_allowlist"
        );
        assert_eq!(
            field(json!({"ip_allowlist": [1]})),
            "conditions.ip_allowlist"
        );
        assert_eq!(
            field(json!({"ip_allowlist": null})),
            "conditions.ip_allowlist"
        );
        let window = |value: Value| field(json!({"time_window": value}));
        assert_eq!(window(json!("x")), "conditions.time_window");
        assert_eq!(
            window(json!({"after": "24:00"})),
            "conditions.time_window.after"
        );
        assert_eq!(
            window(json!({"after": "8:00"})),
            "conditions.time_window.after"
        );
        assert_eq!(
            window(json!({"before": "+8:00"})),
            "conditions.time_window.before"
        );
        assert_eq!(
            window(json!({"befor": "08:00"})),
            "conditions.time_window.befor"
        );
        assert_eq!(
            window(json!({"days": ["funday"]})),
            "conditions.time_window.days"
        );
        assert_eq!(window(json!({"days": []})), "conditions.time_window.days");
        assert_eq!(
            window(json!({"timezone": 1})),
            "conditions.time_window.timezone"
        );
        assert_eq!(
            field(json!({"environment_in": [""]})),
            "conditions.environment_in"
        );
    }
}
