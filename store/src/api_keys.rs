//! Personal API keys.

use std::fmt;

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{ApiKeyId, OrgId, UserId};

use crate::Store;
use crate::audit::NewEvent;
use crate::db::{Row, params};
use crate::error::Result;
use crate::json;

/// A personal API key, known by its hash alone.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// The organisation of the human.
    pub org_id: OrgId,
    /// Whose it is.
    pub user_id: UserId,
    /// For display.
    pub name: String,
    /// The first characters of the key, for display.
    pub key_prefix: String,
    /// Keyed hash of the key, 32 bytes.
    pub key_hash: Vec<u8>,
    /// Words that limit it.
    pub scopes: Vec<String>,
    /// Whether it may be used.
    pub is_active: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is worth nothing.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to about a second.
    pub last_used_at: Option<Timestamp>,
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKey")
            .field("id", &self.id)
            .field("user_id", &self.user_id)
            .field("is_active", &self.is_active)
            .finish_non_exhaustive()
    }
}

/// The columns of an API key, in a query where the table is called `k`.
macro_rules! api_key_columns {
    () => {
        "k.id, k.org_id, k.user_id AS key_user_id, k.name, k.key_prefix, k.key_hash, k.scopes, k.is_active, \
         k.created_at, k.expires_at, k.last_used_at"
    };
}
pub(crate) use api_key_columns;

impl ApiKey {
    pub(crate) fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.parsed("id")?,
            org_id: row.parsed("org_id")?,
            user_id: row.parsed("key_user_id")?,
            name: row.text("name")?,
            key_prefix: row.text("key_prefix")?,
            key_hash: row.bytes("key_hash")?,
            scopes: row.json("scopes")?,
            is_active: row.bool("is_active")?,
            created_at: row.time("created_at")?,
            expires_at: row.opt_time("expires_at")?,
            last_used_at: row.opt_time("last_used_at")?,
        })
    }
}

impl Store {
    /// Stores a new key.
    ///
    /// # Errors
    /// [`crate::StoreError::NotFound`] when the human is gone; [`crate::StoreError::Conflict`] `api key` when the hash is known.
    pub async fn create_api_key(&self, key: &ApiKey, event: NewEvent) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute_one(
            "INSERT INTO api_keys (id, org_id, user_id, name, key_prefix, key_hash, scopes, is_active, \
             created_at, expires_at, last_used_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            params![
                key.id,
                key.org_id,
                key.user_id,
                &key.name,
                &key.key_prefix,
                key.key_hash.as_slice(),
                json::text(&key.scopes)?,
                key.is_active,
                key.created_at,
                key.expires_at,
                key.last_used_at,
            ],
        )
        .await
        .map_err(|e| e.duplicate_is("api key"))?;
        self.finish(tx, &[event]).await
    }

    /// The keys of a human, newest first.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn api_keys(&self, user: UserId) -> Result<Vec<ApiKey>> {
        const SQL: &str = concat!(
            "SELECT ",
            api_key_columns!(),
            " FROM api_keys k WHERE k.user_id = $1 ORDER BY k.created_at DESC, k.id DESC LIMIT $2"
        );
        let rows = self.db.all(SQL, params![user, crate::MAX_ROWS]).await?;
        rows.iter().map(ApiKey::from_row).collect()
    }

    /// Makes a key useless for ever; the record stays.
    ///
    /// # Errors
    /// [`crate::StoreError::NotFound`] for anything but a key of this human.
    pub async fn deactivate_api_key(
        &self,
        user: UserId,
        id: ApiKeyId,
        event: NewEvent,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        let inactive = false;
        tx.execute_one(
            "UPDATE api_keys SET is_active = $3 WHERE id = $1 AND user_id = $2",
            params![id, user, inactive],
        )
        .await?;
        self.finish(tx, &[event]).await
    }
}
