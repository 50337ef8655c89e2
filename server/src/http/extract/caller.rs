//! The caller and the circumstances of a request, as the layers before the router found them.

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use oneclaw_core::api::Sensitive;

use crate::http::problem::Problem;
use crate::service::caller::{Caller, RequestContext};
use crate::service::step_up::Confirmation;

/// What the authentication layer found; stands in the extensions of every request.
#[derive(Debug, Clone)]
pub enum Authentication {
    /// No credential was shown.
    Anonymous,
    /// A good one.
    Known(Box<Caller>),
    /// One that does not count, with the answer for routes that need one.
    Refused(Problem),
}

/// A caller: the route needs one.
#[derive(Debug)]
pub struct Authenticated(pub Caller);

/// A caller, if a good credential was shown.
#[derive(Debug)]
pub struct MaybeAuthenticated(pub Option<Caller>);

/// What confirms a step that a token alone must not take: `X-Auth-Confirm` and `X-MFA-Token`.
#[derive(Debug)]
pub struct Confirmed(pub Confirmation);

/// Client address and time.
#[derive(Debug)]
pub struct Context(pub RequestContext);

impl<S: Send + Sync> FromRequestParts<S> for Authenticated {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match parts.extensions.remove::<Authentication>() {
            Some(Authentication::Known(caller)) => Ok(Self(*caller)),
            Some(Authentication::Refused(problem)) => Err(problem),
            Some(Authentication::Anonymous) | None => Err(Problem::new(
                StatusCode::UNAUTHORIZED,
                "send a token or key in the header `Authorization: Bearer …`",
            )),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for MaybeAuthenticated {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match parts.extensions.remove::<Authentication>() {
            Some(Authentication::Known(caller)) => Ok(Self(Some(*caller))),
            _ => Ok(Self(None)),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Confirmed {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let header = |name: &str| {
            let value = parts.headers.get(name)?.to_str().ok()?;
            Some(Sensitive::new(value.to_owned())).filter(|text| !text.is_empty())
        };
        Ok(Self(Confirmation {
            confirm: header("x-auth-confirm"),
            code: header("x-mfa-token"),
        }))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Context {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts
            .extensions
            .get::<RequestContext>()
            .cloned()
            .map(Self)
            .ok_or_else(|| {
                tracing::error!("the client address layer is missing");
                Problem::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "the server is put together wrongly",
                )
            })
    }
}
