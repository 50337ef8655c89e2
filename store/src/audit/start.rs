//! Where a chain begins whose oldest events were removed because of their age.

use super::chain::AuditKey;
use crate::db::{Tx, params};
use crate::error::{Result, StoreError};

/// The last event that was removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Start {
    /// Its number.
    pub seq: i64,
    /// Its id.
    pub event_id: String,
    /// Its hash, which the first event that is left goes on from.
    pub hash: String,
    /// When it was removed, in milliseconds.
    pub removed_at: i64,
}

/// The start of a chain, if events were removed, as its seal says.
///
/// # Errors
/// [`StoreError::Corrupt`] when the seal does not hold.
pub(super) async fn sealed(tx: &mut Tx, key: &AuditKey, org: &str) -> Result<Option<Start>> {
    let sql = "SELECT seq, event_id, hash, removed_at, seal FROM audit_starts WHERE org_id = $1";
    let Some(row) = tx.optional(sql, params![org]).await? else {
        return Ok(None);
    };
    let start = Start {
        seq: row.int("seq")?,
        event_id: row.text("event_id")?,
        hash: row.text("hash")?,
        removed_at: row.int("removed_at")?,
    };
    if row.text("seal")? == key.seal_start(org, &start)? {
        Ok(Some(start))
    } else {
        Err(StoreError::Corrupt(
            "the beginning of an audit chain was altered outside the server".to_owned(),
        ))
    }
}
