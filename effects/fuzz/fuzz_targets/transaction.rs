//! Any calldata, sent to a contract that is among the first 20 bytes of the input: an answer, and parents before children.
#![no_main]

use libfuzzer_sys::fuzz_target;
use oneclaw_core::amount::Amount;
use oneclaw_core::transaction::{Address, Fees, TransactionIntent, TxType};
use oneclaw_effects::{Limits, of_transaction};

fuzz_target!(|input: &[u8]| {
    let Some((to, data)) = input.split_first_chunk::<20>() else {
        return;
    };
    let intent = TransactionIntent {
        tx_type: TxType::DynamicFee,
        to: Some(Address::from(*to)),
        value: Amount::from(u64::from(to[0])),
        data: data.to_vec().into(),
        gas_limit: 21_000,
        fees: Fees {
            max_fee_per_gas: Amount::ONE,
            max_priority_fee_per_gas: Amount::ONE,
        },
        nonce: 0,
        access_list: Vec::new(),
        authorizations: Vec::new(),
    };
    let limits = Limits::default();
    let effects = of_transaction(1, Address::ZERO, &intent, &limits);
    assert!(!effects.is_empty() && effects.len() <= limits.effects);
    for (index, effect) in effects.iter().enumerate() {
        match effect.parent {
            None => assert_eq!(index, 0),
            Some(parent) => assert!((parent as usize) < index),
        }
    }
});
