//! Settings of the guardrails as text, kept for as long as what they are made from stays the same: an agent with a thousand
//! recipients should not pay for them with every intent.

use std::sync::Arc;

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::AgentId;
use oneclaw_store::{Agent, FleetGuardrails};
use quick_cache::sync::Cache;
use serde_json::Value;

use super::year;
use crate::service::error::{Result, ServiceError};
use crate::service::guardrails::{self, ChainNames};

/// Agents whose settings are kept. With settings of 50 KB for each of them it takes 200 MB, and as a rule a hundredth.
const MOST: usize = 4096;

/// By agent.
#[derive(Debug)]
pub(super) struct SettingsCache {
    built: Cache<AgentId, Arc<Built>>,
}

#[derive(Debug)]
struct Built {
    profile: Value,
    chains: ChainNames,
    /// Zone tables change with it.
    year: i64,
    /// Which guardrails for many agents hold for it.
    fleet: Vec<i64>,
    text: Arc<str>,
}

impl SettingsCache {
    pub(super) fn new() -> Self {
        Self {
            built: Cache::new(MOST),
        }
    }

    /// The settings that hold for an agent, if they are here: `fleet` are the revisions of the guardrails for many.
    pub(super) fn get(
        &self,
        agent: &Agent,
        fleet: &[i64],
        chains: &ChainNames,
        now: Timestamp,
    ) -> Option<Arc<str>> {
        let built = self.built.get(&agent.id)?;
        let holds = built.year == year(now)
            && built.fleet == fleet
            && built.profile == agent.profile
            && built.chains == *chains;
        holds.then(|| Arc::clone(&built.text))
    }

    /// Makes the settings that hold for an agent, and keeps them.
    ///
    /// # Errors
    /// When what is stored cannot be enforced.
    pub(super) fn make(
        &self,
        agent: &Agent,
        fleet: &[FleetGuardrails],
        chains: &ChainNames,
        now: Timestamp,
    ) -> Result<Arc<str>> {
        let settings = guardrails::build(agent, fleet, chains, now)?;
        let text: Arc<str> = serde_json::to_string(&settings)
            .map_err(|e| ServiceError::Internal(e.to_string()))?
            .into();
        let built = Built {
            profile: agent.profile.clone(),
            chains: chains.clone(),
            year: year(now),
            fleet: fleet.iter().map(|one| one.revision).collect(),
            text: Arc::clone(&text),
        };
        self.built.insert(agent.id, Arc::new(built));
        Ok(text)
    }
}
