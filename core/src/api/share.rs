//! Shares of secrets.

use super::{Sensitive, body, secret_body};

secret_body! {
    /// `POST /v1/secrets/{secret_id}/share` and `POST /v1/shares`. The secret is named by the URL, by `secret_id`, or by
    /// `vault_id` and `secret_path`.
    #[derive(Default)]
    pub struct CreateShareRequest {
        /// The secret, where the URL does not name it.
        #[serde(default)]
        pub secret_id: Option<String>,
        /// The vault of the secret, together with `secret_path`.
        #[serde(default)]
        pub vault_id: Option<String>,
        /// The path of the secret, together with `vault_id`.
        #[serde(default)]
        pub secret_path: Option<String>,
        /// `creator`, `user`, `agent`, `external_email` or `anyone_with_link`. Absent on `/v1/shares`: `external_email` if
        /// there is an address, else `anyone_with_link`.
        #[serde(default)]
        pub recipient_type: Option<String>,
        /// The user or agent, for those types.
        #[serde(default)]
        pub recipient_id: Option<String>,
        /// The address, for `external_email`.
        #[serde(default, alias = "recipient_email")]
        pub email: Option<String>,
        /// RFC 3339; absent: in 24 hours.
        #[serde(default)]
        pub expires_at: Option<String>,
        /// Instead of `expires_at`.
        #[serde(default)]
        pub expires_in_hours: Option<i64>,
        /// How many accesses succeed, at least 1; absent: any number.
        #[serde(default, alias = "max_views")]
        pub max_access_count: Option<i64>,
        /// Has to be given with every access. Stored as a hash.
        #[serde(default)]
        #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
        pub passphrase: Option<Sensitive>,
        /// Addresses and networks from which the share may be accessed; absent: any.
        #[serde(default)]
        pub ip_allowlist: Option<Vec<String>>,
        /// `["read"]`, the only thing that can be shared.
        #[serde(default)]
        pub permissions: Option<Vec<String>>,
    }
}

body! {
    /// A share as it is answered to whoever made it.
    pub struct Share {
        /// Its id. Of a link, it is the secret part.
        pub id: String,
        /// Where the recipient gets the value.
        pub share_url: String,
        /// For example `creator`.
        pub recipient_type: String,
        /// The address, for `external_email`.
        pub recipient_email: Option<String>,
        /// RFC 3339.
        pub expires_at: String,
        /// How many accesses succeed; absent: any number.
        pub max_access_count: Option<i64>,
        /// The `resource_id` of audit events about this share: its id, or for a link something else, so that who reads the
        /// audit trail cannot use the link.
        pub audit_id: String,
    }
}

body! {
    /// A share in a list.
    pub struct ShareItem {
        /// Its id.
        pub id: String,
        /// Where the recipient gets the value.
        pub share_url: String,
        /// The secret.
        pub secret_id: String,
        /// Its vault.
        pub vault_id: String,
        /// Its path.
        pub secret_path: String,
        /// For example `creator`.
        pub recipient_type: String,
        /// The user or agent it is for, once that is known.
        pub recipient_id: Option<String>,
        /// The address, for `external_email`.
        pub recipient_email: Option<String>,
        /// Successful accesses so far.
        pub access_count: i64,
        /// How many succeed at most.
        pub max_access_count: Option<i64>,
        /// The same as `access_count`.
        pub views: i64,
        /// The same as `max_access_count`.
        pub max_views: Option<i64>,
        /// RFC 3339.
        pub expires_at: String,
        /// RFC 3339.
        pub created_at: String,
        /// Whether its time is over.
        pub is_expired: bool,
        /// Whether its recipient has accepted it; a link needs no acceptance.
        pub is_accepted: bool,
        /// `pending`, `accepted`, `declined`, `revoked`, `expired` or `exhausted`.
        pub status: String,
        /// Whether a passphrase has to be given.
        pub has_passphrase: bool,
        /// Addresses and networks from which it may be accessed; empty: any.
        pub ip_allowlist: Vec<String>,
        /// `["read"]`
        pub permissions: Vec<String>,
        /// Who shares, as a bare id.
        pub created_by: String,
        /// `user` or `agent`
        pub created_by_type: String,
        /// The name of who shares.
        pub created_by_name: String,
        /// The `resource_id` of audit events about this share.
        pub audit_id: String,
    }
}

body! {
    /// Shares, newest first.
    pub struct ShareList {
        /// Newest first.
        pub shares: Vec<ShareItem>,
    }
}

secret_body! {
    /// The body of an access.
    #[derive(Default)]
    pub struct AccessShareRequest {
        /// The passphrase, if the share has one.
        #[serde(default)]
        #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
        pub passphrase: Option<Sensitive>,
    }
}

secret_body! {
    /// What an access gives.
    pub struct SharedSecret {
        /// The share.
        pub id: String,
        /// Path of the secret.
        pub path: String,
        /// For example `api_key` or `env_bundle`.
        #[serde(rename = "type")]
        pub kind: String,
        /// The newest value.
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        pub value: Sensitive,
        /// Version of the value.
        pub version: i64,
        /// Successful accesses so far, this one included.
        pub access_count: i64,
        /// How many succeed at most.
        pub max_access_count: Option<i64>,
    }
}
