//! Agents in pages: a page costs what is on it, however many there are.

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{AgentId, OrgId};
use oneclaw_core::label::{Label, LabelSelector, MAX_SELECTOR_LABELS};

use crate::Store;
use crate::agents::{Agent, agent_columns};
use crate::db::{Value, params};
use crate::error::Result;

/// Which agents, and from where on.
#[derive(Debug, Clone, Default)]
pub struct AgentFilter {
    /// Those that have these labels.
    pub labels: Option<LabelSelector>,
    /// Part of the name, whatever the case.
    pub name_contains: Option<String>,
    /// Active ones, or those that are not.
    pub is_active: Option<bool>,
    /// Behind this one.
    pub after: Option<AgentPosition>,
    /// Most agents; `None` for all.
    pub limit: Option<usize>,
}

/// A place in the order of agents: by age, then by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AgentPosition {
    /// When the agent was made.
    pub created_at: Timestamp,
    /// Which.
    pub id: AgentId,
}

/// Some agents, oldest first.
#[derive(Debug, Clone)]
pub struct AgentPage {
    /// They.
    pub agents: Vec<Agent>,
    /// The last of them, if there are more.
    pub next: Option<AgentPosition>,
}

/// What every page asks besides where it begins: $3 is what the name is like, $4 and $5 the states.
macro_rules! page {
    ($from:literal, $at:literal, $id:literal, $more:literal) => {
        concat!(
            "SELECT ",
            agent_columns!(),
            " FROM ",
            $from,
            " AND (",
            $at,
            ", ",
            $id,
            ") > ($1, $2) AND a.name_search LIKE $3 ESCAPE '!' AND a.is_active IN ($4, $5)",
            $more,
            " ORDER BY ",
            $at,
            ", ",
            $id,
            " LIMIT $6"
        )
    };
}

const ALL: &str = page!("agents a WHERE a.org_id = $7", "a.created_at", "a.id", "");
const IN_STATE: &str = page!(
    "agents a WHERE a.org_id = $7 AND a.is_active = $4",
    "a.created_at",
    "a.id",
    ""
);
const LABELLED: &str = page!(
    "agent_labels l JOIN agents a ON a.id = l.agent_id WHERE l.org_id = $7 AND l.mark = $8",
    "l.created_at",
    "l.agent_id",
    " AND EXISTS (SELECT 1 FROM agent_labels m WHERE m.agent_id = a.id AND m.mark = $9) \
      AND EXISTS (SELECT 1 FROM agent_labels m WHERE m.agent_id = a.id AND m.mark = $10) \
      AND EXISTS (SELECT 1 FROM agent_labels m WHERE m.agent_id = a.id AND m.mark = $11)"
);

impl Store {
    /// Some agents of an organisation, oldest first.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn agent_page(&self, org: OrgId, filter: &AgentFilter) -> Result<AgentPage> {
        let most = i64::try_from(filter.limit.unwrap_or(usize::MAX)).unwrap_or(i64::MAX);
        let most = most.clamp(1, crate::MAX_ROWS);
        let (after, id) = filter.after.map_or((i64::MIN, String::new()), |after| {
            (after.created_at.as_millis(), after.id.to_string())
        });
        let (first, second) = filter
            .is_active
            .map_or((true, false), |wanted| (wanted, wanted));
        let mut params: Vec<Value> = params![
            after,
            id,
            like(filter.name_contains.as_deref().unwrap_or_default()),
            first,
            second,
            // One more shows whether there are more.
            most.saturating_add(1),
            org
        ];
        let mut marks = filter
            .labels
            .iter()
            .flat_map(LabelSelector::labels)
            .map(Label::mark);
        let sql = match (marks.next(), filter.is_active) {
            (Some(first), _) => {
                let rest = std::iter::repeat_n(first.clone(), MAX_SELECTOR_LABELS);
                let all = std::iter::once(first).chain(marks).chain(rest);
                params.extend(all.take(MAX_SELECTOR_LABELS).map(Value::from));
                LABELLED
            }
            (None, Some(_)) => IN_STATE,
            (None, None) => ALL,
        };
        let rows = self.db.all(sql, params).await?;
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let agents = rows
            .iter()
            .take(most)
            .map(Agent::from_row)
            .collect::<Result<Vec<_>>>()?;
        let next = agents.last().filter(|_| rows.len() > most);
        Ok(AgentPage {
            next: next.map(|agent| AgentPosition {
                created_at: agent.created_at,
                id: agent.id,
            }),
            agents,
        })
    }
}

/// What `LIKE` takes for "contains".
fn like(part: &str) -> String {
    if part.is_empty() {
        return "%".to_owned();
    }
    let mut pattern = "%".to_owned();
    for c in part.to_lowercase().chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StoreOptions;

    #[test]
    fn what_is_searched_for_means_itself() {
        assert_eq!(like(""), "%");
        assert_eq!(like("Web_1"), "%web!_1%");
        assert_eq!(like("100%!"), "%100!%!!%");
    }

    /// A page walks along an index from where it begins, and sorts nothing: what it costs does not grow with the fleet.
    #[tokio::test]
    async fn a_page_is_read_along_an_index_from_where_it_begins() {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/oneclaw.db", dir.path().display());
        let store = Store::open(&url, [7; 32], StoreOptions::default())
            .await
            .unwrap();
        for (sql, step) in [
            (ALL, "agents_by_org (org_id=? AND (created_at,id)>(?,?))"),
            (
                IN_STATE,
                "agents_by_state (org_id=? AND is_active=? AND (created_at,id)>(?,?))",
            ),
            (
                LABELLED,
                "agent_labels_by_mark (org_id=? AND mark=? AND (created_at,agent_id)>(?,?))",
            ),
        ] {
            let explain = Box::leak(format!("EXPLAIN QUERY PLAN {sql}").into_boxed_str());
            let rows = store.db.all(explain, vec![]).await.unwrap();
            let steps: Vec<String> = rows.iter().map(|row| row.text("detail").unwrap()).collect();
            let plan = steps.join("\n");
            assert!(plan.contains(step), "{plan}");
            assert!(!plan.contains("SCAN"), "{plan}");
            assert!(!plan.contains("TEMP B-TREE"), "{plan}");
        }
    }
}
