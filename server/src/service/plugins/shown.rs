//! Attachments and their revisions, as they are answered and recorded.

use std::collections::HashMap;

use oneclaw_core::api::{Attachment as Body, AttachmentRevision as RevisionBody};
use oneclaw_core::ids::{AttachmentId, PluginVersionId};
use oneclaw_core::scope::AttachmentScope;
use oneclaw_store::{AttachmentMode, AttachmentRecord, AttachmentRevision, PluginVersion};
use serde_json::{Value, json};

use super::wire;
use crate::service::error::{Result, ServiceError};
use crate::service::gate::InForce;
use crate::service::time;

pub(super) fn scope(stored: &Value) -> Result<AttachmentScope> {
    serde_json::from_value(stored.clone()).map_err(|e| ServiceError::Internal(e.to_string()))
}

pub(super) fn details(version: &PluginVersion, state: &AttachmentRevision) -> Value {
    json!({
        "plugin": version.plugin, "version": version.version, "digest": version.digest,
        "settings": wire::pinned(version, &state.settings).settings_digest,
        "revision": state.revision, "cause": state.cause, "mode": state.mode.as_str(),
        "canary_percent": share(state), "scope": state.scope, "order": state.position, "asks": state.asks,
    })
}

fn share(state: &AttachmentRevision) -> Option<i64> {
    (state.mode == AttachmentMode::Canary).then_some(state.canary_percent)
}

pub(super) fn body(
    record: AttachmentRecord,
    state: AttachmentRevision,
    versions: &HashMap<PluginVersionId, PluginVersion>,
    in_force: &HashMap<AttachmentId, InForce>,
) -> Result<Body> {
    let standing = in_force.get(&record.id).filter(|_| record.is_attached);
    let asks = state.asks.clone();
    let plugin = versions
        .get(&state.version_id)
        .map_or_else(String::new, |version| version.plugin.clone());
    let revision = revision_body(state, versions)?;
    Ok(Body {
        id: record.id.to_string(),
        name: record.name,
        plugin,
        revision: revision.revision,
        attached: record.is_attached,
        version: revision.version,
        settings: revision.settings,
        scope: revision.scope,
        order: revision.order,
        mode: revision.mode,
        canary_percent: revision.canary_percent,
        fallback: revision.fallback,
        asks,
        state: standing.map(|standing| standing.word().to_owned()),
        detail: standing.and_then(|standing| standing.detail().map(str::to_owned)),
        cause: revision.cause,
        changed_by: revision.changed_by,
        changed_at: revision.changed_at,
        created_at: time::format(record.created_at),
    })
}

pub(super) fn revision_body(
    state: AttachmentRevision,
    versions: &HashMap<PluginVersionId, PluginVersion>,
) -> Result<RevisionBody> {
    let missing = || ServiceError::Internal("a version of an attachment is missing".to_owned());
    let version = versions.get(&state.version_id).ok_or_else(missing)?;
    let fallback = match &state.fallback {
        Some((id, settings)) => {
            let version = versions.get(id).ok_or_else(missing)?;
            Some(wire::pinned(version, settings))
        }
        None => None,
    };
    Ok(RevisionBody {
        revision: state.revision,
        version: wire::pinned(version, &state.settings),
        settings: wire::json(&state.settings),
        scope: scope(&state.scope)?,
        order: state.position,
        mode: state.mode.as_str().to_owned(),
        canary_percent: share(&state),
        fallback,
        cause: state.cause,
        attached: state.is_attached,
        changed_by: state.changed_by.to_string(),
        changed_at: time::format(state.changed_at),
    })
}
