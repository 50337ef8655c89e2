//! Who is calling, and how often they may.
//!
//! A request with a good credential counts against its principal, generously, for a fleet may sit behind one address; all
//! others count against their address (contract §1.7).

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use oneclaw_core::principal::Principal;

use super::super::extract::Authentication;
use super::super::problem::Problem;
use super::usage::{self, CountedCaller};
use crate::service::SharedServices;
use crate::service::caller::RequestContext;
use crate::service::error::ServiceError;

/// Requests a second, and at once, of one address without a good credential.
const ADDRESS: (u32, u32) = (100, 200);
/// Requests a second, and at once, of one principal. Arbitrary: far above what one honest agent sends.
const PRINCIPAL: (u32, u32) = (1_000, 2_000);
/// Forgotten keys are dropped once this many are remembered.
const SHRINK_ABOVE: usize = 10_000;

/// Token buckets of all addresses and principals.
#[derive(Debug)]
pub struct RequestLimits {
    by_address: DefaultKeyedRateLimiter<IpAddr>,
    by_principal: DefaultKeyedRateLimiter<Principal>,
    clock: DefaultClock,
}

impl RequestLimits {
    /// `None` when the limits are switched off.
    pub fn new(enabled: bool) -> Option<Arc<Self>> {
        let quota = |(per_second, burst): (u32, u32)| {
            let per_second = NonZeroU32::new(per_second).unwrap_or(NonZeroU32::MIN);
            Quota::per_second(per_second)
                .allow_burst(NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN))
        };
        enabled.then(|| {
            Arc::new(Self {
                by_address: RateLimiter::keyed(quota(ADDRESS)),
                by_principal: RateLimiter::keyed(quota(PRINCIPAL)),
                clock: DefaultClock::default(),
            })
        })
    }

    /// Whole seconds to wait, if the limit is reached.
    fn check<K>(&self, limiter: &DefaultKeyedRateLimiter<K>, key: &K) -> Result<(), u64>
    where
        K: std::hash::Hash + Eq + Clone,
    {
        if limiter.len() > SHRINK_ABOVE {
            limiter.retain_recent();
        }
        limiter.check_key(key).map_err(|not_until| {
            let wait = not_until.wait_time_from(self.clock.now());
            wait.as_secs() + u64::from(wait.subsec_nanos() > 0).max(u64::from(wait.is_zero()))
        })
    }
}

/// Authenticates the request, if it shows a credential, and counts it.
pub async fn authenticate(
    State((services, limits)): State<(SharedServices, Option<Arc<RequestLimits>>)>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(context) = request.extensions().get::<RequestContext>().cloned() else {
        return Problem::from(ServiceError::Internal(
            "the client address layer is missing".to_owned(),
        ))
        .into_response();
    };
    let authentication = match bearer(&request) {
        Bearer::Absent => Authentication::Anonymous,
        Bearer::Malformed => Authentication::Refused(Problem::from(ServiceError::Unauthenticated(
            "the header `Authorization` must be `Bearer` and a token or key",
        ))),
        Bearer::Credential(credential) => match services.authenticate(credential, &context).await {
            Ok(caller) => Authentication::Known(Box::new(caller)),
            Err(error) => Authentication::Refused(Problem::from(error)),
        },
    };
    if let Some(limits) = limits {
        let within = match &authentication {
            Authentication::Known(caller) => {
                limits.check(&limits.by_principal, &caller.principal())
            }
            _ => limits.check(&limits.by_address, &context.client),
        };
        if let Err(seconds) = within {
            return Problem::too_many_requests(seconds.max(1)).into_response();
        }
    }
    let Authentication::Known(caller) = &authentication else {
        request.extensions_mut().insert(authentication);
        return next.run(request).await;
    };
    let caller = CountedCaller {
        org: caller.org(),
        principal: caller.principal(),
        at: context.at,
    };
    request.extensions_mut().insert(authentication);
    usage::counted(&services, caller, request, next).await
}

enum Bearer<'a> {
    Absent,
    Malformed,
    Credential(&'a str),
}

/// Longest credential that is looked at.
const MAX_CREDENTIAL_BYTES: usize = 16 * 1024;

fn bearer(request: &Request) -> Bearer<'_> {
    let mut values = request.headers().get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return if request.headers().contains_key(header::AUTHORIZATION) {
            Bearer::Malformed
        } else {
            Bearer::Absent
        };
    };
    let Some((scheme, credential)) = value.to_str().ok().and_then(|text| text.split_once(' '))
    else {
        return Bearer::Malformed;
    };
    let credential = credential.trim();
    if scheme.eq_ignore_ascii_case("bearer")
        && !credential.is_empty()
        && credential.len() <= MAX_CREDENTIAL_BYTES
    {
        Bearer::Credential(credential)
    } else {
        Bearer::Malformed
    }
}
