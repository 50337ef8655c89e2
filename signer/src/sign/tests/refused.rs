//! What is not signed.

use alloy::consensus::TxEnvelope;
use alloy::eips::eip2718::Decodable2718;

use super::*;

fn refusal(request: &TransactionRequest) -> SignError {
    sign_with_cow(request).unwrap_err()
}

fn cow() -> Address {
    signer(COW).address()
}

fn transaction_request(
    tx_type: TxType,
    change: impl FnOnce(&mut TransactionIntent),
) -> TransactionRequest {
    let mut intent = intent(tx_type);
    change(&mut intent);
    request(cow(), Intent::Transaction(intent))
}

fn field(error: &SignError) -> &'static str {
    match error {
        SignError::Field { field, .. } => field,
        other => panic!("{other}"),
    }
}

#[test]
fn a_key_signs_for_no_other_account() {
    for tx_type in TYPES {
        let mut request = transaction_request(tx_type, |_| {});
        request.sender = Address::repeat_byte(9);
        assert!(matches!(refusal(&request), SignError::OtherSender { .. }));
    }
    for intent in [
        Intent::Message(Bytes::from_static(b"hello")),
        Intent::Digest(B256::ZERO),
    ] {
        let error = refusal(&request(Address::repeat_byte(9), intent));
        assert!(matches!(error, SignError::OtherSender { .. }));
    }
}

#[test]
fn a_transaction_without_a_chain_is_not_signed() {
    for tx_type in TYPES {
        let mut request = transaction_request(tx_type, |_| {});
        request.chain = None;
        assert_eq!(field(&refusal(&request)), "chain");
        request.chain = Some(Chain {
            id: 0,
            name: "none".to_owned(),
        });
        assert_eq!(field(&refusal(&request)), "chain");
    }
}

#[test]
fn a_field_that_the_type_has_no_place_for_is_not_dropped_but_refused() {
    let listed = intent(TxType::DynamicFee).access_list;
    let delegated = intent(TxType::SetCode).authorizations;
    let legacy = transaction_request(TxType::Legacy, |it| it.access_list = listed);
    assert_eq!(field(&refusal(&legacy)), "access_list");
    for tx_type in [TxType::Legacy, TxType::AccessList, TxType::DynamicFee] {
        let request = transaction_request(tx_type, |it| it.authorizations = delegated.clone());
        assert_eq!(field(&refusal(&request)), "authorizations");
    }
    for tx_type in [TxType::Legacy, TxType::AccessList] {
        let request = transaction_request(tx_type, |it| {
            it.fees.max_priority_fee_per_gas = Amount::ONE;
        });
        assert_eq!(field(&refusal(&request)), "max_priority_fee_per_gas");
    }
}

#[test]
fn fees_that_do_not_fit_are_refused() {
    let too_much = Amount::from_limbs([0, 0, 1, 0]);
    for tx_type in TYPES {
        let request = transaction_request(tx_type, |it| {
            it.fees = Fees {
                max_fee_per_gas: too_much,
                max_priority_fee_per_gas: too_much,
            };
        });
        let error = refusal(&request);
        assert!(field(&error).contains("gas"), "{error}");
    }
    let most = Amount::from(u128::MAX);
    for tx_type in TYPES {
        let request = transaction_request(tx_type, |it| {
            it.value = Amount::MAX;
            it.gas_limit = u64::MAX;
            it.nonce = u64::MAX - 1;
            it.authorizations
                .iter_mut()
                .for_each(|it| it.nonce = u64::MAX);
            it.fees = Fees {
                max_fee_per_gas: most,
                max_priority_fee_per_gas: most,
            };
        });
        sign_with_cow(&request).unwrap();
    }
}

#[test]
fn code_is_set_by_calls_with_an_authorisation_only() {
    let create = transaction_request(TxType::SetCode, |it| it.to = None);
    assert_eq!(field(&refusal(&create)), "to");
    let empty = transaction_request(TxType::SetCode, |it| it.authorizations.clear());
    assert_eq!(field(&refusal(&empty)), "authorizations");
}

#[test]
fn the_senders_own_authorisation_is_good_for_this_transaction_alone() {
    for nonce in [0, 7, 9] {
        let request = transaction_request(TxType::SetCode, |it| {
            it.authorizations[0].nonce = nonce;
        });
        assert_eq!(field(&refusal(&request)), "authorizations.nonce");
    }
    let last = transaction_request(TxType::SetCode, |it| {
        it.nonce = u64::MAX;
        it.authorizations[0].nonce = 0;
    });
    assert_eq!(field(&refusal(&last)), "authorizations.nonce");
    let elsewhere = transaction_request(TxType::SetCode, |it| {
        it.authorizations[0].chain_id = 2;
    });
    assert_eq!(field(&refusal(&elsewhere)), "authorizations.chain_id");
    let everywhere = transaction_request(TxType::SetCode, |it| {
        it.authorizations[0].chain_id = 0;
    });
    sign_with_cow(&everywhere).unwrap();
}

type Change = (&'static str, fn(&mut TransactionIntent));

/// Changes of one field each.
const CHANGES: [Change; 10] = [
    ("nonce", |it| it.nonce += 1),
    ("gas_limit", |it| it.gas_limit += 1),
    ("max_fee_per_gas", |it| {
        it.fees.max_fee_per_gas = it.fees.max_fee_per_gas.saturating_add(Amount::ONE);
    }),
    ("to", |it| it.to = Some(Address::repeat_byte(0x66))),
    ("to", |it| it.to = None),
    ("value", |it| {
        it.value = it.value.saturating_add(Amount::ONE)
    }),
    ("data", |it| {
        it.data = Bytes::from_static(&[0xa9, 0x05, 0x9c, 0xbb, 1])
    }),
    ("access_list", |it| it.access_list[0].storage_keys.reverse()),
    ("authorizations", |it| {
        it.authorizations[0].address = Address::repeat_byte(0x66);
    }),
    ("authorizations", |it| it.authorizations.clear()),
];

fn has_field(field: &str, tx_type: TxType) -> bool {
    match field {
        "access_list" => tx_type != TxType::Legacy,
        "authorizations" => tx_type == TxType::SetCode,
        _ => true,
    }
}

/// As if the encoder were at fault: the check must notice by itself.
#[test]
fn bytes_that_differ_from_the_decision_in_one_field_are_dropped() {
    for tx_type in TYPES {
        let decided = intent(tx_type);
        let bytes =
            raw(sign_with_cow(&request(cow(), Intent::Transaction(decided.clone()))).unwrap());
        check::transaction(&bytes, &decided, 1, cow()).unwrap();
        for (name, change) in CHANGES {
            if !has_field(name, tx_type) {
                continue;
            }
            let mut other = decided.clone();
            change(&mut other);
            let error = check::transaction(&bytes, &other, 1, cow()).unwrap_err();
            assert!(
                matches!(error, SignError::Differs(field) if field == name),
                "{name}: {error}"
            );
        }
        for other in TYPES.into_iter().filter(|other| *other != tx_type) {
            let mut retyped = decided.clone();
            retyped.tx_type = other;
            let error = check::transaction(&bytes, &retyped, 1, cow()).unwrap_err();
            assert!(matches!(error, SignError::Differs("type")), "{error}");
        }
        let elsewhere = check::transaction(&bytes, &decided, 2, cow()).unwrap_err();
        assert!(matches!(elsewhere, SignError::Differs("chain")));
        let other = Address::repeat_byte(1);
        let foreign = check::transaction(&bytes, &decided, 1, other).unwrap_err();
        assert!(matches!(
            foreign,
            SignError::Differs("sender" | "authorizations")
        ));
        for cut in [0, 1, bytes.len() - 1] {
            let (short, _) = bytes.split_at(cut);
            assert!(check::transaction(short, &decided, 1, cow()).is_err());
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert!(check::transaction(&longer, &decided, 1, cow()).is_err());
    }
    let decided = intent(TxType::DynamicFee);
    let bytes = raw(sign_with_cow(&request(cow(), Intent::Transaction(decided.clone()))).unwrap());
    let mut other = decided;
    other.fees.max_priority_fee_per_gas = Amount::ONE;
    let error = check::transaction(&bytes, &other, 1, cow()).unwrap_err();
    assert!(matches!(
        error,
        SignError::Differs("max_priority_fee_per_gas")
    ));
}

#[test]
fn any_changed_field_changes_what_is_signed() {
    for tx_type in TYPES {
        let digest = |request: &TransactionRequest| {
            let bytes = raw(sign_with_cow(request).unwrap());
            TxEnvelope::decode_2718_exact(&bytes)
                .unwrap()
                .signature_hash()
        };
        let decided = transaction_request(tx_type, |_| {});
        let original = digest(&decided);
        assert_eq!(digest(&decided), original);
        for (name, change) in CHANGES {
            let mut changed = intent(tx_type);
            if !has_field(name, tx_type) {
                continue;
            }
            change(&mut changed);
            if matches!(tx_type, TxType::Legacy | TxType::AccessList) {
                changed.fees.max_priority_fee_per_gas = changed.fees.max_fee_per_gas;
            }
            let may_not_be = tx_type == TxType::SetCode
                && (changed.to.is_none() || changed.authorizations.is_empty());
            if may_not_be {
                continue;
            }
            if let Some(own) = changed.authorizations.first_mut() {
                own.nonce = changed.nonce + 1;
            }
            let changed = request(cow(), Intent::Transaction(changed));
            assert_ne!(digest(&changed), original, "{name}");
        }
        let mut elsewhere = transaction_request(tx_type, |it| {
            it.authorizations.iter_mut().for_each(|it| it.chain_id = 0);
        });
        let here = digest(&elsewhere);
        elsewhere.chain = Some(Chain {
            id: 2,
            name: "other".to_owned(),
        });
        assert_ne!(digest(&elsewhere), here);
    }
}
