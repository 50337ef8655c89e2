//! Looking events up.

use oneclaw_core::ids::{EventId, OrgId};

use super::{AuditEvent, EventFilter};
use crate::Store;
use crate::db::{Row, params};
use crate::error::Result;

/// Most events in one answer.
const MAX_PAGE: i64 = 1000;

/// The events that a filter asks for, whose parameters are `$1` to `$9`.
macro_rules! matching {
    ($head:literal, $tail:literal) => {
        concat!(
            $head,
            " FROM audit_events WHERE org_id = $1 AND ($2 IS NULL OR actor_type = $2) \
             AND ($3 IS NULL OR actor_id = $3) AND ($4 IS NULL OR action = $4) \
             AND ($5 IS NULL OR resource_type = $5) \
             AND ($6 IS NULL OR resource_id = $6 OR vault_id = $6) \
             AND ($7 IS NULL OR vault_id = $7) AND ($8 IS NULL OR at >= $8) AND ($9 IS NULL OR at <= $9)",
            $tail
        )
    };
}

impl AuditEvent {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.parsed("id")?,
            org_id: row.parsed("org_id")?,
            action: row.text("action")?,
            actor_type: row.text("actor_type")?,
            actor_id: row.text("actor_id")?,
            resource_type: row.text("resource_type")?,
            resource_id: row.text("resource_id")?,
            vault_id: row.opt_parsed("vault_id")?,
            details: row.json("details")?,
            ip: row.opt_parsed("ip")?,
            at: row.time("at")?,
            seq: row.int("seq")?,
            prev_event_id: row.opt_parsed("prev_event_id")?,
            integrity_hash: row.text("integrity_hash")?,
        })
    }
}

impl Store {
    /// One event of an organisation.
    ///
    /// # Errors
    /// As [`Store::events`].
    pub async fn event(&self, org: OrgId, id: EventId) -> Result<Option<AuditEvent>> {
        let row = self
            .db
            .optional(
                "SELECT org_id, seq, id, action, actor_type, actor_id, resource_type, resource_id, vault_id, details, \
                 ip, at, prev_event_id, integrity_hash FROM audit_events WHERE org_id = $1 AND id = $2",
                params![org, id],
            )
            .await?;
        row.map(|row| AuditEvent::from_row(&row)).transpose()
    }

    /// Events of an organisation, newest first, and how many match in all.
    ///
    /// # Errors
    /// [`crate::StoreError::Corrupt`] for an event that was altered beyond reading; [`Store::verify`] names it.
    pub async fn events(&self, org: OrgId, filter: &EventFilter) -> Result<(Vec<AuditEvent>, i64)> {
        const PAGE: &str = matching!(
            "SELECT org_id, seq, id, action, actor_type, actor_id, resource_type, resource_id, vault_id, details, ip, \
             at, prev_event_id, integrity_hash",
            " ORDER BY seq DESC LIMIT $10 OFFSET $11"
        );
        const COUNT: &str = matching!("SELECT count(*) AS n", "");
        let asked = [
            &filter.actor_type,
            &filter.actor_id,
            &filter.action,
            &filter.resource_type,
            &filter.resource_id,
            &filter.vault_id,
        ];
        // No event holds a NUL, and PostgreSQL would not take one.
        if asked
            .iter()
            .any(|text| text.as_ref().is_some_and(|text| text.contains('\0')))
        {
            return Ok((Vec::new(), 0));
        }
        let mut params = params![
            org,
            filter.actor_type.clone(),
            filter.actor_id.clone(),
            filter.action.clone(),
            filter.resource_type.clone(),
            filter.resource_id.clone(),
            filter.vault_id.clone(),
            filter.from,
            filter.to,
        ];
        let mut snapshot = self.db.snapshot().await?;
        let total = snapshot.one(COUNT, params.clone()).await?.int("n")?;
        params.extend(params![
            filter.limit.clamp(1, MAX_PAGE),
            filter.offset.max(0)
        ]);
        let rows = snapshot.all(PAGE, params).await?;
        Ok((
            rows.iter()
                .map(AuditEvent::from_row)
                .collect::<Result<_>>()?,
            total,
        ))
    }
}
