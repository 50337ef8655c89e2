//! Typed data: known hashes, what is refused, and what signatures permit.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic fails the test"
)]

use alloy::dyn_abi::eip712;
use alloy::primitives::{Address, U256, address, b256};
use oneclaw_core::amount::Amount;
use oneclaw_core::transaction::{Effect, EffectKind};
use oneclaw_effects::{TypedData, TypedDataError, of_typed_data};
use proptest::prelude::*;
use serde_json::{Value, json};

const SENDER: Address = address!("1111111111111111111111111111111111111111");
const TOKEN: Address = address!("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
const BOB: Address = address!("b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0");
const PERMIT2: Address = address!("000000000022D473030F116dDEE9F6B43aC78BA3");

fn parse(json: &Value) -> TypedData {
    TypedData::parse(json).unwrap_or_else(|error| panic!("{error}: {json}"))
}

fn refusal(json: &Value) -> String {
    match TypedData::parse(json) {
        Ok(_) => panic!("accepted: {json}"),
        Err(error) => error.to_string(),
    }
}

/// The example of EIP-712.
fn mail() -> Value {
    json!({
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"},
                {"name": "version", "type": "string"},
                {"name": "chainId", "type": "uint256"},
                {"name": "verifyingContract", "type": "address"}
            ],
            "Person": [{"name": "name", "type": "string"}, {"name": "wallet", "type": "address"}],
            "Mail": [
                {"name": "from", "type": "Person"},
                {"name": "to", "type": "Person"},
                {"name": "contents", "type": "string"}
            ]
        },
        "primaryType": "Mail",
        "domain": {
            "name": "Ether Mail",
            "version": "1",
            "chainId": 1,
            "verifyingContract": "0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC"
        },
        "message": {
            "from": {"name": "Cow", "wallet": "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"},
            "to": {"name": "Bob", "wallet": "0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB"},
            "contents": "Hello, Bob!"
        }
    })
}

#[test]
fn the_example_of_the_standard_has_the_hashes_of_the_standard() {
    let typed = parse(&mail());
    let intent = typed.intent();
    assert_eq!(
        intent.domain_separator,
        b256!("f2cee375fa42b42143804025fc449deafd50cc031ca257e0b194a650a912090f")
    );
    assert_eq!(
        intent.struct_hash,
        b256!("c52c0ee5d84264471806290a3f2c4cecfc5490626bf912d01f240d7a274b371e")
    );
    assert_eq!(
        typed.signing_hash(),
        b256!("be609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2")
    );
    assert_eq!(intent.primary_type, "Mail");
    assert_eq!(intent.domain_name.as_deref(), Some("Ether Mail"));
    assert_eq!(intent.domain_version.as_deref(), Some("1"));
    assert_eq!(intent.domain_chain_id, Some(Amount::ONE));
    assert_eq!(
        intent.message,
        "{\"from\":{\"name\":\"Cow\",\"wallet\":\"0xcd2a3d9f938e13cd947ec05abc7fe734df8dd826\"},\
         \"to\":{\"name\":\"Bob\",\"wallet\":\"0xbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\"},\
         \"contents\":\"Hello, Bob!\"}"
    );
    assert_eq!(
        of_typed_data(SENDER, &typed),
        [Effect {
            contract: intent.verifying_contract,
            source: Some(SENDER),
            ..nothing(EffectKind::Opaque)
        }]
    );
}

#[test]
fn a_domain_type_that_is_not_declared_is_made_from_the_domain() {
    let mut json = mail();
    json["types"]
        .as_object_mut()
        .unwrap()
        .remove("EIP712Domain");
    assert_eq!(parse(&json).signing_hash(), parse(&mail()).signing_hash());
}

/// Every kind of type, in structs, arrays and arrays of arrays.
fn everything() -> Value {
    json!({
        "types": {
            "EIP712Domain": [{"name": "salt", "type": "bytes32"}, {"name": "name", "type": "string"}],
            "Inner": [{"name": "next", "type": "Inner[]"}, {"name": "n", "type": "int16"}],
            "Ns:All": [
                {"name": "yes", "type": "bool"},
                {"name": "small", "type": "uint8"},
                {"name": "large", "type": "uint256"},
                {"name": "negative", "type": "int256"},
                {"name": "four", "type": "bytes4"},
                {"name": "any", "type": "bytes"},
                {"name": "text", "type": "string"},
                {"name": "grid", "type": "uint16[2][]"},
                {"name": "inner", "type": "Inner"},
                {"name": "none", "type": "address[]"}
            ]
        },
        "primaryType": "Ns:All",
        "domain": {"name": "x", "salt": format!("0x{}", "07".repeat(32))},
        "message": {
            "yes": true,
            "small": "255",
            "large": U256::MAX.to_string(),
            "negative": "-57896044618658097711785492504343953926634992332820282019728792003956564819968",
            "four": "0xdeadbeef",
            "any": "0x0102",
            "text": "\"ü\n",
            "grid": [[1, 2], [3, 4], ["0x5", 6]],
            "inner": {"next": [{"next": [], "n": -1}], "n": 7},
            "none": []
        }
    })
}

#[test]
fn every_type_is_written_down_as_it_was_hashed() {
    let text = parse(&everything()).intent().message;
    let read: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        read,
        json!({
            "yes": true,
            "small": "255",
            "large": U256::MAX.to_string(),
            "negative": "-57896044618658097711785492504343953926634992332820282019728792003956564819968",
            "four": "0xdeadbeef",
            "any": "0x0102",
            "text": "\"ü\n",
            "grid": [["1", "2"], ["3", "4"], ["5", "6"]],
            "inner": {"next": [{"next": [], "n": "-1"}], "n": "7"},
            "none": []
        })
    );
    let mut again = everything();
    again["message"] = read;
    assert_eq!(
        parse(&again).signing_hash(),
        parse(&everything()).signing_hash()
    );
}

#[test]
fn hashes_are_those_of_another_implementation() {
    let mut plain = everything();
    // That one orders the domain by itself and knows no recursive values.
    plain["types"]["EIP712Domain"] =
        json!([{"name": "name", "type": "string"}, {"name": "salt", "type": "bytes32"}]);
    plain["types"]["Inner"] = json!([{"name": "n", "type": "int16"}]);
    plain["message"]["inner"] = json!({"n": -32768});
    for json in [plain, mail(), permit("1"), permit2_batch(PERMIT2)] {
        let other: eip712::TypedData = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(
            parse(&json).signing_hash(),
            other.eip712_signing_hash().unwrap(),
            "{json}"
        );
    }
}

fn change(path: &str, value: Value) -> Value {
    let mut json = mail();
    *json.pointer_mut(path).unwrap() = value;
    json
}

#[test]
fn what_would_not_be_signed_as_it_reads_is_refused_by_name() {
    let mut extra = mail();
    extra["message"]["to"]["note"] = json!("hidden");
    let mut missing = mail();
    missing["message"]["to"]
        .as_object_mut()
        .unwrap()
        .remove("wallet");
    let mut domain = mail();
    domain["domain"]["salt"] = json!("0x00");
    let mut top = mail();
    top["extra"] = json!(1);
    for (json, begins) in [
        (extra, "`message.to.note` is not declared"),
        (missing, "`message.to.wallet` is missing"),
        (domain, "`domain.salt` is not declared"),
        (top, "`extra` is not declared"),
        (json!([]), "`typed_data` must be an object"),
        (
            change("/types/Mail/0/type", json!("Persona")),
            "type `Persona` of `types.Mail.from` is not defined",
        ),
        (
            change("/types/Mail/2/type", json!("uint")),
            "type `uint` of `types.Mail.contents` is not defined",
        ),
        (change("/types/Mail/2/type", json!("uint7")), "type `uint7`"),
        (
            change("/types/Mail/2/type", json!("bytes33")),
            "type `bytes33`",
        ),
        (
            change("/types/Mail/2/type", json!("bytes0")),
            "type `bytes0`",
        ),
        (
            change("/types/Mail/2/type", json!("string[0]")),
            "type `string[0]`",
        ),
        (
            change("/types/Mail/2/type", json!("EIP712Domain")),
            "type `EIP712Domain`",
        ),
        (
            change("/types/Mail/2/name", json!("a,uint256 b")),
            "`types.Mail[2].name`: is not a name",
        ),
        (
            change("/types/Mail/2/name", json!("to")),
            "`types.Mail[2].name`: is declared twice",
        ),
        (
            change("/types/EIP712Domain/2/type", json!("uint64")),
            "`types.EIP712Domain.chainId`",
        ),
        (
            change("/primaryType", json!("Letter")),
            "type `Letter` of `primaryType` is not defined",
        ),
        (
            change("/primaryType", json!("EIP712Domain")),
            "`primaryType`: is the domain",
        ),
        (
            change("/message/contents", Value::Null),
            "`message.contents` must be a string",
        ),
        (
            change("/message/from", Value::Null),
            "`message.from` must be an object",
        ),
        (
            change(
                "/message/to/wallet",
                json!("0xBBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB"),
            ),
            "`message.to.wallet` must be an address",
        ),
        (
            change(
                "/message/to/wallet",
                json!("bBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB"),
            ),
            "`message.to.wallet` must be an address",
        ),
        (
            change("/domain/chainId", json!(1.5)),
            "`domain.chainId` must be an integer",
        ),
        (
            change("/domain/chainId", json!(-1)),
            "`domain.chainId` must be an integer",
        ),
        (
            change("/domain/chainId", json!(1e30)),
            "`domain.chainId` must be an integer",
        ),
        (
            change("/domain/chainId", json!("1_0")),
            "`domain.chainId` must be an integer",
        ),
        (
            change("/domain/chainId", json!("")),
            "`domain.chainId` must be an integer",
        ),
        (
            change("/domain/chainId", json!("0x")),
            "`domain.chainId` must be an integer",
        ),
        (
            change(
                "/domain/chainId",
                json!(
                    "115792089237316195423570985008687907853269984665640564039457584007913129639936"
                ),
            ),
            "`domain.chainId`",
        ),
    ] {
        let said = refusal(&json);
        assert!(said.starts_with(begins), "{said} instead of {begins}");
    }
    for (text, good) in [
        ("0xbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", true),
        ("0xBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB", true),
        ("0X1", false),
    ] {
        assert_eq!(
            TypedData::parse(&change("/message/to/wallet", json!(text))).is_ok(),
            good,
            "{text}"
        );
    }
}

#[test]
fn integers_fit_their_type_to_the_last_one() {
    let with = |kind: &str, value: Value| {
        TypedData::parse(&json!({
            "types": {"A": [{"name": "n", "type": kind}]}, "primaryType": "A", "domain": {}, "message": {"n": value}
        }))
        .is_ok()
    };
    assert!(with("uint8", json!(255)) && !with("uint8", json!(256)));
    assert!(with("int8", json!(127)) && !with("int8", json!(128)));
    assert!(with("int8", json!(-128)) && !with("int8", json!(-129)));
    assert!(with("int256", json!("-0")) && with("uint64", json!(u64::MAX)));
    let most = "57896044618658097711785492504343953926634992332820282019728792003956564819967";
    let more = "57896044618658097711785492504343953926634992332820282019728792003956564819968";
    assert!(with("int256", json!(most)) && !with("int256", json!(more)));
    assert!(!with(
        "int256",
        json!(format!("-{}", more.replace("819968", "819969")))
    ));
    assert!(!with("uint256", json!("-1")) && !with("int256", json!("0x1")));
    assert!(with("bytes2", json!("0x0000")) && !with("bytes2", json!("0x00")));
    assert!(
        !with("bytes", json!("0x0"))
            && !with("bytes", json!("0x0x00"))
            && !with("bytes", json!("00"))
    );
    assert!(
        !with("bool", json!("true"))
            && !with("bool[2]", json!([true]))
            && with("bool[2]", json!([true, false]))
    );
}

#[test]
fn recursion_and_size_are_bounded() {
    let mutual = json!({
        "types": {"A": [{"name": "b", "type": "B[]"}], "B": [{"name": "a", "type": "A[]"}]},
        "primaryType": "A", "domain": {}, "message": {"b": []}
    });
    assert!(
        refusal(&mutual).starts_with("`types.A`: contains itself"),
        "{}",
        refusal(&mutual)
    );
    let mut deep = json!({"next": []});
    for _ in 0..40 {
        deep = json!({"next": [deep]});
    }
    let recursive = json!({
        "types": {"A": [{"name": "next", "type": "A[]"}]}, "primaryType": "A", "domain": {}, "message": deep
    });
    assert_eq!(
        TypedData::parse(&recursive),
        Err(TypedDataError::TooMuch {
            what: "levels of structs and arrays",
            most: 32
        })
    );
    let long = change("/message/contents", json!("x".repeat(256 << 10)));
    assert_eq!(
        TypedData::parse(&long),
        Err(TypedDataError::TooMuch {
            what: "bytes of JSON",
            most: 256 << 10
        })
    );
    // Each struct has two of the next: expanded, that would be 2^100 of them.
    let mut types = serde_json::Map::new();
    for index in 0..100 {
        let next = format!("T{}[]", index + 1);
        types.insert(
            format!("T{index}"),
            json!([{"name": "a", "type": next}, {"name": "b", "type": next}]),
        );
    }
    types.insert("T100".to_owned(), json!([{"name": "a", "type": "bool"}]));
    parse(
        &json!({"types": types, "primaryType": "T0", "domain": {}, "message": {"a": [], "b": []}}),
    );
    for index in 0..40 {
        types.insert(format!("U{index}"), json!([]));
    }
    let many =
        json!({"types": types, "primaryType": "T0", "domain": {}, "message": {"a": [], "b": []}});
    assert_eq!(
        TypedData::parse(&many),
        Err(TypedDataError::TooMuch {
            what: "types",
            most: 128
        })
    );
}

fn nothing(kind: EffectKind) -> Effect {
    Effect {
        kind,
        parent: None,
        contract: None,
        source: None,
        target: None,
        amount: Amount::ZERO,
        token_id: None,
        unlimited: false,
        selector: None,
        deadline: None,
    }
}

fn typed(contract: Address, types: Value, primary: &str, message: Value) -> Value {
    json!({
        "types": types, "primaryType": primary, "message": message,
        "domain": {"name": "x", "chainId": 1, "verifyingContract": contract}
    })
}

fn members(text: &str) -> Value {
    let member = |member: &str| {
        let (kind, name) = member.split_once(' ').unwrap();
        json!({"name": name, "type": kind})
    };
    text.split(',').map(member).collect()
}

const PERMIT: &str = "address owner,address spender,uint256 value,uint256 nonce,uint256 deadline";

fn permit(value: &str) -> Value {
    typed(
        TOKEN,
        json!({"Permit": members(PERMIT)}),
        "Permit",
        json!({"owner": SENDER, "spender": BOB, "value": value, "nonce": 0, "deadline": 1_700_000_000}),
    )
}

#[test]
fn a_permit_is_an_allowance_of_its_token() {
    let expected = Effect {
        contract: Some(TOKEN),
        source: Some(SENDER),
        target: Some(BOB),
        amount: Amount::from(5_u64),
        deadline: Some(1_700_000_000),
        ..nothing(EffectKind::Erc20Permit)
    };
    assert_eq!(
        of_typed_data(SENDER, &parse(&permit("5"))),
        std::slice::from_ref(&expected)
    );
    let most = Effect {
        amount: Amount::MAX,
        unlimited: true,
        ..expected
    };
    assert_eq!(
        of_typed_data(SENDER, &parse(&permit(&U256::MAX.to_string()))),
        [most]
    );
    let dai = typed(
        TOKEN,
        json!({"Permit": members("address holder,address spender,uint256 nonce,uint256 expiry,bool allowed")}),
        "Permit",
        json!({"holder": SENDER, "spender": BOB, "nonce": 1, "expiry": 0, "allowed": true}),
    );
    let [effect] = &of_typed_data(SENDER, &parse(&dai))[..] else {
        panic!()
    };
    assert!(effect.unlimited && effect.amount == Amount::MAX && effect.deadline.is_none());
    assert_eq!(effect.kind, EffectKind::Erc20Permit);
}

#[test]
fn what_only_resembles_a_permit_is_opaque() {
    let renamed = PERMIT.replace("spender", "friend");
    let mut other_name = permit("5");
    other_name["types"] = json!({"Permit": members(&renamed)});
    other_name["message"] =
        json!({"owner": SENDER, "friend": BOB, "value": 5, "nonce": 0, "deadline": 1});
    let mut other_type = permit("5");
    other_type["types"] =
        json!({"Permit": members(&PERMIT.replace("uint256 value", "uint128 value"))});
    let mut other_struct = permit("5");
    other_struct["types"] = json!({"Allow": members(PERMIT)});
    other_struct["primaryType"] = json!("Allow");
    let mut no_contract = permit("5");
    no_contract["domain"]
        .as_object_mut()
        .unwrap()
        .remove("verifyingContract");
    for json in [
        other_name,
        other_type,
        other_struct,
        no_contract,
        permit2_batch(TOKEN),
    ] {
        let effects = of_typed_data(SENDER, &parse(&json));
        assert_eq!(effects.len(), 1);
        assert_eq!(effects[0].kind, EffectKind::Opaque, "{json}");
        assert_eq!(effects[0].source, Some(SENDER));
    }
}

fn permit2_batch(contract: Address) -> Value {
    typed(
        contract,
        json!({
            "PermitBatch": members("PermitDetails[] details,address spender,uint256 sigDeadline"),
            "PermitDetails": members("address token,uint160 amount,uint48 expiration,uint48 nonce")
        }),
        "PermitBatch",
        json!({
            "details": [
                {"token": TOKEN, "amount": "5", "expiration": 6, "nonce": 0},
                {"token": BOB, "amount": "0xffffffffffffffffffffffffffffffffffffffff", "expiration": 7, "nonce": 0}
            ],
            "spender": BOB,
            "sigDeadline": 99
        }),
    )
}

#[test]
fn permit2_allowances_are_those_of_their_tokens() {
    let effects = of_typed_data(SENDER, &parse(&permit2_batch(PERMIT2)));
    let first = Effect {
        contract: Some(TOKEN),
        source: Some(SENDER),
        target: Some(BOB),
        amount: Amount::from(5_u64),
        deadline: Some(6),
        ..nothing(EffectKind::Permit2Approve)
    };
    assert_eq!(effects[0], first);
    assert!(effects[1].unlimited && effects[1].contract == Some(BOB));
    assert_eq!(effects.len(), 2);
    let single = typed(
        PERMIT2,
        json!({
            "PermitSingle": members("PermitDetails details,address spender,uint256 sigDeadline"),
            "PermitDetails": members("address token,uint160 amount,uint48 expiration,uint48 nonce")
        }),
        "PermitSingle",
        json!({"details": {"token": TOKEN, "amount": 5, "expiration": 6, "nonce": 0}, "spender": BOB, "sigDeadline": 9}),
    );
    assert_eq!(of_typed_data(SENDER, &parse(&single)), [first]);
}

#[test]
fn permit2_transfers_go_to_whoever_may_spend_with_and_without_witness() {
    let expected = Effect {
        contract: Some(TOKEN),
        source: Some(SENDER),
        target: Some(BOB),
        amount: Amount::from(50_u64),
        deadline: Some(99),
        ..nothing(EffectKind::Permit2Transfer)
    };
    let start = "TokenPermissions permitted,address spender,uint256 nonce,uint256 deadline";
    let permitted = json!({"token": TOKEN, "amount": 50});
    let permissions = members("address token,uint256 amount");
    let message = json!({"permitted": permitted, "spender": BOB, "nonce": 0, "deadline": 99});
    let plain = typed(
        PERMIT2,
        json!({"PermitTransferFrom": members(start), "TokenPermissions": permissions}),
        "PermitTransferFrom",
        message.clone(),
    );
    let mut with_witness = message.clone();
    with_witness["witness"] = json!({"price": 1});
    let witness = |order: &str| {
        typed(
            PERMIT2,
            json!({
                "PermitWitnessTransferFrom": members(&format!("{start},{order} witness")),
                "TokenPermissions": permissions,
                order: members("uint256 price")
            }),
            "PermitWitnessTransferFrom",
            with_witness.clone(),
        )
    };
    let mut batch_message = message.clone();
    batch_message["permitted"] = json!([permitted, permitted]);
    let batch = typed(
        PERMIT2,
        json!({
            "PermitBatchTransferFrom": members(&start.replace("Permissions", "Permissions[]")),
            "TokenPermissions": permissions
        }),
        "PermitBatchTransferFrom",
        batch_message,
    );
    assert_eq!(
        of_typed_data(SENDER, &parse(&plain)),
        std::slice::from_ref(&expected)
    );
    for order in ["Order", "Zebra"] {
        assert_eq!(
            of_typed_data(SENDER, &parse(&witness(order))),
            std::slice::from_ref(&expected)
        );
    }
    assert_eq!(
        of_typed_data(SENDER, &parse(&batch)),
        [expected.clone(), expected]
    );
}

#[test]
fn an_authorised_transfer_is_the_transfer() {
    for name in ["TransferWithAuthorization", "ReceiveWithAuthorization"] {
        let json = typed(
            TOKEN,
            json!({name: members("address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce")}),
            name,
            json!({
                "from": SENDER, "to": BOB, "value": "7", "validAfter": 0, "validBefore": U256::MAX.to_string(),
                "nonce": format!("0x{}", "00".repeat(32))
            }),
        );
        let expected = Effect {
            contract: Some(TOKEN),
            source: Some(SENDER),
            target: Some(BOB),
            amount: Amount::from(7_u64),
            deadline: Some(u64::MAX),
            ..nothing(EffectKind::Erc3009Authorization)
        };
        assert_eq!(of_typed_data(SENDER, &parse(&json)), [expected]);
    }
}

#[test]
fn a_safe_transaction_is_looked_into() {
    let json = |operation: u8, gas_price: u8| {
        typed(
            TOKEN,
            json!({"SafeTx": members(
                "address to,uint256 value,bytes data,uint8 operation,uint256 safeTxGas,uint256 baseGas,uint256 gasPrice,\
                 address gasToken,address refundReceiver,uint256 nonce"
            )}),
            "SafeTx",
            json!({
                "to": BOB, "value": "9", "data": "0x", "operation": operation, "safeTxGas": 0, "baseGas": 0,
                "gasPrice": gas_price, "gasToken": Address::ZERO, "refundReceiver": Address::ZERO, "nonce": 0
            }),
        )
    };
    let effects = of_typed_data(SENDER, &parse(&json(0, 0)));
    let safe = Effect {
        contract: Some(TOKEN),
        source: Some(SENDER),
        ..nothing(EffectKind::Call)
    };
    let paid = Effect {
        parent: Some(0),
        source: Some(TOKEN),
        target: Some(BOB),
        amount: Amount::from(9_u64),
        ..nothing(EffectKind::NativeTransfer)
    };
    assert_eq!(effects, [safe, paid]);
    let kinds = |json| -> Vec<EffectKind> {
        of_typed_data(SENDER, &parse(&json))
            .iter()
            .map(|effect| effect.kind)
            .collect()
    };
    assert_eq!(
        kinds(json(1, 0)),
        [
            EffectKind::Call,
            EffectKind::Delegatecall,
            EffectKind::Opaque
        ]
    );
    assert_eq!(
        kinds(json(0, 1)),
        [
            EffectKind::Call,
            EffectKind::NativeTransfer,
            EffectKind::Opaque
        ]
    );
    assert_eq!(kinds(json(2, 0)), [EffectKind::Opaque]);
}

/// JSON that looks enough like typed data to get past the first checks.
fn nearly_typed() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        "\\PC{0,8}".prop_map(Value::from),
        "0x[0-9a-fA-F]{0,44}".prop_map(Value::from),
        "-?[0-9]{1,80}".prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[ab]", inner, 0..3)
                .prop_map(|map| map.into_iter().collect::<Value>()),
        ]
    });
    let kind =
        "(A|B|bool|string|bytes|bytes[0-9]{1,2}|u?int[0-9]{0,3}|address)(\\[[0-9]{0,2}\\]){0,2}";
    let types = prop::collection::vec((kind, kind), 2);
    (types, value).prop_map(|(types, message)| {
        let member =
            |(a, b): &(String, String)| json!([{"name": "a", "type": a}, {"name": "b", "type": b}]);
        json!({
            "types": {"A": member(&types[0]), "B": member(&types[1])},
            "primaryType": "A", "domain": {}, "message": message
        })
    })
}

/// A type and a value of it.
fn well_typed() -> impl Strategy<Value = (String, Value)> {
    let hex = |bytes: &[u8]| json!(format!("0x{}", hex::encode(bytes)));
    let one = prop_oneof![
        any::<bool>().prop_map(|value| ("bool".to_owned(), json!(value))),
        any::<[u64; 4]>().prop_map(|limbs| (
            "uint256".to_owned(),
            json!(U256::from_limbs(limbs).to_string())
        )),
        any::<u64>().prop_map(|number| ("uint64".to_owned(), json!(number))),
        any::<i64>().prop_map(|number| ("int72".to_owned(), json!(number))),
        any::<i128>().prop_map(|number| ("int128".to_owned(), json!(number.to_string()))),
        any::<[u8; 20]>().prop_map(move |bytes| ("address".to_owned(), hex(&bytes))),
        any::<[u8; 5]>().prop_map(move |bytes| ("bytes5".to_owned(), hex(&bytes))),
        any::<Vec<u8>>().prop_map(move |bytes| ("bytes".to_owned(), hex(&bytes))),
        "\\PC{0,20}".prop_map(|text| ("string".to_owned(), json!(text))),
    ];
    (one, 0_usize..4).prop_map(|((kind, value), copies)| match copies {
        0 => (kind, value),
        _ => (format!("{kind}[{copies}][]"), json!([vec![value; copies]])),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_json_makes_it_panic(json in nearly_typed()) {
        if let Ok(typed) = TypedData::parse(&json) {
            prop_assert!(!of_typed_data(SENDER, &typed).is_empty());
        }
    }

    #[test]
    fn well_typed_messages_have_the_hashes_of_another_implementation(
        given in prop::collection::vec(well_typed(), 1..6),
    ) {
        let name = |index: usize| format!("m{index}");
        let types: Value = given.iter().enumerate()
            .map(|(index, (kind, _))| json!({"name": name(index), "type": kind})).collect();
        let message: Value = given.into_iter().enumerate()
            .map(|(index, (_, value))| (name(index), value)).collect();
        let mut json = typed(TOKEN, json!({"A": types}), "A", message);
        let ours = parse(&json);
        json["types"]["EIP712Domain"] = members("string name,uint256 chainId,address verifyingContract");
        let other: eip712::TypedData = serde_json::from_value(json.clone()).unwrap();
        prop_assert_eq!(ours.signing_hash(), other.eip712_signing_hash().unwrap());
        json["message"] = serde_json::from_str(&ours.intent().message).unwrap();
        prop_assert_eq!(parse(&json), ours);
    }
}
