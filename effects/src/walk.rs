//! From a transaction to the list of its effects: the walk through calls within calls, and its bounds.

use alloy::primitives::{Address, Bytes, U256};
use oneclaw_core::transaction::{Effect, EffectKind, TransactionIntent};

use crate::calls::{self, Asked, How, Inner, Part, Reading};
use crate::effect::blank;

/// How far decoding goes. What lies beyond is [`EffectKind::Opaque`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Calls within calls. The transaction's own call has depth 0.
    pub depth: u32,
    /// Effects of the calldata. A transaction with more has one opaque effect instead of all of them. At least 1;
    /// 0 counts as 1.
    pub effects: usize,
    /// Length of the calldata, in bytes.
    pub calldata_bytes: usize,
}

impl Default for Limits {
    /// 8 levels, 256 effects, 128 KiB: what clients accept into their pools.
    fn default() -> Self {
        Self {
            depth: 8,
            effects: 256,
            calldata_bytes: 128 << 10,
        }
    }
}

/// What a transaction of `sender` would do, at least one effect, parents before children. The first one is about the
/// transaction's own call; delegations (EIP-7702), one for each authorisation, come last.
///
/// Total: any input has an answer, in time proportional to its length times `limits.depth`.
#[must_use]
pub fn of_transaction(
    chain_id: u64,
    sender: Address,
    intent: &TransactionIntent,
    limits: &Limits,
) -> Vec<Effect> {
    let mut effects = match intent.to {
        None => vec![Effect {
            source: Some(sender),
            amount: intent.value,
            ..blank(EffectKind::ContractCreation)
        }],
        Some(to) => {
            let outer = Inner::call(sender, to, intent.value.into(), intent.data.clone());
            let mut walk = Walk::new(chain_id, limits);
            if intent.data.len() > limits.calldata_bytes {
                walk.full = true;
            } else {
                walk.call(&outer, None, 0);
            }
            walk.finish(opaque(&outer, None))
        }
    };
    effects.extend(intent.authorizations.iter().map(|authorization| Effect {
        // Whoever signed it elsewhere would have to be recovered from a signature that nobody has checked.
        source: authorization.signature.is_none().then_some(sender),
        target: Some(authorization.address),
        ..blank(EffectKind::Delegation)
    }));
    effects
}

/// Collects effects in the order in which they are met.
pub(crate) struct Walk<'l> {
    chain_id: u64,
    limits: &'l Limits,
    effects: Vec<Effect>,
    /// There were more than `limits` allow: what was collected is incomplete.
    full: bool,
}

impl<'l> Walk<'l> {
    pub(crate) const fn new(chain_id: u64, limits: &'l Limits) -> Self {
        Self {
            chain_id,
            limits,
            effects: Vec::new(),
            full: false,
        }
    }

    /// Everything that was collected, or `instead` alone if that is not everything.
    pub(crate) fn finish(self, instead: Effect) -> Vec<Effect> {
        if self.full {
            vec![unbounded(instead)]
        } else if self.effects.is_empty() {
            vec![instead]
        } else {
            self.effects
        }
    }

    /// Adds an effect and gives its index. `None`: there is no room.
    pub(crate) fn push(&mut self, effect: Effect) -> Option<u32> {
        if self.full || self.effects.len() >= self.limits.effects.max(1) {
            self.full = true;
            return None;
        }
        let index = u32::try_from(self.effects.len()).ok()?;
        self.effects.push(effect);
        Some(index)
    }

    /// The effects of one call, beneath `parent`.
    fn call(&mut self, inner: &Inner, parent: Option<u32>, depth: u32) {
        if self.full {
            return;
        }
        if depth > self.limits.depth {
            self.push(unbounded(opaque(inner, parent)));
            return;
        }
        match inner.how {
            How::Call if inner.data.is_empty() => {
                self.push(Effect {
                    parent,
                    source: Some(inner.caller),
                    target: Some(inner.to),
                    amount: inner.value.into(),
                    ..blank(EffectKind::NativeTransfer)
                });
            }
            How::Call | How::OwnCode => self.ordinary(inner, parent, depth),
            How::Delegatecall => self.delegatecall(inner, parent, depth),
        }
    }

    fn ordinary(&mut self, inner: &Inner, parent: Option<u32>, depth: u32) {
        let reading = inner.data.first_chunk().and_then(|selector| {
            calls::read(&Asked {
                chain_id: self.chain_id,
                caller: inner.caller,
                to: inner.to,
                selector: *selector,
                data: &inner.data,
            })
        });
        let parts = match reading {
            None => {
                let known = inner
                    .data
                    .first_chunk()
                    .is_some_and(|s| calls::is_known(*s));
                let opaque = opaque(inner, parent);
                self.push(if known { unbounded(opaque) } else { opaque });
                return;
            }
            Some(Reading::Leaf(leaf)) if inner.value.is_zero() => {
                self.push(Effect {
                    parent,
                    selector: inner.selector(),
                    ..leaf
                });
                return;
            }
            Some(Reading::Leaf(leaf)) => vec![Part::Effect(Effect {
                selector: inner.selector(),
                ..leaf
            })],
            Some(Reading::Node(parts)) => parts,
        };
        if let Some(node) = self.push(node(EffectKind::Call, inner, parent)) {
            self.parts(parts, node, depth);
        }
    }

    /// Foreign code on the account of `inner.caller`. What it does is known of published code alone.
    fn delegatecall(&mut self, inner: &Inner, parent: Option<u32>, depth: u32) {
        let delegatecall = Effect {
            target: Some(inner.to),
            ..node(EffectKind::Delegatecall, inner, parent)
        };
        let Some(index) = self.push(delegatecall) else {
            return;
        };
        let parts = calls::read_delegatecall(inner.caller, inner.to, &inner.data)
            .unwrap_or_else(|| vec![Part::Opaque(inner.to)]);
        self.parts(parts, index, depth);
    }

    /// What is inside the effect `parent`, which is at `depth`.
    pub(crate) fn parts(&mut self, parts: Vec<Part>, parent: u32, depth: u32) {
        for part in parts {
            match part {
                Part::Effect(effect) => {
                    self.push(Effect {
                        parent: Some(parent),
                        ..effect
                    });
                }
                Part::Opaque(contract) => {
                    self.push(Effect {
                        parent: Some(parent),
                        contract: Some(contract),
                        ..blank(EffectKind::Opaque)
                    });
                }
                Part::Unbounded(contract) => {
                    self.push(unbounded(Effect {
                        parent: Some(parent),
                        contract: Some(contract),
                        ..blank(EffectKind::Opaque)
                    }));
                }
                Part::Call(inner) => self.call(&inner, Some(parent), depth.saturating_add(1)),
            }
            if self.full {
                return;
            }
        }
    }
}

impl Inner {
    /// An ordinary call.
    pub(crate) const fn call(caller: Address, to: Address, value: U256, data: Bytes) -> Self {
        Self {
            caller,
            to,
            value,
            data,
            how: How::Call,
        }
    }

    fn selector(&self) -> Option<u32> {
        self.data
            .first_chunk()
            .map(|bytes| u32::from_be_bytes(*bytes))
    }
}

/// The effect that stands for a call itself and carries its value.
fn node(kind: EffectKind, inner: &Inner, parent: Option<u32>) -> Effect {
    Effect {
        parent,
        contract: Some(inner.to),
        source: Some(inner.caller),
        target: (!inner.value.is_zero()).then_some(inner.to),
        amount: inner.value.into(),
        selector: inner.selector(),
        ..blank(kind)
    }
}

fn opaque(inner: &Inner, parent: Option<u32>) -> Effect {
    node(EffectKind::Opaque, inner, parent)
}

/// An opaque effect behind which more is hidden than a function that nobody knows: it is nested too deeply, has too many
/// parts, or is a known function that is not encoded as it should be.
fn unbounded(opaque: Effect) -> Effect {
    Effect {
        unlimited: true,
        ..opaque
    }
}
