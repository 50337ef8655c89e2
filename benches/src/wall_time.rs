//! Local wall time, for engines that know no time zones: the request has to carry it.

use oneclaw_core::clock::Timestamp;
use oneclaw_core::conditions::ZoneTable;

/// What a clock on the wall shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Local {
    /// Minutes since midnight.
    pub minute: i64,
    /// Days since Monday.
    pub day: i64,
    /// The same of the day before.
    pub yesterday: i64,
}

impl Local {
    /// The wall time in a zone.
    #[must_use]
    pub fn of(zone: &ZoneTable, at: Timestamp) -> Self {
        let second = at.as_seconds();
        let later = zone
            .transitions
            .partition_point(|(from, _)| *from <= second);
        let offset = zone
            .transitions
            .get(later.saturating_sub(1))
            .map_or(0, |(_, offset)| i64::from(*offset));
        let local = second + offset;
        // 1970-01-01 was a Thursday.
        let day = (local.div_euclid(86_400) + 3).rem_euclid(7);
        Self {
            minute: local.rem_euclid(86_400) / 60,
            day,
            yesterday: (day + 6) % 7,
        }
    }
}

/// The name of a zone as an identifier.
#[must_use]
pub fn zone_key(zone: &str) -> String {
    zone.to_lowercase().replace('/', "_")
}
