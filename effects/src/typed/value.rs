//! Values of typed data: from JSON to what is hashed, and to the text that tells exactly that.

use std::fmt::Write as _;

use alloy::dyn_abi::DynSolValue;
use alloy::primitives::{Address, B256, I256, U256, hex, keccak256};
use serde_json::Value;

use super::TypedDataError;
use super::types::{Member, Stem, Types, too_much};

/// Structs and arrays within each other.
const MOST_DEPTH: usize = 32;

/// Longest piece of foreign text that is repeated in an error, in characters.
const MOST_SHOWN: usize = 64;

/// What was sent, shortened for an error.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(MOST_SHOWN).collect()
}

/// Reads values and writes down what it has read.
pub(super) struct Reader<'t> {
    types: &'t Types,
    /// Where it reads, for errors.
    path: String,
    /// Canonical JSON of what was read.
    text: String,
}

impl<'t> Reader<'t> {
    /// Reads a struct at `path`. Gives the values of its members and the text of all of it.
    pub(super) fn read(
        types: &'t Types,
        name: &str,
        path: &str,
        value: &Value,
    ) -> Result<(Vec<DynSolValue>, String), TypedDataError> {
        let mut reader = Self {
            types,
            path: path.to_owned(),
            text: String::new(),
        };
        let members = reader.members(name, value, 0)?;
        Ok((members, reader.text))
    }

    fn members(
        &mut self,
        name: &str,
        value: &Value,
        depth: usize,
    ) -> Result<Vec<DynSolValue>, TypedDataError> {
        let types = self.types;
        let declared = types
            .members(name)
            .ok_or_else(|| TypedDataError::UndefinedType {
                field: self.path.clone(),
                name: shown(name),
            })?;
        let object = value.as_object().ok_or_else(|| self.wrong("an object"))?;
        if object.len() > declared.len()
            || object
                .keys()
                .any(|key| !declared.iter().any(|member| member.name == *key))
        {
            let extra = object
                .keys()
                .find(|key| !declared.iter().any(|member| member.name == **key));
            return Err(TypedDataError::Undeclared {
                field: format!(
                    "{}.{}",
                    self.path,
                    extra.map_or_else(String::new, |key| shown(key))
                ),
            });
        }
        self.text.push('{');
        let mut values = Vec::with_capacity(declared.len());
        for (index, member) in declared.iter().enumerate() {
            let mark = self.path.len();
            let _ = write!(self.path, ".{}", member.name);
            let value = object
                .get(&member.name)
                .ok_or_else(|| TypedDataError::Missing {
                    field: self.path.clone(),
                })?;
            let comma = if index == 0 { "" } else { "," };
            let _ = write!(self.text, "{comma}\"{}\":", member.name);
            values.push(self.value(member, &member.arrays, value, depth + 1)?);
            self.path.truncate(mark);
        }
        self.text.push('}');
        Ok(values)
    }

    /// A value of a member's type, of which only `arrays` are left.
    fn value(
        &mut self,
        member: &Member,
        arrays: &[Option<usize>],
        value: &Value,
        depth: usize,
    ) -> Result<DynSolValue, TypedDataError> {
        if depth > MOST_DEPTH {
            return Err(too_much("levels of structs and arrays", MOST_DEPTH));
        }
        let Some((length, inner)) = arrays.split_last() else {
            return match &member.stem {
                Stem::Struct(name) => Ok(DynSolValue::CustomStruct {
                    name: name.clone(),
                    prop_names: Vec::new(),
                    tuple: self.members(name, value, depth)?,
                }),
                stem => self.simple(stem, value),
            };
        };
        let Some(list) = value.as_array() else {
            return Err(self.wrong("an array"));
        };
        if length.is_some_and(|length| length != list.len()) {
            let length = length.unwrap_or_default();
            return Err(self.wrong(&format!("an array of {length} values")));
        }
        self.text.push('[');
        let mut values = Vec::with_capacity(list.len());
        for (index, value) in list.iter().enumerate() {
            let mark = self.path.len();
            let _ = write!(self.path, "[{index}]");
            if index > 0 {
                self.text.push(',');
            }
            values.push(self.value(member, inner, value, depth + 1)?);
            self.path.truncate(mark);
        }
        self.text.push(']');
        Ok(DynSolValue::Array(values))
    }

    fn simple(&mut self, stem: &Stem, value: &Value) -> Result<DynSolValue, TypedDataError> {
        let (read, expected) = match stem {
            Stem::Bool => (
                value.as_bool().map(DynSolValue::Bool),
                "`true` or `false`".to_owned(),
            ),
            Stem::Address => (
                value.as_str().and_then(address).map(DynSolValue::Address),
                "an address: 0x and 40 hex digits, in one case or with the checksum of EIP-55"
                    .to_owned(),
            ),
            Stem::Text => (
                value
                    .as_str()
                    .map(|text| DynSolValue::String(text.to_owned())),
                "a string".to_owned(),
            ),
            Stem::Bytes => (
                value.as_str().and_then(bytes).map(DynSolValue::Bytes),
                "bytes: 0x and an even number of hex digits".to_owned(),
            ),
            Stem::FixedBytes(length) => (
                value
                    .as_str()
                    .and_then(bytes)
                    .filter(|bytes| bytes.len() == *length)
                    .map(|bytes| {
                        DynSolValue::FixedBytes(B256::right_padding_from(&bytes), *length)
                    }),
                format!("{length} bytes: 0x and {} hex digits", length * 2),
            ),
            Stem::Unsigned(bits) => (
                unsigned(value)
                    .filter(|number| number.bit_len() <= *bits)
                    .map(|number| DynSolValue::Uint(number, *bits)),
                format!(
                    "an integer from 0 to 2^{bits} - 1, as a string of decimal digits, as 0x and hex digits, or as a \
                     JSON number below 2^64"
                ),
            ),
            Stem::Signed(bits) => (
                signed(value)
                    .filter(|number| fits(*number, *bits))
                    .map(|number| DynSolValue::Int(number, *bits)),
                format!(
                    "an integer from -2^{most} to 2^{most} - 1, as a string of decimal digits or as a JSON number of 64 \
                     bits",
                    most = bits.saturating_sub(1)
                ),
            ),
            Stem::Struct(_) => (None, "a struct".to_owned()),
        };
        let read = read.ok_or_else(|| self.wrong(&expected))?;
        self.text.push_str(&json(&read));
        Ok(read)
    }

    fn wrong(&self, expected: &str) -> TypedDataError {
        TypedDataError::Value {
            field: self.path.clone(),
            expected: expected.to_owned(),
        }
    }
}

/// The text of a value that is neither struct nor array.
fn json(value: &DynSolValue) -> String {
    match value {
        DynSolValue::Bool(value) => value.to_string(),
        DynSolValue::Uint(value, _) => format!("\"{value}\""),
        DynSolValue::Int(value, _) => format!("\"{value}\""),
        DynSolValue::Address(address) => format!("\"{}\"", hex::encode_prefixed(address)),
        DynSolValue::Bytes(bytes) => format!("\"{}\"", hex::encode_prefixed(bytes)),
        DynSolValue::FixedBytes(word, length) => {
            let bytes = word.get(..*length).unwrap_or_default();
            format!("\"{}\"", hex::encode_prefixed(bytes))
        }
        DynSolValue::String(text) => Value::from(text.as_str()).to_string(),
        _ => String::new(),
    }
}

/// An address in one case, or in both with the right checksum (EIP-55).
fn address(text: &str) -> Option<Address> {
    let digits = text
        .strip_prefix("0x")
        .filter(|digits| digits.len() == 40)?;
    let address = text.parse().ok()?;
    let mixed = digits.bytes().any(|byte| byte.is_ascii_lowercase())
        && digits.bytes().any(|byte| byte.is_ascii_uppercase());
    (!mixed || Address::parse_checksummed(text, None).is_ok()).then_some(address)
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("0x")?;
    // The decoder takes one more prefix off.
    let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    plain.then(|| hex::decode(digits).ok())?
}

fn unsigned(value: &Value) -> Option<U256> {
    if let Some(number) = value.as_u64() {
        return Some(U256::from(number));
    }
    let text = value.as_str()?;
    match text.strip_prefix("0x") {
        Some(digits) => {
            let plain = (1..=64).contains(&digits.len())
                && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            plain.then(|| U256::from_str_radix(digits, 16).ok())?
        }
        None => decimal(text),
    }
}

/// At most 78 digits, so that no text takes long.
fn decimal(digits: &str) -> Option<U256> {
    let plain =
        (1..=78).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| U256::from_str_radix(digits, 10).ok())?
}

fn signed(value: &Value) -> Option<I256> {
    if let Some(number) = value.as_i64() {
        return I256::try_from(number).ok();
    }
    if let Some(number) = value.as_u64() {
        return I256::try_from(number).ok();
    }
    let text = value.as_str()?;
    match text.strip_prefix('-') {
        Some(digits) => {
            let magnitude = decimal(digits)?;
            (magnitude <= U256::ONE << 255).then(|| I256::from_raw(magnitude.wrapping_neg()))
        }
        None => I256::try_from(decimal(text)?).ok(),
    }
}

/// Whether the number is the sign extension of its lowest `bits`.
fn fits(number: I256, bits: usize) -> bool {
    let sign_and_above = number.asr(bits.saturating_sub(1));
    sign_and_above.is_zero() || sign_and_above == I256::MINUS_ONE
}

/// `hashStruct` of EIP-712.
pub(super) fn hash_struct(
    types: &mut Types,
    name: &str,
    members: &[DynSolValue],
) -> Result<B256, TypedDataError> {
    let mut bytes = types.type_hash(name)?.to_vec();
    for member in members {
        bytes.extend_from_slice(word(types, member)?.as_slice());
    }
    Ok(keccak256(bytes))
}

/// A value as a word of `encodeData`.
fn word(types: &mut Types, value: &DynSolValue) -> Result<B256, TypedDataError> {
    if let Some(word) = value.as_word() {
        return Ok(word);
    }
    Ok(match value {
        DynSolValue::CustomStruct { name, tuple, .. } => hash_struct(types, name, tuple)?,
        DynSolValue::Array(values) => {
            let mut bytes = Vec::with_capacity(values.len().saturating_mul(32));
            for value in values {
                bytes.extend_from_slice(word(types, value)?.as_slice());
            }
            keccak256(bytes)
        }
        DynSolValue::Bytes(bytes) => keccak256(bytes),
        DynSolValue::String(text) => keccak256(text),
        other => keccak256(other.abi_encode_packed()),
    })
}
