//! Access policies, and the revisions by which others see that they changed.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use oneclaw_core::audience::Audience;
use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{OrgId, PolicyId, VaultId};
use oneclaw_core::principal::{Principal, PrincipalKind};
use oneclaw_core::request::Permission;
use oneclaw_core::template::AgentWords;
use serde_json::Value;

use crate::audit::NewEvent;
use crate::db::{self, Inserts, Row, Tx, malformed, params};
use crate::error::Result;
use crate::{Store, json, labels};

/// What a principal may do at the paths that a pattern matches.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Its id.
    pub id: PolicyId,
    /// The vault it is about.
    pub vault_id: VaultId,
    /// The organisation that owns the vault.
    pub org_id: OrgId,
    /// Glob over paths, with places for what the agent is called; never changes.
    pub pattern: String,
    /// Whom it is about; never changes.
    pub audience: Audience,
    /// What is allowed or denied.
    pub permissions: Vec<Permission>,
    /// An object of conditions, as checked when it was written.
    pub conditions: Value,
    /// Allow rather than deny.
    pub allow: bool,
    /// The highest applicable one decides.
    pub priority: u32,
    /// From when on it does not apply.
    pub expires_at: Option<Timestamp>,
    /// Who wrote it.
    pub created_by: Principal,
    /// When it was written.
    pub created_at: Timestamp,
    /// An object with `attribute_conditions`, `consensus_trigger`, `tx_conditions` and `policy_schema_version`.
    pub extras: Value,
}

/// By this a cache sees that what it was made from is not what holds any more: equal revisions mean equal policies for the
/// caller, and a later state has a greater one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct PolicyRevision {
    /// What policies can see of the caller: the name and the labels of an agent.
    pub caller: i64,
    /// The policies that can be about the caller in one vault.
    pub policies: i64,
    /// The plugins of the organisation, which are asked beside the policies.
    pub plugins: i64,
}

/// What the policies of a caller in one vault say, all of it read at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct CallerPolicies {
    /// Those that are about the caller, expired ones included, oldest first.
    pub policies: Vec<Policy>,
    /// What to put into their patterns; `None` for humans.
    pub words: Option<AgentWords>,
}

/// A query for policies.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, vault_id, org_id, pattern, principal_kind, principal_id, permissions, conditions, allow, \
             priority, expires_at, created_by, created_at, extras FROM policies ",
            $rest
        )
    };
}

/// The policies, as `p`, that are about the caller of kind $2 and id $3: its own, those for every agent, and those for
/// labels all of which it has. `$where` narrows them, `$labels` the entries of their labels.
macro_rules! about_caller {
    ($columns:literal, $where:literal, $labels:literal, $rest:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM policies p WHERE ",
            $where,
            " AND p.principal_kind = $2 AND p.principal_id IN ($3, '*') ",
            $rest,
            " UNION ALL SELECT ",
            $columns,
            " FROM policies p WHERE p.id IN (SELECT x.policy_id FROM agent_labels l JOIN policy_labels x ON ",
            $labels,
            " AND x.mark = l.mark WHERE l.agent_id = $3 GROUP BY x.policy_id, x.wanted HAVING count(*) = x.wanted) ",
            $rest
        )
    };
}
pub(crate) use about_caller;

impl Policy {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.parsed("id")?,
            vault_id: row.parsed("vault_id")?,
            org_id: row.parsed("org_id")?,
            pattern: row.text("pattern")?,
            audience: audience(row)?,
            permissions: row.json("permissions")?,
            conditions: row.json("conditions")?,
            allow: row.bool("allow")?,
            priority: u32::try_from(row.int("priority")?).map_err(|_| malformed("priority"))?,
            expires_at: row.opt_time("expires_at")?,
            created_by: row.parsed("created_by")?,
            created_at: row.time("created_at")?,
            extras: row.json("extras")?,
        })
    }
}

fn audience(row: &Row) -> Result<Audience> {
    let kind = match row.text("principal_kind")?.as_str() {
        "user" => PrincipalKind::User,
        "agent" => PrincipalKind::Agent,
        _ => return Err(malformed("principal_kind")),
    };
    Audience::parse(kind, &row.text("principal_id")?).map_err(|_| malformed("principal_id"))
}

impl Store {
    /// Stores a new policy.
    ///
    /// # Errors
    /// [`crate::StoreError::NotFound`] when the vault is gone; [`crate::StoreError::Conflict`] `policy` for an id that
    /// is known.
    pub async fn create_policy(&self, policy: &Policy, event: NewEvent) -> Result<()> {
        let mut tx = self.db.begin().await?;
        insert_policies(&mut tx, std::slice::from_ref(policy))
            .await
            .map_err(|e| e.duplicate_is("policy"))?;
        self.finish(tx, &[event]).await
    }

    /// The policies of a vault, oldest first.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn policies(&self, vault: VaultId) -> Result<Vec<Policy>> {
        const SQL: &str = select!("WHERE vault_id = $1 ORDER BY created_at, id LIMIT $2");
        let rows = self.db.all(SQL, params![vault, crate::MAX_ROWS]).await?;
        rows.iter().map(Policy::from_row).collect()
    }

    /// One policy of a vault.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn policy(&self, vault: VaultId, id: PolicyId) -> Result<Option<Policy>> {
        const SQL: &str = select!("WHERE id = $1 AND vault_id = $2");
        let row = self.db.optional(SQL, params![id, vault]).await?;
        row.as_ref().map(Policy::from_row).transpose()
    }

    /// The policies that are about one caller in one vault, and what to put into their patterns.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn policies_for(&self, vault: VaultId, caller: Principal) -> Result<CallerPolicies> {
        const SQL: &str = concat!(
            "SELECT * FROM (",
            about_caller!(
                "p.id, p.vault_id, p.org_id, p.pattern, p.principal_kind, p.principal_id, p.permissions, \
                 p.conditions, p.allow, p.priority, p.expires_at, p.created_by, p.created_at, p.extras",
                "p.vault_id = $1",
                "x.vault_id = $1",
                ""
            ),
            ") q ORDER BY created_at, id LIMIT $4"
        );
        let params = params![
            vault,
            caller.kind().as_str(),
            caller.uuid(),
            crate::MAX_ROWS
        ];
        // One state of the database: policies of one moment and labels of another could grant what neither did.
        let mut tx = self.db.snapshot().await?;
        let rows = tx.all(SQL, params).await?;
        Ok(CallerPolicies {
            policies: rows.iter().map(Policy::from_row).collect::<Result<_>>()?,
            words: words_of(&mut tx, caller).await?,
        })
    }

    /// How many policies of a vault are about this audience.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn count_policies(&self, vault: VaultId, audience: &Audience) -> Result<i64> {
        const SQL: &str = "SELECT count(*) AS n FROM policies WHERE vault_id = $1 AND principal_kind = $2 \
             AND principal_id = $3";
        let params = params![vault, audience.kind().as_str(), audience.to_string()];
        self.db.one(SQL, params).await?.int("n")
    }

    /// The distinct patterns of the allow policies in force that are about a caller, in all vaults of an organisation, in
    /// order and as they are written, and what to put into them. At most 1,000.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn patterns_granted_to(
        &self,
        org: OrgId,
        caller: Principal,
        now: Timestamp,
    ) -> Result<(Vec<String>, Option<AgentWords>)> {
        const SQL: &str = concat!(
            "SELECT DISTINCT pattern FROM (",
            about_caller!(
                "p.pattern",
                "p.org_id = $1",
                "x.org_id = $1",
                "AND p.allow AND (p.expires_at IS NULL OR p.expires_at > $4)"
            ),
            ") q ORDER BY pattern LIMIT 1000"
        );
        let params = params![org, caller.kind().as_str(), caller.uuid(), now];
        let mut tx = self.db.snapshot().await?;
        let rows = tx.all(SQL, params).await?;
        let patterns = rows
            .iter()
            .map(|row| row.text("pattern"))
            .collect::<Result<_>>()?;
        Ok((patterns, words_of(&mut tx, caller).await?))
    }

    /// Stores every changeable field of a policy; pattern and principal stay what they were.
    ///
    /// # Errors
    /// [`crate::StoreError::NotFound`].
    pub async fn update_policy(&self, policy: &Policy, event: NewEvent) -> Result<()> {
        let mut tx = self.db.begin().await?;
        let row = tx
            .one(
                "UPDATE policies SET permissions = $3, conditions = $4, allow = $5, priority = $6, expires_at = $7, \
                 extras = $8 WHERE id = $1 AND vault_id = $2 RETURNING principal_kind, principal_id",
                params![
                    policy.id,
                    policy.vault_id,
                    json::text(&policy.permissions)?,
                    json::canonical(&policy.conditions)?,
                    policy.allow,
                    i64::from(policy.priority),
                    policy.expires_at,
                    json::canonical(&policy.extras)?,
                ],
            )
            .await?;
        bump(&mut tx, policy.vault_id, &audience(&row)?).await?;
        self.finish(tx, &[event]).await
    }

    /// Removes a policy.
    ///
    /// # Errors
    /// [`crate::StoreError::NotFound`].
    pub async fn delete_policy(&self, vault: VaultId, id: PolicyId, event: NewEvent) -> Result<()> {
        let mut tx = self.db.begin().await?;
        let row = tx
            .one(
                "DELETE FROM policies WHERE id = $1 AND vault_id = $2 \
                 RETURNING principal_kind, principal_id",
                params![id, vault],
            )
            .await?;
        bump(&mut tx, vault, &audience(&row)?).await?;
        self.finish(tx, &[event]).await
    }
}

static POLICIES: LazyLock<Inserts<14>> = LazyLock::new(|| {
    Inserts::into(
        "policies (id, vault_id, org_id, pattern, principal_kind, principal_id, permissions, conditions, allow, \
         priority, expires_at, created_by, created_at, extras)",
    )
});

static POLICY_LABELS: LazyLock<Inserts<5>> =
    LazyLock::new(|| Inserts::into("policy_labels (policy_id, vault_id, org_id, mark, wanted)"));

/// Stores new policies, and says of each audience once that its policies are not what they were.
pub(crate) async fn insert_policies(tx: &mut Tx, policies: &[Policy]) -> Result<()> {
    let rows: Vec<_> = policies.iter().map(values).collect::<Result<_>>()?;
    POLICIES.run(tx, rows).await?;
    POLICY_LABELS
        .run(tx, policies.iter().flat_map(labels_of))
        .await?;
    // In one order everywhere, so that two batches rarely wait for each other.
    let marks: BTreeSet<(VaultId, &str, String)> = policies
        .iter()
        .flat_map(|policy| {
            let audience = &policy.audience;
            let marks = audience.marks().into_iter();
            marks.map(|mark| (policy.vault_id, audience.kind().as_str(), mark))
        })
        .collect();
    for (vault, kind, mark) in marks {
        bump_mark(tx, vault, kind, mark).await?;
    }
    Ok(())
}

fn values(policy: &Policy) -> Result<[db::Value; 14]> {
    Ok([
        policy.id.into(),
        policy.vault_id.into(),
        policy.org_id.into(),
        (&policy.pattern).into(),
        policy.audience.kind().as_str().into(),
        policy.audience.to_string().into(),
        json::text(&policy.permissions)?.into(),
        json::canonical(&policy.conditions)?.into(),
        policy.allow.into(),
        i64::from(policy.priority).into(),
        policy.expires_at.into(),
        policy.created_by.to_string().into(),
        policy.created_at.into(),
        json::canonical(&policy.extras)?.into(),
    ])
}

fn labels_of(policy: &Policy) -> Vec<[db::Value; 5]> {
    let Audience::Labelled(selector) = &policy.audience else {
        return Vec::new();
    };
    let labels = selector.labels();
    let wanted = i64::try_from(labels.len()).unwrap_or(i64::MAX);
    labels
        .iter()
        .map(|label| {
            [
                policy.id.into(),
                policy.vault_id.into(),
                policy.org_id.into(),
                label.mark().into(),
                wanted.into(),
            ]
        })
        .collect()
}

async fn words_of(tx: &mut Tx, caller: Principal) -> Result<Option<AgentWords>> {
    match caller {
        Principal::Agent(id) => labels::words(tx, id).await,
        Principal::User(_) => Ok(None),
    }
}

/// Removes every policy that is about a principal which is no more.
pub(crate) async fn delete_of(tx: &mut Tx, principal: Principal) -> Result<()> {
    let (kind, id) = (principal.kind().as_str(), principal.uuid());
    tx.execute(
        "DELETE FROM policies WHERE principal_kind = $1 AND principal_id = $2",
        params![kind, id],
    )
    .await?;
    // Whoever ever had a policy in a vault has a row there.
    tx.execute(
        "UPDATE policy_sets SET revision = revision + 1 WHERE principal_kind = $1 AND principal_id = $2",
        params![kind, id],
    )
    .await?;
    Ok(())
}

/// Says that the policies for an audience in a vault are not what they were: a row or a few, however many belong to it.
async fn bump(tx: &mut Tx, vault: VaultId, audience: &Audience) -> Result<()> {
    for mark in audience.marks() {
        bump_mark(tx, vault, audience.kind().as_str(), mark).await?;
    }
    Ok(())
}

async fn bump_mark(tx: &mut Tx, vault: VaultId, kind: &str, mark: String) -> Result<()> {
    tx.execute_one(
        "INSERT INTO policy_sets (vault_id, principal_kind, principal_id, revision) VALUES ($1, $2, $3, 1) \
         ON CONFLICT (vault_id, principal_kind, principal_id) DO UPDATE SET revision = policy_sets.revision + 1",
        params![vault, kind, mark],
    )
    .await
}
