//! What gas costs now.

use oneclaw_core::amount::Amount;
use serde_json::{Value, json};

use crate::answer;
use crate::error::RpcError;
use crate::rpc::Rpc;

/// What gas costs now, in wei for each unit, on a chain with a base fee (EIP-1559).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeeQuote {
    /// Base fee of the latest block.
    pub base_fee: Amount,
    /// Tip with which a transaction is taken soon.
    pub priority: Amount,
}

impl FeeQuote {
    /// Twice the base fee and the tip: enough for six full blocks in a row, each of which raises the base fee by an eighth
    /// (EIP-1559).
    #[must_use]
    pub fn max_fee(&self) -> Amount {
        self.base_fee
            .saturating_add(self.base_fee)
            .saturating_add(self.priority)
    }
}

impl Rpc {
    /// What gas costs in wei on a chain without a base fee.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn gas_price(&self) -> Result<Amount, RpcError> {
        self.ask("eth_gasPrice", json!([]), |value| answer::amount(&value))
            .await
    }

    /// Base fee and tip, or `None` if the chain has no base fee.
    ///
    /// The tip is what the node suggests, or, if it suggests none, the median of the last five blocks' medians.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn fees(&self) -> Result<Option<FeeQuote>, RpcError> {
        let latest = |block: Value| match block.get("baseFeePerGas") {
            Some(Value::Null) | None if block.is_object() => Ok(None),
            _ => answer::field(&block, "baseFeePerGas", answer::amount).map(Some),
        };
        let base_fee = self
            .ask("eth_getBlockByNumber", json!(["latest", false]), latest)
            .await?;
        let Some(base_fee) = base_fee else {
            return Ok(None);
        };
        let suggested = self
            .ask("eth_maxPriorityFeePerGas", json!([]), |value| {
                answer::amount(&value)
            })
            .await;
        let priority = match suggested {
            Err(error) if error.is_unknown_method() => {
                self.ask(
                    "eth_feeHistory",
                    json!(["0x5", "latest", [50]]),
                    |history| median_reward(&history),
                )
                .await?
            }
            suggested => suggested?,
        };
        Ok(Some(FeeQuote { base_fee, priority }))
    }
}

fn median_reward(history: &Value) -> Result<Amount, String> {
    let rows = history
        .get("reward")
        .and_then(Value::as_array)
        .ok_or("something that has no list `reward`")?;
    let mut rewards = rows
        .iter()
        .map(|row| {
            row.get(0)
                .ok_or_else(|| "an empty row as `reward`".to_owned())
                .and_then(answer::amount)
        })
        .collect::<Result<Vec<_>, _>>()?;
    rewards.sort_unstable();
    Ok(rewards
        .get(rewards.len() / 2)
        .copied()
        .unwrap_or(Amount::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_rewards_is_one_of_them() {
        let history = json!({ "reward": [["0x5"], ["0x1"], ["0x3"]] });
        assert_eq!(median_reward(&history), Ok(Amount::from(3_u64)));
        assert_eq!(median_reward(&json!({ "reward": [] })), Ok(Amount::ZERO));
        assert!(median_reward(&json!({ "reward": [[]] })).is_err());
        assert!(median_reward(&json!({})).is_err());
    }

    #[test]
    fn the_most_to_pay_is_twice_the_base_fee_and_the_tip() {
        let quote = FeeQuote {
            base_fee: Amount::from(100_u64),
            priority: Amount::from(7_u64),
        };
        assert_eq!(quote.max_fee(), Amount::from(207_u64));
        let absurd = FeeQuote {
            base_fee: Amount::MAX,
            ..quote
        };
        assert_eq!(absurd.max_fee(), Amount::MAX);
    }
}
