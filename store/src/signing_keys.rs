//! The keys that agents sign transactions with. The private half is a secret like any other; here is what is known of it.

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{AgentId, OrgId, SecretId, SigningKeyId, VaultId};
use oneclaw_core::path::SecretPath;
use oneclaw_core::transaction::Address;

use crate::Store;
use crate::audit::NewEvent;
use crate::db::{Row, Tx, params};
use crate::error::Result;
use crate::secrets::{Secret, SecretVersion, insert_version};
use crate::vaults::{Vault, insert_vault};

/// A signing key of an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKey {
    /// Its id.
    pub id: SigningKeyId,
    /// The organisation of the agent.
    pub org_id: OrgId,
    /// Whose it is.
    pub agent_id: AgentId,
    /// The kind of chain, for example `ethereum`.
    pub chain: String,
    /// For example `secp256k1`.
    pub curve: String,
    /// The public half, as clients see it.
    pub public_key: String,
    /// The address that belongs to it, as clients see it.
    pub address: Option<String>,
    /// The secret that holds the private half.
    pub secret_id: SecretId,
    /// The vault that it is in.
    pub vault_id: VaultId,
    /// Its path there.
    pub path: SecretPath,
    /// Which version of the secret.
    pub secret_version: i64,
    /// From 1; grows with each rotation.
    pub key_version: i64,
    /// Whether it signs; one of an agent's keys for a chain does at most.
    pub is_active: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When another took its place.
    pub rotated_at: Option<Timestamp>,
}

/// The columns of a signing key.
macro_rules! key_columns {
    () => {
        "id, org_id, agent_id, chain, curve, public_key, address, secret_id, vault_id, path, secret_version, \
         key_version, is_active, created_at, rotated_at"
    };
}

impl SigningKey {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.parsed("id")?,
            org_id: row.parsed("org_id")?,
            agent_id: row.parsed("agent_id")?,
            chain: row.text("chain")?,
            curve: row.text("curve")?,
            public_key: row.text("public_key")?,
            address: row.opt_text("address")?,
            secret_id: row.parsed("secret_id")?,
            vault_id: row.parsed("vault_id")?,
            path: row.parsed("path")?,
            secret_version: row.int("secret_version")?,
            key_version: row.int("key_version")?,
            is_active: row.bool("is_active")?,
            created_at: row.time("created_at")?,
            rotated_at: row.opt_time("rotated_at")?,
        })
    }
}

impl Store {
    /// Stores a signing key with the secret that holds it, and the vault for it if it is the organisation's first.
    ///
    /// # Errors
    /// [`crate::StoreError::Conflict`]: `system vault` when somebody else made that vault first, `signing key` when the agent has
    /// an active one for this chain, `version` as for [`Store::put_version`]. [`crate::StoreError::NotFound`] when the agent is
    /// gone.
    pub async fn create_signing_key(
        &self,
        key: &SigningKey,
        sealed: (&Secret, &SecretVersion),
        system_vault: Option<&Vault>,
        event: NewEvent,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        if let Some(vault) = system_vault {
            insert_vault(&mut tx, vault)
                .await
                .map_err(|e| e.duplicate_is("system vault"))?;
        }
        insert_key(&mut tx, key).await?;
        insert_version(&mut tx, sealed.0, sealed.1).await?;
        self.finish(tx, &[event]).await
    }

    /// Puts a new key in the place of an active one, at the time of the event.
    ///
    /// # Errors
    /// [`crate::StoreError::NotFound`] when the old one is not active any more; otherwise as [`Store::create_signing_key`].
    pub async fn rotate_signing_key(
        &self,
        old: SigningKeyId,
        key: &SigningKey,
        sealed: (&Secret, &SecretVersion),
        event: NewEvent,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute_one(
            "UPDATE signing_keys SET is_active = $2, rotated_at = $3 WHERE id = $1 AND is_active",
            params![old, false, event.at],
        )
        .await?;
        insert_key(&mut tx, key).await?;
        insert_version(&mut tx, sealed.0, sealed.1).await?;
        self.finish(tx, &[event]).await
    }

    /// Ends an agent's active key for a chain. The secret stays.
    ///
    /// # Errors
    /// [`crate::StoreError::NotFound`] when there is none.
    pub async fn deactivate_signing_key(
        &self,
        agent: AgentId,
        chain: &str,
        event: NewEvent,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute_one(
            "UPDATE signing_keys SET is_active = $3 WHERE agent_id = $1 AND chain = $2 AND is_active",
            params![agent, chain, false],
        )
        .await?;
        self.finish(tx, &[event]).await
    }

    /// Every signing key of an agent, by chain, the newest first.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn signing_keys(&self, agent: AgentId) -> Result<Vec<SigningKey>> {
        const SQL: &str = concat!(
            "SELECT ",
            key_columns!(),
            " FROM signing_keys WHERE agent_id = $1 ORDER BY chain, key_version DESC, id LIMIT $2"
        );
        let rows = self.db.all(SQL, params![agent, crate::MAX_ROWS]).await?;
        rows.iter().map(SigningKey::from_row).collect()
    }

    /// The key that an agent signs with on a kind of chain.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn active_signing_key(
        &self,
        agent: AgentId,
        chain: &str,
    ) -> Result<Option<SigningKey>> {
        const SQL: &str = concat!(
            "SELECT ",
            key_columns!(),
            " FROM signing_keys WHERE agent_id = $1 AND chain = $2 AND is_active"
        );
        let row = self.db.optional(SQL, params![agent, chain]).await?;
        row.as_ref().map(SigningKey::from_row).transpose()
    }

    /// The address of a private key in a version of a secret, if it has been found out before.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn key_address(&self, secret: SecretId, version: i64) -> Result<Option<Address>> {
        let row = self
            .db
            .optional(
                "SELECT address FROM key_addresses WHERE secret_id = $1 AND version = $2",
                params![secret, version],
            )
            .await?;
        row.map(|row| row.parsed("address")).transpose()
    }

    /// Remembers the address of a private key. A version never changes, so that what is known stays.
    ///
    /// # Errors
    /// [`crate::StoreError::NotFound`] when the secret is gone.
    pub async fn put_key_address(
        &self,
        secret: SecretId,
        version: i64,
        address: Address,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute(
            "INSERT INTO key_addresses (secret_id, version, address) VALUES ($1, $2, $3) \
             ON CONFLICT (secret_id, version) DO NOTHING",
            params![secret, version, address],
        )
        .await?;
        tx.commit().await
    }
}

async fn insert_key(tx: &mut Tx, key: &SigningKey) -> Result<()> {
    const SQL: &str = concat!(
        "INSERT INTO signing_keys (",
        key_columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"
    );
    tx.execute_one(
        SQL,
        params![
            key.id,
            key.org_id,
            key.agent_id,
            &key.chain,
            &key.curve,
            &key.public_key,
            key.address.clone(),
            key.secret_id,
            key.vault_id,
            key.path.as_str(),
            key.secret_version,
            key.key_version,
            key.is_active,
            key.created_at,
            key.rotated_at,
        ],
    )
    .await
    .map_err(|e| e.duplicate_is("signing key"))
}
