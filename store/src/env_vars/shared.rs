//! Variables of a whole organisation: they lie in one vault and hold in those that they are linked to.

use std::collections::BTreeMap;

use oneclaw_core::ids::{EnvVarId, OrgId, VaultId};

use super::{EnvVar, select_vars};
use crate::audit::NewEvent;
use crate::db::params;
use crate::error::Result;
use crate::vaults::{Vault, insert_vault, vault_columns};
use crate::{MAX_ROWS, Store};

impl Store {
    /// The vault that an organisation's shared variables lie in, once there is one.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn shared_env_vault(&self, org: OrgId) -> Result<Option<Vault>> {
        const SQL: &str = concat!(
            "SELECT ",
            vault_columns!(),
            " FROM shared_env_vaults k JOIN vaults v ON v.id = k.vault_id WHERE k.org_id = $1"
        );
        self.db
            .optional(SQL, params![org])
            .await?
            .as_ref()
            .map(Vault::from_row)
            .transpose()
    }

    /// Makes that vault.
    ///
    /// # Errors
    /// [`crate::StoreError::Conflict`] `vault` when there is one.
    pub async fn create_shared_env_vault(&self, vault: &Vault, event: NewEvent) -> Result<()> {
        let mut tx = self.db.begin().await?;
        insert_vault(&mut tx, vault)
            .await
            .map_err(|e| e.duplicate_is("vault"))?;
        tx.execute_one(
            "INSERT INTO shared_env_vaults (org_id, vault_id) VALUES ($1, $2)",
            params![vault.org_id, vault.id],
        )
        .await
        .map_err(|e| e.duplicate_is("vault"))?;
        self.finish(tx, &[event]).await
    }

    /// The shared variables that hold in a vault by a link, in one environment, each with its value there alone.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn env_vars_linked_to(
        &self,
        vault: VaultId,
        environment: &str,
    ) -> Result<Vec<EnvVar>> {
        const SQL: &str = select_vars!(
            "JOIN env_links l ON l.var_id = x.id WHERE l.vault_id = $1 AND e.environment = $3"
        );
        let rows = self
            .db
            .all(SQL, params![vault, MAX_ROWS, environment])
            .await?;
        EnvVar::from_rows(&rows)
    }

    /// The vaults that each variable of a vault is linked to.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn env_links(&self, shared: VaultId) -> Result<BTreeMap<EnvVarId, Vec<VaultId>>> {
        let rows = self
            .db
            .all(
                "SELECT l.var_id, l.vault_id FROM env_links l JOIN env_vars x ON x.id = l.var_id \
                 WHERE x.vault_id = $1 ORDER BY l.var_id, l.vault_id LIMIT $2",
                params![shared, MAX_ROWS],
            )
            .await?;
        let mut links: BTreeMap<EnvVarId, Vec<VaultId>> = BTreeMap::new();
        for row in &rows {
            let vaults = links.entry(row.parsed("var_id")?).or_default();
            vaults.push(row.parsed("vault_id")?);
        }
        Ok(links)
    }

    /// Links variables to a vault. What is linked already stays so.
    ///
    /// # Errors
    /// [`crate::StoreError::NotFound`] when a variable or the vault is gone.
    pub async fn link_env_vars(
        &self,
        vars: &[EnvVarId],
        vault: VaultId,
        event: NewEvent,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        for var in vars {
            tx.execute(
                "INSERT INTO env_links (vault_id, var_id) VALUES ($1, $2) \
                 ON CONFLICT (vault_id, var_id) DO NOTHING",
                params![vault, *var],
            )
            .await?;
        }
        self.finish(tx, &[event]).await
    }

    /// Takes links to a vault away; answers how many there were.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn unlink_env_vars(
        &self,
        vars: &[EnvVarId],
        vault: VaultId,
        event: NewEvent,
    ) -> Result<u64> {
        let mut tx = self.db.begin().await?;
        let mut gone = 0;
        for var in vars {
            let params = params![vault, *var];
            gone += tx
                .execute(
                    "DELETE FROM env_links WHERE vault_id = $1 AND var_id = $2",
                    params,
                )
                .await?;
        }
        self.finish(tx, &[event]).await?;
        Ok(gone)
    }
}
