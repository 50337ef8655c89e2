//! A share is accepted, declined or taken back.

use oneclaw_core::ids::ShareId;
use oneclaw_store::{Share, ShareAnswer, ShareEnd, StoreError};

use super::super::Services;
use super::super::caller::{Caller, RequestContext};
use super::super::error::{Result, ServiceError};
use super::access::is_used_up;
use super::{UNKNOWN, event, is_for};

impl Services {
    /// `POST /v1/shares/{share_id}/accept`. Accepting again changes nothing.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] for a share that is not for the caller or was taken back, [`ServiceError::Conflict`] for
    /// one that the caller has declined, [`ServiceError::Gone`] for one that is over.
    pub async fn accept_share(
        &self,
        context: &RequestContext,
        caller: &Caller,
        id: ShareId,
    ) -> Result<()> {
        let share = self.addressed_share(caller, id).await?;
        if share.declined_at.is_some() {
            return Err(ServiceError::Conflict(
                "the share was declined; ask for another one".to_owned(),
            ));
        }
        if share.expires_at <= context.at {
            return Err(ServiceError::Gone("the share has expired"));
        }
        if is_used_up(&share) {
            return Err(ServiceError::Gone(
                "the share has been used as often as it may be",
            ));
        }
        if share.accepted_at.is_some() {
            return Ok(());
        }
        self.answer(context, caller, &share, ShareAnswer::Accept)
            .await
    }

    /// `POST /v1/shares/{share_id}/decline`. Also ends a share that was accepted before; declining again changes nothing.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] for a share that is not for the caller or was taken back.
    pub async fn decline_share(
        &self,
        context: &RequestContext,
        caller: &Caller,
        id: ShareId,
    ) -> Result<()> {
        let share = self.addressed_share(caller, id).await?;
        if share.declined_at.is_some() {
            return Ok(());
        }
        self.answer(context, caller, &share, ShareAnswer::Decline)
            .await
    }

    /// `DELETE /v1/share/{share_id}`: by whoever made the share, or an owner or admin of the organisation.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] for one that the caller may not know of or that has ended already;
    /// [`ServiceError::Forbidden`] for its recipient.
    pub async fn revoke_share(
        &self,
        context: &RequestContext,
        caller: &Caller,
        id: ShareId,
    ) -> Result<()> {
        let share = self.store.share(id).await?.ok_or(UNKNOWN)?;
        if !is_managed_by(&share, caller) {
            if is_for(&share, caller) {
                return Err(ServiceError::Forbidden(
                    "only who made a share can take it back; decline it instead".to_owned(),
                ));
            }
            return Err(UNKNOWN);
        }
        let event = event(context, &share, Some(caller), "share.revoke");
        match self.store.revoke_share(share.id, event).await {
            Err(StoreError::NotFound) => Err(UNKNOWN),
            other => Ok(other?),
        }
    }

    async fn addressed_share(&self, caller: &Caller, id: ShareId) -> Result<Share> {
        let share = self.store.share(id).await?.ok_or(UNKNOWN)?;
        match share.end {
            Some(ShareEnd::Revoked | ShareEnd::PrincipalDeleted) => Err(UNKNOWN),
            _ if !is_for(&share, caller) => Err(UNKNOWN),
            Some(ShareEnd::SecretDeleted) => {
                Err(ServiceError::Gone("the shared secret was deleted"))
            }
            None => Ok(share),
        }
    }

    async fn answer(
        &self,
        context: &RequestContext,
        caller: &Caller,
        share: &Share,
        answer: ShareAnswer,
    ) -> Result<()> {
        let action = match answer {
            ShareAnswer::Accept => "share.accept",
            ShareAnswer::Decline => "share.decline",
        };
        let event = event(context, share, Some(caller), action);
        let recipient = caller.principal();
        match self
            .store
            .answer_share(share.id, recipient, answer, event)
            .await
        {
            Err(StoreError::Conflict(_)) => Err(ServiceError::Conflict(
                "the share has changed in the meantime; look at it again".to_owned(),
            )),
            other => Ok(other?),
        }
    }
}

/// Who made it, or an owner or admin of the organisation that the secret belongs to.
pub(super) fn is_managed_by(share: &Share, caller: &Caller) -> bool {
    share.creator == caller.principal() || (caller.is_admin() && caller.org() == share.org_id)
}
