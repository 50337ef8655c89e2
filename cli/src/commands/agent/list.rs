//! Lists of agents, page by page.

use serde_json::Value;

use crate::client::{Client, items, query, text};
use crate::failure::Failure;

/// Agents of a page.
const PAGE: &str = "1000";

/// Every agent that matches.
///
/// # Errors
/// No answer, or a refusal.
pub fn agents(client: &Client, filters: &[(&str, Option<&str>)]) -> Result<Vec<Value>, Failure> {
    let mut all: Vec<Value> = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let mut pairs = filters.to_vec();
        pairs.push(("limit", Some(PAGE)));
        pairs.push(("cursor", cursor.as_deref()));
        let page = client.get(&format!("/v1/agents{}", query(&pairs)))?;
        all.extend(items(&page, "agents").iter().cloned());
        let next = text(&page, "next_cursor");
        if next.is_empty() || cursor.as_deref() == Some(next) {
            return Ok(all);
        }
        cursor = Some(next.to_owned());
    }
}
