//! The keys of the server itself, and the tokens they sign.

use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{OrgId, VaultId};
use oneclaw_crypto::api_key::KeyHasher;
use oneclaw_crypto::envelope::{self, VaultKey};
use oneclaw_crypto::random;
use oneclaw_crypto::root_key::{KeyService, RootKey};
use oneclaw_crypto::sealing::SealingKey;
use oneclaw_crypto::statement_key::StatementKey;
use oneclaw_crypto::token::{Claims, TokenError, TokenKeys, key_id};
use oneclaw_store::{JwtKey, Store};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::error::{Result, ServiceError};

/// After so many days a new signing key takes over at the next start; the old one goes on verifying.
const SIGNING_KEY_DAYS: i64 = 90;

/// Root key, key hashes and token keys.
#[derive(Debug)]
pub struct Keys {
    root: RootKey,
    hasher: KeyHasher,
    receipts: StatementKey,
    mails: SealingKey,
    links: SealingKey,
    tokens: RwLock<Arc<TokenKeys>>,
    checkpoints: StatementKey,
    sinks: SealingKey,
    webhooks: SealingKey,
}

impl Keys {
    /// Loads the token keys, and makes the first (or the next) one if it is time.
    ///
    /// # Errors
    /// When the database does not answer, or its keys were wrapped by another root key.
    pub async fn load(root: RootKey, store: &Store, now: Timestamp) -> Result<Self> {
        let stored = store.jwt_keys().await?;
        let newest = stored.iter().map(|key| key.created_at).max();
        let is_due = newest.is_none_or(|at| at.plus_seconds(SIGNING_KEY_DAYS * 86_400) <= now);
        let keys = if is_due {
            let seed = Zeroizing::new(random::bytes::<32>()?);
            let kid = key_id(&seed);
            let wrapped_seed = root
                .wrap(&token_key_label(&kid), seed.as_slice())
                .map_err(|e| ServiceError::Internal(e.to_string()))?;
            store
                .add_jwt_key(JwtKey {
                    kid,
                    wrapped_seed,
                    created_at: now,
                    retired_at: None,
                })
                .await?;
            store.jwt_keys().await?
        } else {
            stored
        };
        let hasher = KeyHasher::new(&root);
        let receipts = StatementKey::derive(&root, "oneclaw/decision-receipts");
        let mails = SealingKey::derive(&root, "mail/1");
        let links = SealingKey::derive(&root, "link/1");
        let tokens = RwLock::new(Arc::new(unwrap_token_keys(&root, keys)?));
        Ok(Self {
            checkpoints: StatementKey::derive(&root, "oneclaw/audit-checkpoints"),
            sinks: SealingKey::derive(&root, "audit-sink/1"),
            webhooks: SealingKey::derive(&root, "webhook/1"),
            root,
            hasher,
            receipts,
            mails,
            links,
            tokens,
        })
    }

    /// Hashes of API keys and refresh tokens.
    pub fn hasher(&self) -> &KeyHasher {
        &self.hasher
    }

    /// What seals mails that wait.
    pub fn mails(&self) -> &SealingKey {
        &self.mails
    }

    /// Signs receipts of decisions.
    pub fn receipts(&self) -> &StatementKey {
        &self.receipts
    }

    /// The public keys that others need (RFC 7517): those of tokens, and the one of receipts, which verifies no token.
    pub fn jwks(&self) -> Value {
        let mut set = self.tokens().jwks();
        let public = self.receipts.public();
        if let Some(keys) = set.get_mut("keys").and_then(Value::as_array_mut) {
            keys.push(json!({
                "kty": "OKP",
                "crv": "Ed25519",
                "alg": "EdDSA",
                "use": "sig",
                "kid": oneclaw_audit_proof::receipt::key_id(&public),
                "x": URL_SAFE_NO_PAD.encode(public),
            }));
        }
        set
    }

    /// Signs checkpoints of the audit trail.
    pub fn checkpoints(&self) -> &StatementKey {
        &self.checkpoints
    }

    /// What seals the credentials that sinks of the audit trail are sent.
    pub fn sinks(&self) -> &SealingKey {
        &self.sinks
    }

    /// What seals the secrets that deliveries to webhooks are signed with.
    pub fn webhooks(&self) -> &SealingKey {
        &self.webhooks
    }

    /// What seals tokens of links that are still to be mailed.
    pub fn links(&self) -> &SealingKey {
        &self.links
    }

    /// The token keys in force.
    pub fn tokens(&self) -> Arc<TokenKeys> {
        Arc::clone(&self.tokens.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Verifies a token; a key id that is not known is looked for in the database once, for another node may have made
    /// it.
    ///
    /// # Errors
    /// Why the token does not count; `Ok(Err)` of the token, `Err` of the database.
    pub async fn verify(
        &self,
        store: &Store,
        token: &str,
        now: Timestamp,
        issuer: &str,
    ) -> Result<std::result::Result<Claims, TokenError>> {
        match self.tokens().verify(token, now, issuer) {
            Err(TokenError::UnknownKey) => {
                let stored = store.jwt_keys().await?;
                if stored.len() == self.tokens().count() {
                    return Ok(Err(TokenError::UnknownKey));
                }
                let keys = Arc::new(unwrap_token_keys(&self.root, stored)?);
                *self.tokens.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&keys);
                Ok(keys.verify(token, now, issuer))
            }
            verified => Ok(verified),
        }
    }

    /// Whether the root key can still wrap and unwrap.
    pub fn is_healthy(&self) -> bool {
        let probe = b"oneclaw/health";
        self.root
            .wrap(probe, &[0; 32])
            .and_then(|wrapped| self.root.unwrap(probe, &wrapped))
            .is_ok_and(|key| key.as_slice() == [0; 32])
    }

    /// Seals a small secret that is no secret of a vault, such as that of a second factor. It opens under the same label
    /// alone.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn seal(&self, label: &str, secret: &[u8]) -> Result<Vec<u8>> {
        self.root
            .wrap(label.as_bytes(), secret)
            .map_err(|e| ServiceError::Internal(e.to_string()))
    }

    /// Opens what [`Keys::seal`] has sealed.
    ///
    /// # Errors
    /// When it was sealed under another label or another root key.
    pub fn unseal(&self, label: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        self.root
            .unwrap(label.as_bytes(), sealed)
            .map_err(|e| ServiceError::Internal(e.to_string()))
    }

    /// A new vault's key, and the same wrapped for storage.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn new_vault_key(&self, org: OrgId, vault: VaultId) -> Result<(VaultKey, Vec<u8>)> {
        let key = VaultKey::generate()?;
        let wrapped = envelope::wrap_vault_key(&self.root, org, vault, &key)?;
        Ok((key, wrapped))
    }

    /// Unwraps a vault's key.
    ///
    /// # Errors
    /// When it was wrapped by another root key, or for another vault.
    pub fn vault_key(&self, org: OrgId, vault: VaultId, wrapped: &[u8]) -> Result<VaultKey> {
        Ok(envelope::unwrap_vault_key(&self.root, org, vault, wrapped)?)
    }
}

fn token_key_label(kid: &str) -> Vec<u8> {
    format!("oneclaw/token-key/{kid}").into_bytes()
}

/// Newest first: the first one signs.
fn unwrap_token_keys(root: &RootKey, mut keys: Vec<JwtKey>) -> Result<TokenKeys> {
    keys.sort_by_key(|key| std::cmp::Reverse(key.created_at));
    let mut seeds = Vec::with_capacity(keys.len());
    for key in keys {
        let seed = root.unwrap(&token_key_label(&key.kid), &key.wrapped_seed).map_err(|_| {
            ServiceError::Internal(
                "the database belongs to another root key: start with the root key that it was made with".to_owned(),
            )
        })?;
        let seed = <[u8; 32]>::try_from(seed.as_slice())
            .map_err(|_| ServiceError::Internal("a token key has the wrong length".to_owned()))?;
        seeds.push((key.kid, Zeroizing::new(seed)));
    }
    TokenKeys::new(seeds).map_err(|e| ServiceError::Internal(e.to_string()))
}
