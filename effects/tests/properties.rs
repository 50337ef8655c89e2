//! What holds for any input: an answer, within bounds, in which no transfer is hidden.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a panic fails the test"
)]

use alloy::primitives::{U256, address};
use alloy::sol_types::SolCall;
use oneclaw_core::amount::Amount;
use oneclaw_core::transaction::{
    Address, Authorization, AuthorizationSignature, B256, Bytes, Effect, EffectKind,
};
use oneclaw_effects::{Limits, MULTI_SENDS, of_transaction};
use proptest::prelude::*;

mod common;

alloy::sol! {
    function transfer(address to, uint256 amount);
    function multicall(bytes[] data);
    function execTransaction(address to, uint256 value, bytes data, uint8 operation, uint256 safeTxGas, uint256 baseGas, uint256 gasPrice, address gasToken, address refundReceiver, bytes signatures);
    function multiSend(bytes transactions);
    function execute(address target, uint256 value, bytes data);
    struct Call3 { address target; bool allowFailure; bytes callData; }
    function aggregate3(Call3[] calls);
    struct PackedUserOperation {
        address sender; uint256 nonce; bytes initCode; bytes callData; bytes32 accountGasLimits; uint256 preVerificationGas;
        bytes32 gasFees; bytes paymasterAndData; bytes signature;
    }
    function handleOps(PackedUserOperation[] ops, address beneficiary);
}

const SENDER: Address = address!("1111111111111111111111111111111111111111");
const ACCOUNT: Address = address!("acacacacacacacacacacacacacacacacacacacac");
const THIEF: Address = address!("eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee");

fn effects_of(to: Address, value: u64, data: Vec<u8>) -> Vec<Effect> {
    let intent = common::transaction(Some(to), Amount::from(value), data.into());
    of_transaction(1, SENDER, &intent, &Limits::default())
}

fn is_native(kind: EffectKind) -> bool {
    matches!(
        kind,
        EffectKind::NativeTransfer
            | EffectKind::Call
            | EffectKind::Opaque
            | EffectKind::Delegatecall
            | EffectKind::ContractCreation
    )
}

/// What the guardrail will count: of each call, the larger of its own amount and the sum of its children's.
fn native_spent(effects: &[Effect]) -> Amount {
    let mut sums = vec![Amount::ZERO; effects.len()];
    let mut total = Amount::ZERO;
    for (index, effect) in effects.iter().enumerate().rev() {
        let own = if is_native(effect.kind) {
            effect.amount
        } else {
            Amount::ZERO
        };
        let spent = own.max(sums[index]);
        match effect.parent {
            Some(parent) => sums[parent as usize] = sums[parent as usize].saturating_add(spent),
            None => total = total.saturating_add(spent),
        }
    }
    total
}

fn check_shape(effects: &[Effect], value: u64) {
    assert!(!effects.is_empty() && effects.len() <= Limits::default().effects);
    for (index, effect) in effects.iter().enumerate() {
        let is_first = index == 0;
        assert_eq!(effect.parent.is_none(), is_first, "one tree");
        assert!(
            effect.parent.is_none_or(|parent| (parent as usize) < index),
            "parents first"
        );
    }
    assert!(
        native_spent(effects) >= Amount::from(value),
        "value is never lost"
    );
}

/// A way of wrapping a call into another one: the new address and calldata.
fn wrap(how: u8, to: Address, data: Vec<u8>) -> (Address, Vec<u8>) {
    let data = Bytes::from(data);
    let safe = |to, data, operation| execTransactionCall {
        to,
        value: U256::ZERO,
        data,
        operation,
        safeTxGas: U256::ZERO,
        baseGas: U256::ZERO,
        gasPrice: U256::ZERO,
        gasToken: Address::ZERO,
        refundReceiver: Address::ZERO,
        signatures: Bytes::new(),
    };
    let noise = Bytes::from_static(&[0xde, 0xad]);
    match how % 6 {
        0 => (
            to,
            multicallCall {
                data: vec![data.clone(), data],
            }
            .abi_encode(),
        ),
        1 => (ACCOUNT, safe(to, data, 0).abi_encode()),
        2 => {
            let mut packed = vec![0];
            packed.extend_from_slice(to.as_slice());
            packed.extend_from_slice(&[0; 32]);
            packed.extend_from_slice(&U256::from(data.len()).to_be_bytes::<32>());
            packed.extend_from_slice(&data);
            let all = multiSendCall {
                transactions: packed.into(),
            }
            .abi_encode();
            (ACCOUNT, safe(MULTI_SENDS[3], all.into(), 1).abi_encode())
        }
        3 => (
            ACCOUNT,
            executeCall {
                target: to,
                value: U256::ZERO,
                data,
            }
            .abi_encode(),
        ),
        4 => {
            let call = |target, data| Call3 {
                target,
                allowFailure: true,
                callData: data,
            };
            let calls = vec![call(THIEF, noise), call(to, data)];
            (ACCOUNT, aggregate3Call { calls }.abi_encode())
        }
        _ => {
            let op = PackedUserOperation {
                sender: to,
                nonce: U256::ZERO,
                initCode: Bytes::new(),
                callData: data,
                accountGasLimits: B256::ZERO,
                preVerificationGas: U256::ZERO,
                gasFees: B256::ZERO,
                paymasterAndData: Bytes::new(),
                signature: noise,
            };
            (
                ACCOUNT,
                handleOpsCall {
                    ops: vec![op],
                    beneficiary: THIEF,
                }
                .abi_encode(),
            )
        }
    }
}

/// The transfer that is hidden, and whether it was found.
fn drain() -> Vec<u8> {
    transferCall {
        to: THIEF,
        amount: U256::from(0xbad),
    }
    .abi_encode()
}

fn finds_drain(effects: &[Effect]) -> bool {
    effects.iter().any(|effect| {
        effect.kind == EffectKind::Erc20Transfer
            && effect.target == Some(THIEF)
            && effect.amount == Amount::from(0xbad_u64)
    })
}

/// Calldata of the corpus.
fn corpus() -> Vec<(Address, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus")).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let cases: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
        for case in cases {
            let data = alloy::hex::decode(case["data"].as_str().unwrap()).unwrap();
            all.push((case["to"].as_str().unwrap().parse().unwrap(), data));
        }
    }
    all
}

/// Selectors that are read, so that arbitrary bytes get past the first four.
fn selectors() -> Vec<[u8; 4]> {
    let first = |(_, data): &(Address, Vec<u8>)| data.first_chunk().copied();
    corpus().iter().filter_map(first).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn any_bytes_have_an_answer(
        selector in prop::sample::select(selectors()),
        known: bool,
        value: u64,
        data in prop::collection::vec(any::<u8>(), 0..700),
    ) {
        let mut all = if known { selector.to_vec() } else { Vec::new() };
        all.extend(data);
        check_shape(&effects_of(ACCOUNT, value, all), value);
    }

    #[test]
    fn words_that_look_like_offsets_have_an_answer(
        selector in prop::sample::select(selectors()),
        value: u64,
        words in prop::collection::vec(prop_oneof![0_u64..512, any::<u64>()], 0..24),
    ) {
        let mut all = selector.to_vec();
        for word in words {
            all.extend(U256::from(word).to_be_bytes::<32>());
        }
        check_shape(&effects_of(ACCOUNT, value, all), value);
    }

    #[test]
    fn calldata_with_a_changed_byte_has_an_answer(
        (to, data) in prop::sample::select(corpus()),
        at: prop::sample::Index,
        with: u8,
        value: u64,
    ) {
        let mut changed = data;
        if !changed.is_empty() {
            let at = at.index(changed.len());
            changed[at] = with;
        }
        check_shape(&effects_of(to, value, changed), value);
    }

    #[test]
    fn a_transfer_in_any_nest_of_wrappers_is_found_or_the_nest_is_opaque(
        hows in prop::collection::vec(any::<u8>(), 0..7),
    ) {
        let (mut to, mut data) = (ACCOUNT, drain());
        for how in &hows {
            (to, data) = wrap(*how, to, data);
        }
        let effects = effects_of(to, 0, data);
        check_shape(&effects, 0);
        prop_assert!(
            finds_drain(&effects) || effects.iter().any(|effect| effect.kind == EffectKind::Opaque),
            "{effects:?}"
        );
    }

    #[test]
    fn a_transfer_in_few_wrappers_is_found_itself(hows in prop::collection::vec(any::<u8>(), 0..4)) {
        let (mut to, mut data) = (ACCOUNT, drain());
        for how in &hows {
            (to, data) = wrap(*how, to, data);
        }
        let effects = effects_of(to, 0, data);
        prop_assert!(finds_drain(&effects), "{effects:?}");
    }
}

#[test]
fn at_the_deepest_level_a_call_is_read_and_one_deeper_it_is_opaque() {
    let nested = |levels: u32| {
        let mut data = drain();
        for _ in 0..levels {
            data = multicallCall {
                data: vec![data.into()],
            }
            .abi_encode();
        }
        effects_of(ACCOUNT, 0, data)
    };
    let most = Limits::default().depth;
    assert!(finds_drain(&nested(most)));
    let deeper = nested(most + 1);
    assert!(!finds_drain(&deeper));
    assert_eq!(deeper.last().unwrap().kind, EffectKind::Opaque);
    assert_eq!(deeper.len(), most as usize + 2);
}

#[test]
fn more_effects_than_there_is_room_for_are_one_opaque_effect() {
    let many = |count: usize| {
        let data = vec![Bytes::from(drain()); count];
        effects_of(ACCOUNT, 7, multicallCall { data }.abi_encode())
    };
    assert_eq!(many(255).len(), 256);
    let [only] = &many(256)[..] else {
        panic!("more than one effect");
    };
    assert_eq!(only.kind, EffectKind::Opaque);
    assert_eq!(only.amount, Amount::from(7_u64));
    assert_eq!(only.selector, Some(0xac96_50d8));
    assert_eq!(only.contract, Some(ACCOUNT));
    // Three calls, each of three calls, and so on: 3^5 transfers and the calls around them.
    let mut data = drain();
    for _ in 0..5 {
        data = multicallCall {
            data: vec![data.into(); 3],
        }
        .abi_encode();
    }
    assert!(data.len() < Limits::default().calldata_bytes);
    assert_eq!(effects_of(ACCOUNT, 0, data).len(), 1);
}

#[test]
fn calldata_over_the_limit_by_one_byte_is_opaque() {
    let limits = Limits {
        calldata_bytes: 68,
        ..Limits::default()
    };
    let kind = |data: Vec<u8>| {
        let intent = common::transaction(Some(ACCOUNT), Amount::ZERO, data.into());
        of_transaction(1, SENDER, &intent, &limits)[0].kind
    };
    assert_eq!(kind(drain()), EffectKind::Erc20Transfer);
    let wrapped = multicallCall { data: vec![] }.abi_encode();
    assert_eq!(kind(wrapped.clone()), EffectKind::Call);
    assert_eq!(kind([wrapped, vec![0]].concat()), EffectKind::Opaque);
}

#[test]
fn arrays_that_claim_to_be_huge_are_opaque() {
    for length in [
        U256::from(u64::MAX),
        U256::MAX,
        U256::from(1_u64 << 32),
        U256::from(4096),
    ] {
        let mut data = multicallCall::SELECTOR.to_vec();
        data.extend(U256::from(32).to_be_bytes::<32>());
        data.extend(length.to_be_bytes::<32>());
        // Every element points at the same place: cheap to write down, dear to follow.
        data.resize(128 << 10, 0);
        let effects = effects_of(ACCOUNT, 0, data);
        assert_eq!(effects.len(), 1);
        assert_eq!(effects[0].kind, EffectKind::Opaque);
    }
}

#[test]
fn a_creation_carries_its_value() {
    let intent = common::transaction(None, Amount::from(5_u64), Bytes::from_static(&[0x60, 0x80]));
    let effects = of_transaction(1, SENDER, &intent, &Limits::default());
    assert_eq!(effects.len(), 1);
    assert_eq!(effects[0].kind, EffectKind::ContractCreation);
    assert_eq!(effects[0].amount, Amount::from(5_u64));
    assert_eq!(
        (effects[0].source, effects[0].selector),
        (Some(SENDER), None)
    );
}

#[test]
fn delegations_are_told_even_when_the_call_cannot_be() {
    let many = vec![Bytes::from(drain()); 300];
    let data = multicallCall { data: many }.abi_encode();
    let mut intent = common::transaction(Some(ACCOUNT), Amount::ZERO, data.into());
    let own = Authorization {
        chain_id: 1,
        address: THIEF,
        nonce: 1,
        signature: None,
    };
    let foreign = Authorization {
        signature: Some(AuthorizationSignature {
            y_parity: 0,
            r: B256::ZERO,
            s: B256::ZERO,
        }),
        ..own.clone()
    };
    intent.authorizations = vec![own, foreign];
    let effects = of_transaction(1, SENDER, &intent, &Limits::default());
    let kinds: Vec<_> = effects.iter().map(|effect| effect.kind).collect();
    assert_eq!(
        kinds,
        [
            EffectKind::Opaque,
            EffectKind::Delegation,
            EffectKind::Delegation
        ]
    );
    assert_eq!(
        (effects[1].source, effects[1].target),
        (Some(SENDER), Some(THIEF))
    );
    assert_eq!((effects[2].source, effects[2].target), (None, Some(THIEF)));
}
