//! Accounts, sessions and personal API keys.

use super::{Sensitive, body, secret_body};

secret_body! {
    /// `POST /v1/auth/signup`
    pub struct SignupRequest {
        /// Address of the account; compared without regard to case.
        pub email: String,
        /// At least 12 characters, with upper and lower case, a digit and another character.
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        pub password: Sensitive,
        /// Name to show.
        #[serde(default)]
        pub display_name: Option<String>,
        /// From an invitation: the account joins that organisation.
        #[serde(default)]
        #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
        pub invitation_token: Option<Sensitive>,
    }
}

secret_body! {
    /// A new account, with a first token.
    pub struct SignupResponse {
        /// What happened, for a human.
        pub message: String,
        /// The address, as stored.
        pub email: String,
        /// A first access token; absent as long as the address is to be proved.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub access_token: Option<String>,
        /// Always `Bearer`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub token_type: Option<String>,
        /// Seconds until the token expires.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub expires_in: Option<u64>,
        /// Buys the next access token, once.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub refresh_token: Option<String>,
        /// The new account.
        pub user_id: String,
        /// The new organisation; the account owns it.
        pub org_id: String,
    }
}

secret_body! {
    /// `POST /v1/auth/token`
    pub struct LoginRequest {
        /// Address of the account.
        pub email: String,
        /// Its password.
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        pub password: Sensitive,
    }
}

secret_body! {
    /// A token, however obtained.
    pub struct TokenResponse {
        /// An EdDSA JWT.
        pub access_token: String,
        /// Always `Bearer`.
        pub token_type: String,
        /// Seconds until the token expires.
        pub expires_in: u64,
        /// Buys the next access token, once. Humans only.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub refresh_token: Option<String>,
        /// The human, if it is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub user_id: Option<String>,
        /// The agent, if it is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub agent_id: Option<String>,
        /// Vaults that the agent is bound to; empty means no binding.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub vault_ids: Option<Vec<String>>,
        /// Present and true when the password was right and a code is still wanted: then `access_token` is empty.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub mfa_required: Option<bool>,
        /// For `POST /v1/auth/mfa/verify`, together with the code.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub mfa_token: Option<String>,
    }
}

secret_body! {
    /// `POST /v1/auth/agent-token`
    pub struct AgentTokenRequest {
        /// The agent's key, `ocv_…`.
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        pub api_key: Sensitive,
        /// If present, must be the id of the agent that the key belongs to.
        #[serde(default)]
        pub agent_id: Option<String>,
    }
}

secret_body! {
    /// `POST /v1/auth/api-key-token`
    pub struct ApiKeyTokenRequest {
        /// A personal key, `1ck_…`.
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        pub api_key: Sensitive,
    }
}

secret_body! {
    /// `POST /v1/auth/refresh`; the body may also be left out, then a valid bearer token is exchanged for a fresh one.
    #[derive(Default)]
    pub struct RefreshRequest {
        /// From an earlier token response.
        #[serde(default)]
        #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
        pub refresh_token: Option<Sensitive>,
    }
}

secret_body! {
    /// `POST /v1/auth/change-password`
    pub struct ChangePasswordRequest {
        /// The password until now.
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        pub current_password: Sensitive,
        /// The password from now on.
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        pub new_password: Sensitive,
    }
}

body! {
    /// `PATCH /v1/auth/me`
    pub struct UpdateProfileRequest {
        /// Name to show.
        #[serde(default)]
        pub display_name: Option<String>,
        /// Whether mails other than necessary ones are welcome.
        #[serde(default)]
        pub marketing_emails: Option<bool>,
    }
}

body! {
    /// `DELETE /v1/auth/me`
    #[derive(Default)]
    pub struct DeleteAccountRequest {
        /// Anything that says yes; the password in `X-Auth-Confirm` is what counts.
        #[serde(default, alias = "confirmation")]
        pub confirm: Option<serde_json::Value>,
    }
}

body! {
    /// A human's account.
    pub struct Profile {
        /// Account id.
        pub id: String,
        /// Address.
        pub email: String,
        /// Name to show.
        pub display_name: String,
        /// How the account signs in; `password`.
        pub auth_method: String,
        /// `owner`, `admin` or `member`.
        pub role: String,
        /// Whether the address was confirmed.
        pub email_verified: bool,
        /// Whether mails other than necessary ones are welcome.
        pub marketing_emails: bool,
        /// Whether a second factor is set up.
        pub totp_enabled: bool,
        /// RFC 3339.
        pub created_at: String,
        /// The account's organisation.
        pub org_id: String,
        /// Tier of the organisation.
        pub billing_tier: String,
    }
}

body! {
    /// `POST /v1/auth/api-keys`
    pub struct CreateApiKeyRequest {
        /// 1 to 255 bytes.
        pub name: String,
        /// Stored and returned.
        #[serde(default)]
        pub scopes: Vec<String>,
        /// RFC 3339; absent: never.
        #[serde(default)]
        pub expires_at: Option<String>,
    }
}

body! {
    /// A personal API key, without the key.
    pub struct ApiKey {
        /// Key id.
        pub id: String,
        /// Name given to it.
        pub name: String,
        /// The first 12 characters of the key.
        pub key_prefix: String,
        /// As given.
        pub scopes: Vec<String>,
        /// `false` once revoked.
        pub is_active: bool,
        /// RFC 3339.
        pub created_at: String,
        /// RFC 3339.
        pub expires_at: Option<String>,
        /// RFC 3339.
        pub last_used_at: Option<String>,
    }
}

secret_body! {
    /// A new personal key: the only time that the key itself is shown.
    pub struct CreateApiKeyResponse {
        /// What was made.
        pub key: ApiKey,
        /// `1ck_…`
        pub api_key: String,
    }
}

body! {
    /// One's own personal keys.
    pub struct ApiKeyList {
        /// Newest first.
        pub keys: Vec<ApiKey>,
    }
}

body! {
    /// The key that access tokens are signed with.
    pub struct JwtPublicKey {
        /// `EdDSA`
        pub alg: String,
        /// Raw 32 bytes in base64.
        pub public_key_base64: String,
    }
}
