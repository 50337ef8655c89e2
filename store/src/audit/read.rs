//! Looking events up.

use oneclaw_core::ids::{EventId, OrgId};

use super::verify::Walk;
use super::{AuditEvent, EventFilter, start};
use crate::Store;
use crate::db::{Row, Tx, Value, params};
use crate::error::{Result, StoreError};

/// Most events in one answer.
const MAX_PAGE: i64 = 1000;

/// The columns of an event.
macro_rules! columns {
    () => {
        "org_id, seq, id, action, actor_type, actor_id, resource_type, resource_id, vault_id, details, ip, at, \
         prev_event_id, integrity_hash"
    };
}

/// Events behind a number, oldest first.
pub(super) const EVENTS_AFTER: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM audit_events WHERE org_id = $1 AND seq > $2 ORDER BY seq LIMIT $3"
);

/// The two questions about the events that a filter asks for, whose parameters are `$1` to `$9`: which they are, and how
/// many. `$first` comes first so that the index over it is used; the rest narrows down.
macro_rules! questions {
    ($first:literal) => {
        Questions {
            page: concat!(
                "SELECT ",
                columns!(),
                " FROM audit_events WHERE org_id = $1 AND seq < $10 AND ",
                $first,
                rest!(),
                " ORDER BY seq DESC LIMIT $11 OFFSET $12"
            ),
            count: concat!(
                "SELECT count(*) AS n FROM audit_events WHERE org_id = $1 AND ",
                $first,
                rest!()
            ),
        }
    };
}

macro_rules! rest {
    () => {
        " AND ($2 IS NULL OR actor_type = $2) AND ($3 IS NULL OR actor_id = $3) AND ($4 IS NULL OR action = $4) \
         AND ($5 IS NULL OR resource_type = $5) AND ($6 IS NULL OR resource_id = $6 OR vault_id = $6) \
         AND ($7 IS NULL OR vault_id = $7) AND ($8 IS NULL OR at >= $8) AND ($9 IS NULL OR at <= $9)"
    };
}

struct Questions {
    page: &'static str,
    count: &'static str,
}

const BY_ACTOR: Questions = questions!("actor_id = $3");
const BY_VAULT: Questions = questions!("vault_id = $7");
const BY_RESOURCE: Questions = questions!("(resource_id = $6 OR vault_id = $6)");
const BY_NUMBER: Questions = questions!("seq > 0");

/// Events that match a filter.
#[derive(Debug, Clone, PartialEq)]
pub struct EventPage {
    /// Newest first.
    pub events: Vec<AuditEvent>,
    /// How many match, on all pages.
    pub total: i64,
    /// Whether there are more behind these.
    pub has_more: bool,
}

impl AuditEvent {
    pub(super) fn from_row(row: &Row) -> Result<Self> {
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

impl EventFilter {
    fn words(&self) -> [&Option<String>; 6] {
        [
            &self.actor_type,
            &self.actor_id,
            &self.action,
            &self.resource_type,
            &self.resource_id,
            &self.vault_id,
        ]
    }

    fn questions(&self) -> &'static Questions {
        if self.actor_id.is_some() {
            &BY_ACTOR
        } else if self.vault_id.is_some() {
            &BY_VAULT
        } else if self.resource_id.is_some() {
            &BY_RESOURCE
        } else {
            &BY_NUMBER
        }
    }

    fn asks_for_all(&self) -> bool {
        self.words().iter().all(|word| word.is_none()) && self.from.is_none() && self.to.is_none()
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
    /// [`StoreError::NotFound`] when `before` is no event of this organisation; [`StoreError::Corrupt`] for an event that
    /// was altered beyond reading, which [`Store::verify`] names.
    pub async fn events(&self, org: OrgId, filter: &EventFilter) -> Result<EventPage> {
        // No event holds a NUL, and PostgreSQL would not take one.
        if filter
            .words()
            .iter()
            .any(|text| text.as_ref().is_some_and(|text| text.contains('\0')))
        {
            return Ok(EventPage {
                events: Vec::new(),
                total: 0,
                has_more: false,
            });
        }
        let questions = filter.questions();
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
        let total = if filter.asks_for_all() {
            self.length(&mut snapshot, org).await?
        } else {
            snapshot
                .one(questions.count, params.clone())
                .await?
                .int("n")?
        };
        let before = match filter.before {
            Some(event) => number_of(&mut snapshot, org, event).await?,
            None => i64::MAX,
        };
        let limit = filter.limit.clamp(1, MAX_PAGE);
        params.extend([
            Value::from(before),
            Value::from(limit + 1),
            Value::from(filter.offset.max(0)),
        ]);
        let rows = snapshot.all(questions.page, params).await?;
        let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(EventPage {
            events: rows
                .iter()
                .take(wanted)
                .map(AuditEvent::from_row)
                .collect::<Result<_>>()?,
            total,
            has_more: rows.len() > wanted,
        })
    }

    /// How many events there are, without counting them. A chain that was tampered with is counted.
    async fn length(&self, tx: &mut Tx, org: OrgId) -> Result<i64> {
        let mut walk = Walk::new(tx, &self.audit_key, org);
        if let Some(head) = walk.head().await?
            && let Ok(start) = start::sealed(walk.tx, walk.key, &walk.org).await
        {
            return Ok(head.seq - start.map_or(0, |start| start.seq));
        }
        let sql = "SELECT count(*) AS n FROM audit_events WHERE org_id = $1";
        tx.one(sql, params![org]).await?.int("n")
    }
}

async fn number_of(tx: &mut Tx, org: OrgId, event: EventId) -> Result<i64> {
    let sql = "SELECT seq FROM audit_events WHERE id = $1 AND org_id = $2";
    let row = tx.optional(sql, params![event, org]).await?;
    row.ok_or(StoreError::NotFound)?.int("seq")
}
