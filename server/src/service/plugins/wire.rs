//! From what is stored to what is answered.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use oneclaw_core::api;
use oneclaw_policy_host::World;
use oneclaw_store::{PluginVersion, Publisher};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::service::time;

/// The word for a world.
pub(super) const fn world(world: World) -> &'static str {
    match world {
        World::AccessPolicy => "access-policy",
        World::TransactionGuardrail => "transaction-guardrail",
    }
}

/// The world that a word means.
pub(in crate::service) fn world_of(word: &str) -> Option<World> {
    [World::AccessPolicy, World::TransactionGuardrail]
        .into_iter()
        .find(|known| world(*known) == word)
}

/// Bytes in base64 of either alphabet, padded or not.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    let text = text.trim().trim_end_matches('=');
    URL_SAFE_NO_PAD
        .decode(text)
        .or_else(|_| STANDARD_NO_PAD.decode(text))
        .ok()
}

pub(super) fn version(version: PluginVersion) -> api::PluginVersion {
    api::PluginVersion {
        id: version.id.to_string(),
        plugin: version.plugin,
        version: version.version,
        digest: version.digest,
        size: version.size,
        summary: version.summary,
        settings_schema: json(&version.settings_schema),
        worlds: version.worlds,
        cases: version.cases,
        publisher_id: version.publisher_id.map(|id| id.to_string()),
        signature: version.signature.map(|bytes| URL_SAFE_NO_PAD.encode(bytes)),
        created_by: version.created_by.to_string(),
        created_at: time::format(version.created_at),
        yanked_at: time::format_option(version.yanked_at),
    }
}

pub(super) fn publisher(publisher: Publisher) -> api::Publisher {
    api::Publisher {
        id: publisher.id.to_string(),
        name: publisher.name,
        public_key: URL_SAFE_NO_PAD.encode(publisher.public_key),
        created_at: time::format(publisher.created_at),
        revoked_at: time::format_option(publisher.revoked_at),
    }
}

/// A version with the settings that it is handed.
pub(super) fn pinned(version: &PluginVersion, settings: &str) -> api::PinnedVersion {
    api::PinnedVersion {
        version: version.version.clone(),
        digest: version.digest.clone(),
        settings_digest: hex::encode(Sha256::digest(settings)),
    }
}

/// What was checked to be JSON when it was stored.
pub(super) fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or(Value::Null)
}
