//! Fees and gas: as the caller gave them, else as the chain says, else what is sensible without a chain to ask.

use oneclaw_chain::{Call, GasEstimate, Rpc};
use oneclaw_core::amount::Amount;
use oneclaw_core::transaction::{Address, Fees, TxType};

use super::super::error::{Result, ServiceError};
use super::request::{FeeWish, MIN_GAS, TransactionWish};

/// Without a chain to ask: enough for most chains at most times, in wei for each unit of gas.
const OFFLINE_MAX_FEE: u64 = 50_000_000_000;
/// Without a chain to ask: the tip, in wei for each unit of gas.
const OFFLINE_PRIORITY: u64 = 1_000_000_000;
/// Without a chain to ask: what a call gets on top of what its calldata costs.
const OFFLINE_CALL_GAS: u64 = 200_000;
/// What is added to an estimate, in percent: state may change until the transaction is included.
const GAS_MARGIN_PERCENT: u64 = 20;

/// Type, fees and gas of a transaction.
#[derive(Debug, Clone)]
pub struct Execution {
    /// EIP-2718.
    pub tx_type: TxType,
    /// What a unit of gas may cost.
    pub fees: Fees,
    /// Most gas.
    pub gas_limit: u64,
    /// Why gas could not be estimated, if the transaction would fail as things stand. Said only to who may send it.
    pub would_fail: Option<String>,
}

/// Fills in what the caller left open.
///
/// # Errors
/// [`ServiceError::ChainUnavailable`] when the chain has to be asked and does not answer.
pub async fn fill(rpc: Option<&Rpc>, sender: Address, wish: &TransactionWish) -> Result<Execution> {
    let (tx_type, fees) = price(rpc, wish).await?;
    let (gas_limit, would_fail) = match (wish.gas_limit, rpc) {
        (Some(gas), _) => (gas, None),
        (None, _) if is_plain_transfer(wish) => (MIN_GAS, None),
        (None, None) => (intrinsic_gas(wish).saturating_add(OFFLINE_CALL_GAS), None),
        (None, Some(rpc)) => match rpc.estimate_gas(&call(sender, wish)).await? {
            GasEstimate::Gas(gas) => (
                gas.saturating_add(gas.saturating_mul(GAS_MARGIN_PERCENT) / 100),
                None,
            ),
            GasEstimate::Reverted { reason } => (
                intrinsic_gas(wish).saturating_add(OFFLINE_CALL_GAS),
                Some(reason),
            ),
        },
    };
    Ok(Execution {
        tx_type,
        fees,
        gas_limit,
        would_fail,
    })
}

fn is_plain_transfer(wish: &TransactionWish) -> bool {
    wish.to.is_some()
        && wish.data.is_empty()
        && wish.access_list.is_empty()
        && wish.authorizations.is_empty()
}

/// The transaction as a call that a node can try out.
pub fn call(sender: Address, wish: &TransactionWish) -> Call {
    Call {
        from: sender,
        to: wish.to,
        value: wish.value,
        data: wish.data.clone(),
        gas: wish.gas_limit,
    }
}

/// What a transaction costs before anything runs: EIP-2028 (calldata), EIP-2930 (access list), EIP-3860 and EIP-2
/// (creation), EIP-7702 (authorisations), and at least the floor of EIP-7623.
pub fn intrinsic_gas(wish: &TransactionWish) -> u64 {
    let zeros = wish.data.iter().filter(|byte| **byte == 0).count() as u64;
    let others = wish.data.len() as u64 - zeros;
    let tokens = zeros.saturating_add(others.saturating_mul(4));
    let slots: u64 = wish
        .access_list
        .iter()
        .map(|item| item.storage_keys.len() as u64)
        .sum();
    let creation = if wish.to.is_none() {
        32_000 + 2 * (wish.data.len() as u64).div_ceil(32)
    } else {
        0
    };
    let usual = MIN_GAS
        .saturating_add(tokens.saturating_mul(4))
        .saturating_add(2_400 * wish.access_list.len() as u64)
        .saturating_add(slots.saturating_mul(1_900))
        .saturating_add(25_000 * wish.authorizations.len() as u64)
        .saturating_add(creation);
    let floor = MIN_GAS.saturating_add(tokens.saturating_mul(10));
    usual.max(floor)
}

async fn price(rpc: Option<&Rpc>, wish: &TransactionWish) -> Result<(TxType, Fees)> {
    let same = |price: Amount| Fees {
        max_fee_per_gas: price,
        max_priority_fee_per_gas: price,
    };
    let dynamic_type = if wish.authorizations.is_empty() {
        TxType::DynamicFee
    } else {
        TxType::SetCode
    };
    match wish.fees {
        FeeWish::GasPrice(price) => {
            let implied = if wish.access_list.is_empty() {
                TxType::Legacy
            } else {
                TxType::AccessList
            };
            Ok((wish.tx_type.unwrap_or(implied), same(price)))
        }
        FeeWish::Dynamic { max_fee, priority } => {
            let priority = match (priority, rpc) {
                (Some(priority), _) => priority,
                (None, Some(rpc)) => rpc
                    .fees()
                    .await?
                    .map_or(Amount::ZERO, |quote| quote.priority),
                (None, None) => Amount::from(OFFLINE_PRIORITY),
            };
            let fees = Fees {
                max_fee_per_gas: max_fee,
                max_priority_fee_per_gas: priority.min(max_fee),
            };
            Ok((wish.tx_type.unwrap_or(dynamic_type), fees))
        }
        FeeWish::Automatic => automatic(rpc, wish, dynamic_type, same).await,
    }
}

async fn automatic(
    rpc: Option<&Rpc>,
    wish: &TransactionWish,
    dynamic_type: TxType,
    same: impl Fn(Amount) -> Fees,
) -> Result<(TxType, Fees)> {
    let wants_price = matches!(wish.tx_type, Some(TxType::Legacy | TxType::AccessList));
    let Some(rpc) = rpc else {
        let fees = Fees {
            max_fee_per_gas: Amount::from(OFFLINE_MAX_FEE),
            max_priority_fee_per_gas: Amount::from(OFFLINE_PRIORITY),
        };
        return Ok(if wants_price {
            (
                wish.tx_type.unwrap_or(TxType::Legacy),
                same(fees.max_fee_per_gas),
            )
        } else {
            (wish.tx_type.unwrap_or(dynamic_type), fees)
        });
    };
    if wants_price {
        let price = rpc.gas_price().await?;
        return Ok((wish.tx_type.unwrap_or(TxType::Legacy), same(price)));
    }
    match rpc.fees().await? {
        Some(quote) => {
            let fees = Fees {
                max_fee_per_gas: quote.max_fee(),
                max_priority_fee_per_gas: quote.priority,
            };
            Ok((wish.tx_type.unwrap_or(dynamic_type), fees))
        }
        None if wish.tx_type.is_some() || dynamic_type == TxType::SetCode => {
            Err(ServiceError::field(
                "tx_type",
                "the chain has no base fee (EIP-1559); leave `tx_type` out or use 0",
            ))
        }
        None => {
            let implied = if wish.access_list.is_empty() {
                TxType::Legacy
            } else {
                TxType::AccessList
            };
            Ok((implied, same(rpc.gas_price().await?)))
        }
    }
}

/// The fees of a transaction that takes the place of another: what is given, else an eighth more, rounded up, than
/// before (nodes refuse less), and at least what the chain asks for now.
///
/// # Errors
/// Names the field that is not enough of an increase.
pub async fn raised(
    rpc: Option<&Rpc>,
    tx_type: TxType,
    before: Fees,
    wish: FeeWish,
) -> Result<Fees> {
    let least = Fees {
        max_fee_per_gas: an_eighth_more(before.max_fee_per_gas),
        max_priority_fee_per_gas: an_eighth_more(before.max_priority_fee_per_gas),
    };
    let enough = |field: &str, given: Amount, least: Amount| {
        if given < least {
            Err(ServiceError::field(
                field,
                format!(
                    "must be at least {least}, an eighth more than before, or nodes refuse the replacement"
                ),
            ))
        } else {
            Ok(given)
        }
    };
    let has_price = matches!(tx_type, TxType::Legacy | TxType::AccessList);
    match wish {
        FeeWish::GasPrice(price) if has_price => {
            let price = enough("gas_price", price, least.max_fee_per_gas)?;
            Ok(Fees {
                max_fee_per_gas: price,
                max_priority_fee_per_gas: price,
            })
        }
        FeeWish::GasPrice(_) => Err(ServiceError::field(
            "gas_price",
            "the transaction has `max_fee_per_gas`; give that",
        )),
        FeeWish::Dynamic { .. } if has_price => Err(ServiceError::field(
            "max_fee_per_gas",
            "the transaction has `gas_price`; give that",
        )),
        FeeWish::Dynamic { max_fee, priority } => {
            let priority = priority.unwrap_or(least.max_priority_fee_per_gas);
            Ok(Fees {
                max_fee_per_gas: enough("max_fee_per_gas", max_fee, least.max_fee_per_gas)?,
                max_priority_fee_per_gas: enough(
                    "max_priority_fee_per_gas",
                    priority,
                    least.max_priority_fee_per_gas,
                )?,
            })
        }
        FeeWish::Automatic => {
            let now = match rpc {
                Some(rpc) if has_price => Some((rpc.gas_price().await?, Amount::ZERO)),
                Some(rpc) => rpc
                    .fees()
                    .await?
                    .map(|quote| (quote.max_fee(), quote.priority)),
                None => None,
            };
            let (max_fee, priority) = now.unwrap_or_default();
            let max_fee = max_fee.max(least.max_fee_per_gas);
            Ok(Fees {
                max_fee_per_gas: max_fee,
                max_priority_fee_per_gas: if has_price {
                    max_fee
                } else {
                    priority.max(least.max_priority_fee_per_gas)
                },
            })
        }
    }
}

/// Rounded up, and by one at least, so that zero is raised as well.
fn an_eighth_more(amount: Amount) -> Amount {
    let [l0, l1, l2, l3] = amount.limbs();
    let shift = |low: u64, high: u64| (low >> 3) | (high << 61);
    let eighth = Amount::from_limbs([shift(l0, l1), shift(l1, l2), shift(l2, l3), l3 >> 3]);
    amount.saturating_add(eighth).saturating_add(Amount::ONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replacement_costs_more_than_an_eighth_on_top() {
        for (before, least) in [
            (0_u64, 1_u64),
            (1, 2),
            (8, 10),
            (100, 113),
            (2_000_000_000, 2_250_000_001),
        ] {
            assert_eq!(an_eighth_more(Amount::from(before)), Amount::from(least));
        }
        let large = Amount::from_limbs([0, 8, 0, 0]);
        assert_eq!(an_eighth_more(large), Amount::from_limbs([1, 9, 0, 0]));
        assert_eq!(an_eighth_more(Amount::MAX), Amount::MAX);
    }
}
