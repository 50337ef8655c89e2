//! Many agents made, or given new keys, with one request.

use super::{BatchAgentError, CreateAgentRequest, CreatePolicyRequest, body, secret_body};

body! {
    /// `POST /v1/agents/bulk`: everything or nothing.
    ///
    /// Whatever is made here can be named elsewhere in the request by a word of its own, its `ref`: `ref:w1` stands where
    /// an id would.
    pub struct BulkProvisionRequest {
        /// At most 1000.
        #[serde(default)]
        pub vaults: Vec<BulkVault>,
        /// At most 1000.
        #[serde(default)]
        pub agents: Vec<BulkAgent>,
        /// At most 5000.
        #[serde(default)]
        pub policies: Vec<BulkPolicy>,
    }
}

body! {
    /// A vault to make.
    pub struct BulkVault {
        /// 1 to 64 letters, digits, `-`, `_` and `.`.
        #[serde(rename = "ref", default)]
        pub reference: Option<String>,
        /// 1 to 255 bytes.
        pub name: String,
        /// Free text.
        #[serde(default)]
        pub description: Option<String>,
    }
}

body! {
    /// An agent to make. Its `vault_ids` may name vaults of the request.
    pub struct BulkAgent {
        /// 1 to 64 letters, digits, `-`, `_` and `.`.
        #[serde(rename = "ref", default)]
        pub reference: Option<String>,
        /// As for a single agent.
        #[serde(flatten)]
        pub agent: CreateAgentRequest,
    }
}

body! {
    /// A policy to make. Its `principal_id` may name an agent of the request.
    pub struct BulkPolicy {
        /// Id of a vault, or `ref:` and the word of one of the request.
        pub vault: String,
        /// As for a single policy.
        #[serde(flatten)]
        pub policy: CreatePolicyRequest,
    }
}

secret_body! {
    /// What was made, in the order of the request.
    pub struct BulkProvisionResponse {
        /// The agents; their keys are shown this once.
        pub agents: Vec<ProvisionedAgent>,
        /// The vaults.
        pub vaults: Vec<ProvisionedVault>,
        /// The policies.
        pub policies: Vec<ProvisionedPolicy>,
        /// Whether this tells what an earlier request under the same `Idempotency-Key` made. Then there are no keys in it.
        #[serde(default)]
        pub replayed: bool,
    }
}

secret_body! {
    /// An agent that was made.
    pub struct ProvisionedAgent {
        /// As given.
        #[serde(rename = "ref", default, skip_serializing_if = "Option::is_none")]
        pub reference: Option<String>,
        /// Agent id.
        pub id: String,
        /// Name.
        pub name: String,
        /// The first 12 characters of its key.
        pub api_key_prefix: Option<String>,
        /// `ocv_…`; absent when it was shown before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub api_key: Option<String>,
    }
}

body! {
    /// A vault that was made.
    pub struct ProvisionedVault {
        /// As given.
        #[serde(rename = "ref", default, skip_serializing_if = "Option::is_none")]
        pub reference: Option<String>,
        /// Vault id.
        pub id: String,
        /// Name.
        pub name: String,
    }
}

body! {
    /// A policy that was made.
    pub struct ProvisionedPolicy {
        /// Policy id.
        pub id: String,
        /// The vault it is about.
        pub vault_id: String,
        /// Id of the user or agent, `*`, or `label:` with labels.
        pub principal_id: String,
        /// The pattern as given.
        pub secret_path_pattern: String,
    }
}

body! {
    /// `POST /v1/agents/{agent_id}/rotate-key`
    #[derive(Default)]
    pub struct RotateAgentKeyRequest {
        /// For how long the old key counts beside the new one, in seconds, at most 604800; 0 unless told.
        #[serde(default)]
        pub overlap_seconds: Option<i64>,
    }
}

body! {
    /// `POST /v1/agents/batch-rotate-keys`
    pub struct BatchRotateKeysRequest {
        /// At most 1000.
        pub agent_ids: Vec<String>,
        /// For how long the old keys count beside the new ones, in seconds, at most 604800; 0 unless told.
        #[serde(default)]
        pub overlap_seconds: Option<i64>,
    }
}

secret_body! {
    /// The new keys, shown this once.
    pub struct BatchRotateKeysResponse {
        /// Agents that have a new key.
        pub rotated: usize,
        /// Agents that have not.
        pub failed: usize,
        /// One for each agent that has a new key.
        pub keys: Vec<ProvisionedAgent>,
        /// RFC 3339: until when the old keys count; absent if they are dead.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub old_keys_valid_until: Option<String>,
        /// One for each agent that has no new key.
        pub errors: Vec<BatchAgentError>,
    }
}
