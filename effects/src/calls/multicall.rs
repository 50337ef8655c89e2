//! Many calls in one: contracts that call themselves, and Multicall3 (`mds1/multicall`), which calls others.

use alloy::primitives::{Bytes, U256};
use alloy::sol_types::SolCall;

use super::{Asked, How, Inner, Part, Reading};
use crate::abi::decode;

mod own {
    alloy::sol! {
        function multicall(bytes[] data);
    }
    pub(super) mod until {
        alloy::sol! {
            function multicall(uint256 deadline, bytes[] data);
        }
    }
    pub(super) mod after_block {
        alloy::sol! {
            function multicall(bytes32 previousBlockhash, bytes[] data);
        }
    }
}

mod others {
    alloy::sol! {
        struct Call { address target; bytes callData; }
        struct Call3 { address target; bool allowFailure; bytes callData; }
        struct Call3Value { address target; bool allowFailure; uint256 value; bytes callData; }
        function aggregate(Call[] calls);
        function blockAndAggregate(Call[] calls);
        function tryAggregate(bool requireSuccess, Call[] calls);
        function tryBlockAndAggregate(bool requireSuccess, Call[] calls);
        function aggregate3(Call3[] calls);
        function aggregate3Value(Call3Value[] calls);
    }
}

/// The functions that are read here.
pub(super) const SELECTORS: &[[u8; 4]] = &[
    own::multicallCall::SELECTOR,
    own::until::multicallCall::SELECTOR,
    own::after_block::multicallCall::SELECTOR,
    others::aggregateCall::SELECTOR,
    others::blockAndAggregateCall::SELECTOR,
    others::tryAggregateCall::SELECTOR,
    others::tryBlockAndAggregateCall::SELECTOR,
    others::aggregate3Call::SELECTOR,
    others::aggregate3ValueCall::SELECTOR,
];

/// Reads a batch of calls.
pub(super) fn read(asked: &Asked<'_>) -> Option<Reading> {
    let data = asked.data;
    let itself = |calls: Vec<Bytes>| {
        let inner = |data| {
            Part::Call(Inner {
                caller: asked.caller,
                to: asked.to,
                value: U256::ZERO,
                data,
                how: How::OwnCode,
            })
        };
        calls.into_iter().map(inner).collect()
    };
    let call = |to, value, data| Part::Call(Inner::call(asked.to, to, value, data));
    let plain = |calls: Vec<others::Call>| {
        let inner = |one: others::Call| call(one.target, U256::ZERO, one.callData);
        calls.into_iter().map(inner).collect()
    };
    Some(Reading::Node(match asked.selector {
        own::multicallCall::SELECTOR => itself(decode::<own::multicallCall>(data)?.data),
        own::until::multicallCall::SELECTOR => {
            itself(decode::<own::until::multicallCall>(data)?.data)
        }
        own::after_block::multicallCall::SELECTOR => {
            itself(decode::<own::after_block::multicallCall>(data)?.data)
        }
        others::aggregateCall::SELECTOR => plain(decode::<others::aggregateCall>(data)?.calls),
        others::blockAndAggregateCall::SELECTOR => {
            plain(decode::<others::blockAndAggregateCall>(data)?.calls)
        }
        others::tryAggregateCall::SELECTOR => {
            plain(decode::<others::tryAggregateCall>(data)?.calls)
        }
        others::tryBlockAndAggregateCall::SELECTOR => {
            plain(decode::<others::tryBlockAndAggregateCall>(data)?.calls)
        }
        others::aggregate3Call::SELECTOR => decode::<others::aggregate3Call>(data)?
            .calls
            .into_iter()
            .map(|one| call(one.target, U256::ZERO, one.callData))
            .collect(),
        others::aggregate3ValueCall::SELECTOR => decode::<others::aggregate3ValueCall>(data)?
            .calls
            .into_iter()
            .map(|one| call(one.target, one.value, one.callData))
            .collect(),
        _ => return None,
    }))
}
