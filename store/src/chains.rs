//! The chains that transactions can be meant for. They belong to the server, not to an organisation.

use std::fmt;

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::ChainEntryId;

use crate::audit::NewEvent;
use crate::db::{Row, Tx, number, params};
use crate::error::Result;
use crate::{Store, json};

/// A chain of the registry.
#[derive(Clone, PartialEq, Eq)]
pub struct Chain {
    /// Its id in the registry.
    pub id: ChainEntryId,
    /// For example `base`; unique.
    pub name: String,
    /// For display.
    pub display_name: String,
    /// EIP-155; unique, below 2^63.
    pub chain_id: u64,
    /// Where its nodes answer, in order of preference. They may have keys in them.
    pub rpc_urls: Vec<String>,
    /// Where a node tells of events. It may have a key in it.
    pub ws_url: Option<String>,
    /// Where humans look at it.
    pub explorer_url: Option<String>,
    /// Symbol of its native coin.
    pub native_currency: String,
    /// Whether its coins are worth nothing.
    pub is_testnet: bool,
    /// Whether transactions may be meant for it.
    pub is_enabled: bool,
    /// Whether its nodes may be at private addresses.
    pub allow_private_rpc: bool,
    /// Blocks on top of a transaction's own before it counts as final, where the chain itself does not say.
    pub confirmations: u64,
    /// Grows with each change, from 1.
    pub revision: i64,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chain")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("chain_id", &self.chain_id)
            .field("is_enabled", &self.is_enabled)
            .field("revision", &self.revision)
            .finish_non_exhaustive()
    }
}

/// The columns of a chain.
macro_rules! chain_columns {
    () => {
        "id, name, display_name, chain_id, rpc_urls, ws_url, explorer_url, native_currency, is_testnet, is_enabled, \
         allow_private_rpc, confirmations, revision, created_at, updated_at"
    };
}

impl Chain {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.parsed("id")?,
            name: row.text("name")?,
            display_name: row.text("display_name")?,
            chain_id: row.unsigned("chain_id")?,
            rpc_urls: row.json("rpc_urls")?,
            ws_url: row.opt_text("ws_url")?,
            explorer_url: row.opt_text("explorer_url")?,
            native_currency: row.text("native_currency")?,
            is_testnet: row.bool("is_testnet")?,
            is_enabled: row.bool("is_enabled")?,
            allow_private_rpc: row.bool("allow_private_rpc")?,
            confirmations: row.unsigned("confirmations")?,
            revision: row.int("revision")?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
        })
    }
}

impl Store {
    /// The chains of the registry in the order of their names, those that are switched off only if asked for.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn chains(&self, enabled_only: bool) -> Result<Vec<Chain>> {
        const SQL: &str = concat!(
            "SELECT ",
            chain_columns!(),
            " FROM chains WHERE is_enabled OR $1 ORDER BY name LIMIT $2"
        );
        let rows = self
            .db
            .all(SQL, params![!enabled_only, crate::MAX_ROWS])
            .await?;
        rows.iter().map(Chain::from_row).collect()
    }

    /// One chain, by its id in the registry.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn chain(&self, id: ChainEntryId) -> Result<Option<Chain>> {
        const SQL: &str = concat!("SELECT ", chain_columns!(), " FROM chains WHERE id = $1");
        let row = self.db.optional(SQL, params![id]).await?;
        row.as_ref().map(Chain::from_row).transpose()
    }

    /// One chain, by its name, enabled or not.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn chain_by_name(&self, name: &str) -> Result<Option<Chain>> {
        const SQL: &str = concat!("SELECT ", chain_columns!(), " FROM chains WHERE name = $1");
        if name.contains('\0') {
            return Ok(None);
        }
        let row = self.db.optional(SQL, params![name]).await?;
        row.as_ref().map(Chain::from_row).transpose()
    }

    /// One chain, by its EIP-155 id, enabled or not.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn chain_by_chain_id(&self, chain_id: u64) -> Result<Option<Chain>> {
        const SQL: &str = concat!(
            "SELECT ",
            chain_columns!(),
            " FROM chains WHERE chain_id = $1"
        );
        let Ok(chain_id) = i64::try_from(chain_id) else {
            return Ok(None);
        };
        let row = self.db.optional(SQL, params![chain_id]).await?;
        row.as_ref().map(Chain::from_row).transpose()
    }

    /// Adds a chain.
    ///
    /// # Errors
    /// [`crate::StoreError::Conflict`]: `chain` for a name or a chain id that is known, `chain id` for one of 2^63 or more.
    pub async fn create_chain(&self, chain: &Chain, event: NewEvent) -> Result<()> {
        let mut tx = self.db.begin().await?;
        if insert_chain(&mut tx, chain).await? == 0 {
            return Err(crate::StoreError::Conflict("chain"));
        }
        self.finish(tx, &[event]).await
    }

    /// Stores every field of a chain but its name and its chain id. Answers its new revision.
    ///
    /// # Errors
    /// [`crate::StoreError::NotFound`].
    pub async fn update_chain(&self, chain: &Chain, event: NewEvent) -> Result<i64> {
        let mut tx = self.db.begin().await?;
        let row = tx
            .one(
                "UPDATE chains SET display_name = $2, rpc_urls = $3, ws_url = $4, explorer_url = $5, \
                 native_currency = $6, is_testnet = $7, is_enabled = $8, allow_private_rpc = $9, \
                 confirmations = $10, updated_at = $11, revision = revision + 1 WHERE id = $1 RETURNING revision",
                params![
                    chain.id,
                    &chain.display_name,
                    json::text(&chain.rpc_urls)?,
                    chain.ws_url.clone(),
                    chain.explorer_url.clone(),
                    &chain.native_currency,
                    chain.is_testnet,
                    chain.is_enabled,
                    chain.allow_private_rpc,
                    number(chain.confirmations, "confirmations")?,
                    chain.updated_at,
                ],
            )
            .await?;
        let revision = row.int("revision")?;
        self.finish(tx, &[event]).await?;
        Ok(revision)
    }

    /// Removes a chain. Transactions that were meant for it stay.
    ///
    /// # Errors
    /// [`crate::StoreError::NotFound`].
    pub async fn delete_chain(&self, id: ChainEntryId, event: NewEvent) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute_one("DELETE FROM chains WHERE id = $1", params![id])
            .await?;
        self.finish(tx, &[event]).await
    }

    /// Adds the chains that come with the server, each the first time that it is met in this database: what was changed
    /// or removed since stays so, and what an administrator added before is not touched. Several nodes may do it at once.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn seed_chains(&self, chains: &[Chain]) -> Result<()> {
        let mut sorted: Vec<&Chain> = chains.iter().collect();
        // In one order everywhere, so that two nodes never wait for each other.
        sorted.sort_by(|a, b| a.name.cmp(&b.name));
        let mut tx = self.db.begin().await?;
        for chain in sorted {
            let is_new = tx
                .execute(
                    "INSERT INTO seeded_chains (name) VALUES ($1) ON CONFLICT DO NOTHING",
                    params![&chain.name],
                )
                .await?;
            if is_new == 1 {
                insert_chain(&mut tx, chain).await?;
            }
        }
        tx.commit().await
    }
}

/// Adds a chain unless its name or its chain id is known; answers how many rows that made.
async fn insert_chain(tx: &mut Tx, chain: &Chain) -> Result<u64> {
    const SQL: &str = concat!(
        "INSERT INTO chains (",
        chain_columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) ON CONFLICT DO NOTHING"
    );
    tx.execute(
        SQL,
        params![
            chain.id,
            &chain.name,
            &chain.display_name,
            number(chain.chain_id, "chain id")?,
            json::text(&chain.rpc_urls)?,
            chain.ws_url.clone(),
            chain.explorer_url.clone(),
            &chain.native_currency,
            chain.is_testnet,
            chain.is_enabled,
            chain.allow_private_rpc,
            number(chain.confirmations, "confirmations")?,
            chain.revision,
            chain.created_at,
            chain.updated_at,
        ],
    )
    .await
}
