//! Secrets and their versions.

use super::{Sensitive, body, secret_body};

secret_body! {
    /// `PUT /v1/vaults/{vault_id}/secrets/{path}`
    pub struct PutSecretRequest {
        /// The value; at most 1 MiB. Of the type `env_bundle`: one `KEY=value` a line.
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        pub value: Sensitive,
        /// For example `api_key`; absent: the type of the version before, else `generic`.
        #[serde(default, rename = "type", alias = "secret_type")]
        pub kind: Option<String>,
        /// An object of at most 16 KiB.
        #[serde(default)]
        pub metadata: Option<serde_json::Value>,
        /// RFC 3339; from then on reads answer 410.
        #[serde(default)]
        pub expires_at: Option<String>,
        /// Stored and not acted upon.
        #[serde(default)]
        pub rotation_policy: Option<serde_json::Value>,
        /// How many reads of this version succeed; at least 1. Absent: any number.
        #[serde(default)]
        pub max_access_count: Option<i64>,
    }
}

body! {
    /// `POST /v1/vaults/{vault_id}/secret-rotate/{path}`
    #[derive(Default)]
    pub struct RotateSecretRequest {
        /// Characters of the new value, 8 to 1024; default 32.
        #[serde(default)]
        pub length: Option<u32>,
        /// `hex` (default), `base64`, `alphanumeric` or `ascii`.
        #[serde(default)]
        pub charset: Option<String>,
        /// Absent: the type of the version before.
        #[serde(default, rename = "type", alias = "secret_type")]
        pub kind: Option<String>,
    }
}

body! {
    /// A version of a secret, without its value.
    pub struct SecretMeta {
        /// Identifies the secret, that is its path; the same for all versions.
        pub id: String,
        /// Path in the vault.
        pub path: String,
        /// For example `api_key`.
        #[serde(rename = "type")]
        pub kind: String,
        /// The same as `type`.
        pub secret_type: String,
        /// 1, 2, 3, …
        pub version: i64,
        /// As given.
        pub metadata: serde_json::Value,
        /// RFC 3339.
        pub created_at: String,
        /// RFC 3339.
        pub updated_at: String,
        /// RFC 3339.
        pub expires_at: Option<String>,
        /// Whether this version was disabled.
        pub is_disabled: bool,
        /// Successful reads so far.
        pub access_count: i64,
        /// How many reads succeed at most.
        pub max_access_count: Option<i64>,
    }
}

secret_body! {
    /// A version of a secret, with its value.
    pub struct Secret {
        /// What it is.
        #[serde(flatten)]
        pub meta: SecretMeta,
        /// The value.
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        pub value: Sensitive,
        /// `user:<uuid>` or `agent:<uuid>`
        pub created_by: String,
        /// Customer-managed keys are not supported: always `false`.
        pub cmek_encrypted: bool,
    }
}

body! {
    /// The secrets that the caller may read, in their latest version.
    pub struct SecretList {
        /// By path.
        pub secrets: Vec<SecretMeta>,
    }
}

body! {
    /// The versions of one secret.
    pub struct SecretVersionList {
        /// Newest first.
        pub versions: Vec<SecretMeta>,
    }
}
