//! Finding things by other words than their ids.

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{AgentId, OrgId};
use oneclaw_core::path::SecretPath;

use crate::Store;
use crate::db::params;
use crate::error::Result;
use crate::intents::KEY_COUNTS_MS;
use crate::transactions::Transaction;
use crate::vaults::{Vault, vault_columns};

impl Store {
    /// The vaults of an organisation in which a path is, oldest first, without the system vault; at most `limit`.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn vaults_with(
        &self,
        org: OrgId,
        path: &SecretPath,
        limit: i64,
    ) -> Result<Vec<Vault>> {
        const SQL: &str = concat!(
            "SELECT ",
            vault_columns!(),
            " FROM secrets s JOIN vaults v ON v.id = s.vault_id WHERE s.org_id = $1 AND s.path = $2 \
             AND s.deleted_at IS NULL AND NOT v.is_system ORDER BY v.created_at, v.id LIMIT $3"
        );
        let limit = limit.clamp(0, crate::MAX_ROWS);
        let rows = self.db.all(SQL, params![org, path.as_str(), limit]).await?;
        rows.iter().map(Vault::from_row).collect()
    }

    /// What an agent submitted under a key of its own in the last 24 hours: the hash of the request, and the transaction
    /// as it stands.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn idempotent_transaction(
        &self,
        agent: AgentId,
        key: &str,
        now: Timestamp,
    ) -> Result<Option<(Vec<u8>, Transaction)>> {
        let since = now.plus_millis(-KEY_COUNTS_MS);
        let sql = "SELECT body_digest, transaction_id FROM idempotency WHERE agent_id = $1 \
                   AND idempotency_key = $2 AND created_at > $3";
        let Some(row) = self.db.optional(sql, params![agent, key, since]).await? else {
            return Ok(None);
        };
        let digest = row.bytes("body_digest")?;
        let transaction = self
            .transaction(agent, row.parsed("transaction_id")?)
            .await?;
        Ok(transaction.map(|transaction| (digest, transaction)))
    }
}
