//! What calls mean, by their selectors. Each module reads the calls of one family; a call that none of them can read to
//! the last byte is opaque.

mod accounts;
mod multicall;
mod permit2;
mod router;
mod safe;
mod tokens;

use alloy::primitives::{Address, Bytes, U256};
use oneclaw_core::transaction::Effect;

pub use permit2::permit2_of;
pub use safe::MULTI_SENDS;
pub(crate) use safe::Safe;
pub(crate) use tokens::{dai_amount, dai_expiry};

/// A call to be read.
pub(crate) struct Asked<'d> {
    /// EIP-155.
    pub(crate) chain_id: u64,
    /// Who calls.
    pub(crate) caller: Address,
    /// Who is called.
    pub(crate) to: Address,
    /// The first four bytes of the data.
    pub(crate) selector: [u8; 4],
    /// Selector and arguments.
    pub(crate) data: &'d [u8],
}

/// What a call means.
pub(crate) enum Reading {
    /// One effect on a token, and nothing else.
    Leaf(Effect),
    /// A call that has these inside; none, if it moves nothing known.
    Node(Vec<Part>),
}

/// Something inside a call.
pub(crate) enum Part {
    /// An effect whose parent is the call.
    Effect(Effect),
    /// Something that this contract does and that cannot be told.
    Opaque(Address),
    /// The same, of which it is known that anything may leave.
    Unbounded(Address),
    /// Another call.
    Call(Inner),
}

/// A call within a call.
pub(crate) struct Inner {
    /// Who calls.
    pub(crate) caller: Address,
    /// Who is called, or whose code it is.
    pub(crate) to: Address,
    /// Wei.
    pub(crate) value: U256,
    /// Selector and arguments.
    pub(crate) data: Bytes,
    /// In which manner.
    pub(crate) how: How,
}

/// Manners of calling.
#[derive(Clone, Copy)]
pub(crate) enum How {
    /// The code of `to` on the account of `to`.
    Call,
    /// A contract that calls itself by delegatecall, as in `multicall(bytes[])`: the caller remains, and so does the
    /// value, which is on the outer call already.
    OwnCode,
    /// The code of `to` on the account of `caller`.
    Delegatecall,
}

/// Reads a call. `None`: not known, or not encoded as it should be.
pub(crate) fn read(asked: &Asked<'_>) -> Option<Reading> {
    tokens::read(asked)
        .or_else(|| permit2::read(asked))
        .or_else(|| multicall::read(asked))
        .or_else(|| safe::read(asked))
        .or_else(|| accounts::read(asked))
        .or_else(|| router::read(asked))
}

/// Whether a call has the selector of a function that is read here. One that could not be read all the same is not encoded
/// as it should be, and the contract may still take it for what it looks like.
pub(crate) fn is_known(selector: [u8; 4]) -> bool {
    [
        tokens::SELECTORS,
        permit2::SELECTORS,
        multicall::SELECTORS,
        safe::SELECTORS,
        accounts::SELECTORS,
        router::SELECTORS,
    ]
    .iter()
    .any(|family| family.contains(&selector))
}

/// Reads code of `code` that runs on the account of `account`. `None`: nobody knows what that code does.
pub(crate) fn read_delegatecall(account: Address, code: Address, data: &[u8]) -> Option<Vec<Part>> {
    MULTI_SENDS
        .contains(&code)
        .then(|| safe::read_multi_send(account, data))?
}
