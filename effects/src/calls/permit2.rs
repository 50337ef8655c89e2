//! Permit2 (`Uniswap/permit2`): allowances and transfers by signature, for every token.

use alloy::primitives::{Address, U256, address};
use alloy::sol_types::SolCall;
use oneclaw_core::transaction::{Effect, EffectKind};

use super::{Asked, Part, Reading};
use crate::abi::decode;
use crate::effect::{allows, moves, seconds};

alloy::sol! {
    /// How much of what, until when.
    struct PermitDetails { address token; uint160 amount; uint48 expiration; uint48 nonce; }
    /// An allowance.
    struct PermitSingle { PermitDetails details; address spender; uint256 sigDeadline; }
    /// Allowances.
    struct PermitBatch { PermitDetails[] details; address spender; uint256 sigDeadline; }
    /// A transfer by an allowance.
    struct AllowanceTransferDetails { address from; address to; uint160 amount; address token; }
    struct TokenPermissions { address token; uint256 amount; }
    struct PermitTransferFrom { TokenPermissions permitted; uint256 nonce; uint256 deadline; }
    struct PermitBatchTransferFrom { TokenPermissions[] permitted; uint256 nonce; uint256 deadline; }
    struct SignatureTransferDetails { address to; uint256 requestedAmount; }

    function approve(address token, address spender, uint160 amount, uint48 expiration);
    function permit(address owner, PermitSingle permitSingle, bytes signature);
    function permit(address owner, PermitBatch permitBatch, bytes signature);
    function transferFrom(address from, address to, uint160 amount, address token);
    function transferFrom(AllowanceTransferDetails[] transferDetails);
    function permitTransferFrom(PermitTransferFrom permit, SignatureTransferDetails transferDetails, address owner, bytes signature);
    function permitTransferFrom(PermitBatchTransferFrom permit, SignatureTransferDetails[] transferDetails, address owner, bytes signature);
    function permitWitnessTransferFrom(PermitTransferFrom permit, SignatureTransferDetails transferDetails, address owner, bytes32 witness, string witnessTypeString, bytes signature);
    function permitWitnessTransferFrom(PermitBatchTransferFrom permit, SignatureTransferDetails[] transferDetails, address owner, bytes32 witness, string witnessTypeString, bytes signature);
}

/// Where Permit2 lives on a chain: at one address everywhere, but for ZKsync Era (324), where addresses are derived in
/// another way. Calls and signatures that look like Permit2's but are meant for another contract are opaque: the tokens
/// that they name are known by that contract's word alone.
#[must_use]
pub const fn permit2_of(chain_id: u64) -> Address {
    match chain_id {
        324 => address!("0000000000225e31D15943971F47aD3022F714Fa"),
        _ => address!("000000000022D473030F116dDEE9F6B43aC78BA3"),
    }
}

/// The functions that are read here.
pub(super) const SELECTORS: &[[u8; 4]] = &[
    approveCall::SELECTOR,
    permit_0Call::SELECTOR,
    permit_1Call::SELECTOR,
    transferFrom_0Call::SELECTOR,
    transferFrom_1Call::SELECTOR,
    permitTransferFrom_0Call::SELECTOR,
    permitWitnessTransferFrom_0Call::SELECTOR,
    permitTransferFrom_1Call::SELECTOR,
    permitWitnessTransferFrom_1Call::SELECTOR,
];

/// Reads a call to Permit2.
pub(super) fn read(asked: &Asked<'_>) -> Option<Reading> {
    if asked.to != permit2_of(asked.chain_id) {
        return None;
    }
    let data = asked.data;
    Some(match asked.selector {
        approveCall::SELECTOR => {
            let call: approveCall = decode(data)?;
            Reading::Leaf(Effect {
                deadline: seconds(call.expiration),
                ..allows(
                    EffectKind::Permit2Approve,
                    call.token,
                    asked.caller,
                    call.spender,
                    U256::from(call.amount),
                )
            })
        }
        permit_0Call::SELECTOR => {
            let call: permit_0Call = decode(data)?;
            let spender = call.permitSingle.spender;
            Reading::Leaf(permitted(call.owner, spender, &call.permitSingle.details))
        }
        permit_1Call::SELECTOR => {
            let call: permit_1Call = decode(data)?;
            Reading::Node(permitted_batch(call.owner, &call.permitBatch))
        }
        transferFrom_0Call::SELECTOR => {
            let call: transferFrom_0Call = decode(data)?;
            let amount = U256::from(call.amount);
            let kind = EffectKind::Permit2Transfer;
            Reading::Leaf(moves(kind, call.token, call.from, call.to, amount))
        }
        transferFrom_1Call::SELECTOR => {
            let call: transferFrom_1Call = decode(data)?;
            Reading::Node(call.transferDetails.iter().map(transferred).collect())
        }
        permitTransferFrom_0Call::SELECTOR => {
            let call: permitTransferFrom_0Call = decode(data)?;
            Reading::Leaf(signed(
                call.owner,
                &call.permit.permitted,
                &call.transferDetails,
                call.permit.deadline,
            ))
        }
        permitWitnessTransferFrom_0Call::SELECTOR => {
            let call: permitWitnessTransferFrom_0Call = decode(data)?;
            Reading::Leaf(signed(
                call.owner,
                &call.permit.permitted,
                &call.transferDetails,
                call.permit.deadline,
            ))
        }
        permitTransferFrom_1Call::SELECTOR => {
            let call: permitTransferFrom_1Call = decode(data)?;
            signed_batch(call.owner, &call.permit, &call.transferDetails)?
        }
        permitWitnessTransferFrom_1Call::SELECTOR => {
            let call: permitWitnessTransferFrom_1Call = decode(data)?;
            signed_batch(call.owner, &call.permit, &call.transferDetails)?
        }
        _ => return None,
    })
}

/// `spender` may spend as much of the tokens of `owner` as the details say, until they expire.
pub(crate) fn permitted(owner: Address, spender: Address, details: &PermitDetails) -> Effect {
    Effect {
        deadline: seconds(details.expiration),
        ..allows(
            EffectKind::Permit2Approve,
            details.token,
            owner,
            spender,
            U256::from(details.amount),
        )
    }
}

/// The same for each of the details.
pub(super) fn permitted_batch(owner: Address, batch: &PermitBatch) -> Vec<Part> {
    let one = |details| Part::Effect(permitted(owner, batch.spender, details));
    batch.details.iter().map(one).collect()
}

/// A transfer by an allowance.
pub(super) fn transferred(details: &AllowanceTransferDetails) -> Part {
    Part::Effect(moves(
        EffectKind::Permit2Transfer,
        details.token,
        details.from,
        details.to,
        U256::from(details.amount),
    ))
}

fn signed(
    owner: Address,
    permitted: &TokenPermissions,
    details: &SignatureTransferDetails,
    deadline: U256,
) -> Effect {
    Effect {
        deadline: seconds(deadline),
        ..moves(
            EffectKind::Permit2Transfer,
            permitted.token,
            owner,
            details.to,
            details.requestedAmount,
        )
    }
}

fn signed_batch(
    owner: Address,
    permit: &PermitBatchTransferFrom,
    details: &[SignatureTransferDetails],
) -> Option<Reading> {
    if permit.permitted.len() != details.len() {
        return None;
    }
    let one =
        |(permitted, details)| Part::Effect(signed(owner, permitted, details, permit.deadline));
    Some(Reading::Node(
        permit.permitted.iter().zip(details).map(one).collect(),
    ))
}
