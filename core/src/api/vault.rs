//! Vaults.

use super::body;

body! {
    /// `POST /v1/vaults`
    pub struct CreateVaultRequest {
        /// 1 to 255 bytes; need not be unique.
        pub name: String,
        /// Free text.
        #[serde(default)]
        pub description: Option<String>,
        /// Not supported; anything but absent, `null` or `false` is refused.
        #[serde(default)]
        pub mpc_custody: Option<serde_json::Value>,
    }
}

body! {
    /// A vault.
    pub struct Vault {
        /// Vault id.
        pub id: String,
        /// Name.
        pub name: String,
        /// Free text.
        pub description: String,
        /// Bare id of the creator, who owns the vault.
        pub created_by: String,
        /// `user` or `agent`.
        pub created_by_type: String,
        /// RFC 3339.
        pub created_at: String,
        /// Organisation.
        pub org_id: String,
        /// Customer-managed keys are not supported: always `false`.
        pub cmek_enabled: bool,
    }
}

body! {
    /// The vaults that the caller may see.
    pub struct VaultList {
        /// Oldest first.
        pub vaults: Vec<Vault>,
    }
}

body! {
    /// Where the keys that belong to agents are kept.
    pub struct AgentKeysVault {
        /// Vault id.
        pub vault_id: String,
    }
}
