//! Plugins of an organisation: versions, the keys they are signed with, and where they decide.

use serde::Deserialize;
use serde_json::Value;

use super::{Patch, body, patch};
use crate::scope::AttachmentScope;

/// Names that no plugin may have: those of the built-in plugins, whose budgets are kept under theirs, and words of the API.
pub const RESERVED_PLUGIN_NAMES: [&str; 6] = [
    "access-policy",
    "transaction-guardrails",
    "attachments",
    "publishers",
    "settings",
    "versions",
];

/// What a publisher signs (Ed25519) for a component with this SHA-256, in lower-case hexadecimal.
#[must_use]
pub fn plugin_signing_text(digest: &str) -> String {
    format!("oneclaw-plugin-v1:{digest}")
}

/// The query of `POST /v1/plugins`.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[cfg_attr(feature = "openapi", into_params(parameter_in = Query))]
pub struct UploadPluginQuery {
    /// The name that the component should give itself; absent: whatever it is.
    #[serde(default)]
    pub name: Option<String>,
    /// The version that the component should give itself; absent: whatever it is.
    #[serde(default)]
    pub version: Option<String>,
    /// Id of the publisher whose signature this is.
    #[serde(default)]
    pub publisher: Option<String>,
    /// Ed25519 signature over `oneclaw-plugin-v1:` and the SHA-256 of the component in lower-case hexadecimal; base64url
    /// without padding.
    #[serde(default)]
    pub signature: Option<String>,
    /// `true`: this version may decide on what the one before it did not.
    #[serde(default)]
    pub consent: Option<bool>,
}

body! {
    /// One version of a plugin. It never changes.
    pub struct PluginVersion {
        /// Its id.
        pub id: String,
        /// Name of the plugin; unique in the organisation.
        pub plugin: String,
        /// Semantic version.
        pub version: String,
        /// SHA-256 of the component, in lower-case hexadecimal.
        pub digest: String,
        /// Bytes of the component.
        pub size: u64,
        /// One sentence.
        pub summary: String,
        /// JSON Schema (2020-12) of its settings.
        pub settings_schema: Value,
        /// What it decides on: `access-policy`, `transaction-guardrail`.
        pub worlds: Vec<String>,
        /// How many cases it carries; all of them passed when it was uploaded.
        pub cases: u64,
        /// Whose signature came with it.
        pub publisher_id: Option<String>,
        /// Ed25519, base64url.
        pub signature: Option<String>,
        /// `user:<id>`
        pub created_by: String,
        /// RFC 3339.
        pub created_at: String,
        /// RFC 3339; from then on it is attached nowhere anew.
        pub yanked_at: Option<String>,
    }
}

body! {
    /// A plugin.
    pub struct Plugin {
        /// Its id.
        pub id: String,
        /// Unique in the organisation.
        pub name: String,
        /// The latest first.
        pub versions: Vec<PluginVersion>,
        /// RFC 3339.
        pub created_at: String,
        /// RFC 3339; from then on it takes no new version and is attached nowhere.
        pub retired_at: Option<String>,
    }
}

body! {
    /// `GET /v1/plugins`
    pub struct PluginList {
        /// By name.
        pub plugins: Vec<Plugin>,
    }
}

body! {
    /// `POST /v1/plugins/{name}/versions/{version}/yank`
    #[derive(Default)]
    pub struct YankPluginRequest {
        /// For the record.
        #[serde(default)]
        pub reason: Option<String>,
    }
}

body! {
    /// What holds for all plugins of an organisation.
    pub struct PluginSettings {
        /// `optional`, or `required`: what is not signed by one of its publishers is neither taken in nor attached.
        #[serde(default)]
        pub signatures: Option<String>,
        /// `free`, or `replayed`: what comes to be enforced names a replay of exactly that which passed its gate.
        #[serde(default)]
        pub promotion: Option<String>,
    }
}

body! {
    /// `POST /v1/plugins/publishers`
    pub struct CreatePublisherRequest {
        /// For display.
        pub name: String,
        /// Ed25519, 32 bytes in base64, base64url or hexadecimal.
        pub public_key: String,
    }
}

body! {
    /// A key with which an organisation's plugins are signed.
    pub struct Publisher {
        /// Its id.
        pub id: String,
        /// For display.
        pub name: String,
        /// Ed25519, base64url.
        pub public_key: String,
        /// RFC 3339.
        pub created_at: String,
        /// RFC 3339; from then on its signatures do not count.
        pub revoked_at: Option<String>,
    }
}

body! {
    /// `GET /v1/plugins/publishers`
    pub struct PublisherList {
        /// Oldest first.
        pub publishers: Vec<Publisher>,
    }
}

body! {
    /// `POST /v1/plugins/attachments`
    pub struct CreateAttachmentRequest {
        /// Name of the plugin.
        pub plugin: String,
        /// Its version.
        pub version: String,
        /// For display; default: the name of the plugin.
        #[serde(default)]
        pub name: Option<String>,
        /// What its `configure` and its JSON Schema take; default `{}`.
        #[serde(default)]
        pub settings: Option<Value>,
        /// Which requests it is asked about; default: all of the organisation.
        #[serde(default)]
        #[cfg_attr(feature = "openapi", schema(value_type = Object))]
        pub scope: Option<AttachmentScope>,
        /// Lower ones are asked first; default 0.
        #[serde(default)]
        pub order: Option<i32>,
        /// `shadow`, the default: recorded and not enforced. `canary`: enforced for a share of the callers. `enforce`.
        #[serde(default)]
        pub mode: Option<String>,
        /// The share in mode `canary`, 1 to 100; default 10.
        #[serde(default)]
        pub canary_percent: Option<u8>,
        /// `true`: the plugin may be given here what it is given nowhere else.
        #[serde(default)]
        pub consent: Option<bool>,
    }
}

body! {
    /// `PATCH /v1/plugins/attachments/{id}`: what is absent stays.
    #[derive(Default)]
    pub struct UpdateAttachmentRequest {
        /// Another version of the same plugin.
        #[serde(default)]
        pub version: Option<String>,
        /// For display.
        #[serde(default)]
        pub name: Option<String>,
        /// Takes the place of all settings.
        #[serde(default, deserialize_with = "patch")]
        #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
        pub settings: Patch<Value>,
        /// Takes the place of the whole scope; `null`: all of the organisation.
        #[serde(default, deserialize_with = "patch")]
        #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
        pub scope: Patch<AttachmentScope>,
        /// Lower ones are asked first.
        #[serde(default)]
        pub order: Option<i32>,
        /// `shadow`, `canary` or `enforce`.
        #[serde(default)]
        pub mode: Option<String>,
        /// 1 to 100.
        #[serde(default)]
        pub canary_percent: Option<u8>,
        /// `true`: the version may be given what it was not given before.
        #[serde(default)]
        pub consent: Option<bool>,
        /// The revision that this change is meant for; another one in force is 409.
        #[serde(default)]
        pub revision: Option<i64>,
        /// A replay with the candidate `attachment` that tried exactly this and passed its gate; 409 if it did not.
        #[serde(default)]
        pub replay: Option<String>,
    }
}

body! {
    /// `POST /v1/plugins/attachments/{id}/rollback`
    #[derive(Default)]
    pub struct RollbackRequest {
        /// The revision to go back to; absent: the one before the one in force.
        #[serde(default)]
        pub revision: Option<i64>,
    }
}

body! {
    /// A version that decides, and with what.
    pub struct PinnedVersion {
        /// Semantic version.
        pub version: String,
        /// SHA-256 of the component.
        pub digest: String,
        /// SHA-256 of the settings as they are handed over.
        pub settings_digest: String,
    }
}

body! {
    /// A plugin that is attached, in the state that is in force.
    pub struct Attachment {
        /// Its id.
        pub id: String,
        /// For display.
        pub name: String,
        /// Name of the plugin.
        pub plugin: String,
        /// From 1; every change makes a new one.
        pub revision: i64,
        /// Whether it is asked at all.
        pub attached: bool,
        /// The version.
        pub version: PinnedVersion,
        /// Its settings.
        pub settings: Value,
        /// Which requests it is asked about.
        #[cfg_attr(feature = "openapi", schema(value_type = Object))]
        pub scope: AttachmentScope,
        /// Lower ones are asked first.
        pub order: i64,
        /// `shadow`, `canary` or `enforce`.
        pub mode: String,
        /// The share in mode `canary`.
        pub canary_percent: Option<i64>,
        /// What was enforced before: it decides wherever `version` is not enforced, and if that cannot be loaded.
        pub fallback: Option<PinnedVersion>,
        /// What the version wants to be given: `facts`, `budgets`.
        pub asks: Value,
        /// On the server that answers: `ready`, `fallback` (the version cannot be loaded, and `fallback` decides) or
        /// `failed` (neither can, and where it is enforced everything is refused). Absent while it is not attached.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub state: Option<String>,
        /// Why the state is not `ready`.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub detail: Option<String>,
        /// What led to this state: `attach`, `change`, `detach`, `rollback to <revision>`.
        pub cause: String,
        /// `user:<id>`
        pub changed_by: String,
        /// RFC 3339.
        pub changed_at: String,
        /// RFC 3339.
        pub created_at: String,
    }
}

body! {
    /// `GET /v1/plugins/attachments`
    pub struct AttachmentList {
        /// Oldest first.
        pub attachments: Vec<Attachment>,
    }
}

body! {
    /// A state that an attachment was in.
    pub struct AttachmentRevision {
        /// From 1.
        pub revision: i64,
        /// What led to it.
        pub cause: String,
        /// Whether it was asked at all.
        pub attached: bool,
        /// The version.
        pub version: PinnedVersion,
        /// Its settings.
        pub settings: Value,
        /// Which requests it was asked about.
        #[cfg_attr(feature = "openapi", schema(value_type = Object))]
        pub scope: AttachmentScope,
        /// Lower ones are asked first.
        pub order: i64,
        /// `shadow`, `canary` or `enforce`.
        pub mode: String,
        /// The share in mode `canary`.
        pub canary_percent: Option<i64>,
        /// What decided wherever the version was not enforced.
        pub fallback: Option<PinnedVersion>,
        /// `user:<id>`
        pub changed_by: String,
        /// RFC 3339.
        pub changed_at: String,
    }
}

body! {
    /// `GET /v1/plugins/attachments/{id}/revisions`
    pub struct AttachmentRevisionList {
        /// The latest first.
        pub revisions: Vec<AttachmentRevision>,
        /// Pass it as `before` for the next page.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub next_before: Option<i64>,
    }
}
