//! Trying transactions out before they are signed.

use std::collections::BTreeMap;

use alloy::primitives::{Address, B256, Bytes, U256, address, b256};
use oneclaw_core::transaction::{BalanceChange, Simulation};
use serde_json::{Value, json};

use crate::answer;
use crate::error::RpcError;
use crate::read::{Call, GasEstimate};
use crate::revert;
use crate::rpc::Rpc;

const METHOD: &str = "eth_simulateV1";

/// Most calls in one simulation.
const MAX_CALLS: usize = 10;

/// Most bytes of what a call returns that are kept.
const MAX_RETURN_BYTES: usize = 4096;

/// Under this address `eth_simulateV1` logs moves of the native coin.
const NATIVE: Address = address!("0xeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee");

/// `Transfer(address,address,uint256)` of ERC-20 and ERC-721.
const TRANSFER: B256 = b256!("0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");

/// How the calls were tried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// `eth_simulateV1`: one after the other, each upon what those before it left behind.
    SimulateV1,
    /// `eth_call` and `eth_estimateGas`: each call by itself upon the latest block, without balance changes.
    EachAlone,
}

/// What calls would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimulationReport {
    /// How it was found out.
    pub method: Method,
    /// In the order of the calls.
    pub calls: Vec<SimulatedCall>,
}

/// What one call would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimulatedCall {
    /// Success, gas, reason, and balance changes: netted for each account and asset and sorted by them, from logs of the
    /// shapes of ERC-20 and ERC-721 and those of the native coin. An ERC-721 token counts as 1. What is made or burnt is
    /// missing on the side of the zero address. A token may log what it likes.
    pub outcome: Simulation,
    /// What it returns; the first 4096 bytes.
    pub return_data: Bytes,
}

impl Rpc {
    /// Tries 1 to 10 calls out, in one block on top of the latest. Fees are not charged, nonces not looked at.
    ///
    /// # Errors
    /// [`RpcError`]; [`RpcError::Node`] with code -32602 for no calls or more than 10. A call that reverts is an answer.
    pub async fn simulate(&self, calls: &[Call]) -> Result<SimulationReport, RpcError> {
        if calls.is_empty() || calls.len() > MAX_CALLS {
            return Err(RpcError::Node {
                code: -32602,
                message: format!(
                    "a simulation takes 1 to {MAX_CALLS} calls, not {}",
                    calls.len()
                ),
                data: None,
            });
        }
        let list: Vec<Value> = calls.iter().map(Call::to_json).collect();
        let params = json!([
            { "blockStateCalls": [{ "calls": list }], "traceTransfers": true, "validation": false },
            "latest"
        ]);
        let read = |value: Value| read_calls(&value, calls.len());
        match self.ask(METHOD, params, read).await {
            Ok(calls) => Ok(SimulationReport {
                method: Method::SimulateV1,
                calls,
            }),
            Err(error) if error.is_unknown_method() => self.each_alone(calls).await,
            // The codes of the method's own errors, such as too little money to begin with. They name no call.
            Err(RpcError::Node {
                code: -38999..=-38000,
                message,
                ..
            }) if calls.len() == 1 => Ok(SimulationReport {
                method: Method::SimulateV1,
                calls: vec![failed(message)],
            }),
            Err(error) => Err(error),
        }
    }

    async fn each_alone(&self, calls: &[Call]) -> Result<SimulationReport, RpcError> {
        let mut outcomes = Vec::with_capacity(calls.len());
        for call in calls {
            outcomes.push(self.alone(call).await?);
        }
        Ok(SimulationReport {
            method: Method::EachAlone,
            calls: outcomes,
        })
    }

    async fn alone(&self, call: &Call) -> Result<SimulatedCall, RpcError> {
        let return_data = match self.call(call).await {
            Ok(data) => data,
            Err(error) => {
                return revert::reason(&error).map(failed).ok_or(error);
            }
        };
        Ok(match self.estimate_gas(call).await? {
            GasEstimate::Reverted { reason } => failed(reason),
            GasEstimate::Gas(gas_used) => SimulatedCall {
                outcome: Simulation {
                    success: true,
                    gas_used,
                    revert_reason: None,
                    balance_changes: Vec::new(),
                },
                return_data: bounded(&return_data),
            },
        })
    }
}

fn failed(reason: String) -> SimulatedCall {
    SimulatedCall {
        outcome: Simulation {
            success: false,
            gas_used: 0,
            revert_reason: Some(reason),
            balance_changes: Vec::new(),
        },
        return_data: Bytes::new(),
    }
}

fn bounded(data: &Bytes) -> Bytes {
    data.slice(..data.len().min(MAX_RETURN_BYTES))
}

fn read_calls(value: &Value, expected: usize) -> Result<Vec<SimulatedCall>, String> {
    let calls = value
        .get(0)
        .and_then(|block| block.get("calls"))
        .and_then(Value::as_array)
        .ok_or("something that has no list `calls`")?;
    if calls.len() != expected {
        return Err(format!("{} results for {expected} calls", calls.len()));
    }
    calls.iter().map(read_call).collect()
}

fn read_call(value: &Value) -> Result<SimulatedCall, String> {
    let success = match answer::field(value, "status", answer::number)? {
        0 => false,
        1 => true,
        _ => return Err("a `status` that is neither 0 nor 1".to_owned()),
    };
    let return_data = answer::field(value, "returnData", answer::bytes)?;
    let gas_used = answer::field(value, "gasUsed", answer::number)?;
    let (revert_reason, balance_changes) = if success {
        let logs = value
            .get("logs")
            .and_then(Value::as_array)
            .ok_or("something that has no list `logs`")?;
        (None, balance_changes(logs)?)
    } else {
        let error = value.get("error");
        let words = error
            .and_then(|error| error.get("message"))
            .and_then(Value::as_str)
            .unwrap_or("execution reverted");
        // Some nodes leave `returnData` empty and put the data into the error.
        let data = error
            .and_then(|error| error.get("data"))
            .and_then(|data| answer::bytes(data).ok())
            .filter(|_| return_data.is_empty())
            .unwrap_or_else(|| return_data.clone());
        (Some(revert::describe(Some(&data), words)), Vec::new())
    };
    Ok(SimulatedCall {
        outcome: Simulation {
            success,
            gas_used,
            revert_reason,
            balance_changes,
        },
        return_data: bounded(&return_data),
    })
}

/// Net changes so far: for each account and asset, what went in and what went out.
type Ledger = BTreeMap<(Address, Address), (U256, U256)>;

fn balance_changes(logs: &[Value]) -> Result<Vec<BalanceChange>, String> {
    let mut ledger = Ledger::new();
    for log in logs {
        let Some(moved) = read_transfer(log)? else {
            continue;
        };
        for (account, inwards) in [(moved.from, false), (moved.to, true)] {
            if account.is_zero() {
                continue;
            }
            let (gained, lost) = ledger.entry((account, moved.asset)).or_default();
            let side = if inwards { gained } else { lost };
            *side = side.saturating_add(moved.amount);
        }
    }
    let changes = ledger
        .into_iter()
        .filter(|(_, (gained, lost))| gained != lost)
        .map(|((account, asset), (gained, lost))| BalanceChange {
            account,
            asset: if asset == NATIVE {
                "native".to_owned()
            } else {
                format!("{asset:#x}")
            },
            negative: lost > gained,
            amount: gained.abs_diff(lost).into(),
        });
    Ok(changes.collect())
}

struct Transfer {
    asset: Address,
    from: Address,
    to: Address,
    amount: U256,
}

/// A transfer, if the log has the shape of one; an error only for what is no log at all.
fn read_transfer(log: &Value) -> Result<Option<Transfer>, String> {
    let asset = answer::field(log, "address", answer::address)?;
    let data = answer::field(log, "data", answer::bytes)?;
    let topics = log
        .get("topics")
        .and_then(Value::as_array)
        .ok_or("a log that has no list `topics`")?
        .iter()
        .map(answer::hash)
        .collect::<Result<Vec<_>, _>>()?;
    let (from, to, amount) = match (topics.as_slice(), B256::try_from(data.as_ref())) {
        ([TRANSFER, from, to], Ok(amount)) => (from, to, amount.into()),
        ([TRANSFER, from, to, _token_id], Err(_)) if data.is_empty() && asset != NATIVE => {
            (from, to, U256::ONE)
        }
        _ => return Ok(None),
    };
    Ok(account(from).zip(account(to)).map(|(from, to)| Transfer {
        asset,
        from,
        to,
        amount,
    }))
}

/// The address in a topic, if the topic is one.
fn account(topic: &B256) -> Option<Address> {
    let address = Address::from_word(*topic);
    (address.into_word() == *topic).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(asset: Address, topics: &[B256], data: &[u8]) -> Value {
        json!({ "address": asset, "topics": topics, "data": Bytes::copy_from_slice(data) })
    }

    fn who(n: u8) -> Address {
        Address::repeat_byte(n)
    }

    fn word(n: u64) -> [u8; 32] {
        U256::from(n).to_be_bytes()
    }

    #[test]
    fn transfers_are_netted_for_each_account_and_asset_and_sorted() {
        let (a, b, token) = (who(1).into_word(), who(2).into_word(), who(9));
        let logs = [
            log(token, &[TRANSFER, b, a], &word(5)),
            log(token, &[TRANSFER, a, b], &word(12)),
            log(NATIVE, &[TRANSFER, a, b], &word(100)),
            log(NATIVE, &[TRANSFER, b, a], &word(100)),
            log(
                who(8),
                &[TRANSFER, B256::ZERO, a, B256::with_last_byte(7)],
                &[],
            ),
        ];
        let change = |account, asset: Address, negative, amount: u64| BalanceChange {
            account,
            asset: format!("{asset:#x}"),
            negative,
            amount: amount.into(),
        };
        assert_eq!(
            balance_changes(&logs).unwrap(),
            [
                change(who(1), who(8), false, 1),
                change(who(1), token, true, 7),
                change(who(2), token, false, 7),
            ]
        );
    }

    #[test]
    fn logs_of_another_shape_move_nothing() {
        let (a, b, token) = (who(1).into_word(), who(2).into_word(), who(9));
        for odd in [
            log(token, &[TRANSFER, a, b], &[1; 31]),
            log(token, &[TRANSFER, a, b], &[1; 64]),
            log(token, &[TRANSFER, a], &word(1)),
            log(token, &[TRANSFER, a, b, a], &word(1)),
            log(token, &[B256::ZERO, a, b], &word(1)),
            log(token, &[TRANSFER, B256::repeat_byte(0xff), b], &word(1)),
            log(NATIVE, &[TRANSFER, a, b, a], &[]),
            log(token, &[], &[]),
        ] {
            assert_eq!(
                balance_changes(std::slice::from_ref(&odd)).unwrap(),
                [],
                "{odd}"
            );
        }
        assert!(balance_changes(&[json!({})]).is_err());
    }

    #[test]
    fn as_many_results_are_wanted_as_there_were_calls() {
        let one = json!([{ "calls": [{ "status": "0x1", "returnData": "0x", "gasUsed": "0x5208", "logs": [] }] }]);
        assert_eq!(read_calls(&one, 1).unwrap().len(), 1);
        assert!(read_calls(&one, 2).is_err());
        assert!(read_calls(&json!([]), 1).is_err());
    }
}
