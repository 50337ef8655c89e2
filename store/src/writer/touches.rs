//! Last-active times: kept in memory, written together now and then. Losing the last second of them when the power goes
//! is no loss.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{AgentId, ApiKeyId};

use crate::db::{Db, Value};
use crate::error::Result;

/// Times that are not written yet. There are never more than agents and keys that made themselves known.
#[derive(Debug, Default)]
pub(super) struct Touches {
    pending: Mutex<Pending>,
}

#[derive(Debug, Default)]
struct Pending {
    agents: BTreeMap<AgentId, Timestamp>,
    api_keys: BTreeMap<ApiKeyId, Timestamp>,
}

impl Touches {
    pub(super) fn agent(&self, agent: AgentId, at: Timestamp) {
        self.with(|pending| note(&mut pending.agents, agent, at));
    }

    pub(super) fn api_key(&self, key: ApiKeyId, at: Timestamp) {
        self.with(|pending| note(&mut pending.api_keys, key, at));
    }

    fn with<T>(&self, act: impl FnOnce(&mut Pending) -> T) -> T {
        act(&mut self.pending.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Writes what is pending, in one commit. What could not be written is pending again.
    pub(super) async fn flush(&self, db: &Db) -> Result<()> {
        let taken = self.with(std::mem::take);
        let written = write(db, &taken).await;
        if written.is_err() {
            self.with(|pending| {
                for (agent, at) in taken.agents {
                    note(&mut pending.agents, agent, at);
                }
                for (key, at) in taken.api_keys {
                    note(&mut pending.api_keys, key, at);
                }
            });
        }
        written
    }
}

fn note<K: Ord>(times: &mut BTreeMap<K, Timestamp>, key: K, at: Timestamp) {
    let latest = times.entry(key).or_insert(at);
    *latest = at.max(*latest);
}

async fn write(db: &Db, pending: &Pending) -> Result<()> {
    if pending.agents.is_empty() && pending.api_keys.is_empty() {
        return Ok(());
    }
    let mut tx = db.begin().await?;
    for (agent, at) in &pending.agents {
        // Another node may have seen it later. An agent that is gone changes no row, which is right.
        let sql = "UPDATE agents SET last_active_at = $2 WHERE id = $1 \
             AND (last_active_at IS NULL OR last_active_at < $2)";
        tx.execute(sql, vec![Value::from(*agent), Value::from(*at)])
            .await?;
    }
    for (key, at) in &pending.api_keys {
        let sql = "UPDATE api_keys SET last_used_at = $2 WHERE id = $1 \
             AND (last_used_at IS NULL OR last_used_at < $2)";
        tx.execute(sql, vec![Value::from(*key), Value::from(*at)])
            .await?;
    }
    tx.commit().await
}
