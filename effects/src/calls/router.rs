//! Universal Router (`Uniswap/universal-router`): a program of commands. Those that move the caller's own tokens by
//! Permit2 and those that pay out a given amount are read; swaps and everything whose amount depends on the router's
//! balance are opaque.

use alloy::primitives::{Address, Bytes, U256};
use alloy::sol_types::SolCall;
use oneclaw_core::transaction::{Effect, EffectKind};

use super::permit2::{
    AllowanceTransferDetails, PermitBatch, PermitSingle, permitted, permitted_batch, transferred,
};
use super::{Asked, Inner, Part, Reading};
use crate::abi::{decode, decode_arguments};
use crate::effect::moves;

mod program {
    alloy::sol! {
        function execute(bytes commands, bytes[] inputs);
    }
    pub(super) mod until {
        alloy::sol! {
            function execute(bytes commands, bytes[] inputs, uint256 deadline);
        }
    }
}

/// The bit of a command that lets it fail.
const MAY_FAIL: u8 = 0x80;
const PERMIT2_TRANSFER_FROM: u8 = 0x02;
const PERMIT2_PERMIT_BATCH: u8 = 0x03;
const TRANSFER: u8 = 0x05;
const PERMIT2_PERMIT: u8 = 0x0a;
const PERMIT2_TRANSFER_FROM_BATCH: u8 = 0x0d;

/// The functions that are read here.
pub(super) const SELECTORS: &[[u8; 4]] = &[
    program::executeCall::SELECTOR,
    program::until::executeCall::SELECTOR,
];

/// Reads a program for the router.
pub(super) fn read(asked: &Asked<'_>) -> Option<Reading> {
    let (commands, inputs) = match asked.selector {
        program::executeCall::SELECTOR => {
            let call: program::executeCall = decode(asked.data)?;
            (call.commands, call.inputs)
        }
        program::until::executeCall::SELECTOR => {
            let call: program::until::executeCall = decode(asked.data)?;
            (call.commands, call.inputs)
        }
        _ => return None,
    };
    if commands.len() != inputs.len() {
        return None;
    }
    let mut parts = Vec::new();
    for (command, input) in commands.iter().zip(&inputs) {
        match read_command(asked, command & !MAY_FAIL, input) {
            Some(read) => parts.extend(read),
            None => parts.push(Part::Opaque(asked.to)),
        }
    }
    Some(Reading::Node(parts))
}

fn read_command(asked: &Asked<'_>, command: u8, input: &[u8]) -> Option<Vec<Part>> {
    let caller = asked.caller;
    match command {
        PERMIT2_PERMIT => {
            let (permit, _) = decode_arguments::<(PermitSingle, Bytes)>(input)?;
            let allowed = permitted(caller, permit.spender, &permit.details);
            Some(vec![Part::Effect(allowed)])
        }
        PERMIT2_PERMIT_BATCH => {
            let (permit, _) = decode_arguments::<(PermitBatch, Bytes)>(input)?;
            Some(permitted_batch(caller, &permit))
        }
        PERMIT2_TRANSFER_FROM => {
            let (token, to, amount) = decode_arguments::<(Address, Address, U256)>(input)?;
            if amount.bit_len() > 160 {
                return None;
            }
            let to = recipient(asked, to);
            let kind = EffectKind::Permit2Transfer;
            Some(vec![Part::Effect(moves(kind, token, caller, to, amount))])
        }
        PERMIT2_TRANSFER_FROM_BATCH => {
            let (batch,) = decode_arguments::<(Vec<AllowanceTransferDetails>,)>(input)?;
            Some(batch.iter().map(transferred).collect())
        }
        TRANSFER => {
            let (token, to, amount) = decode_arguments::<(Address, Address, U256)>(input)?;
            transfer(asked, token, recipient(asked, to), amount)
        }
        _ => None,
    }
}

/// The router pays out of what it holds. `None`: everything that it holds, which is 2^255 in the router's language.
fn transfer(asked: &Asked<'_>, token: Address, to: Address, amount: U256) -> Option<Vec<Part>> {
    if amount.bit_len() == 256 {
        return None;
    }
    let part = if token.is_zero() {
        Part::Call(Inner::call(asked.to, to, amount, Bytes::new()))
    } else {
        let paid: Effect = moves(EffectKind::Erc20Transfer, token, asked.to, to, amount);
        Part::Effect(paid)
    };
    Some(vec![part])
}

/// The router takes address 1 for its caller and address 2 for itself.
fn recipient(asked: &Asked<'_>, named: Address) -> Address {
    if named == Address::with_last_byte(1) {
        asked.caller
    } else if named == Address::with_last_byte(2) {
        asked.to
    } else {
        named
    }
}
