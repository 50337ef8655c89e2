//! The `types` of typed data, checked: names that are names, and no type that is not defined.

use std::collections::BTreeMap;

use alloy::dyn_abi::eip712::{PropertyDef, Resolver, TypeDef};
use alloy::primitives::B256;
use serde_json::Value;

use super::TypedDataError;
use super::value::shown;

/// Name of the domain's struct.
pub(super) const DOMAIN: &str = "EIP712Domain";

/// Most structs, and most members of all structs together. Both are far beyond what any protocol declares, and keep the
/// time for hashing types small.
const MOST_TYPES: usize = 128;
const MOST_MEMBERS: usize = 1024;

/// Longest name of a struct or member, in bytes.
const MOST_NAME: usize = 128;

/// Arrays of arrays.
const MOST_DIMENSIONS: usize = 8;

/// The members that a domain may have, in the order of EIP-712, and their types.
pub(super) const DOMAIN_MEMBERS: [(&str, &str); 5] = [
    ("name", "string"),
    ("version", "string"),
    ("chainId", "uint256"),
    ("verifyingContract", "address"),
    ("salt", "bytes32"),
];

/// A type that is no array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stem {
    Bool,
    Address,
    Text,
    Bytes,
    /// Length in bytes.
    FixedBytes(usize),
    /// Length in bits.
    Unsigned(usize),
    /// Length in bits.
    Signed(usize),
    Struct(String),
}

/// A member of a struct.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) stem: Stem,
    /// Lengths of arrays, the innermost first; `None` for those of any length.
    pub(super) arrays: Vec<Option<usize>>,
}

/// Every declared struct.
pub(super) struct Types {
    structs: BTreeMap<String, Vec<Member>>,
    resolver: Resolver,
    hashes: BTreeMap<String, B256>,
}

impl Types {
    /// Reads the declarations. If there is none for the domain, one is made from the members that `domain` has.
    pub(super) fn parse(types: &Value, domain: &Value) -> Result<Self, TypedDataError> {
        let declared = types
            .as_object()
            .ok_or_else(|| wrong("types", "must be an object"))?;
        if declared.len() > MOST_TYPES {
            return Err(too_much("types", MOST_TYPES));
        }
        let mut texts: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
        let mut members = 0;
        for (name, list) in declared {
            let field = format!("types.{}", shown(name));
            if !is_name(name, true) || stem(name).is_some() {
                return Err(wrong(&field, "is not a name that a struct can have"));
            }
            let list = list
                .as_array()
                .ok_or_else(|| wrong(&field, "must be an array of `{name, type}`"))?;
            members += list.len();
            if members > MOST_MEMBERS {
                return Err(too_much("members", MOST_MEMBERS));
            }
            texts.insert(name, declarations(&field, list)?);
        }
        match texts.get(DOMAIN) {
            Some(members) => check_domain(members)?,
            None => {
                let has = |(name, _): &(&str, &str)| domain.get(name).is_some();
                texts.insert(DOMAIN, DOMAIN_MEMBERS.into_iter().filter(has).collect());
            }
        }
        Self::resolve(&texts)
    }

    fn resolve(texts: &BTreeMap<&str, Vec<(&str, &str)>>) -> Result<Self, TypedDataError> {
        let mut structs = BTreeMap::new();
        let mut resolver = Resolver::default();
        for (name, list) in texts {
            let mut members = Vec::with_capacity(list.len());
            let mut properties = Vec::with_capacity(list.len());
            for (member, text) in list {
                let field = format!("types.{name}.{member}");
                members.push(parse_member(&field, member, text, texts)?);
                properties.push(
                    PropertyDef::new(*text, *member)
                        .map_err(|_| wrong(&field, "is not a type of EIP-712"))?,
                );
            }
            let definition = TypeDef::new(*name, properties)
                .map_err(|_| wrong(&format!("types.{name}"), "is not a name of EIP-712"))?;
            resolver.ingest(definition);
            structs.insert((*name).to_owned(), members);
        }
        Ok(Self {
            structs,
            resolver,
            hashes: BTreeMap::new(),
        })
    }

    /// The members of a struct.
    pub(super) fn members(&self, name: &str) -> Option<&[Member]> {
        self.structs.get(name).map(Vec::as_slice)
    }

    /// `encodeType` of EIP-712.
    pub(super) fn encode_type(&self, name: &str) -> Result<String, TypedDataError> {
        self.resolver.encode_type(name).map_err(|_| {
            wrong(
                &format!("types.{}", shown(name)),
                "contains itself by way of other structs, which EIP-712 encoders do not agree on",
            )
        })
    }

    /// `typeHash` of EIP-712, worked out once for each struct.
    pub(super) fn type_hash(&mut self, name: &str) -> Result<B256, TypedDataError> {
        if let Some(hash) = self.hashes.get(name) {
            return Ok(*hash);
        }
        let hash = alloy::primitives::keccak256(self.encode_type(name)?);
        self.hashes.insert(name.to_owned(), hash);
        Ok(hash)
    }
}

/// Name and type of each member of a struct.
fn declarations<'v>(
    field: &str,
    list: &'v [Value],
) -> Result<Vec<(&'v str, &'v str)>, TypedDataError> {
    let mut members: Vec<(&str, &str)> = Vec::with_capacity(list.len());
    let mut seen = std::collections::BTreeSet::new();
    for (index, member) in list.iter().enumerate() {
        let text = |key: &str| {
            member.get(key).and_then(Value::as_str).ok_or_else(|| {
                wrong(
                    &format!("{field}[{index}].{key}"),
                    "must be there, and be a string",
                )
            })
        };
        let (name, kind) = (text("name")?, text("type")?);
        let reason = if !is_name(name, false) {
            "is not a name: letters, digits, `_` and `$`, no digit first"
        } else if !seen.insert(name) {
            "is declared twice"
        } else {
            members.push((name, kind));
            continue;
        };
        return Err(wrong(&format!("{field}[{index}].name"), reason));
    }
    Ok(members)
}

/// The domain may have the members of EIP-712 with their types, each at most once, in any order.
fn check_domain(members: &[(&str, &str)]) -> Result<(), TypedDataError> {
    for member in members {
        if !DOMAIN_MEMBERS.contains(member) {
            return Err(wrong(
                &format!("types.{DOMAIN}.{}", member.0),
                "is not a member of the domain of EIP-712: `string name`, `string version`, `uint256 chainId`, \
                 `address verifyingContract`, `bytes32 salt`",
            ));
        }
    }
    Ok(())
}

fn parse_member(
    field: &str,
    name: &str,
    text: &str,
    declared: &BTreeMap<&str, Vec<(&str, &str)>>,
) -> Result<Member, TypedDataError> {
    let undefined = || TypedDataError::UndefinedType {
        field: field.to_owned(),
        name: shown(text),
    };
    let mut arrays = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.strip_suffix(']') {
        let (inner, length) = open.rsplit_once('[').ok_or_else(undefined)?;
        arrays.push(match length {
            "" => None,
            digits
                if digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0') =>
            {
                Some(digits.parse().map_err(|_| undefined())?)
            }
            _ => return Err(undefined()),
        });
        if arrays.len() > MOST_DIMENSIONS {
            return Err(too_much("dimensions of an array", MOST_DIMENSIONS));
        }
        rest = inner;
    }
    // Read from the end, so the outermost came first.
    arrays.reverse();
    let stem = match stem(rest) {
        Some(stem) => stem,
        None if rest != DOMAIN && declared.contains_key(rest) => Stem::Struct(rest.to_owned()),
        None => return Err(undefined()),
    };
    Ok(Member {
        name: name.to_owned(),
        stem,
        arrays,
    })
}

/// A built-in type. `uint` and `int` are none: EIP-712 has no aliases.
fn stem(name: &str) -> Option<Stem> {
    let number = |digits: &str| -> Option<usize> {
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
        plain.then(|| digits.parse().ok())?
    };
    let bits = |digits: &str| number(digits).filter(|bits| *bits <= 256 && bits % 8 == 0);
    match name {
        "bool" => Some(Stem::Bool),
        "address" => Some(Stem::Address),
        "string" => Some(Stem::Text),
        "bytes" => Some(Stem::Bytes),
        _ => {
            if let Some(digits) = name.strip_prefix("uint") {
                bits(digits).map(Stem::Unsigned)
            } else if let Some(digits) = name.strip_prefix("int") {
                bits(digits).map(Stem::Signed)
            } else {
                let digits = name.strip_prefix("bytes")?;
                number(digits)
                    .filter(|length| *length <= 32)
                    .map(Stem::FixedBytes)
            }
        }
    }
}

/// Whether `encodeType` stays unambiguous with this name in it. Structs may have a `:` in theirs, as Hyperliquid's have.
fn is_name(name: &str, colon: bool) -> bool {
    let allowed = |byte: u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || (colon && byte == b':')
    };
    name.len() <= MOST_NAME
        && name.bytes().all(allowed)
        && name
            .bytes()
            .next()
            .is_some_and(|first| !first.is_ascii_digit() && first != b':')
}

pub(super) fn wrong(field: &str, reason: &str) -> TypedDataError {
    TypedDataError::Declaration {
        field: field.to_owned(),
        reason: reason.to_owned(),
    }
}

pub(super) const fn too_much(what: &'static str, most: usize) -> TypedDataError {
    TypedDataError::TooMuch { what, most }
}
