//! Who gains something by a request, and which of them never did before.

use std::collections::BTreeSet;

use oneclaw_core::ids::AgentId;
use oneclaw_core::request::Fact;
use oneclaw_core::transaction::{Address, Effect, EffectKind, TransactionRequest};

use super::super::Services;
use super::super::error::Result;

/// Most recipients that are looked up. Of a request with more nothing is said, and everybody counts as new.
const MOST_RECIPIENTS: usize = 64;

impl Services {
    /// Adds what is known of the world outside and of the agent's past. Each is left out where it is not known.
    ///
    /// # Errors
    /// What the database says.
    pub(super) async fn add_known_facts(
        &self,
        agent: AgentId,
        request: &mut TransactionRequest,
    ) -> Result<()> {
        let outside = self.facts.of_client(request.client);
        request.facts.extend(outside);
        let prices = self.facts.of_prices(request);
        request.facts.extend(prices);
        let new = self.new_recipients(agent, request).await?;
        request.facts.extend(new);
        Ok(())
    }

    /// The fact `recipients.new`: addresses separated by commas, in order, or nothing if all of them are known.
    async fn new_recipients(
        &self,
        agent: AgentId,
        request: &TransactionRequest,
    ) -> Result<Option<Fact>> {
        let Some(chain) = &request.chain else {
            return Ok(None);
        };
        let named = request.effects.iter().filter_map(|effect| effect.target);
        let named: BTreeSet<Address> = named.filter(|to| *to != request.sender).collect();
        if named.len() > MOST_RECIPIENTS {
            return Ok(None);
        }
        let named: Vec<Address> = named.into_iter().collect();
        let paid = self.store.paid_before(agent, chain.id, &named).await?;
        let new: Vec<String> = named
            .iter()
            .filter(|address| !paid.contains(*address))
            .map(|address| format!("{address:#x}"))
            .collect();
        Ok(Some(Fact {
            key: "recipients.new".to_owned(),
            value: new.join(","),
        }))
    }
}

/// Whoever gains something once this is signed, in order. An amount of nothing makes nobody known, and taking an allowance
/// away does not either.
pub(super) fn paid(request: &TransactionRequest) -> Vec<Address> {
    let gaining = request.effects.iter().filter(|effect| gains(effect));
    let gaining: BTreeSet<Address> = gaining.filter_map(|effect| effect.target).collect();
    gaining.into_iter().collect()
}

fn gains(effect: &Effect) -> bool {
    match effect.kind {
        // Code is run, and nobody is paid.
        EffectKind::Delegation | EffectKind::Delegatecall => false,
        // For address 0, this takes back.
        EffectKind::Erc721Approve => effect.target != Some(Address::ZERO),
        // What could not be read may be marked unlimited, and gives nothing by that.
        EffectKind::Opaque | EffectKind::Call => !effect.amount.is_zero(),
        _ => effect.unlimited || !effect.amount.is_zero(),
    }
}

#[cfg(test)]
mod tests {
    use oneclaw_core::amount::Amount;

    use super::*;

    fn effect(kind: EffectKind, amount: u64, unlimited: bool) -> Effect {
        Effect {
            kind,
            parent: None,
            contract: None,
            source: None,
            target: Some(Address::repeat_byte(7)),
            amount: Amount::from(amount),
            token_id: None,
            unlimited,
            selector: None,
            deadline: None,
        }
    }

    #[test]
    fn nobody_becomes_known_by_getting_nothing() {
        for kind in [
            EffectKind::NativeTransfer,
            EffectKind::Erc20Transfer,
            EffectKind::Erc20Approve,
            EffectKind::ApprovalForAll,
            EffectKind::Call,
            EffectKind::Opaque,
        ] {
            assert!(!gains(&effect(kind, 0, false)), "{kind:?}");
            assert!(gains(&effect(kind, 1, false)), "{kind:?}");
        }
        assert!(gains(&effect(EffectKind::Erc20Approve, 0, true)));
        assert!(!gains(&effect(EffectKind::Opaque, 0, true)));
        assert!(!gains(&effect(EffectKind::Delegation, 1, true)));
        assert!(!gains(&effect(EffectKind::Delegatecall, 1, false)));
        let revoked = Effect {
            target: Some(Address::ZERO),
            ..effect(EffectKind::Erc721Approve, 0, false)
        };
        assert!(!gains(&revoked));
    }
}
