//! The bytes of the components that came with the server, by their digests.

use oneclaw_core::clock::Timestamp;

use crate::Store;
use crate::db::params;
use crate::error::Result;

/// A component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    /// SHA-256, in hexadecimal.
    pub digest: String,
    /// The name in its manifest.
    pub name: String,
    /// The version in its manifest.
    pub version: String,
    /// Itself.
    pub bytes: Vec<u8>,
}

impl Store {
    /// Keeps a component, unless it is kept already.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn keep_component(&self, component: &Component, now: Timestamp) -> Result<()> {
        let known = self
            .db
            .optional(
                "SELECT digest FROM component_blobs WHERE digest = $1",
                params![&component.digest],
            )
            .await?;
        if known.is_some() {
            return Ok(());
        }
        let mut tx = self.db.begin().await?;
        tx.execute(
            "INSERT INTO component_blobs (digest, name, version, body, first_used_at) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (digest) DO NOTHING",
            params![
                &component.digest,
                &component.name,
                &component.version,
                component.bytes.as_slice(),
                now
            ],
        )
        .await?;
        tx.commit().await
    }

    /// A component that was kept.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn component(&self, digest: &str) -> Result<Option<Component>> {
        let row = self
            .db
            .optional(
                "SELECT digest, name, version, body FROM component_blobs WHERE digest = $1",
                params![digest],
            )
            .await?;
        row.map(|row| {
            Ok(Component {
                digest: row.text("digest")?,
                name: row.text("name")?,
                version: row.text("version")?,
                bytes: row.bytes("body")?,
            })
        })
        .transpose()
    }
}
