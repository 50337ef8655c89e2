//! What policies can see of agents: names and labels, kept where queries find them.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use oneclaw_core::ids::{AgentId, OrgId};
use oneclaw_core::label::Label;
use oneclaw_core::template::AgentWords;

use crate::agents::Agent;
use crate::db::{Inserts, Tx, params};
use crate::error::Result;

/// Labels outside their alphabet, which nobody could have stored, are left out.
fn marks(agent: &Agent) -> impl Iterator<Item = String> {
    agent
        .labels()
        .filter_map(|(key, value)| Some(Label::new(key, value).ok()?.mark()))
}

static LABELS: LazyLock<Inserts<4>> =
    LazyLock::new(|| Inserts::into("agent_labels (agent_id, org_id, mark, created_at)"));

/// Enters the labels of new agents.
pub(crate) async fn insert(tx: &mut Tx, agents: impl Iterator<Item = &Agent>) -> Result<()> {
    let mut rows = Vec::new();
    for agent in agents {
        let (id, org, at) = (agent.id, agent.org_id, agent.created_at);
        rows.extend(marks(agent).map(|mark| [id.into(), org.into(), mark.into(), at.into()]));
    }
    LABELS.run(tx, rows).await
}

/// Makes the entries those of the agent as it is now, and raises its revision if they were others.
pub(crate) async fn relabelled(tx: &mut Tx, agent: &Agent) -> Result<()> {
    let rows = tx
        .all(
            "SELECT mark FROM agent_labels WHERE agent_id = $1",
            params![agent.id],
        )
        .await?;
    let before = rows
        .iter()
        .map(|row| row.text("mark"))
        .collect::<Result<BTreeSet<_>>>()?;
    let now: BTreeSet<String> = marks(agent).collect();
    if before == now {
        return Ok(());
    }
    tx.execute(
        "DELETE FROM agent_labels WHERE agent_id = $1",
        params![agent.id],
    )
    .await?;
    insert(tx, std::iter::once(agent)).await?;
    raise(tx, agent.id).await
}

/// The name that an agent bears, with its row locked until the transaction ends.
///
/// # Errors
/// [`crate::StoreError::NotFound`].
pub(crate) async fn lock_name(tx: &mut Tx, agent: &Agent) -> Result<String> {
    tx.one(
        "UPDATE agents SET revision = revision WHERE id = $1 AND org_id = $2 RETURNING name",
        params![agent.id, agent.org_id],
    )
    .await?
    .text("name")
}

/// Puts an agent behind all who bear its new name already, and lets the next one have the old name.
pub(crate) async fn renamed(tx: &mut Tx, agent: &Agent, before: &str) -> Result<()> {
    if agent.name == before {
        return Ok(());
    }
    tx.execute_one(
        "UPDATE agents SET revision = revision + 1, name_rank = (SELECT COALESCE(MAX(o.name_rank), 0) + 1 \
         FROM agents o WHERE o.org_id = $2 AND o.name = $3 AND o.id <> $1) WHERE id = $1",
        params![agent.id, agent.org_id, &agent.name],
    )
    .await?;
    next_bearer(tx, agent.org_id, before).await
}

/// Says that whoever bears a name for longest may not have been the one before.
pub(crate) async fn next_bearer(tx: &mut Tx, org: OrgId, name: &str) -> Result<()> {
    tx.execute(
        "UPDATE agents SET revision = revision + 1 WHERE id = (SELECT o.id FROM agents o WHERE o.org_id = $1 \
         AND o.name = $2 ORDER BY o.name_rank, o.id LIMIT 1)",
        params![org, name],
    )
    .await?;
    Ok(())
}

async fn raise(tx: &mut Tx, agent: AgentId) -> Result<()> {
    tx.execute_one(
        "UPDATE agents SET revision = revision + 1 WHERE id = $1",
        params![agent],
    )
    .await
}

/// What there is of an agent for patterns of policies; `None` for an agent that is gone.
pub(crate) async fn words(tx: &mut Tx, agent: AgentId) -> Result<Option<AgentWords>> {
    const SQL: &str = "SELECT a.name, a.profile, EXISTS (SELECT 1 FROM agents o WHERE o.org_id = a.org_id \
         AND o.name = a.name AND (o.name_rank, o.id) < (a.name_rank, a.id)) AS is_namesake \
         FROM agents a WHERE a.id = $1";
    let Some(row) = tx.optional(SQL, params![agent]).await? else {
        return Ok(None);
    };
    let profile: serde_json::Value = row.json("profile")?;
    let labels = profile.get("labels").and_then(serde_json::Value::as_object);
    Ok(Some(AgentWords {
        id: agent,
        name: (!row.bool("is_namesake")?)
            .then(|| row.text("name"))
            .transpose()?,
        labels: labels
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
            .collect(),
    }))
}
