//! Time windows in local wall time, for plugins that have neither a clock nor a zone database: the host gives the time
//! with each request and the offsets of zones with the settings.

/// Minutes in a day.
pub const MINUTES_PER_DAY: u16 = 24 * 60;

const SECONDS_PER_DAY: i64 = 86_400;

/// No zone is further from UTC than this; a larger offset is a slip.
const MAX_OFFSET_SECONDS: u32 = 26 * 3600;

/// The offsets of a zone over the years that matter, as the host worked them out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    /// From this second on local time is UTC plus so many seconds. Ascending, never empty; the first entry also covers
    /// everything before it.
    transitions: Box<[(i64, i32)]>,
    /// From this second on nothing is known.
    until: i64,
}

impl Zone {
    /// `transitions` are `(from, offset)`: from this second since the epoch on local time is UTC plus so many seconds.
    /// From second `until` on nothing is known.
    ///
    /// # Errors
    /// Says what would be right: at least one transition, in ascending order, with offsets of at most 26 hours.
    pub fn new(transitions: Vec<(i64, i32)>, until: i64) -> Result<Self, &'static str> {
        if transitions.is_empty() {
            return Err("must have at least one transition");
        }
        if !transitions.is_sorted_by(|(a, _), (b, _)| a < b) {
            return Err("must have its transitions in ascending order");
        }
        if transitions
            .iter()
            .any(|(_, offset)| offset.unsigned_abs() > MAX_OFFSET_SECONDS)
        {
            return Err("must have offsets of at most 26 hours");
        }
        Ok(Self {
            transitions: transitions.into_boxed_slice(),
            until,
        })
    }

    /// The weekday (0 is Monday) and the minute of the day, or nothing if the table does not reach that far.
    fn local(&self, at_ms: i64) -> Option<(u8, u16)> {
        let at = at_ms.div_euclid(1000);
        if at >= self.until {
            return None;
        }
        let later = self.transitions.partition_point(|(from, _)| *from <= at);
        let (_, offset) = self.transitions.get(later.saturating_sub(1))?;
        let local = at.saturating_add(i64::from(*offset));
        let minute = local.rem_euclid(SECONDS_PER_DAY) / 60;
        // 1970-01-01 was a Thursday.
        let weekday = (local.div_euclid(SECONDS_PER_DAY) + 3).rem_euclid(7);
        Some((u8::try_from(weekday).ok()?, u16::try_from(minute).ok()?))
    }
}

/// A span of the day, on certain days of the week. Check the numbers
/// when you take them in: outside their ranges the window is not defined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Opens at this minute of the day, 0 to 1439.
    pub after_minute: u16,
    /// Closes before this one, 0 to 1440. Smaller than `after_minute`: on the next day. Equal: open the whole (calendar) day.
    pub before_minute: u16,
    /// Bit `n`: may open on the day `n` days after Monday. 1 to 127.
    pub days: u8,
}

impl Window {
    /// Whether the window is open. It is closed at instants for which the zone's offset is not known.
    pub fn is_open(&self, zone: &Zone, at_ms: i64) -> bool {
        let Some((weekday, minute)) = zone.local(at_ms) else {
            return false;
        };
        let (after, before) = (self.after_minute, self.before_minute);
        let opened_on = if after == before {
            Some(weekday)
        } else if after < before {
            (after <= minute && minute < before).then_some(weekday)
        } else if minute >= after {
            Some(weekday)
        } else {
            let yesterday = if weekday == 0 { 6 } else { weekday - 1 };
            (minute < before).then_some(yesterday)
        };
        opened_on.is_some_and(|day| self.days >> day & 1 == 1)
    }
}

#[cfg(test)]
mod tests;
