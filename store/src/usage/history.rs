//! The newest requests of an organisation.

use std::collections::{HashMap, VecDeque};

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::OrgId;
use oneclaw_core::principal::Principal;
use uuid::Uuid;

use crate::Store;
use crate::db::{Row, Tx, params};
use crate::error::Result;

/// Requests that are kept of an organisation: as many as one answer shows.
pub(super) const KEPT: usize = 200;

/// A request that was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRequest {
    /// Its id; ids of later requests are greater.
    pub id: Uuid,
    /// The caller's organisation.
    pub org_id: OrgId,
    /// Who.
    pub principal: Principal,
    /// For example `GET`.
    pub method: String,
    /// The route, without the values of its parameters.
    pub endpoint: String,
    /// HTTP status.
    pub status: i64,
    /// When.
    pub at: Timestamp,
}

impl NewRequest {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.parsed("id")?,
            org_id: row.parsed("org_id")?,
            principal: format!(
                "{}:{}",
                row.text("principal_kind")?,
                row.text("principal_id")?
            )
            .parse()
            .map_err(|_| crate::db::malformed("principal_id"))?,
            method: row.text("method")?,
            endpoint: row.text("endpoint")?,
            status: row.int("status")?,
            at: row.time("at")?,
        })
    }
}

pub(super) async fn write(tx: &mut Tx, notes: &HashMap<OrgId, VecDeque<NewRequest>>) -> Result<()> {
    for (org, requests) in notes {
        for request in requests {
            tx.execute(
                "INSERT INTO usage_requests (id, org_id, principal_kind, principal_id, method, endpoint, status, at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO NOTHING",
                params![
                    request.id,
                    request.org_id,
                    request.principal.kind().as_str(),
                    request.principal.uuid(),
                    &request.method,
                    &request.endpoint,
                    request.status,
                    request.at,
                ],
            )
            .await?;
        }
        tx.execute(
            "DELETE FROM usage_requests WHERE org_id = $1 AND id < COALESCE((SELECT id FROM usage_requests \
             WHERE org_id = $1 ORDER BY id DESC LIMIT 1 OFFSET $2), '')",
            params![*org, i64::try_from(KEPT).unwrap_or(i64::MAX) - 1],
        )
        .await?;
    }
    Ok(())
}

impl Store {
    /// The newest requests of an organisation, newest first, at most `limit` and 200.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn request_history(&self, org: OrgId, limit: i64) -> Result<Vec<NewRequest>> {
        // What this node has counted and not written yet belongs to it.
        self.writer.counters().flush(&self.db).await?;
        let sql = "SELECT id, org_id, principal_kind, principal_id, method, endpoint, status, at \
             FROM usage_requests WHERE org_id = $1 ORDER BY id DESC LIMIT $2";
        let limit = limit.clamp(1, i64::try_from(KEPT).unwrap_or(i64::MAX));
        let rows = self.db.all(sql, params![org, limit]).await?;
        rows.iter().map(NewRequest::from_row).collect()
    }
}
