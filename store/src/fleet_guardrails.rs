//! Guardrails for many agents at once, and every state they were ever in.

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{AgentId, EventId, OrgId};
use oneclaw_core::label::Label;
use oneclaw_core::principal::Principal;
use serde_json::Value;

use crate::audit::NewEvent;
use crate::db::{Row, Tx, malformed, params};
use crate::error::Result;
use crate::{Store, json};

/// The mark of what holds for every agent.
const EVERY: &str = "*";

/// Whom guardrails are for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum GuardrailScope {
    /// Every agent of the organisation.
    Organisation,
    /// The agents with a label.
    Label(Label),
}

impl GuardrailScope {
    fn mark(&self) -> String {
        match self {
            Self::Organisation => EVERY.to_owned(),
            Self::Label(label) => label.mark(),
        }
    }

    fn from_row(row: &Row) -> Result<Self> {
        let mark = row.text("mark")?;
        if mark == EVERY {
            return Ok(Self::Organisation);
        }
        Label::from_mark(&mark)
            .map(Self::Label)
            .ok_or_else(|| malformed("mark"))
    }
}

/// Guardrails for many agents.
#[derive(Debug, Clone, PartialEq)]
pub struct FleetGuardrails {
    /// For whom.
    pub scope: GuardrailScope,
    /// An object of fields, as checked when it was written.
    pub document: Value,
    /// Which change of the organisation's guardrails made it.
    pub revision: i64,
    /// Who made it.
    pub updated_by: Principal,
    /// When.
    pub updated_at: Timestamp,
}

/// One change.
#[derive(Debug, Clone, PartialEq)]
pub struct GuardrailRevision {
    /// Counts the changes of the organisation, from 1.
    pub revision: i64,
    /// For whom.
    pub scope: GuardrailScope,
    /// What held from then on; `None` if they were removed.
    pub document: Option<Value>,
    /// Who made it.
    pub changed_by: Principal,
    /// When.
    pub changed_at: Timestamp,
    /// The audit event that records it.
    pub event: EventId,
}

impl FleetGuardrails {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            scope: GuardrailScope::from_row(row)?,
            document: row.json("document")?,
            revision: row.int("revision")?,
            updated_by: row.parsed("updated_by")?,
            updated_at: row.time("updated_at")?,
        })
    }
}

/// A query for guardrails.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT mark, document, revision, updated_by, updated_at FROM fleet_guardrails ",
            $rest
        )
    };
}

impl Store {
    /// The revisions of the guardrails that hold for an agent besides its own, in one order: as long as they stay the
    /// same, so do the guardrails.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn fleet_guardrail_revisions(&self, org: OrgId, agent: AgentId) -> Result<Vec<i64>> {
        const SQL: &str = "SELECT revision FROM fleet_guardrails WHERE org_id = $1 AND (mark = '*' OR mark IN \
             (SELECT l.mark FROM agent_labels l WHERE l.agent_id = $2)) ORDER BY revision";
        let rows = self.db.all(SQL, params![org, agent]).await?;
        rows.iter().map(|row| row.int("revision")).collect()
    }

    /// The guardrails that hold for an agent besides its own, in the order of [`Store::fleet_guardrail_revisions`].
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn fleet_guardrails_for(
        &self,
        org: OrgId,
        agent: AgentId,
    ) -> Result<Vec<FleetGuardrails>> {
        const SQL: &str = select!(
            "WHERE org_id = $1 AND (mark = '*' OR mark IN \
             (SELECT l.mark FROM agent_labels l WHERE l.agent_id = $2)) ORDER BY revision"
        );
        let rows = self.db.all(SQL, params![org, agent]).await?;
        rows.iter().map(FleetGuardrails::from_row).collect()
    }

    /// All guardrails of an organisation for many agents, those for every agent first.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn fleet_guardrails(&self, org: OrgId) -> Result<Vec<FleetGuardrails>> {
        const SQL: &str = select!("WHERE org_id = $1 ORDER BY mark LIMIT $2");
        let rows = self.db.all(SQL, params![org, crate::MAX_ROWS]).await?;
        rows.iter().map(FleetGuardrails::from_row).collect()
    }

    /// Puts guardrails in place of those that were there, or takes them away (`None`). Answers the revision; `None` if
    /// there was nothing to take away.
    ///
    /// # Errors
    /// [`crate::StoreError::NotFound`] for an organisation that is gone.
    pub async fn set_fleet_guardrails(
        &self,
        org: OrgId,
        scope: &GuardrailScope,
        document: Option<&Value>,
        by: Principal,
        event: NewEvent,
    ) -> Result<Option<i64>> {
        let mut tx = self.db.begin().await?;
        let revision = next_revision(&mut tx, org).await?;
        let text = document.map(json::canonical).transpose()?;
        let (mark, at) = (scope.mark(), event.at);
        match &text {
            Some(text) => {
                tx.execute_one(
                    "INSERT INTO fleet_guardrails (org_id, mark, document, revision, updated_by, updated_at) \
                     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (org_id, mark) DO UPDATE SET \
                     document = excluded.document, revision = excluded.revision, \
                     updated_by = excluded.updated_by, updated_at = excluded.updated_at",
                    params![org, &mark, text, revision, by.to_string(), at],
                )
                .await?;
            }
            None => {
                let sql = "DELETE FROM fleet_guardrails WHERE org_id = $1 AND mark = $2";
                if tx.execute(sql, params![org, &mark]).await? == 0 {
                    return Ok(None);
                }
            }
        }
        tx.execute_one(
            "INSERT INTO guardrail_revisions (org_id, revision, mark, document, changed_by, changed_at, event_id) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            params![org, revision, &mark, text, by.to_string(), at, event.id],
        )
        .await?;
        self.finish(tx, &[event]).await?;
        Ok(Some(revision))
    }

    /// Changes of an organisation's guardrails for many agents, newest first: those before a revision, at most `limit`.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn guardrail_revisions(
        &self,
        org: OrgId,
        before: i64,
        limit: i64,
    ) -> Result<Vec<GuardrailRevision>> {
        const SQL: &str = "SELECT revision, mark, document, changed_by, changed_at, event_id FROM guardrail_revisions \
             WHERE org_id = $1 AND revision < $2 ORDER BY revision DESC LIMIT $3";
        let limit = limit.clamp(0, crate::MAX_ROWS);
        let rows = self.db.all(SQL, params![org, before, limit]).await?;
        rows.iter()
            .map(|row| {
                Ok(GuardrailRevision {
                    revision: row.int("revision")?,
                    scope: GuardrailScope::from_row(row)?,
                    document: row.opt_json("document")?,
                    changed_by: row.parsed("changed_by")?,
                    changed_at: row.time("changed_at")?,
                    event: row.parsed("event_id")?,
                })
            })
            .collect()
    }
}

/// The number of the change that is being made. The organisation's row stays locked, so that no two are the same.
async fn next_revision(tx: &mut Tx, org: OrgId) -> Result<i64> {
    tx.execute_one("UPDATE orgs SET name = name WHERE id = $1", params![org])
        .await?;
    tx.one(
        "SELECT COALESCE(MAX(revision), 0) + 1 AS next FROM guardrail_revisions WHERE org_id = $1",
        params![org],
    )
    .await?
    .int("next")
}
