//! Ways of signing in that the published API has and this server does not: a clear answer beats a bare 404.

use crate::http::problem::Problem;
use crate::service::error::ServiceError;

/// Answered with 501.
pub const PATHS: [&str; 11] = [
    "/v1/auth/google",
    "/v1/auth/social-login",
    "/v1/auth/email-otp",
    "/v1/auth/email-otp/{*rest}",
    "/v1/auth/passkeys",
    "/v1/auth/passkeys/{*rest}",
    "/v1/auth/set-password",
    "/v1/auth/change-email",
    "/v1/auth/export-data",
    "/v1/auth/devices",
    "/v1/auth/federated-token",
];

/// 501.
pub async fn answer() -> Problem {
    ServiceError::Unsupported(
        "this server does not offer this; sign in with a password or an API key",
    )
    .into()
}
