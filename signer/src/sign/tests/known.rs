//! Vectors that others published.

use super::*;

/// The example of EIP-155.
#[test]
fn the_transaction_of_eip_155_has_its_known_bytes() {
    let signer = signer(&"46".repeat(32));
    let price = Amount::from(20_000_000_000_u64);
    let request = request(
        signer.address(),
        Intent::Transaction(TransactionIntent {
            tx_type: TxType::Legacy,
            to: Some(Address::repeat_byte(0x35)),
            value: Amount::from(1_000_000_000_000_000_000_u64),
            data: Bytes::new(),
            gas_limit: 21_000,
            fees: Fees {
                max_fee_per_gas: price,
                max_priority_fee_per_gas: price,
            },
            nonce: 9,
            access_list: Vec::new(),
            authorizations: Vec::new(),
        }),
    );
    assert_eq!(
        hex::encode(raw(signed(&request, &signer).unwrap())),
        "f86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008025\
         a028ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276\
         a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83"
    );
}

/// `Mail` of EIP-712, with the hashes that its example names.
#[test]
fn the_mail_of_eip_712_has_its_known_signature() {
    let mail = TypedDataIntent {
        primary_type: "Mail".to_owned(),
        domain_name: Some("Ether Mail".to_owned()),
        domain_version: Some("1".to_owned()),
        domain_chain_id: Some(Amount::ONE),
        verifying_contract: Some(Address::repeat_byte(0xcc)),
        domain_separator: "0xf2cee375fa42b42143804025fc449deafd50cc031ca257e0b194a650a912090f"
            .parse()
            .unwrap(),
        struct_hash: "0xc52c0ee5d84264471806290a3f2c4cecfc5490626bf912d01f240d7a274b371e"
            .parse()
            .unwrap(),
        message: "{}".to_owned(),
    };
    let request = request(signer(COW).address(), Intent::TypedData(mail));
    let Signed::Signature { bytes, hash } = sign_with_cow(&request).unwrap() else {
        panic!("not a signature");
    };
    assert_eq!(
        hash.to_string(),
        "0xbe609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2"
    );
    assert_eq!(
        hex::encode(bytes),
        "4355c47d63924e8a72e509b65029052eb6c299d53a04e167c5775fd466751c9d\
         07299936d304c153f6443dfa05f40ff007d72911b6f72307f996231605b915621c"
    );
}

/// The example of the documentation of web3.js, `web3.eth.accounts.sign`.
#[test]
fn a_message_has_its_known_signature() {
    let signer = signer("4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318");
    let request = request(
        signer.address(),
        Intent::Message(Bytes::from_static(b"Some data")),
    );
    let Signed::Signature { bytes, hash } = signed(&request, &signer).unwrap() else {
        panic!("not a signature");
    };
    assert_eq!(
        hash.to_string(),
        "0x1da44b586eb0729ff70a73c326926f6ed5a25f5b056e7f47fbc6e58d86871655"
    );
    assert_eq!(
        hex::encode(bytes),
        "b91467e570a6466aa9e9876cbcd013baba02900b8979d43fe208a4a4f339f5fd\
         6007e74cd82e037b800186422fc2da167c747ef045e5d18a5f5d4300f8e1a0291c"
    );
}

#[test]
fn a_digest_is_signed_as_it_is() {
    let signer = signer(COW);
    let digest = B256::repeat_byte(0x42);
    let request = request(signer.address(), Intent::Digest(digest));
    let Signed::Signature { bytes, hash } = signed(&request, &signer).unwrap() else {
        panic!("not a signature");
    };
    assert_eq!(hash, digest);
    let signature = alloy::primitives::Signature::from_raw_array(&bytes).unwrap();
    assert_eq!(
        signature.recover_address_from_prehash(&digest).unwrap(),
        signer.address()
    );
}
