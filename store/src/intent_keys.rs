//! The agents' own keys, with which they sign their requests (RFC 9421). The private halves never come here.

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{AgentId, OrgId};
use oneclaw_core::principal::Principal;

use crate::Store;
use crate::audit::NewEvent;
use crate::db::{Row, params};
use crate::error::{Result, StoreError};

/// Most keys that an agent may have at once.
pub const MAX_INTENT_KEYS: i64 = 10;

/// A key with which an agent signs its requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntentKey {
    /// Whose it is.
    pub agent_id: AgentId,
    /// Its name; one of an agent's keys alone ever has it.
    pub key_id: String,
    /// The organisation of the agent.
    pub org_id: OrgId,
    /// Ed25519, 32 bytes.
    pub public_key: Vec<u8>,
    /// Who registered it.
    pub created_by: Principal,
    /// When it was registered.
    pub created_at: Timestamp,
    /// Since when it verifies nothing.
    pub revoked_at: Option<Timestamp>,
}

impl IntentKey {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            agent_id: row.parsed("agent_id")?,
            key_id: row.text("key_id")?,
            org_id: row.parsed("org_id")?,
            public_key: row.bytes("public_key")?,
            created_by: row.parsed("created_by")?,
            created_at: row.time("created_at")?,
            revoked_at: row.opt_time("revoked_at")?,
        })
    }
}

impl Store {
    /// Registers a key.
    ///
    /// # Errors
    /// [`StoreError::Conflict`]: `intent key` for a name that the agent has used before, `intent keys` when it has
    /// [`MAX_INTENT_KEYS`] already. [`StoreError::NotFound`] when the agent is gone.
    pub async fn create_intent_key(&self, key: &IntentKey, event: NewEvent) -> Result<()> {
        let mut tx = self.db.begin().await?;
        // Two at once wait for each other here, so that both see how many there are.
        tx.execute_one(
            "UPDATE agents SET name = name WHERE id = $1 AND org_id = $2",
            params![key.agent_id, key.org_id],
        )
        .await?;
        let active = tx
            .one(
                "SELECT count(*) AS n FROM intent_keys WHERE agent_id = $1 AND revoked_at IS NULL",
                params![key.agent_id],
            )
            .await?
            .int("n")?;
        if active >= MAX_INTENT_KEYS {
            return Err(StoreError::Conflict("intent keys"));
        }
        tx.execute_one(
            "INSERT INTO intent_keys (agent_id, key_id, org_id, public_key, created_by, created_at, revoked_at) \
             VALUES ($1, $2, $3, $4, $5, $6, NULL)",
            params![
                key.agent_id,
                &key.key_id,
                key.org_id,
                key.public_key.as_slice(),
                key.created_by.to_string(),
                key.created_at,
            ],
        )
        .await
        .map_err(|e| e.duplicate_is("intent key"))?;
        self.finish(tx, &[event]).await
    }

    /// The keys of an agent that are not revoked, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn intent_keys(&self, agent: AgentId) -> Result<Vec<IntentKey>> {
        let rows = self
            .db
            .all(
                "SELECT agent_id, key_id, org_id, public_key, created_by, created_at, revoked_at FROM intent_keys \
                 WHERE agent_id = $1 AND revoked_at IS NULL ORDER BY created_at, key_id",
                params![agent],
            )
            .await?;
        rows.iter().map(IntentKey::from_row).collect()
    }

    /// A key of an agent by its name, unless it is revoked.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn intent_key(&self, agent: AgentId, key_id: &str) -> Result<Option<IntentKey>> {
        if key_id.contains('\0') {
            return Ok(None);
        }
        let row = self
            .db
            .optional(
                "SELECT agent_id, key_id, org_id, public_key, created_by, created_at, revoked_at FROM intent_keys \
                 WHERE agent_id = $1 AND key_id = $2 AND revoked_at IS NULL",
                params![agent, key_id],
            )
            .await?;
        row.as_ref().map(IntentKey::from_row).transpose()
    }

    /// Ends a key for ever, at the time of the event.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for one that is unknown or revoked already.
    pub async fn revoke_intent_key(
        &self,
        agent: AgentId,
        key_id: &str,
        event: NewEvent,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute_one(
            "UPDATE intent_keys SET revoked_at = $3 WHERE agent_id = $1 AND key_id = $2 AND revoked_at IS NULL",
            params![agent, key_id, event.at],
        )
        .await?;
        self.finish(tx, &[event]).await
    }

    /// Uses up the nonce of a signed request, durably: `true` for the first who does, `false` for everybody after. It may
    /// be forgotten once `expires_at` has passed, so that a signature must not count for longer.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn burn_intent_nonce(
        &self,
        agent: AgentId,
        key_id: &str,
        nonce: &str,
        expires_at: Timestamp,
    ) -> Result<bool> {
        let mut tx = self.db.begin().await?;
        let burnt = tx
            .execute(
                "INSERT INTO intent_nonces (agent_id, key_id, nonce, expires_at) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (agent_id, key_id, nonce) DO NOTHING",
                params![agent, key_id, nonce, expires_at],
            )
            .await?;
        tx.commit().await?;
        Ok(burnt == 1)
    }
}
