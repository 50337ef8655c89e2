//! How much a plugin may take. Every limit has a range, and no range has an end called "unlimited".

use std::ops::RangeInclusive;

use crate::error::LimitError;

macro_rules! limits {
    ($($(#[$doc:meta])* $field:ident / $setter:ident = $default:expr, $range:expr;)*) => {
        /// What a plugin may take of the machine. Made from [`Limits::default`] and changed one value at a time;
        /// a value outside its range is refused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub struct Limits {
            $($field: u64,)*
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        impl Limits {
            $(
                $(#[$doc])*
                #[must_use]
                pub const fn $field(&self) -> u64 {
                    self.$field
                }

                #[doc = concat!("Sets [`Self::", stringify!($field), "`].")]
                ///
                /// # Errors
                #[doc = concat!("Outside the range `", stringify!($range), "`.")]
                pub fn $setter(self, value: u64) -> Result<Self, LimitError> {
                    Ok(Self { $field: within(stringify!($field), value, $range)?, ..self })
                }
            )*
        }
    };
}

limits! {
    /// Units of fuel for one decision. About one unit an instruction; 10 million take less than a millisecond.
    fuel_per_decision / with_fuel_per_decision = 10_000_000, 10_000..=10_000_000_000;
    /// Units of fuel for taking in settings once, which includes starting the component.
    fuel_per_configure / with_fuel_per_configure = 200_000_000, 10_000..=100_000_000_000;
    /// Wall-clock milliseconds for one decision: the net below fuel. A thread that was not given a processor gets more,
    /// a plugin that is busy is stopped after half as long again.
    deadline_ms / with_deadline_ms = 2, 1..=60_000;
    /// Wall-clock milliseconds for taking in settings, counted like [`Self::deadline_ms`].
    configure_deadline_ms / with_configure_deadline_ms = 100, 1..=600_000;
    /// Bytes of linear memory. Small, because filling it is what a hog does until it is stopped.
    memory_bytes / with_memory_bytes = 4 << 20, 64 << 10..=256 << 20;
    /// Elements of a table.
    table_elements / with_table_elements = 10_000, 16..=1_000_000;
    /// Bytes of host memory that one answer of a plugin may fill.
    reply_bytes / with_reply_bytes = 64 << 10, 1 << 10..=4 << 20;
    /// Bytes of a component at upload.
    component_bytes / with_component_bytes = 8 << 20, 1 << 10..=64 << 20;
    /// Bytes of settings.
    settings_bytes / with_settings_bytes = 1 << 20, 16..=16 << 20;
}

fn within(name: &'static str, value: u64, range: RangeInclusive<u64>) -> Result<u64, LimitError> {
    if range.contains(&value) {
        Ok(value)
    } else {
        Err(LimitError::new(name, value, range))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_outside_its_range_is_refused_by_name() {
        let error = Limits::default()
            .with_fuel_per_decision(u64::MAX)
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "`fuel_per_decision` is 18446744073709551615; it must be from 10000 to 10000000000"
        );
        for zero in [
            Limits::default().with_fuel_per_decision(0),
            Limits::default().with_fuel_per_configure(0),
            Limits::default().with_deadline_ms(0),
            Limits::default().with_configure_deadline_ms(0),
            Limits::default().with_memory_bytes(0),
            Limits::default().with_table_elements(0),
            Limits::default().with_reply_bytes(0),
            Limits::default().with_component_bytes(0),
            Limits::default().with_settings_bytes(0),
        ] {
            assert!(zero.is_err());
        }
    }

    #[test]
    fn the_defaults_are_within_their_own_ranges() {
        let d = Limits::default();
        let again = d
            .with_fuel_per_decision(d.fuel_per_decision())
            .and_then(|l| l.with_fuel_per_configure(d.fuel_per_configure()))
            .and_then(|l| l.with_deadline_ms(d.deadline_ms()))
            .and_then(|l| l.with_configure_deadline_ms(d.configure_deadline_ms()))
            .and_then(|l| l.with_memory_bytes(d.memory_bytes()))
            .and_then(|l| l.with_table_elements(d.table_elements()))
            .and_then(|l| l.with_reply_bytes(d.reply_bytes()))
            .and_then(|l| l.with_component_bytes(d.component_bytes()))
            .and_then(|l| l.with_settings_bytes(d.settings_bytes()));
        assert_eq!(again.unwrap(), d);
    }
}
