//! The smallest parts of what people write: addresses, amounts, counts. Each says itself what would be right.

use oneclaw_core::amount::{Amount, NATIVE_DECIMALS};
use oneclaw_core::path::excerpt;
use oneclaw_core::transaction::Address;
use rust_decimal::Decimal;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::super::error::{Result, ServiceError};

/// Decimals of a gwei, counted in wei.
const GWEI_DECIMALS: u32 = 9;

/// Reads a typed value; the error names the place below `field`.
pub(super) fn read<T: DeserializeOwned>(field: &str, value: &Value) -> Result<T> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let at = match (field, path.as_str()) {
            (_, ".") => field.to_owned(),
            ("", path) => path.to_owned(),
            (_, path) => format!("{field}.{path}"),
        };
        // Keys are user input, too.
        let at: String = at.chars().filter(|c| !c.is_control()).take(256).collect();
        ServiceError::field(at, error.inner())
    })
}

/// Takes `null` and empty text for nothing: some clients cannot send `null`.
pub(super) fn maybe<'de, D, T>(deserializer: D) -> std::result::Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        Value::String(text) if text.is_empty() => Ok(None),
        value => T::deserialize(value).map(Some).map_err(D::Error::custom),
    }
}

/// Reads an address: `0x` and 40 hexadecimal digits; digits of both cases must carry the checksum of EIP-55.
pub(super) fn address(text: &str) -> std::result::Result<Address, String> {
    let digits = text
        .strip_prefix("0x")
        .filter(|digits| digits.len() == 40 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
        .ok_or_else(|| {
            format!(
                "`{}` is not an EVM address: `0x` and 40 hexadecimal digits",
                excerpt(text)
            )
        })?;
    let has_one_case = !digits.bytes().any(|b| b.is_ascii_uppercase())
        || !digits.bytes().any(|b| b.is_ascii_lowercase());
    if has_one_case {
        text.parse().map_err(|_| "is not an address".to_owned())
    } else {
        Address::parse_checksummed(text, None).map_err(|_| {
            format!(
                "`{text}` has a wrong checksum (EIP-55); check every digit, or write it in lower case"
            )
        })
    }
}

/// Text, or a whole number for those who leave the quotes out. Numbers with a point have lost digits already.
fn decimal_text<'de, D: Deserializer<'de>>(
    deserializer: D,
    example: &str,
) -> std::result::Result<String, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::String(text) => Ok(text),
        Value::Number(number) if number.is_u64() => Ok(number.to_string()),
        _ => Err(D::Error::custom(format_args!(
            "must be text such as `\"{example}\"`"
        ))),
    }
}

/// An account or contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Account(pub(super) Address);

impl<'de> Deserialize<'de> for Account {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        address(&text).map(Self).map_err(D::Error::custom)
    }
}

/// Native coin, written in major units and kept in wei.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Native(pub(super) Amount);

impl<'de> Deserialize<'de> for Native {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = decimal_text(deserializer, "0.05")?;
        Amount::parse_units(&text, NATIVE_DECIMALS)
            .map(Self)
            .map_err(D::Error::custom)
    }
}

/// An amount whose unit depends on something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AnyAmount(String);

impl<'de> Deserialize<'de> for AnyAmount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        decimal_text(deserializer, "0.05").map(Self)
    }
}

impl AnyAmount {
    /// In base units of something with so many decimals.
    pub(super) fn with_decimals(&self, decimals: u8) -> std::result::Result<Amount, String> {
        Amount::parse_units(&self.0, decimals).map_err(|e| e.to_string())
    }
}

/// Base units, a whole number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BaseUnits(pub(super) Amount);

impl<'de> Deserialize<'de> for BaseUnits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = decimal_text(deserializer, "5000000")?;
        text.parse().map(Self).map_err(D::Error::custom)
    }
}

/// A price of gas, written in gwei and kept in wei.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gwei(pub(super) Amount);

impl<'de> Deserialize<'de> for Gwei {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = decimal_text(deserializer, "1.5")?;
        gwei(&text).map(Self).ok_or_else(|| {
            D::Error::custom(format_args!(
                "`{}` is not a price in gwei, such as `1.5`, with at most 9 decimals",
                excerpt(&text)
            ))
        })
    }
}

fn gwei(text: &str) -> Option<Amount> {
    // The parser is more generous: it takes signs, underscores and a point without digits around it.
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    let decimal = Decimal::from_str_exact(text).ok()?.normalize();
    let zeros = GWEI_DECIMALS.checked_sub(decimal.scale())?;
    let digits = u64::try_from(decimal.mantissa()).ok()?;
    Amount::from(digits).checked_mul(Amount::from(10_u64.checked_pow(zeros)?))
}

/// A whole number that is not negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Count(pub(super) u64);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        value
            .as_u64()
            .filter(|number| i64::try_from(*number).is_ok())
            .map(Self)
            .ok_or_else(|| D::Error::custom("must be a whole number, such as `100`"))
    }
}

/// A chain, by its name or its id, as text or number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ChainWord(pub(super) String);

impl<'de> Deserialize<'de> for ChainWord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        decimal_text(deserializer, "base").map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn wei_of_gwei(value: Value) -> Option<String> {
        let Gwei(amount) = read("x", &value).ok()?;
        Some(amount.to_string())
    }

    #[test]
    fn prices_in_gwei_are_exact() {
        for (text, wei) in [
            ("0", "0"),
            ("1", "1000000000"),
            ("1.5", "1500000000"),
            ("0.000000001", "1"),
            ("0.0000000010", "1"),
            ("18446744073709551615", "18446744073709551615000000000"),
        ] {
            assert_eq!(wei_of_gwei(json!(text)).as_deref(), Some(wei), "{text}");
        }
        assert_eq!(wei_of_gwei(json!(30)).as_deref(), Some("30000000000"));
    }

    #[test]
    fn what_is_not_a_price_in_gwei_is_refused() {
        for bad in [
            json!(""),
            json!("."),
            json!(".5"),
            json!("5."),
            json!("-1"),
            json!("+1"),
            json!("1e3"),
            json!("1_000"),
            json!(" 1"),
            json!("0x10"),
            json!("0.0000000001"),
            json!("99999999999999999999999999999999"),
            json!(1.5),
            json!(true),
        ] {
            assert_eq!(wei_of_gwei(bad.clone()), None, "{bad}");
        }
    }

    #[test]
    fn an_address_of_both_cases_must_have_its_checksum() {
        let sum = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
        assert!(address(sum).is_ok());
        assert!(address(&sum.to_lowercase()).is_ok());
        assert!(address(&sum.to_uppercase().replace("0X", "0x")).is_ok());
        for bad in [
            "0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
            "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
            " 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe",
            "0x",
            "9xQeWvG816bUx9EPjHmaT23yvVM2ZWbrrpZb9PusVFin",
            "vitalik.eth",
        ] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }
}
