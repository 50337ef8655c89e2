//! Putting events at the end of their chains.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use oneclaw_core::ids::{EventId, OrgId};

use super::chain::{AuditKey, Head, RawEvent};
use super::{MAX_WORD_BYTES, NewEvent};
use crate::db::{Inserts, Row, Tx, Value, params};
use crate::error::{Result, StoreError};
use crate::json;

/// Columns of an event.
const COLUMNS: usize = 14;

static EVENTS: LazyLock<Inserts<COLUMNS>> = LazyLock::new(|| {
    Inserts::into(
        "audit_events (org_id, seq, id, action, actor_type, actor_id, resource_type, resource_id, vault_id, details, \
         ip, at, prev_event_id, integrity_hash)",
    )
});

/// Appends events to the chains of their organisations, in the order given. Comes last in a transaction: it takes a lock
/// that every other writer of the organisation waits for.
pub(crate) async fn append(tx: &mut Tx, key: &AuditKey, events: &[NewEvent]) -> Result<()> {
    let mut chains: BTreeMap<OrgId, Vec<&NewEvent>> = BTreeMap::new();
    for event in events {
        chains.entry(event.org_id).or_default().push(event);
    }
    // Heads are locked in the order of the ids, so that two batches never wait for each other.
    for (org, events) in chains {
        append_to(tx, key, org, &events).await?;
    }
    Ok(())
}

async fn append_to(tx: &mut Tx, key: &AuditKey, org: OrgId, events: &[&NewEvent]) -> Result<()> {
    let org = org.to_string();
    let mut head = lock_head(tx, key, &org).await?;
    let mut rows = Vec::with_capacity(events.len());
    for event in events {
        let mut row = raw(event, &org, &head)?;
        row.integrity_hash = key.hash(&head.hash, &row)?;
        head = Head {
            seq: row.seq,
            event_id: Some(row.id.clone()),
            hash: row.integrity_hash.clone(),
        };
        rows.push(row);
    }
    EVENTS
        .run(tx, rows.iter().map(values))
        .await
        .map_err(|e| e.duplicate_is("event"))?;
    let seal = key.seal(&org, &head)?;
    tx.execute_one(
        "UPDATE audit_heads SET seq = $2, event_id = $3, hash = $4, seal = $5 WHERE org_id = $1",
        params![org, head.seq, head.event_id, head.hash, seal],
    )
    .await
}

/// The end of a chain, locked until the transaction ends; made if there is none.
async fn lock_head(tx: &mut Tx, key: &AuditKey, org: &str) -> Result<Head> {
    let row = tx
        .one(
            "INSERT INTO audit_heads (org_id, seq, event_id, hash, seal) VALUES ($1, 0, NULL, '', '') \
             ON CONFLICT (org_id) DO UPDATE SET org_id = excluded.org_id RETURNING seq, event_id, hash, seal",
            params![org],
        )
        .await?;
    let head = head(&row)?;
    let is_new = head.seq == 0 && row.text("seal")?.is_empty();
    // Going on from an altered end would bless it.
    if !is_new && row.text("seal")? != key.seal(org, &head)? {
        return Err(StoreError::Corrupt(
            "the end of an audit chain was altered outside the server, or belongs to another root key"
                .to_owned(),
        ));
    }
    if is_new {
        // A chain that lost its head must not begin anew beside its old events.
        let orphan = tx
            .optional(
                "SELECT id FROM audit_events WHERE org_id = $1 UNION ALL \
                 SELECT event_id FROM audit_starts WHERE org_id = $1 UNION ALL \
                 SELECT org_id FROM audit_checkpoints WHERE org_id = $1 LIMIT 1",
                params![org],
            )
            .await?;
        if orphan.is_some() {
            return Err(StoreError::Corrupt(
                "an audit chain has lost its end".to_owned(),
            ));
        }
    }
    Ok(head)
}

pub(super) fn head(row: &Row) -> Result<Head> {
    Ok(Head {
        seq: row.int("seq")?,
        event_id: row.opt_text("event_id")?,
        hash: row.text("hash")?,
    })
}

fn raw(event: &NewEvent, org: &str, head: &Head) -> Result<RawEvent> {
    let id: EventId = event.id;
    Ok(RawEvent {
        org_id: org.to_owned(),
        seq: head.seq.saturating_add(1),
        id: id.to_string(),
        action: word(&event.action),
        actor_type: word(&event.actor_type),
        actor_id: word(&event.actor_id),
        resource_type: word(&event.resource_type),
        resource_id: word(&event.resource_id),
        vault_id: event.vault_id.map(|id| id.to_string()),
        details: json::canonical(&event.details)?,
        ip: event.ip.map(|ip| ip.to_string()),
        at: event.at.as_millis(),
        prev_event_id: head.event_id.clone(),
        integrity_hash: String::new(),
    })
}

/// Text that may come from a caller, made fit for either database: no NUL, no more than an index entry holds. Recording
/// must not fail for what was sent.
fn word(text: &str) -> String {
    let mut word = text.replace('\0', "\u{fffd}");
    if word.len() > MAX_WORD_BYTES {
        let end = (0..=MAX_WORD_BYTES)
            .rev()
            .find(|&i| word.is_char_boundary(i))
            .unwrap_or(0);
        word.truncate(end);
    }
    word
}

fn values(event: &RawEvent) -> [Value; COLUMNS] {
    [
        (&event.org_id).into(),
        event.seq.into(),
        (&event.id).into(),
        (&event.action).into(),
        (&event.actor_type).into(),
        (&event.actor_id).into(),
        (&event.resource_type).into(),
        (&event.resource_id).into(),
        event.vault_id.clone().into(),
        (&event.details).into(),
        event.ip.clone().into(),
        event.at.into(),
        event.prev_event_id.clone().into(),
        (&event.integrity_hash).into(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_lose_nul_and_are_cut_between_characters() {
        assert_eq!(word("a\0b"), "a\u{fffd}b");
        let long = word(&"ä".repeat(600));
        assert_eq!(long.len(), 1024);
        let odd = word(&format!("x{}", "ä".repeat(600)));
        assert_eq!(odd.len(), 1023);
    }
}
