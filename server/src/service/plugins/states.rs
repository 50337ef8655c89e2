//! States of attachments: from the words of a request, one from another, and why one is refused.

use oneclaw_core::ids::PluginVersionId;
use oneclaw_core::scope::AttachmentScope;
use oneclaw_store::{AttachmentMode, AttachmentRevision, StoreError};
use serde_json::Value;

use crate::service::error::{Result, ServiceError};

/// What the cause of a rollback begins with.
pub(super) const ROLLBACK: &str = "rollback to ";

/// The revision to which a rollback goes if none is named.
pub(super) fn previous(state: &AttachmentRevision) -> i64 {
    let gone_back_to = state
        .cause
        .strip_prefix(ROLLBACK)
        .and_then(|revision| revision.parse::<i64>().ok());
    gone_back_to.unwrap_or(state.revision).saturating_sub(1)
}

/// What decides wherever the new version does not: what was enforced last.
pub(super) fn fallback(
    before: &AttachmentRevision,
    version: PluginVersionId,
    settings: &str,
) -> Option<(PluginVersionId, String)> {
    let is_same = before.version_id == version && before.settings == settings;
    if before.mode == AttachmentMode::Enforce && before.is_attached && !is_same {
        Some((before.version_id, before.settings.clone()))
    } else {
        before.fallback.clone()
    }
}

pub(super) fn mode(word: &str) -> Result<AttachmentMode> {
    [
        AttachmentMode::Shadow,
        AttachmentMode::Canary,
        AttachmentMode::Enforce,
    ]
    .into_iter()
    .find(|mode| mode.as_str() == word)
    .ok_or_else(|| ServiceError::field("mode", "must be `shadow`, `canary` or `enforce`"))
}

pub(super) fn percent(share: u8) -> Result<i64> {
    if (1..=100).contains(&share) {
        Ok(i64::from(share))
    } else {
        Err(ServiceError::field(
            "canary_percent",
            "must be from 1 to 100",
        ))
    }
}

pub(super) fn stored(scope: &AttachmentScope) -> Result<Value> {
    serde_json::to_value(scope).map_err(|e| ServiceError::Internal(e.to_string()))
}

pub(super) fn refused(error: StoreError) -> ServiceError {
    match error {
        StoreError::Conflict("attachments") => ServiceError::Conflict(format!(
            "{} plugins are attached, which is as many as may be; detach one first",
            oneclaw_store::MAX_ATTACHMENTS
        )),
        StoreError::Conflict("retired") => {
            ServiceError::Conflict("the plugin is retired".to_owned())
        }
        StoreError::Conflict("revision") => ServiceError::Conflict(
            "somebody else has changed this attachment; look at it again".to_owned(),
        ),
        other => other.into(),
    }
}
