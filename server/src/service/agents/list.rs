//! Lists of agents: complete, or in pages that cost what is on them.

use oneclaw_core::api::AgentList;
use oneclaw_core::clock::Timestamp;
use oneclaw_core::path::excerpt;
use oneclaw_store::{AgentFilter, AgentPosition};

use super::super::Services;
use super::super::caller::Caller;
use super::super::error::{Result, ServiceError};
use super::wire;

/// Agents in a page, unless told.
const PAGE: usize = 100;
/// Most agents in a page.
const MAX_PAGE: i64 = 1000;
/// Longest part of a name to look for, in bytes.
const MAX_SEARCH_BYTES: usize = 255;

/// Which agents; empty text counts as absent. Without `limit` and `cursor`, all of them.
#[derive(Debug, Clone, Default)]
pub struct AgentsQuery {
    /// `team=red`, or several separated by commas, all of which an agent must have.
    pub label: Option<String>,
    /// Part of the name, whatever the case.
    pub search: Option<String>,
    /// `true` or `false`.
    pub is_active: Option<String>,
    /// Agents in a page.
    pub limit: Option<i64>,
    /// Where the page begins: `next_cursor` of the one before.
    pub cursor: Option<String>,
}

impl Services {
    /// `GET /v1/agents`
    ///
    /// # Errors
    /// Names the parameter at fault; [`ServiceError::Forbidden`] for agents.
    pub async fn list_agents(&self, caller: &Caller, query: AgentsQuery) -> Result<AgentList> {
        let org = caller.human()?.org_id;
        let page = self.store.agent_page(org, &filter(query)?).await?;
        Ok(AgentList {
            agents: page.agents.iter().map(wire::agent).collect(),
            next_cursor: page.next.map(cursor),
        })
    }
}

fn filter(query: AgentsQuery) -> Result<AgentFilter> {
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let after = given(query.cursor)
        .map(|text| position(&text))
        .transpose()?;
    let limit = match query.limit {
        None => after.map(|_| PAGE),
        Some(limit) if (1..=MAX_PAGE).contains(&limit) => usize::try_from(limit).ok(),
        Some(_) => {
            return Err(ServiceError::field(
                "limit",
                format!("must be from 1 to {MAX_PAGE}"),
            ));
        }
    };
    let name_contains = given(query.search);
    if name_contains
        .as_ref()
        .is_some_and(|text| text.len() > MAX_SEARCH_BYTES || text.contains('\0'))
    {
        return Err(ServiceError::field(
            "search",
            format!("must be at most {MAX_SEARCH_BYTES} bytes of text"),
        ));
    }
    Ok(AgentFilter {
        labels: given(query.label)
            .map(|text| text.parse().map_err(|e| ServiceError::field("label", e)))
            .transpose()?,
        name_contains,
        is_active: match given(query.is_active).as_deref() {
            None => None,
            Some("true") => Some(true),
            Some("false") => Some(false),
            Some(other) => {
                return Err(ServiceError::field(
                    "is_active",
                    format!("`{}` is not `true` or `false`", excerpt(other)),
                ));
            }
        },
        after,
        limit,
    })
}

fn cursor(at: AgentPosition) -> String {
    format!("{}.{}", at.created_at.as_millis(), at.id)
}

fn position(text: &str) -> Result<AgentPosition> {
    let parsed = text.split_once('.').and_then(|(at, id)| {
        Some(AgentPosition {
            created_at: Timestamp::from_millis(at.parse().ok()?),
            id: id.parse().ok()?,
        })
    });
    parsed.ok_or_else(|| {
        ServiceError::field(
            "cursor",
            format!(
                "`{}` is not the `next_cursor` of a page before",
                excerpt(text)
            ),
        )
    })
}
