//! Secrets, by path, and their sealed versions.

use std::fmt;
use std::sync::LazyLock;

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{OrgId, SecretId, VaultId};
use oneclaw_core::path::SecretPath;
use oneclaw_core::principal::Principal;
use serde_json::Value;

use crate::accounts::count;
use crate::audit::NewEvent;
use crate::db::{self, Inserts, Row, Tx, params};
use crate::error::{Result, StoreError};
use crate::usage::{Metered, room_for};
use crate::{Store, json, shares};

/// A path in a vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// Its id, the same for every version.
    pub id: SecretId,
    /// Where it lives.
    pub vault_id: VaultId,
    /// The organisation that owns the vault.
    pub org_id: OrgId,
    /// Its name in the vault.
    pub path: SecretPath,
    /// When the first version was stored.
    pub created_at: Timestamp,
    /// When the latest version was stored.
    pub updated_at: Timestamp,
    /// Since when it counts as deleted.
    pub deleted_at: Option<Timestamp>,
    /// Number of the latest version, from 1.
    pub latest_version: i64,
}

/// A sealed value, and what is known about it without opening it.
#[derive(Clone, PartialEq)]
pub struct SecretVersion {
    /// The secret it is a version of.
    pub secret_id: SecretId,
    /// From 1, without gaps.
    pub version: i64,
    /// For example `api_key`.
    pub kind: String,
    /// An object that the writer chose; shown in listings.
    pub metadata: Value,
    /// The key of this version, wrapped by the vault's key; empty in listings.
    pub wrapped_data_key: Vec<u8>,
    /// The sealed value; empty in listings.
    pub ciphertext: Vec<u8>,
    /// Who wrote it.
    pub created_by: Principal,
    /// When it was written.
    pub created_at: Timestamp,
    /// From when on it may not be read.
    pub expires_at: Option<Timestamp>,
    /// How often it may be read.
    pub max_access_count: Option<i64>,
    /// How often it has been read.
    pub access_count: i64,
    /// Since when it may not be read.
    pub disabled_at: Option<Timestamp>,
    /// As the writer gave it.
    pub rotation_policy: Option<Value>,
}

impl fmt::Debug for SecretVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretVersion")
            .field("secret_id", &self.secret_id)
            .field("version", &self.version)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// The columns of a secret and of a version without what is sealed, where the tables are called `s` and `n`.
macro_rules! listed_columns {
    () => {
        concat!(
            secret_columns!(),
            ", n.secret_id, n.version, n.kind, n.metadata, n.created_by, n.created_at AS version_created_at, \
             n.expires_at, n.max_access_count, n.access_count, n.disabled_at, n.rotation_policy"
        )
    };
}

/// The columns of a secret, where the table is called `s`.
macro_rules! secret_columns {
    () => {
        "s.id, s.vault_id, s.org_id, s.path, s.created_at, s.updated_at, s.deleted_at, s.latest_version"
    };
}

/// The columns of a secret and of a version with what is sealed.
macro_rules! sealed_columns {
    () => {
        concat!(listed_columns!(), ", n.wrapped_data_key, n.ciphertext")
    };
}

impl Secret {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.parsed("id")?,
            vault_id: row.parsed("vault_id")?,
            org_id: row.parsed("org_id")?,
            path: row.parsed("path")?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
            deleted_at: row.opt_time("deleted_at")?,
            latest_version: row.int("latest_version")?,
        })
    }
}

impl SecretVersion {
    fn listed(row: &Row) -> Result<Self> {
        Ok(Self {
            secret_id: row.parsed("secret_id")?,
            version: row.int("version")?,
            kind: row.text("kind")?,
            metadata: row.json("metadata")?,
            wrapped_data_key: Vec::new(),
            ciphertext: Vec::new(),
            created_by: row.parsed("created_by")?,
            created_at: row.time("version_created_at")?,
            expires_at: row.opt_time("expires_at")?,
            max_access_count: row.opt_int("max_access_count")?,
            access_count: row.int("access_count")?,
            disabled_at: row.opt_time("disabled_at")?,
            rotation_policy: row.opt_json("rotation_policy")?,
        })
    }

    fn sealed(row: &Row) -> Result<Self> {
        Ok(Self {
            wrapped_data_key: row.bytes("wrapped_data_key")?,
            ciphertext: row.bytes("ciphertext")?,
            ..Self::listed(row)?
        })
    }
}

fn both(
    row: &Row,
    version: impl Fn(&Row) -> Result<SecretVersion>,
) -> Result<(Secret, SecretVersion)> {
    Ok((Secret::from_row(row)?, version(row)?))
}

impl Store {
    /// A path in a vault, deleted ones included.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn secret(&self, vault: VaultId, path: &SecretPath) -> Result<Option<Secret>> {
        const SQL: &str = concat!(
            "SELECT ",
            secret_columns!(),
            " FROM secrets s WHERE s.vault_id = $1 AND s.path = $2"
        );
        let params = params![vault, path.as_str()];
        self.db
            .optional(SQL, params)
            .await?
            .as_ref()
            .map(Secret::from_row)
            .transpose()
    }

    /// A secret of this organisation, deleted ones included.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn secret_by_id(&self, org: OrgId, id: SecretId) -> Result<Option<Secret>> {
        const SQL: &str = concat!(
            "SELECT ",
            secret_columns!(),
            " FROM secrets s WHERE s.id = $1 AND s.org_id = $2"
        );
        self.db
            .optional(SQL, params![id, org])
            .await?
            .as_ref()
            .map(Secret::from_row)
            .transpose()
    }

    /// The newest version at a path that is not disabled; none for a deleted path. Whether it has expired or is used up
    /// is for the caller to see.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn latest_readable(
        &self,
        vault: VaultId,
        path: &SecretPath,
    ) -> Result<Option<(Secret, SecretVersion)>> {
        const SQL: &str = concat!(
            "SELECT ",
            sealed_columns!(),
            " FROM secrets s JOIN secret_versions n ON n.secret_id = s.id WHERE s.vault_id = $1 AND s.path = $2 \
             AND s.deleted_at IS NULL AND n.disabled_at IS NULL ORDER BY n.version DESC LIMIT 1"
        );
        let row = self.db.optional(SQL, params![vault, path.as_str()]).await?;
        row.map(|row| both(&row, SecretVersion::sealed)).transpose()
    }

    /// One version, whatever has become of it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn version(
        &self,
        vault: VaultId,
        path: &SecretPath,
        number: i64,
    ) -> Result<Option<(Secret, SecretVersion)>> {
        const SQL: &str = concat!(
            "SELECT ",
            sealed_columns!(),
            " FROM secrets s JOIN secret_versions n ON n.secret_id = s.id \
             WHERE s.vault_id = $1 AND s.path = $2 AND n.version = $3"
        );
        let row = self
            .db
            .optional(SQL, params![vault, path.as_str(), number])
            .await?;
        row.map(|row| both(&row, SecretVersion::sealed)).transpose()
    }

    /// All versions at a path, newest first, without what is sealed in them. None for an unknown path.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn versions(&self, vault: VaultId, path: &SecretPath) -> Result<Vec<SecretVersion>> {
        const SQL: &str = concat!(
            "SELECT ",
            listed_columns!(),
            " FROM secrets s JOIN secret_versions n ON n.secret_id = s.id \
             WHERE s.vault_id = $1 AND s.path = $2 ORDER BY n.version DESC LIMIT $3"
        );
        let rows = self
            .db
            .all(SQL, params![vault, path.as_str(), crate::MAX_ROWS])
            .await?;
        rows.iter().map(SecretVersion::listed).collect()
    }

    /// The latest version at every path that begins with `prefix` and is not deleted, in the order of the paths, without
    /// what is sealed.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn list(&self, vault: VaultId, prefix: &str) -> Result<Vec<(Secret, SecretVersion)>> {
        const SQL: &str = concat!(
            "SELECT ",
            listed_columns!(),
            " FROM secrets s JOIN secret_versions n ON n.secret_id = s.id AND n.version = s.latest_version \
             WHERE s.vault_id = $1 AND s.path >= $2 AND s.path < $3 AND s.deleted_at IS NULL \
             ORDER BY s.path LIMIT $4"
        );
        if prefix.contains('\0') {
            return Ok(Vec::new());
        }
        // Paths are ASCII and compared byte by byte: all that begin with the prefix lie below this.
        let end = format!("{prefix}\u{10ffff}");
        let rows = self
            .db
            .all(SQL, params![vault, prefix, end, crate::MAX_ROWS])
            .await?;
        rows.iter()
            .map(|row| both(row, SecretVersion::listed))
            .collect()
    }

    /// What is at a path, and the number that its next version gets. The sealed value is bound to the number, so that it
    /// is sealed between this and [`Store::put_version`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn next_version(
        &self,
        vault: VaultId,
        path: &SecretPath,
    ) -> Result<(Option<Secret>, i64)> {
        let secret = self.secret(vault, path).await?;
        let next = secret
            .as_ref()
            .map_or(1, |secret| secret.latest_version.saturating_add(1));
        Ok((secret, next))
    }

    /// Stores a version, and with it the path if it is the first. A deleted path lives again.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] `version` when the number is not the next one any more: ask for the next and seal again.
    /// [`StoreError::NotFound`] when the vault is gone.
    pub async fn put_version(
        &self,
        secret: &Secret,
        version: &SecretVersion,
        event: NewEvent,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        insert_version(&mut tx, secret, version).await?;
        self.finish(tx, &[event]).await
    }

    /// Deletes a path: no version of it can be read again, even when the path is written anew, and no share of it gives
    /// anything any more.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for a path that is unknown or deleted already.
    pub async fn delete_secret(
        &self,
        vault: VaultId,
        path: &SecretPath,
        event: NewEvent,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        let row = tx
            .one(
                "UPDATE secrets SET deleted_at = $3 WHERE vault_id = $1 AND path = $2 \
                 AND deleted_at IS NULL RETURNING id",
                params![vault, path.as_str(), event.at],
            )
            .await?;
        tx.execute(
            "UPDATE secret_versions SET disabled_at = $2 WHERE secret_id = $1 AND disabled_at IS NULL",
            params![row.text("id")?, event.at],
        )
        .await?;
        shares::end_of_secret(&mut tx, row.parsed("id")?, event.at).await?;
        self.finish(tx, &[event]).await
    }

    /// Disables one version for ever. Disabling it twice is no error, and is recorded twice.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn disable_version(
        &self,
        vault: VaultId,
        path: &SecretPath,
        number: i64,
        event: NewEvent,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute_one(
            "UPDATE secret_versions SET disabled_at = COALESCE(disabled_at, $4) WHERE version = $3 AND \
             secret_id = (SELECT s.id FROM secrets s WHERE s.vault_id = $1 AND s.path = $2)",
            params![vault, path.as_str(), number, event.at],
        )
        .await?;
        self.finish(tx, &[event]).await
    }

    /// How many paths an organisation has, deleted ones and those of the system vault left out.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn count_secrets(&self, org: OrgId) -> Result<i64> {
        const SQL: &str = "SELECT count(*) AS n FROM secrets s JOIN vaults v ON v.id = s.vault_id \
             WHERE s.org_id = $1 AND s.deleted_at IS NULL AND NOT v.is_system";
        count(&self.db, SQL, org).await
    }
}

/// Puts a version behind the one before it.
pub(crate) async fn insert_version(
    tx: &mut Tx,
    secret: &Secret,
    version: &SecretVersion,
) -> Result<()> {
    if version.secret_id != secret.id || version.version < 1 {
        return Err(StoreError::Conflict("version"));
    }
    if is_one_more(tx, secret, version).await? {
        let more = (Metered::Secrets, 1);
        room_for(tx, secret.org_id, more, version.created_at).await?;
    }
    if version.version == 1 {
        SECRETS
            .run(tx, [secret_values(secret)])
            .await
            .map_err(|e| e.duplicate_is("version"))?;
    } else {
        let moved = tx
            .execute(
                "UPDATE secrets SET latest_version = $2, updated_at = $3, deleted_at = NULL \
                 WHERE id = $1 AND latest_version = $2 - 1",
                params![secret.id, version.version, version.created_at],
            )
            .await?;
        if moved != 1 {
            let known = tx
                .optional("SELECT id FROM secrets WHERE id = $1", params![secret.id])
                .await?;
            return Err(known.map_or(StoreError::NotFound, |_| StoreError::Conflict("version")));
        }
    }
    VERSIONS
        .run(tx, [version_values(version)?])
        .await
        .map_err(|e| e.duplicate_is("version"))
}

/// Stores the first keys of new agents. They lie in the system vault, so no limit counts them.
pub(crate) async fn insert_keys(
    tx: &mut Tx,
    keys: impl Iterator<Item = &(Secret, SecretVersion)> + Clone,
) -> Result<()> {
    if keys
        .clone()
        .any(|(secret, version)| version.secret_id != secret.id || version.version != 1)
    {
        return Err(StoreError::Conflict("version"));
    }
    let versions: Vec<_> = keys
        .clone()
        .map(|(_, version)| version_values(version))
        .collect::<Result<_>>()?;
    SECRETS
        .run(tx, keys.map(|(secret, _)| secret_values(secret)))
        .await
        .map_err(|e| e.duplicate_is("version"))?;
    VERSIONS
        .run(tx, versions)
        .await
        .map_err(|e| e.duplicate_is("version"))
}

/// Whether there is one secret more with this version: the first at its path, or the first since it was deleted. Those of
/// the system vault do not count.
async fn is_one_more(tx: &mut Tx, secret: &Secret, version: &SecretVersion) -> Result<bool> {
    let sql = "SELECT v.id FROM vaults v WHERE v.id = $1 AND NOT v.is_system AND NOT EXISTS \
         (SELECT 1 FROM secrets s WHERE s.id = $2 AND s.deleted_at IS NULL AND $3 > 1)";
    let params = params![secret.vault_id, secret.id, version.version];
    Ok(tx.optional(sql, params).await?.is_some())
}

static SECRETS: LazyLock<Inserts<8>> = LazyLock::new(|| {
    Inserts::into(
        "secrets (id, vault_id, org_id, path, latest_version, created_at, updated_at, deleted_at)",
    )
});

static VERSIONS: LazyLock<Inserts<13>> = LazyLock::new(|| {
    Inserts::into(
        "secret_versions (secret_id, version, kind, created_by, created_at, expires_at, max_access_count, \
         access_count, disabled_at, rotation_policy, metadata, wrapped_data_key, ciphertext)",
    )
});

/// A secret with its first version.
fn secret_values(secret: &Secret) -> [db::Value; 8] {
    [
        secret.id.into(),
        secret.vault_id.into(),
        secret.org_id.into(),
        secret.path.as_str().into(),
        1_i64.into(),
        secret.created_at.into(),
        secret.updated_at.into(),
        None::<Timestamp>.into(),
    ]
}

fn version_values(version: &SecretVersion) -> Result<[db::Value; 13]> {
    let rotation = version.rotation_policy.as_ref();
    Ok([
        version.secret_id.into(),
        version.version.into(),
        (&version.kind).into(),
        version.created_by.to_string().into(),
        version.created_at.into(),
        version.expires_at.into(),
        version.max_access_count.into(),
        version.access_count.into(),
        version.disabled_at.into(),
        rotation.map(json::canonical).transpose()?.into(),
        json::canonical(&version.metadata)?.into(),
        version.wrapped_data_key.as_slice().into(),
        version.ciphertext.as_slice().into(),
    ])
}
