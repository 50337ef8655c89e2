//! What is hidden in calldata and signatures is seen: a guarded agent with nothing but its plain limits set.

use alloy::primitives::{Address, Bytes, U256, address};
use alloy::sol;
use alloy::sol_types::SolCall as _;
use oneclaw_tests::app::Database;
use serde_json::{Value, json};

use crate::setup::{ALICE, MALLORY, Payer, refused};

sol! {
    function execTransaction(address to, uint256 value, bytes data, uint8 operation, uint256 safeTxGas, uint256 baseGas,
        uint256 gasPrice, address gasToken, address refundReceiver, bytes signatures) returns (bool);
    function multicall(bytes[] data) returns (bytes[]);
    function multiSend(bytes transactions);
    function transfer(address to, uint256 amount) returns (bool);
    function approve(address spender, uint256 amount) returns (bool);
}

const SAFE: Address = address!("0x1111111111111111111111111111111111111111");
const TOKEN: Address = address!("0x5FbDB2315678afecb367f032d93F642f64180aa3");
const MULTISEND: Address = address!("0x40A2aCCbd92BCA938b02010E17A5b8929b49130D");

/// Limits as most set them, and no `guardrails` document.
async fn guarded() -> Payer {
    Payer::new(
        Database::Sqlite,
        json!({
            "tx_to_allowlist": [SAFE.to_string(), TOKEN.to_string(), ALICE],
            "tx_max_value": "0.1",
            "tx_daily_limit": "1",
            "eip712_domain_allowlist": [{"verifying_contract": PERMIT2}],
        }),
    )
    .await
}

const PERMIT2: &str = "0x000000000022D473030F116dDEE9F6B43aC78BA3";

fn call(to: Address, data: Vec<u8>) -> Value {
    json!({"to": to.to_string(), "value": "0", "data": format!("0x{}", hex::encode(data)), "chain": "base", "gas_limit": 500_000})
}

fn exec(to: Address, value: u128, data: Vec<u8>, operation: u8) -> Vec<u8> {
    execTransactionCall {
        to,
        value: U256::from(value),
        data: data.into(),
        operation,
        safeTxGas: U256::ZERO,
        baseGas: U256::ZERO,
        gasPrice: U256::ZERO,
        gasToken: Address::ZERO,
        refundReceiver: Address::ZERO,
        signatures: Bytes::new(),
    }
    .abi_encode()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_in_a_multicall_inside_a_safe_transaction_is_refused() {
    let payer = guarded().await;
    let mallory: Address = MALLORY.parse().unwrap();
    let drain = transferCall {
        to: mallory,
        amount: U256::from(5),
    }
    .abi_encode();
    let inner = multicallCall {
        data: vec![drain.into()],
    }
    .abi_encode();
    let problem = refused(
        payer.submit(call(SAFE, exec(TOKEN, 0, inner, 0))).await,
        "recipient_not_allowed",
    );
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .to_lowercase()
            .contains(&MALLORY.to_lowercase()),
        "{problem}"
    );
    // The same, to somebody on the list.
    let alice: Address = ALICE.parse().unwrap();
    let fine = transferCall {
        to: alice,
        amount: U256::from(5),
    }
    .abi_encode();
    let inner = multicallCall {
        data: vec![fine.into()],
    }
    .abi_encode();
    payer
        .submit(call(SAFE, exec(TOKEN, 0, inner, 0)))
        .await
        .expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_that_is_encoded_oddly_is_not_taken_for_an_unknown_function() {
    let payer = guarded().await;
    let mallory: Address = MALLORY.parse().unwrap();
    let mut drain = transferCall {
        to: mallory,
        amount: U256::from(5),
    }
    .abi_encode();
    drain.push(0);
    refused(payer.submit(call(TOKEN, drain)).await, "opaque_call");
    // A function that nobody knows passes at a contract that is listed.
    payer
        .submit(call(SAFE, vec![0xde, 0xad, 0xbe, 0xef]))
        .await
        .expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn native_coin_that_leaves_a_safe_counts_like_the_agents_own() {
    let payer = guarded().await;
    let alice: Address = ALICE.parse().unwrap();
    let over = exec(alice, 100_000_000_000_000_001, Vec::new(), 0);
    refused(payer.submit(call(SAFE, over)).await, "value_limit");
    let at = exec(alice, 100_000_000_000_000_000, Vec::new(), 0);
    payer.submit(call(SAFE, at)).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_code_in_a_safe_is_refused() {
    let payer = guarded().await;
    let batch = multiSendCall {
        transactions: Bytes::new(),
    }
    .abi_encode();
    refused(
        payer.submit(call(SAFE, exec(MULTISEND, 0, batch, 1))).await,
        "delegatecall",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_allowance_without_end_is_refused() {
    let payer = guarded().await;
    let alice: Address = ALICE.parse().unwrap();
    let all = approveCall {
        spender: alice,
        amount: U256::MAX,
    }
    .abi_encode();
    refused(payer.submit(call(TOKEN, all)).await, "unlimited_approval");
    let some = approveCall {
        spender: alice,
        amount: U256::from(100),
    }
    .abi_encode();
    payer.submit(call(TOKEN, some)).await.expect(201);
}

fn permit(amount: &str) -> Value {
    json!({
        "intent_type": "typed_data", "chain": "base",
        "typed_data": {
            "types": {
                "PermitSingle": [
                    {"name": "details", "type": "PermitDetails"}, {"name": "spender", "type": "address"},
                    {"name": "sigDeadline", "type": "uint256"}],
                "PermitDetails": [
                    {"name": "token", "type": "address"}, {"name": "amount", "type": "uint160"},
                    {"name": "expiration", "type": "uint48"}, {"name": "nonce", "type": "uint48"}],
            },
            "primaryType": "PermitSingle",
            "domain": {"name": "Permit2", "chainId": 8453, "verifyingContract": PERMIT2},
            "message": {
                "details": {"token": TOKEN.to_string(), "amount": amount, "expiration": "1800000000", "nonce": 0},
                "spender": ALICE, "sigDeadline": "1800000000",
            },
        },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permit2_signature_over_the_cap_is_refused() {
    let payer = guarded().await;
    payer
        .change(json!({"guardrails": {"tokens": {"limits": [{"token": TOKEN.to_string(), "max_amount": "1000"}]}}}))
        .await;
    payer.sign(permit("1000")).await.expect(200);
    refused(payer.sign(permit("1001")).await, "token_limit");
    let all = "1461501637330902918203684832716283019655932542975";
    payer.change(json!({"guardrails": null})).await;
    refused(payer.sign(permit(all)).await, "unlimited_approval");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permit_draws_on_the_budget_of_the_transfer_it_enables() {
    let payer = guarded().await;
    payer
        .change(json!({"guardrails": {"budgets": [{
            "name": "token", "shared_by": "agent", "asset": TOKEN.to_string(), "limit": "1000",
            "window": {"rolling_seconds": 3600}}]}}))
        .await;
    payer.sign(permit("600")).await.expect(200);
    let alice: Address = ALICE.parse().unwrap();
    let over = transferCall {
        to: alice,
        amount: U256::from(401),
    }
    .abi_encode();
    let problem = payer.submit(call(TOKEN, over)).await.problem(403);
    assert_eq!(problem["current"], "600", "{problem}");
    let at = transferCall {
        to: alice,
        amount: U256::from(400),
    }
    .abi_encode();
    payer.submit(call(TOKEN, at)).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_digest_that_nobody_can_look_into_is_refused() {
    let payer = guarded().await;
    let hash = format!("0x{}", "ab".repeat(32));
    let body = json!({"intent_type": "eip712_digest", "chain": "base", "hash": hash});
    refused(payer.sign(body.clone()).await, "raw_signing_disabled");
    payer.change(json!({"raw_signing_enabled": true})).await;
    payer.sign(body).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn calldata_bombs_are_answered_and_refused() {
    let payer = guarded().await;
    let mut data = transferCall {
        to: MALLORY.parse().unwrap(),
        amount: U256::from(1),
    }
    .abi_encode();
    for _ in 0..40 {
        data = multicallCall {
            data: vec![data.into()],
        }
        .abi_encode();
    }
    payer.submit(call(TOKEN, data)).await.problem(403);
    let many = vec![Bytes::from(vec![0xde, 0xad, 0xbe, 0xef]); 900];
    let data = multicallCall { data: many }.abi_encode();
    payer.submit(call(SAFE, data)).await.problem(403);
    let large = vec![0; 200 * 1024];
    payer.submit(call(SAFE, large)).await.problem(400);
}
