//! Environment variables, sealed once for each environment that they hold in.

mod change;
mod shared;

use std::fmt;

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{EnvVarId, OrgId, VaultId};
use oneclaw_core::principal::Principal;

use crate::db::{Row, params};
use crate::error::Result;
use crate::{MAX_ROWS, Store};

pub use change::EnvVarChange;

/// The value of a variable in one environment.
#[derive(Clone, PartialEq, Eq)]
pub struct EnvValue {
    /// The environment.
    pub environment: String,
    /// A number that is bound into the encryption in place of a version.
    pub seal: i64,
    /// The key of the value, wrapped by the vault's key.
    pub wrapped_data_key: Vec<u8>,
    /// The sealed value.
    pub ciphertext: Vec<u8>,
}

impl fmt::Debug for EnvValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnvValue")
            .field("environment", &self.environment)
            .finish_non_exhaustive()
    }
}

/// A variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvVar {
    /// Its id.
    pub id: EnvVarId,
    /// The organisation that owns the vault.
    pub org_id: OrgId,
    /// The vault that it lies in.
    pub vault_id: VaultId,
    /// For example `DATABASE_URL`.
    pub name: String,
    /// The branch that it holds for alone.
    pub git_branch: Option<String>,
    /// Whether listings leave the value out.
    pub sensitive: bool,
    /// For display.
    pub comment: Option<String>,
    /// 1, 2, 3, …
    pub version: i64,
    /// Who made it.
    pub created_by: Principal,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// One for each environment, by name; never empty in the database.
    pub values: Vec<EnvValue>,
}

/// An environment that a vault has beside those that every vault has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// Its id.
    pub id: String,
    /// Its name.
    pub slug: String,
    /// For display.
    pub description: Option<String>,
    /// Where its variables were copied from.
    pub copied_from: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// The beginning of every query for variables: a row for each value, those of one variable together.
macro_rules! select_vars {
    ($($rest:expr),+) => {
        concat!(
            "SELECT x.id, x.org_id, x.vault_id, x.name, x.git_branch, x.sensitive, x.comment, x.version, \
             x.created_by, x.created_at, x.updated_at, e.environment, e.seal, e.wrapped_data_key, e.ciphertext \
             FROM env_vars x JOIN env_values e ON e.var_id = x.id ",
            $($rest),+,
            " ORDER BY x.name, x.git_branch, x.id, e.environment LIMIT $2"
        )
    };
}
use select_vars;

impl EnvVar {
    fn from_row(row: &Row) -> Result<Self> {
        let branch = row.text("git_branch")?;
        Ok(Self {
            id: row.parsed("id")?,
            org_id: row.parsed("org_id")?,
            vault_id: row.parsed("vault_id")?,
            name: row.text("name")?,
            git_branch: Some(branch).filter(|branch| !branch.is_empty()),
            sensitive: row.bool("sensitive")?,
            comment: row.opt_text("comment")?,
            version: row.int("version")?,
            created_by: row.parsed("created_by")?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
            values: Vec::new(),
        })
    }

    /// Puts rows of values together to variables.
    fn from_rows(rows: &[Row]) -> Result<Vec<Self>> {
        let mut vars: Vec<Self> = Vec::new();
        for row in rows {
            let value = EnvValue {
                environment: row.text("environment")?,
                seal: row.int("seal")?,
                wrapped_data_key: row.bytes("wrapped_data_key")?,
                ciphertext: row.bytes("ciphertext")?,
            };
            let id: EnvVarId = row.parsed("id")?;
            match vars.last_mut() {
                Some(var) if var.id == id => var.values.push(value),
                _ => {
                    let mut var = Self::from_row(row)?;
                    var.values.push(value);
                    vars.push(var);
                }
            }
        }
        Ok(vars)
    }
}

impl Store {
    /// The variables that lie in a vault, by name, then branch.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn env_vars(&self, vault: VaultId) -> Result<Vec<EnvVar>> {
        const SQL: &str = select_vars!("WHERE x.vault_id = $1");
        let rows = self.db.all(SQL, params![vault, MAX_ROWS]).await?;
        EnvVar::from_rows(&rows)
    }

    /// The variables of this name that lie in a vault.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn env_vars_named(&self, vault: VaultId, name: &str) -> Result<Vec<EnvVar>> {
        const SQL: &str = select_vars!("WHERE x.vault_id = $1 AND x.name = $3");
        let rows = self.db.all(SQL, params![vault, MAX_ROWS, name]).await?;
        EnvVar::from_rows(&rows)
    }

    /// The variables that lie in a vault and hold in an environment, each with its value there alone.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn env_vars_in(&self, vault: VaultId, environment: &str) -> Result<Vec<EnvVar>> {
        const SQL: &str = select_vars!("WHERE x.vault_id = $1 AND e.environment = $3");
        let rows = self
            .db
            .all(SQL, params![vault, MAX_ROWS, environment])
            .await?;
        EnvVar::from_rows(&rows)
    }

    /// The environments that a vault has of its own, by name.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn environments(&self, vault: VaultId) -> Result<Vec<Environment>> {
        let rows = self
            .db
            .all(
                "SELECT id, slug, description, copied_from, created_at FROM environments WHERE vault_id = $1 \
                 ORDER BY slug LIMIT $2",
                params![vault, MAX_ROWS],
            )
            .await?;
        let read = |row: &Row| {
            Ok(Environment {
                id: row.text("id")?,
                slug: row.text("slug")?,
                description: row.opt_text("description")?,
                copied_from: row.opt_text("copied_from")?,
                created_at: row.time("created_at")?,
            })
        };
        rows.iter().map(read).collect()
    }
}
