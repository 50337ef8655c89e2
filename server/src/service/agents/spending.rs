//! What an agent has spent, counted when somebody asks for this one agent.

use oneclaw_core::amount::NATIVE_DECIMALS;
use oneclaw_core::api::Agent;
use oneclaw_core::clock::Timestamp;
use serde_json::{Map, Value, json};

use super::super::Services;
use super::super::error::Result;
use super::super::gate::budgets_of_record;
use super::wire;

impl Services {
    /// The wire form of an agent with `tx_spent_today` (native coin on all chains over the last 24 hours, in major units),
    /// `tx_spent_today_by_chain` (the same by family; there is one) and `tx_count_today` (transactions since midnight
    /// UTC), where what is under way counts, and with what its active signing key gives.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(super) async fn agent_with_spending(
        &self,
        agent: &oneclaw_store::Agent,
        now: Timestamp,
    ) -> Result<Agent> {
        let mut wire = wire::agent(agent);
        wire.profile.extend(self.shown_signing_key(agent.id).await?);
        let Some(queries) = budgets_of_record(agent.id, now) else {
            return Ok(wire);
        };
        let sums = self.store.budget_sums(agent.org_id, &queries).await?;
        if let [spent, count] = sums.as_slice() {
            let spent = spent
                .spent
                .saturating_add(spent.reserved)
                .to_units(NATIVE_DECIMALS);
            let count = count.spent.saturating_add(count.reserved).to_string();
            wire.profile.extend(shown(&spent, count.parse().ok()));
        }
        Ok(wire)
    }
}

fn shown(spent: &str, count: Option<u64>) -> Map<String, Value> {
    [
        ("tx_spent_today", json!(spent)),
        ("tx_spent_today_eth", json!(spent)),
        ("tx_spent_today_by_chain", json!({"evm": spent})),
        ("tx_count_today", json!(count)),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}
