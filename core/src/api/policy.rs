//! Access policies.

use serde_json::Value;

use super::{Patch, body, patch};

body! {
    /// `POST /v1/vaults/{vault_id}/policies`
    pub struct CreatePolicyRequest {
        /// A path glob: `*` is one segment, `**` any number. For agents it may have places: `{agent-name}`, `{agent-id}`,
        /// `{label:team}`.
        pub secret_path_pattern: String,
        /// `user` or `agent`.
        pub principal_type: String,
        /// Id of the user or agent; for agents also `*` for every one, or `label:team=red` for those with a label (up to
        /// four, separated by commas).
        pub principal_id: String,
        /// `read`, `write`, `delete`, `rotate`; `write` covers delete and rotate.
        pub permissions: Vec<String>,
        /// `ip_allowlist`, `time_window`, `environment_in`; all must hold.
        #[serde(default)]
        pub conditions: Option<Value>,
        /// RFC 3339; from then on the policy does not apply.
        #[serde(default)]
        pub expires_at: Option<String>,
        /// `allow` (default) or `deny`.
        #[serde(default)]
        pub effect: Option<String>,
        /// 0 (default) or more; the highest applicable priority decides, and there a deny beats an allow.
        #[serde(default)]
        pub priority: Option<i64>,
        /// Stored and not acted upon.
        #[serde(default)]
        pub attribute_conditions: Option<Value>,
        /// Stored and not acted upon.
        #[serde(default)]
        pub consensus_trigger: Option<Value>,
        /// Stored and not acted upon.
        #[serde(default)]
        pub tx_conditions: Option<Value>,
        /// Stored as sent; default 2.
        #[serde(default)]
        pub policy_schema_version: Option<i64>,
    }
}

body! {
    /// `PUT /v1/vaults/{vault_id}/policies/{policy_id}`; pattern and principal cannot be changed.
    pub struct UpdatePolicyRequest {
        /// Replaces the permissions.
        #[serde(default)]
        pub permissions: Option<Vec<String>>,
        /// Replaces the conditions; `null` removes them.
        #[serde(default, deserialize_with = "patch")]
        pub conditions: Option<Option<Value>>,
        /// RFC 3339; `null` removes it.
        #[serde(default, deserialize_with = "patch")]
        pub expires_at: Patch<String>,
        /// `allow` or `deny`.
        #[serde(default)]
        pub effect: Option<String>,
        /// 0 or more.
        #[serde(default)]
        pub priority: Option<i64>,
        /// Stored and not acted upon.
        #[serde(default, deserialize_with = "patch")]
        pub attribute_conditions: Option<Option<Value>>,
        /// Stored and not acted upon.
        #[serde(default, deserialize_with = "patch")]
        pub consensus_trigger: Option<Option<Value>>,
        /// Stored and not acted upon.
        #[serde(default, deserialize_with = "patch")]
        pub tx_conditions: Option<Option<Value>>,
        /// Stored as sent.
        #[serde(default)]
        pub policy_schema_version: Option<i64>,
    }
}

body! {
    /// An access policy.
    pub struct Policy {
        /// Policy id.
        pub id: String,
        /// The vault it is about.
        pub vault_id: String,
        /// A path glob, as given.
        pub secret_path_pattern: String,
        /// `user` or `agent`.
        pub principal_type: String,
        /// Id of the user or agent, `*`, or `label:` with labels in the order of their names.
        pub principal_id: String,
        /// Permission words.
        pub permissions: Vec<String>,
        /// As given; `{}` for none.
        pub conditions: Value,
        /// RFC 3339.
        pub expires_at: Option<String>,
        /// Bare id of the creator.
        pub created_by: String,
        /// `user` or `agent`.
        pub created_by_type: String,
        /// RFC 3339.
        pub created_at: String,
        /// `allow` or `deny`.
        pub effect: String,
        /// The highest applicable priority decides.
        pub priority: i64,
        /// As given.
        pub attribute_conditions: Option<Value>,
        /// As given.
        pub consensus_trigger: Option<Value>,
        /// As given.
        pub tx_conditions: Option<Value>,
        /// As given.
        pub policy_schema_version: i64,
    }
}

body! {
    /// The policies of a vault.
    pub struct PolicyList {
        /// Oldest first.
        pub policies: Vec<Policy>,
    }
}
