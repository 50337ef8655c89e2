//! Second factors: shared secrets, recovery codes, and proofs that count once.

use std::fmt;

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::UserId;

use crate::Store;
use crate::audit::NewEvent;
use crate::db::params;
use crate::error::{Result, StoreError};

/// What a human has set up.
#[derive(Clone, PartialEq, Eq)]
pub struct SecondFactor {
    /// The secret, sealed.
    pub sealed_secret: Vec<u8>,
    /// When its first code was shown; until then it asks nothing of anybody.
    pub confirmed_at: Option<Timestamp>,
    /// The latest step whose code was taken.
    pub last_step: i64,
}

impl fmt::Debug for SecondFactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecondFactor")
            .field("confirmed_at", &self.confirmed_at)
            .finish_non_exhaustive()
    }
}

/// What a proof is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProofKind {
    /// The password was right; the code is still to come.
    Challenge,
    /// All factors were shown just now.
    Reauth,
}

impl ProofKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Challenge => "challenge",
            Self::Reauth => "reauth",
        }
    }
}

impl Store {
    /// The second factor of a human, confirmed or not.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn second_factor(&self, user: UserId) -> Result<Option<SecondFactor>> {
        let row = self
            .db
            .optional(
                "SELECT sealed_secret, confirmed_at, last_step FROM second_factors WHERE user_id = $1",
                params![user],
            )
            .await?;
        row.map(|row| {
            Ok(SecondFactor {
                sealed_secret: row.bytes("sealed_secret")?,
                confirmed_at: row.opt_time("confirmed_at")?,
                last_step: row.int("last_step")?,
            })
        })
        .transpose()
    }

    /// How many recovery codes a human has left.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn recovery_codes_left(&self, user: UserId) -> Result<i64> {
        self.db
            .one(
                "SELECT count(*) AS n FROM recovery_codes WHERE user_id = $1",
                params![user],
            )
            .await?
            .int("n")
    }

    /// Stores a secret that is not confirmed yet, in place of another one that is not.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] `second factor` when one is confirmed; [`StoreError::NotFound`] when the human is gone.
    pub async fn begin_second_factor(
        &self,
        user: UserId,
        sealed_secret: &[u8],
        event: NewEvent,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        let changed = tx
            .execute(
                "INSERT INTO second_factors (user_id, sealed_secret, last_step, created_at, confirmed_at) \
                 VALUES ($1, $2, 0, $3, NULL) ON CONFLICT (user_id) DO UPDATE \
                 SET sealed_secret = excluded.sealed_secret, last_step = 0, created_at = excluded.created_at \
                 WHERE second_factors.confirmed_at IS NULL",
                params![user, sealed_secret, event.at],
            )
            .await?;
        if changed == 0 {
            return Err(StoreError::Conflict("second factor"));
        }
        self.finish(tx, &[event]).await
    }

    /// Confirms the secret that the code was made with, and stores the recovery codes. Its step counts as used.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none to be confirmed, or another one was begun since.
    pub async fn confirm_second_factor(
        &self,
        user: UserId,
        sealed_secret: &[u8],
        step: i64,
        recovery_hashes: &[Vec<u8>],
        event: NewEvent,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute_one(
            "UPDATE second_factors SET confirmed_at = $4, last_step = $3 \
             WHERE user_id = $1 AND sealed_secret = $2 AND confirmed_at IS NULL",
            params![user, sealed_secret, step, event.at],
        )
        .await?;
        tx.execute(
            "DELETE FROM recovery_codes WHERE user_id = $1",
            params![user],
        )
        .await?;
        for hash in recovery_hashes {
            tx.execute_one(
                "INSERT INTO recovery_codes (hash, user_id) VALUES ($1, $2)",
                params![hash.clone(), user],
            )
            .await?;
        }
        self.finish(tx, &[event]).await
    }

    /// Takes the code of a step, once; nothing is taken for a step that is not later than the latest one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn take_totp_step(&self, user: UserId, step: i64, event: NewEvent) -> Result<bool> {
        let mut tx = self.db.begin().await?;
        let taken = tx
            .execute(
                "UPDATE second_factors SET last_step = $2 \
                 WHERE user_id = $1 AND last_step < $2 AND confirmed_at IS NOT NULL",
                params![user, step],
            )
            .await?;
        if taken == 0 {
            return Ok(false);
        }
        self.finish(tx, &[event]).await?;
        Ok(true)
    }

    /// Takes a recovery code, once.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn take_recovery_code(
        &self,
        user: UserId,
        hash: &[u8],
        event: NewEvent,
    ) -> Result<bool> {
        let mut tx = self.db.begin().await?;
        let taken = tx
            .execute(
                "DELETE FROM recovery_codes WHERE hash = $2 AND user_id = $1",
                params![user, hash],
            )
            .await?;
        if taken == 0 {
            return Ok(false);
        }
        self.finish(tx, &[event]).await?;
        Ok(true)
    }

    /// Removes a human's second factor, its recovery codes, and proofs that rest on it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none.
    pub async fn remove_second_factor(&self, user: UserId, event: NewEvent) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute_one(
            "DELETE FROM second_factors WHERE user_id = $1",
            params![user],
        )
        .await?;
        for sql in [
            "DELETE FROM recovery_codes WHERE user_id = $1",
            "DELETE FROM proofs WHERE user_id = $1",
        ] {
            tx.execute(sql, params![user]).await?;
        }
        self.finish(tx, &[event]).await
    }

    /// Stores a proof that lives until `expires_at` or so many wrong guesses.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the human is gone.
    pub async fn put_proof(
        &self,
        hash: &[u8],
        kind: ProofKind,
        user: UserId,
        guesses: i64,
        expires_at: Timestamp,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute_one(
            "INSERT INTO proofs (hash, kind, user_id, guesses_left, expires_at) \
             VALUES ($1, $2, $3, $4, $5)",
            params![hash, kind.as_str(), user, guesses, expires_at],
        )
        .await?;
        tx.commit().await
    }

    /// Whose proof this is, if it still counts. One guess is gone with it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn guess_with_proof(
        &self,
        hash: &[u8],
        kind: ProofKind,
        now: Timestamp,
    ) -> Result<Option<UserId>> {
        let mut tx = self.db.begin().await?;
        let row = tx
            .optional(
                "UPDATE proofs SET guesses_left = guesses_left - 1 \
                 WHERE hash = $1 AND kind = $2 AND expires_at > $3 AND guesses_left > 0 RETURNING user_id",
                params![hash, kind.as_str(), now],
            )
            .await?;
        tx.commit().await?;
        row.map(|row| row.parsed("user_id")).transpose()
    }

    /// Uses a proof up; whose it was, if it still counted. Of any number of attempts at a time one succeeds.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn take_proof(
        &self,
        hash: &[u8],
        kind: ProofKind,
        now: Timestamp,
    ) -> Result<Option<UserId>> {
        let mut tx = self.db.begin().await?;
        let row = tx
            .optional(
                "DELETE FROM proofs WHERE hash = $1 AND kind = $2 AND expires_at > $3 \
                 RETURNING user_id",
                params![hash, kind.as_str(), now],
            )
            .await?;
        tx.commit().await?;
        row.map(|row| row.parsed("user_id")).transpose()
    }
}
