//! Signed checkpoints: what a third party needs to verify an export without a secret.

use oneclaw_audit_proof::export::{self, Event, EventRecord};
use oneclaw_audit_proof::note::{Checkpoint, origin};
use oneclaw_audit_proof::{Frontier, VerifierKey};
use oneclaw_core::api::{AuditCheckpoint, AuditCheckpointKey, AuditCheckpointList};
use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::OrgId;
use oneclaw_store::{AuditEvent, StoredCheckpoint};

use super::super::caller::{Caller, RequestContext};
use super::super::error::{Result, ServiceError};
use super::super::{Services, check, events, time};

/// Events read at a time.
const PAGE: i64 = 500;
/// Most events that one checkpoint adds to the one before; what is left is for the next.
const MAX_ADDED: u64 = 100_000;
/// Chains looked for at a time.
const CHAINS: i64 = 100;
/// Checkpoints in one answer.
const MAX_LISTED: i64 = 1000;

impl Services {
    /// `GET /v1/audit/checkpoint-key`: the public key, for everybody.
    ///
    /// # Errors
    /// A fault of the server.
    pub fn checkpoint_key(&self) -> Result<AuditCheckpointKey> {
        let key = self.verifier_key()?;
        Ok(AuditCheckpointKey {
            algorithm: "Ed25519".to_owned(),
            key_id: hex::encode(key.id()),
            public_key: hex::encode(key.public()),
            verifier_key: key.to_string(),
        })
    }

    /// `GET /v1/audit/checkpoints`, smallest first, behind one that covers `after` events.
    ///
    /// # Errors
    /// Names the parameter at fault; [`ServiceError::Forbidden`] for agents.
    pub async fn audit_checkpoints(
        &self,
        caller: &Caller,
        after: Option<i64>,
        limit: Option<i64>,
    ) -> Result<AuditCheckpointList> {
        let org = caller.human()?.org_id;
        let after = check::page("after", after, 0, 0, i64::MAX)?;
        let limit = check::page("limit", limit, 100, 1, MAX_LISTED)?;
        let found = self.store.checkpoints(org, after, limit).await?;
        Ok(AuditCheckpointList {
            checkpoints: found.iter().map(|found| self.body(found)).collect(),
        })
    }

    /// `POST /v1/audit/checkpoints`: a checkpoint over everything up to now, this request's own event included.
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`] unless the caller is an owner or admin.
    pub async fn make_checkpoint(
        &self,
        context: &RequestContext,
        caller: &Caller,
    ) -> Result<AuditCheckpoint> {
        let org = super::administrator(caller)?;
        let event = events::by_caller(context, caller, "audit.checkpoint", "org", org);
        self.store.record(event).await?;
        let made = self.sign_chain(org, context.at).await?;
        let made = made.ok_or_else(|| {
            ServiceError::Internal("there is no checkpoint over an event just recorded".to_owned())
        })?;
        Ok(self.body(&made))
    }

    /// Signs every chain that has grown since its newest checkpoint. A chain that does not hold is not signed, and keeps
    /// no other from being.
    ///
    /// # Errors
    /// What the database says.
    pub async fn sign_chains(&self) -> Result<()> {
        let mut after = None;
        loop {
            let chains = self.store.chains_to_sign(after, CHAINS).await?;
            let Some(last) = chains.last() else {
                return Ok(());
            };
            after = Some(*last);
            for org in chains {
                if let Err(error) = self.sign_chain(org, self.clock.now()).await {
                    tracing::error!(%org, %error, "the audit chain of an organisation could not be signed");
                }
            }
        }
    }

    /// Makes a checkpoint over a chain as it is now, unless nothing has been added since the newest; answers the newest.
    /// Every event is verified before it is signed.
    ///
    /// # Errors
    /// What the database says, a chain or a checkpoint that was altered included.
    pub(crate) async fn sign_chain(
        &self,
        org: OrgId,
        at: Timestamp,
    ) -> Result<Option<StoredCheckpoint>> {
        let newest = self.store.newest_checkpoint(org, i64::MAX).await?;
        let mut tree = match &newest {
            Some(newest) => self.tree_at(newest)?,
            None => Frontier::default(),
        };
        let before = tree.size();
        while tree.size() - before < MAX_ADDED {
            let events = self
                .store
                .verified_events(org, number(tree.size()), PAGE)
                .await?;
            for event in &events {
                tree.push(export::leaf(&proof_event(event).line()));
            }
            if events.len() < usize::try_from(PAGE).unwrap_or(usize::MAX) {
                break;
            }
        }
        if tree.size() == before {
            return Ok(newest);
        }
        let checkpoint = Checkpoint {
            origin: origin(&org.to_string()),
            size: tree.size(),
            root: tree.root(),
        };
        let key = self.verifier_key()?;
        let made = StoredCheckpoint {
            org_id: org,
            size: number(tree.size()),
            roots: export::hashes(tree.roots()),
            note: checkpoint.sign(&key, |text| self.keys.checkpoints().sign(text)),
            created_at: at,
        };
        self.store.add_checkpoint(&made).await?;
        Ok(Some(made))
    }

    /// The tree that a checkpoint signed. What is kept beside the note counts only if it is what the note says.
    ///
    /// # Errors
    /// [`ServiceError::Internal`] for a checkpoint that was altered.
    pub(super) fn tree_at(&self, stored: &StoredCheckpoint) -> Result<Frontier> {
        let altered = || {
            ServiceError::Internal(
                "a checkpoint of an audit chain was altered outside the server, or belongs to another root key"
                    .to_owned(),
            )
        };
        let signed =
            Checkpoint::open(&stored.note, &self.verifier_key()?).map_err(|_| altered())?;
        let roots = stored.roots.iter().map(|root| export::hash(root));
        let size = u64::try_from(stored.size).map_err(|_| altered())?;
        let tree = roots
            .collect::<Option<_>>()
            .and_then(|roots| Frontier::from_parts(size, roots))
            .ok_or_else(altered)?;
        let is_what_was_signed = signed.size == size
            && signed.root == tree.root()
            && signed.origin == origin(&stored.org_id.to_string());
        is_what_was_signed.then_some(tree).ok_or_else(altered)
    }

    pub(super) fn verifier_key(&self) -> Result<VerifierKey> {
        VerifierKey::new(&self.keys.checkpoints().public())
            .map_err(|error| ServiceError::Internal(error.to_string()))
    }

    fn body(&self, stored: &StoredCheckpoint) -> AuditCheckpoint {
        AuditCheckpoint {
            size: stored.size,
            root_hash: self
                .tree_at(stored)
                .map_or_else(|_| String::new(), |tree| hex::encode(tree.root())),
            note: stored.note.clone(),
            created_at: time::format(stored.created_at),
        }
    }
}

/// Numbers of events are far below either limit.
pub(super) fn number(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

/// An event as it stands in exports and streams.
pub(super) fn proof_event(event: &AuditEvent) -> Event {
    Event {
        action: event.action.clone(),
        actor_id: event.actor_id.clone(),
        actor_type: event.actor_type.clone(),
        created_at: time::format(event.at),
        details: event.details.clone(),
        id: event.id.to_string(),
        integrity_hash: event.integrity_hash.clone(),
        ip_address: event.ip.map(|ip| ip.to_string()),
        org_id: event.org_id.to_string(),
        prev_event_id: event.prev_event_id.map(|id| id.to_string()),
        record: EventRecord::Event,
        resource_id: event.resource_id.clone(),
        resource_type: event.resource_type.clone(),
        seq: u64::try_from(event.seq).unwrap_or(0),
        vault_id: event.vault_id.map(|id| id.to_string()),
    }
}
