//! Shares made, accepted, declined and ended.

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{SecretId, ShareId};
use oneclaw_core::principal::Principal;

use super::{Share, ShareEnd};
use crate::Store;
use crate::audit::NewEvent;
use crate::db::{Tx, params};
use crate::error::{Result, StoreError, retried};
use crate::json;
use crate::mails::NewMail;

/// Shares and their secrets are kept for so long after their end, for whoever looks back; in milliseconds, 30 days.
const STAY_MS: i64 = 30 * 24 * 3600 * 1000;

/// How many shares an organisation may make in a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShareRate {
    /// So many, at least 1.
    pub most: usize,
    /// In so many milliseconds.
    pub within_ms: i64,
}

/// What became of a new share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShareMade {
    /// It is stored.
    Stored,
    /// The organisation has made as many as it may.
    TooMany {
        /// When it may make the next one.
        until: Timestamp,
    },
}

/// What a recipient says to a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShareAnswer {
    /// Wants it.
    Accept,
    /// Does not.
    Decline,
}

impl Store {
    /// Stores a new share and queues the mails about it, unless its organisation made as many as it may just before: on
    /// any node, and whatever became of those.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the secret is gone; [`StoreError::Conflict`] `share` for an id that is known.
    pub async fn create_share(
        &self,
        share: &Share,
        rate: Option<ShareRate>,
        event: NewEvent,
        mails: &[NewMail],
    ) -> Result<ShareMade> {
        retried!(self.try_create_share(share, rate, event.clone(), mails))
    }

    async fn try_create_share(
        &self,
        share: &Share,
        rate: Option<ShareRate>,
        event: NewEvent,
        mails: &[NewMail],
    ) -> Result<ShareMade> {
        let mut tx = self.db.begin().await?;
        if let Some(rate) = rate
            && let Some(until) = count_new_share(&mut tx, share, rate).await?
        {
            return Ok(ShareMade::TooMany { until });
        }
        insert_share(&mut tx, share)
            .await
            .map_err(|e| e.duplicate_is("share"))?;
        self.finish_with_mail(tx, &[event], mails).await?;
        Ok(ShareMade::Stored)
    }

    /// Stores what a recipient says, and that it is `recipient` who says it.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] `share` when the share has ended or was declined in the meantime, is somebody else's, or
    /// (to accept it) has expired.
    pub async fn answer_share(
        &self,
        id: ShareId,
        recipient: Principal,
        answer: ShareAnswer,
        event: NewEvent,
    ) -> Result<()> {
        let sql = match answer {
            ShareAnswer::Accept => {
                "UPDATE shares SET recipient = $2, accepted_at = COALESCE(accepted_at, $3) WHERE id = $1 \
                 AND (recipient IS NULL OR recipient = $2) AND declined_at IS NULL AND ended_at IS NULL \
                 AND expires_at > $3"
            }
            ShareAnswer::Decline => {
                "UPDATE shares SET recipient = $2, declined_at = $3 WHERE id = $1 \
                 AND (recipient IS NULL OR recipient = $2) AND declined_at IS NULL AND ended_at IS NULL"
            }
        };
        let mut tx = self.db.begin().await?;
        let params = params![id, recipient.to_string(), event.at];
        if tx.execute(sql, params).await? != 1 {
            return Err(StoreError::Conflict("share"));
        }
        self.finish(tx, &[event]).await
    }

    /// Takes a share back.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for one that is unknown or has ended already.
    pub async fn revoke_share(&self, id: ShareId, event: NewEvent) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute_one(
            "UPDATE shares SET ended_at = $2, ended_by = $3 WHERE id = $1 AND ended_at IS NULL",
            params![id, event.at, ShareEnd::Revoked.as_str()],
        )
        .await?;
        self.finish(tx, &[event]).await
    }

    /// Forgets shares that ended or expired 30 days before `now`; answers how many. Bounded to 10,000 a call.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn purge_shares(&self, now: Timestamp) -> Result<u64> {
        let mut tx = self.db.begin().await?;
        let gone = tx
            .execute(
                "DELETE FROM shares WHERE id IN (SELECT id FROM shares WHERE expires_at < $1 OR ended_at < $1 \
                 LIMIT 10000)",
                params![now.plus_millis(-STAY_MS)],
            )
            .await?;
        tx.commit().await?;
        Ok(gone)
    }
}

/// Notes a new share in the row of its organisation, which stays locked until the transaction ends. Answers when the next
/// one may be made if there were too many.
async fn count_new_share(tx: &mut Tx, share: &Share, rate: ShareRate) -> Result<Option<Timestamp>> {
    let row = tx
        .one(
            "INSERT INTO share_rates (org_id, made) VALUES ($1, '[]') \
             ON CONFLICT (org_id) DO UPDATE SET org_id = excluded.org_id RETURNING made",
            params![share.org_id],
        )
        .await?;
    let now = share.created_at;
    let mut made: Vec<i64> = row.json("made")?;
    // Requests that run side by side, and clocks of several servers, differ a little: a time that has not come yet counts.
    // One that is far off is from before a clock went back, and would count for too long.
    let counts = now.plus_millis(-rate.within_ms)..=now.plus_millis(rate.within_ms);
    made.retain(|at| {
        counts.contains(&Timestamp::from_millis(*at)) && *at != counts.start().as_millis()
    });
    made.sort_unstable();
    if let Some(earliest) = made.len().checked_sub(rate.most) {
        let freed = made.get(earliest).copied().unwrap_or(now.as_millis());
        return Ok(Some(
            Timestamp::from_millis(freed).plus_millis(rate.within_ms),
        ));
    }
    made.push(now.as_millis());
    tx.execute_one(
        "UPDATE share_rates SET made = $2 WHERE org_id = $1",
        params![share.org_id, json::text(&made)?],
    )
    .await?;
    Ok(None)
}

async fn insert_share(tx: &mut Tx, share: &Share) -> Result<()> {
    tx.execute_one(
        "INSERT INTO shares (id, audit_id, org_id, secret_id, creator_kind, creator_id, recipient_type, recipient, \
         recipient_email, permissions, ip_allowlist, passphrase_hash, guesses, guessed_since, max_access_count, \
         access_count, expires_at, created_at, accepted_at, declined_at, ended_at, ended_by) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 0, 0, $13, 0, $14, $15, NULL, NULL, NULL, NULL)",
        params![
            share.id,
            share.audit_id,
            share.org_id,
            share.secret_id,
            share.creator.kind().as_str(),
            share.creator.uuid(),
            share.recipient_kind.as_str(),
            share.recipient.map(|recipient| recipient.to_string()),
            share.recipient_email.clone(),
            json::text(&share.permissions)?,
            json::text(&share.ip_allowlist)?,
            share.passphrase_hash.clone(),
            share.max_access_count,
            share.expires_at,
            share.created_at,
        ],
    )
    .await
}

/// Ends the shares of a secret that is being deleted.
pub(crate) async fn end_of_secret(tx: &mut Tx, secret: SecretId, at: Timestamp) -> Result<()> {
    tx.execute(
        "UPDATE shares SET ended_at = $2, ended_by = $3 WHERE secret_id = $1 AND ended_at IS NULL",
        params![secret, at, ShareEnd::SecretDeleted.as_str()],
    )
    .await?;
    Ok(())
}

/// Ends the shares that a principal which is being deleted made or was given.
pub(crate) async fn end_of_principal(
    tx: &mut Tx,
    principal: Principal,
    at: Timestamp,
) -> Result<()> {
    let word = ShareEnd::PrincipalDeleted.as_str();
    tx.execute(
        "UPDATE shares SET ended_at = $3, ended_by = $4 WHERE creator_kind = $1 AND creator_id = $2 \
         AND ended_at IS NULL",
        params![principal.kind().as_str(), principal.uuid(), at, word],
    )
    .await?;
    tx.execute(
        "UPDATE shares SET ended_at = $2, ended_by = $3 WHERE recipient = $1 AND ended_at IS NULL",
        params![principal.to_string(), at, word],
    )
    .await?;
    Ok(())
}
