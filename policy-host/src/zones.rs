//! Time zones as tables, so that no plugin needs a time zone database.

use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, civil};
use oneclaw_core::clock::Timestamp;
use oneclaw_core::conditions::ZoneTable;

use crate::error::UnknownZone;

/// Years for which a table holds, counted from the one that it is made in.
const YEARS_AHEAD: i16 = 10;

/// Whether there is an IANA zone of this name.
pub(crate) fn is_known(name: &str) -> bool {
    find(name).is_some()
}

fn find(name: &str) -> Option<TimeZone> {
    let zone = TimeZoneDatabase::bundled().get(name).ok()?;
    (!zone.is_unknown()).then_some(zone)
}

/// The offsets of the IANA zone `name`, from 1 January of last year to 1 January ten years from now (UTC), out of the
/// database that is built in. The same within a calendar year, so that settings which hold it keep their digest.
///
/// # Errors
/// When there is no such zone.
pub fn zone_table(name: &str, now: Timestamp) -> Result<ZoneTable, UnknownZone> {
    let unknown = || UnknownZone(oneclaw_core::path::excerpt(name));
    let zone = find(name).ok_or_else(unknown)?;
    let year = jiff::Timestamp::from_millisecond(now.as_millis())
        .map_err(|_| unknown())?
        .to_zoned(TimeZone::UTC)
        .year();
    let from = new_year(year - 1).ok_or_else(unknown)?;
    let until = new_year(year + YEARS_AHEAD).ok_or_else(unknown)?;

    let mut transitions = vec![(from.as_second(), zone.to_offset(from).seconds())];
    for transition in zone.following(from).take_while(|t| t.timestamp() < until) {
        let offset = transition.offset().seconds();
        // Some transitions change a zone's abbreviation alone.
        if transitions.last().is_none_or(|(_, last)| *last != offset) {
            transitions.push((transition.timestamp().as_second(), offset));
        }
    }
    Ok(ZoneTable {
        transitions,
        until: until.as_second(),
    })
}

fn new_year(year: i16) -> Option<jiff::Timestamp> {
    let date = civil::Date::new(year, 1, 1).ok()?;
    Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp() + SignedDuration::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::from_millis(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
    }

    fn offset(table: &ZoneTable, second: i64) -> i32 {
        let next = table
            .transitions
            .partition_point(|(from, _)| *from <= second);
        table.transitions[next.saturating_sub(1)].1
    }

    #[test]
    fn a_table_agrees_with_the_database_at_every_hour_it_covers() {
        for name in [
            "Europe/Berlin",
            "America/New_York",
            "Asia/Kathmandu",
            "Australia/Lord_Howe",
        ] {
            let table = zone_table(name, at("2026-06-01T00:00:00Z")).unwrap();
            let zone = TimeZone::get(name).unwrap();
            let mut second = table.transitions[0].0;
            assert_eq!(second, at("2025-01-01T00:00:00Z").as_seconds());
            assert_eq!(table.until, at("2036-01-01T00:00:00Z").as_seconds());
            while second < table.until {
                let instant = jiff::Timestamp::from_second(second).unwrap();
                assert_eq!(
                    offset(&table, second),
                    zone.to_offset(instant).seconds(),
                    "{instant}"
                );
                second += 1800;
            }
        }
    }

    #[test]
    fn a_table_is_the_same_all_through_a_calendar_year() {
        let made = |when| zone_table("Europe/Berlin", at(when)).unwrap();
        assert_eq!(
            made("2026-01-01T00:00:00Z"),
            made("2026-12-31T23:59:59.999Z")
        );
        assert_ne!(
            made("2026-12-31T23:59:59.999Z"),
            made("2027-01-01T00:00:00Z")
        );
    }

    #[test]
    fn utc_has_one_entry() {
        assert_eq!(
            zone_table("UTC", at("2026-01-01T00:00:00Z"))
                .unwrap()
                .transitions
                .len(),
            1
        );
    }

    #[test]
    fn an_unknown_zone_is_named() {
        for name in ["Mars/Olympus", "", "../etc/passwd", "Etc/Unknown"] {
            let error = zone_table(name, at("2026-01-01T00:00:00Z")).unwrap_err();
            assert!(
                error.to_string().starts_with(&format!("`{name}` is not")),
                "{error}"
            );
        }
    }
}
