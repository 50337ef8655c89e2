//! From the names that plugins give budgets to those that the database keeps them under, and from windows to instants.

use jiff::ToSpan;
use jiff::tz::TimeZone;
use oneclaw_core::amount::Amount;
use oneclaw_core::clock::Timestamp;
use oneclaw_core::guardrails::{BudgetName, BudgetScope};
use oneclaw_core::ids::{AgentId, SecretId};
use oneclaw_core::principal::Principal;
use oneclaw_core::request::Fact;
use oneclaw_core::transaction::{Intent, TransactionRequest};
use oneclaw_core::verdict::{CalendarUnit, Window};
use oneclaw_store::{BudgetQuery, NewReservation};

use crate::service::guardrails::{COUNTED, PLUGIN, SPENT};

/// Any would do: what is entered counts for whatever window is asked for.
const A_DAY: Window = Window::Rolling { seconds: 86_400 };

/// Whose budgets are meant.
#[derive(Debug)]
pub(in crate::service) struct Resolver {
    now: Timestamp,
    agent: Principal,
    key: SecretId,
    labels: Vec<Fact>,
}

impl Resolver {
    /// For one request.
    pub(in crate::service) fn new(request: &TransactionRequest) -> Self {
        Self {
            now: request.at,
            agent: request.principal,
            key: request.key.secret,
            labels: request.labels.clone(),
        }
    }

    /// The budget that a plugin calls by a name; `None` for a name that is none, or a label that the agent does not have.
    pub(in crate::service) fn resolve(
        &self,
        plugin: &str,
        budget: &str,
        asset: &str,
        window: &Window,
    ) -> Option<BudgetQuery> {
        let BudgetName { scope, name } = BudgetName::parse(budget)?;
        let whose = match scope {
            BudgetScope::Agent => format!("agent:{}", self.agent.uuid()),
            BudgetScope::Key => format!("key:{}", self.key),
            BudgetScope::Organisation => "organisation".to_owned(),
            BudgetScope::Label(label) => {
                let value = self.labels.iter().find(|fact| fact.key == label)?;
                format!("label:{label}={}", value.value)
            }
        };
        Some(BudgetQuery {
            key: format!("{plugin}:{whose}:{name}"),
            asset: asset.to_owned(),
            since: window_start(window, self.now)?,
        })
    }

    /// The budgets of the agent's record.
    pub(super) fn of_record(&self) -> impl Iterator<Item = BudgetQuery> {
        [(SPENT, "native"), (COUNTED, "transactions")]
            .into_iter()
            .filter_map(|(budget, asset)| self.resolve(PLUGIN, budget, asset, &A_DAY))
    }

    /// What every transaction counts for, beside what plugins reserved, so that an agent's record can tell what it spent.
    pub(super) fn unlimited(
        &self,
        intent: &Intent,
        reserved: &[NewReservation],
    ) -> Vec<NewReservation> {
        let Intent::Transaction(transaction) = intent else {
            return Vec::new();
        };
        [
            (SPENT, "native", transaction.value),
            (COUNTED, "transactions", Amount::ONE),
        ]
        .into_iter()
        .filter_map(|(budget, asset, amount)| {
            let budget = self.resolve(PLUGIN, budget, asset, &A_DAY)?;
            let is_counted = reserved
                .iter()
                .any(|other| other.budget.key == budget.key && other.budget.asset == budget.asset);
            (!is_counted && !amount.is_zero()).then_some(NewReservation {
                budget,
                amount,
                limit: Amount::MAX,
            })
        })
        .collect()
    }
}

/// The two budgets of an agent's record: native coin over the last 24 hours, and transactions since midnight UTC.
pub fn of_record(agent: AgentId, now: Timestamp) -> Option<[BudgetQuery; 2]> {
    let key = |name: &str| {
        let BudgetName { name, .. } = BudgetName::parse(name)?;
        Some(format!("{PLUGIN}:agent:{agent}:{name}"))
    };
    let day = Window::Calendar {
        unit: CalendarUnit::Day,
        zone: "UTC".to_owned(),
    };
    Some([
        BudgetQuery {
            key: key(SPENT)?,
            asset: "native".to_owned(),
            since: window_start(&A_DAY, now)?,
        },
        BudgetQuery {
            key: key(COUNTED)?,
            asset: "transactions".to_owned(),
            since: window_start(&day, now)?,
        },
    ])
}

/// The last instant that no longer counts: what happened after it is within the window. `None` for a zone that is not
/// known.
fn window_start(window: &Window, now: Timestamp) -> Option<Timestamp> {
    match window {
        Window::Rolling { seconds } => {
            let seconds = i64::try_from(*seconds).ok()?;
            Some(now.plus_seconds(seconds.checked_neg()?))
        }
        Window::Calendar { unit, zone } => {
            let zone = TimeZone::get(zone).ok()?;
            let today = jiff::Timestamp::from_millisecond(now.as_millis())
                .ok()?
                .to_zoned(zone.clone())
                .date();
            let first = match unit {
                CalendarUnit::Day => today,
                CalendarUnit::Week => today
                    .checked_sub(i64::from(today.weekday().to_monday_zero_offset()).days())
                    .ok()?,
                CalendarUnit::Month => today.first_of_month(),
            };
            // The first instant of the day, which is not always midnight.
            let start = first.to_zoned(zone).ok()?.timestamp();
            Some(Timestamp::from_millis(
                start.as_millisecond().checked_sub(1)?,
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::from_millis(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
    }

    fn first_that_counts(unit: CalendarUnit, zone: &str, now: &str) -> String {
        let window = Window::Calendar {
            unit,
            zone: zone.to_owned(),
        };
        let since = window_start(&window, at(now)).unwrap();
        jiff::Timestamp::from_millisecond(since.as_millis() + 1)
            .unwrap()
            .to_string()
    }

    #[test]
    fn a_rolling_window_reaches_back_by_its_length() {
        let now = at("2026-11-23T12:00:00Z");
        let since = window_start(&Window::Rolling { seconds: 86_400 }, now).unwrap();
        assert_eq!(since, at("2026-11-22T12:00:00Z"));
    }

    #[test]
    fn calendar_windows_begin_with_the_local_day_week_or_month() {
        let now = "2026-11-25T12:00:00Z";
        assert_eq!(
            first_that_counts(CalendarUnit::Day, "UTC", now),
            "2026-11-25T00:00:00Z"
        );
        assert_eq!(
            first_that_counts(CalendarUnit::Week, "UTC", now),
            "2026-11-23T00:00:00Z"
        );
        assert_eq!(
            first_that_counts(CalendarUnit::Month, "UTC", now),
            "2026-11-01T00:00:00Z"
        );
        assert_eq!(
            first_that_counts(CalendarUnit::Day, "Asia/Tokyo", "2026-11-25T16:00:00Z"),
            "2026-11-25T15:00:00Z"
        );
        assert_eq!(
            first_that_counts(CalendarUnit::Day, "Europe/Berlin", "2026-10-25T12:00:00Z"),
            "2026-10-24T22:00:00Z",
            "summer time held at midnight"
        );
        let unknown = Window::Calendar {
            unit: CalendarUnit::Day,
            zone: "Mars/Olympus".to_owned(),
        };
        assert_eq!(window_start(&unknown, at(now)), None);
    }
}
