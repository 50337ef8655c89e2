//! The caller and the circumstances of a request, as the layers before the router found them.

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;

use crate::http::problem::Problem;
use crate::service::caller::{Caller, RequestContext};

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
