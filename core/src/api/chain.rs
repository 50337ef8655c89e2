//! The registry of chains. URLs of nodes often hold keys: bodies with them show nothing in `Debug`.

use super::{Patch, body, patch, secret_body};

secret_body! {
    /// `POST /v1/admin/chains`
    pub struct CreateChainRequest {
        /// 1 to 64 of `a-z`, `0-9` and `-`, not digits alone and not `-` first; unique.
        pub name: String,
        /// For display.
        pub display_name: String,
        /// EIP-155; unique.
        pub chain_id: u64,
        /// Where a node answers. The same as `rpc_urls` with one entry.
        #[serde(default)]
        pub rpc_url: Option<String>,
        /// Where nodes answer, in order of preference; at most 8.
        #[serde(default)]
        pub rpc_urls: Option<Vec<String>>,
        /// Stored and returned: this server asks over HTTP alone.
        #[serde(default)]
        pub ws_url: Option<String>,
        /// Where humans look at the chain.
        #[serde(default)]
        pub explorer_url: Option<String>,
        /// Symbol of the native coin; default `ETH`.
        #[serde(default)]
        pub native_currency: Option<String>,
        /// Whether its coins are worth nothing; default `false`.
        #[serde(default)]
        pub is_testnet: Option<bool>,
        /// Whether transactions may be meant for it; default `true`.
        #[serde(default)]
        pub is_enabled: Option<bool>,
        /// Whether nodes may be at addresses that are not public; default `false`.
        #[serde(default)]
        pub allow_private_rpc: Option<bool>,
        /// Blocks on top of a transaction's own before it counts as final, where the chain itself does not say: 1 to 1000;
        /// default 12, for testnets 1.
        #[serde(default)]
        pub confirmations: Option<u64>,
    }
}

secret_body! {
    /// `PUT /v1/admin/chains/{id}`: what is absent stays; name and chain id cannot be changed.
    #[derive(Default)]
    pub struct UpdateChainRequest {
        /// The name that the chain has, or absent.
        #[serde(default)]
        pub name: Option<String>,
        /// The chain id that the chain has, or absent.
        #[serde(default)]
        pub chain_id: Option<u64>,
        /// For display.
        #[serde(default)]
        pub display_name: Option<String>,
        /// Takes the place of all URLs; `null` removes them.
        #[serde(default, deserialize_with = "patch")]
        pub rpc_url: Patch<String>,
        /// Takes the place of all URLs; `null` or an empty list removes them.
        #[serde(default, deserialize_with = "patch")]
        pub rpc_urls: Patch<Vec<String>>,
        /// `null` removes it.
        #[serde(default, deserialize_with = "patch")]
        pub ws_url: Patch<String>,
        /// `null` removes it.
        #[serde(default, deserialize_with = "patch")]
        pub explorer_url: Patch<String>,
        /// Symbol of the native coin.
        #[serde(default)]
        pub native_currency: Option<String>,
        /// Whether its coins are worth nothing.
        #[serde(default)]
        pub is_testnet: Option<bool>,
        /// Whether transactions may be meant for it.
        #[serde(default)]
        pub is_enabled: Option<bool>,
        /// Whether nodes may be at addresses that are not public.
        #[serde(default)]
        pub allow_private_rpc: Option<bool>,
        /// 1 to 1000.
        #[serde(default)]
        pub confirmations: Option<u64>,
    }
}

secret_body! {
    /// A chain of the registry.
    pub struct Chain {
        /// Its id in the registry.
        pub id: String,
        /// For example `base`.
        pub name: String,
        /// For display.
        pub display_name: String,
        /// EIP-155.
        pub chain_id: u64,
        /// The first of `rpc_urls`. Administrators of the server alone see it.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub rpc_url: Option<String>,
        /// Where nodes answer, in order of preference. Administrators of the server alone see it.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub rpc_urls: Option<Vec<String>>,
        /// Administrators of the server alone see it.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub ws_url: Option<String>,
        /// Where humans look at the chain.
        pub explorer_url: Option<String>,
        /// Symbol of the native coin.
        pub native_currency: String,
        /// Whether its coins are worth nothing.
        pub is_testnet: bool,
        /// Whether transactions may be meant for it.
        pub is_enabled: bool,
        /// Administrators of the server alone see it.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub allow_private_rpc: Option<bool>,
        /// Blocks on top of a transaction's own before it counts as final, where the chain itself does not say.
        pub confirmations: u64,
        /// RFC 3339.
        pub created_at: String,
        /// RFC 3339.
        pub updated_at: String,
    }
}

body! {
    /// Chains of the registry.
    pub struct ChainList {
        /// By name.
        pub chains: Vec<Chain>,
    }
}
