//! Ways of signing in beside the password: programs without a browser, and second factors.

use super::{Sensitive, body, secret_body};

body! {
    /// `POST /v1/auth/device/code`
    pub struct DeviceCodeRequest {
        /// What the program calls itself; shown to the human. 1 to 255 bytes.
        pub client_id: String,
        /// The account that is to approve. If it is given, no other account can.
        #[serde(default)]
        pub email: Option<String>,
    }
}

secret_body! {
    /// A program that waits for a human (RFC 8628 §3.2).
    pub struct DeviceCodeResponse {
        /// For the program to ask with.
        pub device_code: String,
        /// For the human: eight letters and a dash.
        pub user_code: String,
        /// The page where the human types it.
        pub verification_uri: String,
        /// The same page with the code filled in.
        pub verification_uri_complete: String,
        /// Seconds until it is worth nothing.
        pub expires_in: u64,
        /// Seconds to wait between two questions.
        pub interval: u64,
    }
}

secret_body! {
    /// `POST /v1/auth/device/token`
    pub struct DeviceTokenRequest {
        /// From [`DeviceCodeResponse`].
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        pub device_code: Sensitive,
        /// Always `urn:ietf:params:oauth:grant-type:device_code`.
        pub grant_type: String,
    }
}

secret_body! {
    /// How a login stands: either `error`, or everything else. Both come with status 200.
    #[derive(Default)]
    pub struct DeviceTokenResponse {
        /// `authorization_pending`, `slow_down`, `expired_token` or `access_denied` (RFC 8628 §3.5).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub error: Option<String>,
        /// An EdDSA JWT.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub access_token: Option<String>,
        /// Always `Bearer`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub token_type: Option<String>,
        /// Seconds until the token expires.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub expires_in: Option<u64>,
        /// Address of the account.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub email: Option<String>,
        /// The account.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub user_id: Option<String>,
        /// Its organisation.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub org_id: Option<String>,
    }
}

body! {
    /// `POST /v1/auth/device/approve` and `…/deny`
    pub struct DeviceDecisionRequest {
        /// What the program shows; dash and case do not matter.
        pub user_code: String,
    }
}

body! {
    /// What anybody may know of a login who knows its code.
    pub struct DeviceLoginStatus {
        /// `ABCD-EFGH`
        pub user_code: String,
        /// What the program calls itself.
        pub client_id: String,
        /// `pending`, `approved` or `denied`.
        pub status: String,
        /// Seconds until it is worth nothing.
        pub expires_in: u64,
    }
}

body! {
    /// `GET /v1/auth/mfa/status`
    pub struct MfaStatus {
        /// Whether signing in with a password asks for a code as well.
        pub enabled: bool,
        /// How many recovery codes are left.
        pub recovery_codes_left: u64,
    }
}

secret_body! {
    /// A new secret for a device that shows codes. It counts once a code was shown to `verify-setup`.
    pub struct MfaSetup {
        /// To be scanned.
        pub otpauth_uri: String,
        /// To be typed in: base32.
        pub secret: String,
    }
}

secret_body! {
    /// `POST /v1/auth/mfa/verify-setup`
    pub struct MfaCodeRequest {
        /// Six digits.
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        pub code: Sensitive,
    }
}

secret_body! {
    /// What helps when the device is lost. Shown once.
    pub struct RecoveryCodes {
        /// Eight of them; each works once in place of a code.
        pub recovery_codes: Vec<String>,
    }
}

secret_body! {
    /// `POST /v1/auth/mfa/verify`: the second half of signing in.
    pub struct MfaVerifyRequest {
        /// From the first half, good for five minutes and five guesses.
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        pub mfa_token: Sensitive,
        /// Six digits, or a recovery code.
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        pub code: Sensitive,
    }
}

secret_body! {
    /// `DELETE /v1/auth/mfa`
    #[derive(Default)]
    pub struct MfaDisableRequest {
        /// Six digits, or a recovery code.
        #[serde(default)]
        #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
        pub code: Option<Sensitive>,
        /// The account's password; counts only where the setting `auth.mfa_disable_with_password` is `true`.
        #[serde(default)]
        #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
        pub password: Option<Sensitive>,
    }
}

secret_body! {
    /// `POST /v1/auth/reauth`: proves all factors once more, for a step that a token alone must not take.
    pub struct ReauthRequest {
        /// The account's password.
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        pub password: Sensitive,
        /// Six digits, or a recovery code; needed where a second factor is set up.
        #[serde(default)]
        #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
        pub code: Option<Sensitive>,
    }
}

secret_body! {
    /// Goes into `X-Auth-Confirm`, once.
    pub struct ReauthResponse {
        /// `rat_…`
        pub reauth_token: String,
        /// Seconds until it is worth nothing.
        pub expires_in: u64,
    }
}

body! {
    /// How an account signs in, and what it wants to hear of.
    pub struct AuthSettings {
        /// Always `password`.
        pub auth_method: String,
        /// Whether a second factor is set up.
        pub mfa_enabled: bool,
        /// How many recovery codes are left.
        pub recovery_codes_left: u64,
        /// Whether the password alone removes a second factor.
        pub mfa_disable_with_password: bool,
        /// Whether mails other than necessary ones are welcome.
        pub marketing_emails: bool,
    }
}

body! {
    /// `PATCH /v1/auth/settings`; everything else has a call of its own.
    pub struct UpdateAuthSettingsRequest {
        /// Whether mails other than necessary ones are welcome.
        #[serde(default)]
        pub marketing_emails: Option<bool>,
    }
}
