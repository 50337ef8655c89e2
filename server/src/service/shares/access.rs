//! The value of a shared secret is handed out.

use oneclaw_core::api::SharedSecret;
use oneclaw_core::ids::ShareId;
use oneclaw_core::ip::parse_network;
use oneclaw_core::share::RecipientKind;
use oneclaw_policy_host::ReadSecret;
use oneclaw_store::{NewEvent, SecretVersion, Share, ShareAccess, ShareEnd};
use serde_json::{Value, json};

use super::super::Services;
use super::super::caller::{Caller, RequestContext};
use super::super::error::{Result, ServiceError};
use super::super::events::EventExt;
use super::super::gate::Grant;
use super::super::secrets::{EXHAUSTED, PRIVATE_KEY_BLOCKED, SharedRead, is_blocked_for};
use super::recipient::Recipient;
use super::{UNKNOWN, event, is_for, not_to_be_shared};

const NO_CREDENTIAL: ServiceError = ServiceError::Unauthenticated(
    "this share is for one recipient, whose token belongs in the header `Authorization: Bearer …`",
);
const DELETED: ServiceError = ServiceError::Gone("the shared secret was deleted");
const EXPIRED: ServiceError = ServiceError::Gone("the share has expired");
const USED_UP: ServiceError = ServiceError::Gone("the share has been used as often as it may be");

/// All that who asks learns about a share that gives nothing because its maker may not read the secret.
const SHARER_MAY_NOT: &str = "share/sharer-may-not-read";

/// Somebody at a share.
struct Visit<'a> {
    context: &'a RequestContext,
    caller: Option<&'a Caller>,
    share: &'a Share,
}

impl Visit<'_> {
    /// What is recorded of it.
    fn event(&self) -> NewEvent {
        event(self.context, self.share, self.caller, "share.access")
    }
}

impl Services {
    /// `GET /v1/share/{share_id}` and its aliases. `caller` is whoever showed a good credential, if anybody did.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] for an unknown share and one that was taken back, [`ServiceError::Gone`] for one that is
    /// over or whose secret is, [`ServiceError::Denied`] (recorded) otherwise; [`ServiceError::TooManyRequests`] after too
    /// many wrong passphrases.
    pub async fn access_share(
        &self,
        context: &RequestContext,
        caller: Option<&Caller>,
        id: ShareId,
        passphrase: Option<&str>,
    ) -> Result<SharedSecret> {
        let share = self.store.share(id).await?.ok_or(UNKNOWN)?;
        let visit = Visit {
            context,
            caller,
            share: &share,
        };
        self.at_the_door(&visit).await?;
        if !self.is_passphrase(&share, passphrase, context.at).await? {
            return Err(self.refuse(&visit, "share/passphrase", &json!({})).await?);
        }
        let Some(sharer) = self
            .principal_of_record(share.org_id, share.creator, context.at)
            .await?
        else {
            let why = json!({"reason": "who shares is not active"});
            return Err(self.refuse(&visit, SHARER_MAY_NOT, &why).await?);
        };
        let facts = Recipient::of(&share).facts(share.audit_id);
        let place = (share.vault_id, &share.path);
        let grant = self
            .gate
            .admit_share(
                context,
                &sharer,
                place,
                &facts,
                visit.event(),
                Some(SHARER_MAY_NOT),
            )
            .await?;
        let (secret, version) = match self
            .version_to_share(&grant, &share.path, context.at)
            .await?
        {
            Ok(found) => found,
            Err(why) => return Err(self.turn_away(&visit, "share/no-value", why).await?),
        };
        self.past_the_kind(&visit, &sharer, &grant, &version)
            .await?;
        let access = ShareAccess {
            share: share.id,
            version: (secret.id, version.version),
            event: visit
                .event()
                .and_details(&json!({"version": version.version}))
                .and_resting_on(grant.evidence.clone()),
        };
        let read = self
            .read_shared(&grant, &access, (&secret, &version), context.at)
            .await?;
        match read {
            SharedRead::Opened(value, access_count) => Ok(SharedSecret {
                id: share.id.to_string(),
                path: secret.path.to_string(),
                kind: version.kind.clone(),
                value,
                version: version.version,
                access_count,
                max_access_count: share.max_access_count,
            }),
            SharedRead::ShareOver => {
                Err(self.turn_away(&visit, "share/exhausted", USED_UP).await?)
            }
            SharedRead::SecretOver => {
                Err(self.turn_away(&visit, "vault/exhausted", EXHAUSTED).await?)
            }
        }
    }

    /// Everything about a share that can be seen from outside: whether it is there, for whom, how long and from where.
    async fn at_the_door(&self, visit: &Visit<'_>) -> Result<()> {
        let Visit {
            context,
            caller,
            share,
        } = *visit;
        match share.end {
            None | Some(ShareEnd::SecretDeleted) => {}
            Some(ShareEnd::Revoked | ShareEnd::PrincipalDeleted) => {
                return Err(self.turn_away(visit, "share/revoked", UNKNOWN).await?);
            }
        }
        if share.recipient_kind != RecipientKind::AnyoneWithLink {
            let Some(caller) = caller else {
                return Err(self
                    .turn_away(visit, "share/no-credential", NO_CREDENTIAL)
                    .await?);
            };
            if !is_for(share, caller) {
                let code = "share/not-the-recipient";
                return Err(self.refuse(visit, code, &json!({})).await?);
            }
            if caller.org() == share.org_id && caller.is_bound_away_from(share.vault_id) {
                let code = "binding/vault-not-bound";
                return Err(self.refuse(visit, code, &json!({})).await?);
            }
        }
        if share.end.is_some() {
            return Err(self
                .turn_away(visit, "share/secret-deleted", DELETED)
                .await?);
        }
        if share.expires_at <= context.at {
            return Err(self.turn_away(visit, "share/expired", EXPIRED).await?);
        }
        if is_used_up(share) {
            return Err(self.turn_away(visit, "share/exhausted", USED_UP).await?);
        }
        if !is_accepted(share) {
            return Err(self.refuse(visit, "share/not-accepted", &json!({})).await?);
        }
        // A network that cannot be read any more allows nobody.
        let is_within = |network: &String| {
            parse_network(network).is_ok_and(|network| network.contains(&context.client))
        };
        if !share.ip_allowlist.is_empty() && !share.ip_allowlist.iter().any(is_within) {
            return Err(self
                .refuse(visit, "share/address-not-allowed", &json!({}))
                .await?);
        }
        Ok(())
    }

    /// What the type of the secret and its writer stand in the way of.
    async fn past_the_kind(
        &self,
        visit: &Visit<'_>,
        sharer: &Caller,
        grant: &Grant<ReadSecret>,
        version: &SecretVersion,
    ) -> Result<()> {
        let kind = visit.share.recipient_kind;
        if let Some(reason) = not_to_be_shared(sharer, kind, &grant.vault, version) {
            let refusal = visit
                .event()
                .and_resting_on(grant.evidence.clone().refused(SHARER_MAY_NOT))
                .and_details(&json!({"reason": reason}));
            return Err(self.gate.refuse_share(refusal, SHARER_MAY_NOT).await?);
        }
        if visit
            .caller
            .is_some_and(|caller| is_blocked_for(caller, version))
        {
            let evidence = grant.evidence.clone().refused(PRIVATE_KEY_BLOCKED);
            let refusal = visit.event().and_resting_on(evidence);
            return Err(self.gate.refuse_share(refusal, PRIVATE_KEY_BLOCKED).await?);
        }
        Ok(())
    }

    /// 403, recorded.
    async fn refuse(&self, visit: &Visit<'_>, code: &str, why: &Value) -> Result<ServiceError> {
        let refusal = visit.event().and_details(why);
        self.gate.refuse_share(refusal, code).await
    }

    /// Another refusal than 403, recorded all the same.
    async fn turn_away(
        &self,
        visit: &Visit<'_>,
        code: &str,
        why: ServiceError,
    ) -> Result<ServiceError> {
        self.refuse(visit, code, &json!({"outcome": why.to_string()}))
            .await?;
        Ok(why)
    }
}

/// Whether its recipient wants it; a link has none that could say so.
pub(super) fn is_accepted(share: &Share) -> bool {
    let is_link = share.recipient_kind == RecipientKind::AnyoneWithLink;
    is_link || (share.accepted_at.is_some() && share.declined_at.is_none())
}

/// Whether as many accesses were made as may be.
pub(super) fn is_used_up(share: &Share) -> bool {
    share
        .max_access_count
        .is_some_and(|most| share.access_count >= most)
}
