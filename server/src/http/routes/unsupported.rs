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

/// Selling credits: answered with 501.
pub const BILLING_PATHS: [&str; 6] = [
    "/v1/billing/subscribe",
    "/v1/billing/portal",
    "/v1/billing/credits/topup",
    "/v1/billing/llm-token-billing/enable",
    "/v1/billing/llm-token-billing/disable",
    "/v1/billing/llm-token-billing/subscribe",
];

/// 501.
pub async fn billing_answer() -> Problem {
    ServiceError::Unsupported("this server sells nothing; whoever runs it sets the tiers").into()
}

/// 501.
pub async fn answer() -> Problem {
    ServiceError::Unsupported(
        "this server does not offer this; sign in with a password or an API key",
    )
    .into()
}
