//! What a request asks for, worked out once for all rulesets.

use std::ops::Deref;

use oneclaw_policy_sdk::outgoing::Outgoing;
use oneclaw_policy_sdk::{
    Effect, EffectKind, Intent, TransactionIntent, TransactionRequest, TypedDataIntent,
};

use crate::typed;

/// A request with the sums that rules compare.
pub(crate) struct Asked<'r> {
    pub(crate) request: &'r TransactionRequest,
    /// EIP-155.
    pub(crate) chain: Option<u64>,
    outgoing: Outgoing<'r>,
}

impl<'r> Deref for Asked<'r> {
    type Target = Outgoing<'r>;

    fn deref(&self) -> &Outgoing<'r> {
        &self.outgoing
    }
}

impl<'r> Asked<'r> {
    pub(crate) fn of(request: &'r TransactionRequest) -> Self {
        Self {
            request,
            chain: chain(request),
            outgoing: Outgoing::of(request),
        }
    }

    pub(crate) fn transaction(&self) -> Option<&'r TransactionIntent> {
        match &self.request.intent {
            Intent::Transaction(tx) => Some(tx),
            _ => None,
        }
    }

    pub(crate) fn typed_data(&self) -> Option<&'r TypedDataIntent> {
        match &self.request.intent {
            Intent::TypedData(typed) => Some(typed),
            _ => None,
        }
    }

    /// What is asked for, at the beginning of a message.
    pub(crate) const fn noun(&self) -> &'static str {
        match self.request.intent {
            Intent::Transaction(_) => "Transaction",
            _ => "Signature",
        }
    }

    pub(crate) fn symbol(&self) -> &'r str {
        let mut facts = self.request.facts.iter();
        facts
            .find(|fact| fact.key == crate::CURRENCY_FACT)
            .map_or("ETH", |fact| &fact.value)
    }

    /// Whether this stands for typed data as a whole that nobody could read. The rules on its domain decide on it alone.
    pub(crate) fn is_unread_typed_data(&self, effect: &Effect) -> bool {
        self.typed_data().is_some() && effect.kind == EffectKind::Opaque && effect.parent.is_none()
    }
}

/// What names no chain is meant for the one that its domain names, if it does.
fn chain(request: &TransactionRequest) -> Option<u64> {
    match (&request.chain, &request.intent) {
        (Some(chain), _) => Some(chain.id),
        (None, Intent::TypedData(typed)) => typed::domain_chain(typed),
        (None, _) => None,
    }
}
