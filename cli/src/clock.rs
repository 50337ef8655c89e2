//! What time it is, and times as people write them.

use jiff::{Span, Timestamp, tz::TimeZone};

use crate::failure::Failure;

/// Now.
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// A time as it is given on a command line: RFC 3339, a date (midnight UTC), or a span from now such as `12h`, `30d`, `6m`
/// (months), `1y`. Gives RFC 3339.
///
/// # Errors
/// It is none of them, or the span does not lead to the future.
pub fn point_in_time(text: &str, now: Timestamp) -> Result<String, Failure> {
    if text.parse::<Timestamp>().is_ok() {
        return Ok(text.to_owned());
    }
    if let Ok(date) = text.parse::<jiff::civil::Date>()
        && let Ok(midnight) = date.to_zoned(TimeZone::UTC)
    {
        return Ok(midnight.timestamp().to_string());
    }
    let wrong = || {
        Failure::Usage(format!(
            "`{text}` is no time; write it as 2026-12-31T00:00:00Z, 2026-12-31, 12h, 30d, 6m or 1y"
        ))
    };
    let mut characters = text.chars();
    let unit = characters.next_back().ok_or_else(wrong)?;
    let count: i64 = characters.as_str().parse().map_err(|_| wrong())?;
    if !(1..=10_000).contains(&count) {
        return Err(wrong());
    }
    let span = match unit {
        'h' => Span::new().try_hours(count),
        'd' => Span::new().try_days(count),
        'w' => Span::new().try_weeks(count),
        'm' => Span::new().try_months(count),
        'y' => Span::new().try_years(count),
        _ => return Err(wrong()),
    };
    let end = span
        .and_then(|span| now.to_zoned(TimeZone::UTC).checked_add(span))
        .map_err(|_| wrong())?;
    let end = end.timestamp();
    Ok(Timestamp::from_second(end.as_second())
        .unwrap_or(end)
        .to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_people_write_them() {
        let now: Timestamp = "2026-01-31T08:00:00Z".parse().unwrap();
        let at = |text: &str| point_in_time(text, now).ok();
        for (text, expected) in [
            ("2026-06-01T00:00:00Z", "2026-06-01T00:00:00Z"),
            ("2026-06-01T02:00:00+02:00", "2026-06-01T02:00:00+02:00"),
            ("2026-06-01", "2026-06-01T00:00:00Z"),
            ("12h", "2026-01-31T20:00:00Z"),
            ("30d", "2026-03-02T08:00:00Z"),
            ("2w", "2026-02-14T08:00:00Z"),
            ("1m", "2026-02-28T08:00:00Z"),
            ("1y", "2027-01-31T08:00:00Z"),
        ] {
            assert_eq!(at(text).as_deref(), Some(expected), "{text}");
        }
        for wrong in [
            "", "d", "0d", "-1d", "5 days", "30s", "tomorrow", "99999y", "1é",
        ] {
            assert_eq!(at(wrong), None, "{wrong}");
        }
    }
}
