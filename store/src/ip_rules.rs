//! From where an organisation's humans and agents may speak.

use ipnet::IpNet;
use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{OrgId, UserId};
use uuid::Uuid;

use crate::Store;
use crate::audit::NewEvent;
use crate::db::{Row, Tx, params};
use crate::error::{Result, StoreError};

/// What a rule says of an address within its network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IpRuleKind {
    /// It may speak; where there is such a rule, addresses outside of all of them may not.
    Allow,
    /// It may not, whatever else there is.
    Deny,
}

/// Whom a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IpRuleAudience {
    /// Everybody.
    All,
    /// Humans.
    Users,
    /// Agents.
    Agents,
}

macro_rules! words {
    ($kind:ident, $what:literal, $($variant:ident => $word:literal),*) => {
        impl $kind {
            /// The word on the wire and in the database.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }
        }

        impl std::str::FromStr for $kind {
            type Err = StoreError;

            fn from_str(word: &str) -> Result<Self> {
                match word {
                    $($word => Ok(Self::$variant),)*
                    _ => Err(StoreError::Corrupt($what.to_owned())),
                }
            }
        }
    };
}

words!(IpRuleKind, "there is an IP rule of an unknown kind", Allow => "allow", Deny => "deny");
words!(IpRuleAudience, "there is an IP rule for an unknown audience",
    All => "all", Users => "users", Agents => "agents");

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IpRule {
    /// Its id.
    pub id: Uuid,
    /// Whose it is.
    pub org_id: OrgId,
    /// What it says.
    pub kind: IpRuleKind,
    /// The addresses it is about.
    pub network: IpNet,
    /// What humans call it.
    pub label: String,
    /// Whom it is about.
    pub audience: IpRuleAudience,
    /// Who made it.
    pub created_by: UserId,
    /// When.
    pub created_at: Timestamp,
}

impl IpRule {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.parsed("id")?,
            org_id: row.parsed("org_id")?,
            kind: row.parsed("rule_type")?,
            network: row.parsed("cidr")?,
            label: row.text("label")?,
            audience: row.parsed("applies_to")?,
            created_by: row.parsed("created_by")?,
            created_at: row.time("created_at")?,
        })
    }
}

impl Store {
    /// The revision of an organisation's rules: 0 until the first one was made. Callers who authenticate learn it with their
    /// record; this is for those who have shown a password.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn ip_rules_revision(&self, org: OrgId) -> Result<i64> {
        self.db
            .one(
                "SELECT ip_rules_revision FROM orgs WHERE id = $1",
                params![org],
            )
            .await?
            .int("ip_rules_revision")
    }

    /// The rules of an organisation, oldest first, and their revision.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such organisation.
    pub async fn ip_rules(&self, org: OrgId) -> Result<(i64, Vec<IpRule>)> {
        let mut tx = self.db.snapshot().await?;
        let revision = tx
            .one(
                "SELECT ip_rules_revision FROM orgs WHERE id = $1",
                params![org],
            )
            .await?
            .int("ip_rules_revision")?;
        let rows = tx
            .all(
                "SELECT id, org_id, rule_type, cidr, label, applies_to, created_by, created_at \
                 FROM ip_rules WHERE org_id = $1 ORDER BY created_at, id",
                params![org],
            )
            .await?;
        let rules = rows.iter().map(IpRule::from_row).collect::<Result<_>>()?;
        Ok((revision, rules))
    }

    /// Adds a rule to the rules of this revision.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] `ip rules` when they have changed since.
    pub async fn add_ip_rule(&self, rule: &IpRule, revision: i64, event: NewEvent) -> Result<()> {
        let mut tx = self.db.begin().await?;
        next_revision(&mut tx, rule.org_id, revision).await?;
        tx.execute_one(
            "INSERT INTO ip_rules (id, org_id, rule_type, cidr, label, applies_to, created_by, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            params![
                rule.id,
                rule.org_id,
                rule.kind.as_str(),
                rule.network.to_string(),
                &rule.label,
                rule.audience.as_str(),
                rule.created_by,
                rule.created_at
            ],
        )
        .await?;
        self.finish(tx, &[event]).await
    }

    /// Removes a rule from the rules of this revision.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] `ip rules` when they have changed since; [`StoreError::NotFound`].
    pub async fn delete_ip_rule(
        &self,
        org: OrgId,
        id: Uuid,
        revision: i64,
        event: NewEvent,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        next_revision(&mut tx, org, revision).await?;
        tx.execute_one(
            "DELETE FROM ip_rules WHERE id = $1 AND org_id = $2",
            params![id, org],
        )
        .await?;
        self.finish(tx, &[event]).await
    }
}

async fn next_revision(tx: &mut Tx, org: OrgId, revision: i64) -> Result<()> {
    let changed = tx
        .execute(
            "UPDATE orgs SET ip_rules_revision = ip_rules_revision + 1 \
             WHERE id = $1 AND ip_rules_revision = $2",
            params![org, revision],
        )
        .await?;
    if changed == 0 {
        return Err(StoreError::Conflict("ip rules"));
    }
    Ok(())
}
