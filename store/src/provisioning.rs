//! Many agents made or given new keys at once, all or nothing.

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{AgentId, OrgId};
use serde_json::Value;

use crate::agents::{Agent, insert_agents};
use crate::audit::NewEvent;
use crate::db::{Tx, params};
use crate::error::Result;
use crate::policies::{Policy, insert_policies};
use crate::secrets::{Secret, SecretVersion, insert_keys};
use crate::vaults::{Vault, insert_vault, insert_vaults};
use crate::{Store, json};

/// How long a key of a client counts: 24 hours.
pub(crate) const CLIENT_KEY_COUNTS_MS: i64 = 86_400_000;

/// What is to be made together.
#[derive(Debug, Clone, Default)]
pub struct Provisioning {
    /// Under which key of the client.
    pub under: Option<ClientKey>,
    /// The vault of the agents' keys, if it is to be made.
    pub system_vault: Option<Vault>,
    /// Vaults.
    pub vaults: Vec<Vault>,
    /// Agents with their private keys.
    pub agents: Vec<(Agent, Vec<(Secret, SecretVersion)>)>,
    /// Policies, for the vaults and agents above or for others.
    pub policies: Vec<Policy>,
    /// What is recorded of it.
    pub events: Vec<NewEvent>,
}

/// A key under which a client may ask for the same again.
#[derive(Debug, Clone)]
pub struct ClientKey {
    /// The key.
    pub key: String,
    /// A digest of the request.
    pub body_digest: Vec<u8>,
    /// What is answered to whoever asks again. No secret.
    pub result: Value,
    /// When it was asked for.
    pub at: Timestamp,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Provisioned {
    /// It was made.
    Done,
    /// It was made before, under the same key.
    Before(Value),
    /// The key was used for another request.
    OtherRequest,
}

/// A new key for an agent.
#[derive(Debug, Clone)]
pub struct KeyRotation {
    /// Whose.
    pub agent: AgentId,
    /// The first characters, for display.
    pub key_prefix: String,
    /// Keyed hash, 32 bytes.
    pub key_hash: Vec<u8>,
    /// What is recorded of it.
    pub event: NewEvent,
}

impl Store {
    /// What was made under a key of a client's in the last 24 hours, with the digest of the request.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn provisioned_under(
        &self,
        org: OrgId,
        key: &str,
        now: Timestamp,
    ) -> Result<Option<(Vec<u8>, Value)>> {
        const SQL: &str = "SELECT body_digest, result FROM provisionings WHERE org_id = $1 \
             AND idempotency_key = $2 AND created_at > $3";
        let since = now.plus_millis(-CLIENT_KEY_COUNTS_MS);
        let row = self.db.optional(SQL, params![org, key, since]).await?;
        row.map(|row| Ok((row.bytes("body_digest")?, row.json("result")?)))
            .transpose()
    }

    /// Makes everything in one transaction, or nothing.
    ///
    /// # Errors
    /// [`crate::StoreError::Conflict`]: `system vault` when somebody else made that vault first, else what is known already;
    /// [`crate::StoreError::NotFound`] when a vault is gone.
    pub async fn provision(&self, org: OrgId, all: Provisioning) -> Result<Provisioned> {
        let mut tx = self.db.begin().await?;
        if let Some(under) = &all.under
            && let Some(before) = claim(&mut tx, org, under).await?
        {
            return Ok(before);
        }
        if let Some(vault) = &all.system_vault {
            insert_vault(&mut tx, vault)
                .await
                .map_err(|e| e.duplicate_is("system vault"))?;
        }
        insert_vaults(&mut tx, &all.vaults)
            .await
            .map_err(|e| e.duplicate_is("vault"))?;
        let agents: Vec<&Agent> = all.agents.iter().map(|(agent, _)| agent).collect();
        insert_agents(&mut tx, &agents).await?;
        let keys = all.agents.iter().flat_map(|(_, keys)| keys);
        insert_keys(&mut tx, keys).await?;
        insert_policies(&mut tx, &all.policies)
            .await
            .map_err(|e| e.duplicate_is("policy"))?;
        self.finish(tx, &all.events).await?;
        Ok(Provisioned::Done)
    }

    /// Gives agents new keys, all of them at once. The old ones count until `overlap`, or no longer; what was still in
    /// its overlap from before ends. An agent that is gone, or signs in without a key, is left out with its event.
    /// Answers which agents have a new key.
    ///
    /// # Errors
    /// [`crate::StoreError::Conflict`] `agent` for a key that is known.
    pub async fn rotate_agent_keys(
        &self,
        org: OrgId,
        mut rotations: Vec<KeyRotation>,
        overlap: Option<Timestamp>,
    ) -> Result<Vec<AgentId>> {
        // In one order everywhere, so that two batches never wait for each other.
        rotations.sort_by_key(|rotation| rotation.agent);
        let mut tx = self.db.begin().await?;
        let mut rotated = Vec::with_capacity(rotations.len());
        let mut events = Vec::with_capacity(rotations.len());
        for rotation in rotations {
            if rotate(&mut tx, org, &rotation, overlap).await? {
                rotated.push(rotation.agent);
                events.push(rotation.event);
            }
        }
        self.finish(tx, &events).await?;
        Ok(rotated)
    }
}

/// Takes a client's key, or tells what was made under it. Whoever asks for the same at the same time waits here.
async fn claim(tx: &mut Tx, org: OrgId, under: &ClientKey) -> Result<Option<Provisioned>> {
    tx.execute(
        "DELETE FROM provisionings WHERE org_id = $1 AND idempotency_key = $2 AND created_at <= $3",
        params![org, &under.key, under.at.plus_millis(-CLIENT_KEY_COUNTS_MS)],
    )
    .await?;
    let taken = tx
        .execute(
            "INSERT INTO provisionings (org_id, idempotency_key, body_digest, result, created_at) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (org_id, idempotency_key) DO NOTHING",
            params![
                org,
                &under.key,
                under.body_digest.as_slice(),
                json::canonical(&under.result)?,
                under.at,
            ],
        )
        .await?;
    if taken == 1 {
        return Ok(None);
    }
    let row = tx
        .one(
            "SELECT body_digest, result FROM provisionings WHERE org_id = $1 AND idempotency_key = $2",
            params![org, &under.key],
        )
        .await?;
    Ok(Some(if row.bytes("body_digest")? == under.body_digest {
        Provisioned::Before(row.json("result")?)
    } else {
        Provisioned::OtherRequest
    }))
}

async fn rotate(
    tx: &mut Tx,
    org: OrgId,
    rotation: &KeyRotation,
    overlap: Option<Timestamp>,
) -> Result<bool> {
    let agent = rotation.agent;
    // Locks the agent's row, so that of two rotations at once the later one keeps the earlier one's key, and no other.
    let changed = tx
        .execute(
            "UPDATE agents SET revision = revision WHERE id = $1 AND org_id = $2 AND key_hash IS NOT NULL",
            params![agent, org],
        )
        .await?;
    if changed == 0 {
        return Ok(false);
    }
    tx.execute(
        "DELETE FROM old_agent_keys WHERE agent_id = $1",
        params![agent],
    )
    .await?;
    if let Some(until) = overlap {
        tx.execute(
            "INSERT INTO old_agent_keys (agent_id, key_hash, expires_at) \
             SELECT id, key_hash, $2 FROM agents WHERE id = $1",
            params![agent, until],
        )
        .await?;
    }
    tx.execute_one(
        "UPDATE agents SET key_prefix = $2, key_hash = $3 WHERE id = $1",
        params![agent, &rotation.key_prefix, rotation.key_hash.as_slice()],
    )
    .await
    .map_err(|e| e.duplicate_is("agent"))?;
    Ok(true)
}
