//! Comparison in a time that depends on the lengths alone.

use subtle::ConstantTimeEq;

/// Whether two strings are equal. Tells their lengths apart at once, their contents in constant time.
#[must_use]
pub fn equal(left: &str, right: &str) -> bool {
    equal_bytes(left.as_bytes(), right.as_bytes())
}

/// Whether two byte strings are equal. Tells their lengths apart at once, their contents in constant time.
#[must_use]
pub fn equal_bytes(left: &[u8], right: &[u8]) -> bool {
    left.ct_eq(right).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_plain_equality() {
        for (left, right) in [("", ""), ("a", "a"), ("a", "b"), ("a", ""), ("ab", "a")] {
            assert_eq!(equal(left, right), left == right, "{left} {right}");
        }
    }
}
