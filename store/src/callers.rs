//! Who is calling: one query for each kind of credential, on every request.

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{AgentId, ApiKeyId, UserId};

use crate::Store;
use crate::accounts::{User, user_columns};
use crate::agents::{Agent, agent_columns};
use crate::api_keys::{ApiKey, api_key_columns};
use crate::db::params;
use crate::error::Result;

impl Store {
    /// The human that a token speaks for, and whether the token was revoked: itself, or with every token issued in a
    /// second before the human's sessions were ended. `issued_at` is the token's own word, in whole seconds.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn user_session(
        &self,
        user: UserId,
        jti: &str,
        issued_at: Timestamp,
    ) -> Result<Option<(User, bool)>> {
        const SQL: &str = concat!(
            "SELECT ",
            user_columns!(),
            ", u.sessions_revoked_at, \
             EXISTS (SELECT 1 FROM revoked_tokens r WHERE r.jti = $2) AS is_revoked \
             FROM users u WHERE u.id = $1"
        );
        let Some(row) = self.db.optional(SQL, params![user, jti]).await? else {
            return Ok(None);
        };
        // Tokens carry whole seconds: one from the very second must live, or signing in again at once would fail.
        let ended = row
            .opt_time("sessions_revoked_at")?
            .is_some_and(|at| issued_at.as_seconds() < at.as_seconds());
        Ok(Some((
            User::from_row(&row)?,
            ended || row.bool("is_revoked")?,
        )))
    }

    /// The agent that a token speaks for, and whether the token was revoked.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn agent_session(&self, agent: AgentId, jti: &str) -> Result<Option<(Agent, bool)>> {
        const SQL: &str = concat!(
            "SELECT ",
            agent_columns!(),
            ", EXISTS (SELECT 1 FROM revoked_tokens r WHERE r.jti = $2) AS is_revoked \
             FROM agents a WHERE a.id = $1"
        );
        let Some(row) = self.db.optional(SQL, params![agent, jti]).await? else {
            return Ok(None);
        };
        Ok(Some((Agent::from_row(&row)?, row.bool("is_revoked")?)))
    }

    /// The agent whose key has this keyed hash, be it an old key whose overlap has not ended.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn agent_by_key_hash(&self, hash: &[u8], now: Timestamp) -> Result<Option<Agent>> {
        const SQL: &str = concat!(
            "SELECT ",
            agent_columns!(),
            " FROM agents a WHERE a.key_hash = $1 UNION ALL SELECT ",
            agent_columns!(),
            " FROM old_agent_keys o JOIN agents a ON a.id = o.agent_id \
             WHERE o.key_hash = $1 AND o.expires_at > $2 LIMIT 1"
        );
        self.db
            .optional(SQL, params![hash, now])
            .await?
            .as_ref()
            .map(Agent::from_row)
            .transpose()
    }

    /// The personal API key with this keyed hash, and whose it is.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn api_key_by_hash(&self, hash: &[u8]) -> Result<Option<(ApiKey, User)>> {
        const SQL: &str = concat!(
            "SELECT ",
            api_key_columns!(),
            ", ",
            user_columns!(),
            " FROM api_keys k JOIN users u ON u.id = k.user_id WHERE k.key_hash = $1"
        );
        let Some(row) = self.db.optional(SQL, params![hash]).await? else {
            return Ok(None);
        };
        Ok(Some((ApiKey::from_row(&row)?, User::from_row(&row)?)))
    }

    /// Notes that an agent was active. Written within [`crate::StoreOptions::touch_interval`], together with others.
    pub async fn touch_agent(&self, agent: AgentId, at: Timestamp) {
        self.writer.touch_agent(agent, at);
    }

    /// Notes that a personal API key was used. Written within [`crate::StoreOptions::touch_interval`], together with
    /// others.
    pub async fn touch_api_key(&self, key: ApiKeyId, at: Timestamp) {
        self.writer.touch_api_key(key, at);
    }
}
