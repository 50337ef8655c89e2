//! What is done by mail: a new password, and the proof of an address.

use super::{Sensitive, body, secret_body};

body! {
    /// `POST /v1/auth/forgot-password`, `POST /v1/auth/resend-verification`
    pub struct MailLinkRequest {
        /// Address of the account.
        pub email: String,
    }
}

body! {
    /// The answer for every address, whether there is an account with it or not.
    pub struct MailLinkResponse {
        /// What happens next, for a human.
        pub message: String,
        /// Always `email_sent`.
        pub status: String,
    }
}

secret_body! {
    /// `POST /v1/auth/reset-password`
    pub struct ResetPasswordRequest {
        /// The token from the mail.
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        pub token: Sensitive,
        /// At least 12 characters, with upper and lower case, a digit and another character.
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        pub new_password: Sensitive,
    }
}

body! {
    /// A new password was set.
    pub struct ResetPasswordResponse {
        /// For a human.
        pub message: String,
    }
}

secret_body! {
    /// `POST /v1/auth/verify-email`
    pub struct VerifyEmailRequest {
        /// The token from the mail.
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        pub token: Sensitive,
    }
}
