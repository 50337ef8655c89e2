//! Secrets: written, read, listed, rotated, deleted; each of it through the gate.

mod bundle;
mod list;
mod read;
mod shared;
mod variables;
mod write;

pub(super) use read::{EXHAUSTED, PRIVATE_KEY_BLOCKED, is_blocked_for};
pub(super) use shared::SharedRead;

use oneclaw_core::api::SecretMeta;
use oneclaw_store::SecretVersion;

use super::error::ServiceError;
use super::time;

const UNKNOWN: ServiceError = ServiceError::NotFound("no secret at this path");
const DELETED: ServiceError = ServiceError::Gone("the secret was deleted");

fn meta(secret: &oneclaw_store::Secret, version: &SecretVersion) -> SecretMeta {
    SecretMeta {
        id: secret.id.to_string(),
        path: secret.path.to_string(),
        kind: version.kind.clone(),
        secret_type: version.kind.clone(),
        version: version.version,
        metadata: version.metadata.clone(),
        created_at: time::format(version.created_at),
        updated_at: time::format(secret.updated_at),
        expires_at: time::format_option(version.expires_at),
        is_disabled: version.disabled_at.is_some(),
        access_count: version.access_count,
        max_access_count: version.max_access_count,
    }
}
