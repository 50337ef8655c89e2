//! Looking records up.

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{EventId, OrgId, VaultId};
use oneclaw_core::principal::Principal;

use super::{Decision, record_digest, unpack};
use crate::Store;
use crate::db::{Row, Value, params};
use crate::error::Result;

/// Most records in one answer.
const MAX_PAGE: i64 = 1000;

/// Which records to look for. What is absent is not asked about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DecisionFilter {
    /// On whose account.
    pub principal: Option<Principal>,
    /// About this vault.
    pub vault_id: Option<VaultId>,
    /// About paths that begin so.
    pub path_prefix: Option<String>,
    /// What held.
    pub verdict: Option<String>,
    /// Why.
    pub code: Option<String>,
    /// What kind of plugin decides on it.
    pub world: Option<String>,
    /// The component with this digest took part: 64 hexadecimal digits.
    pub plugin_digest: Option<String>,
    /// Not before this instant.
    pub since: Option<Timestamp>,
    /// Before this instant.
    pub until: Option<Timestamp>,
}

/// Where a page goes on: behind the record with this time and id.
pub type Place = (Timestamp, EventId);

/// The records that a filter asks for, whose parameters are `$1` to `$10`.
macro_rules! matching {
    ($principal:literal) => {
        concat!(
            " FROM decisions WHERE decisions.org_id = $1 AND ",
            $principal,
            " AND ($3 IS NULL OR vault_id = $3) AND ($4 IS NULL OR substr(path, 1, length($4)) = $4) \
             AND ($5 IS NULL OR verdict = $5) AND ($6 IS NULL OR code = $6) AND ($7 IS NULL OR world = $7) \
             AND ($8 IS NULL OR basis IN (SELECT digest FROM decision_bases \
             WHERE org_id = $1 AND body LIKE '%' || $8 || '%')) \
             AND ($9 IS NULL OR at >= $9) AND ($10 IS NULL OR at < $10)"
        )
    };
}

macro_rules! page {
    ($principal:literal, $order:literal) => {
        concat!(
            "SELECT d.org_id, d.id, d.at, d.world, d.verdict, d.code, d.principal, d.vault_id, d.path, d.body, \
             d.basis AS basis_digest, b.body AS basis FROM (SELECT decisions.*",
            matching!($principal),
            $order,
            " LIMIT $13) d JOIN decision_bases b ON b.org_id = d.org_id AND b.digest = d.basis"
        )
    };
}

const ANYBODY: &str = page!(
    "($2 IS NULL OR principal = $2)",
    " AND ($11 IS NULL OR at < $11 OR (at = $11 AND id < $12)) ORDER BY at DESC, id DESC"
);
const SOMEBODY: &str = page!(
    "principal = $2",
    " AND ($11 IS NULL OR at < $11 OR (at = $11 AND id < $12)) ORDER BY at DESC, id DESC"
);
const OLDEST_FIRST: &str = page!(
    "($2 IS NULL OR principal = $2)",
    " AND ($11 IS NULL OR at > $11 OR (at = $11 AND id > $12)) ORDER BY at, id"
);
const COUNT: &str = concat!(
    "SELECT count(*) AS n",
    matching!("($2 IS NULL OR principal = $2)")
);

impl DecisionFilter {
    fn params(&self, org: OrgId) -> Vec<Value> {
        params![
            org,
            self.principal.map(|principal| principal.to_string()),
            self.vault_id,
            self.path_prefix.clone(),
            self.verdict.clone(),
            self.code.clone(),
            self.world.clone(),
            self.plugin_digest.clone(),
            self.since,
            self.until,
        ]
    }

    /// Text that no record holds and that PostgreSQL would not take.
    fn holds_nul(&self) -> bool {
        [&self.path_prefix, &self.verdict, &self.code, &self.world]
            .into_iter()
            .flatten()
            .any(|text| text.contains('\0'))
    }
}

impl Decision {
    fn from_row(row: &Row) -> Result<Self> {
        let body = row.bytes("body")?;
        let basis = row.bytes("basis_digest")?;
        let mut decision = Self {
            id: row.parsed("id")?,
            org_id: row.parsed("org_id")?,
            at: row.time("at")?,
            world: row.text("world")?,
            verdict: row.text("verdict")?,
            code: row.text("code")?,
            principal: row.parsed("principal")?,
            vault_id: row.opt_parsed("vault_id")?,
            path: row.opt_text("path")?,
            basis: row.text("basis")?,
            digest: [0; 32],
            body: unpack(&body, "body")?,
        };
        decision.digest = record_digest(
            [&decision.world, &decision.verdict, &decision.code],
            (
                decision.principal,
                decision.vault_id,
                decision.path.as_deref(),
            ),
            [&basis, &body],
        );
        Ok(decision)
    }
}

impl Store {
    /// Records of an organisation, newest first, behind `after`.
    ///
    /// # Errors
    /// [`crate::StoreError::Corrupt`] for a record that was altered beyond reading.
    pub async fn decisions(
        &self,
        org: OrgId,
        filter: &DecisionFilter,
        after: Option<Place>,
        limit: i64,
    ) -> Result<Vec<Decision>> {
        let sql = if filter.principal.is_some() {
            SOMEBODY
        } else {
            ANYBODY
        };
        self.decision_page(sql, org, filter, after, limit).await
    }

    /// The same, oldest first.
    ///
    /// # Errors
    /// As [`Store::decisions`].
    pub async fn decisions_oldest_first(
        &self,
        org: OrgId,
        filter: &DecisionFilter,
        after: Option<Place>,
        limit: i64,
    ) -> Result<Vec<Decision>> {
        self.decision_page(OLDEST_FIRST, org, filter, after, limit)
            .await
    }

    async fn decision_page(
        &self,
        sql: &'static str,
        org: OrgId,
        filter: &DecisionFilter,
        after: Option<Place>,
        limit: i64,
    ) -> Result<Vec<Decision>> {
        if filter.holds_nul() {
            return Ok(Vec::new());
        }
        let mut params = filter.params(org);
        params.extend(params![
            after.map(|(at, _)| at),
            after.map(|(_, id)| id),
            limit.clamp(1, MAX_PAGE)
        ]);
        let rows = self.db.all(sql, params).await?;
        let mut decisions: Vec<Decision> =
            rows.iter().map(Decision::from_row).collect::<Result<_>>()?;
        // A join promises no order.
        decisions.sort_by_key(|decision| (decision.at, decision.id));
        if sql != OLDEST_FIRST {
            decisions.reverse();
        }
        Ok(decisions)
    }

    /// How many records match.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn count_decisions(&self, org: OrgId, filter: &DecisionFilter) -> Result<u64> {
        if filter.holds_nul() {
            return Ok(0);
        }
        self.db.one(COUNT, filter.params(org)).await?.unsigned("n")
    }

    /// One record.
    ///
    /// # Errors
    /// As [`Store::decisions`].
    pub async fn decision(&self, org: OrgId, id: EventId) -> Result<Option<Decision>> {
        let row = self
            .db
            .optional(
                "SELECT d.org_id, d.id, d.at, d.world, d.verdict, d.code, d.principal, d.vault_id, d.path, d.body, \
                 d.basis AS basis_digest, b.body AS basis FROM decisions d \
                 JOIN decision_bases b ON b.org_id = d.org_id AND b.digest = d.basis \
                 WHERE d.org_id = $1 AND d.id = $2",
                params![org, id],
            )
            .await?;
        row.map(|row| Decision::from_row(&row)).transpose()
    }

    /// Settings that a decision was made with, by their digest.
    ///
    /// # Errors
    /// [`crate::StoreError::Corrupt`] for settings that were altered beyond reading.
    pub async fn decision_settings(&self, org: OrgId, digest: &str) -> Result<Option<String>> {
        let row = self
            .db
            .optional(
                "SELECT body FROM settings_blobs WHERE org_id = $1 AND digest = $2",
                params![org, digest],
            )
            .await?;
        row.map(|row| unpack(&row.bytes("body")?, "body"))
            .transpose()
    }
}
