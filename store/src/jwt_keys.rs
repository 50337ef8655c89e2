//! The keys that sign tokens. They belong to the server, not to an organisation, so that no audit chain tells of them.

use std::fmt;

use oneclaw_core::clock::Timestamp;

use crate::Store;
use crate::db::{Row, params};
use crate::error::Result;

/// A key that signs tokens, wrapped by the root key.
#[derive(Clone, PartialEq, Eq)]
pub struct JwtKey {
    /// Its public name.
    pub kid: String,
    /// The seed, wrapped.
    pub wrapped_seed: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Since when it signs nothing more and verifies nothing more.
    pub retired_at: Option<Timestamp>,
}

impl fmt::Debug for JwtKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtKey")
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

impl JwtKey {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            kid: row.text("kid")?,
            wrapped_seed: row.bytes("wrapped_seed")?,
            created_at: row.time("created_at")?,
            retired_at: row.opt_time("retired_at")?,
        })
    }
}

impl Store {
    /// The keys that are not retired, oldest first.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn jwt_keys(&self) -> Result<Vec<JwtKey>> {
        const SQL: &str = "SELECT kid, wrapped_seed, created_at, retired_at FROM jwt_keys \
             WHERE retired_at IS NULL ORDER BY created_at, kid LIMIT $1";
        self.db
            .all(SQL, params![crate::MAX_ROWS])
            .await?
            .iter()
            .map(JwtKey::from_row)
            .collect()
    }

    /// Stores a new key.
    ///
    /// # Errors
    /// [`crate::StoreError::Conflict`] `key` for a name that is known.
    pub async fn add_jwt_key(&self, key: JwtKey) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute_one(
            "INSERT INTO jwt_keys (kid, wrapped_seed, created_at, retired_at) VALUES ($1, $2, $3, $4)",
            params![key.kid, key.wrapped_seed, key.created_at, key.retired_at],
        )
        .await
        .map_err(|e| e.duplicate_is("key"))?;
        tx.commit().await
    }

    /// Takes a key out of service for ever.
    ///
    /// # Errors
    /// [`crate::StoreError::NotFound`] for a key that is unknown or retired already.
    pub async fn retire_jwt_key(&self, kid: &str, at: Timestamp) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute_one(
            "UPDATE jwt_keys SET retired_at = $2 WHERE kid = $1 AND retired_at IS NULL",
            params![kid, at],
        )
        .await?;
        tx.commit().await
    }
}
