//! Vaults.

use std::fmt;
use std::sync::LazyLock;

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{OrgId, VaultId};
use oneclaw_core::principal::Principal;

use crate::Store;
use crate::accounts::count;
use crate::audit::NewEvent;
use crate::db::{Inserts, Row, Tx, params};
use crate::error::Result;
use crate::policies::{self, Policy, PolicyRevision, about_caller};
use crate::usage::{Metered, room_for};

/// A vault.
#[derive(Clone, PartialEq, Eq)]
pub struct Vault {
    /// Its id.
    pub id: VaultId,
    /// The organisation that owns it.
    pub org_id: OrgId,
    /// For display; need not be unique.
    pub name: String,
    /// For display.
    pub description: String,
    /// Its owner.
    pub created_by: Principal,
    /// Its key, wrapped by the root key.
    pub wrapped_key: Vec<u8>,
    /// Whether it holds the agents' own keys; an organisation has one such vault at most.
    pub is_system: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault")
            .field("id", &self.id)
            .field("org_id", &self.org_id)
            .field("name", &self.name)
            .field("is_system", &self.is_system)
            .finish_non_exhaustive()
    }
}

/// The columns of a vault, in a query where the table is called `v`.
macro_rules! vault_columns {
    () => {
        "v.id, v.org_id, v.name, v.description, v.created_by, v.wrapped_key, v.is_system, v.created_at"
    };
}
pub(crate) use vault_columns;

impl Vault {
    pub(crate) fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.parsed("id")?,
            org_id: row.parsed("org_id")?,
            name: row.text("name")?,
            description: row.text("description")?,
            created_by: row.parsed("created_by")?,
            wrapped_key: row.bytes("wrapped_key")?,
            is_system: row.bool("is_system")?,
            created_at: row.time("created_at")?,
        })
    }
}

/// Each mark only ever rises, so that for an agent that keeps its labels the sum does; with others it has another
/// revision of its own.
///
/// `CROSS JOIN` has SQLite begin with the few labels of the agent; PostgreSQL finds that out by itself.
const ACCESS: &str = concat!(
    "SELECT ",
    vault_columns!(),
    ", CAST(COALESCE((SELECT sum(s.revision) FROM policy_sets s WHERE s.vault_id = $1 \
     AND s.principal_kind = $3 AND s.principal_id IN ($4, '*')), 0) \
     + COALESCE((SELECT sum(s.revision) FROM agent_labels l CROSS JOIN policy_sets s WHERE l.agent_id = $4 \
     AND s.vault_id = $1 AND s.principal_kind = $3 AND s.principal_id = l.mark), 0) AS BIGINT) AS policies, \
     COALESCE((SELECT a.revision FROM agents a WHERE a.id = $4), 0) AS caller, \
     COALESCE((SELECT p.revision FROM plugin_sets p WHERE p.org_id = $2), 0) AS plugins \
     FROM vaults v WHERE v.id = $1 AND v.org_id = $2"
);

impl Store {
    /// Stores a new vault, and the policy that comes with it if it has one.
    ///
    /// # Errors
    /// [`crate::StoreError::Conflict`] `vault` for an id that is known, or a second system vault.
    pub async fn create_vault(
        &self,
        vault: &Vault,
        policy: Option<&Policy>,
        event: NewEvent,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        insert_vault(&mut tx, vault)
            .await
            .map_err(|e| e.duplicate_is("vault"))?;
        if let Some(policy) = policy {
            policies::insert_policies(&mut tx, std::slice::from_ref(policy))
                .await
                .map_err(|e| e.duplicate_is("policy"))?;
        }
        self.finish(tx, &[event]).await
    }

    /// A vault of this organisation, the system vault included.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn vault(&self, org: OrgId, id: VaultId) -> Result<Option<Vault>> {
        const SQL: &str = concat!(
            "SELECT ",
            vault_columns!(),
            " FROM vaults v WHERE v.id = $1 AND v.org_id = $2"
        );
        self.db
            .optional(SQL, params![id, org])
            .await?
            .as_ref()
            .map(Vault::from_row)
            .transpose()
    }

    /// The vaults of an organisation, oldest first, without its system vault.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn vaults(&self, org: OrgId) -> Result<Vec<Vault>> {
        const SQL: &str = concat!(
            "SELECT ",
            vault_columns!(),
            " FROM vaults v WHERE v.org_id = $1 AND NOT v.is_system \
             ORDER BY v.created_at, v.id LIMIT $2"
        );
        let rows = self.db.all(SQL, params![org, crate::MAX_ROWS]).await?;
        rows.iter().map(Vault::from_row).collect()
    }

    /// The vaults that a caller made, or has an allow policy of any kind in (expired ones too), oldest first, without
    /// the system vault.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn vaults_visible_to(&self, org: OrgId, caller: Principal) -> Result<Vec<Vault>> {
        const SQL: &str = concat!(
            "SELECT ",
            vault_columns!(),
            " FROM vaults v WHERE v.org_id = $1 AND NOT v.is_system AND (v.created_by = $4 OR v.id IN (",
            about_caller!(
                "p.vault_id",
                "p.org_id = $1",
                "x.org_id = $1",
                "AND p.allow"
            ),
            ")) ORDER BY v.created_at, v.id LIMIT $5"
        );
        let params = params![
            org,
            caller.kind().as_str(),
            caller.uuid(),
            caller.to_string(),
            crate::MAX_ROWS
        ];
        self.db
            .all(SQL, params)
            .await?
            .iter()
            .map(Vault::from_row)
            .collect()
    }

    /// The vault of the agents' own keys, once there is one.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn system_vault(&self, org: OrgId) -> Result<Option<Vault>> {
        const SQL: &str = concat!(
            "SELECT ",
            vault_columns!(),
            " FROM vaults v WHERE v.org_id = $1 AND v.is_system"
        );
        self.db
            .optional(SQL, params![org])
            .await?
            .as_ref()
            .map(Vault::from_row)
            .transpose()
    }

    /// A vault of the caller's organisation, and the revision of the policies that are about the caller in it, and of
    /// the plugins of the organisation. One query:
    /// every access begins with it. Whatever [`Store::policies_for`] answers afterwards is at least as new.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn vault_access(
        &self,
        org: OrgId,
        vault: VaultId,
        caller: Principal,
    ) -> Result<Option<(Vault, PolicyRevision)>> {
        let params = params![vault, org, caller.kind().as_str(), caller.uuid()];
        let Some(row) = self.db.optional(ACCESS, params).await? else {
            return Ok(None);
        };
        let revision = PolicyRevision {
            caller: row.int("caller")?,
            policies: row.int("policies")?,
            plugins: row.int("plugins")?,
        };
        Ok(Some((Vault::from_row(&row)?, revision)))
    }

    /// Removes a vault with its secrets and policies, for good.
    ///
    /// # Errors
    /// [`crate::StoreError::NotFound`].
    pub async fn delete_vault(&self, id: VaultId, event: NewEvent) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute_one("DELETE FROM vaults WHERE id = $1", params![id])
            .await?;
        tx.execute(
            "UPDATE policy_sets SET revision = revision + 1 WHERE vault_id = $1",
            params![id],
        )
        .await?;
        self.finish(tx, &[event]).await
    }

    /// How many vaults an organisation has, without its system vault.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn count_vaults(&self, org: OrgId) -> Result<i64> {
        const SQL: &str = "SELECT count(*) AS n FROM vaults WHERE org_id = $1 AND NOT is_system";
        count(&self.db, SQL, org).await
    }
}

static VAULTS: LazyLock<Inserts<8>> = LazyLock::new(|| {
    Inserts::into(
        "vaults (id, org_id, name, description, created_by, wrapped_key, is_system, created_at)",
    )
});

pub(crate) async fn insert_vault(tx: &mut Tx, vault: &Vault) -> Result<()> {
    insert_vaults(tx, std::slice::from_ref(vault)).await
}

/// Stores new vaults of one organisation, if there is room for all of them; a system vault takes none.
pub(crate) async fn insert_vaults(tx: &mut Tx, vaults: &[Vault]) -> Result<()> {
    let counting = vaults.iter().filter(|vault| !vault.is_system);
    let wanted = i64::try_from(counting.clone().count()).unwrap_or(i64::MAX);
    if let Some(first) = counting.clone().next() {
        let more = (Metered::Vaults, wanted);
        room_for(tx, first.org_id, more, first.created_at).await?;
    }
    let rows = vaults.iter().map(|vault| {
        [
            vault.id.into(),
            vault.org_id.into(),
            (&vault.name).into(),
            (&vault.description).into(),
            vault.created_by.to_string().into(),
            vault.wrapped_key.as_slice().into(),
            vault.is_system.into(),
            vault.created_at.into(),
        ]
    });
    VAULTS.run(tx, rows).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StoreOptions;

    /// Every access begins with this query: each table in it is looked up by its key, whatever else is in there.
    #[tokio::test]
    async fn an_access_looks_up_keys_alone_however_large_the_fleet() {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/oneclaw.db", dir.path().display());
        let store = Store::open(&url, [7; 32], StoreOptions::default())
            .await
            .unwrap();
        let explain = Box::leak(format!("EXPLAIN QUERY PLAN {ACCESS}").into_boxed_str());
        let rows = store.db.all(explain, vec![]).await.unwrap();
        let steps: Vec<String> = rows.iter().map(|row| row.text("detail").unwrap()).collect();
        let plan = steps.join("\n");
        assert!(
            !plan.contains("SCAN v") && !plan.contains("SCAN s"),
            "{plan}"
        );
        assert!(
            !plan.contains("SCAN l") && !plan.contains("SCAN a"),
            "{plan}"
        );
        let full = "(vault_id=? AND principal_kind=? AND principal_id=?)";
        assert_eq!(plan.matches(full).count(), 2, "{plan}");
        assert!(
            plan.contains("SEARCH l USING") && plan.contains("(agent_id=?)"),
            "{plan}"
        );
    }
}
