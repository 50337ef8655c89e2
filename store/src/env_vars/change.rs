//! Variables and environments made, changed and removed.

use oneclaw_core::ids::{EnvVarId, VaultId};

use super::{EnvVar, Environment};
use crate::Store;
use crate::audit::NewEvent;
use crate::db::{Tx, params};
use crate::error::{Result, StoreError};

/// One step of a change; all steps of it happen or none does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnvVarChange {
    /// A new variable.
    Insert(EnvVar),
    /// A variable as it is from now on; its version is one more than the version that is to be stored now.
    Replace(EnvVar),
    /// A variable goes, if it still has this version.
    Remove(EnvVarId, i64),
}

impl Store {
    /// Changes variables of a vault.
    ///
    /// # Errors
    /// [`StoreError::Conflict`]: `taken` when there is a value for the name, branch and environment already, `version` when
    /// a variable has changed in the meantime, `full` when the vault would have more than `most` variables.
    /// [`StoreError::NotFound`] when the vault is gone.
    pub async fn change_env_vars(
        &self,
        vault: VaultId,
        changes: &[EnvVarChange],
        most: i64,
        event: NewEvent,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        apply(&mut tx, vault, changes, most).await?;
        self.finish(tx, &[event]).await
    }

    /// Stores a new environment, together with the variables that it begins with.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] `environment` when the vault has one of this name, `full` when it would have more than
    /// `most`; otherwise as [`Store::change_env_vars`].
    pub async fn create_environment(
        &self,
        vault: VaultId,
        environment: &Environment,
        most: i64,
        (changes, most_vars): (&[EnvVarChange], i64),
        event: NewEvent,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute_one(
            "INSERT INTO environments (id, vault_id, slug, description, copied_from, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6)",
            params![
                &environment.id,
                vault,
                &environment.slug,
                environment.description.clone(),
                environment.copied_from.clone(),
                environment.created_at,
            ],
        )
        .await
        .map_err(|e| e.duplicate_is("environment"))?;
        let count = tx
            .one(
                "SELECT count(*) AS n FROM environments WHERE vault_id = $1",
                params![vault],
            )
            .await?;
        if count.int("n")? > most {
            return Err(StoreError::Conflict("full"));
        }
        apply(&mut tx, vault, changes, most_vars).await?;
        self.finish(tx, &[event]).await
    }

    /// Removes an environment with the values in it; a variable that holds nowhere else goes with them.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn delete_environment(
        &self,
        vault: VaultId,
        slug: &str,
        event: NewEvent,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute_one(
            "DELETE FROM environments WHERE vault_id = $1 AND slug = $2",
            params![vault, slug],
        )
        .await?;
        tx.execute(
            "DELETE FROM env_values WHERE vault_id = $1 AND environment = $2",
            params![vault, slug],
        )
        .await?;
        tx.execute(
            "DELETE FROM env_vars WHERE vault_id = $1 AND NOT EXISTS \
             (SELECT 1 FROM env_values e WHERE e.var_id = env_vars.id)",
            params![vault],
        )
        .await?;
        self.finish(tx, &[event]).await
    }
}

async fn apply(tx: &mut Tx, vault: VaultId, changes: &[EnvVarChange], most: i64) -> Result<()> {
    // What goes makes room for what comes.
    for change in changes {
        match change {
            EnvVarChange::Insert(_) => {}
            EnvVarChange::Replace(var) => {
                let changed = tx
                    .execute(
                        "UPDATE env_vars SET sensitive = $4, comment = $5, version = $3, updated_at = $6 \
                         WHERE id = $1 AND vault_id = $2 AND version = $3 - 1",
                        params![
                            var.id,
                            vault,
                            var.version,
                            var.sensitive,
                            var.comment.clone(),
                            var.updated_at
                        ],
                    )
                    .await?;
                unchanged(changed)?;
                tx.execute("DELETE FROM env_values WHERE var_id = $1", params![var.id])
                    .await?;
            }
            EnvVarChange::Remove(id, version) => {
                let changed = tx
                    .execute(
                        "DELETE FROM env_vars WHERE id = $1 AND vault_id = $2 AND version = $3",
                        params![*id, vault, *version],
                    )
                    .await?;
                unchanged(changed)?;
            }
        }
    }
    for change in changes {
        match change {
            EnvVarChange::Insert(var) => {
                insert_var(tx, vault, var).await?;
                insert_values(tx, vault, var).await?;
            }
            EnvVarChange::Replace(var) => insert_values(tx, vault, var).await?,
            EnvVarChange::Remove(..) => {}
        }
    }
    let count = tx
        .one(
            "SELECT count(*) AS n FROM env_vars WHERE vault_id = $1",
            params![vault],
        )
        .await?;
    if count.int("n")? > most {
        return Err(StoreError::Conflict("full"));
    }
    Ok(())
}

/// A row that was not hit has changed since it was read.
fn unchanged(rows: u64) -> Result<()> {
    if rows == 1 {
        Ok(())
    } else {
        Err(StoreError::Conflict("version"))
    }
}

async fn insert_var(tx: &mut Tx, vault: VaultId, var: &EnvVar) -> Result<()> {
    tx.execute_one(
        "INSERT INTO env_vars (id, org_id, vault_id, name, git_branch, sensitive, comment, version, created_by, \
         created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        params![
            var.id,
            var.org_id,
            vault,
            &var.name,
            var.git_branch.as_deref().unwrap_or_default(),
            var.sensitive,
            var.comment.clone(),
            var.version,
            var.created_by.to_string(),
            var.created_at,
            var.updated_at,
        ],
    )
    .await
    .map_err(|e| e.duplicate_is("taken"))
}

async fn insert_values(tx: &mut Tx, vault: VaultId, var: &EnvVar) -> Result<()> {
    for value in &var.values {
        tx.execute_one(
            "INSERT INTO env_values (var_id, vault_id, name, git_branch, environment, seal, wrapped_data_key, \
             ciphertext) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            params![
                var.id,
                vault,
                &var.name,
                var.git_branch.as_deref().unwrap_or_default(),
                &value.environment,
                value.seal,
                value.wrapped_data_key.as_slice(),
                value.ciphertext.as_slice(),
            ],
        )
        .await
        .map_err(|e| e.duplicate_is("taken"))?;
    }
    Ok(())
}
