//! The chain's client against a real chain.

use oneclaw_chain::{Call, ChainSpec, GasEstimate, Method, Rpc, RpcUrl, Sent, Timeouts};
use oneclaw_core::amount::Amount;
use oneclaw_core::transaction::{Address, BalanceChange};
use oneclaw_tests::anvil::{ACCOUNTS, Anvil};
use serde_json::json;

fn rpc(anvil: &Anvil) -> Rpc {
    Rpc::new(ChainSpec {
        name: "anvil".to_owned(),
        chain_id: 31337,
        urls: vec![RpcUrl::parse(anvil.url()).unwrap()],
        allow_private: true,
        timeouts: Timeouts::default(),
    })
    .unwrap()
}

fn account(index: usize) -> Address {
    ACCOUNTS[index].parse().unwrap()
}

fn pays(value: u64) -> Call {
    Call {
        from: account(0),
        to: Some(account(1)),
        value: value.into(),
        data: Vec::new().into(),
        gas: None,
    }
}

#[tokio::test]
async fn a_real_chain_answers_every_question() {
    let anvil = Anvil::start().await;
    assert_eq!(anvil.chain_id().await, 31337);
    let rpc = rpc(&anvil);
    anvil.fund(ACCOUNTS[1], 5).await;
    assert_eq!(rpc.balance(account(1)).await, Ok(Amount::from(5_u64)));
    assert!(rpc.fees().await.unwrap().unwrap().base_fee > Amount::ZERO);
    assert!(rpc.gas_price().await.unwrap() > Amount::ZERO);
    assert_eq!(
        rpc.estimate_gas(&pays(1)).await,
        Ok(GasEstimate::Gas(21000))
    );
    assert_eq!(rpc.code_at(account(1)).await, Ok(false));

    anvil.set_automine(false).await;
    let sent = anvil
        .rpc(
            "eth_sendTransaction",
            json!([{ "from": ACCOUNTS[0], "to": ACCOUNTS[1], "value": "0x2" }]),
        )
        .await;
    let hash = sent.as_str().unwrap().parse().unwrap();
    assert_eq!(rpc.receipt(hash).await, Ok(None));
    assert_eq!(rpc.pending_nonce(account(0)).await, Ok(1));
    assert_eq!(rpc.latest_nonce(account(0)).await, Ok(0));
    anvil.mine(1).await;
    let receipt = rpc.receipt(hash).await.unwrap().unwrap();
    assert!(receipt.success);
    assert_eq!((receipt.block_number, receipt.gas_used), (1, 21000));
    assert_eq!(rpc.block_hash_at(1).await, Ok(Some(receipt.block_hash)));
    assert_eq!(rpc.block_hash_at(99).await, Ok(None));
    assert_eq!(rpc.block_number().await, Ok(1));
    assert_eq!(anvil.nonce(ACCOUNTS[0]).await, 1);
    assert_eq!(anvil.balance(ACCOUNTS[1]).await, 7);
    assert!(rpc.finalized_block().await.is_ok());
    assert!(rpc.erc20_balance(account(1), account(0)).await.is_err());
}

#[tokio::test]
async fn a_simulation_shows_what_moves_and_why_something_reverts() {
    let anvil = Anvil::start().await;
    let rpc = rpc(&anvil);
    let report = rpc.simulate(&[pays(3), pays(4)]).await.unwrap();
    assert_eq!(report.method, Method::SimulateV1);
    assert_eq!(report.calls.len(), 2);
    let change = |index: usize, negative| BalanceChange {
        account: account(index),
        asset: "native".to_owned(),
        negative,
        amount: 4_u64.into(),
    };
    let outcome = &report.calls[1].outcome;
    assert!(outcome.success);
    assert_eq!(outcome.gas_used, 21000);
    assert_eq!(
        outcome.balance_changes,
        [change(1, false), change(0, true)],
        "sorted by account"
    );

    // PUSH1 0, PUSH1 0, REVERT.
    let code = json!([ACCOUNTS[2], "0x60006000fd"]);
    anvil.rpc("anvil_setCode", code).await;
    assert_eq!(rpc.code_at(account(2)).await, Ok(true));
    let reverting = Call {
        to: Some(account(2)),
        ..pays(0)
    };
    let report = rpc
        .simulate(std::slice::from_ref(&reverting))
        .await
        .unwrap();
    assert!(!report.calls[0].outcome.success);
    assert!(report.calls[0].outcome.revert_reason.is_some());
    assert!(matches!(
        rpc.estimate_gas(&reverting).await,
        Ok(GasEstimate::Reverted { .. })
    ));
}

#[tokio::test]
async fn what_a_real_chain_cannot_read_is_never_taken_for_accepted() {
    let anvil = Anvil::start().await;
    let sent = rpc(&anvil)
        .send_raw(&[2, 0xc0], Default::default())
        .await
        .unwrap();
    assert!(
        matches!(sent, Sent::Unknown { .. } | Sent::Refused { .. }),
        "{sent:?}"
    );
}
