//! From the decision to the signature, with the built-in guardrails.

use std::sync::{Arc, LazyLock};

use oneclaw_core::path::SecretPath;
use oneclaw_crypto::envelope::{EnvelopeError, seal_without_permit_for_system_vault};
use oneclaw_policy_host::{
    Attachment, Configured, Engine, EngineOptions, GuardrailAttachment, Mode, PermitError,
    decide_transaction,
};
use secrecy::SecretString;

use super::*;
use crate::KeyError;

const TTL_MS: i64 = 5_000;
const MESSAGES_ONLY: &str = r#"{"signing":{"messages":true,"digests":false,"typed_data":false,"domains":[]},"rulesets":[],"zones":{}}"#;

fn guardrails() -> Arc<Configured> {
    static GUARDRAILS: LazyLock<(Engine, Arc<Configured>)> = LazyLock::new(|| {
        let engine = Engine::new(EngineOptions::default()).unwrap();
        let plugin = engine
            .load(oneclaw_builtin::TRANSACTION_GUARDRAILS)
            .unwrap();
        let configured = engine
            .configure_guardrail(&plugin, org(), MESSAGES_ONLY)
            .unwrap();
        (engine, configured)
    });
    Arc::clone(&GUARDRAILS.1)
}

fn permit(request: TransactionRequest) -> SigningPermit {
    let attached = [GuardrailAttachment {
        plugin: Attachment::ready(guardrails(), Mode::Fresh),
        views: Vec::new(),
    }];
    decide_transaction(request, &attached, TTL_MS)
        .into_permit()
        .unwrap()
}

/// A key in the vault, at the place that [`request`] names.
struct Stored {
    vault_key: VaultKey,
    path: SecretPath,
    sealed: Sealed,
}

impl Stored {
    fn new(key: &str) -> Self {
        let vault_key = VaultKey::generate().unwrap();
        let path: SecretPath = "agents/a/chains/ethereum/private_key".parse().unwrap();
        let at = place(&path);
        let value = SecretString::from(key);
        let sealed = seal_without_permit_for_system_vault(&vault_key, at, &value).unwrap();
        Self {
            vault_key,
            path,
            sealed,
        }
    }

    fn key(&self) -> SealedKey<'_> {
        SealedKey {
            vault_key: &self.vault_key,
            at: place(&self.path),
            sealed: &self.sealed,
        }
    }
}

fn place(path: &SecretPath) -> SecretRef<'_> {
    SecretRef {
        org: org(),
        vault: vault(),
        path,
        version: 1,
    }
}

fn message() -> TransactionRequest {
    request(
        signer(COW).address(),
        Intent::Message(Bytes::from_static(b"hello")),
    )
}

#[test]
fn what_was_decided_is_signed() {
    let stored = Stored::new(COW);
    for asked in TYPES
        .into_iter()
        .map(|tx_type| request(signer(COW).address(), Intent::Transaction(intent(tx_type))))
        .chain([message()])
    {
        let expected = sign_with_cow(&asked).unwrap();
        assert_eq!(sign(permit(asked), stored.key(), NOW).unwrap(), expected);
    }
}

#[test]
fn a_permit_that_has_run_out_signs_nothing() {
    let stored = Stored::new(COW);
    let last = NOW.plus_millis(TTL_MS - 1);
    sign(permit(message()), stored.key(), last).unwrap();
    let late = NOW.plus_millis(TTL_MS);
    assert!(matches!(
        sign(permit(message()), stored.key(), late),
        Err(SignError::Envelope(EnvelopeError::Permit(
            PermitError::Expired
        )))
    ));
}

#[test]
fn a_permit_opens_no_other_key() {
    let stored = Stored::new(COW);
    let elsewhere: SecretPath = "agents/b/chains/ethereum/private_key".parse().unwrap();
    let here = place(&stored.path);
    let places = [
        SecretRef {
            org: OrgId::from_uuid(Uuid::from_u128(9)),
            ..here
        },
        SecretRef {
            vault: VaultId::from_uuid(Uuid::from_u128(9)),
            ..here
        },
        SecretRef {
            path: &elsewhere,
            ..here
        },
        SecretRef { version: 2, ..here },
    ];
    for at in places {
        let key = SealedKey { at, ..stored.key() };
        assert!(matches!(
            sign(permit(message()), key, NOW),
            Err(SignError::Envelope(EnvelopeError::Permit(_)))
        ));
    }
    // The right place, but what stands there was put there from elsewhere.
    let other = Stored::new(&"46".repeat(32));
    let moved = SealedKey {
        sealed: &other.sealed,
        ..stored.key()
    };
    assert!(matches!(
        sign(permit(message()), moved, NOW),
        Err(SignError::Envelope(EnvelopeError::Damaged))
    ));
}

#[test]
fn the_key_must_be_that_of_the_account_that_was_decided_on() {
    let other = Stored::new(&"46".repeat(32));
    let error = sign(permit(message()), other.key(), NOW).unwrap_err();
    assert!(
        matches!(error, SignError::OtherSender { decided, .. } if decided == signer(COW).address())
    );
}

#[test]
fn a_stored_value_that_is_no_key_is_named_so_and_not_quoted() {
    let stored = Stored::new("correct horse battery staple");
    let error = sign(permit(message()), stored.key(), NOW).unwrap_err();
    assert!(matches!(error, SignError::Key(KeyError::NotHex)));
    assert!(!error.to_string().contains("horse"));
}
