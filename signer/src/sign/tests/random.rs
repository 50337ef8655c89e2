//! Any intent that can be encoded is signed as it is.

use alloy::consensus::TxEnvelope;
use alloy::consensus::transaction::SignerRecoverable;
use alloy::eips::eip2718::Decodable2718;
use alloy::primitives::keccak256;
use oneclaw_core::transaction::AuthorizationSignature;
use proptest::prelude::*;

use super::*;

prop_compose! {
    fn accesses()(entries in prop::collection::vec((any::<[u8; 20]>(), prop::collection::vec(any::<[u8; 32]>(), 0..4)), 0..4))
        -> Vec<AccessListItem>
    {
        let item = |(address, keys): ([u8; 20], Vec<[u8; 32]>)| AccessListItem {
            address: address.into(),
            storage_keys: keys.into_iter().map(B256::from).collect(),
        };
        entries.into_iter().map(item).collect()
    }
}

prop_compose! {
    fn signatures()(y_parity in 0_u8..=1, r: [u8; 32], s: [u8; 32]) -> AuthorizationSignature {
        AuthorizationSignature { y_parity, r: r.into(), s: s.into() }
    }
}

prop_compose! {
    /// By the sender, or by somebody else.
    fn delegations()(entries in prop::collection::vec((any::<u64>(), any::<[u8; 20]>(), any::<u64>(), prop::option::of(signatures())), 1..4))
        -> Vec<Authorization>
    {
        let item = |(chain_id, address, nonce, signature): (u64, [u8; 20], u64, _)| Authorization {
            chain_id, address: address.into(), nonce, signature,
        };
        entries.into_iter().map(item).collect()
    }
}

prop_compose! {
    fn intents()(
        tx_type in prop::sample::select(TYPES.to_vec()),
        to: Option<[u8; 20]>,
        value: [u64; 4],
        data in prop::collection::vec(any::<u8>(), 0..200),
        gas_limit: u64,
        (max_fee, tip) in any::<(u128, u128)>(),
        nonce in 0..u64::MAX,
        access_list in accesses(),
        authorizations in delegations(),
    ) -> TransactionIntent {
        let one_price = matches!(tx_type, TxType::Legacy | TxType::AccessList);
        let is_set_code = tx_type == TxType::SetCode;
        TransactionIntent {
            tx_type,
            to: to.map(Address::from).or_else(|| is_set_code.then_some(Address::ZERO)),
            value: Amount::from_limbs(value),
            data: data.into(),
            gas_limit,
            fees: Fees {
                max_fee_per_gas: max_fee.into(),
                max_priority_fee_per_gas: (if one_price { max_fee } else { tip }).into(),
            },
            nonce,
            access_list: if tx_type == TxType::Legacy { Vec::new() } else { access_list },
            authorizations: if is_set_code { authorizations } else { Vec::new() },
        }
    }
}

/// What a node would make of the bytes, in the words of the request.
fn read_back(raw: &[u8]) -> (TransactionIntent, Option<u64>, Address) {
    use alloy::consensus::Transaction;
    use alloy::eips::eip2718::Typed2718;
    let envelope = TxEnvelope::decode_2718_exact(raw).unwrap();
    let sender = envelope.recover_signer().unwrap();
    let price = envelope.max_fee_per_gas();
    let access_list = envelope.access_list().cloned().unwrap_or_default();
    let intent = TransactionIntent {
        tx_type: TYPES
            .into_iter()
            .find(|it| it.number() == envelope.ty())
            .unwrap(),
        to: envelope.to(),
        value: envelope.value().into(),
        data: envelope.input().clone(),
        gas_limit: envelope.gas_limit(),
        fees: Fees {
            max_fee_per_gas: price.into(),
            max_priority_fee_per_gas: envelope.max_priority_fee_per_gas().unwrap_or(price).into(),
        },
        nonce: envelope.nonce(),
        access_list: access_list
            .iter()
            .map(|item| AccessListItem {
                address: item.address,
                storage_keys: item.storage_keys.clone(),
            })
            .collect(),
        authorizations: envelope
            .authorization_list()
            .unwrap_or_default()
            .iter()
            .map(|it| Authorization {
                chain_id: it.chain_id.to(),
                address: it.address,
                nonce: it.nonce,
                signature: Some(AuthorizationSignature {
                    y_parity: it.y_parity(),
                    r: it.r().into(),
                    s: it.s().into(),
                }),
            })
            .filter(|it| {
                // Those of the sender have no signature in the request.
                let inner = alloy::eips::eip7702::Authorization {
                    chain_id: alloy::primitives::U256::from(it.chain_id),
                    address: it.address,
                    nonce: it.nonce,
                };
                let signature = it.signature.as_ref().unwrap();
                let signed = alloy::eips::eip7702::SignedAuthorization::new_unchecked(
                    inner,
                    signature.y_parity,
                    signature.r.into(),
                    signature.s.into(),
                );
                signed.recover_authority().ok() != Some(sender)
            })
            .collect(),
    };
    (intent, envelope.chain_id(), sender)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_a_node_reads_is_what_was_decided(mut intent in intents(), chain in 1_u64..) {
        for own in intent.authorizations.iter_mut().filter(|it| it.signature.is_none()) {
            own.nonce = intent.nonce + 1;
            own.chain_id = chain;
        }
        let signer = signer(COW);
        let mut request = request(signer.address(), Intent::Transaction(intent.clone()));
        request.chain = Some(Chain { id: chain, name: "some".to_owned() });
        let Signed::Transaction { raw, hash } = signed(&request, &signer).unwrap() else {
            panic!("not a transaction");
        };
        prop_assert_eq!(hash, keccak256(&raw));
        let (mut read, read_chain, sender) = read_back(&raw);
        prop_assert_eq!(read_chain, Some(chain));
        prop_assert_eq!(sender, signer.address());
        intent.authorizations.retain(|it| it.signature.is_some());
        prop_assert_eq!(std::mem::take(&mut read.authorizations), std::mem::take(&mut intent.authorizations));
        prop_assert_eq!(read, intent);
    }

    #[test]
    fn every_signature_recovers_to_the_sender_and_is_low(message in prop::collection::vec(any::<u8>(), 0..100), digest: [u8; 32]) {
        let signer = signer(COW);
        for intent in [Intent::Message(message.into()), Intent::Digest(digest.into())] {
            let request = request(signer.address(), intent);
            let Signed::Signature { bytes, hash } = signed(&request, &signer).unwrap() else {
                panic!("not a signature");
            };
            prop_assert!(matches!(bytes[64], 27 | 28));
            let signature = alloy::primitives::Signature::from_raw_array(&bytes).unwrap();
            prop_assert!(signature.normalize_s().is_none());
            prop_assert_eq!(signature.recover_address_from_prehash(&hash).unwrap(), signer.address());
        }
    }
}

/// EIP-7702: the authority of an authorisation that the sender gives is the sender.
#[test]
fn an_authorisation_without_a_signature_is_signed_by_the_sender() {
    use alloy::consensus::Transaction;
    let request = request(
        signer(COW).address(),
        Intent::Transaction(intent(TxType::SetCode)),
    );
    let bytes = raw(sign_with_cow(&request).unwrap());
    let envelope = TxEnvelope::decode_2718_exact(&bytes).unwrap();
    let [own] = envelope.authorization_list().unwrap() else {
        panic!("one authorisation");
    };
    assert_eq!(own.recover_authority().unwrap(), request.sender);
    assert_eq!(own.nonce, 8);
}
