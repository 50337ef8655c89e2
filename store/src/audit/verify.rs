//! Reading a chain again from the key: every hash, every link, and that nothing is missing at either end.

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{EventId, OrgId};

use super::Verification;
use super::append::head;
use super::chain::{AuditKey, Head, RawEvent};
use super::start::{self, Start};
use crate::Store;
use crate::db::{Row, Tx, params};
use crate::error::{Result, StoreError};

/// Events fetched at a time.
const PAGE: i64 = 500;
/// Most events in one verification.
const MAX_CHECKED: i64 = 1_000_000;

impl RawEvent {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            org_id: row.text("org_id")?,
            seq: row.int("seq")?,
            id: row.text("id")?,
            action: row.text("action")?,
            actor_type: row.text("actor_type")?,
            actor_id: row.text("actor_id")?,
            resource_type: row.text("resource_type")?,
            resource_id: row.text("resource_id")?,
            vault_id: row.opt_text("vault_id")?,
            details: row.text("details")?,
            ip: row.opt_text("ip")?,
            at: row.int("at")?,
            prev_event_id: row.opt_text("prev_event_id")?,
            integrity_hash: row.text("integrity_hash")?,
        })
    }
}

impl Store {
    /// Verifies the part of an organisation's chain between two instants (both included; absent means open), or its
    /// newest `limit` events if there are more. A part that reaches the end of the chain must end with the event that
    /// was recorded last.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`]. A broken chain is an answer, not an error.
    pub async fn verify(
        &self,
        org: OrgId,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
        limit: i64,
    ) -> Result<Verification> {
        // The chain grows while it is read: all questions go to one state of it.
        let mut snapshot = self.db.snapshot().await?;
        let mut walk = Walk::new(&mut snapshot, &self.audit_key, org);
        let outcome = walk.run(from, to, limit.clamp(1, MAX_CHECKED)).await?;
        Ok(Verification {
            events_checked: walk.checked,
            events_verified: walk.verified,
            chain_valid: outcome.is_none(),
            broken_at: outcome.and_then(|break_| break_.event),
            begins_after: walk.start.event_id.parse().ok(),
        })
    }
}

/// The first thing that is wrong.
pub(super) struct Break {
    /// Where, as far as that is known.
    pub event: Option<EventId>,
}

impl Break {
    fn at(id: Option<&str>) -> Option<Self> {
        Some(Self {
            event: id.and_then(|id| id.parse().ok()),
        })
    }
}

/// What the next event must follow.
struct Link {
    id: Option<String>,
    hash: String,
}

pub(super) struct Walk<'a> {
    pub tx: &'a mut Tx,
    pub key: &'a AuditKey,
    pub org: String,
    /// What was removed because of its age.
    start: Start,
    checked: i64,
    verified: i64,
}

impl<'a> Walk<'a> {
    pub fn new(tx: &'a mut Tx, key: &'a AuditKey, org: OrgId) -> Self {
        Self {
            tx,
            key,
            org: org.to_string(),
            start: Start::default(),
            checked: 0,
            verified: 0,
        }
    }

    /// Verifies up to `limit` events behind number `after`.
    pub async fn segment(&mut self, after: i64, limit: i64) -> Result<Option<Break>> {
        let Some(head) = self.head().await? else {
            return self.without_head().await;
        };
        if !self.find_start().await? || after < self.start.seq {
            return Ok(Break::at(None));
        }
        let last = after.saturating_add(limit).min(head.seq);
        self.range(after.saturating_add(1), last, &head).await
    }

    async fn run(
        &mut self,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
        limit: i64,
    ) -> Result<Option<Break>> {
        let Some(head) = self.head().await? else {
            return self.without_head().await;
        };
        if !self.find_start().await? || self.is_shorter_than_signed(&head).await? {
            return Ok(Break::at(None));
        }
        // Start and head say which numbers there are: a row outside them was renumbered or slipped in.
        let stray = "SELECT id FROM audit_events WHERE org_id = $1 AND (seq <= $2 OR seq > $3) ORDER BY seq LIMIT 1";
        let numbers = params![&self.org, self.start.seq, head.seq];
        if let Some(row) = self.tx.optional(stray, numbers).await? {
            self.checked += 1;
            return Ok(Break::at(row.text("id").ok().as_deref()));
        }
        let last = self.last(to, &head).await?;
        let first = self
            .first(from, &head)
            .await?
            .max(last.saturating_sub(limit - 1));
        self.range(first, last, &head).await
    }

    /// Verifies the events of a range of numbers, and their link to the one before.
    async fn range(&mut self, first: i64, last: i64, head: &Head) -> Result<Option<Break>> {
        if first > last {
            return Ok(None);
        }
        let link = if first == self.start.seq.saturating_add(1) {
            Link {
                id: (self.start.seq > 0).then(|| self.start.event_id.clone()),
                hash: self.start.hash.clone(),
            }
        } else {
            match self.row(first - 1).await? {
                Some(event) => Link {
                    id: Some(event.id),
                    hash: event.integrity_hash,
                },
                None => {
                    let next = self.row(first).await?;
                    return Ok(Break::at(
                        next.and_then(|event| event.prev_event_id).as_deref(),
                    ));
                }
            }
        };
        self.events(first, last, link, head).await
    }

    /// Whether the beginning of the chain is what its seal says, if there is one.
    async fn find_start(&mut self) -> Result<bool> {
        match start::sealed(self.tx, self.key, &self.org).await {
            Ok(start) => {
                self.start = start.unwrap_or_default();
                Ok(true)
            }
            Err(StoreError::Corrupt(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether a checkpoint knows of more events than there are: an old end was put back.
    async fn is_shorter_than_signed(&mut self, head: &Head) -> Result<bool> {
        let sql = "SELECT size FROM audit_checkpoints WHERE org_id = $1 AND size > $2 LIMIT 1";
        let longer = self.tx.optional(sql, params![&self.org, head.seq]).await?;
        Ok(longer.is_some())
    }

    /// The end of the chain, if it is what its seal says.
    pub async fn head(&mut self) -> Result<Option<Head>> {
        let sql = "SELECT seq, event_id, hash, seal FROM audit_heads WHERE org_id = $1";
        let Some(row) = self.tx.optional(sql, params![&self.org]).await? else {
            return Ok(None);
        };
        let Ok(found) = head(&row) else {
            return Ok(None);
        };
        let sealed = row
            .text("seal")
            .is_ok_and(|seal| self.key.seal(&self.org, &found).is_ok_and(|s| s == seal));
        Ok(sealed.then_some(found))
    }

    /// An organisation begins with an event, so that without an end there may be no organisation either.
    async fn without_head(&mut self) -> Result<Option<Break>> {
        let newest = "SELECT id FROM audit_events WHERE org_id = $1 ORDER BY seq DESC LIMIT 1";
        if let Some(row) = self.tx.optional(newest, params![&self.org]).await? {
            self.checked += 1;
            return Ok(Break::at(row.text("id").ok().as_deref()));
        }
        let unsealed = "SELECT org_id FROM audit_heads WHERE org_id = $1 \
             UNION ALL SELECT org_id FROM audit_starts WHERE org_id = $1 \
             UNION ALL SELECT org_id FROM audit_checkpoints WHERE org_id = $1 \
             UNION ALL SELECT id FROM orgs WHERE id = $1";
        let known = self.tx.optional(unsealed, params![&self.org]).await?;
        Ok(known.and_then(|_| Break::at(None)))
    }

    /// The number of the last event to look at. Missing events right after it count as in the range.
    async fn last(&mut self, to: Option<Timestamp>, head: &Head) -> Result<i64> {
        let Some(to) = to else { return Ok(head.seq) };
        let within = self
            .number(
                "SELECT max(seq) AS n FROM audit_events WHERE org_id = $1 AND at <= $2",
                to.as_millis(),
            )
            .await?
            .unwrap_or(self.start.seq);
        let after = self
            .number(
                "SELECT min(seq) AS n FROM audit_events WHERE org_id = $1 AND seq > $2",
                within,
            )
            .await?;
        Ok(after.map_or(head.seq, |after| after - 1))
    }

    /// The number of the first event to look at. Missing events right before it count as in the range.
    async fn first(&mut self, from: Option<Timestamp>, head: &Head) -> Result<i64> {
        let Some(from) = from else {
            return Ok(self.start.seq.saturating_add(1));
        };
        let within = self
            .number(
                "SELECT min(seq) AS n FROM audit_events WHERE org_id = $1 AND at >= $2",
                from.as_millis(),
            )
            .await?
            .unwrap_or(head.seq.saturating_add(1));
        let before = self
            .number(
                "SELECT max(seq) AS n FROM audit_events WHERE org_id = $1 AND seq < $2",
                within,
            )
            .await?;
        Ok(before.unwrap_or(self.start.seq).saturating_add(1))
    }

    async fn number(&mut self, sql: &'static str, bound: i64) -> Result<Option<i64>> {
        self.tx
            .one(sql, params![&self.org, bound])
            .await?
            .opt_int("n")
    }

    async fn row(&mut self, seq: i64) -> Result<Option<RawEvent>> {
        Ok(self
            .page(seq - 1, seq)
            .await?
            .into_iter()
            .next()
            .and_then(|(_, event)| event.ok()))
    }

    /// Events behind `after` up to `last`, each with its id as far as that can be read.
    async fn page(
        &mut self,
        after: i64,
        last: i64,
    ) -> Result<Vec<(Option<String>, Result<RawEvent>)>> {
        let sql = "SELECT org_id, seq, id, action, actor_type, actor_id, resource_type, resource_id, vault_id, \
             details, ip, at, prev_event_id, integrity_hash FROM audit_events \
             WHERE org_id = $1 AND seq > $2 AND seq <= $3 ORDER BY seq LIMIT $4";
        let rows = self
            .tx
            .all(sql, params![&self.org, after, last, PAGE])
            .await?;
        Ok(rows
            .iter()
            .map(|row| (row.text("id").ok(), RawEvent::from_row(row)))
            .collect())
    }

    async fn events(
        &mut self,
        first: i64,
        last: i64,
        mut link: Link,
        head: &Head,
    ) -> Result<Option<Break>> {
        let mut expected = first;
        while expected <= last {
            let page = self.page(expected - 1, last).await?;
            if page.is_empty() {
                // Nothing follows. Of several missing events only the last is known by name.
                let is_known = expected == head.seq;
                return Ok(Break::at(head.event_id.as_deref().filter(|_| is_known)));
            }
            for (id, event) in page {
                self.checked += 1;
                let Ok(event) = event else {
                    return self.broken_row(id, expected, head).await.map(Some);
                };
                if event.seq != expected {
                    let renumbered = event.prev_event_id == link.id;
                    let missing = if renumbered {
                        Some(event.id)
                    } else {
                        event.prev_event_id
                    };
                    return Ok(Break::at(missing.as_deref()));
                }
                let follows = event.prev_event_id == link.id
                    && event.integrity_hash == self.key.hash(&link.hash, &event)?;
                if !follows {
                    return self.broken_row(id, expected, head).await.map(Some);
                }
                self.verified += 1;
                expected += 1;
                link = Link {
                    id: Some(event.id),
                    hash: event.integrity_hash,
                };
            }
        }
        if last == head.seq && (link.id != head.event_id || link.hash != head.hash) {
            return Ok(Break::at(link.id.as_deref()));
        }
        Ok(None)
    }

    /// The name of a row that is not as it was written. When the name is what was altered, the next row knows it.
    async fn broken_row(&mut self, id: Option<String>, seq: i64, head: &Head) -> Result<Break> {
        if let Some(event) = id.and_then(|id| id.parse().ok()) {
            return Ok(Break { event: Some(event) });
        }
        let original = if seq == head.seq {
            head.event_id.clone()
        } else {
            self.row(seq + 1).await?.and_then(|next| next.prev_event_id)
        };
        Ok(Break {
            event: original.and_then(|id| id.parse().ok()),
        })
    }
}
