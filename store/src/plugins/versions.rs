//! What was uploaded. A version never changes; it can be yanked.

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{OrgId, PluginId, PluginVersionId, PublisherId};
use oneclaw_core::principal::Principal;

use crate::Store;
use crate::audit::NewEvent;
use crate::db::{Row, number, params};
use crate::error::{Result, StoreError};

/// Most versions of all plugins of an organisation.
const MAX_VERSIONS: i64 = 2_000;
/// Most bytes of all components of an organisation.
const MAX_COMPONENT_BYTES: i64 = 1 << 30;

/// A plugin, whatever its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginRecord {
    /// Its id.
    pub id: PluginId,
    /// Whose it is.
    pub org_id: OrgId,
    /// Unique in the organisation.
    pub name: String,
    /// Who uploaded its first version.
    pub created_by: Principal,
    /// When.
    pub created_at: Timestamp,
    /// From when on it takes no new version and is attached nowhere.
    pub retired_at: Option<Timestamp>,
}

/// One version of a plugin, without its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginVersion {
    /// Its id.
    pub id: PluginVersionId,
    /// Of which plugin.
    pub plugin_id: PluginId,
    /// Whose it is.
    pub org_id: OrgId,
    /// Name of the plugin.
    pub plugin: String,
    /// Semantic version; unique among those of the plugin.
    pub version: String,
    /// SHA-256 of the component, in lower-case hexadecimal; unique in the organisation.
    pub digest: String,
    /// Bytes of the component.
    pub size: u64,
    /// What it says of itself.
    pub summary: String,
    /// JSON Schema of its settings, as text.
    pub settings_schema: String,
    /// What it decides on: `access-policy`, `transaction-guardrail`.
    pub worlds: Vec<String>,
    /// How many cases it carries.
    pub cases: u64,
    /// Whose signature came with it.
    pub publisher_id: Option<PublisherId>,
    /// Ed25519.
    pub signature: Option<Vec<u8>>,
    /// Who uploaded it.
    pub created_by: Principal,
    /// When.
    pub created_at: Timestamp,
    /// From when on it is attached nowhere anew.
    pub yanked_at: Option<Timestamp>,
}

/// A version that is to be stored.
#[derive(Debug)]
pub struct NewVersion<'a> {
    /// The version; the id of its plugin is used if there is no plugin of this name yet.
    pub version: PluginVersion,
    /// The component.
    pub bytes: &'a [u8],
}

/// What came of storing a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Uploaded {
    /// It is new.
    New(Box<PluginVersion>),
    /// The very bytes were there already.
    Known(Box<PluginVersion>),
}

/// A query for versions.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT v.id, v.plugin_id, v.org_id, p.name AS plugin, v.version, v.digest, v.size, v.summary, \
             v.settings_schema, v.worlds, v.cases, v.publisher_id, v.signature, v.created_by, v.created_at, v.yanked_at \
             FROM plugin_versions v JOIN plugins p ON p.id = v.plugin_id ",
            $rest
        )
    };
}

impl PluginRecord {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.parsed("id")?,
            org_id: row.parsed("org_id")?,
            name: row.text("name")?,
            created_by: row.parsed("created_by")?,
            created_at: row.time("created_at")?,
            retired_at: row.opt_time("retired_at")?,
        })
    }
}

impl PluginVersion {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.parsed("id")?,
            plugin_id: row.parsed("plugin_id")?,
            org_id: row.parsed("org_id")?,
            plugin: row.text("plugin")?,
            version: row.text("version")?,
            digest: row.text("digest")?,
            size: row.unsigned("size")?,
            summary: row.text("summary")?,
            settings_schema: row.text("settings_schema")?,
            worlds: row.json("worlds")?,
            cases: row.unsigned("cases")?,
            publisher_id: row.opt_parsed("publisher_id")?,
            signature: row.opt_bytes("signature")?,
            created_by: row.parsed("created_by")?,
            created_at: row.time("created_at")?,
            yanked_at: row.opt_time("yanked_at")?,
        })
    }
}

const PLUGIN: &str = "SELECT id, org_id, name, created_by, created_at, retired_at FROM plugins \
     WHERE org_id = $1 AND name = $2";
const BY_DIGEST: &str = select!("WHERE v.org_id = $1 AND v.digest = $2");

impl Store {
    /// Stores a version with its component. The same bytes again are the version that is there, and nothing is recorded.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] `version` for another component of the same name and version, `retired` for a plugin that
    /// takes no more, `versions` or `bytes` when the organisation has as many as it may.
    pub async fn upload_plugin(&self, new: NewVersion<'_>, event: NewEvent) -> Result<Uploaded> {
        let NewVersion { mut version, bytes } = new;
        let org = version.org_id;
        let mut tx = self.db.begin().await?;
        // Uploads of an organisation wait for each other, so that what is counted here stays true.
        tx.execute(
            "INSERT INTO plugin_sets (org_id, revision, signatures_required) VALUES ($1, 0, $2) \
             ON CONFLICT (org_id) DO UPDATE SET revision = plugin_sets.revision",
            params![org, false],
        )
        .await?;
        if let Some(row) = tx
            .optional(BY_DIGEST, params![org, &version.digest])
            .await?
        {
            return Ok(Uploaded::Known(Box::new(PluginVersion::from_row(&row)?)));
        }
        let sums = tx
            .one(
                "SELECT count(*) AS n, CAST(COALESCE(sum(size), 0) AS BIGINT) AS bytes FROM plugin_versions \
                 WHERE org_id = $1",
                params![org],
            )
            .await?;
        let size = number(version.size, "bytes")?;
        if sums.int("n")? >= MAX_VERSIONS {
            return Err(StoreError::Conflict("versions"));
        }
        if sums.int("bytes")?.saturating_add(size) > MAX_COMPONENT_BYTES {
            return Err(StoreError::Conflict("bytes"));
        }
        match tx.optional(PLUGIN, params![org, &version.plugin]).await? {
            Some(row) => {
                let plugin = PluginRecord::from_row(&row)?;
                if plugin.retired_at.is_some() {
                    return Err(StoreError::Conflict("retired"));
                }
                version.plugin_id = plugin.id;
            }
            None => {
                tx.execute_one(
                    "INSERT INTO plugins (id, org_id, name, created_by, created_at) VALUES ($1, $2, $3, $4, $5)",
                    params![
                        version.plugin_id,
                        org,
                        &version.plugin,
                        version.created_by.to_string(),
                        version.created_at
                    ],
                )
                .await?;
            }
        }
        tx.execute_one(
            "INSERT INTO plugin_versions (id, plugin_id, org_id, version, digest, size, summary, settings_schema, \
             worlds, cases, publisher_id, signature, created_by, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
            params![
                version.id,
                version.plugin_id,
                org,
                &version.version,
                &version.digest,
                size,
                &version.summary,
                &version.settings_schema,
                crate::json::text(&version.worlds)?,
                number(version.cases, "cases")?,
                version.publisher_id,
                version.signature.clone(),
                version.created_by.to_string(),
                version.created_at,
            ],
        )
        .await
        .map_err(|e| e.duplicate_is("version"))?;
        tx.execute_one(
            "INSERT INTO plugin_components (org_id, digest, bytes) VALUES ($1, $2, $3)",
            params![org, &version.digest, bytes],
        )
        .await?;
        self.finish(tx, &[event]).await?;
        Ok(Uploaded::New(Box::new(version)))
    }

    /// The plugins of an organisation in the order of their names.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn plugins(&self, org: OrgId) -> Result<Vec<PluginRecord>> {
        const SQL: &str = "SELECT id, org_id, name, created_by, created_at, retired_at FROM plugins \
             WHERE org_id = $1 ORDER BY name";
        let rows = self.db.all(SQL, params![org]).await?;
        rows.iter().map(PluginRecord::from_row).collect()
    }

    /// One plugin.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn plugin(&self, org: OrgId, name: &str) -> Result<Option<PluginRecord>> {
        if name.contains('\0') {
            return Ok(None);
        }
        let row = self.db.optional(PLUGIN, params![org, name]).await?;
        row.as_ref().map(PluginRecord::from_row).transpose()
    }

    /// The versions of all plugins of an organisation, the latest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn plugin_versions(&self, org: OrgId) -> Result<Vec<PluginVersion>> {
        const SQL: &str =
            select!("WHERE v.org_id = $1 ORDER BY v.created_at DESC, v.id DESC LIMIT $2");
        let rows = self.db.all(SQL, params![org, MAX_VERSIONS]).await?;
        rows.iter().map(PluginVersion::from_row).collect()
    }

    /// One version of a plugin, by the plugin's name.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn plugin_version(
        &self,
        org: OrgId,
        name: &str,
        version: &str,
    ) -> Result<Option<PluginVersion>> {
        const SQL: &str = select!("WHERE v.org_id = $1 AND p.name = $2 AND v.version = $3");
        if name.contains('\0') || version.contains('\0') {
            return Ok(None);
        }
        let row = self.db.optional(SQL, params![org, name, version]).await?;
        row.as_ref().map(PluginVersion::from_row).transpose()
    }

    /// One version, by its id.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn plugin_version_by_id(
        &self,
        org: OrgId,
        id: PluginVersionId,
    ) -> Result<Option<PluginVersion>> {
        const SQL: &str = select!("WHERE v.org_id = $1 AND v.id = $2");
        let row = self.db.optional(SQL, params![org, id]).await?;
        row.as_ref().map(PluginVersion::from_row).transpose()
    }

    /// The version with this digest.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn plugin_by_digest(
        &self,
        org: OrgId,
        digest: &str,
    ) -> Result<Option<PluginVersion>> {
        let row = self.db.optional(BY_DIGEST, params![org, digest]).await?;
        row.as_ref().map(PluginVersion::from_row).transpose()
    }

    /// The component with this digest.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn plugin_component(&self, org: OrgId, digest: &str) -> Result<Option<Vec<u8>>> {
        const SQL: &str = "SELECT bytes FROM plugin_components WHERE org_id = $1 AND digest = $2";
        let row = self.db.optional(SQL, params![org, digest]).await?;
        row.map(|row| row.bytes("bytes")).transpose()
    }

    /// What was uploaded to any organisation after an instant, the latest first: organisation and digest. For nodes that
    /// compile ahead.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn plugins_uploaded_after(
        &self,
        after: Timestamp,
        most: i64,
    ) -> Result<Vec<(OrgId, String)>> {
        const SQL: &str = "SELECT org_id, digest FROM plugin_versions WHERE created_at > $1 AND yanked_at IS NULL \
             ORDER BY created_at DESC, id DESC LIMIT $2";
        let rows = self.db.all(SQL, params![after, most]).await?;
        rows.iter()
            .map(|row| Ok((row.parsed("org_id")?, row.text("digest")?)))
            .collect()
    }

    /// Has a version attached nowhere anew. Where it is attached it stays.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], also for one that is yanked already.
    pub async fn yank_plugin_version(
        &self,
        org: OrgId,
        id: PluginVersionId,
        at: Timestamp,
        event: NewEvent,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute_one(
            "UPDATE plugin_versions SET yanked_at = $3 WHERE org_id = $1 AND id = $2 AND yanked_at IS NULL",
            params![org, id, at],
        )
        .await?;
        self.finish(tx, &[event]).await
    }

    /// Ends a plugin: it takes no new version and is attached nowhere. Its versions stay, for the records that name them.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] `attached` while it is attached; [`StoreError::NotFound`], also for one that is retired
    /// already.
    pub async fn retire_plugin(
        &self,
        org: OrgId,
        id: PluginId,
        at: Timestamp,
        event: NewEvent,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute_one(
            "UPDATE plugins SET retired_at = $3 WHERE org_id = $1 AND id = $2 AND retired_at IS NULL",
            params![org, id, at],
        )
        .await?;
        let attached = tx
            .one(
                "SELECT count(*) AS n FROM plugin_attachments WHERE plugin_id = $1 AND is_attached",
                params![id],
            )
            .await?;
        if attached.int("n")? > 0 {
            return Err(StoreError::Conflict("attached"));
        }
        self.finish(tx, &[event]).await
    }
}
