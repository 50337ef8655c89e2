//! What an organisation uses, and the limits that an administrator has set. Nothing is sold here, and without a tier
//! nothing is held back.

mod tiers;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use oneclaw_core::api::{
    BilledRequest, BillingHistory, BillingTier, BillingUsage, Meter, MonthUsage, OverageMethod,
    OverageMethodRequest, SetTierRequest, Subscription, UsageMeters,
};
use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::OrgId;
use oneclaw_core::principal::Principal;
use oneclaw_crypto::random;
use oneclaw_store::{Month, NewRequest, Plan, RequestUsage};
use serde_json::json;

use super::caller::{Caller, RequestContext};
use super::error::{Result, ServiceError};
use super::events::{self, EventExt};
use super::{Services, time};
use tiers::{SELF_HOSTED, UNLIMITED};

/// Most requests in one answer.
const MAX_HISTORY: i64 = 200;
/// Longest time that a tier is set for, in days.
const MAX_TIER_DAYS: i64 = 3660;
/// What an organisation may choose for use beyond its limits.
const OVERAGE_METHODS: [&str; 2] = ["credits", "x402"];

/// Requests of the month against the tier's limit, for the headers of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quota {
    /// Requests, this one included.
    pub used: i64,
    /// Requests that there is room for.
    pub limit: i64,
    /// Used hundredths of the limit, rounded down.
    pub percent: i64,
    /// What the organisation chose for use beyond its limits.
    pub overage_method: String,
}

impl Services {
    /// Counts a request of an organisation.
    ///
    /// # Errors
    /// What the database says.
    pub async fn count_request(&self, org: OrgId, at: Timestamp) -> Result<Quota> {
        let usage = self.store.count_request(org, month(at)).await?;
        let plan = usage.plan.at(at);
        let limit = plan.limits.requests.unwrap_or(UNLIMITED);
        Ok(Quota {
            used: usage.requests,
            limit,
            percent: usage.requests.saturating_mul(100) / limit.max(1),
            overage_method: plan.overage_method,
        })
    }

    /// Remembers what became of a request. `endpoint` is the route without the values of its parameters.
    pub fn note_request(
        &self,
        (org, principal): (OrgId, Principal),
        (method, endpoint): (&str, &str),
        status: u16,
        at: Timestamp,
    ) {
        self.store.note_request(NewRequest {
            id: random::new_id(),
            org_id: org,
            principal,
            method: method.chars().take(16).collect(),
            endpoint: endpoint.to_owned(),
            status: i64::from(status),
            at,
        });
    }

    /// `GET /v1/billing/usage`
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`] for agents.
    pub async fn billing_usage(
        &self,
        context: &RequestContext,
        caller: &Caller,
    ) -> Result<BillingUsage> {
        let (requests, plan) = self.month_of(context, caller).await?;
        Ok(BillingUsage {
            billing_tier: tier(&plan),
            free_tier_limit: plan.limits.requests.unwrap_or(UNLIMITED),
            current_month: MonthUsage {
                total_requests: requests,
                paid_requests: 0,
                free_requests: requests,
                total_cost_usd: "0.00".to_owned(),
            },
        })
    }

    /// `GET /v1/billing/subscription`
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`] for agents.
    pub async fn subscription(
        &self,
        context: &RequestContext,
        caller: &Caller,
    ) -> Result<Subscription> {
        let (requests, plan) = self.month_of(context, caller).await?;
        let (begins, ends) = bounds(context.at);
        let held = self
            .store
            .holdings(caller.org(), begins, context.at)
            .await?;
        let limits = plan.limits;
        let meter = |used, limit: Option<i64>| Meter {
            used,
            limit: limit.unwrap_or(UNLIMITED),
        };
        let period_end = time::format(plan.ends_at.map_or(ends, |tier_ends| tier_ends.min(ends)));
        let usage = UsageMeters {
            requests: meter(requests, limits.requests),
            vaults: meter(held.vaults, limits.vaults),
            secrets: meter(held.secrets, limits.secrets),
            agents: meter(held.agents, limits.agents),
            team_members: meter(held.team_members, None),
            intent_transactions: meter(held.intent_transactions, None),
            wallets: meter(held.wallets, None),
            shares: meter(held.shares, None),
        };
        Ok(Subscription {
            tier: tier(&plan),
            status: "active".to_owned(),
            interval: "month".to_owned(),
            period_end: period_end.clone(),
            overage_method: plan.overage_method.clone(),
            credit_balance_cents: 0,
            credit_balance_usd: "0.00".to_owned(),
            plan: tier(&plan),
            current_period_end: period_end,
            requests_used: usage.requests.used,
            requests_limit: usage.requests.limit,
            vaults_used: usage.vaults.used,
            vaults_limit: usage.vaults.limit,
            secrets_used: usage.secrets.used,
            secrets_limit: usage.secrets.limit,
            agents_used: usage.agents.used,
            agents_limit: usage.agents.limit,
            usage,
        })
    }

    /// `GET /v1/billing/history`: the newest requests.
    ///
    /// # Errors
    /// Names the parameter at fault; [`ServiceError::Forbidden`] for agents.
    pub async fn billing_history(
        &self,
        caller: &Caller,
        limit: Option<i64>,
    ) -> Result<BillingHistory> {
        let org = caller.human()?.org_id;
        let limit = limit.unwrap_or(50);
        if !(1..=MAX_HISTORY).contains(&limit) {
            return Err(ServiceError::field(
                "limit",
                format!("must be from 1 to {MAX_HISTORY}"),
            ));
        }
        let requests = self.store.request_history(org, limit).await?;
        Ok(BillingHistory {
            events: requests.into_iter().map(billed).collect(),
        })
    }

    /// `PATCH /v1/billing/overage-method`
    ///
    /// # Errors
    /// Names the field at fault; [`ServiceError::Forbidden`] unless the caller is an owner or admin.
    pub async fn set_overage_method(
        &self,
        context: &RequestContext,
        caller: &Caller,
        request: OverageMethodRequest,
    ) -> Result<OverageMethod> {
        let org = caller.human()?.org_id;
        if !caller.is_admin() {
            return Err(ServiceError::Forbidden(
                "only owners and admins of the organisation may do this".to_owned(),
            ));
        }
        let given = request.method.or(request.overage_method);
        let method = given.filter(|method| OVERAGE_METHODS.contains(&method.as_str()));
        let method =
            method.ok_or_else(|| ServiceError::field("method", "must be `credits` or `x402`"))?;
        let event = events::by_caller(context, caller, "billing.overage_method", "org", org)
            .with_details(json!({"overage_method": method}));
        self.store.set_overage_method(org, &method, event).await?;
        Ok(OverageMethod {
            overage_method: method,
        })
    }

    /// `PUT /v1/admin/orgs/{org_id}/billing-tier`: for whoever runs the server.
    ///
    /// # Errors
    /// Names the field at fault; [`ServiceError::Forbidden`]; [`ServiceError::NotFound`].
    pub async fn set_tier(
        &self,
        context: &RequestContext,
        caller: &Caller,
        org: OrgId,
        request: &SetTierRequest,
    ) -> Result<BillingTier> {
        self.server_admin(caller).await?;
        let limits = tiers::limits(&request.tier).ok_or_else(|| {
            ServiceError::field(
                "tier",
                "must be `free`, `pro`, `business`, `enterprise` or `self_hosted`",
            )
        })?;
        let days = request.duration_days;
        if days.is_some_and(|days| !(1..=MAX_TIER_DAYS).contains(&days)) {
            return Err(ServiceError::field(
                "duration_days",
                format!("must be from 1 to {MAX_TIER_DAYS}"),
            ));
        }
        let usage = self.store.request_usage(org, month(context.at)).await?;
        let is_limited = request.tier != SELF_HOSTED;
        let ends_at = days
            .filter(|_| is_limited)
            .map(|days| context.at.plus_seconds(days * 86_400));
        let plan = Plan {
            tier: is_limited.then(|| request.tier.clone()),
            ends_at,
            limits,
            overage_method: usage.plan.overage_method,
        };
        let mut event = events::by_caller(context, caller, "billing.tier", "org", org)
            .with_details(json!({"tier": request.tier, "duration_days": days}));
        // It is that organisation's record, whoever did it.
        event.org_id = org;
        self.store
            .set_plan(org, &plan, event)
            .await
            .map_err(|error| match error {
                oneclaw_store::StoreError::NotFound => {
                    ServiceError::NotFound("no such organisation")
                }
                other => other.into(),
            })?;
        Ok(BillingTier {
            org_id: org.to_string(),
            billing_tier: request.tier.clone(),
            ends_at: time::format_option(ends_at),
        })
    }

    async fn month_of(&self, context: &RequestContext, caller: &Caller) -> Result<(i64, Plan)> {
        let org = caller.human()?.org_id;
        let RequestUsage { requests, plan } =
            self.store.request_usage(org, month(context.at)).await?;
        Ok((requests, plan.at(context.at)))
    }
}

fn tier(plan: &Plan) -> String {
    plan.tier.clone().unwrap_or_else(|| SELF_HOSTED.to_owned())
}

fn billed(request: NewRequest) -> BilledRequest {
    BilledRequest {
        id: request.id.to_string(),
        principal_type: request.principal.kind().as_str().to_owned(),
        principal_id: request.principal.uuid().to_string(),
        method: request.method,
        endpoint: request.endpoint,
        status_code: request.status,
        price_usd: "0.00".to_owned(),
        is_paid: false,
        created_at: time::format(request.at),
    }
}

/// The first day of an instant's month, in UTC.
fn first_day(at: Timestamp) -> Date {
    jiff::Timestamp::from_millisecond(at.as_millis())
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
        .to_zoned(TimeZone::UTC)
        .date()
        .first_of_month()
}

fn month(at: Timestamp) -> Month {
    let day = first_day(at);
    i64::from(day.year()) * 100 + i64::from(day.month())
}

/// When an instant's month begins, and when the next one does.
fn bounds(at: Timestamp) -> (Timestamp, Timestamp) {
    let begins = first_day(at);
    let instant = |day: Date| {
        day.to_zoned(TimeZone::UTC).map_or(at, |zoned| {
            Timestamp::from_millis(zoned.timestamp().as_millisecond())
        })
    };
    let next = begins.last_of_month().tomorrow().unwrap_or(Date::MAX);
    (instant(begins), instant(next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_begin_and_end_in_utc() {
        let at = time::parse("t", "2026-12-31T23:59:59.999Z").unwrap();
        assert_eq!(month(at), 202_612);
        let (begins, ends) = bounds(at);
        assert_eq!(time::format(begins), "2026-12-01T00:00:00Z");
        assert_eq!(time::format(ends), "2027-01-01T00:00:00Z");
        assert_eq!(month(at.plus_millis(1)), 202_701);
    }
}
