//! Answers of nodes, read strictly. Errors say what is wrong, for "the node answered `x` with …".

use alloy::primitives::{Address, B256, Bytes, U256};
use oneclaw_core::amount::Amount;
use serde_json::Value;

/// A quantity: `0x` and 1 to 64 hexadecimal digits.
pub fn amount(value: &Value) -> Result<Amount, String> {
    let digits = value
        .as_str()
        .and_then(|text| text.strip_prefix("0x"))
        .filter(|digits| matches!(digits.len(), 1..=64))
        .filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
    digits
        .and_then(|digits| U256::from_str_radix(digits, 16).ok())
        .map(Amount::from)
        .ok_or_else(|| "something that is not a hexadecimal quantity".to_owned())
}

/// A quantity below 2^64.
pub fn number(value: &Value) -> Result<u64, String> {
    amount(value)?
        .try_into()
        .map_err(|_| "a quantity of 2^64 or more".to_owned())
}

/// Bytes: `0x` and an even number of hexadecimal digits.
pub fn bytes(value: &Value) -> Result<Bytes, String> {
    hex(value, "hexadecimal bytes")
}

/// 32 bytes.
pub fn hash(value: &Value) -> Result<B256, String> {
    hex(value, "32 hexadecimal bytes")
}

/// 20 bytes.
pub fn address(value: &Value) -> Result<Address, String> {
    hex(value, "an address")
}

fn hex<T: std::str::FromStr>(value: &Value, wanted: &str) -> Result<T, String> {
    value
        .as_str()
        .filter(|text| text.starts_with("0x"))
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| format!("something that is not {wanted}"))
}

/// A field of an object, read with `read`.
pub fn field<T>(
    value: &Value,
    name: &str,
    read: impl Fn(&Value) -> Result<T, String>,
) -> Result<T, String> {
    let field = value
        .get(name)
        .ok_or_else(|| format!("something that has no `{name}`"))?;
    read(field).map_err(|what| format!("{what} as `{name}`"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn quantities_are_hexadecimal_strings_and_nothing_else() {
        assert_eq!(number(&json!("0x0")), Ok(0));
        assert_eq!(number(&json!("0xffffffffffffffff")), Ok(u64::MAX));
        assert_eq!(
            amount(&json!(format!("0x{}", "f".repeat(64)))),
            Ok(Amount::MAX)
        );
        for bad in [
            json!(1),
            json!("1"),
            json!("0x"),
            json!("0x_1"),
            json!("0xg"),
            json!("-0x1"),
            json!("0x-1"),
            json!(null),
            json!({}),
            json!("0x10000000000000000"),
            json!(format!("0x1{}", "0".repeat(64))),
        ] {
            assert!(number(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn hashes_addresses_and_bytes_have_their_length() {
        assert!(hash(&json!(format!("0x{}", "ab".repeat(32)))).is_ok());
        assert!(hash(&json!(format!("0x{}", "ab".repeat(31)))).is_err());
        assert!(hash(&json!("ab".repeat(32))).is_err());
        assert!(address(&json!(format!("0x{}", "ab".repeat(20)))).is_ok());
        assert!(address(&json!(format!("0x{}", "ab".repeat(21)))).is_err());
        assert!(bytes(&json!("0x")).is_ok());
        assert!(bytes(&json!("0xabc")).is_err());
    }
}
