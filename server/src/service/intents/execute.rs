//! From a permit to a signature that is stored, and from there to a node of the chain. The only place where a permit to sign
//! is used, and the only one that sends.

use oneclaw_chain::{Rpc, Sent};
use oneclaw_core::transaction::Address;
use oneclaw_crypto::envelope::Sealed;
use oneclaw_policy_host::SigningPermit;
use oneclaw_signer::{SealedKey, Signed};
use oneclaw_store::{Failure, SignedIntent, Transaction, TransactionStatus};
use serde_json::json;

use super::super::Services;
use super::super::caller::{Caller, RequestContext};
use super::super::error::{Result, ServiceError};
use super::super::events::{self, EventExt};
use super::key::{FoundKey, sealed, secret_ref};
use super::recipients;
use super::track::record_of;

impl Services {
    /// Signs what was allowed, and says who gains something by it. What cannot be signed gives back nonce and budget.
    pub(super) async fn made(
        &self,
        permit: SigningPermit,
        key: &FoundKey,
        transaction: &Transaction,
    ) -> Result<(Signed, Vec<Address>)> {
        let payees = recipients::paid(permit.request());
        match self.try_sign(permit, key).await {
            Ok(signed) => Ok((signed, payees)),
            Err(error) => {
                self.give_up(transaction, "could not be signed").await?;
                Err(error)
            }
        }
    }

    async fn try_sign(&self, permit: SigningPermit, key: &FoundKey) -> Result<Signed> {
        let gone = || ServiceError::Gone("the key was removed in the meantime");
        let (secret, version) = self
            .store
            .version(key.vault.id, &key.location.path, key.location.version)
            .await?
            .ok_or_else(gone)?;
        let now = self.clock.now();
        if secret.deleted_at.is_some()
            || version.disabled_at.is_some()
            || version.expires_at.is_some_and(|at| at <= now)
        {
            return Err(gone());
        }
        let vault_key =
            self.keys
                .vault_key(key.vault.org_id, key.vault.id, &key.vault.wrapped_key)?;
        let value: Sealed = sealed(&version);
        let key = SealedKey {
            vault_key: &vault_key,
            at: secret_ref(&key.vault, &key.location),
            sealed: &value,
        };
        oneclaw_signer::sign(permit, key, now)
            .map_err(|e| ServiceError::Internal(format!("signing failed: {e}")))
    }

    async fn give_up(&self, transaction: &Transaction, why: &str) -> Result<()> {
        let failure = Failure {
            message: why.to_owned(),
            even_if_signed: false,
            give_back: true,
            release_key: true,
        };
        // Somebody else may have given it up already; then there is nothing left to do.
        self.store
            .mark_failed(transaction.id, &failure, None)
            .await?;
        Ok(())
    }

    /// Signs a transaction and stores the signature before anybody sees it.
    pub(super) async fn sign_and_store(
        &self,
        context: &RequestContext,
        caller: &Caller,
        permit: Box<SigningPermit>,
        key: &FoundKey,
        transaction: Transaction,
        status: TransactionStatus,
    ) -> Result<Transaction> {
        let (signed, payees) = self.made(*permit, key, &transaction).await?;
        let Signed::Transaction { raw, hash } = signed else {
            return Err(ServiceError::Internal(
                "a transaction was signed as something else".to_owned(),
            ));
        };
        let event = events::by_caller(
            context,
            caller,
            "intent.signed",
            "transaction",
            transaction.id,
        )
        .with_details(json!({
            "kind": "transaction",
            "tx_hash": hash.to_string(),
            "agent_id": transaction.agent_id.to_string(),
        }));
        let raw = format!("0x{}", hex::encode(raw));
        let signed = SignedIntent {
            signed_tx: &raw,
            tx_hash: Some(&hash.to_string()),
            status,
            at: self.clock.now(),
            payees: &payees,
        };
        self.store_signature(&transaction, signed, event).await
    }

    /// Only after this may a signature be handed out.
    pub(super) async fn store_signature(
        &self,
        transaction: &Transaction,
        signed: SignedIntent<'_>,
        event: oneclaw_store::NewEvent,
    ) -> Result<Transaction> {
        if !self
            .store
            .mark_signed(transaction.id, signed, Some(event))
            .await?
        {
            return Err(ServiceError::Unavailable(
                "the intent took too long and was given up; nothing was signed or sent".to_owned(),
            ));
        }
        self.stored(transaction).await
    }

    async fn stored(&self, transaction: &Transaction) -> Result<Transaction> {
        self.store
            .transaction(transaction.agent_id, transaction.id)
            .await?
            .ok_or_else(|| ServiceError::Internal("a transaction vanished".to_owned()))
    }

    /// Sends a signed transaction, if there is somebody to send it to. What is refused is given up, as long as nobody else
    /// can have its bytes: those of one that is not known to be refused or taken may be handed out, and it is sent again.
    pub(super) async fn send(
        &self,
        rpc: Option<&Rpc>,
        transaction: Transaction,
    ) -> Result<Transaction> {
        let Some(rpc) = rpc else {
            self.store
                .note_check(transaction.id, self.clock.now())
                .await?;
            return self.stored(&transaction).await;
        };
        let malformed = || {
            ServiceError::Internal(format!(
                "transaction {} is not stored as it was signed",
                transaction.id
            ))
        };
        let raw = transaction
            .signed_tx
            .as_deref()
            .and_then(|text| text.strip_prefix("0x"))
            .and_then(|digits| hex::decode(digits).ok())
            .ok_or_else(malformed)?;
        let hash = transaction
            .tx_hash
            .as_deref()
            .and_then(|text| text.parse().ok())
            .ok_or_else(malformed)?;
        match rpc.send_raw(&raw, hash).await {
            Ok(Sent::Accepted | Sent::AlreadyKnown) => {
                let now = self.clock.now();
                let event = record_of(&transaction, "transaction.broadcast", now);
                self.store
                    .mark_broadcast(transaction.id, now, Some(event))
                    .await?;
            }
            Ok(Sent::Refused { message }) => {
                let failure = Failure {
                    message: format!("the chain refused the transaction: {message}"),
                    even_if_signed: true,
                    give_back: true,
                    release_key: false,
                };
                let given_up = self
                    .store
                    .mark_failed(transaction.id, &failure, None)
                    .await?;
                if !given_up && transaction.status == TransactionStatus::Signed {
                    self.not_sent_yet(&transaction, &message).await?;
                }
            }
            Ok(Sent::Unknown { message }) => {
                self.not_sent_yet(&transaction, &message).await?;
            }
            Err(error) => {
                self.not_sent_yet(&transaction, &error.to_string()).await?;
            }
        }
        self.stored(&transaction).await
    }

    async fn not_sent_yet(&self, transaction: &Transaction, message: &str) -> Result<()> {
        let note = format!(
            "the chain has not confirmed that it took the transaction ({message}); it is sent again until it does"
        );
        self.store.note_error(transaction.id, &note).await?;
        self.store
            .note_check(transaction.id, self.clock.now())
            .await?;
        Ok(())
    }
}
