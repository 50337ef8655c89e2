//! Whether what was decided still comes out the same.

use oneclaw_core::ids::{EventId, OrgId};
use oneclaw_crypto::random;
use oneclaw_store::{DecisionFilter, NewEvent, ReplayChange};
use serde_json::json;

use crate::service::Services;
use crate::service::error::Result;

/// Decisions that are decided again at a time.
const PAGE: u32 = 512;
/// Decisions that an event names.
const MOST_NAMED: usize = 20;

impl Services {
    /// Has the latest decisions made again by the versions and settings that made them, as many of each organisation as the
    /// settings say. One that comes out differently is recorded in the audit trail of its organisation, and the server
    /// counts as degraded until a check finds none. Answers how many came out differently.
    ///
    /// # Errors
    /// What the database says.
    pub async fn check_decisions(&self) -> Result<i64> {
        let (mut checked, mut mismatches) = (0_i64, 0_i64);
        let mut events = Vec::new();
        for org in self.store.org_ids().await? {
            let mut after = None;
            let mut left = self.config.decisions.self_check;
            let mut differing: Vec<ReplayChange> = Vec::new();
            while left > 0 {
                let wanted = i64::from(left.min(PAGE));
                let rows = self
                    .store
                    .decisions(org, &DecisionFilter::default(), after, wanted)
                    .await?;
                let Some(last) = rows.last() else { break };
                after = Some((last.at, last.id));
                left = left.saturating_sub(u32::try_from(rows.len()).unwrap_or(u32::MAX));
                let (counts, changes) = self.mismatches(org, rows).await?;
                let same = counts.same.saturating_add(counts.changes());
                checked = checked.saturating_add(i64::try_from(same).unwrap_or(i64::MAX));
                // What cannot be told, for example because a component is gone, is no mismatch.
                let found = changes
                    .into_iter()
                    .filter(|c| c.body.get("after").is_some());
                differing.extend(found);
            }
            if !differing.is_empty() {
                let count = i64::try_from(differing.len()).unwrap_or(i64::MAX);
                mismatches = mismatches.saturating_add(count);
                events.push(self.mismatch_event(org, &differing));
            }
        }
        if mismatches > 0 {
            tracing::error!(
                mismatches,
                "recorded decisions do not come out as they did: do not rely on decisions of this server before you know why"
            );
        }
        self.store
            .store_decision_check(self.clock.now(), checked, mismatches, &events)
            .await?;
        Ok(mismatches)
    }

    /// Whether the last check found decisions that come out differently.
    ///
    /// # Errors
    /// What the database says.
    pub async fn decides_as_it_did(&self) -> Result<bool> {
        Ok(self.config.decisions.self_check == 0 || self.store.decision_mismatches().await? == 0)
    }

    fn mismatch_event(&self, org: OrgId, differing: &[ReplayChange]) -> NewEvent {
        let named: Vec<_> = differing
            .iter()
            .take(MOST_NAMED)
            .map(|change| &change.body)
            .collect();
        NewEvent {
            id: EventId::from_uuid(random::new_id()),
            org_id: org,
            action: "decision.self_check_failed".to_owned(),
            actor_type: "system".to_owned(),
            actor_id: String::new(),
            resource_type: "decision".to_owned(),
            resource_id: String::new(),
            vault_id: None,
            details: json!({"mismatches": differing.len(), "decisions": named}),
            ip: None,
            at: self.clock.now(),
            decision: None,
        }
    }
}
