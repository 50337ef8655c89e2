//! Access policies, and the revisions by which others see that they changed.

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{OrgId, PolicyId, VaultId};
use oneclaw_core::principal::{Principal, PrincipalKind};
use oneclaw_core::request::Permission;
use serde_json::Value;
use uuid::Uuid;

use crate::audit::NewEvent;
use crate::db::{Row, Tx, malformed, params};
use crate::error::Result;
use crate::{Store, json};

/// What a principal may do at the paths that a pattern matches.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Its id.
    pub id: PolicyId,
    /// The vault it is about.
    pub vault_id: VaultId,
    /// The organisation that owns the vault.
    pub org_id: OrgId,
    /// Glob over paths; never changes.
    pub pattern: String,
    /// Human or agent; never changes.
    pub principal_kind: PrincipalKind,
    /// Bare id of the principal; never changes.
    pub principal_id: Uuid,
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

impl Policy {
    /// Whom it is about.
    #[must_use]
    pub const fn principal(&self) -> Principal {
        Principal::new(self.principal_kind, self.principal_id)
    }

    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.parsed("id")?,
            vault_id: row.parsed("vault_id")?,
            org_id: row.parsed("org_id")?,
            pattern: row.text("pattern")?,
            principal_kind: principal_kind(row)?,
            principal_id: row.parsed("principal_id")?,
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

fn principal_kind(row: &Row) -> Result<PrincipalKind> {
    match row.text("principal_kind")?.as_str() {
        "user" => Ok(PrincipalKind::User),
        "agent" => Ok(PrincipalKind::Agent),
        _ => Err(malformed("principal_kind")),
    }
}

impl Store {
    /// Stores a new policy.
    ///
    /// # Errors
    /// [`crate::StoreError::NotFound`] when the vault is gone; [`crate::StoreError::Conflict`] `policy` for an id that
    /// is known.
    pub async fn create_policy(&self, policy: &Policy, event: NewEvent) -> Result<()> {
        let mut tx = self.db.begin().await?;
        insert_policy(&mut tx, policy)
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

    /// The policies that are about one caller in one vault, expired ones included, oldest first.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn policies_for(&self, vault: VaultId, caller: Principal) -> Result<Vec<Policy>> {
        const SQL: &str = select!(
            "WHERE vault_id = $1 AND principal_kind = $2 AND principal_id = $3 \
             ORDER BY created_at, id LIMIT $4"
        );
        let params = params![
            vault,
            caller.kind().as_str(),
            caller.uuid(),
            crate::MAX_ROWS
        ];
        self.db
            .all(SQL, params)
            .await?
            .iter()
            .map(Policy::from_row)
            .collect()
    }

    /// The distinct patterns of a caller's allow policies in force, in all vaults of an organisation, in order. At most
    /// 1,000.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn patterns_granted_to(
        &self,
        org: OrgId,
        caller: Principal,
        now: Timestamp,
    ) -> Result<Vec<String>> {
        const SQL: &str = "SELECT DISTINCT pattern FROM policies WHERE principal_kind = $1 AND principal_id = $2 \
             AND org_id = $3 AND allow AND (expires_at IS NULL OR expires_at > $4) ORDER BY pattern LIMIT 1000";
        let params = params![caller.kind().as_str(), caller.uuid(), org, now];
        self.db
            .all(SQL, params)
            .await?
            .iter()
            .map(|row| row.text("pattern"))
            .collect()
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
        let principal = Principal::new(principal_kind(&row)?, row.parsed("principal_id")?);
        bump(&mut tx, policy.vault_id, principal).await?;
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
        let principal = Principal::new(principal_kind(&row)?, row.parsed("principal_id")?);
        bump(&mut tx, vault, principal).await?;
        self.finish(tx, &[event]).await
    }
}

pub(crate) async fn insert_policy(tx: &mut Tx, policy: &Policy) -> Result<()> {
    tx.execute_one(
        "INSERT INTO policies (id, vault_id, org_id, pattern, principal_kind, principal_id, permissions, conditions, \
         allow, priority, expires_at, created_by, created_at, extras) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        params![
            policy.id,
            policy.vault_id,
            policy.org_id,
            &policy.pattern,
            policy.principal_kind.as_str(),
            policy.principal_id,
            json::text(&policy.permissions)?,
            json::canonical(&policy.conditions)?,
            policy.allow,
            i64::from(policy.priority),
            policy.expires_at,
            policy.created_by.to_string(),
            policy.created_at,
            json::canonical(&policy.extras)?,
        ],
    )
    .await?;
    bump(tx, policy.vault_id, policy.principal()).await
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

/// Says that the policies of a caller in a vault are not what they were.
async fn bump(tx: &mut Tx, vault: VaultId, principal: Principal) -> Result<()> {
    tx.execute_one(
        "INSERT INTO policy_sets (vault_id, principal_kind, principal_id, revision) VALUES ($1, $2, $3, 1) \
         ON CONFLICT (vault_id, principal_kind, principal_id) DO UPDATE SET revision = policy_sets.revision + 1",
        params![vault, principal.kind().as_str(), principal.uuid()],
    )
    .await
}
