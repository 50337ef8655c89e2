//! Who is calling: one query for each kind of credential, on every request.

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{AgentId, ApiKeyId, UserId};

use crate::Store;
use crate::accounts::{User, user_columns};
use crate::agents::{Agent, agent_columns};
use crate::api_keys::{ApiKey, api_key_columns};
use crate::db::{Row, params};
use crate::error::Result;

/// What is read with the record of a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Whether the token was revoked; a key is not.
    pub is_revoked: bool,
    /// The revision of the IP rules of the caller's organisation: 0 if it never had any.
    pub ip_rules_revision: i64,
}

impl Standing {
    fn of(row: &Row, is_revoked: bool) -> Result<Self> {
        Ok(Self {
            is_revoked,
            ip_rules_revision: row.int("ip_rules_revision")?,
        })
    }
}

/// The revision of the IP rules of the organisation in this column.
macro_rules! ip_rules_revision {
    ($column:literal) => {
        concat!(
            "(SELECT o.ip_rules_revision FROM orgs o WHERE o.id = ",
            $column,
            ") AS ip_rules_revision"
        )
    };
}

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
    ) -> Result<Option<(User, Standing)>> {
        const SQL: &str = concat!(
            "SELECT ",
            user_columns!(),
            ", ",
            ip_rules_revision!("u.org_id"),
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
        let is_revoked = ended || row.bool("is_revoked")?;
        Ok(Some((
            User::from_row(&row)?,
            Standing::of(&row, is_revoked)?,
        )))
    }

    /// The agent that a token speaks for, and whether the token was revoked.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn agent_session(
        &self,
        agent: AgentId,
        jti: &str,
    ) -> Result<Option<(Agent, Standing)>> {
        const SQL: &str = concat!(
            "SELECT ",
            agent_columns!(),
            ", ",
            ip_rules_revision!("a.org_id"),
            ", EXISTS (SELECT 1 FROM revoked_tokens r WHERE r.jti = $2) AS is_revoked \
             FROM agents a WHERE a.id = $1"
        );
        let Some(row) = self.db.optional(SQL, params![agent, jti]).await? else {
            return Ok(None);
        };
        let standing = Standing::of(&row, row.bool("is_revoked")?)?;
        Ok(Some((Agent::from_row(&row)?, standing)))
    }

    /// The agent whose key has this keyed hash, be it an old key whose overlap has not ended.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn agent_by_key_hash(
        &self,
        hash: &[u8],
        now: Timestamp,
    ) -> Result<Option<(Agent, Standing)>> {
        const SQL: &str = concat!(
            "SELECT ",
            agent_columns!(),
            ", ",
            ip_rules_revision!("a.org_id"),
            " FROM agents a WHERE a.key_hash = $1 UNION ALL SELECT ",
            agent_columns!(),
            ", ",
            ip_rules_revision!("a.org_id"),
            " FROM old_agent_keys o JOIN agents a ON a.id = o.agent_id \
             WHERE o.key_hash = $1 AND o.expires_at > $2 LIMIT 1"
        );
        let Some(row) = self.db.optional(SQL, params![hash, now]).await? else {
            return Ok(None);
        };
        Ok(Some((Agent::from_row(&row)?, Standing::of(&row, false)?)))
    }

    /// The personal API key with this keyed hash, and whose it is.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn api_key_by_hash(&self, hash: &[u8]) -> Result<Option<(ApiKey, User, Standing)>> {
        const SQL: &str = concat!(
            "SELECT ",
            api_key_columns!(),
            ", ",
            user_columns!(),
            ", ",
            ip_rules_revision!("u.org_id"),
            " FROM api_keys k JOIN users u ON u.id = k.user_id WHERE k.key_hash = $1"
        );
        let Some(row) = self.db.optional(SQL, params![hash]).await? else {
            return Ok(None);
        };
        Ok(Some((
            ApiKey::from_row(&row)?,
            User::from_row(&row)?,
            Standing::of(&row, false)?,
        )))
    }

    /// The human whose browser shows the cookie with this hash, with the record as it is now.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn browser_session(
        &self,
        hash: &[u8],
        now: Timestamp,
    ) -> Result<Option<(User, Standing)>> {
        const SQL: &str = concat!(
            "SELECT ",
            user_columns!(),
            ", ",
            ip_rules_revision!("u.org_id"),
            " FROM browser_sessions b JOIN users u ON u.id = b.user_id \
             WHERE b.hash = $1 AND b.expires_at > $2"
        );
        let Some(row) = self.db.optional(SQL, params![hash, now]).await? else {
            return Ok(None);
        };
        Ok(Some((User::from_row(&row)?, Standing::of(&row, false)?)))
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
