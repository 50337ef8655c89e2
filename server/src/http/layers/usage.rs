//! Counting the requests of known callers, and telling them how many there were (contract §1.7).

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::OrgId;
use oneclaw_core::principal::Principal;

use crate::service::SharedServices;
use crate::service::billing::Quota;

/// Every header that tells of usage.
pub const QUOTA_HEADERS: [&str; 7] = [
    USED,
    LIMIT,
    PERCENT,
    WARNING,
    "x-credit-balance-cents",
    "x-credit-expiring-soon",
    "x-overage-method",
];
const USED: &str = "x-ratelimit-requests-used";
const LIMIT: &str = "x-ratelimit-requests-limit";
const PERCENT: &str = "x-ratelimit-requests-percent";
const WARNING: &str = "x-quota-warning";

/// Above so many hundredths of its limit an organisation is warned.
const WARN_ABOVE_PERCENT: i64 = 80;

/// Who is counted, and when.
pub struct CountedCaller {
    pub org: OrgId,
    pub principal: Principal,
    pub at: Timestamp,
}

/// Counts a request, has it answered, and remembers the answer. A count that cannot be had keeps nobody from their answer.
pub async fn counted(
    services: &SharedServices,
    caller: CountedCaller,
    request: Request,
    next: Next,
) -> Response {
    let quota = services.count_request(caller.org, caller.at).await;
    let method = request.method().clone();
    // Values of parameters stay out of it: a path may be a secret's.
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    services.note_request(
        (caller.org, caller.principal),
        (
            method.as_str(),
            route.as_ref().map_or("unknown", MatchedPath::as_str),
        ),
        response.status().as_u16(),
        caller.at,
    );
    match quota {
        Ok(quota) => tell(&quota, &mut response),
        Err(error) => tracing::warn!(%error, "a request could not be counted"),
    }
    response
}

fn tell(quota: &Quota, response: &mut Response) {
    let headers = response.headers_mut();
    let mut set = |name: &'static str, value: HeaderValue| {
        headers.insert(HeaderName::from_static(name), value);
    };
    set(USED, quota.used.into());
    set(LIMIT, quota.limit.into());
    set(PERCENT, quota.percent.into());
    set("x-credit-balance-cents", 0.into());
    set("x-credit-expiring-soon", HeaderValue::from_static("false"));
    if let Ok(method) = HeaderValue::from_str(&quota.overage_method) {
        set("x-overage-method", method);
    }
    if quota.percent > WARN_ABOVE_PERCENT {
        let text = format!("{} % of this month's requests are used", quota.percent);
        if let Ok(text) = HeaderValue::from_str(&text) {
            set(WARNING, text);
        }
    }
}
