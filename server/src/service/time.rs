//! RFC 3339 text and instants.

use jiff::tz::Offset;
use oneclaw_core::clock::Timestamp;
use oneclaw_core::path::excerpt;

use super::error::{Result, ServiceError};

/// `2026-01-31T12:00:00Z`, with milliseconds where there are any.
pub fn format(at: Timestamp) -> String {
    match jiff::Timestamp::from_millisecond(at.as_millis()) {
        Ok(at) => at
            .display_with_offset(Offset::UTC)
            .to_string()
            .replace("+00:00", "Z"),
        // Out of the calendar's range: the nearest that it can say.
        Err(_) if at.as_millis() < 0 => "0000-01-01T00:00:00Z".to_owned(),
        Err(_) => "9999-12-31T23:59:59Z".to_owned(),
    }
}

/// Like [`format()`], for what may be absent.
pub fn format_option(at: Option<Timestamp>) -> Option<String> {
    at.map(format)
}

/// Reads RFC 3339 with any offset.
///
/// # Errors
/// Names the field.
pub fn parse(field: &str, text: &str) -> Result<Timestamp> {
    text.parse::<jiff::Timestamp>()
        .map(|at| Timestamp::from_millis(at.as_millisecond()))
        .map_err(|_| {
            ServiceError::field(
                field,
                format!(
                    "`{}` is not an RFC 3339 time, such as `2026-12-31T00:00:00Z`",
                    excerpt(text)
                ),
            )
        })
}

/// Reads an optional time; empty text counts as absent.
///
/// # Errors
/// Names the field.
pub fn parse_option(field: &str, text: Option<&str>) -> Result<Option<Timestamp>> {
    text.filter(|text| !text.is_empty())
        .map(|text| parse(field, text))
        .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_travel_in_utc_whatever_offset_they_came_with() {
        let at = parse("t", "2026-06-01T02:00:00+02:00").unwrap();
        assert_eq!(format(at), "2026-06-01T00:00:00Z");
        assert_eq!(format(at.plus_millis(5)), "2026-06-01T00:00:00.005Z");
        assert!(parse("t", "2026-06-01").is_err());
        assert!(parse("t", "tomorrow").is_err());
        assert_eq!(parse_option("t", Some("")).unwrap(), None);
    }
}
