//! Questions that change nothing.

use alloy::primitives::{Address, B256, Bytes};
use oneclaw_core::amount::Amount;
use serde_json::{Value, json};

use crate::answer;
use crate::error::RpcError;
use crate::revert;
use crate::rpc::Rpc;

/// A call to be tried out, not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Who calls.
    pub from: Address,
    /// Who is called; absent: contract creation.
    pub to: Option<Address>,
    /// Wei.
    pub value: Amount,
    /// Calldata, or the code of the new contract.
    pub data: Bytes,
    /// Most gas; absent: as much as the node gives.
    pub gas: Option<u64>,
}

impl Call {
    pub(crate) fn to_json(&self) -> Value {
        let mut call = json!({
            "from": self.from,
            "value": quantity(self.value),
            "input": self.data,
        });
        if let Some(object) = call.as_object_mut() {
            if let Some(to) = self.to {
                object.insert("to".to_owned(), json!(to));
            }
            if let Some(gas) = self.gas {
                object.insert("gas".to_owned(), json!(format!("{gas:#x}")));
            }
        }
        call
    }
}

fn quantity(amount: Amount) -> String {
    let amount: alloy::primitives::U256 = amount.into();
    format!("{amount:#x}")
}

/// What a call would take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GasEstimate {
    /// So many units.
    Gas(u64),
    /// It does not go through.
    Reverted {
        /// Why, fit to be shown.
        reason: String,
    },
}

/// What became of a transaction that is in a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Number of the block.
    pub block_number: u64,
    /// Hash of the block: another one under the same number later means that the chain was reorganised.
    pub block_hash: B256,
    /// Whether it went through; if not, it has cost its gas nevertheless.
    pub success: bool,
    /// Units of gas.
    pub gas_used: u64,
    /// Wei for each unit.
    pub effective_gas_price: Amount,
}

impl Rpc {
    /// The nonce after every transaction that the node knows of, those in its pool included.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn pending_nonce(&self, account: Address) -> Result<u64, RpcError> {
        self.nonce(account, "pending").await
    }

    /// The nonce after every transaction in a block.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn latest_nonce(&self, account: Address) -> Result<u64, RpcError> {
        self.nonce(account, "latest").await
    }

    /// The nonce after every transaction in a block and those before it. Nodes know it of their last 128 blocks or so.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn nonce_at(&self, account: Address, block: u64) -> Result<u64, RpcError> {
        self.nonce(account, &format!("0x{block:x}")).await
    }

    async fn nonce(&self, account: Address, at: &str) -> Result<u64, RpcError> {
        self.ask("eth_getTransactionCount", json!([account, at]), |value| {
            answer::number(&value)
        })
        .await
    }

    /// Native coin of an account, in wei.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn balance(&self, account: Address) -> Result<Amount, RpcError> {
        self.ask("eth_getBalance", json!([account, "latest"]), |value| {
            answer::amount(&value)
        })
        .await
    }

    /// Whether there is code at an address: a contract, or an account with a delegation (EIP-7702).
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn code_at(&self, account: Address) -> Result<bool, RpcError> {
        self.ask("eth_getCode", json!([account, "latest"]), |value| {
            answer::bytes(&value).map(|code| !code.is_empty())
        })
        .await
    }

    /// What a call would take, in units of gas.
    ///
    /// # Errors
    /// [`RpcError`]; a call that reverts is an answer, not an error.
    pub async fn estimate_gas(&self, call: &Call) -> Result<GasEstimate, RpcError> {
        let gas = self
            .ask("eth_estimateGas", json!([call.to_json()]), |value| {
                answer::number(&value)
            })
            .await;
        match gas {
            Ok(gas) => Ok(GasEstimate::Gas(gas)),
            Err(error) => match revert::reason(&error) {
                Some(reason) => Ok(GasEstimate::Reverted { reason }),
                None => Err(error),
            },
        }
    }

    /// Calls without sending, and gives what the contract returns.
    pub(crate) async fn call(&self, call: &Call) -> Result<Bytes, RpcError> {
        self.ask("eth_call", json!([call.to_json(), "latest"]), |value| {
            answer::bytes(&value)
        })
        .await
    }

    /// What became of a transaction, or `None` as long as it is in no block.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn receipt(&self, transaction: B256) -> Result<Option<Receipt>, RpcError> {
        self.ask("eth_getTransactionReceipt", json!([transaction]), |value| {
            read_receipt(&value, transaction)
        })
        .await
    }

    /// Number of the latest block.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn block_number(&self) -> Result<u64, RpcError> {
        self.ask("eth_blockNumber", json!([]), |value| answer::number(&value))
            .await
    }

    /// Number of the latest block that will not be taken back, or `None` if the chain does not tell.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn finalized_block(&self) -> Result<Option<u64>, RpcError> {
        let read = |block: Value| match block {
            Value::Null => Ok(None),
            block => answer::field(&block, "number", answer::number).map(Some),
        };
        let answer = self
            .ask("eth_getBlockByNumber", json!(["finalized", false]), read)
            .await;
        match answer {
            Err(error) if says_no_finality(&error) => Ok(None),
            answer => answer,
        }
    }

    /// Hash of the block with a number, or `None` if there is none yet.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn block_hash_at(&self, number: u64) -> Result<Option<B256>, RpcError> {
        let params = json!([format!("{number:#x}"), false]);
        self.ask("eth_getBlockByNumber", params, |block| match block {
            Value::Null => Ok(None),
            block => answer::field(&block, "hash", answer::hash).map(Some),
        })
        .await
    }

    /// Whether the node knows a transaction, in a block or in its pool.
    pub(crate) async fn knows(&self, transaction: B256) -> Result<bool, RpcError> {
        let params = json!([transaction]);
        self.ask("eth_getTransactionByHash", params, |found| match found {
            Value::Null => Ok(false),
            found => answer::field(&found, "hash", answer::hash).map(|hash| hash == transaction),
        })
        .await
    }
}

/// A node that refuses the tag as such, rather than failing for a reason that may pass (geth and others name either the
/// block or the parameter).
fn says_no_finality(error: &RpcError) -> bool {
    match error {
        RpcError::Node { code, message, .. } => {
            let message = message.to_lowercase();
            *code == -32602 || message.contains("finalized") || message.contains("unknown block")
        }
        _ => false,
    }
}

fn read_receipt(value: &Value, transaction: B256) -> Result<Option<Receipt>, String> {
    // Some nodes give receipts, without a block, for what is in their pool.
    let in_a_block = value
        .get("blockNumber")
        .is_some_and(|number| !number.is_null());
    if value.is_null() || (value.is_object() && !in_a_block) {
        return Ok(None);
    }
    if answer::field(value, "transactionHash", answer::hash)? != transaction {
        return Err("the receipt of another transaction".to_owned());
    }
    let success = match answer::field(value, "status", answer::number)? {
        0 => false,
        1 => true,
        _ => return Err("a `status` that is neither 0 nor 1".to_owned()),
    };
    Ok(Some(Receipt {
        block_number: answer::field(value, "blockNumber", answer::number)?,
        block_hash: answer::field(value, "blockHash", answer::hash)?,
        success,
        gas_used: answer::field(value, "gasUsed", answer::number)?,
        effective_gas_price: answer::field(value, "effectiveGasPrice", answer::amount)?,
    }))
}
