use super::*;
use jiff::civil::{DateTime, Weekday, time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use proptest::prelude::*;

const FROM: &str = "2025-01-01T00:00:00Z";
const UNTIL: &str = "2036-01-01T00:00:00Z";

/// Zones with one hour of daylight saving in either hemisphere, half an hour of it, half and quarter hours of offset, the
/// extremes of both, and none at all.
const ZONES: [&str; 12] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
    "Asia/Kathmandu",
    "Africa/Casablanca",
    "America/Santiago",
    "Africa/Cairo",
];

fn second(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().as_second()
}

fn zone(name: &str) -> (TimeZone, Zone) {
    let tz = TimeZone::get(name).unwrap();
    let from = Timestamp::from_second(second(FROM)).unwrap();
    let until = second(UNTIL);
    let mut transitions = vec![(from.as_second(), tz.to_offset(from).seconds())];
    transitions.extend(
        tz.following(from)
            .take_while(|t| t.timestamp().as_second() < until)
            .map(|t| (t.timestamp().as_second(), t.offset().seconds())),
    );
    (tz, Zone::new(transitions, until).unwrap())
}

fn day_bit(weekday: Weekday) -> u8 {
    1 << weekday.to_monday_zero_offset()
}

/// Whether a window that opened on the day of `civil` or on the day before is still open, by the calendar.
fn open_by_calendar(window: &Window, civil: DateTime) -> bool {
    let (after, before) = (
        i64::from(window.after_minute),
        i64::from(window.before_minute),
    );
    [civil.date(), civil.date().yesterday().unwrap()]
        .into_iter()
        .filter(|day| window.days & day_bit(day.weekday()) != 0)
        .any(|day| {
            let midnight = day.to_datetime(time(0, 0, 0, 0));
            let (opens, closes) = match after.cmp(&before) {
                std::cmp::Ordering::Less => (after, before),
                std::cmp::Ordering::Equal => (0, 1440),
                std::cmp::Ordering::Greater => (after, 1440 + before),
            };
            midnight + opens.minutes() <= civil && civil < midnight + closes.minutes()
        })
}

fn window(after: (u16, u16), before: (u16, u16), days: &[Weekday]) -> Window {
    Window {
        after_minute: after.0 * 60 + after.1,
        before_minute: before.0 * 60 + before.1,
        days: match days {
            [] => 127,
            days => days.iter().map(|day| day_bit(*day)).sum(),
        },
    }
}

fn is_open(window: &Window, name: &str, at: &str) -> bool {
    let at: Timestamp = at.parse().unwrap();
    window.is_open(&zone(name).1, at.as_millisecond())
}

#[test]
fn a_window_is_open_from_its_first_minute_until_before_its_last() {
    let office = window((8, 0), (20, 0), &[]);
    assert!(!is_open(&office, "UTC", "2026-11-23T07:59:59.999Z"));
    assert!(is_open(&office, "UTC", "2026-11-23T08:00:00Z"));
    assert!(is_open(&office, "UTC", "2026-11-23T19:59:59.999Z"));
    assert!(!is_open(&office, "UTC", "2026-11-23T20:00:00Z"));
}

#[test]
fn past_midnight_counts_the_day_on_which_the_window_opened() {
    let friday_night = window((22, 0), (6, 0), &[Weekday::Friday]);
    // 2026-11-27 is a Friday.
    assert!(is_open(&friday_night, "UTC", "2026-11-27T22:00:00Z"));
    assert!(is_open(&friday_night, "UTC", "2026-11-28T01:30:00Z"));
    assert!(!is_open(&friday_night, "UTC", "2026-11-28T06:00:00Z"));
    assert!(!is_open(&friday_night, "UTC", "2026-11-27T01:30:00Z"));
    assert!(!is_open(&friday_night, "UTC", "2026-11-28T22:00:00Z"));
}

#[test]
fn past_midnight_on_monday_counts_as_sunday() {
    let sunday_night = window((22, 0), (6, 0), &[Weekday::Sunday]);
    assert!(is_open(&sunday_night, "UTC", "2026-11-23T05:00:00Z"));
}

#[test]
fn equal_ends_mean_the_whole_calendar_day() {
    let mondays = window((9, 0), (9, 0), &[Weekday::Monday]);
    assert!(is_open(&mondays, "UTC", "2026-11-23T00:00:00Z"));
    assert!(is_open(&mondays, "UTC", "2026-11-23T23:59:59Z"));
    assert!(!is_open(&mondays, "UTC", "2026-11-24T03:00:00Z"));
}

#[test]
fn an_hour_that_comes_twice_is_in_the_window_both_times() {
    // Berlin sets its clocks back from 03:00 to 02:00 on 2026-10-25.
    let small_hours = window((2, 0), (3, 0), &[]);
    assert!(!is_open(
        &small_hours,
        "Europe/Berlin",
        "2026-10-24T23:59:00Z"
    ));
    assert!(is_open(
        &small_hours,
        "Europe/Berlin",
        "2026-10-25T00:30:00Z"
    ));
    assert!(is_open(
        &small_hours,
        "Europe/Berlin",
        "2026-10-25T01:30:00Z"
    ));
    assert!(!is_open(
        &small_hours,
        "Europe/Berlin",
        "2026-10-25T02:00:00Z"
    ));
}

#[test]
fn an_hour_that_is_skipped_opens_nothing() {
    // Berlin sets its clocks forward from 02:00 to 03:00 on 2026-03-29.
    let small_hours = window((2, 0), (3, 0), &[]);
    for at in [
        "2026-03-29T00:59:59Z",
        "2026-03-29T01:00:00Z",
        "2026-03-29T01:59:59Z",
    ] {
        assert!(!is_open(&small_hours, "Europe/Berlin", at), "{at}");
    }
}

#[test]
fn a_window_is_closed_where_the_table_ends() {
    let always = window((0, 0), (24, 0), &[]);
    assert!(is_open(
        &always,
        "Europe/Berlin",
        "2035-12-31T23:59:59.999Z"
    ));
    assert!(!is_open(&always, "Europe/Berlin", UNTIL));
    assert!(!always.is_open(&zone("UTC").1, i64::MAX));
}

#[test]
fn the_first_entry_covers_everything_before_it() {
    let always = window((0, 0), (24, 0), &[]);
    assert!(is_open(&always, "Europe/Berlin", "2001-01-01T00:00:00Z"));
    assert!(always.is_open(&zone("UTC").1, i64::MIN));
}

#[test]
fn tables_that_cannot_be_searched_are_refused() {
    assert!(Zone::new(vec![], 0).is_err());
    assert!(Zone::new(vec![(5, 0), (5, 3600)], 9).is_err());
    assert!(Zone::new(vec![(5, 0), (4, 3600)], 9).is_err());
    assert!(Zone::new(vec![(0, i32::MIN)], 9).is_err());
}

/// Any instant of the table, half of the time one within three hours of a change of offset.
fn instant(zone: &Zone, pick: usize, noise: i64, near: bool) -> i64 {
    let (from, until) = (second(FROM) * 1000, second(UNTIL) * 1000);
    let anywhere = from + noise.rem_euclid(until - from);
    let (change, _) = zone.transitions[pick % zone.transitions.len()];
    if near {
        (change * 1000 + noise % (3 * 3_600_000)).clamp(from, until - 1)
    } else {
        anywhere
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn agrees_with_the_calendar(
        zone_index in 0..ZONES.len(),
        after_minute in 0u16..1440,
        length in prop_oneof![Just(0u16), 1u16..1440],
        to_midnight in any::<bool>(),
        days in 1u8..128,
        pick in any::<usize>(),
        noise in any::<i64>(),
        near in any::<bool>(),
    ) {
        let (tz, table) = zone(ZONES[zone_index]);
        let before_minute = if to_midnight { 1440 } else { (after_minute + length) % 1440 };
        let window = Window { after_minute, before_minute, days };
        let at_ms = instant(&table, pick, noise, near);
        let civil = tz.to_datetime(Timestamp::from_millisecond(at_ms).unwrap());
        prop_assert_eq!(
            window.is_open(&table, at_ms),
            open_by_calendar(&window, civil),
            "{:?} at {} in {}", window, civil, ZONES[zone_index]
        );
    }
}
