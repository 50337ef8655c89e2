//! The keys with which an organisation's plugins are signed, and whether they must be.

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{OrgId, PublisherId};
use oneclaw_core::principal::Principal;

use crate::Store;
use crate::audit::NewEvent;
use crate::db::{Row, params};
use crate::error::{Result, StoreError};

/// Most keys of an organisation that are in force.
const MAX_PUBLISHERS: i64 = 100;

/// A key with which plugins are signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publisher {
    /// Its id.
    pub id: PublisherId,
    /// Whose plugins it signs.
    pub org_id: OrgId,
    /// For display.
    pub name: String,
    /// Ed25519, 32 bytes.
    pub public_key: Vec<u8>,
    /// Who registered it.
    pub created_by: Principal,
    /// When.
    pub created_at: Timestamp,
    /// From when on its signatures do not count any more.
    pub revoked_at: Option<Timestamp>,
}

impl Publisher {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.parsed("id")?,
            org_id: row.parsed("org_id")?,
            name: row.text("name")?,
            public_key: row.bytes("public_key")?,
            created_by: row.parsed("created_by")?,
            created_at: row.time("created_at")?,
            revoked_at: row.opt_time("revoked_at")?,
        })
    }
}

/// What an organisation demands of its plugins. By default, nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PluginRules {
    /// What is not signed by one of its publishers is neither taken in nor attached.
    pub signatures_required: bool,
    /// What comes to be enforced names a replay of itself that met what was demanded of it.
    pub replay_required: bool,
}

impl Store {
    /// Registers a key.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] `publisher` for a key that is known, `publishers` when there are as many as there may be.
    pub async fn create_publisher(&self, publisher: &Publisher, event: NewEvent) -> Result<()> {
        let mut tx = self.db.begin().await?;
        let count = tx
            .one(
                "SELECT count(*) AS n FROM plugin_publishers WHERE org_id = $1 AND revoked_at IS NULL",
                params![publisher.org_id],
            )
            .await?;
        if count.int("n")? >= MAX_PUBLISHERS {
            return Err(StoreError::Conflict("publishers"));
        }
        tx.execute_one(
            "INSERT INTO plugin_publishers (id, org_id, name, public_key, created_by, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6)",
            params![
                publisher.id,
                publisher.org_id,
                &publisher.name,
                publisher.public_key.as_slice(),
                publisher.created_by.to_string(),
                publisher.created_at
            ],
        )
        .await
        .map_err(|e| e.duplicate_is("publisher"))?;
        self.finish(tx, &[event]).await
    }

    /// The keys of an organisation, oldest first, revoked ones included.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn publishers(&self, org: OrgId) -> Result<Vec<Publisher>> {
        const SQL: &str = "SELECT id, org_id, name, public_key, created_by, created_at, revoked_at \
             FROM plugin_publishers WHERE org_id = $1 ORDER BY created_at, id LIMIT $2";
        let rows = self.db.all(SQL, params![org, crate::MAX_ROWS]).await?;
        rows.iter().map(Publisher::from_row).collect()
    }

    /// Ends a key. Versions that it signed stay what they are.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], also for one that is revoked already.
    pub async fn revoke_publisher(
        &self,
        org: OrgId,
        id: PublisherId,
        at: Timestamp,
        event: NewEvent,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute_one(
            "UPDATE plugin_publishers SET revoked_at = $3 WHERE org_id = $1 AND id = $2 AND revoked_at IS NULL",
            params![org, id, at],
        )
        .await?;
        self.finish(tx, &[event]).await
    }

    /// What an organisation demands of its plugins.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn plugin_rules(&self, org: OrgId) -> Result<PluginRules> {
        const SQL: &str =
            "SELECT signatures_required, replay_required FROM plugin_sets WHERE org_id = $1";
        match self.db.optional(SQL, params![org]).await? {
            Some(row) => Ok(PluginRules {
                signatures_required: row.bool("signatures_required")?,
                replay_required: row.bool("replay_required")?,
            }),
            None => Ok(PluginRules::default()),
        }
    }

    /// Sets what it demands.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn set_plugin_rules(
        &self,
        org: OrgId,
        rules: PluginRules,
        event: NewEvent,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute_one(
            "INSERT INTO plugin_sets (org_id, revision, signatures_required, replay_required) VALUES ($1, 0, $2, $3) \
             ON CONFLICT (org_id) DO UPDATE SET signatures_required = excluded.signatures_required, \
             replay_required = excluded.replay_required",
            params![org, rules.signatures_required, rules.replay_required],
        )
        .await?;
        self.finish(tx, &[event]).await
    }
}
