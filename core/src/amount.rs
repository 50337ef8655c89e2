//! Exact amounts: unsigned 256-bit integers in base units, and the decimal text that people write for them.

use std::fmt;
use std::str::FromStr;

use alloy::primitives::U256;
use serde::{Deserialize, Serialize};

/// Decimals of every native coin of the EVM chains: 1 ETH is 10^18 wei.
pub const NATIVE_DECIMALS: u8 = 18;

/// Most decimals that an ERC-20 token can have, and for which an amount can be written: 10^77 is the largest power of ten
/// below 2^256.
pub const MAX_DECIMALS: u8 = 77;

/// Longest text that is looked at, in bytes: 78 digits, a point, and as many zeros as anybody may want to pad.
const MAX_TEXT_BYTES: usize = 160;

/// An unsigned 256-bit integer in base units (wei). Never a float. On the wire and in records it is a decimal string.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(value_type = String))]
pub struct Amount(U256);

/// Text that is not an amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Something else than digits, with at most one point between them.
    #[error(
        "`{0}` is not a decimal number; write digits, such as `0.05`, without sign, exponent, spaces or `0x`"
    )]
    NotDecimal(String),
    /// More digits behind the point than there are.
    #[error("`{text}` has {given} digits behind the point; at most {most} make sense here")]
    TooManyDecimals {
        /// What was given.
        text: String,
        /// Digits behind the point.
        given: usize,
        /// Digits that the asset has.
        most: u8,
    },
    /// 2^256 or more base units.
    #[error("`{0}` is more than 2^256 - 1 base units")]
    TooLarge(String),
}

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(U256::ZERO);
    /// One base unit.
    pub const ONE: Self = Self(U256::ONE);
    /// 2^256 − 1.
    pub const MAX: Self = Self(U256::MAX);

    /// From limbs, least significant first.
    #[must_use]
    pub const fn from_limbs(limbs: [u64; 4]) -> Self {
        Self(U256::from_limbs(limbs))
    }

    /// The limbs, least significant first.
    #[must_use]
    pub const fn limbs(&self) -> [u64; 4] {
        *self.0.as_limbs()
    }

    /// The sum, or `None` beyond 2^256 − 1.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The sum, or 2^256 − 1.
    #[must_use]
    pub fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference, or `None` below zero.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// The difference, or zero.
    #[must_use]
    pub fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// The product, or `None` beyond 2^256 − 1.
    #[must_use]
    pub fn checked_mul(self, other: Self) -> Option<Self> {
        self.0.checked_mul(other.0).map(Self)
    }

    /// Whether this is nothing.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.0.is_zero()
    }

    /// Reads an amount that people write in units of 10^`decimals` base units, such as `0.05`. Exact: every digit counts
    /// and none is rounded away.
    ///
    /// `decimals` above [`MAX_DECIMALS`] count as that.
    ///
    /// # Errors
    /// [`AmountError`], for anything but digits with at most one point that has digits on both sides.
    pub fn parse_units(text: &str, decimals: u8) -> Result<Self, AmountError> {
        let decimals = decimals.min(MAX_DECIMALS);
        let excerpt = || crate::path::excerpt(text);
        let (whole, fraction) = match text.split_once('.') {
            Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
            Some(_) => return Err(AmountError::NotDecimal(excerpt())),
            None => (text, ""),
        };
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || text.len() > MAX_TEXT_BYTES || !digits(whole) || !digits(fraction) {
            return Err(AmountError::NotDecimal(excerpt()));
        }
        if fraction.len() > usize::from(decimals) {
            return Err(AmountError::TooManyDecimals {
                text: excerpt(),
                given: fraction.len(),
                most: decimals,
            });
        }
        let zeros = usize::from(decimals) - fraction.len();
        let mut sum = U256::ZERO;
        let padded = whole
            .bytes()
            .chain(fraction.bytes())
            .chain(std::iter::repeat_n(b'0', zeros));
        for digit in padded {
            sum = sum
                .checked_mul(U256::from(10))
                .and_then(|sum| sum.checked_add(U256::from(digit - b'0')))
                .ok_or_else(|| AmountError::TooLarge(excerpt()))?;
        }
        Ok(Self(sum))
    }

    /// The shortest decimal text in units of 10^`decimals` base units: the inverse of [`Amount::parse_units`].
    #[must_use]
    pub fn to_units(&self, decimals: u8) -> String {
        let decimals = usize::from(decimals.min(MAX_DECIMALS));
        let digits = self.0.to_string();
        let padded = format!("{digits:0>width$}", width = decimals + 1);
        let (whole, fraction) = padded
            .split_at_checked(padded.len() - decimals)
            .unwrap_or((&padded, ""));
        let fraction = fraction.trim_end_matches('0');
        if fraction.is_empty() {
            whole.to_owned()
        } else {
            format!("{whole}.{fraction}")
        }
    }
}

impl fmt::Display for Amount {
    /// Base units, in decimal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Amount {
    type Err = AmountError;

    /// Reads base units: digits and nothing else.
    fn from_str(text: &str) -> Result<Self, AmountError> {
        Self::parse_units(text, 0)
    }
}

impl TryFrom<String> for Amount {
    type Error = AmountError;

    fn try_from(text: String) -> Result<Self, AmountError> {
        text.parse()
    }
}

impl From<Amount> for String {
    fn from(amount: Amount) -> Self {
        amount.to_string()
    }
}

impl From<u64> for Amount {
    fn from(amount: u64) -> Self {
        Self(U256::from(amount))
    }
}

impl From<u128> for Amount {
    fn from(amount: u128) -> Self {
        Self(U256::from(amount))
    }
}

impl From<U256> for Amount {
    fn from(amount: U256) -> Self {
        Self(amount)
    }
}

impl From<Amount> for U256 {
    fn from(amount: Amount) -> Self {
        amount.0
    }
}

/// What does not fit, for example into the 128 bits of a fee.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} base units are more than this field can hold")]
pub struct DoesNotFit(Amount);

impl TryFrom<Amount> for u128 {
    type Error = DoesNotFit;

    fn try_from(amount: Amount) -> Result<Self, DoesNotFit> {
        Self::try_from(amount.0).map_err(|_| DoesNotFit(amount))
    }
}

impl TryFrom<Amount> for u64 {
    type Error = DoesNotFit;

    fn try_from(amount: Amount) -> Result<Self, DoesNotFit> {
        Self::try_from(amount.0).map_err(|_| DoesNotFit(amount))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rust_decimal::Decimal;

    use super::*;

    fn wei(text: &str) -> Result<Amount, AmountError> {
        Amount::parse_units(text, NATIVE_DECIMALS)
    }

    #[test]
    fn amounts_are_read_exactly_to_the_last_base_unit() {
        assert_eq!(wei("0.000000000000000001").unwrap(), Amount::ONE);
        assert_eq!(
            wei("1").unwrap(),
            Amount::from(1_000_000_000_000_000_000_u64)
        );
        assert_eq!(wei("0").unwrap(), Amount::ZERO);
        assert_eq!(wei("007.50").unwrap(), wei("7.5").unwrap());
        assert_eq!(
            wei("79228162514.264337593543950336").unwrap().to_string(),
            "79228162514264337593543950336",
            "one more than rust_decimal can hold"
        );
    }

    #[test]
    fn the_largest_amount_has_78_digits_and_one_more_is_refused() {
        let most = U256::MAX.to_string();
        assert_eq!(most.len(), 78);
        assert_eq!(most.parse::<Amount>().unwrap(), Amount::MAX);
        let in_ether = Amount::MAX.to_units(18);
        assert_eq!(wei(&in_ether).unwrap(), Amount::MAX);
        for more in [
            "115792089237316195423570985008687907853269984665640564039457584007913129639936",
            &"9".repeat(78),
            &"9".repeat(79),
        ] {
            assert!(
                matches!(more.parse::<Amount>(), Err(AmountError::TooLarge(_))),
                "{more}"
            );
        }
        assert!(matches!(
            wei("115792089237316195423570985008687907853269984665640564039457.584007913129639936"),
            Err(AmountError::TooLarge(_))
        ));
        assert_eq!(Amount::MAX.checked_add(Amount::ONE), None);
        assert_eq!(Amount::MAX.checked_mul(Amount::from(2_u64)), None);
        assert_eq!(Amount::ZERO.checked_sub(Amount::ONE), None);
    }

    #[test]
    fn what_is_not_plain_decimal_is_refused() {
        for bad in [
            "",
            " ",
            "1 ",
            " 1",
            "+1",
            "-1",
            "-0",
            ".5",
            "5.",
            ".",
            "1.2.3",
            "0x1",
            "1e18",
            "1_000",
            "1,5",
            "½",
            "١",
            "NaN",
            "inf",
            "1\n",
            &"1".repeat(161),
        ] {
            assert!(
                matches!(wei(bad), Err(AmountError::NotDecimal(_))),
                "{bad:?}"
            );
        }
        assert_eq!(
            wei("0.0000000000000000001"),
            Err(AmountError::TooManyDecimals {
                text: "0.0000000000000000001".to_owned(),
                given: 19,
                most: 18
            })
        );
        assert!("1.5".parse::<Amount>().is_err(), "base units have no point");
    }

    proptest! {
        #[test]
        fn text_and_amount_round_trip(limbs: [u64; 4], decimals in 0_u8..=77) {
            let amount = Amount::from_limbs(limbs);
            prop_assert_eq!(Amount::parse_units(&amount.to_units(decimals), decimals).unwrap(), amount);
            prop_assert_eq!(amount.to_string().parse::<Amount>().unwrap(), amount);
            prop_assert_eq!(amount.limbs(), limbs);
        }

        #[test]
        fn where_rust_decimal_is_exact_both_agree(mantissa in 0_u64.., scale in 0_u32..=18) {
            let decimal = Decimal::from_i128_with_scale(mantissa.into(), scale);
            let base_units = u128::from(mantissa) * 10_u128.pow(18 - scale);
            prop_assert_eq!(wei(&decimal.to_string()).unwrap(), Amount::from(base_units));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,200}", decimals: u8) {
            let _ = Amount::parse_units(&text, decimals);
        }
    }
}
