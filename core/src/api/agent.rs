//! Agents.

use serde_json::{Map, Value};

use super::{Patch, body, patch, secret_body};

body! {
    /// `POST /v1/agents`
    pub struct CreateAgentRequest {
        /// 1 to 255 bytes; need not be unique.
        pub name: String,
        /// Free text.
        #[serde(default)]
        pub description: Option<String>,
        /// `api_key` (default); others are not supported.
        #[serde(default)]
        pub auth_method: Option<String>,
        /// Path globs, which limit what the agent can reach, and capability words such as `vaults:read`, which are
        /// stored and returned.
        #[serde(default)]
        pub scopes: Option<Vec<String>>,
        /// RFC 3339.
        #[serde(default)]
        pub expires_at: Option<String>,
        /// RFC 3339.
        #[serde(default)]
        pub api_key_expires_at: Option<String>,
        /// 60 to 86400; `null`: 3600.
        #[serde(default)]
        pub token_ttl_seconds: Option<i64>,
        /// The only vaults the agent may reach; empty: any of its organisation.
        #[serde(default)]
        pub vault_ids: Option<Vec<String>>,
        /// Whether the agent may submit transactions. Such an agent cannot read private keys.
        #[serde(default)]
        pub intents_api_enabled: Option<bool>,
        /// The environment that tokens of this agent are issued for.
        #[serde(default)]
        pub environment: Option<String>,
        /// The remaining fields of the agent.
        #[serde(flatten)]
        pub profile: Map<String, Value>,
    }
}

body! {
    /// `PATCH /v1/agents/{agent_id}`; absent keeps, `null` clears.
    pub struct UpdateAgentRequest {
        /// 1 to 255 bytes.
        #[serde(default)]
        pub name: Option<String>,
        /// Free text.
        #[serde(default, deserialize_with = "patch")]
        pub description: Patch<String>,
        /// Path globs and capability words.
        #[serde(default, deserialize_with = "patch")]
        pub scopes: Patch<Vec<String>>,
        /// `false`: no exchange of keys, and tokens are refused at once.
        #[serde(default)]
        pub is_active: Option<bool>,
        /// RFC 3339.
        #[serde(default, deserialize_with = "patch")]
        pub expires_at: Patch<String>,
        /// RFC 3339.
        #[serde(default, deserialize_with = "patch")]
        pub api_key_expires_at: Patch<String>,
        /// 60 to 86400.
        #[serde(default, deserialize_with = "patch")]
        pub token_ttl_seconds: Patch<i64>,
        /// The only vaults the agent may reach.
        #[serde(default, deserialize_with = "patch")]
        pub vault_ids: Patch<Vec<String>>,
        /// Turning it on needs a new token, turning it off acts at once.
        #[serde(default, deserialize_with = "patch")]
        pub intents_api_enabled: Patch<bool>,
        /// The environment that tokens of this agent are issued for.
        #[serde(default, deserialize_with = "patch")]
        pub environment: Patch<String>,
        /// The remaining fields of the agent.
        #[serde(flatten)]
        pub profile: Map<String, Value>,
    }
}

body! {
    /// An agent.
    pub struct Agent {
        /// Agent id.
        pub id: String,
        /// Organisation.
        pub org_id: String,
        /// The human who registered it.
        pub created_by: Option<String>,
        /// Name.
        pub name: String,
        /// Free text.
        pub description: String,
        /// `api_key`
        pub auth_method: String,
        /// Path globs and capability words.
        pub scopes: Vec<String>,
        /// `false`: it can neither exchange its key nor use a token.
        pub is_active: bool,
        /// RFC 3339.
        pub expires_at: Option<String>,
        /// RFC 3339.
        pub api_key_expires_at: Option<String>,
        /// The first 12 characters of its key.
        pub api_key_prefix: Option<String>,
        /// Lifetime of its tokens in seconds; `null`: 3600.
        pub token_ttl_seconds: Option<i64>,
        /// The only vaults it may reach; empty: any of its organisation.
        pub vault_ids: Vec<String>,
        /// Whether it may submit transactions.
        pub intents_api_enabled: bool,
        /// The environment that its tokens are issued for.
        pub environment: Option<String>,
        /// Ed25519, raw 32 bytes in base64.
        pub ssh_public_key: Option<String>,
        /// P-256, uncompressed 65 bytes in base64.
        pub ecdh_public_key: Option<String>,
        /// RFC 3339.
        pub created_at: String,
        /// RFC 3339.
        pub last_active_at: Option<String>,
        /// The remaining fields of the agent.
        #[serde(flatten)]
        pub profile: Map<String, Value>,
    }
}

secret_body! {
    /// A new agent: the only time that its key is shown. The agent's own fields stand at the top level too.
    pub struct CreateAgentResponse {
        /// The agent.
        pub agent: Agent,
        /// `ocv_…`; absent for an agent that has no key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub api_key: Option<String>,
        /// The agent once more, for clients that look for its fields here.
        #[serde(flatten)]
        pub flat: Agent,
    }
}

secret_body! {
    /// An agent's new key.
    pub struct RotateAgentKeyResponse {
        /// `ocv_…`
        pub api_key: String,
        /// RFC 3339: until when the old key counts; absent if it is dead.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub old_key_valid_until: Option<String>,
        /// The agent.
        pub agent: Agent,
    }
}

body! {
    /// The agents of an organisation.
    pub struct AgentList {
        /// Oldest first.
        pub agents: Vec<Agent>,
        /// The `cursor` of the next page; absent on the last one, and where no page was asked for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub next_cursor: Option<String>,
    }
}

body! {
    /// `POST /v1/agents/batch-delete`
    pub struct BatchDeleteAgentsRequest {
        /// At most 500.
        pub agent_ids: Vec<String>,
    }
}

body! {
    /// What a batch deletion did.
    pub struct BatchDeleteAgentsResponse {
        /// Agents deleted.
        pub deleted: usize,
        /// Agents not deleted.
        pub failed: usize,
        /// One for each agent not deleted.
        pub errors: Vec<BatchAgentError>,
    }
}

body! {
    /// Why nothing was done with one agent of a batch.
    pub struct BatchAgentError {
        /// As given.
        pub id: String,
        /// For a human.
        pub reason: String,
    }
}

secret_body! {
    /// A token made by a human for an agent.
    pub struct IssueAgentTokenResponse {
        /// The token.
        pub token: String,
        /// The token once more, under the name that other answers use.
        pub access_token: String,
        /// Always `Bearer`.
        pub token_type: String,
        /// Seconds until the token expires.
        pub expires_in: u64,
    }
}
