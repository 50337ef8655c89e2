//! How much an organisation uses: requests are counted in memory and written together with what else is committed, or
//! within a second; everything else is counted where it is.

mod counters;
mod history;
mod plan;

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::OrgId;

use crate::Store;
use crate::accounts::count;
use crate::db::params;
use crate::error::Result;

pub(crate) use counters::Counters;
pub use history::NewRequest;
pub(crate) use plan::room_for;
pub use plan::{LimitReached, Limits, Metered, Plan};

/// A month, as year * 100 + month.
pub type Month = i64;

/// Requests so far, and what there is room for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestUsage {
    /// Requests of the month, of every node as far as this one knows: others' to about a second.
    pub requests: i64,
    /// What was set for the organisation; of another node's changes to about a second.
    pub plan: Plan,
}

/// How many of each there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Vaults, without the system vault.
    pub vaults: i64,
    /// Secrets, without those of the system vault.
    pub secrets: i64,
    /// Agents.
    pub agents: i64,
    /// Humans.
    pub team_members: i64,
    /// Transactions that agents submitted since the given instant.
    pub intent_transactions: i64,
    /// Signing keys that are in use.
    pub wallets: i64,
    /// Shares that can still be opened.
    pub shares: i64,
}

impl Store {
    /// Counts a request of an organisation in a month; answers how many there are with it. It is durable with the next
    /// commit of the shared writer, that of the very request included, or else within a second.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`], the first time an organisation is seen.
    pub async fn count_request(&self, org: OrgId, month: Month) -> Result<RequestUsage> {
        let counters = self.writer.counters();
        if let Some(usage) = counters.count(org, month) {
            return Ok(usage);
        }
        let known = counters.knowledge_of(&self.db, org, month).await?;
        Ok(counters.learn_and_count(org, month, known))
    }

    /// The requests of a month and the plan, without counting one.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn request_usage(&self, org: OrgId, month: Month) -> Result<RequestUsage> {
        let counters = self.writer.counters();
        let known = counters.knowledge_of(&self.db, org, month).await?;
        Ok(counters.learn(org, month, known))
    }

    /// Remembers what became of a request, for the history. The newest few hundred are kept.
    pub fn note_request(&self, request: NewRequest) {
        self.writer.counters().note(request);
    }

    /// How much an organisation holds, and how many transactions there were since an instant.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn holdings(&self, org: OrgId, since: Timestamp, now: Timestamp) -> Result<Holdings> {
        let transactions =
            "SELECT count(*) AS n FROM transactions WHERE org_id = $1 AND created_at >= $2";
        let wallets = "SELECT count(*) AS n FROM signing_keys WHERE org_id = $1 AND is_active";
        let shares = "SELECT count(*) AS n FROM shares WHERE org_id = $1 AND ended_at IS NULL \
             AND declined_at IS NULL AND expires_at > $2";
        Ok(Holdings {
            vaults: self.count_vaults(org).await?,
            secrets: self.count_secrets(org).await?,
            agents: self.count_agents(org).await?,
            team_members: self.count_users(org).await?,
            intent_transactions: self
                .db
                .one(transactions, params![org, since])
                .await?
                .int("n")?,
            wallets: count(&self.db, wallets, org).await?,
            shares: self.db.one(shares, params![org, now]).await?.int("n")?,
        })
    }
}
