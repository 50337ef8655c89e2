//! Where which version decides. Every change is a revision that stays.

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{AttachmentId, OrgId, PluginId, PluginVersionId};
use oneclaw_core::principal::Principal;
use serde_json::Value;

use super::raise_revision;
use crate::Store;
use crate::audit::NewEvent;
use crate::db::{Row, Tx, malformed, params};
use crate::error::{Result, StoreError};

/// Most attachments of an organisation at a time: each is asked about every request that it is for.
pub const MAX_ATTACHMENTS: i64 = 32;

/// Whether what a plugin answers counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttachmentMode {
    /// It is recorded alone.
    Shadow,
    /// It counts for a share of the callers.
    Canary,
    /// It counts.
    Enforce,
}

impl AttachmentMode {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Shadow => "shadow",
            Self::Canary => "canary",
            Self::Enforce => "enforce",
        }
    }

    fn read(row: &Row) -> Result<Self> {
        match row.text("mode")?.as_str() {
            "shadow" => Ok(Self::Shadow),
            "canary" => Ok(Self::Canary),
            "enforce" => Ok(Self::Enforce),
            _ => Err(malformed("mode")),
        }
    }
}

/// An attachment, apart from the state it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachmentRecord {
    /// Its id.
    pub id: AttachmentId,
    /// Whose it is.
    pub org_id: OrgId,
    /// The plugin; never another one.
    pub plugin_id: PluginId,
    /// For display.
    pub name: String,
    /// The revision in force.
    pub revision: i64,
    /// Whether it is asked at all.
    pub is_attached: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A state of an attachment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachmentRevision {
    /// Of which attachment.
    pub attachment_id: AttachmentId,
    /// From 1.
    pub revision: i64,
    /// `attach`, `change`, `rollback` or `detach`.
    pub cause: String,
    /// Whether it was asked at all.
    pub is_attached: bool,
    /// Which version.
    pub version_id: PluginVersionId,
    /// JSON text.
    pub settings: String,
    /// What it is for.
    pub scope: Value,
    /// Lower ones are asked first.
    pub position: i64,
    /// Whether its answer counts.
    pub mode: AttachmentMode,
    /// From 1 to 100; has a meaning in mode `canary` alone.
    pub canary_percent: i64,
    /// What the version with these settings wants to be given.
    pub asks: Value,
    /// What was enforced before: decides wherever this version does not count, or cannot be had.
    pub fallback: Option<(PluginVersionId, String)>,
    /// Who changed it.
    pub changed_by: Principal,
    /// When.
    pub changed_at: Timestamp,
}

/// Which version with which settings: enough to have it decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pinned {
    /// Name of the plugin.
    pub plugin: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of the component.
    pub digest: String,
    /// What it decides on.
    pub worlds: Vec<String>,
    /// JSON text.
    pub settings: String,
}

/// An attachment as decisions need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    /// Its id.
    pub id: AttachmentId,
    /// Its revision.
    pub revision: i64,
    /// The version.
    pub current: Pinned,
    /// What was enforced before.
    pub fallback: Option<Pinned>,
    /// What it is for.
    pub scope: Value,
    /// Whether its answer counts.
    pub mode: AttachmentMode,
    /// From 1 to 100.
    pub canary_percent: i64,
}

/// Everything that is attached in an organisation, at one revision.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PluginSet {
    /// Grows with every change; 0 before the first.
    pub revision: i64,
    /// In the order in which they are asked.
    pub attached: Vec<Attached>,
}

impl AttachmentRecord {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.parsed("id")?,
            org_id: row.parsed("org_id")?,
            plugin_id: row.parsed("plugin_id")?,
            name: row.text("name")?,
            revision: row.int("revision")?,
            is_attached: row.bool("is_attached")?,
            created_at: row.time("created_at")?,
        })
    }
}

impl AttachmentRevision {
    fn from_row(row: &Row) -> Result<Self> {
        let fallback = row.opt_parsed("fallback_version_id")?;
        Ok(Self {
            attachment_id: row.parsed("attachment_id")?,
            revision: row.int("revision")?,
            cause: row.text("cause")?,
            is_attached: row.bool("is_attached")?,
            version_id: row.parsed("version_id")?,
            settings: row.text("settings")?,
            scope: row.json("scope")?,
            position: row.int("position")?,
            mode: AttachmentMode::read(row)?,
            canary_percent: row.int("canary_percent")?,
            asks: row.json("asks")?,
            fallback: fallback.zip(row.opt_text("fallback_settings")?),
            changed_by: row.parsed("changed_by")?,
            changed_at: row.time("changed_at")?,
        })
    }
}

impl Attached {
    fn from_row(row: &Row) -> Result<Self> {
        let plugin = row.text("plugin")?;
        let current = Pinned {
            plugin: plugin.clone(),
            version: row.text("version")?,
            digest: row.text("digest")?,
            worlds: row.json("worlds")?,
            settings: row.text("settings")?,
        };
        let fallback = match row.opt_text("fallback_digest")? {
            None => None,
            Some(digest) => Some(Pinned {
                plugin,
                version: row.text("fallback_version")?,
                digest,
                worlds: row.json("fallback_worlds")?,
                settings: row.text("fallback_settings")?,
            }),
        };
        Ok(Self {
            id: row.parsed("id")?,
            revision: row.int("revision")?,
            current,
            fallback,
            scope: row.json("scope")?,
            mode: AttachmentMode::read(row)?,
            canary_percent: row.int("canary_percent")?,
        })
    }
}

/// The columns of a revision.
macro_rules! revision_columns {
    () => {
        "r.attachment_id, r.revision, r.cause, r.is_attached, r.version_id, r.settings, r.scope, r.position, r.mode, \
         r.canary_percent, r.asks, r.fallback_version_id, r.fallback_settings, r.changed_by, r.changed_at"
    };
}

impl Store {
    /// The revision of what is attached in an organisation; 0 before the first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn plugins_revision(&self, org: OrgId) -> Result<i64> {
        let sql = "SELECT revision FROM plugin_sets WHERE org_id = $1";
        match self.db.optional(sql, params![org]).await? {
            Some(row) => row.int("revision"),
            None => Ok(0),
        }
    }

    /// What is attached in an organisation, as of one instant.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn plugin_set(&self, org: OrgId) -> Result<PluginSet> {
        const SQL: &str = "SELECT a.id, a.revision, p.name AS plugin, v.version, v.digest, v.worlds, r.settings, r.scope, \
             r.mode, r.canary_percent, f.version AS fallback_version, f.digest AS fallback_digest, \
             f.worlds AS fallback_worlds, r.fallback_settings FROM plugin_attachments a \
             JOIN plugin_attachment_revisions r ON r.attachment_id = a.id AND r.revision = a.revision \
             JOIN plugins p ON p.id = a.plugin_id JOIN plugin_versions v ON v.id = r.version_id \
             LEFT JOIN plugin_versions f ON f.id = r.fallback_version_id \
             WHERE a.org_id = $1 AND a.is_attached ORDER BY r.position, a.created_at, a.id LIMIT $2";
        let mut tx = self.db.snapshot().await?;
        let revision = "SELECT revision FROM plugin_sets WHERE org_id = $1";
        let Some(row) = tx.optional(revision, params![org]).await? else {
            return Ok(PluginSet::default());
        };
        let rows = tx.all(SQL, params![org, MAX_ATTACHMENTS]).await?;
        Ok(PluginSet {
            revision: row.int("revision")?,
            attached: rows.iter().map(Attached::from_row).collect::<Result<_>>()?,
        })
    }

    /// The attachments of an organisation, oldest first, with the state each is in.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn attachments(
        &self,
        org: OrgId,
    ) -> Result<Vec<(AttachmentRecord, AttachmentRevision)>> {
        const RECORDS: &str = "SELECT a.id, a.org_id, a.plugin_id, a.name, a.revision, a.is_attached, a.created_at \
             FROM plugin_attachments a WHERE a.org_id = $1 ORDER BY a.created_at, a.id LIMIT $2";
        const STATES: &str = concat!(
            "SELECT ",
            revision_columns!(),
            " FROM plugin_attachments a JOIN plugin_attachment_revisions r ON r.attachment_id = a.id \
             AND r.revision = a.revision WHERE a.org_id = $1 ORDER BY a.created_at, a.id LIMIT $2"
        );
        let mut tx = self.db.snapshot().await?;
        let records = tx.all(RECORDS, params![org, crate::MAX_ROWS]).await?;
        let states = tx.all(STATES, params![org, crate::MAX_ROWS]).await?;
        records
            .iter()
            .zip(&states)
            .map(|(record, state)| {
                Ok((
                    AttachmentRecord::from_row(record)?,
                    AttachmentRevision::from_row(state)?,
                ))
            })
            .collect()
    }

    /// One attachment with the state it is in.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn attachment(
        &self,
        org: OrgId,
        id: AttachmentId,
    ) -> Result<Option<(AttachmentRecord, AttachmentRevision)>> {
        const SQL: &str = "SELECT id, org_id, plugin_id, name, revision, is_attached, created_at \
             FROM plugin_attachments WHERE org_id = $1 AND id = $2";
        let Some(row) = self.db.optional(SQL, params![org, id]).await? else {
            return Ok(None);
        };
        let record = AttachmentRecord::from_row(&row)?;
        let state = self.attachment_revision(id, record.revision).await?;
        Ok(state.map(|state| (record, state)))
    }

    /// One state of an attachment. The caller has made sure that it may be seen.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn attachment_revision(
        &self,
        id: AttachmentId,
        revision: i64,
    ) -> Result<Option<AttachmentRevision>> {
        const SQL: &str = concat!(
            "SELECT ",
            revision_columns!(),
            " FROM plugin_attachment_revisions r WHERE r.attachment_id = $1 AND r.revision = $2"
        );
        let row = self.db.optional(SQL, params![id, revision]).await?;
        row.as_ref().map(AttachmentRevision::from_row).transpose()
    }

    /// The states of an attachment before a revision, the latest first. The caller has made sure that they may be seen.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn attachment_revisions(
        &self,
        id: AttachmentId,
        before: i64,
        most: i64,
    ) -> Result<Vec<AttachmentRevision>> {
        const SQL: &str = concat!(
            "SELECT ",
            revision_columns!(),
            " FROM plugin_attachment_revisions r WHERE r.attachment_id = $1 AND r.revision < $2 \
             ORDER BY r.revision DESC LIMIT $3"
        );
        let rows = self.db.all(SQL, params![id, before, most]).await?;
        rows.iter().map(AttachmentRevision::from_row).collect()
    }

    /// Attaches a plugin, in its first state.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] `attachments` when there are as many as there may be, `retired` for a plugin that has
    /// been retired meanwhile.
    pub async fn attach_plugin(
        &self,
        record: &AttachmentRecord,
        state: &AttachmentRevision,
        event: NewEvent,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        raise_revision(&mut tx, record.org_id).await?;
        tx.execute_one(
            "INSERT INTO plugin_attachments (id, org_id, plugin_id, name, revision, is_attached, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            params![
                record.id,
                record.org_id,
                record.plugin_id,
                &record.name,
                state.revision,
                state.is_attached,
                record.created_at
            ],
        )
        .await?;
        insert_revision(&mut tx, state).await?;
        check_room(&mut tx, record).await?;
        self.finish(tx, &[event]).await
    }

    /// Puts an attachment into another state, the next after `record.revision`.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] `revision` when somebody else changed it meanwhile, otherwise as
    /// [`Store::attach_plugin`].
    pub async fn change_attachment(
        &self,
        record: &AttachmentRecord,
        state: &AttachmentRevision,
        event: NewEvent,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        raise_revision(&mut tx, record.org_id).await?;
        let changed = tx
            .execute(
                "UPDATE plugin_attachments SET revision = $4, is_attached = $5, name = $6 \
                 WHERE org_id = $1 AND id = $2 AND revision = $3",
                params![
                    record.org_id,
                    record.id,
                    record.revision,
                    state.revision,
                    state.is_attached,
                    &record.name
                ],
            )
            .await?;
        if changed == 0 {
            return Err(StoreError::Conflict("revision"));
        }
        insert_revision(&mut tx, state).await?;
        if state.is_attached {
            check_room(&mut tx, record).await?;
        }
        self.finish(tx, &[event]).await
    }
}

async fn insert_revision(tx: &mut Tx, state: &AttachmentRevision) -> Result<()> {
    let (fallback, fallback_settings) = state.fallback.clone().unzip();
    tx.execute_one(
        "INSERT INTO plugin_attachment_revisions (attachment_id, revision, cause, is_attached, version_id, settings, \
         scope, position, mode, canary_percent, asks, fallback_version_id, fallback_settings, changed_by, changed_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        params![
            state.attachment_id,
            state.revision,
            &state.cause,
            state.is_attached,
            state.version_id,
            &state.settings,
            crate::json::text(&state.scope)?,
            state.position,
            state.mode.as_str(),
            state.canary_percent,
            crate::json::text(&state.asks)?,
            fallback,
            fallback_settings,
            state.changed_by.to_string(),
            state.changed_at,
        ],
    )
    .await
}

/// Within the transaction that attaches, whose lock on the set makes others of the organisation wait.
async fn check_room(tx: &mut Tx, record: &AttachmentRecord) -> Result<()> {
    let count = tx
        .one(
            "SELECT count(*) AS n FROM plugin_attachments WHERE org_id = $1 AND is_attached",
            params![record.org_id],
        )
        .await?;
    if count.int("n")? > MAX_ATTACHMENTS {
        return Err(StoreError::Conflict("attachments"));
    }
    let plugin = tx
        .one(
            "SELECT retired_at FROM plugins WHERE org_id = $1 AND id = $2",
            params![record.org_id, record.plugin_id],
        )
        .await?;
    match plugin.opt_time("retired_at")? {
        Some(_) => Err(StoreError::Conflict("retired")),
        None => Ok(()),
    }
}
