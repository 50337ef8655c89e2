//! A secret is shared.

use oneclaw_core::api::{CreateShareRequest, Share as Answer};
use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{SecretId, ShareId, VaultId};
use oneclaw_core::ip::parse_network;
use oneclaw_core::path::SecretPath;
use oneclaw_core::share::RecipientKind;
use oneclaw_crypto::random;
use oneclaw_store::{Share, ShareMade, ShareRate};
use serde_json::{Value, json};

use super::super::caller::{Caller, RequestContext};
use super::super::error::{Result, ServiceError};
use super::super::events::{self, EventExt};
use super::super::{Services, check, time};
use super::passphrase::{check_passphrase, too_many};
use super::recipient::wanted;
use super::{event, not_to_be_shared};

/// Shares that an organisation may make in a minute.
const RATE: ShareRate = ShareRate {
    most: 10,
    within_ms: 60_000,
};

/// How long a share lasts if nobody says.
const DEFAULT_HOURS: i64 = 24;
/// The longest time that can be given in hours: ten years.
const MAX_HOURS: i64 = 10 * 366 * 24;
const HOUR_MS: i64 = 3_600_000;

/// Most networks of a share.
const MAX_NETWORKS: usize = 100;

impl Services {
    /// `POST /v1/shares`: names the secret by `secret_id`, or by vault and path.
    ///
    /// # Errors
    /// As [`Services::share_secret`].
    pub async fn create_share(
        &self,
        context: &RequestContext,
        caller: &Caller,
        mut request: CreateShareRequest,
    ) -> Result<Answer> {
        if request.recipient_type.is_none() {
            let kind = match request.email {
                Some(_) => RecipientKind::ExternalEmail,
                None => RecipientKind::AnyoneWithLink,
            };
            request.recipient_type = Some(kind.to_string());
        }
        match (&request.secret_id, &request.vault_id, &request.secret_path) {
            (Some(id), None, None) => {
                let id = id
                    .parse()
                    .map_err(|e| ServiceError::field("secret_id", e))?;
                self.share_secret(context, caller, id, request).await
            }
            (None, Some(vault), Some(path)) => {
                let vault = vault
                    .parse()
                    .map_err(|e| ServiceError::field("vault_id", e))?;
                let path = path
                    .parse()
                    .map_err(|e| ServiceError::field("secret_path", e))?;
                self.share_path(context, caller, (vault, path), request)
                    .await
            }
            _ => Err(ServiceError::field(
                "secret_id",
                "name the secret by `secret_id`, or by `vault_id` and `secret_path`",
            )),
        }
    }

    /// `POST /v1/secrets/{secret_id}/share`
    ///
    /// # Errors
    /// Names the field at fault; [`ServiceError::Denied`] (recorded) for who may not read the secret or not pass it on;
    /// [`ServiceError::TooManyRequests`] for more than 10 a minute in one organisation.
    pub async fn share_secret(
        &self,
        context: &RequestContext,
        caller: &Caller,
        secret: SecretId,
        request: CreateShareRequest,
    ) -> Result<Answer> {
        let secret = self.store.secret_by_id(caller.org(), secret).await?;
        let secret = secret.ok_or(ServiceError::NotFound("no such secret"))?;
        let place = (secret.vault_id, secret.path);
        self.share_path(context, caller, place, request).await
    }

    async fn share_path(
        &self,
        context: &RequestContext,
        caller: &Caller,
        (vault, path): (VaultId, SecretPath),
        request: CreateShareRequest,
    ) -> Result<Answer> {
        let wanted = wanted(caller, &request)?;
        let limits = limits(&request, context.at)?;
        let recipient = self.share_recipient(caller, wanted).await?;
        let id = ShareId::from_uuid(random::unguessable_id()?);
        // Who reads the audit trail must not be able to use a link. Of other shares the id opens nothing.
        let audit_id = match recipient.kind {
            RecipientKind::AnyoneWithLink => random::unguessable_id()?,
            _ => id.as_uuid(),
        };
        let refusal = || {
            events::by_caller(context, caller, "share.create", "secret", &path)
                .in_vault(vault)
                .with_details(json!({"recipient_type": recipient.kind.as_str()}))
        };
        let facts = recipient.facts(audit_id);
        let grant = self
            .gate
            .admit_share(context, caller, (vault, &path), &facts, refusal(), None)
            .await?;
        let (secret, version) = match self.version_to_share(&grant, &path, context.at).await? {
            Ok(found) => found,
            Err(why) => {
                return Err(self
                    .gate
                    .nothing_done(context, caller, &grant, &path, why)
                    .await?);
            }
        };
        if let Some(code) = not_to_be_shared(caller, recipient.kind, &grant.vault, &version) {
            let refusal = refusal().and_resting_on(grant.evidence.refused(code));
            return Err(self.gate.refuse_share(refusal, code).await?);
        }
        let passphrase_hash = match &request.passphrase {
            Some(passphrase) => Some(self.hash_passphrase(passphrase).await?),
            None => None,
        };
        let share = Share {
            id,
            audit_id,
            org_id: caller.org(),
            secret_id: secret.id,
            vault_id: vault,
            path: secret.path,
            creator: caller.principal(),
            creator_name: String::new(),
            recipient_kind: recipient.kind,
            recipient: recipient.principal,
            recipient_email: recipient.email.clone(),
            permissions: vec!["read".to_owned()],
            ip_allowlist: limits.networks,
            passphrase_hash,
            max_access_count: request.max_access_count,
            access_count: 0,
            expires_at: limits.expires_at,
            created_at: context.at,
            accepted_at: None,
            declined_at: None,
            end: None,
        };
        let event = event(context, &share, Some(caller), "share.create")
            .and_details(&described(&share))
            .and_resting_on(grant.evidence);
        let rate = self.config.rate_limits.then_some(RATE);
        let mails = self.mail_about(caller, &share).await?;
        match self.store.create_share(&share, rate, event, &mails).await? {
            ShareMade::Stored => Ok(self.share_answer(&share)),
            ShareMade::TooMany { until } => Err(too_many(until, context.at)),
        }
    }

    fn share_answer(&self, share: &Share) -> Answer {
        Answer {
            id: share.id.to_string(),
            share_url: self.share_url(share),
            recipient_type: share.recipient_kind.to_string(),
            recipient_email: share.recipient_email.clone(),
            expires_at: time::format(share.expires_at),
            max_access_count: share.max_access_count,
            audit_id: share.audit_id.to_string(),
        }
    }

    pub(super) fn share_url(&self, share: &Share) -> String {
        let base = self.config.public_url.trim_end_matches('/');
        format!("{base}/v1/share/{}", share.id)
    }
}

/// The limits of a new share, checked.
struct Limits {
    expires_at: Timestamp,
    networks: Vec<String>,
}

fn limits(request: &CreateShareRequest, now: Timestamp) -> Result<Limits> {
    let expires_at = match (&request.expires_at, request.expires_in_hours) {
        (Some(_), Some(_)) => {
            return Err(ServiceError::field(
                "expires_in_hours",
                "give either `expires_at` or `expires_in_hours`",
            ));
        }
        (None, Some(hours)) if !(1..=MAX_HOURS).contains(&hours) => {
            return Err(ServiceError::field(
                "expires_in_hours",
                format!("must be from 1 to {MAX_HOURS}"),
            ));
        }
        (None, hours) => now.plus_millis(hours.unwrap_or(DEFAULT_HOURS).saturating_mul(HOUR_MS)),
        (Some(text), None) => check::future("expires_at", Some(text), now)?
            .unwrap_or_else(|| now.plus_millis(DEFAULT_HOURS * HOUR_MS)),
    };
    if request.max_access_count.is_some_and(|count| count < 1) {
        return Err(ServiceError::field(
            "max_access_count",
            "must be at least 1",
        ));
    }
    if let Some(permissions) = &request.permissions
        && permissions.iter().any(|word| word != "read")
    {
        return Err(ServiceError::field(
            "permissions",
            "must be `[\"read\"]`: a share gives a value and nothing else",
        ));
    }
    if let Some(passphrase) = &request.passphrase {
        check_passphrase(passphrase)?;
    }
    Ok(Limits {
        expires_at,
        networks: networks(request.ip_allowlist.as_deref())?,
    })
}

fn networks(list: Option<&[String]>) -> Result<Vec<String>> {
    const FIELD: &str = "ip_allowlist";
    let Some(list) = list else {
        return Ok(Vec::new());
    };
    if list.is_empty() || list.len() > MAX_NETWORKS {
        return Err(ServiceError::field(
            FIELD,
            format!("must name from 1 to {MAX_NETWORKS} networks; leave it out to allow any"),
        ));
    }
    list.iter()
        .map(|text| match parse_network(text) {
            Ok(network) => Ok(network.to_string()),
            Err(error) => Err(ServiceError::field(FIELD, error)),
        })
        .collect()
}

/// What the record of a new share says of it.
fn described(share: &Share) -> Value {
    let mut details = json!({
        "expires_at": time::format(share.expires_at),
        "max_access_count": share.max_access_count,
        "has_passphrase": share.passphrase_hash.is_some(),
        "ip_allowlist": share.ip_allowlist,
    });
    if let Some(details) = details.as_object_mut() {
        if let Some(recipient) = &share.recipient {
            details.insert("recipient".to_owned(), json!(recipient.to_string()));
        }
        if let Some(email) = &share.recipient_email {
            details.insert("recipient_email".to_owned(), json!(email));
        }
    }
    details
}
