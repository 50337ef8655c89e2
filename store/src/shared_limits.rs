//! Limits that all servers on one database count together, and that a restart does not reset.
//!
//! A bucket holds `burst` tokens and gets one back in `every_ms`. One number says all about it: when it is full again
//! (the generic cell rate algorithm, ITU-T I.371).

use oneclaw_core::clock::Timestamp;

use crate::Store;
use crate::db::{Tx, params};
use crate::error::Result;

/// A token to be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedLimit {
    /// What is limited, for example `enroll/address`.
    pub scope: &'static str,
    /// Whose bucket it is.
    pub key: String,
    /// Tokens in a full bucket, at least 1.
    pub burst: i64,
    /// Until one token is back, in milliseconds.
    pub every_ms: i64,
}

impl Store {
    /// Takes a token from each bucket, in this order, up to the first that is empty. Answers the milliseconds until that one
    /// has a token again, or none if every bucket had one.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn take_shared(&self, limits: &[SharedLimit], now: Timestamp) -> Result<Option<i64>> {
        let mut tx = self.db.begin().await?;
        let wait = take(&mut tx, limits, now).await?;
        tx.commit().await?;
        Ok(wait)
    }
}

/// As [`Store::take_shared`], inside a transaction; what was taken before an empty bucket counts only if it is committed.
pub(crate) async fn take(
    tx: &mut Tx,
    limits: &[SharedLimit],
    now: Timestamp,
) -> Result<Option<i64>> {
    for limit in limits {
        // How far ahead of now the bucket may be full for there to be a token in it.
        let slack = limit.burst.saturating_sub(1).saturating_mul(limit.every_ms);
        let taken = tx
            .optional(
                "INSERT INTO shared_limits (scope, key, full_at) VALUES ($1, $2, $3 + $4) \
                 ON CONFLICT (scope, key) DO UPDATE SET full_at = $4 + \
                 CASE WHEN shared_limits.full_at > $3 THEN shared_limits.full_at ELSE $3 END \
                 WHERE shared_limits.full_at - $3 <= $5 RETURNING full_at",
                params![limit.scope, &limit.key, now, limit.every_ms, slack],
            )
            .await?;
        if taken.is_none() {
            let full_at = tx
                .one(
                    "SELECT full_at FROM shared_limits WHERE scope = $1 AND key = $2",
                    params![limit.scope, &limit.key],
                )
                .await?
                .time("full_at")?;
            let ahead = full_at.as_millis().saturating_sub(now.as_millis());
            return Ok(Some(ahead.saturating_sub(slack).max(1)));
        }
    }
    Ok(None)
}
