//! What an administrator has set for an organisation, and the limits that come with it.

use std::fmt;

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::OrgId;

use crate::Store;
use crate::audit::NewEvent;
use crate::db::{Db, Row, Tx, params};
use crate::error::{Result, StoreError};

/// What there is a limit on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metered {
    /// Vaults.
    Vaults,
    /// Secrets.
    Secrets,
    /// Agents.
    Agents,
}

/// Limits; `None` means that there is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Requests a month. Counted, and not enforced.
    pub requests: Option<i64>,
    /// Vaults.
    pub vaults: Option<i64>,
    /// Secrets.
    pub secrets: Option<i64>,
    /// Agents.
    pub agents: Option<i64>,
}

/// What was set for an organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The name of the tier; `None` when nothing is held back.
    pub tier: Option<String>,
    /// From when on it is as if no tier had been set.
    pub ends_at: Option<Timestamp>,
    /// What comes with the tier.
    pub limits: Limits,
    /// What the organisation chose for use beyond its limits.
    pub overage_method: String,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            tier: None,
            ends_at: None,
            limits: Limits::default(),
            overage_method: "credits".to_owned(),
        }
    }
}

/// There is no room for what is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitReached {
    /// Of what.
    pub what: Metered,
    /// How many there are.
    pub used: i64,
    /// How many more were wanted.
    pub wanted: i64,
    /// How many there may be.
    pub max: i64,
    /// The tier that says so.
    pub tier: String,
}

impl fmt::Display for LimitReached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.what {
            Metered::Vaults => "Vault",
            Metered::Secrets => "Secret",
            Metered::Agents => "Agent",
        };
        write!(
            f,
            "{what} limit reached ({}/{} on {} tier)",
            self.used, self.max, self.tier
        )
    }
}

impl Plan {
    /// The same without a tier that has ended.
    #[must_use]
    pub fn at(self, now: Timestamp) -> Self {
        if self.ends_at.is_some_and(|ends| ends <= now) {
            Self {
                overage_method: self.overage_method,
                ..Self::default()
            }
        } else {
            self
        }
    }

    pub(super) async fn read(db: &Db, org: OrgId) -> Result<Self> {
        let sql = "SELECT tier, tier_ends_at, max_requests, max_vaults, max_secrets, max_agents, overage_method \
             FROM org_billing WHERE org_id = $1";
        let row = db.optional(sql, params![org]).await?;
        row.map_or_else(|| Ok(Self::default()), |row| Self::from_row(&row))
    }

    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            tier: row.opt_text("tier")?,
            ends_at: row.opt_time("tier_ends_at")?,
            limits: Limits {
                requests: row.opt_int("max_requests")?,
                vaults: row.opt_int("max_vaults")?,
                secrets: row.opt_int("max_secrets")?,
                agents: row.opt_int("max_agents")?,
            },
            overage_method: row.text("overage_method")?,
        })
    }
}

impl Store {
    /// Sets the plan of an organisation.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for an organisation that is not known.
    pub async fn set_plan(&self, org: OrgId, plan: &Plan, event: NewEvent) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute_one(
            "INSERT INTO org_billing (org_id, tier, tier_ends_at, max_requests, max_vaults, max_secrets, max_agents, \
             overage_method) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (org_id) DO UPDATE SET \
             tier = excluded.tier, tier_ends_at = excluded.tier_ends_at, max_requests = excluded.max_requests, \
             max_vaults = excluded.max_vaults, max_secrets = excluded.max_secrets, max_agents = excluded.max_agents, \
             overage_method = excluded.overage_method",
            params![
                org,
                plan.tier.clone(),
                plan.ends_at,
                plan.limits.requests,
                plan.limits.vaults,
                plan.limits.secrets,
                plan.limits.agents,
                &plan.overage_method,
            ],
        )
        .await?;
        self.finish(tx, &[event]).await?;
        self.writer.counters().replan(org, plan.clone());
        Ok(())
    }

    /// Sets what an organisation chose for use beyond its limits.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for an organisation that is not known.
    pub async fn set_overage_method(
        &self,
        org: OrgId,
        method: &str,
        event: NewEvent,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute_one(
            "INSERT INTO org_billing (org_id, overage_method) VALUES ($1, $2) \
             ON CONFLICT (org_id) DO UPDATE SET overage_method = excluded.overage_method",
            params![org, method],
        )
        .await?;
        self.finish(tx, &[event]).await?;
        let plan = Plan::read(&self.db, org).await?;
        self.writer.counters().replan(org, plan);
        Ok(())
    }
}

/// Whether there is room for so many more, asked within the transaction that makes them. Where a limit is set, transactions of
/// the organisation that ask wait for each other, so that two never take the last place.
///
/// # Errors
/// [`StoreError::LimitReached`].
pub(crate) async fn room_for(
    tx: &mut Tx,
    org: OrgId,
    (what, wanted): (Metered, i64),
    at: Timestamp,
) -> Result<()> {
    let limited = tx
        .optional(
            "UPDATE org_billing SET tier = tier WHERE org_id = $1 AND tier IS NOT NULL \
             AND (tier_ends_at IS NULL OR tier_ends_at > $2) \
             RETURNING tier, max_vaults, max_secrets, max_agents",
            params![org, at],
        )
        .await?;
    let Some(row) = limited else { return Ok(()) };
    let (column, sql) = match what {
        Metered::Vaults => (
            "max_vaults",
            "SELECT count(*) AS n FROM vaults WHERE org_id = $1 AND NOT is_system",
        ),
        Metered::Secrets => (
            "max_secrets",
            "SELECT count(*) AS n FROM secrets s JOIN vaults v ON v.id = s.vault_id \
             WHERE s.org_id = $1 AND s.deleted_at IS NULL AND NOT v.is_system",
        ),
        Metered::Agents => (
            "max_agents",
            "SELECT count(*) AS n FROM agents WHERE org_id = $1",
        ),
    };
    let Some(max) = row.opt_int(column)? else {
        return Ok(());
    };
    let used = tx.one(sql, params![org]).await?.int("n")?;
    if used.saturating_add(wanted) <= max {
        return Ok(());
    }
    Err(StoreError::LimitReached(Box::new(LimitReached {
        what,
        used,
        wanted,
        max,
        tier: row.text("tier")?,
    })))
}
