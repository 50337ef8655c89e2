//! Sign-ins: refresh tokens, and access tokens that were ended before their time.

use std::fmt;

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::UserId;
use uuid::Uuid;

use crate::Store;
use crate::audit::NewEvent;
use crate::db::{Row, Tx, params};
use crate::error::{Result, StoreError};
use crate::provisioning::CLIENT_KEY_COUNTS_MS;

/// How long it is known what became of a mail, in milliseconds: 30 days.
const SETTLED_MAILS_STAY_MS: i64 = 30 * 24 * 60 * 60 * 1000;
/// How long idempotency keys of intents stay, in milliseconds: 48 hours, twice as long as they count.
const KEYS_STAY_MS: i64 = 48 * 60 * 60 * 1000;

/// How long deliveries of webhooks stay once they have ended, in milliseconds: 30 days.
const DELIVERIES_STAY_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// A refresh token, known by its hash alone.
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshToken {
    /// Keyed hash of the token.
    pub hash: Vec<u8>,
    /// Whose it is.
    pub user_id: UserId,
    /// All tokens that come from one sign-in share a family.
    pub family: Uuid,
    /// From when on it is worth nothing.
    pub expires_at: Timestamp,
    /// When it was issued.
    pub created_at: Timestamp,
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshToken")
            .field("user_id", &self.user_id)
            .field("family", &self.family)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// What became of a refresh token that was presented.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TakenToken {
    /// It was good, and is used up now.
    Valid(RefreshToken),
    /// It had been used before: somebody has a copy, and so its whole family has been revoked.
    Replayed(RefreshToken),
    /// It never existed, has expired or was revoked.
    Unknown,
}

impl TakenToken {
    /// The token, if it was good.
    #[must_use]
    pub fn valid(self) -> Option<RefreshToken> {
        match self {
            Self::Valid(token) => Some(token),
            Self::Replayed(_) | Self::Unknown => None,
        }
    }
}

impl RefreshToken {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            hash: row.bytes("hash")?,
            user_id: row.parsed("user_id")?,
            family: row.parsed("family")?,
            expires_at: row.time("expires_at")?,
            created_at: row.time("created_at")?,
        })
    }
}

impl Store {
    /// Stores a refresh token, the first of its family or the next.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] `session` when the family was revoked in the meantime; [`StoreError::NotFound`] when
    /// the human is gone.
    pub async fn put_refresh_token(&self, token: RefreshToken) -> Result<()> {
        let mut tx = self.db.begin().await?;
        // Touching the family's row makes this wait for whoever is revoking it.
        let family = tx
            .one(
                "INSERT INTO session_families (id, user_id, expires_at, revoked_at) \
                 VALUES ($1, $2, $3, NULL) ON CONFLICT (id) DO UPDATE \
                 SET expires_at = excluded.expires_at RETURNING user_id, revoked_at",
                params![token.family, token.user_id, token.expires_at],
            )
            .await?;
        if family.opt_int("revoked_at")?.is_some()
            || family.parsed::<UserId>("user_id")? != token.user_id
        {
            return Err(StoreError::Conflict("session"));
        }
        tx.execute_one(
            "INSERT INTO refresh_tokens (hash, family, user_id, expires_at, used_at, created_at) \
             VALUES ($1, $2, $3, $4, NULL, $5)",
            params![
                token.hash,
                token.family,
                token.user_id,
                token.expires_at,
                token.created_at
            ],
        )
        .await?;
        tx.commit().await
    }

    /// Uses a refresh token up. Of any number of simultaneous attempts one succeeds; a later one revokes the family.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn take_refresh_token(&self, hash: &[u8], now: Timestamp) -> Result<TakenToken> {
        const COLUMNS: &str = "UPDATE refresh_tokens SET used_at = $2 \
             WHERE hash = $1 AND used_at IS NULL AND expires_at > $2 \
             RETURNING hash, user_id, family, expires_at, created_at";
        let mut tx = self.db.begin().await?;
        let Some(known) = tx
            .optional(
                "SELECT family FROM refresh_tokens WHERE hash = $1",
                params![hash],
            )
            .await?
        else {
            return Ok(TakenToken::Unknown);
        };
        let family = known.text("family")?;
        // The family's row first, always: two that use or revoke at once wait for each other here.
        let locked = tx
            .optional(
                "UPDATE session_families SET revoked_at = revoked_at WHERE id = $1 \
                 RETURNING revoked_at",
                params![&family],
            )
            .await?;
        let Some(locked) = locked else {
            return Ok(TakenToken::Unknown);
        };
        if locked.opt_int("revoked_at")?.is_some() {
            return Ok(TakenToken::Unknown);
        }
        if let Some(row) = tx.optional(COLUMNS, params![hash, now]).await? {
            let token = RefreshToken::from_row(&row)?;
            tx.commit().await?;
            return Ok(TakenToken::Valid(token));
        }
        let replayed = tx
            .optional(
                "SELECT hash, user_id, family, expires_at, created_at FROM refresh_tokens \
                 WHERE hash = $1 AND used_at IS NOT NULL",
                params![hash],
            )
            .await?;
        let Some(row) = replayed else {
            return Ok(TakenToken::Unknown);
        };
        let token = RefreshToken::from_row(&row)?;
        tx.execute_one(
            "UPDATE session_families SET revoked_at = $2 WHERE id = $1",
            params![family, now],
        )
        .await?;
        tx.commit().await?;
        Ok(TakenToken::Replayed(token))
    }

    /// Ends a session: no refresh token of this family is worth anything from now on. An unknown family is no error.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn revoke_refresh_family(&self, family: Uuid, at: Timestamp) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute(
            "UPDATE session_families SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL",
            params![family, at],
        )
        .await?;
        tx.commit().await
    }

    /// Ends one access token. Ending it twice is no error, and is recorded twice.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn revoke_jti(
        &self,
        jti: &str,
        expires_at: Timestamp,
        event: NewEvent,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute(
            "INSERT INTO revoked_tokens (jti, expires_at) VALUES ($1, $2) \
             ON CONFLICT (jti) DO NOTHING",
            params![jti, expires_at],
        )
        .await?;
        self.finish(tx, &[event]).await
    }

    /// Ends every session of a human: its refresh tokens, its sign-ins by browser, and the access tokens that were issued
    /// in a second before that of `at`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn revoke_user_sessions(&self, user: UserId, at: Timestamp) -> Result<()> {
        let mut tx = self.db.begin().await?;
        revoke_all(&mut tx, user, at).await?;
        tx.commit().await
    }

    /// Forgets tokens, sign-ins, proofs and nonces of signed requests that expired before `now`, idempotency keys that are
    /// older than 48 hours, and mails that were settled and are older than 30 days; answers how many rows went. Bounded to
    /// 10,000 of each kind a call.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn purge_expired(&self, now: Timestamp) -> Result<u64> {
        let mut tx = self.db.begin().await?;
        let mut gone = 0;
        for sql in [
            "DELETE FROM revoked_tokens WHERE jti IN \
             (SELECT jti FROM revoked_tokens WHERE expires_at < $1 LIMIT 10000)",
            "DELETE FROM mailed_tokens WHERE hash IN \
             (SELECT hash FROM mailed_tokens WHERE expires_at < $1 LIMIT 10000)",
            "DELETE FROM shared_limits WHERE full_at < $1 AND key IN \
             (SELECT key FROM shared_limits WHERE full_at < $1 LIMIT 10000)",
            "DELETE FROM enrollments WHERE id IN \
             (SELECT id FROM enrollments WHERE expires_at < $1 \
             AND (status IN ('received', 'unclaimed') OR expires_at < $1 - 604800000) LIMIT 10000)",
            "DELETE FROM invitations WHERE id IN \
             (SELECT id FROM invitations WHERE expires_at < $1 LIMIT 10000)",
            "DELETE FROM refresh_tokens WHERE hash IN \
             (SELECT hash FROM refresh_tokens WHERE expires_at < $1 LIMIT 10000)",
            // Tokens of a family may outlive the latest one when lifetimes were shortened.
            "DELETE FROM session_families WHERE id IN \
             (SELECT id FROM session_families f WHERE expires_at < $1 AND NOT EXISTS \
             (SELECT 1 FROM refresh_tokens t WHERE t.family = f.id) LIMIT 10000)",
            "DELETE FROM browser_sessions WHERE hash IN \
             (SELECT hash FROM browser_sessions WHERE expires_at < $1 LIMIT 10000)",
            "DELETE FROM device_logins WHERE hash IN \
             (SELECT hash FROM device_logins WHERE expires_at < $1 LIMIT 10000)",
            "DELETE FROM proofs WHERE hash IN \
             (SELECT hash FROM proofs WHERE expires_at < $1 LIMIT 10000)",
            "DELETE FROM old_agent_keys WHERE agent_id IN \
             (SELECT agent_id FROM old_agent_keys WHERE expires_at < $1 LIMIT 10000)",
        ] {
            gone += tx.execute(sql, params![now]).await?;
        }
        gone += tx
            .execute(
                "DELETE FROM intent_nonces WHERE expires_at < $1 AND nonce IN \
                 (SELECT nonce FROM intent_nonces WHERE expires_at < $1 LIMIT 10000)",
                params![now],
            )
            .await?;
        gone += tx
            .execute(
                "DELETE FROM idempotency WHERE created_at < $1 AND transaction_id IN \
                 (SELECT transaction_id FROM idempotency WHERE created_at < $1 LIMIT 10000)",
                params![now.plus_millis(-KEYS_STAY_MS)],
            )
            .await?;
        gone += tx
            .execute(
                "DELETE FROM provisionings WHERE created_at < $1 AND idempotency_key IN \
                 (SELECT idempotency_key FROM provisionings WHERE created_at < $1 LIMIT 10000)",
                params![now.plus_millis(-CLIENT_KEY_COUNTS_MS)],
            )
            .await?;
        gone += tx
            .execute(
                "DELETE FROM mails WHERE due_at IS NULL AND id IN \
                 (SELECT id FROM mails WHERE due_at IS NULL AND queued_at < $1 LIMIT 10000)",
                params![now.plus_millis(-SETTLED_MAILS_STAY_MS)],
            )
            .await?;
        gone += tx
            .execute(
                "DELETE FROM webhook_deliveries WHERE id IN \
                 (SELECT id FROM webhook_deliveries WHERE finished_at < $1 LIMIT 10000)",
                params![now.plus_millis(-DELIVERIES_STAY_MS)],
            )
            .await?;
        tx.commit().await?;
        Ok(gone)
    }
}

/// Ends every session of a human, inside a transaction.
pub(crate) async fn revoke_all(tx: &mut Tx, user: UserId, at: Timestamp) -> Result<()> {
    tx.execute_one(
        "UPDATE users SET sessions_revoked_at = $2 WHERE id = $1",
        params![user, at],
    )
    .await?;
    tx.execute(
        "UPDATE session_families SET revoked_at = $2 WHERE user_id = $1 AND revoked_at IS NULL",
        params![user, at],
    )
    .await?;
    tx.execute(
        "DELETE FROM browser_sessions WHERE user_id = $1",
        params![user],
    )
    .await?;
    Ok(())
}
