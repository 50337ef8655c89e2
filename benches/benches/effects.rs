//! What does it cost to tell what calldata would do?

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use oneclaw_benches::Result;
use oneclaw_core::amount::Amount;
use oneclaw_core::transaction::{Address, Bytes, EffectKind, Fees, TransactionIntent, TxType};
use oneclaw_effects::{Limits, of_transaction};

/// `multicall(bytes[])`, `transfer(address,uint256)`.
const MULTICALL: [u8; 4] = [0xac, 0x96, 0x50, 0xd8];
const TRANSFER: [u8; 4] = [0xa9, 0x05, 0x9c, 0xbb];

fn main() -> Result<()> {
    let mut criterion = Criterion::default()
        .sample_size(50)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let mut group = criterion.benchmark_group("effects");
    for (name, data, effects) in [
        ("a transfer", transfer(), 1),
        ("a multicall of 20 transfers", multicall(20), 21),
        ("a multicall of 255 transfers", multicall(255), 256),
    ] {
        let intent = transaction(data);
        let limits = Limits::default();
        let found = of_transaction(1, Address::ZERO, &intent, &limits);
        let known = found.iter().all(|effect| effect.kind != EffectKind::Opaque);
        if !known || found.len() != effects {
            return Err(format!("{name} was not decoded").into());
        }
        group.throughput(Throughput::Bytes(intent.data.len().try_into()?));
        group.bench_function(name, |bencher| {
            bencher.iter(|| of_transaction(1, Address::ZERO, black_box(&intent), &limits));
        });
    }
    group.finish();
    criterion.final_summary();
    Ok(())
}

fn word(number: usize) -> Vec<u8> {
    let mut word = vec![0; 24];
    word.extend((number as u64).to_be_bytes());
    word
}

fn transfer() -> Vec<u8> {
    [TRANSFER.to_vec(), word(0xb0b), word(1_000_000)].concat()
}

fn multicall(count: usize) -> Vec<u8> {
    let length = transfer().len();
    let padded = length.next_multiple_of(32);
    let mut data = MULTICALL.to_vec();
    data.extend([word(32), word(count)].concat());
    for index in 0..count {
        data.extend(word(32 * count + index * (32 + padded)));
    }
    for _ in 0..count {
        data.extend(word(length));
        data.extend(transfer());
        data.extend(vec![0; padded - length]);
    }
    data
}

fn transaction(data: Vec<u8>) -> TransactionIntent {
    TransactionIntent {
        tx_type: TxType::DynamicFee,
        to: Some(Address::repeat_byte(0xaa)),
        value: Amount::ZERO,
        data: Bytes::from(data),
        gas_limit: 1_000_000,
        fees: Fees {
            max_fee_per_gas: Amount::ONE,
            max_priority_fee_per_gas: Amount::ONE,
        },
        nonce: 0,
        access_list: Vec::new(),
        authorizations: Vec::new(),
    }
}
