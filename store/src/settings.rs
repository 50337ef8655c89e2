//! Settings that are changed while the server runs, of the whole server or of one organisation.

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{OrgId, UserId};

use crate::Store;
use crate::audit::NewEvent;
use crate::db::{Row, params};
use crate::error::Result;

/// Whose setting it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingScope {
    /// The whole server's.
    Server,
    /// One organisation's.
    Org(OrgId),
}

impl SettingScope {
    fn word(self) -> String {
        match self {
            Self::Server => "server".to_owned(),
            Self::Org(org) => org.to_string(),
        }
    }
}

/// A setting that was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its name.
    pub key: String,
    /// Its value.
    pub value: String,
    /// Who changed it last.
    pub updated_by: UserId,
    /// When.
    pub updated_at: Timestamp,
}

impl Setting {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            key: row.text("key")?,
            value: row.text("value")?,
            updated_by: row.parsed("updated_by")?,
            updated_at: row.time("updated_at")?,
        })
    }
}

impl Store {
    /// Every setting that was changed, by name.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn settings(&self, scope: SettingScope) -> Result<Vec<Setting>> {
        let rows = self
            .db
            .all(
                "SELECT key, value, updated_by, updated_at FROM settings WHERE scope = $1 ORDER BY key",
                params![scope.word()],
            )
            .await?;
        rows.iter().map(Setting::from_row).collect()
    }

    /// The value of a setting, if it was changed.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn setting(&self, scope: SettingScope, key: &str) -> Result<Option<String>> {
        let row = self
            .db
            .optional(
                "SELECT value FROM settings WHERE scope = $1 AND key = $2",
                params![scope.word(), key],
            )
            .await?;
        row.map(|row| row.text("value")).transpose()
    }

    /// Changes a setting.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn put_setting(
        &self,
        scope: SettingScope,
        setting: &Setting,
        event: NewEvent,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute_one(
            "INSERT INTO settings (scope, key, value, updated_by, updated_at) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (scope, key) DO UPDATE \
             SET value = excluded.value, updated_by = excluded.updated_by, updated_at = excluded.updated_at",
            params![
                scope.word(),
                &setting.key,
                &setting.value,
                setting.updated_by,
                setting.updated_at
            ],
        )
        .await?;
        self.finish(tx, &[event]).await
    }

    /// Gives a setting its default back.
    ///
    /// # Errors
    /// [`crate::StoreError::NotFound`] when it has it.
    pub async fn delete_setting(
        &self,
        scope: SettingScope,
        key: &str,
        event: NewEvent,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute_one(
            "DELETE FROM settings WHERE scope = $1 AND key = $2",
            params![scope.word(), key],
        )
        .await?;
        self.finish(tx, &[event]).await
    }
}
