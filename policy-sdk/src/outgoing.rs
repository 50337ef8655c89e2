//! What a request would move: the sums that rules on money compare.

use std::borrow::Cow;

use crate::{Address, Amount, Effect, EffectKind, Intent, TransactionRequest};

/// Number of EIP-7702 transactions.
const SET_CODE: u8 = 4;

/// What leaves the account of a request, worked out from its effects and, where there is one, its simulation: what the
/// simulation shows beyond the effects counts too.
#[derive(Debug)]
pub struct Outgoing<'r> {
    /// The effects of the request, and one for whatever they should tell and do not: judge these.
    pub effects: Cow<'r, [Effect]>,
    /// Wei that leave, without what execution costs; `None` beyond 2^256 − 1.
    pub native: Option<Amount>,
    /// Most wei that execution can cost; `None` beyond 2^256 − 1.
    pub fees: Option<Amount>,
    /// What is moved or allowed of each token, in the order of their addresses; `None` beyond 2^256 − 1. An unlimited
    /// allowance is the largest amount.
    pub tokens: Vec<(Address, Option<Amount>)>,
    /// Tokens that a simulation shows the sender losing, in order.
    pub lost_tokens: Vec<Address>,
}

impl<'r> Outgoing<'r> {
    /// What `request` would move.
    #[must_use]
    pub fn of(request: &'r TransactionRequest) -> Self {
        let effects = effects(request);
        let fees = match &request.intent {
            Intent::Transaction(tx) => tx.fees.max_fee_per_gas.checked_mul(tx.gas_limit),
            _ => Some(Amount::ZERO),
        };
        let mut outgoing = Self {
            native: native(request, &effects, fees),
            fees,
            tokens: tokens(&effects),
            lost_tokens: Vec::new(),
            effects,
        };
        outgoing.compare_with_simulation(request);
        outgoing
    }

    /// How much of a token is moved or allowed; `None` beyond 2^256 − 1.
    #[must_use]
    pub fn of_token(&self, token: &Address) -> Option<Amount> {
        match self.tokens.binary_search_by(|(known, _)| known.cmp(token)) {
            Ok(at) => self.tokens.get(at).and_then(|(_, amount)| *amount),
            Err(_) => Some(Amount::ZERO),
        }
    }

    /// Whoever gains coin, tokens or an allowance, in order and once each. What was decoded alone: look for effects that
    /// are [`EffectKind::Opaque`] beside it.
    #[must_use]
    pub fn recipients(&self) -> Vec<Address> {
        let gains = |effect: &&Effect| !is_revocation(effect);
        let effects = self.effects.iter().filter(gains);
        let mut recipients: Vec<Address> = effects.filter_map(|effect| effect.target).collect();
        recipients.sort_unstable();
        recipients.dedup();
        recipients
    }

    /// Where a simulation shows more leaving than the effects tell, that counts.
    fn compare_with_simulation(&mut self, request: &TransactionRequest) {
        let mut lost: Vec<Address> = losses(request)
            .filter_map(|(asset, _)| asset.parse().ok())
            .collect();
        lost.sort_unstable();
        lost.dedup();
        for token in &lost {
            let loss = lost_of(request, |asset| asset.parse().as_ref() == Ok(token));
            match self.tokens.binary_search_by_key(token, |(known, _)| *known) {
                Ok(at) => {
                    if let Some((_, amount)) = self.tokens.get_mut(at) {
                        *amount = larger(*amount, loss);
                    }
                }
                Err(at) => self.tokens.insert(at, (*token, loss)),
            }
        }
        self.lost_tokens = lost;
    }
}

/// Whether this moves or allows a token. The amount of every other kind is native coin.
#[must_use]
pub const fn is_token(kind: EffectKind) -> bool {
    match kind {
        EffectKind::Erc20Transfer
        | EffectKind::Erc20TransferFrom
        | EffectKind::Erc20Approve
        | EffectKind::Erc20Permit
        | EffectKind::Erc3009Authorization
        | EffectKind::Permit2Approve
        | EffectKind::Permit2Transfer
        | EffectKind::Erc721Transfer
        | EffectKind::Erc721Approve
        | EffectKind::Erc1155Transfer
        | EffectKind::ApprovalForAll => true,
        EffectKind::NativeTransfer
        | EffectKind::ContractCreation
        | EffectKind::Delegation
        | EffectKind::Delegatecall
        | EffectKind::Call
        | EffectKind::Opaque => false,
    }
}

/// Whether this takes an allowance away. `approve` of nothing is none: ERC-721 has the same function, where it gives away
/// the token with id 0.
#[must_use]
pub fn is_revocation(effect: &Effect) -> bool {
    let of_nothing = effect.amount.is_zero() && !effect.unlimited;
    match effect.kind {
        EffectKind::Erc20Permit | EffectKind::Permit2Approve | EffectKind::ApprovalForAll => {
            of_nothing
        }
        EffectKind::Erc20Approve | EffectKind::Erc721Approve => {
            effect.target == Some(Address::ZERO) && !effect.unlimited
        }
        _ => false,
    }
}

fn tokens(effects: &[Effect]) -> Vec<(Address, Option<Amount>)> {
    let mut tokens: Vec<(Address, Option<Amount>)> = Vec::new();
    for effect in effects.iter().filter(|effect| is_token(effect.kind)) {
        let amount = if effect.unlimited {
            Amount::MAX
        } else {
            effect.amount
        };
        if let Some(token) = effect.contract {
            tokens.push((token, Some(amount)));
        }
    }
    tokens.sort_by_key(|(token, _)| *token);
    tokens.dedup_by(|next, sum| {
        let same = next.0 == sum.0;
        if same {
            sum.1 = add(sum.1, next.1);
        }
        same
    });
    tokens
}

/// The effects, and one for whatever they should tell and do not.
fn effects(request: &TransactionRequest) -> Cow<'_, [Effect]> {
    let told = Cow::Borrowed(request.effects.as_slice());
    let missing = |kind| Effect {
        kind,
        parent: None,
        contract: None,
        source: Some(request.sender),
        target: None,
        amount: Amount::ZERO,
        token_id: None,
        unlimited: false,
        selector: None,
        deadline: None,
    };
    let Intent::Transaction(tx) = &request.intent else {
        return told;
    };
    let tells = |kind| told.iter().any(|effect| effect.kind == kind);
    let own_call = match tx.to {
        None if !tells(EffectKind::ContractCreation) => Some(missing(EffectKind::ContractCreation)),
        Some(to) if told.is_empty() => Some(Effect {
            contract: Some(to),
            selector: tx.selector,
            ..missing(EffectKind::Opaque)
        }),
        _ => None,
    };
    let delegation = (tx.tx_type == SET_CODE && !tells(EffectKind::Delegation))
        .then(|| missing(EffectKind::Delegation));
    if own_call.is_none() && delegation.is_none() {
        return told;
    }
    let mut all = told.into_owned();
    all.extend(own_call.into_iter().chain(delegation));
    Cow::Owned(all)
}

/// Native coin that leaves. What a call costs is the larger of its own value and what its inner calls pay together, so
/// that value which is passed on counts once and what somebody else's calls are made to pay counts too.
fn native(
    request: &TransactionRequest,
    effects: &[Effect],
    fees: Option<Amount>,
) -> Option<Amount> {
    // Behind the last place stands the sum of what has no parent.
    let mut inner = vec![Some(Amount::ZERO); effects.len() + 1];
    for (at, effect) in effects.iter().enumerate().rev() {
        let own = if is_token(effect.kind) {
            Amount::ZERO
        } else {
            effect.amount
        };
        let cost = larger(Some(own), inner.get(at).copied().flatten());
        let parent = effect
            .parent
            .and_then(|parent| usize::try_from(parent).ok());
        let into = parent
            .filter(|parent| *parent < at)
            .unwrap_or(effects.len());
        if let Some(sum) = inner.get_mut(into) {
            *sum = add(*sum, cost);
        }
    }
    let told = inner.last().copied().flatten();
    let Intent::Transaction(tx) = &request.intent else {
        return told;
    };
    let told = larger(told, Some(tx.value));
    let loss = lost_of(request, |asset| asset == "native");
    // What a simulation shows may have fees in it.
    let with_fees = add(told, fees);
    if larger(loss, with_fees) == with_fees {
        told
    } else {
        loss
    }
}

/// What a simulation shows the sender losing.
fn losses(request: &TransactionRequest) -> impl Iterator<Item = (&str, Amount)> {
    let changes = request.simulation.iter().flat_map(|s| &s.balance_changes);
    changes
        .filter(|change| change.negative && change.account == request.sender)
        .map(|change| (change.asset.as_str(), change.amount))
}

fn lost_of(request: &TransactionRequest, is_it: impl Fn(&str) -> bool) -> Option<Amount> {
    losses(request)
        .filter(|(asset, _)| is_it(asset))
        .try_fold(Amount::ZERO, |sum, (_, amount)| sum.checked_add(amount))
}

fn add(a: Option<Amount>, b: Option<Amount>) -> Option<Amount> {
    a?.checked_add(b?)
}

/// The larger of the two; what could not be counted is the largest.
fn larger(a: Option<Amount>, b: Option<Amount>) -> Option<Amount> {
    Some(a?.max(b?))
}
