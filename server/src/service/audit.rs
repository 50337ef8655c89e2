//! The audit trail, read and verified.

use oneclaw_core::api::{AuditEvent, AuditEventList, AuditScheme, AuditVerification};
use oneclaw_store::EventFilter;

use super::caller::Caller;
use super::error::Result;
use super::{Services, check, time};

/// Most events in one page.
const MAX_PAGE: i64 = 1000;
/// Most events verified in one call.
const MAX_VERIFIED: i64 = 10_000;

/// A question to the trail; empty text counts as absent.
#[derive(Debug, Clone, Default)]
pub struct AuditQuery {
    /// `user`, `agent`, `system` or `anonymous`.
    pub actor_type: Option<String>,
    /// Bare id.
    pub actor_id: Option<String>,
    /// For example `secret.read`.
    pub action: Option<String>,
    /// For example `secret`.
    pub resource_type: Option<String>,
    /// Also matches events in the vault with this id.
    pub resource_id: Option<String>,
    /// Events in this vault.
    pub vault_id: Option<String>,
    /// RFC 3339, inclusive.
    pub from: Option<String>,
    /// RFC 3339, inclusive.
    pub to: Option<String>,
    /// Events in a page.
    pub limit: Option<i64>,
    /// Events to pass over.
    pub offset: Option<i64>,
}

impl Services {
    /// `GET /v1/audit/events`. Agents see their own events alone.
    ///
    /// # Errors
    /// Names the parameter at fault.
    pub async fn audit_events(&self, caller: &Caller, query: AuditQuery) -> Result<AuditEventList> {
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let mut filter = EventFilter {
            actor_type: given(query.actor_type),
            actor_id: given(query.actor_id),
            action: given(query.action),
            resource_type: given(query.resource_type),
            resource_id: given(query.resource_id),
            vault_id: given(query.vault_id),
            from: time::parse_option("from", query.from.as_deref())?,
            to: time::parse_option("to", query.to.as_deref())?,
            limit: check::page("limit", query.limit, 100, 1, MAX_PAGE)?,
            offset: check::page("offset", query.offset, 0, 0, i64::MAX)?,
        };
        if let Some(agent) = caller.agent_id() {
            let own = agent.to_string();
            if filter.actor_id.as_ref().is_some_and(|id| *id != own)
                || filter
                    .actor_type
                    .as_ref()
                    .is_some_and(|kind| kind != "agent")
            {
                return Ok(AuditEventList {
                    events: Vec::new(),
                    count: 0,
                    total: 0,
                });
            }
            filter.actor_type = Some("agent".to_owned());
            filter.actor_id = Some(own);
        }
        let (events, total) = self.store.events(caller.org(), &filter).await?;
        Ok(AuditEventList {
            count: events.len(),
            events: events.iter().map(wire).collect(),
            total,
        })
    }

    /// `GET /v1/audit/verify`
    ///
    /// # Errors
    /// Names the parameter at fault; [`ServiceError::Forbidden`] for agents.
    pub async fn verify_audit(
        &self,
        caller: &Caller,
        from: Option<&str>,
        to: Option<&str>,
        limit: Option<i64>,
    ) -> Result<AuditVerification> {
        let org = caller.human()?.org_id;
        let from = time::parse_option("from", from)?;
        let to = time::parse_option("to", to)?;
        let limit = check::page("limit", limit, 1000, 1, MAX_VERIFIED)?;
        let verified = self.store.verify(org, from, to, limit).await?;
        Ok(AuditVerification {
            chain_valid: verified.chain_valid,
            events_verified: verified.events_verified,
            events_checked: verified.events_checked,
            broken_at_event_id: verified.broken_at.map(|id| id.to_string()),
            scheme: AuditScheme {
                algorithm: "HMAC-SHA256".to_owned(),
                chain_structure: oneclaw_store::CHAIN_STRUCTURE.to_owned(),
                hash_field: "integrity_hash".to_owned(),
                link_field: "prev_event_id".to_owned(),
                documentation: format!("{}/docs", self.config.public_url),
            },
        })
    }
}

fn wire(event: &oneclaw_store::AuditEvent) -> AuditEvent {
    AuditEvent {
        id: event.id.to_string(),
        org_id: event.org_id.to_string(),
        action: event.action.clone(),
        actor_type: event.actor_type.clone(),
        actor_id: event.actor_id.clone(),
        resource_type: event.resource_type.clone(),
        resource_id: event.resource_id.clone(),
        details: event.details.clone(),
        ip_address: event.ip.map(|ip| ip.to_string()),
        created_at: time::format(event.at),
        prev_event_id: event.prev_event_id.map(|id| id.to_string()),
        integrity_hash: event.integrity_hash.clone(),
    }
}
