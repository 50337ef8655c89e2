//! Plugins of organisations: components, the keys they are signed with, and where they decide.

mod attachments;
mod publishers;
mod versions;

pub use attachments::{
    Attached, AttachmentMode, AttachmentRecord, AttachmentRevision, MAX_ATTACHMENTS, Pinned,
    PluginSet,
};
pub use publishers::{PluginRules, Publisher};
pub use versions::{NewVersion, PluginRecord, PluginVersion, Uploaded};

use oneclaw_core::ids::OrgId;

use crate::db::{Tx, params};
use crate::error::Result;

/// Tells every node that something else decides from now on.
async fn raise_revision(tx: &mut Tx, org: OrgId) -> Result<i64> {
    tx.one(
        "INSERT INTO plugin_sets (org_id, revision, signatures_required) VALUES ($1, 1, $2) \
         ON CONFLICT (org_id) DO UPDATE SET revision = plugin_sets.revision + 1 RETURNING revision",
        params![org, false],
    )
    .await?
    .int("revision")
}
