//! Storing, rotating, disabling and deleting.

use oneclaw_core::api::{PutSecretRequest, RotateSecretRequest, SecretMeta};
use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{SecretId, VaultId};
use oneclaw_core::path::{SecretPath, excerpt};
use oneclaw_crypto::envelope::{self, Sealed, SecretRef};
use oneclaw_crypto::random::{self, Charset};
use oneclaw_policy_host::{Action, DeleteSecret, MaySeal, RotateSecret, WriteSecret};
use oneclaw_store::{SecretVersion, StoreError};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::super::caller::{Caller, RequestContext};
use super::super::error::{Result, ServiceError};
use super::super::events::{self, EventExt};
use super::super::gate::Grant;
use super::super::{Services, check};
use super::{DELETED, UNKNOWN, bundle, meta};

/// Largest value, in bytes.
const MAX_VALUE_BYTES: usize = 1024 * 1024;

/// How often a write is tried again when another write takes its version number first.
const WRITE_ATTEMPTS: usize = 32;

impl Services {
    /// `PUT …/secrets/{path}`: stores the next version.
    ///
    /// # Errors
    /// Names the field at fault, or the refusal of the gate.
    pub async fn put_secret(
        &self,
        context: &RequestContext,
        caller: &Caller,
        vault: VaultId,
        path: &SecretPath,
        request: PutSecretRequest,
    ) -> Result<SecretMeta> {
        let value = SecretString::from(request.value.as_str());
        if value.expose_secret().len() > MAX_VALUE_BYTES {
            return Err(ServiceError::field(
                "value",
                format!("is larger than {MAX_VALUE_BYTES} bytes"),
            ));
        }
        let metadata = match request.metadata {
            None | Some(Value::Null) => json!({}),
            Some(value @ Value::Object(_)) => value,
            Some(_) => return Err(ServiceError::field("metadata", "must be an object")),
        };
        check::document("metadata", &metadata)?;
        let rotation_policy = request.rotation_policy.filter(|value| !value.is_null());
        if let Some(policy) = &rotation_policy {
            check::document("rotation_policy", policy)?;
        }
        if request.max_access_count.is_some_and(|count| count < 1) {
            return Err(ServiceError::field(
                "max_access_count",
                "must be at least 1",
            ));
        }
        // What is wrong with the request itself is said before anything is decided.
        if request.kind.as_deref() == Some(bundle::ENV_BUNDLE) {
            bundle::check(value.expose_secret())?;
        }
        let draft = Draft {
            value,
            kind: request.kind.as_deref().map(kind).transpose()?,
            metadata: Some(metadata),
            expires_at: check::future("expires_at", request.expires_at.as_deref(), context.at)?,
            rotation_policy,
            max_access_count: request.max_access_count,
        };
        let grant = self
            .gate
            .admit::<WriteSecret>(context, caller, vault, path)
            .await?;
        self.store_version(context, caller, &grant, path, "secret.write", draft)
            .await
    }

    /// `POST …/secret-rotate/{path}`: stores a generated value as the next version.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] where there is nothing to rotate.
    pub async fn rotate_secret(
        &self,
        context: &RequestContext,
        caller: &Caller,
        vault: VaultId,
        path: &SecretPath,
        request: RotateSecretRequest,
    ) -> Result<SecretMeta> {
        let charset = match request.charset.as_deref() {
            None | Some("hex") => Charset::Hex,
            Some("base64") => Charset::Base64,
            Some("alphanumeric") => Charset::Alphanumeric,
            Some("ascii") => Charset::Ascii,
            Some(other) => {
                return Err(ServiceError::field(
                    "charset",
                    format!(
                        "`{}` is not hex, base64, alphanumeric or ascii",
                        excerpt(other)
                    ),
                ));
            }
        };
        let length = match request.length.unwrap_or(32) {
            length @ 8..=1024 => length as usize,
            _ => return Err(ServiceError::field("length", "must be from 8 to 1024")),
        };
        let draft = Draft {
            value: random::secret_string(length, charset)?,
            kind: request.kind.as_deref().map(kind).transpose()?,
            metadata: None,
            expires_at: None,
            rotation_policy: None,
            max_access_count: None,
        };
        let grant = self
            .gate
            .admit::<RotateSecret>(context, caller, vault, path)
            .await?;
        self.must_exist(context, caller, &grant, path).await?;
        self.store_version(context, caller, &grant, path, "secret.rotate", draft)
            .await
    }

    /// `DELETE …/secrets/{path}`: all versions; the path can be written again.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`], [`ServiceError::Gone`], or the refusal of the gate.
    pub async fn delete_secret(
        &self,
        context: &RequestContext,
        caller: &Caller,
        vault: VaultId,
        path: &SecretPath,
    ) -> Result<()> {
        let grant = self
            .gate
            .admit::<DeleteSecret>(context, caller, vault, path)
            .await?;
        self.must_exist(context, caller, &grant, path).await?;
        let event = events::by_caller(context, caller, "secret.delete", "secret", path)
            .in_vault(grant.vault.id)
            .resting_on(grant.evidence);
        Ok(self
            .store
            .delete_secret(grant.vault.id, path, event)
            .await?)
    }

    /// `POST …/secret-version-disable/{path}/{version}`
    ///
    /// # Errors
    /// [`ServiceError::NotFound`], or the refusal of the gate.
    pub async fn disable_secret_version(
        &self,
        context: &RequestContext,
        caller: &Caller,
        vault: VaultId,
        path: &SecretPath,
        number: i64,
    ) -> Result<()> {
        let grant = self
            .gate
            .admit::<WriteSecret>(context, caller, vault, path)
            .await?;
        let mut evidence = grant.evidence.clone();
        evidence.set("version", json!(number));
        let event = events::by_caller(context, caller, "secret.version_disable", "secret", path)
            .in_vault(grant.vault.id)
            .resting_on(evidence);
        match self
            .store
            .disable_version(grant.vault.id, path, number, event)
            .await
        {
            Err(StoreError::NotFound) => Err(self
                .gate
                .nothing_done(context, caller, &grant, path, UNKNOWN)
                .await?),
            other => Ok(other?),
        }
    }

    /// That there is a secret which is not deleted; otherwise records the decision that led to nothing.
    async fn must_exist<A: Action>(
        &self,
        context: &RequestContext,
        caller: &Caller,
        grant: &Grant<A>,
        path: &SecretPath,
    ) -> Result<()> {
        let why = match self.store.secret(grant.vault.id, path).await? {
            Some(secret) if secret.deleted_at.is_none() => return Ok(()),
            Some(_) => DELETED,
            None => UNKNOWN,
        };
        Err(self
            .gate
            .nothing_done(context, caller, grant, path, why)
            .await?)
    }

    /// Seals a value under the next version number; another writer may take the number first, then it is sealed anew.
    async fn store_version<A: MaySeal>(
        &self,
        context: &RequestContext,
        caller: &Caller,
        grant: &Grant<A>,
        path: &SecretPath,
        action: &str,
        draft: Draft,
    ) -> Result<SecretMeta> {
        let vault = &grant.vault;
        let key = self
            .keys
            .vault_key(vault.org_id, vault.id, &vault.wrapped_key)?;
        for _ in 0..WRITE_ATTEMPTS {
            let (existing, number) = self.store.next_version(vault.id, path).await?;
            let before = match (&existing, &draft.kind, &draft.metadata) {
                (None, _, _) | (Some(_), Some(_), Some(_)) => None,
                (Some(_), _, _) => self
                    .store
                    .version(vault.id, path, number - 1)
                    .await?
                    .map(|(_, version)| version),
            };
            let kind = draft.kind.as_ref().or(before.as_ref().map(|v| &v.kind));
            if kind.is_some_and(|kind| kind == bundle::ENV_BUNDLE)
                && let Err(why) = bundle::check(draft.value.expose_secret())
            {
                return Err(self
                    .gate
                    .nothing_done(context, caller, grant, path, why)
                    .await?);
            }
            let secret = existing.unwrap_or_else(|| oneclaw_store::Secret {
                id: SecretId::from_uuid(random::new_id()),
                vault_id: vault.id,
                org_id: vault.org_id,
                path: path.clone(),
                created_at: context.at,
                updated_at: context.at,
                deleted_at: None,
                latest_version: 0,
            });
            let secret = oneclaw_store::Secret {
                updated_at: context.at,
                deleted_at: None,
                latest_version: number,
                ..secret
            };
            let at = SecretRef {
                org: vault.org_id,
                vault: vault.id,
                path,
                version: number,
            };
            let sealed = envelope::seal(&grant.permit, &key, at, &draft.value, context.at)?;
            let version =
                draft.version(&secret, before.as_ref(), sealed, caller, number, context.at);
            let mut evidence = grant.evidence.clone();
            evidence.set("version", json!(number));
            evidence.set("type", json!(version.kind));
            let event = events::by_caller(context, caller, action, "secret", path)
                .in_vault(vault.id)
                .resting_on(evidence);
            match self.store.put_version(&secret, &version, event).await {
                Ok(()) => return Ok(meta(&secret, &version)),
                Err(StoreError::Conflict("version")) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(ServiceError::Conflict(
            "too many writers at this path; try again".to_owned(),
        ))
    }
}

/// A version about to be stored; what is `None` is taken from the version before.
struct Draft {
    value: SecretString,
    kind: Option<String>,
    metadata: Option<Value>,
    expires_at: Option<Timestamp>,
    rotation_policy: Option<Value>,
    max_access_count: Option<i64>,
}

impl Draft {
    fn version(
        &self,
        secret: &oneclaw_store::Secret,
        before: Option<&SecretVersion>,
        sealed: Sealed,
        caller: &Caller,
        number: i64,
        now: Timestamp,
    ) -> SecretVersion {
        let kind = self
            .kind
            .clone()
            .or_else(|| before.map(|version| version.kind.clone()));
        let metadata = self
            .metadata
            .clone()
            .or_else(|| before.map(|version| version.metadata.clone()));
        SecretVersion {
            secret_id: secret.id,
            version: number,
            kind: kind.unwrap_or_else(|| "generic".to_owned()),
            metadata: metadata.unwrap_or_else(|| json!({})),
            wrapped_data_key: sealed.wrapped_data_key,
            ciphertext: sealed.ciphertext,
            created_by: caller.principal(),
            created_at: now,
            expires_at: self.expires_at,
            max_access_count: self.max_access_count,
            access_count: 0,
            disabled_at: None,
            rotation_policy: self.rotation_policy.clone(),
        }
    }
}

fn kind(text: &str) -> Result<String> {
    let sound = (1..=32).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if sound {
        Ok(text.to_owned())
    } else {
        Err(ServiceError::field(
            "type",
            format!(
                "`{}` is not a type; write 1 to 32 of a-z, 0-9 and `_`, such as `api_key`",
                excerpt(text)
            ),
        ))
    }
}
