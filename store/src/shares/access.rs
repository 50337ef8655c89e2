//! Accesses to shares, counted, and guesses of passphrases.

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{SecretId, ShareId};

use crate::Store;
use crate::audit::NewEvent;
use crate::db::params;
use crate::error::{Result, retried};

/// An access, to be counted and recorded before the value is opened.
#[derive(Debug, Clone)]
pub struct ShareAccess {
    /// The share.
    pub share: ShareId,
    /// The version that it gives; its own reads count as well.
    pub version: (SecretId, i64),
    /// Recorded when the access counts.
    pub event: NewEvent,
}

/// What became of an access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShareOutcome {
    /// It counts, and is this many-th: the value may be opened.
    Counted(i64),
    /// The share has been used as often as it may, has ended or has expired. Nothing was recorded.
    ShareOver,
    /// The secret has been read as often as it may, or was disabled or removed in the meantime. Nothing was recorded.
    SecretOver,
}

impl Store {
    /// Counts an access to a share and the read of the secret that it is, and records it, all or nothing.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`], [`crate::StoreError::Corrupt`] for an audit chain that was altered; the access
    /// must then not take place.
    pub async fn commit_share_access(&self, access: &ShareAccess) -> Result<ShareOutcome> {
        retried!(self.try_commit_share_access(access))
    }

    async fn try_commit_share_access(&self, access: &ShareAccess) -> Result<ShareOutcome> {
        let mut tx = self.db.begin().await?;
        let row = tx
            .optional(
                "UPDATE shares SET access_count = access_count + 1 WHERE id = $1 AND expires_at > $2 \
                 AND ended_at IS NULL AND declined_at IS NULL \
                 AND (max_access_count IS NULL OR access_count < max_access_count) RETURNING access_count",
                params![access.share, access.event.at],
            )
            .await?;
        let Some(row) = row else {
            return Ok(ShareOutcome::ShareOver);
        };
        let (secret, version) = access.version;
        let counted = tx
            .execute(
                "UPDATE secret_versions SET access_count = access_count + 1 WHERE secret_id = $1 AND version = $2 \
                 AND disabled_at IS NULL AND (max_access_count IS NULL OR access_count < max_access_count)",
                params![secret, version],
            )
            .await?;
        if counted != 1 {
            return Ok(ShareOutcome::SecretOver);
        }
        let count = row.int("access_count")?;
        self.finish(tx, std::slice::from_ref(&access.event)).await?;
        Ok(ShareOutcome::Counted(count))
    }

    /// Takes one of `most` guesses at the passphrase of a share within `within_ms` milliseconds of the first of them, on
    /// any node. Answers when the next one may be taken if there is none left.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn take_share_guess(
        &self,
        share: ShareId,
        most: i64,
        within_ms: i64,
        now: Timestamp,
    ) -> Result<Option<Timestamp>> {
        let since = now.plus_millis(-within_ms);
        let mut tx = self.db.begin().await?;
        let taken = tx
            .execute(
                "UPDATE shares SET guesses = CASE WHEN guessed_since > $3 THEN guesses + 1 ELSE 1 END, \
                 guessed_since = CASE WHEN guessed_since > $3 THEN guessed_since ELSE $2 END \
                 WHERE id = $1 AND (guesses < $4 OR guessed_since <= $3)",
                params![share, now, since, most],
            )
            .await?;
        if taken == 1 {
            tx.commit().await?;
            return Ok(None);
        }
        let row = tx
            .one(
                "SELECT guessed_since FROM shares WHERE id = $1",
                params![share],
            )
            .await?;
        Ok(Some(row.time("guessed_since")?.plus_millis(within_ms)))
    }

    /// Gives a guess back that was right.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn give_share_guess_back(&self, share: ShareId) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute(
            "UPDATE shares SET guesses = guesses - 1 WHERE id = $1 AND guesses > 0",
            params![share],
        )
        .await?;
        tx.commit().await
    }
}
