//! Removing events that are older than the operator keeps them.

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{EventId, OrgId};
use oneclaw_crypto::random;
use oneclaw_store::NewEvent;
use serde_json::json;

use super::super::Services;
use super::super::error::Result;

/// Chains looked for at a time.
const CHAINS: i64 = 100;

impl Services {
    /// Removes events that are older than the settings say, if they say so. A chain that does not hold keeps its events,
    /// and keeps no other from being shortened.
    ///
    /// # Errors
    /// What the database says.
    pub async fn remove_old_events(&self) -> Result<()> {
        let Some(days) = self.config.audit_retention_days else {
            return Ok(());
        };
        let now = self.clock.now();
        let before = now.plus_seconds(-i64::from(days) * 86_400);
        let mut after = None;
        loop {
            let chains = self.store.chains_older_than(before, after, CHAINS).await?;
            let Some(last) = chains.last() else {
                return Ok(());
            };
            after = Some(*last);
            for org in chains {
                if let Err(error) = self.shorten(org, before, now).await {
                    tracing::error!(%org, %error, "old audit events of an organisation could not be removed");
                }
            }
        }
    }

    async fn shorten(&self, org: OrgId, before: Timestamp, now: Timestamp) -> Result<()> {
        loop {
            let removed = self
                .store
                .remove_old_events(org, before, |removed| NewEvent {
                    id: EventId::from_uuid(random::new_id()),
                    org_id: org,
                    action: "audit.retention".to_owned(),
                    actor_type: "system".to_owned(),
                    actor_id: String::new(),
                    resource_type: "org".to_owned(),
                    resource_id: org.to_string(),
                    vault_id: None,
                    details: json!({"removed": removed.events, "through": removed.through}),
                    ip: None,
                    at: now,
                    decision: None,
                })
                .await?;
            if removed.is_none() {
                return Ok(());
            }
        }
    }
}
