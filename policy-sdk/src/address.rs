//! Text of an [`Address`], and its order.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error};

use crate::Address;

/// Text that is not an address: `0x` and 40 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAnAddress;

impl fmt::Display for NotAnAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("must be an address: `0x` and 40 hexadecimal digits")
    }
}

impl std::error::Error for NotAnAddress {}

impl Address {
    /// The address that nobody has.
    pub const ZERO: Self = Self {
        high: 0,
        middle: 0,
        low: 0,
    };
}

impl PartialOrd for Address {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Address {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |address: &Self| (address.high, address.middle, address.low);
        key(self).cmp(&key(other))
    }
}

impl fmt::Display for Address {
    /// In lower case: a checksum (EIP-55) would need a hash function in every plugin.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "0x{:016x}{:016x}{:08x}",
            self.high, self.middle, self.low
        )
    }
}

impl FromStr for Address {
    type Err = NotAnAddress;

    /// Reads digits of either case; a checksum (EIP-55) is the host's to check.
    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        let digits = text.strip_prefix("0x").ok_or(NotAnAddress)?;
        // Also keeps out the sign that reading an integer would take.
        if digits.len() != 40 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(NotAnAddress);
        }
        let number = |from, to| {
            let digits: &str = digits.get(from..to)?;
            u64::from_str_radix(digits, 16).ok()
        };
        let low = number(32, 40).and_then(|low| u32::try_from(low).ok());
        Ok(Self {
            high: number(0, 16).ok_or(NotAnAddress)?,
            middle: number(16, 32).ok_or(NotAnAddress)?,
            low: low.ok_or(NotAnAddress)?,
        })
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "0x0123456789abcdeffedcba987654321089abcdef";

    #[test]
    fn an_address_is_read_and_written() {
        let address: Address = TEXT.parse().unwrap();
        assert_eq!(
            address,
            Address {
                high: 0x0123_4567_89ab_cdef,
                middle: 0xfedc_ba98_7654_3210,
                low: 0x89ab_cdef,
            }
        );
        assert_eq!(address.to_string(), TEXT);
        let shouted = TEXT.to_uppercase().replace("0X", "0x");
        assert_eq!(shouted.parse(), Ok(address));
        assert!(Address::ZERO < address);
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long = format!("{TEXT}0");
        for bad in [
            "",
            "0x",
            TEXT.trim_start_matches("0x"),
            TEXT.trim_end_matches('f'),
            &long,
            "0x+123456789abcdeffedcba987654321089abcdef",
            "0x0123456789abcdeffedcba98765432108ä9abcd",
        ] {
            assert_eq!(bad.parse::<Address>(), Err(NotAnAddress), "{bad}");
        }
    }
}
