//! Shares as their makers and recipients see them.

use oneclaw_core::api::{ShareItem, ShareList};
use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::ShareId;
use oneclaw_store::Share;

use super::super::caller::{Caller, Identity, RequestContext};
use super::super::error::{Result, ServiceError};
use super::super::{Services, time};
use super::access::{is_accepted, is_used_up};
use super::answer::is_managed_by;
use super::{UNKNOWN, is_for};

impl Services {
    /// `GET /v1/shares/outbound`: those that the caller made.
    ///
    /// # Errors
    /// What the database says.
    pub async fn outbound_shares(
        &self,
        context: &RequestContext,
        caller: &Caller,
    ) -> Result<ShareList> {
        let shares = self.store.shares_by(caller.principal()).await?;
        Ok(self.share_list(&shares, context.at))
    }

    /// `GET /v1/shares/inbound`: those that are for the caller.
    ///
    /// # Errors
    /// What the database says.
    pub async fn inbound_shares(
        &self,
        context: &RequestContext,
        caller: &Caller,
    ) -> Result<ShareList> {
        // No share is addressed to the empty address.
        let email = match &caller.identity {
            Identity::Human(user) => user.email.as_str(),
            Identity::Agent(_) => "",
        };
        let shares = self.store.shares_for(caller.principal(), email).await?;
        Ok(self.share_list(&shares, context.at))
    }

    /// All shares of the organisation, for its owners and admins.
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`] for everybody else.
    pub async fn org_shares(&self, context: &RequestContext, caller: &Caller) -> Result<ShareList> {
        if !caller.is_admin() {
            return Err(ServiceError::Forbidden(
                "only owners and admins see all shares of the organisation".to_owned(),
            ));
        }
        let shares = self.store.shares_of_org(caller.org()).await?;
        Ok(self.share_list(&shares, context.at))
    }

    /// `GET /v1/shares/{share_id}`
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] for who neither made it, nor is its recipient, nor administers the organisation.
    pub async fn share_item(
        &self,
        context: &RequestContext,
        caller: &Caller,
        id: ShareId,
    ) -> Result<ShareItem> {
        let share = self.store.share(id).await?.ok_or(UNKNOWN)?;
        if is_managed_by(&share, caller) || is_for(&share, caller) {
            Ok(self.item(&share, context.at))
        } else {
            Err(UNKNOWN)
        }
    }

    fn share_list(&self, shares: &[Share], now: Timestamp) -> ShareList {
        ShareList {
            shares: shares.iter().map(|share| self.item(share, now)).collect(),
        }
    }

    fn item(&self, share: &Share, now: Timestamp) -> ShareItem {
        ShareItem {
            id: share.id.to_string(),
            share_url: self.share_url(share),
            secret_id: share.secret_id.to_string(),
            vault_id: share.vault_id.to_string(),
            secret_path: share.path.to_string(),
            recipient_type: share.recipient_kind.to_string(),
            recipient_id: share.recipient.map(|who| who.uuid().to_string()),
            recipient_email: share.recipient_email.clone(),
            access_count: share.access_count,
            max_access_count: share.max_access_count,
            views: share.access_count,
            max_views: share.max_access_count,
            expires_at: time::format(share.expires_at),
            created_at: time::format(share.created_at),
            is_expired: share.expires_at <= now,
            is_accepted: is_accepted(share),
            status: status(share, now).to_owned(),
            has_passphrase: share.passphrase_hash.is_some(),
            ip_allowlist: share.ip_allowlist.clone(),
            permissions: share.permissions.clone(),
            created_by: share.creator.uuid().to_string(),
            created_by_type: share.creator.kind().as_str().to_owned(),
            created_by_name: share.creator_name.clone(),
            audit_id: share.audit_id.to_string(),
        }
    }
}

/// The one word for what has become of a share; what is final comes first.
fn status(share: &Share, now: Timestamp) -> &'static str {
    if share.end.is_some() {
        "revoked"
    } else if share.declined_at.is_some() {
        "declined"
    } else if share.expires_at <= now {
        "expired"
    } else if is_used_up(share) {
        "exhausted"
    } else if is_accepted(share) {
        "accepted"
    } else {
        "pending"
    }
}
