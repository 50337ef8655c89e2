//! Agents.

use std::collections::BTreeSet;
use std::fmt;

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{AgentId, OrgId, UserId, VaultId};
use oneclaw_core::principal::Principal;
use serde_json::Value;

use crate::accounts::count;
use crate::audit::NewEvent;
use crate::db::{Row, Tx, params};
use crate::error::{Result, StoreError};
use crate::secrets::{Secret, SecretVersion, insert_version};
use crate::usage::{Metered, room_for};
use crate::vaults::{Vault, insert_vault};
use crate::{Store, json, labels, policies, shares};

/// An agent.
#[derive(Clone, PartialEq)]
pub struct Agent {
    /// Its id.
    pub id: AgentId,
    /// The organisation it works for.
    pub org_id: OrgId,
    /// The human who registered or approved it, while the account exists.
    pub created_by: Option<UserId>,
    /// For display.
    pub name: String,
    /// For display.
    pub description: String,
    /// How it signs in; `api_key` alone for now.
    pub auth_method: String,
    /// The first characters of its key, for display.
    pub key_prefix: Option<String>,
    /// Keyed hash of its key, 32 bytes.
    pub key_hash: Option<Vec<u8>>,
    /// Path globs and capability words.
    pub scopes: Vec<String>,
    /// Whether it may do anything at all.
    pub is_active: bool,
    /// From when on it may do nothing.
    pub expires_at: Option<Timestamp>,
    /// From when on its key is worth nothing.
    pub api_key_expires_at: Option<Timestamp>,
    /// How long its tokens live, in seconds.
    pub token_ttl_seconds: Option<i64>,
    /// The vaults it is bound to; none means every vault of the organisation.
    pub vault_ids: Vec<VaultId>,
    /// Whether it may submit intents, and so may not see private keys.
    pub intents_api_enabled: bool,
    /// The environment its tokens are issued for.
    pub environment: Option<String>,
    /// An object with all other fields.
    pub profile: Value,
    /// Ed25519, 32 bytes in base64.
    pub ssh_public_key: Option<String>,
    /// P-256, 65 bytes in base64.
    pub ecdh_public_key: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last showed up, to about a second.
    pub last_active_at: Option<Timestamp>,
}

impl fmt::Debug for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agent")
            .field("id", &self.id)
            .field("org_id", &self.org_id)
            .field("name", &self.name)
            .field("is_active", &self.is_active)
            .finish_non_exhaustive()
    }
}

/// The columns of an agent, in a query where the table is called `a`.
macro_rules! agent_columns {
    () => {
        "a.id, a.org_id, a.created_by, a.name, a.description, a.auth_method, a.key_prefix, a.key_hash, a.scopes, \
         a.is_active, a.expires_at, a.api_key_expires_at, a.token_ttl_seconds, a.vault_ids, a.intents_api_enabled, \
         a.environment, a.profile, a.ssh_public_key, a.ecdh_public_key, a.created_at, a.last_active_at"
    };
}
pub(crate) use agent_columns;

impl Agent {
    /// Its labels, by name.
    pub fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        self.profile
            .get("labels")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
    }

    pub(crate) fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.parsed("id")?,
            org_id: row.parsed("org_id")?,
            created_by: row.opt_parsed("created_by")?,
            name: row.text("name")?,
            description: row.text("description")?,
            auth_method: row.text("auth_method")?,
            key_prefix: row.opt_text("key_prefix")?,
            key_hash: row.opt_bytes("key_hash")?,
            scopes: row.json("scopes")?,
            is_active: row.bool("is_active")?,
            expires_at: row.opt_time("expires_at")?,
            api_key_expires_at: row.opt_time("api_key_expires_at")?,
            token_ttl_seconds: row.opt_int("token_ttl_seconds")?,
            vault_ids: row.json("vault_ids")?,
            intents_api_enabled: row.bool("intents_api_enabled")?,
            environment: row.opt_text("environment")?,
            profile: row.json("profile")?,
            ssh_public_key: row.opt_text("ssh_public_key")?,
            ecdh_public_key: row.opt_text("ecdh_public_key")?,
            created_at: row.time("created_at")?,
            last_active_at: row.opt_time("last_active_at")?,
        })
    }
}

/// A new agent with what comes with it.
#[derive(Debug, Clone, Copy)]
pub struct NewAgent<'a> {
    /// The agent.
    pub agent: &'a Agent,
    /// The vault for the keys of agents, if it is the organisation's first.
    pub system_vault: Option<&'a Vault>,
    /// Its private keys, sealed.
    pub secrets: &'a [(Secret, SecretVersion)],
}

impl Store {
    /// Stores a new agent with its private keys, and the vault for them if it is the organisation's first.
    ///
    /// # Errors
    /// [`StoreError::Conflict`]: `system vault` when somebody else made that vault first, `agent` for an id or key that
    /// is known.
    pub async fn create_agent(
        &self,
        agent: &Agent,
        system_vault: Option<&Vault>,
        secrets: Vec<(Secret, SecretVersion)>,
        event: NewEvent,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        let new = NewAgent {
            agent,
            system_vault,
            secrets: &secrets,
        };
        insert_new(&mut tx, new).await?;
        self.finish(tx, &[event]).await
    }

    /// An agent of this organisation.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn agent(&self, org: OrgId, id: AgentId) -> Result<Option<Agent>> {
        const SQL: &str = concat!(
            "SELECT ",
            agent_columns!(),
            " FROM agents a WHERE a.id = $1 AND a.org_id = $2"
        );
        self.db
            .optional(SQL, params![id, org])
            .await?
            .as_ref()
            .map(Agent::from_row)
            .transpose()
    }

    /// The agents of an organisation, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn agents(&self, org: OrgId) -> Result<Vec<Agent>> {
        const SQL: &str = concat!(
            "SELECT ",
            agent_columns!(),
            " FROM agents a WHERE a.org_id = $1 ORDER BY a.created_at, a.id LIMIT $2"
        );
        let rows = self.db.all(SQL, params![org, crate::MAX_ROWS]).await?;
        rows.iter().map(Agent::from_row).collect()
    }

    /// Stores every changeable field of an agent, but its key: that changes with [`Store::rotate_agent_keys`] alone, so
    /// that a change of something else never brings an old key back.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn update_agent(&self, agent: &Agent, event: NewEvent) -> Result<()> {
        self.update_agent_keys(agent, Vec::new(), event).await
    }

    /// Stores every changeable field of an agent together with new versions of its private keys.
    ///
    /// # Errors
    /// As [`Store::update_agent`]; [`StoreError::Conflict`] `version` as for [`Store::put_version`].
    pub async fn update_agent_keys(
        &self,
        agent: &Agent,
        versions: Vec<(Secret, SecretVersion)>,
        event: NewEvent,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        let before = labels::lock_name(&mut tx, agent).await?;
        update_agent(&mut tx, agent).await?;
        labels::renamed(&mut tx, agent, &before).await?;
        labels::relabelled(&mut tx, agent).await?;
        for (secret, version) in &versions {
            insert_version(&mut tx, secret, version).await?;
        }
        self.finish(tx, &[event]).await
    }

    /// Removes agents with their policies, and ends their shares; what else they made stays, and so do their keys in the
    /// system vault and the audit trail. The events go with the ids one by one; that of an agent which does not exist is
    /// not recorded. Answers which agents were removed.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] `events` unless there are as many events as ids.
    pub async fn delete_agents(
        &self,
        org: OrgId,
        ids: &[AgentId],
        events: Vec<NewEvent>,
    ) -> Result<Vec<AgentId>> {
        if ids.len() != events.len() {
            return Err(StoreError::Conflict("events"));
        }
        let mut doomed: Vec<_> = ids.iter().copied().zip(events).collect();
        // In one order everywhere, so that two batches never wait for each other.
        doomed.sort_by_key(|(id, _)| *id);
        let mut tx = self.db.begin().await?;
        let mut removed = Vec::with_capacity(doomed.len());
        let mut recorded = Vec::with_capacity(doomed.len());
        let mut names = BTreeSet::new();
        for (id, event) in doomed {
            let gone = tx
                .optional(
                    "DELETE FROM agents WHERE id = $1 AND org_id = $2 RETURNING name",
                    params![id, org],
                )
                .await?;
            if let Some(row) = gone {
                removed.push(id);
                names.insert(row.text("name")?);
                recorded.push(event);
            }
        }
        for (id, event) in removed.iter().zip(&recorded) {
            policies::delete_of(&mut tx, Principal::Agent(*id)).await?;
            shares::end_of_principal(&mut tx, Principal::Agent(*id), event.at).await?;
        }
        for name in &names {
            labels::next_bearer(&mut tx, org, name).await?;
        }
        self.finish(tx, &recorded).await?;
        Ok(removed)
    }

    /// How many agents an organisation has.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn count_agents(&self, org: OrgId) -> Result<i64> {
        count(
            &self.db,
            "SELECT count(*) AS n FROM agents WHERE org_id = $1",
            org,
        )
        .await
    }
}

/// Stores a new agent with what comes with it, inside a transaction.
pub(crate) async fn insert_new(tx: &mut Tx, new: NewAgent<'_>) -> Result<()> {
    if let Some(vault) = new.system_vault {
        insert_vault(tx, vault)
            .await
            .map_err(|e| e.duplicate_is("system vault"))?;
    }
    insert_agents(tx, &[new.agent]).await?;
    for (secret, version) in new.secrets {
        insert_version(tx, secret, version).await?;
    }
    Ok(())
}

/// Stores new agents of one organisation, if there is room for all of them.
///
/// # Errors
/// [`StoreError::LimitReached`]; [`StoreError::Conflict`] `agent` for a key that is known.
pub(crate) async fn insert_agents(tx: &mut Tx, agents: &[&Agent]) -> Result<()> {
    let Some(first) = agents.first() else {
        return Ok(());
    };
    let wanted = i64::try_from(agents.len()).unwrap_or(i64::MAX);
    let more = (Metered::Agents, wanted);
    room_for(tx, first.org_id, more, first.created_at).await?;
    for agent in agents {
        insert_agent(tx, agent)
            .await
            .map_err(|e| e.duplicate_is("agent"))?;
    }
    labels::insert(tx, agents.iter().copied()).await
}

async fn insert_agent(tx: &mut Tx, agent: &Agent) -> Result<()> {
    tx.execute_one(
        "INSERT INTO agents (id, org_id, created_by, name, description, auth_method, key_prefix, key_hash, scopes, \
         is_active, expires_at, api_key_expires_at, token_ttl_seconds, vault_ids, intents_api_enabled, environment, \
         profile, ssh_public_key, ecdh_public_key, created_at, last_active_at, name_search, name_rank) VALUES ($1, \
         $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, \
         (SELECT COALESCE(MAX(o.name_rank), 0) + 1 FROM agents o WHERE o.org_id = $2 AND o.name = $4))",
        params![
            agent.id,
            agent.org_id,
            agent.created_by,
            &agent.name,
            &agent.description,
            &agent.auth_method,
            agent.key_prefix.clone(),
            agent.key_hash.clone(),
            json::text(&agent.scopes)?,
            agent.is_active,
            agent.expires_at,
            agent.api_key_expires_at,
            agent.token_ttl_seconds,
            json::text(&agent.vault_ids)?,
            agent.intents_api_enabled,
            agent.environment.clone(),
            json::canonical(&agent.profile)?,
            agent.ssh_public_key.clone(),
            agent.ecdh_public_key.clone(),
            agent.created_at,
            agent.last_active_at,
            agent.name.to_lowercase(),
        ],
    )
    .await
}

async fn update_agent(tx: &mut Tx, agent: &Agent) -> Result<()> {
    tx.execute_one(
        "UPDATE agents SET name = $3, description = $4, auth_method = $5, name_search = $6, \
         scopes = $7, is_active = $8, expires_at = $9, api_key_expires_at = $10, token_ttl_seconds = $11, \
         vault_ids = $12, intents_api_enabled = $13, environment = $14, profile = $15, ssh_public_key = $16, \
         ecdh_public_key = $17 WHERE id = $1 AND org_id = $2",
        params![
            agent.id,
            agent.org_id,
            &agent.name,
            &agent.description,
            &agent.auth_method,
            agent.name.to_lowercase(),
            json::text(&agent.scopes)?,
            agent.is_active,
            agent.expires_at,
            agent.api_key_expires_at,
            agent.token_ttl_seconds,
            json::text(&agent.vault_ids)?,
            agent.intents_api_enabled,
            agent.environment.clone(),
            json::canonical(&agent.profile)?,
            agent.ssh_public_key.clone(),
            agent.ecdh_public_key.clone(),
        ],
    )
    .await
}
