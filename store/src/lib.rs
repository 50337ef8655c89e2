#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod accounts;
mod agent_list;
mod agents;
mod api_keys;
mod audit;
mod browser_sessions;
mod callers;
mod chains;
mod db;
mod decisions;
mod device_logins;
mod enrollments;
mod env_vars;
mod error;
mod fleet_guardrails;
mod intent_keys;
mod intents;
mod ip_rules;
mod json;
mod jwt_keys;
mod labels;
mod leases;
mod lookups;
mod mailed_tokens;
mod mails;
mod members;
mod options;
mod plugins;
mod policies;
mod provisioning;
mod replays;
mod second_factors;
mod secrets;
mod sessions;
mod settings;
mod shared_limits;
mod shares;
mod signing_keys;
mod transactions;
mod usage;
mod vaults;
mod webhooks;
mod writer;

pub use accounts::{Org, Role, SignupRule, User};
pub use agent_list::{AgentFilter, AgentPage, AgentPosition};
pub use agents::{Agent, NewAgent};
pub use api_keys::ApiKey;
pub use audit::{
    AuditEvent, AuditSink, CHAIN_STRUCTURE, ChainSpan, EventFilter, EventPage, MAX_SINKS, NewEvent,
    Removed, SinkState, StoredCheckpoint, Verification,
};
pub use callers::Standing;
pub use chains::Chain;
pub use decisions::{Component, Decision, DecisionBasis, DecisionFilter, NewDecision};
pub use device_logins::{DeviceLogin, DevicePoll, DeviceState};
pub use enrollments::{EnrollOutcome, Enrollment, EnrollmentDecision, EnrollmentStatus};
pub use env_vars::{EnvValue, EnvVar, EnvVarChange, Environment};
pub use error::{Result, StoreError};
pub use fleet_guardrails::{FleetGuardrails, GuardrailRevision, GuardrailScope};
pub use intent_keys::{IntentKey, MAX_INTENT_KEYS};
pub use intents::{
    BudgetQuery, BudgetSum, Committed, Failure, Idempotency, IntentDraft, Judgement,
    NewReservation, NonceWish, Proceed, Receipt, SignedIntent,
};
pub use ip_rules::{IpRule, IpRuleAudience, IpRuleKind};
pub use jwt_keys::JwtKey;
pub use leases::{JobState, Lease};
pub use mailed_tokens::{MailRequest, MailedToken, TokenPurpose};
pub use mails::{MailCounts, NewMail, WaitingMail};
pub use members::Invitation;
pub use options::{DatabaseKind, StoreOptions};
pub use plugins::{
    Attached, AttachmentMode, AttachmentRecord, AttachmentRevision, MAX_ATTACHMENTS, NewVersion,
    Pinned, PluginRecord, PluginRules, PluginSet, PluginVersion, Publisher, Uploaded,
};
pub use policies::{CallerPolicies, Policy, PolicyRevision};
pub use provisioning::{ClientKey, KeyRotation, Provisioned, Provisioning};
pub use replays::{Replay, ReplayChange, ReplayEnd, ReplayProgress};
pub use second_factors::{ProofKind, SecondFactor};
pub use secrets::{Secret, SecretVersion};
pub use sessions::{RefreshToken, TakenToken};
pub use settings::{Setting, SettingScope};
pub use shared_limits::SharedLimit;
pub use shares::{Share, ShareAccess, ShareAnswer, ShareEnd, ShareMade, ShareOutcome, ShareRate};
pub use signing_keys::SigningKey;
pub use transactions::{FinalState, IntentMode, Transaction, TransactionStatus};
pub use usage::{Holdings, LimitReached, Limits, Metered, Month, NewRequest, Plan, RequestUsage};
pub use vaults::Vault;
pub use webhooks::{AttemptOutcome, Delivery, DeliveryState, MAX_WEBHOOKS, Webhook};
pub use writer::{ReadCommit, ReadOutcome};

use audit::AuditKey;
use db::{Db, Tx};
use decisions::Bases;
use std::sync::Arc;
use writer::Writer;
use zeroize::Zeroize;

/// Most rows in one list. An arbitrary bound, far above what a vault or an organisation is meant to hold.
const MAX_ROWS: i64 = 100_000;

/// The open store. Clones share it.
#[derive(Debug, Clone)]
pub struct Store {
    db: Db,
    audit_key: AuditKey,
    writer: Writer,
    bases: Arc<Bases>,
}

impl Store {
    /// Opens a database (`sqlite://<file>` or `postgres://…`), brings its tables up to date and starts the writer. An
    /// SQLite file that does not exist is made, readable by its owner alone.
    ///
    /// `audit_key` authenticates the audit trail: a database must always be opened with the same one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when there is no database to be had, [`StoreError::Corrupt`] when it was made by a
    /// newer version or by migrations that have been changed since.
    pub async fn open(url: &str, mut audit_key: [u8; 32], options: StoreOptions) -> Result<Self> {
        let key = AuditKey::new(audit_key);
        audit_key.zeroize();
        let db = Db::open(url, &options).await?;
        let bases = Arc::new(Bases::default());
        let writer = Writer::start(db.clone(), key.clone(), Arc::clone(&bases), &options);
        Ok(Self {
            db,
            audit_key: key,
            writer,
            bases,
        })
    }

    /// Writes what is waiting to be written and closes every connection. Calls after it fail.
    pub async fn close(&self) {
        self.writer.close().await;
        self.db.close().await;
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn ping(&self) -> Result<()> {
        self.db.one("SELECT 1 AS one", vec![]).await.map(|_| ())
    }

    /// Which database this is.
    #[must_use]
    pub fn database_kind(&self) -> DatabaseKind {
        self.db.kind()
    }

    /// Records what a transaction did, and makes both durable.
    async fn finish(&self, mut tx: Tx, events: &[NewEvent]) -> Result<()> {
        let new = decisions::append(&mut tx, &self.bases, events).await?;
        audit::append(&mut tx, &self.audit_key, events).await?;
        tx.commit().await?;
        self.bases.remember(new);
        Ok(())
    }

    /// Like [`Store::finish`], for a change that mails go with: they are sent if, and only if, it becomes durable.
    async fn finish_with_mail(
        &self,
        mut tx: Tx,
        events: &[NewEvent],
        mails: &[NewMail],
    ) -> Result<()> {
        mails::queue(&mut tx, mails).await?;
        self.finish(tx, events).await
    }
}
