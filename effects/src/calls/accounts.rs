//! Smart accounts: user operations (ERC-4337), and the ways in which accounts are told to execute (SimpleAccount, Coinbase
//! Smart Wallet, ERC-7579).

use alloy::primitives::{Address, Bytes, U256};
use alloy::sol_types::SolCall;

use super::{Asked, How, Inner, Part, Reading};
use crate::abi::{decode, decode_arguments};

alloy::sol! {
    struct Execution { address target; uint256 value; bytes callData; }
    function execute(address target, uint256 value, bytes callData);
    function executeBatch(Execution[] calls);
}

mod addresses_and_data {
    alloy::sol! {
        function executeBatch(address[] targets, bytes[] callDatas);
    }
}

mod addresses_values_and_data {
    alloy::sol! {
        function executeBatch(address[] targets, uint256[] values, bytes[] callDatas);
    }
}

mod erc7579 {
    alloy::sol! {
        function execute(bytes32 mode, bytes executionCalldata);
        function executeFromExecutor(bytes32 mode, bytes executionCalldata);
    }
}

mod v06 {
    alloy::sol! {
        struct UserOperation {
            address sender; uint256 nonce; bytes initCode; bytes callData; uint256 callGasLimit; uint256 verificationGasLimit;
            uint256 preVerificationGas; uint256 maxFeePerGas; uint256 maxPriorityFeePerGas; bytes paymasterAndData; bytes signature;
        }
        function handleOps(UserOperation[] ops, address beneficiary);
    }
}

mod v07 {
    alloy::sol! {
        struct PackedUserOperation {
            address sender; uint256 nonce; bytes initCode; bytes callData; bytes32 accountGasLimits; uint256 preVerificationGas;
            bytes32 gasFees; bytes paymasterAndData; bytes signature;
        }
        function handleOps(PackedUserOperation[] ops, address beneficiary);
    }
}

/// The functions that are read here.
pub(super) const SELECTORS: &[[u8; 4]] = &[
    executeCall::SELECTOR,
    executeBatchCall::SELECTOR,
    addresses_and_data::executeBatchCall::SELECTOR,
    addresses_values_and_data::executeBatchCall::SELECTOR,
    erc7579::executeCall::SELECTOR,
    erc7579::executeFromExecutorCall::SELECTOR,
    v06::handleOpsCall::SELECTOR,
    v07::handleOpsCall::SELECTOR,
];

/// Reads a call to an account or to an entry point.
pub(super) fn read(asked: &Asked<'_>) -> Option<Reading> {
    let (account, data) = (asked.to, asked.data);
    Some(Reading::Node(match asked.selector {
        executeCall::SELECTOR => {
            let call: executeCall = decode(data)?;
            vec![one(account, call.target, call.value, call.callData)]
        }
        executeBatchCall::SELECTOR => batch(account, decode::<executeBatchCall>(data)?.calls),
        addresses_and_data::executeBatchCall::SELECTOR => {
            let call: addresses_and_data::executeBatchCall = decode(data)?;
            lists(account, call.targets, Vec::new(), call.callDatas)?
        }
        addresses_values_and_data::executeBatchCall::SELECTOR => {
            let call: addresses_values_and_data::executeBatchCall = decode(data)?;
            lists(account, call.targets, call.values, call.callDatas)?
        }
        erc7579::executeCall::SELECTOR => {
            let call: erc7579::executeCall = decode(data)?;
            by_mode(account, &call.mode.0, &call.executionCalldata)?
        }
        erc7579::executeFromExecutorCall::SELECTOR => {
            let call: erc7579::executeFromExecutorCall = decode(data)?;
            by_mode(account, &call.mode.0, &call.executionCalldata)?
        }
        v06::handleOpsCall::SELECTOR => decode::<v06::handleOpsCall>(data)?
            .ops
            .into_iter()
            .flat_map(|op| operation(asked.to, op.sender, &op.initCode, op.callData))
            .collect(),
        v07::handleOpsCall::SELECTOR => decode::<v07::handleOpsCall>(data)?
            .ops
            .into_iter()
            .flat_map(|op| operation(asked.to, op.sender, &op.initCode, op.callData))
            .collect(),
        _ => return None,
    }))
}

fn one(account: Address, to: Address, value: U256, data: Bytes) -> Part {
    Part::Call(Inner::call(account, to, value, data))
}

fn batch(account: Address, calls: Vec<Execution>) -> Vec<Part> {
    let inner = |call: Execution| one(account, call.target, call.value, call.callData);
    calls.into_iter().map(inner).collect()
}

/// No values at all mean that nothing is paid. `None`: the lists do not fit together.
fn lists(
    account: Address,
    targets: Vec<Address>,
    mut values: Vec<U256>,
    data: Vec<Bytes>,
) -> Option<Vec<Part>> {
    if values.is_empty() {
        values = vec![U256::ZERO; targets.len()];
    }
    if targets.len() != data.len() || targets.len() != values.len() {
        return None;
    }
    let calls = targets.into_iter().zip(values).zip(data);
    Some(
        calls
            .map(|((to, value), data)| one(account, to, value, data))
            .collect(),
    )
}

/// The mode of ERC-7579 is the type of the call (1 byte), what to do on failure (1), and 30 bytes for extensions, which
/// must be zero here: with them, accounts may read the rest differently.
fn by_mode(account: Address, mode: &[u8; 32], execution: &[u8]) -> Option<Vec<Part>> {
    let [call_type, on_failure, extensions @ ..] = mode;
    if *on_failure > 1 || extensions.iter().any(|byte| *byte != 0) {
        return None;
    }
    match call_type {
        0x00 => {
            let (to, behind) = execution.split_first_chunk::<20>()?;
            let (value, data) = behind.split_first_chunk::<32>()?;
            let data = Bytes::copy_from_slice(data);
            Some(vec![one(
                account,
                Address::from(*to),
                U256::from_be_bytes(*value),
                data,
            )])
        }
        0x01 => {
            let (calls,) = decode_arguments::<(Vec<Execution>,)>(execution)?;
            Some(batch(account, calls))
        }
        0xff => {
            let (code, data) = execution.split_first_chunk::<20>()?;
            Some(vec![Part::Call(Inner {
                caller: account,
                to: Address::from(*code),
                value: U256::ZERO,
                data: Bytes::copy_from_slice(data),
                how: How::Delegatecall,
            })])
        }
        _ => None,
    }
}

/// A user operation. If it has code to make the account with, the factory, whose address comes first, does something
/// unknown before.
fn operation(entry_point: Address, account: Address, init: &[u8], data: Bytes) -> Vec<Part> {
    let mut parts = Vec::new();
    if !init.is_empty() {
        let factory = init.first_chunk::<20>().map_or(account, Address::from);
        parts.push(Part::Opaque(factory));
    }
    parts.push(one(entry_point, account, U256::ZERO, data));
    parts
}
