//! What is done by mail: a new password, and the proof of an address.
//!
//! A wish for a mail is taken down in the same way for every address and answered at once; whether there is an account with
//! it is looked up afterwards, by a job, so that neither the answer nor its time tells.

mod letters;

use oneclaw_core::api::{
    MailLinkResponse, ResetPasswordRequest, ResetPasswordResponse, TokenResponse,
    VerifyEmailRequest,
};
use oneclaw_core::clock::Timestamp;
use oneclaw_core::principal::Principal;
use oneclaw_crypto::{password, random};
use oneclaw_store::{
    Lease, MailRequest, MailedToken, NewMail, SharedLimit, StoreError, TokenPurpose, User,
};
use secrecy::{ExposeSecret as _, SecretString};

use super::caller::RequestContext;
use super::error::{Result, ServiceError};
use super::{Services, check, events};

/// Begins a token that is mailed.
const TOKEN_PREFIX: &str = "1ml_";
/// How long a token for a new password is good, in seconds.
const PASSWORD_SECONDS: i64 = 3600;
/// How long a token that proves an address is good, in seconds.
const PROOF_SECONDS: i64 = 24 * 3600;
/// Mails to one address at once, and the milliseconds until there may be one more.
const PER_EMAIL: (i64, i64) = (3, 10 * 60 * 1000);
/// Wishes at once from one network address, and the milliseconds until it may send one more.
const PER_ADDRESS: (i64, i64) = (10, 10 * 1000);
/// Wishes in one look.
const BATCH: i64 = 50;

impl Services {
    /// `POST /v1/auth/forgot-password`
    ///
    /// # Errors
    /// Names the field at fault; [`ServiceError::TooManyRequests`].
    pub async fn forgot_password(
        &self,
        context: &RequestContext,
        email: &str,
    ) -> Result<MailLinkResponse> {
        self.wish_for(context, email, TokenPurpose::NewPassword)
            .await?;
        Ok(sent(
            "If there is an account with this address, a mail with a link to set a new password is on its way.",
        ))
    }

    /// `POST /v1/auth/resend-verification`
    ///
    /// # Errors
    /// As [`Services::forgot_password`].
    pub async fn resend_verification(
        &self,
        context: &RequestContext,
        email: &str,
    ) -> Result<MailLinkResponse> {
        self.wish_for(context, email, TokenPurpose::ProveEmail)
            .await?;
        Ok(sent(
            "If there is an account with this address that is still to be confirmed, a mail with a link is on its way.",
        ))
    }

    async fn wish_for(
        &self,
        context: &RequestContext,
        email: &str,
        purpose: TokenPurpose,
    ) -> Result<()> {
        let request = MailRequest {
            id: random::new_id(),
            purpose,
            email: check::email(email)?,
            client: context.client,
            created_at: context.at,
        };
        let limit = |scope, key, (burst, every_ms)| SharedLimit {
            scope,
            key,
            burst,
            every_ms,
        };
        let limits = if self.config.rate_limits {
            vec![
                limit(
                    "mail/address",
                    check::network_of(context.client),
                    PER_ADDRESS,
                ),
                limit("mail/email", self.email_key(&request.email), PER_EMAIL),
            ]
        } else {
            Vec::new()
        };
        match self.store.request_mail(&request, &limits).await? {
            None => Ok(()),
            Some(wait_ms) => Err(ServiceError::too_many_for(wait_ms)),
        }
    }

    /// Whether a wish waits to be looked into.
    ///
    /// # Errors
    /// What the database says.
    pub async fn has_mail_requests(&self) -> Result<bool> {
        Ok(!self.store.mail_requests(1).await?.is_empty())
    }

    /// Looks into wishes that came in.
    ///
    /// # Errors
    /// What the database says; [`ServiceError::Conflict`] when another server does this now.
    pub async fn answer_mail_requests(&self, lease: &Lease) -> Result<()> {
        for request in self.store.mail_requests(BATCH).await? {
            let user = self.store.user_by_email(&request.email).await?;
            let user = user.filter(|user| {
                user.is_active
                    && (request.purpose == TokenPurpose::NewPassword || !user.email_verified)
            });
            let grant = match user {
                None => None,
                Some(user) => {
                    let context = RequestContext {
                        client: request.client,
                        at: request.created_at,
                    };
                    let (token, mail) =
                        self.mailed_link(&user, request.purpose, self.clock.now())?;
                    let mut event = events::by_principal(
                        &context,
                        user.org_id,
                        Principal::User(user.id),
                        match request.purpose {
                            TokenPurpose::NewPassword => "auth.password_forgotten",
                            TokenPurpose::ProveEmail => "auth.verification_sent",
                        },
                        "user",
                        user.id,
                    );
                    // Anybody can ask for it.
                    "anonymous".clone_into(&mut event.actor_type);
                    event.actor_id.clear();
                    Some((token, mail, event))
                }
            };
            self.store
                .answer_mail_request(lease, request.id, grant)
                .await?;
        }
        Ok(())
    }

    /// A token for an account, and the mail that carries it.
    pub(super) fn mailed_link(
        &self,
        user: &User,
        purpose: TokenPurpose,
        at: Timestamp,
    ) -> Result<(MailedToken, NewMail)> {
        let token = self.keys.hasher().generate(TOKEN_PREFIX)?;
        let (letter, seconds) = match purpose {
            TokenPurpose::NewPassword => {
                let url = self.mail_url("reset-password", token.text.expose_secret());
                (letters::new_password(user, &url), PASSWORD_SECONDS)
            }
            TokenPurpose::ProveEmail => {
                let url = self.mail_url("verify-email", token.text.expose_secret());
                (letters::prove_email(user, &url), PROOF_SECONDS)
            }
        };
        let mail = self.compose(Some(user.org_id), at, &letter)?;
        let token = MailedToken {
            hash: token.hash.to_vec(),
            user_id: user.id,
            purpose,
            email: user.email.clone(),
            created_at: at,
            expires_at: at.plus_seconds(seconds),
        };
        Ok((token, mail))
    }

    fn mail_url(&self, page: &str, token: &str) -> String {
        format!("{}/{page}/{token}", self.config.public_url)
    }

    /// `POST /v1/auth/reset-password`: every session of the account ends.
    ///
    /// # Errors
    /// Names the field at fault: a token that is unknown, used or too old, or a weak password, which leaves the token good.
    pub async fn reset_password(
        &self,
        context: &RequestContext,
        request: &ResetPasswordRequest,
    ) -> Result<ResetPasswordResponse> {
        let (hash, user) = self
            .holder_of(context, &request.token, TokenPurpose::NewPassword)
            .await?;
        let secret = SecretString::from(request.new_password.as_str());
        password::check_strength(&secret).map_err(|e| ServiceError::field("new_password", e))?;
        let password_hash = self.hash_password(secret).await?;
        let event = events::by_principal(
            context,
            user.org_id,
            Principal::User(user.id),
            "auth.password_reset",
            "user",
            user.id,
        );
        match self
            .store
            .reset_password(&hash, &password_hash, event)
            .await
        {
            Err(StoreError::NotFound) => Err(bad_token()),
            other => Ok(other.map(|()| ResetPasswordResponse {
                message: "The new password is set. Sign in with it; every session has ended."
                    .to_owned(),
            })?),
        }
    }

    /// `POST /v1/auth/verify-email`: the address is proved, and its owner signed in.
    ///
    /// # Errors
    /// Names the token when it is unknown, used or too old.
    pub async fn verify_email(
        &self,
        context: &RequestContext,
        request: &VerifyEmailRequest,
    ) -> Result<TokenResponse> {
        let user = self.prove_email(context, &request.token).await?;
        self.check_address_of(context, user.org_id, Principal::User(user.id))
            .await?;
        if let Some(mfa_token) = self.challenge(context, &user).await? {
            return Ok(Self::code_wanted(mfa_token));
        }
        self.record_sign_in(context, &user, "mail").await?;
        self.open_session(context, &user, random::new_id()).await
    }

    /// Takes the address for proved that a token was mailed to.
    ///
    /// # Errors
    /// As [`Services::verify_email`].
    pub async fn prove_email(&self, context: &RequestContext, token: &str) -> Result<User> {
        let (hash, user) = self
            .holder_of(context, token, TokenPurpose::ProveEmail)
            .await?;
        let event = events::by_principal(
            context,
            user.org_id,
            Principal::User(user.id),
            "auth.email_verified",
            "user",
            user.id,
        );
        match self.store.prove_email(&hash, event).await {
            Err(StoreError::NotFound) => Err(bad_token()),
            other => Ok(other.map(|()| user)?),
        }
    }

    /// The account that a mailed token is for.
    async fn holder_of(
        &self,
        context: &RequestContext,
        token: &str,
        purpose: TokenPurpose,
    ) -> Result<([u8; 32], User)> {
        let hash = self.keys.hasher().hash(token.trim());
        let id = self
            .store
            .mailed_token(&hash, purpose, context.at)
            .await?
            .ok_or_else(bad_token)?;
        let user = self.store.user(id).await?.filter(|user| user.is_active);
        Ok((hash, user.ok_or_else(bad_token)?))
    }
}

fn bad_token() -> ServiceError {
    ServiceError::field(
        "token",
        "is unknown, was used already or is too old; ask for a new mail",
    )
}

fn sent(message: &str) -> MailLinkResponse {
    MailLinkResponse {
        message: message.to_owned(),
        status: "email_sent".to_owned(),
    }
}
