//! Outside office hours, somebody has to approve. Inside them this plugin has no opinion, so that others decide.
//!
//! A component of both worlds: attach it where secrets are read, where things are signed, or both. Local time comes from a
//! table of the zone's offsets in the settings (`1claw plugin zone Europe/Paris` prints one); without it, hours are UTC.
//! Instants that the table does not reach count as outside.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

use oneclaw_policy_sdk::time::{MINUTES_PER_DAY, Window, Zone};
use oneclaw_policy_sdk::{
    AccessRequest, Approval, Decision, Manifest, Needs, PolicyAndGuardrail, Problem, Reason,
    TransactionGuardrail, TransactionRequest, Verdict, reply, settings::problem,
};
use serde::Deserialize;

/// Longest time that an approval may wait for: 30 days.
const MOST_SECONDS: u64 = 30 * 86_400;

/// Hours, and what happens outside them.
pub struct OfficeHours {
    windows: Vec<Window>,
    zone: Zone,
    /// Absent: whatever is asked for outside them is refused.
    approval: Option<Approval>,
}

/// See `settings.schema.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    hours: Vec<Hours>,
    zone: Option<ZoneTable>,
    #[serde(default)]
    outside: OutsideSettings,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hours {
    after: String,
    before: String,
    days: Vec<String>,
}

/// From each of these seconds since the epoch on, local time is UTC plus so many seconds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ZoneTable {
    transitions: Vec<(i64, i32)>,
    until: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case", tag = "do")]
enum OutsideSettings {
    Deny,
    RequireApproval {
        approvers: u32,
        #[serde(default)]
        group: String,
        #[serde(default = "an_hour")]
        expires_in_seconds: u64,
    },
}

impl Default for OutsideSettings {
    fn default() -> Self {
        Self::RequireApproval {
            approvers: 1,
            group: String::new(),
            expires_in_seconds: an_hour(),
        }
    }
}

const fn an_hour() -> u64 {
    3600
}

impl OfficeHours {
    fn decide(&self, at_ms: i64) -> Decision {
        let is_open = |window: &Window| window.is_open(&self.zone, at_ms);
        if self.windows.iter().any(is_open) {
            return reply::abstain();
        }
        match &self.approval {
            None => reply::with_reason(outside(), Verdict::Deny),
            Some(approval) => Decision {
                verdict: Verdict::RequireApproval(approval.clone()),
                ..reply::abstain()
            },
        }
    }
}

fn outside() -> Reason {
    Reason {
        message: "This is outside office hours.".to_owned(),
        condition: "hours".to_owned(),
        ..reply::reason("office-hours/outside")
    }
}

impl TransactionGuardrail for OfficeHours {
    type Settings = Settings;

    fn manifest() -> Manifest {
        Manifest {
            name: "office-hours".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "Asks for approval outside office hours.".to_owned(),
            settings_schema: include_str!("settings.schema.json").to_owned(),
        }
    }

    fn configure(settings: Settings) -> Result<(Self, Needs), Vec<Problem>> {
        let mut problems = Vec::new();
        if settings.hours.is_empty() {
            problems.push(problem("/hours", "must have at least one entry"));
        }
        let mut windows = Vec::new();
        for (at, hours) in settings.hours.iter().enumerate() {
            match window(hours) {
                Ok(window) => windows.push(window),
                Err((key, message)) => {
                    problems.push(problem(format!("/hours/{at}/{key}"), message));
                }
            }
        }
        let table = settings.zone.unwrap_or(ZoneTable {
            transitions: vec![(0, 0)],
            until: i64::MAX,
        });
        let zone = Zone::new(table.transitions, table.until)
            .map_err(|message| problems.push(problem("/zone/transitions", message)));
        let approval = match settings.outside {
            OutsideSettings::Deny => None,
            OutsideSettings::RequireApproval {
                approvers,
                group,
                expires_in_seconds,
            } => {
                if approvers == 0 {
                    problems.push(problem("/outside/approvers", "must be at least 1"));
                }
                if !(1..=MOST_SECONDS).contains(&expires_in_seconds) {
                    problems.push(problem(
                        "/outside/expires_in_seconds",
                        "must be from 1 to 2592000",
                    ));
                }
                Some(Approval {
                    reason: outside(),
                    approvers,
                    group,
                    expires_in_seconds,
                })
            }
        };
        match zone {
            Ok(zone) if problems.is_empty() => {
                let needs = Needs {
                    budgets: Vec::new(),
                    facts: Vec::new(),
                };
                let hours = Self {
                    windows,
                    zone,
                    approval,
                };
                Ok((hours, needs))
            }
            _ => Err(problems),
        }
    }

    fn evaluate(&self, request: &TransactionRequest) -> Decision {
        self.decide(request.at_ms)
    }
}

impl PolicyAndGuardrail for OfficeHours {
    fn evaluate_access(&self, request: &AccessRequest) -> Decision {
        self.decide(request.at_ms)
    }
}

fn window(hours: &Hours) -> Result<Window, (&'static str, &'static str)> {
    const CLOCK: &str = "must be a time such as `08:30`, at most `24:00`";
    let mut days = 0;
    for day in &hours.days {
        let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let bit = names.iter().position(|name| name == day);
        days |= 1_u8
            << bit.ok_or((
                "days",
                "must be of `mon`, `tue`, `wed`, `thu`, `fri`, `sat`, `sun`",
            ))?;
    }
    if days == 0 {
        return Err(("days", "must name at least one day"));
    }
    let after_minute = minute(&hours.after)
        .filter(|minute| *minute < MINUTES_PER_DAY)
        .ok_or(("after", "must be a time such as `08:30`, at most `23:59`"))?;
    Ok(Window {
        after_minute,
        before_minute: minute(&hours.before).ok_or(("before", CLOCK))?,
        days,
    })
}

fn minute(clock: &str) -> Option<u16> {
    let (hours, minutes) = clock.split_once(':')?;
    let number = |text: &str| {
        let is_number = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        is_number.then(|| text.parse::<u16>().ok()).flatten()
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    let minute = hours * 60 + minutes;
    (minutes < 60 && minute <= MINUTES_PER_DAY).then_some(minute)
}

oneclaw_policy_sdk::export_policy_and_guardrail!(OfficeHours);
