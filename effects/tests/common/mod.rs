//! What the tests share.

use oneclaw_core::amount::Amount;
use oneclaw_core::transaction::{Address, Bytes, Fees, TransactionIntent, TxType};

/// A transaction of which only this matters.
pub fn transaction(to: Option<Address>, value: Amount, data: Bytes) -> TransactionIntent {
    TransactionIntent {
        tx_type: TxType::DynamicFee,
        to,
        value,
        data,
        gas_limit: 100_000,
        fees: Fees {
            max_fee_per_gas: Amount::ONE,
            max_priority_fee_per_gas: Amount::ZERO,
        },
        nonce: 0,
        access_list: Vec::new(),
        authorizations: Vec::new(),
    }
}
