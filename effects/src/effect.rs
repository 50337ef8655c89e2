//! How effects are made. Here stands what the fields of each kind mean.

use alloy::primitives::{Address, U256};
use oneclaw_core::amount::Amount;
use oneclaw_core::transaction::{Effect, EffectKind};

/// An effect of that kind in which nothing else is said.
pub(crate) const fn blank(kind: EffectKind) -> Effect {
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

/// `token` moves `amount` from `source` to `target`.
pub(crate) fn moves(
    kind: EffectKind,
    token: Address,
    source: Address,
    target: Address,
    amount: U256,
) -> Effect {
    Effect {
        contract: Some(token),
        source: Some(source),
        target: Some(target),
        amount: amount.into(),
        ..blank(kind)
    }
}

/// `target` may spend `amount` of the `token` of `source`.
pub(crate) fn allows(
    kind: EffectKind,
    token: Address,
    source: Address,
    target: Address,
    amount: U256,
) -> Effect {
    Effect {
        unlimited: is_unlimited(amount),
        ..moves(kind, token, source, target, amount)
    }
}

/// `target` may (or may not any more) move everything that `source` has in `contract`.
pub(crate) fn allows_everything(
    contract: Address,
    source: Address,
    target: Address,
    allowed: bool,
) -> Effect {
    let amount = if allowed { U256::MAX } else { U256::ZERO };
    allows(EffectKind::ApprovalForAll, contract, source, target, amount)
}

/// Nobody can ever spend that much, or the token takes the number for "without end": at least 2^255, or the largest
/// number of 96 bits (COMP, UNI), 128 bits or 160 bits (Permit2).
pub(crate) fn is_unlimited(amount: U256) -> bool {
    let largest_of = |bits: usize| amount == (U256::ONE << bits) - U256::ONE;
    amount.bit_len() == 256 || largest_of(96) || largest_of(128) || largest_of(160)
}

/// Seconds since the epoch; a time beyond 2^64 − 1 is 2^64 − 1.
pub(crate) fn seconds<T: TryInto<u64>>(time: T) -> Option<u64> {
    Some(time.try_into().unwrap_or(u64::MAX))
}
