//! The audit trail: read, verified, signed, exported.

mod checkpoints;
mod export;
mod retention;
mod sinks;

pub use export::AuditExport;

use oneclaw_core::api::{AuditEvent, AuditEventList, AuditScheme, AuditVerification};
use oneclaw_core::ids::{EventId, OrgId};
use oneclaw_store::{EventFilter, StoreError};

use super::caller::Caller;
use super::error::{Result, ServiceError};
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
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
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
            before: given(query.cursor).map(|text| cursor(&text)).transpose()?,
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
                    next_cursor: None,
                });
            }
            filter.actor_type = Some("agent".to_owned());
            filter.actor_id = Some(own);
        }
        let found = self.store.events(caller.org(), &filter).await;
        let found = found.map_err(|error| match error {
            StoreError::NotFound => unknown_cursor(),
            other => other.into(),
        })?;
        let last = found.events.last().filter(|_| found.has_more);
        Ok(AuditEventList {
            count: found.events.len(),
            next_cursor: last.map(|event| event.id.to_string()),
            events: found.events.iter().map(wire).collect(),
            total: found.total,
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
            begins_after_event_id: verified.begins_after.map(|id| id.to_string()),
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

/// Owners and admins may take the whole trail away, and change what becomes of it.
fn administrator(caller: &Caller) -> Result<OrgId> {
    let org = caller.human()?.org_id;
    if caller.is_admin() {
        return Ok(org);
    }
    Err(ServiceError::Forbidden(
        "only owners and admins of the organisation may do this".to_owned(),
    ))
}

/// A page ends with an event; the next begins behind it.
fn cursor(text: &str) -> Result<EventId> {
    text.parse().map_err(|_| unknown_cursor())
}

fn unknown_cursor() -> ServiceError {
    ServiceError::field(
        "cursor",
        "is not known; send the `next_cursor` of the page before, or none to begin again",
    )
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
