//! The keys that agents sign transactions with.

use super::{ChainRef, Sensitive, body, secret_body};

body! {
    /// `POST /v1/agents/{agent_id}/signing-keys`
    pub struct CreateSigningKeyRequest {
        /// `ethereum`: one key serves every EVM chain. The name or id of any of them means the same.
        pub chain: ChainRef,
    }
}

secret_body! {
    /// `POST /v1/agents/{agent_id}/signing-keys/{chain}/import`
    pub struct ImportSigningKeyRequest {
        /// 32 bytes: 64 hexadecimal digits with or without `0x`, or base64.
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        pub private_key: Sensitive,
        /// `hex` (default) or `base64`.
        #[serde(default)]
        pub format: Option<String>,
    }
}

body! {
    /// A signing key, without its private half.
    pub struct SigningKey {
        /// Its id.
        pub id: String,
        /// Whose it is.
        pub agent_id: String,
        /// `ethereum`
        pub chain: String,
        /// `secp256k1`
        pub curve: String,
        /// Compressed, `0x` and 66 hexadecimal digits.
        pub public_key: String,
        /// The account, with the checksum of EIP-55.
        pub address: Option<String>,
        /// From 1; grows with each rotation.
        pub key_version: i64,
        /// Whether it signs.
        pub is_active: bool,
        /// RFC 3339.
        pub created_at: String,
        /// RFC 3339: when another key took its place.
        pub rotated_at: Option<String>,
    }
}

body! {
    /// The signing keys of an agent.
    pub struct SigningKeyList {
        /// By chain, the newest first.
        pub keys: Vec<SigningKey>,
    }
}

secret_body! {
    /// A signing key with its private half.
    pub struct ExportedSigningKey {
        /// `ethereum`
        pub chain: String,
        /// `secp256k1`
        pub curve: String,
        /// Compressed, `0x` and 66 hexadecimal digits.
        pub public_key: String,
        /// The account, with the checksum of EIP-55.
        pub address: Option<String>,
        /// 64 hexadecimal digits.
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        pub private_key: Sensitive,
        /// From 1; grows with each rotation.
        pub key_version: i64,
        /// Whose it is.
        pub agent_id: String,
    }
}

body! {
    /// What an account has on one chain.
    pub struct SigningKeyBalance {
        /// Name of the chain.
        pub chain: String,
        /// The account, with the checksum of EIP-55.
        pub address: String,
        /// Native coin, in wei.
        pub balance_wei: String,
        /// The same in major units with the symbol, such as `0.05 ETH`.
        pub balance_display: String,
        /// The tokens that were asked for, in that order.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub tokens: Option<Vec<TokenBalance>>,
    }
}

body! {
    /// What an account has of an ERC-20 token.
    pub struct TokenBalance {
        /// The token, with the checksum of EIP-55.
        pub contract_address: String,
        /// As the token calls itself, which proves nothing; `null` if it does not tell.
        pub symbol: Option<String>,
        /// Base units.
        pub balance: String,
        /// As the token says; `null` if it does not tell.
        pub decimals: Option<u8>,
    }
}
