//! When a time window opens next.

use std::collections::BTreeMap;

use oneclaw_core::clock::Timestamp;
use serde::Deserialize;

/// A minute, in seconds.
const MINUTE: i64 = 60;
/// Minutes in a day.
const DAY: i64 = 24 * 60;
/// How far ahead is looked: a week and a day, within which every window opens.
const MINUTES_AHEAD: i64 = 8 * DAY;

/// A window as the plugin was told of it.
#[derive(Debug, Deserialize)]
pub(super) struct Window {
    after_minute: i64,
    before_minute: i64,
    zone: String,
    days: u8,
}

/// Offsets by zone.
pub(super) type Zones = BTreeMap<String, Zone>;

#[derive(Debug, Deserialize)]
pub(super) struct Zone {
    transitions: Vec<(i64, i64)>,
    until: i64,
}

/// The first whole minute from `now` on at which the window is open; none within eight days, or in a zone that is not
/// known.
pub(super) fn opens(window: &Window, zones: &Zones, now: Timestamp) -> Option<Timestamp> {
    let zone = zones.get(&window.zone)?;
    let first = now.as_seconds().div_euclid(MINUTE).checked_add(1)?;
    (first..first.checked_add(MINUTES_AHEAD)?)
        .filter_map(|minute| minute.checked_mul(MINUTE))
        .find(|second| is_open(window, zone, *second))
        .map(|second| Timestamp::from_millis(second.saturating_mul(1000)))
}

fn is_open(window: &Window, zone: &Zone, second: i64) -> bool {
    if second >= zone.until {
        return false;
    }
    let after = zone
        .transitions
        .partition_point(|(from, _)| *from <= second);
    let Some((_, offset)) = zone.transitions.get(after.saturating_sub(1)) else {
        return false;
    };
    let local = second.saturating_add(*offset);
    let minute = local.rem_euclid(DAY * MINUTE).div_euclid(MINUTE);
    // 1 January 1970 was a Thursday, three days after a Monday.
    let day = local.div_euclid(DAY * MINUTE).saturating_add(3);
    let may_open = |day: i64| window.days & 1 << day.rem_euclid(7) != 0;
    if window.after_minute < window.before_minute {
        (window.after_minute..window.before_minute).contains(&minute) && may_open(day)
    } else if minute >= window.after_minute {
        may_open(day)
    } else {
        // Opened the day before, across midnight.
        minute < window.before_minute && may_open(day.saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::from_millis(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
    }

    fn berlin() -> Zones {
        let table = oneclaw_policy_host::zone_table("Europe/Berlin", at("2026-06-01T00:00:00Z"));
        let text = serde_json::to_string(&table.unwrap()).unwrap();
        Zones::from([(
            "Europe/Berlin".to_owned(),
            serde_json::from_str(&text).unwrap(),
        )])
    }

    fn window(after_minute: i64, before_minute: i64, days: u8) -> Window {
        Window {
            after_minute,
            before_minute,
            zone: "Europe/Berlin".to_owned(),
            days,
        }
    }

    #[test]
    fn a_window_opens_at_its_local_time_on_its_next_day() {
        let office = window(9 * 60, 17 * 60, 0b1_1111);
        // A Friday evening in summer: Monday at nine in Berlin is seven in UTC.
        assert_eq!(
            opens(&office, &berlin(), at("2026-06-05T18:00:00Z")),
            Some(at("2026-06-08T07:00:00Z"))
        );
        let night = window(22 * 60, 4 * 60, 0b111_1111);
        assert_eq!(
            opens(&night, &berlin(), at("2026-12-01T12:00:00Z")),
            Some(at("2026-12-01T21:00:00Z"))
        );
        assert_eq!(
            opens(&office, &Zones::new(), at("2026-06-05T18:00:00Z")),
            None
        );
    }
}
