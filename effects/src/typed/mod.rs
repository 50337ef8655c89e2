//! Typed data (EIP-712): parsed from what clients send, hashed, and read for what a signature would permit.

mod meaning;
mod parse;
mod types;
mod value;

use alloy::dyn_abi::DynSolValue;
use alloy::primitives::{B256, keccak256};
use oneclaw_core::transaction::TypedDataIntent;

pub use meaning::of_typed_data;

/// Typed data that was checked and hashed.
#[derive(Debug, Clone, PartialEq)]
pub struct TypedData {
    intent: TypedDataIntent,
    /// `encodeType` of the message's struct: its name, its members, and the structs that it uses.
    encode_type: String,
    /// Values of the struct's members, in their order.
    members: Vec<DynSolValue>,
}

impl TypedData {
    /// What is to be decided on and signed. The message's text is written anew from the values that were hashed: members
    /// in the order of their type, integers in decimal, addresses and bytes in lower-case hex, each of them a string.
    #[must_use]
    pub fn intent(&self) -> TypedDataIntent {
        self.intent.clone()
    }

    /// `keccak256(0x1901 ‖ domainSeparator ‖ hashStruct(message))`, the digest of EIP-712.
    #[must_use]
    pub fn signing_hash(&self) -> B256 {
        let mut bytes = vec![0x19, 0x01];
        bytes.extend_from_slice(self.intent.domain_separator.as_slice());
        bytes.extend_from_slice(self.intent.struct_hash.as_slice());
        keccak256(bytes)
    }
}

/// Why typed data cannot be signed. Each names the field, such as `message.from.wallets[2]`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TypedDataError {
    /// Something that must be there is not.
    #[error("`{field}` is missing")]
    Missing {
        /// Where.
        field: String,
    },
    /// Something that no type speaks of, and that would not be signed.
    #[error(
        "`{field}` is not declared in the types and would not be signed; declare it or leave it out"
    )]
    Undeclared {
        /// Where.
        field: String,
    },
    /// A value of another type.
    #[error("`{field}` must be {expected}")]
    Value {
        /// Where.
        field: String,
        /// What would be right.
        expected: String,
    },
    /// A type that is neither built in nor declared.
    #[error(
        "type `{name}` of `{field}` is not defined; declare it in `types`, or write a type such as `uint256`"
    )]
    UndefinedType {
        /// Where it is used.
        field: String,
        /// The type.
        name: String,
    },
    /// A declaration that is not one.
    #[error("`{field}`: {reason}")]
    Declaration {
        /// Where.
        field: String,
        /// What is wrong.
        reason: String,
    },
    /// More than is ever needed.
    #[error("typed data has more than {most} {what}")]
    TooMuch {
        /// Of what.
        what: &'static str,
        /// The limit.
        most: usize,
    },
}
