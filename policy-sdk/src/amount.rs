//! Arithmetic with [`Amount`]: unsigned 256-bit integers in base units, exact and without any dependency.
//!
//! Nothing here wraps around. What cannot be held is `None`, and a plugin that meets it refuses.

use std::cmp::Ordering;
use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error};

use crate::Amount;

/// Most decimals of an asset for which a text can be read or written: 10^77 is the largest power of ten below 2^256.
pub const MAX_DECIMALS: u8 = 77;

/// Digits of 2^256 − 1.
const MOST_DIGITS: usize = 78;

/// Ten to the 19th, the largest power of ten that a limb holds.
const CHUNK: NonZeroU64 = match NonZeroU64::new(10_000_000_000_000_000_000) {
    Some(chunk) => chunk,
    None => NonZeroU64::MAX,
};
/// Digits of a remainder by [`CHUNK`].
const CHUNK_DIGITS: usize = 19;

/// Text that is not an amount: something else than digits with at most one point that has digits on both sides, more
/// digits behind the point than the asset has, or 2^256 and more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAnAmount;

impl fmt::Display for NotAnAmount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("must be a decimal number below 2^256, without sign, exponent or spaces")
    }
}

impl std::error::Error for NotAnAmount {}

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self::from_limbs([0; 4]);
    /// One base unit.
    pub const ONE: Self = Self::from_limbs([1, 0, 0, 0]);
    /// 2^256 − 1.
    pub const MAX: Self = Self::from_limbs([u64::MAX; 4]);

    /// From limbs, least significant first.
    #[must_use]
    pub const fn from_limbs([limb0, limb1, limb2, limb3]: [u64; 4]) -> Self {
        Self {
            limb0,
            limb1,
            limb2,
            limb3,
        }
    }

    /// The limbs, least significant first.
    #[must_use]
    pub const fn limbs(self) -> [u64; 4] {
        [self.limb0, self.limb1, self.limb2, self.limb3]
    }

    /// Whether this is nothing.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self == Self::ZERO
    }

    /// The sum, or `None` beyond 2^256 − 1.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let mut carry = false;
        let limbs = zip(self, other, |a, b| {
            let sum = u128::from(a) + u128::from(b) + u128::from(carry);
            let (high, low) = halves(sum);
            carry = high != 0;
            low
        });
        (!carry).then_some(limbs)
    }

    /// The sum, or 2^256 − 1.
    #[must_use]
    pub fn saturating_add(self, other: Self) -> Self {
        self.checked_add(other).unwrap_or(Self::MAX)
    }

    /// The difference, or `None` below zero.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        let mut borrow = false;
        let limbs = zip(self, other, |a, b| {
            let (difference, first) = a.overflowing_sub(b);
            let (difference, second) = difference.overflowing_sub(u64::from(borrow));
            borrow = first || second;
            difference
        });
        (!borrow).then_some(limbs)
    }

    /// The difference, or zero.
    #[must_use]
    pub fn saturating_sub(self, other: Self) -> Self {
        self.checked_sub(other).unwrap_or(Self::ZERO)
    }

    /// The product, or `None` beyond 2^256 − 1. What gas costs is such a product.
    #[must_use]
    pub fn checked_mul(self, factor: u64) -> Option<Self> {
        self.times_plus(factor, 0)
    }

    fn times_plus(self, factor: u64, summand: u64) -> Option<Self> {
        let mut carry = summand;
        let limbs = self.limbs().map(|limb| {
            // (2^64 − 1)² + 2^64 − 1 fits into 128 bits.
            let (high, low) = halves(u128::from(limb) * u128::from(factor) + u128::from(carry));
            carry = high;
            low
        });
        (carry == 0).then_some(Self::from_limbs(limbs))
    }

    /// The quotient, rounded up, or `None` for division by zero. Round up what counts against a limit.
    #[must_use]
    pub fn checked_div_ceil(self, divisor: u64) -> Option<Self> {
        let (quotient, remainder) = self.divided_by(NonZeroU64::new(divisor)?);
        if remainder == 0 {
            Some(quotient)
        } else {
            quotient.checked_add(Self::ONE)
        }
    }

    /// Quotient and remainder.
    fn divided_by(self, divisor: NonZeroU64) -> (Self, u64) {
        let divisor = u128::from(divisor.get());
        let mut remainder = 0_u64;
        let mut limbs = self.limbs();
        for limb in limbs.iter_mut().rev() {
            let dividend = (u128::from(remainder) << 64) | u128::from(*limb);
            // The remainder was below the divisor, so that the quotient fits into a limb.
            (_, *limb) = halves(dividend / divisor);
            (_, remainder) = halves(dividend % divisor);
        }
        (Self::from_limbs(limbs), remainder)
    }

    /// Reads an amount in units of 10^`decimals` base units, such as `0.05`. Exact: every digit counts and none is
    /// rounded away. `decimals` above [`MAX_DECIMALS`] count as that.
    ///
    /// # Errors
    /// [`NotAnAmount`].
    pub fn parse_units(text: &str, decimals: u8) -> Result<Self, NotAnAmount> {
        let decimals = usize::from(decimals.min(MAX_DECIMALS));
        let (whole, fraction) = match text.split_once('.') {
            Some((_, "")) => return Err(NotAnAmount),
            Some(parts) => parts,
            None => (text, ""),
        };
        if whole.is_empty() || fraction.len() > decimals || text.len() > 2 * MOST_DIGITS {
            return Err(NotAnAmount);
        }
        let padding = std::iter::repeat_n(b'0', decimals - fraction.len());
        let digits = whole.bytes().chain(fraction.bytes()).chain(padding);
        digits
            .map(|digit| digit.wrapping_sub(b'0'))
            .try_fold(Self::ZERO, |sum, digit| match digit {
                0..=9 => sum.times_plus(10, u64::from(digit)),
                _ => None,
            })
            .ok_or(NotAnAmount)
    }

    /// The shortest decimal text in units of 10^`decimals` base units, for messages: 50000000000000000 wei with 18
    /// decimals are `0.05`.
    #[must_use]
    pub fn to_units(self, decimals: u8) -> String {
        let decimals = usize::from(decimals.min(MAX_DECIMALS));
        // Least significant digit first.
        let mut digits = Vec::with_capacity(MOST_DIGITS + 2);
        let mut rest = self;
        while !rest.is_zero() {
            let (quotient, mut chunk) = rest.divided_by(CHUNK);
            for _ in 0..CHUNK_DIGITS {
                digits.push(char::from(b'0' + chunk.rem_euclid(10).to_le_bytes()[0]));
                chunk /= 10;
            }
            rest = quotient;
        }
        while digits.last() == Some(&'0') {
            digits.pop();
        }
        while digits.len() <= decimals {
            digits.push('0');
        }
        let zeros = digits.iter().take(decimals).take_while(|d| **d == '0');
        let zeros = zeros.count();
        let mut text = String::with_capacity(digits.len() + 1);
        for (place, digit) in digits.iter().enumerate().skip(zeros).rev() {
            text.push(*digit);
            if place == decimals && zeros < decimals {
                text.push('.');
            }
        }
        text
    }
}

fn zip(a: Amount, b: Amount, mut with: impl FnMut(u64, u64) -> u64) -> Amount {
    let mut limbs = a.limbs();
    for (limb, other) in limbs.iter_mut().zip(b.limbs()) {
        *limb = with(*limb, other);
    }
    Amount::from_limbs(limbs)
}

/// The upper and the lower half.
const fn halves(n: u128) -> (u64, u64) {
    ((n >> 64) as u64, n as u64)
}

impl Default for Amount {
    fn default() -> Self {
        Self::ZERO
    }
}

impl PartialOrd for Amount {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Amount {
    fn cmp(&self, other: &Self) -> Ordering {
        let most_significant_first = |amount: &Self| {
            let [limb0, limb1, limb2, limb3] = amount.limbs();
            [limb3, limb2, limb1, limb0]
        };
        most_significant_first(self).cmp(&most_significant_first(other))
    }
}

impl From<u64> for Amount {
    fn from(amount: u64) -> Self {
        Self::from_limbs([amount, 0, 0, 0])
    }
}

impl From<u128> for Amount {
    fn from(amount: u128) -> Self {
        let (high, low) = halves(amount);
        Self::from_limbs([low, high, 0, 0])
    }
}

impl FromStr for Amount {
    type Err = NotAnAmount;

    /// Reads base units: digits and nothing else.
    fn from_str(text: &str) -> Result<Self, NotAnAmount> {
        Self::parse_units(text, 0)
    }
}

impl fmt::Display for Amount {
    /// Base units, in decimal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_units(0))
    }
}

impl<'de> Deserialize<'de> for Amount {
    /// From a string of base units, as amounts stand in settings. Numbers are refused: readers of JSON make floats of
    /// them.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO_TO_THE_256_LESS_ONE: &str =
        "115792089237316195423570985008687907853269984665640564039457584007913129639935";

    fn amount(text: &str) -> Amount {
        text.parse().unwrap()
    }

    #[test]
    fn the_largest_amount_is_read_and_written_and_one_more_is_refused() {
        assert_eq!(amount(TWO_TO_THE_256_LESS_ONE), Amount::MAX);
        assert_eq!(Amount::MAX.to_string(), TWO_TO_THE_256_LESS_ONE);
        let one_more = TWO_TO_THE_256_LESS_ONE.replace("935", "936");
        assert_eq!(one_more.parse::<Amount>(), Err(NotAnAmount));
        assert_eq!(Amount::MAX.checked_add(Amount::ONE), None);
        assert_eq!(Amount::MAX.saturating_add(Amount::ONE), Amount::MAX);
    }

    #[test]
    fn sums_and_differences_carry_through_every_limb() {
        for limbs in 1..=3 {
            let mut below = [0; 4];
            below[..limbs].fill(u64::MAX);
            let mut above = [0; 4];
            above[limbs] = 1;
            let (below, above) = (Amount::from_limbs(below), Amount::from_limbs(above));
            assert_eq!(below.checked_add(Amount::ONE), Some(above));
            assert_eq!(above.checked_sub(Amount::ONE), Some(below));
            assert_eq!(below.checked_sub(above), None);
            assert_eq!(below.saturating_sub(above), Amount::ZERO);
            assert!(below < above);
        }
    }

    #[test]
    fn order_is_that_of_the_numbers() {
        let mut amounts: Vec<Amount> = (0..256)
            .map(|bit| {
                let mut limbs = [7; 4];
                limbs[bit / 64] = 1 << (bit % 64);
                for higher in limbs.iter_mut().skip(bit / 64 + 1) {
                    *higher = 0;
                }
                Amount::from_limbs(limbs)
            })
            .collect();
        let wanted = amounts.clone();
        amounts.reverse();
        amounts.sort_unstable();
        assert_eq!(amounts, wanted);
    }

    #[test]
    fn a_product_that_does_not_fit_is_none() {
        let wei = Amount::from(3_000_000_000_u64).checked_mul(21_000);
        assert_eq!(wei, Some(Amount::from(63_000_000_000_000_u64)));
        let half = Amount::from_limbs([0, 0, 0, 1 << 63]);
        assert_eq!(half.checked_mul(1), Some(half));
        assert_eq!(half.checked_mul(2), None);
        assert_eq!(Amount::MAX.checked_mul(0), Some(Amount::ZERO));
        assert_eq!(Amount::MAX.checked_mul(u64::MAX), None);
        assert_eq!(
            Amount::from_limbs([u64::MAX, u64::MAX, u64::MAX, 0]).checked_mul(u64::MAX),
            Some(Amount::from_limbs([1, u64::MAX, u64::MAX, u64::MAX - 1]))
        );
    }

    #[test]
    fn units_are_read_and_written_exactly() {
        for (text, decimals, base_units) in [
            ("0", 18, "0"),
            ("0.05", 18, "50000000000000000"),
            ("0.000000000000000001", 18, "1"),
            ("1.5", 6, "1500000"),
            ("100", 0, "100"),
            ("100", 2, "10000"),
            (
                "340282366920938463463374607431768211456.1",
                1,
                "3402823669209384634633746074317682114561",
            ),
        ] {
            let read = Amount::parse_units(text, decimals).unwrap();
            assert_eq!(read.to_string(), base_units, "{text}");
            assert_eq!(read.to_units(decimals), text);
        }
        assert_eq!(
            Amount::parse_units("007.50", 18),
            Amount::parse_units("7.5", 18)
        );
        for chunk in [CHUNK.get() - 1, CHUNK.get()] {
            assert_eq!(Amount::from(chunk).to_string(), chunk.to_string());
        }
    }

    #[test]
    fn a_quotient_is_rounded_up_and_never_below_what_it_came_from() {
        let ten = Amount::from(10_u64);
        assert_eq!(ten.checked_div_ceil(3), Some(Amount::from(4_u64)));
        assert_eq!(ten.checked_div_ceil(5), Some(Amount::from(2_u64)));
        assert_eq!(ten.checked_div_ceil(0), None);
        assert_eq!(Amount::ZERO.checked_div_ceil(7), Some(Amount::ZERO));
        assert_eq!(Amount::MAX.checked_div_ceil(1), Some(Amount::MAX));
        let third = Amount::MAX.checked_div_ceil(3).unwrap();
        assert_eq!(third.checked_mul(3), Some(Amount::MAX));
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for bad in [
            "", ".", "1.", ".5", "-1", "+1", "1e3", "0x10", "1,000", " 1", "1 ", "1.2.3", "1.234",
            "٣",
        ] {
            assert_eq!(Amount::parse_units(bad, 2), Err(NotAnAmount), "{bad}");
        }
        assert!(serde_json::from_str::<Amount>("1").is_err());
        assert_eq!(
            serde_json::from_str::<Amount>("\"12\"").unwrap(),
            Amount::from(12_u64)
        );
    }
}
