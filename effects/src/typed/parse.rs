//! From the JSON of a client to typed data that can be decided on.

use std::io;

use alloy::dyn_abi::DynSolValue;
use oneclaw_core::transaction::TypedDataIntent;
use serde_json::Value;

use super::types::{DOMAIN, Types, too_much, wrong};
use super::value::{Reader, hash_struct, shown};
use super::{TypedData, TypedDataError};

/// Longest typed data, in bytes of compact JSON.
const MOST_BYTES: usize = 256 << 10;

/// What typed data consists of.
const PARTS: [&str; 4] = ["types", "primaryType", "domain", "message"];

impl TypedData {
    /// Reads `{types, primaryType, domain, message}` as `eth_signTypedData_v4` takes it. Integers may be strings of
    /// decimal digits, JSON numbers without a fraction below 2^64, and, if unsigned, `0x` with hex digits; bytes are `0x`
    /// with hex digits. If `types` does not declare `EIP712Domain`, it is made from the members that `domain` has, in the
    /// order of EIP-712. At most 256 KiB of text, 128 types with 1,024 members, 32 levels.
    ///
    /// # Errors
    /// [`TypedDataError`] for anything else: what is missing, not declared, of another type, of an undefined type, too
    /// much, or a primary type that is not declared or is the domain's own.
    pub fn parse(json: &Value) -> Result<Self, TypedDataError> {
        let object = json.as_object().ok_or_else(|| TypedDataError::Value {
            field: "typed_data".to_owned(),
            expected: "an object with `types`, `primaryType`, `domain` and `message`".to_owned(),
        })?;
        serde_json::to_writer(Room(MOST_BYTES), json)
            .map_err(|_| too_much("bytes of JSON", MOST_BYTES))?;
        if let Some(extra) = object.keys().find(|key| !PARTS.contains(&key.as_str())) {
            return Err(TypedDataError::Undeclared {
                field: shown(extra),
            });
        }
        let part = |name: &str| {
            object.get(name).ok_or_else(|| TypedDataError::Missing {
                field: name.to_owned(),
            })
        };
        let (domain, message) = (part("domain")?, part("message")?);
        let mut types = Types::parse(part("types")?, domain)?;
        let primary = part("primaryType")?
            .as_str()
            .ok_or_else(|| TypedDataError::Value {
                field: "primaryType".to_owned(),
                expected: "the name of a struct of `types`".to_owned(),
            })?;
        if primary == DOMAIN {
            return Err(wrong(
                "primaryType",
                "is the domain, which says nothing by itself",
            ));
        }
        if types.members(primary).is_none() {
            return Err(TypedDataError::UndefinedType {
                field: "primaryType".to_owned(),
                name: shown(primary),
            });
        }
        let encode_type = types.encode_type(primary)?;
        let (domain_values, _) = Reader::read(&types, DOMAIN, "domain", domain)?;
        let (members, text) = Reader::read(&types, primary, "message", message)?;
        let domain_separator = hash_struct(&mut types, DOMAIN, &domain_values)?;
        let struct_hash = hash_struct(&mut types, primary, &members)?;
        let of_domain = |name: &str| {
            let declared = types.members(DOMAIN).unwrap_or_default();
            let index = declared.iter().position(|member| member.name == name)?;
            domain_values.get(index)
        };
        let text_of = |name| {
            of_domain(name)
                .and_then(DynSolValue::as_str)
                .map(str::to_owned)
        };
        Ok(Self {
            intent: TypedDataIntent {
                primary_type: primary.to_owned(),
                domain_name: text_of("name"),
                domain_version: text_of("version"),
                domain_chain_id: of_domain("chainId")
                    .and_then(DynSolValue::as_uint)
                    .map(|(id, _)| id.into()),
                verifying_contract: of_domain("verifyingContract")
                    .and_then(DynSolValue::as_address),
                domain_separator,
                struct_hash,
                message: text,
            },
            encode_type,
            members,
        })
    }
}

/// Counts bytes and keeps none. Fails when there are more than this.
struct Room(usize);

impl io::Write for Room {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self
            .0
            .checked_sub(bytes.len())
            .ok_or_else(|| io::Error::other("no room"))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
