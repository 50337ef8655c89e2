//! What an organisation uses, and the limits that were set for it.

use super::body;

body! {
    /// Requests of the month.
    pub struct BillingUsage {
        /// `self_hosted` unless an administrator has set another.
        pub billing_tier: String,
        /// Requests a month that the tier has room for; a very large number when there is no limit.
        pub free_tier_limit: i64,
        /// The month, in UTC.
        pub current_month: MonthUsage,
    }
}

body! {
    /// Requests of a month.
    pub struct MonthUsage {
        /// All of them.
        pub total_requests: i64,
        /// Always 0: nothing is sold.
        pub paid_requests: i64,
        /// All of them.
        pub free_requests: i64,
        /// Always `0.00`.
        pub total_cost_usd: String,
    }
}

body! {
    /// The newest requests.
    pub struct BillingHistory {
        /// Newest first.
        pub events: Vec<BilledRequest>,
    }
}

body! {
    /// A request that was answered.
    pub struct BilledRequest {
        /// Its id.
        pub id: String,
        /// `user` or `agent`.
        pub principal_type: String,
        /// Bare id.
        pub principal_id: String,
        /// For example `GET`.
        pub method: String,
        /// The route, without the values of its parameters.
        pub endpoint: String,
        /// HTTP status.
        pub status_code: i64,
        /// Always `0.00`.
        pub price_usd: String,
        /// Always false.
        pub is_paid: bool,
        /// RFC 3339.
        pub created_at: String,
    }
}

body! {
    /// Use against limits. The members behind `usage` repeat it for older clients.
    pub struct Subscription {
        /// `self_hosted` unless an administrator has set another.
        pub tier: String,
        /// `active`
        pub status: String,
        /// `month`
        pub interval: String,
        /// When the month's requests begin anew, or the tier ends if that is sooner. RFC 3339.
        pub period_end: String,
        /// What the organisation chose for use beyond its limits.
        pub overage_method: String,
        /// Always 0.
        pub credit_balance_cents: i64,
        /// Always `0.00`.
        pub credit_balance_usd: String,
        /// Use against limits.
        pub usage: UsageMeters,
        /// As `tier`.
        pub plan: String,
        /// As `period_end`.
        pub current_period_end: String,
        /// As in `usage`.
        pub requests_used: i64,
        /// As in `usage`.
        pub requests_limit: i64,
        /// As in `usage`.
        pub vaults_used: i64,
        /// As in `usage`.
        pub vaults_limit: i64,
        /// As in `usage`.
        pub secrets_used: i64,
        /// As in `usage`.
        pub secrets_limit: i64,
        /// As in `usage`.
        pub agents_used: i64,
        /// As in `usage`.
        pub agents_limit: i64,
    }
}

body! {
    /// Everything that is counted.
    pub struct UsageMeters {
        /// Requests of the month.
        pub requests: Meter,
        /// Vaults.
        pub vaults: Meter,
        /// Secrets.
        pub secrets: Meter,
        /// Agents.
        pub agents: Meter,
        /// Humans.
        pub team_members: Meter,
        /// Transactions that agents submitted this month.
        pub intent_transactions: Meter,
        /// Signing keys in use.
        pub wallets: Meter,
        /// Shares that can still be opened.
        pub shares: Meter,
    }
}

body! {
    /// Use against a limit. Both are numbers; a very large limit means that there is none.
    pub struct Meter {
        /// So many.
        pub used: i64,
        /// Of so many.
        pub limit: i64,
    }
}

body! {
    /// Credits: none are sold.
    pub struct CreditBalance {
        /// Always 0.
        pub balance_cents: i64,
        /// Always `0.00`.
        pub balance_usd: String,
        /// Always 0.
        pub expiring_within_30d_cents: i64,
        /// Nothing.
        pub expiring_within_90_days: ExpiringCredits,
    }
}

body! {
    /// Credits that expire.
    pub struct ExpiringCredits {
        /// Always 0.
        pub amount_cents: i64,
    }
}

body! {
    /// Credits bought and used: none.
    pub struct CreditTransactionList {
        /// Always empty.
        pub transactions: Vec<serde_json::Value>,
        /// From 1.
        pub page: i64,
        /// On a page.
        pub limit: i64,
    }
}

body! {
    /// A choice for use beyond the limits. Give one of the two.
    pub struct OverageMethodRequest {
        /// `credits` or `x402`.
        #[serde(default)]
        pub method: Option<String>,
        /// The same under an older name.
        #[serde(default)]
        pub overage_method: Option<String>,
    }
}

body! {
    /// The choice that counts.
    pub struct OverageMethod {
        /// `credits` or `x402`.
        pub overage_method: String,
    }
}

body! {
    /// Always off.
    pub struct LlmTokenBilling {
        /// Always false.
        pub enabled: bool,
    }
}

body! {
    /// A tier for an organisation.
    pub struct SetTierRequest {
        /// `free`, `pro`, `business`, `enterprise`, or `self_hosted` for no limits.
        pub tier: String,
        /// For so many days, 1 to 3660; without an end when absent.
        #[serde(default)]
        pub duration_days: Option<i64>,
    }
}

body! {
    /// The tier of an organisation.
    pub struct BillingTier {
        /// The organisation.
        pub org_id: String,
        /// Its tier.
        pub billing_tier: String,
        /// When it ends, RFC 3339; `null` without an end.
        pub ends_at: Option<String>,
    }
}
