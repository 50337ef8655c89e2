//! Steps that a token alone must not take: the human proves once more to be there.

use oneclaw_core::api::{ReauthRequest, ReauthResponse, Sensitive};
use oneclaw_core::clock::Timestamp;
use oneclaw_store::{ProofKind, User};
use secrecy::ExposeSecret;
use serde_json::json;

use super::Services;
use super::caller::{Caller, RequestContext};
use super::error::{Result, ServiceError};
use super::events::{self, EventExt};

/// Begins a token that stands for all factors, shown a moment ago.
const REAUTH_PREFIX: &str = "rat_";
/// How long such a token counts, in seconds.
const REAUTH_SECONDS: u32 = 300;

/// What a request brings beside its token.
#[derive(Default)]
pub struct Confirmation {
    /// `X-Auth-Confirm`: the account's password, or a `rat_` token.
    pub confirm: Option<Sensitive>,
    /// `X-MFA-Token`: a code of the second factor.
    pub code: Option<Sensitive>,
}

impl std::fmt::Debug for Confirmation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Confirmation")
            .field("confirm", &self.confirm.is_some())
            .field("code", &self.code.is_some())
            .finish()
    }
}

impl Services {
    /// `POST /v1/auth/reauth`: a token that confirms one step.
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`] without every factor; [`ServiceError::TooManyRequests`] after too many wrong ones.
    pub async fn reauthenticate(
        &self,
        context: &RequestContext,
        caller: &Caller,
        request: &ReauthRequest,
    ) -> Result<ReauthResponse> {
        let user = caller.human()?;
        if request.password.starts_with(REAUTH_PREFIX) {
            return Err(ServiceError::field(
                "password",
                "must be the account's password",
            ));
        }
        let given = Confirmation {
            confirm: Some(request.password.clone()),
            code: request.code.clone(),
        };
        self.step_up(context, user, &given).await?;
        let token = self.keys.hasher().generate(REAUTH_PREFIX)?;
        let event = events::by_caller(context, caller, "auth.reauth", "user", user.id);
        self.store.record(event).await?;
        self.store
            .put_proof(
                &token.hash,
                ProofKind::Reauth,
                user.id,
                1,
                context.at.plus_seconds(REAUTH_SECONDS.into()),
            )
            .await?;
        Ok(ReauthResponse {
            reauth_token: token.text.expose_secret().to_owned(),
            expires_in: REAUTH_SECONDS.into(),
        })
    }

    /// Checks what a signed-in human gives once more: the password, and a code where a second factor is set up, or a token
    /// that stands for both.
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`] without them, [`ServiceError::TooManyRequests`] after too many wrong ones.
    pub(super) async fn step_up(
        &self,
        context: &RequestContext,
        user: &User,
        given: &Confirmation,
    ) -> Result<()> {
        let Some(confirm) = &given.confirm else {
            return Err(ServiceError::Forbidden(
                "confirm with the account's password in the header `X-Auth-Confirm`".to_owned(),
            ));
        };
        if confirm.starts_with(REAUTH_PREFIX) {
            return self.take_reauth_token(user, confirm, context.at).await;
        }
        self.confirm_password(user, confirm, context.at, "X-Auth-Confirm")
            .await
            .map_err(|error| match error {
                ServiceError::Invalid { detail, .. } => ServiceError::Forbidden(detail),
                other => other,
            })?;
        let Some(factor) = self.second_factor(user).await? else {
            return Ok(());
        };
        let Some(code) = &given.code else {
            return Err(ServiceError::Forbidden(
                "this account has a second factor: send a code in the header `X-MFA-Token` as well, or a token from POST /v1/auth/reauth in `X-Auth-Confirm`".to_owned(),
            ));
        };
        if self.is_code_of(context, user, &factor, code).await? {
            Ok(())
        } else {
            Err(ServiceError::Forbidden(
                "X-MFA-Token: is not a code of the second factor, or was used before".to_owned(),
            ))
        }
    }

    async fn take_reauth_token(&self, user: &User, token: &str, now: Timestamp) -> Result<()> {
        let attempt = self
            .throttles
            .confirm_by_user
            .attempt(&user.id.to_string(), now)?;
        let hash = self.keys.hasher().hash(token);
        let taken = self.store.take_proof(&hash, ProofKind::Reauth, now).await?;
        if taken != Some(user.id) {
            return Err(ServiceError::Forbidden(
                "X-Auth-Confirm: the token has expired or was used; POST /v1/auth/reauth gives another"
                    .to_owned(),
            ));
        }
        attempt.succeeded();
        Ok(())
    }

    /// Checks a password that a signed-in human gives once more.
    pub(super) async fn confirm_password(
        &self,
        user: &User,
        given: &str,
        now: Timestamp,
        field: &str,
    ) -> Result<()> {
        let attempt = self
            .throttles
            .confirm_by_user
            .attempt(&user.id.to_string(), now)?;
        if !self
            .verify_password(given, user.password_hash.clone())
            .await?
        {
            return Err(ServiceError::field(field, "is not the account's password"));
        }
        attempt.succeeded();
        Ok(())
    }

    /// Records that a step was refused because it was not confirmed.
    pub(super) async fn record_unconfirmed(
        &self,
        context: &RequestContext,
        caller: &Caller,
        action: &str,
        (resource_type, resource_id): (&str, String),
        given: &Confirmation,
    ) -> Result<()> {
        let code = match given.confirm {
            None => "confirmation_missing",
            Some(_) => "confirmation_wrong",
        };
        let event = events::by_caller(context, caller, action, resource_type, resource_id)
            .with_details(json!({"decision": "deny", "code": code}));
        Ok(self.store.record(event).await?)
    }
}
