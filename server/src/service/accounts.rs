//! Human accounts: made, signed in, changed, removed.

use oneclaw_core::api::{
    ChangePasswordRequest, JoinRequest, LoginRequest, Profile, Sensitive, SignupRequest,
    SignupResponse, TokenResponse, UpdateProfileRequest,
};
use oneclaw_core::ids::{OrgId, UserId};
use oneclaw_core::principal::Principal;
use oneclaw_crypto::{password, random};
use oneclaw_store::{Org, Role, SignupRule, StoreError, TokenPurpose, User};
use secrecy::SecretString;
use serde_json::json;

use super::caller::{Caller, RequestContext};
use super::error::{Result, ServiceError};
use super::events::{self, EventExt};
use super::members::last_owner;
use super::step_up::Confirmation;
use super::{Services, check, time};
use crate::config::Signup;

const WRONG_LOGIN: ServiceError = ServiceError::Unauthenticated("Invalid credentials");

/// Longest password that is looked at; more would only buy hashing time.
const MAX_PASSWORD_BYTES: usize = 1024;

impl Services {
    /// `POST /v1/auth/signup`
    ///
    /// # Errors
    /// Names the field at fault; [`ServiceError::Conflict`] for an address in use; [`ServiceError::Forbidden`] where
    /// signing up is closed or the server is claimed.
    pub async fn sign_up(
        &self,
        context: &RequestContext,
        request: &SignupRequest,
    ) -> Result<SignupResponse> {
        if let Some(token) = request.invitation_token.as_ref().filter(|t| !t.is_empty()) {
            return self.sign_up_invited(context, request, token).await;
        }
        let rule = match self.config.signup {
            Signup::First => SignupRule::First,
            Signup::Open => SignupRule::Open,
            Signup::Closed => {
                return Err(ServiceError::Forbidden(
                    "signing up is closed on this server".to_owned(),
                ));
            }
        };
        let email = check::email(&request.email)?;
        let secret = SecretString::from(request.password.as_str());
        password::check_strength(&secret).map_err(|e| ServiceError::field("password", e))?;
        let display_name = match request
            .display_name
            .as_deref()
            .filter(|name| !name.trim().is_empty())
        {
            Some(name) => check::name("display_name", name)?,
            None => email.split('@').next().unwrap_or_default().to_owned(),
        };
        // Taken for good: also a successful signup counts against the address that makes accounts.
        let _taken = self
            .throttles
            .signup_by_address
            .attempt(&context.client.to_string(), context.at)?;
        let password_hash = self.hash_password(secret).await?;
        let org = Org {
            id: OrgId::from_uuid(random::new_id()),
            name: format!("{display_name}'s organisation"),
            created_at: context.at,
        };
        let user = User {
            id: UserId::from_uuid(random::new_id()),
            org_id: org.id,
            email: email.clone(),
            password_hash,
            display_name,
            role: Role::Owner,
            email_verified: false,
            marketing_emails: false,
            is_active: true,
            created_at: context.at,
        };
        let event = events::by_principal(
            context,
            org.id,
            Principal::User(user.id),
            "org.create",
            "org",
            org.id,
        );
        let must_prove = self.config.require_verified_email;
        let proof = if must_prove {
            Some(self.mailed_link(&user, TokenPurpose::ProveEmail, context.at)?)
        } else {
            None
        };
        match self
            .store
            .create_account_to_prove(&org, &user, event, rule, proof)
            .await
        {
            Err(StoreError::Conflict("claimed")) => {
                return Err(ServiceError::Forbidden(
                    "this server has been claimed by its first account; its owner can open signing up".to_owned(),
                ));
            }
            Err(StoreError::Conflict(_)) => {
                return Err(ServiceError::Conflict(
                    "an account with this email exists".to_owned(),
                ));
            }
            other => other?,
        }
        let token = if must_prove {
            None
        } else {
            Some(self.open_session(context, &user, random::new_id()).await?)
        };
        Ok(signed_up(&user, token))
    }

    /// Signing up with an invitation, whoever may sign up otherwise.
    async fn sign_up_invited(
        &self,
        context: &RequestContext,
        request: &SignupRequest,
        token: &Sensitive,
    ) -> Result<SignupResponse> {
        let email = check::email(&request.email)?;
        if self.open_invitation(context, token).await?.email != email {
            return Err(ServiceError::field(
                "email",
                "is not the address that the invitation was sent to",
            ));
        }
        let join = JoinRequest {
            invitation_token: token.clone(),
            password: request.password.clone(),
            display_name: request.display_name.clone(),
        };
        let user = self.join(context, &join).await?;
        let token = self.open_session(context, &user, random::new_id()).await?;
        Ok(signed_up(&user, Some(token)))
    }

    /// `POST /v1/auth/token`
    ///
    /// # Errors
    /// One [`ServiceError::Unauthenticated`], in the same time, for an unknown address and a wrong password.
    pub async fn log_in(
        &self,
        context: &RequestContext,
        request: &LoginRequest,
    ) -> Result<TokenResponse> {
        let user = self
            .prove_password(context, &request.email, &request.password)
            .await?;
        if let Some(mfa_token) = self.challenge(context, &user).await? {
            return Ok(Self::code_wanted(mfa_token));
        }
        self.record_sign_in(context, &user, "password").await?;
        self.open_session(context, &user, random::new_id()).await
    }

    /// The human with this address and password. Wrong guesses are slowed down and recorded.
    pub(super) async fn prove_password(
        &self,
        context: &RequestContext,
        email: &str,
        given: &str,
    ) -> Result<User> {
        let email = email.trim().to_lowercase();
        let by_address = self
            .throttles
            .login_by_address
            .attempt(&context.client.to_string(), context.at)?;
        let by_email = self.throttles.login_by_email.attempt(&email, context.at)?;
        let user = match check::email(&email) {
            Ok(email) => self.store.user_by_email(&email).await?,
            Err(_) => None,
        };
        let hash = user
            .as_ref()
            .map_or(password::DUMMY_HASH, |user| user.password_hash.as_str())
            .to_owned();
        let is_right = self.verify_password(given, hash).await?;
        let Some(user) = user else {
            return Err(WRONG_LOGIN);
        };
        if !is_right || !user.is_active {
            let principal = Principal::User(user.id);
            let event = events::by_principal(
                context,
                user.org_id,
                principal,
                "auth.failure",
                "user",
                user.id,
            )
            .with_details(json!({"method": "password"}));
            self.store.record(event).await?;
            return Err(WRONG_LOGIN);
        }
        by_address.succeeded();
        by_email.succeeded();
        if self.config.require_verified_email && !user.email_verified {
            return Err(ServiceError::Forbidden(
                "confirm your address first, with the link in the mail that you got; \
                 `POST /v1/auth/resend-verification` sends another one"
                    .to_owned(),
            ));
        }
        self.check_address_of(context, user.org_id, Principal::User(user.id))
            .await?;
        Ok(user)
    }

    /// `GET /v1/auth/me`
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`] for agents.
    pub async fn profile(&self, caller: &Caller) -> Result<Profile> {
        self.profile_of(caller.human()?).await
    }

    /// `PATCH /v1/auth/me`
    ///
    /// # Errors
    /// Names the field at fault.
    pub async fn update_profile(
        &self,
        context: &RequestContext,
        caller: &Caller,
        request: &UpdateProfileRequest,
    ) -> Result<Profile> {
        let mut user = caller.human()?.clone();
        if let Some(name) = &request.display_name {
            user.display_name = check::name("display_name", name)?;
        }
        if let Some(marketing) = request.marketing_emails {
            user.marketing_emails = marketing;
        }
        let event = events::by_caller(context, caller, "user.update", "user", user.id);
        self.store.update_user(&user, event).await?;
        self.profile_of(&user).await
    }

    /// `POST /v1/auth/change-password`: also ends every other way in that rests on the old password.
    ///
    /// # Errors
    /// Names the field at fault.
    pub async fn change_password(
        &self,
        context: &RequestContext,
        caller: &Caller,
        request: &ChangePasswordRequest,
    ) -> Result<()> {
        let mut user = caller.human()?.clone();
        self.confirm_password(
            &user,
            &request.current_password,
            context.at,
            "current_password",
        )
        .await?;
        let secret = SecretString::from(request.new_password.as_str());
        password::check_strength(&secret).map_err(|e| ServiceError::field("new_password", e))?;
        user.password_hash = self.hash_password(secret).await?;
        let event = events::by_caller(context, caller, "auth.password_change", "user", user.id);
        self.store.update_user(&user, event).await?;
        Ok(self.store.revoke_user_sessions(user.id, context.at).await?)
    }

    /// `DELETE /v1/auth/me`: the account of a human; the audit trail stays.
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`] without the right password in `confirmation`; [`ServiceError::Conflict`] while the
    /// last owner's organisation holds anything, and for the last one of those who run the server.
    pub async fn delete_account(
        &self,
        context: &RequestContext,
        caller: &Caller,
        confirmation: &Confirmation,
    ) -> Result<()> {
        let user = caller.human()?.clone();
        self.step_up(context, &user, confirmation).await?;
        let event = events::by_caller(context, caller, "org.member_delete", "user", user.id);
        match self.store.delete_user(user.id, event).await {
            Err(StoreError::Conflict("last owner")) => Err(last_owner()),
            Err(StoreError::Conflict("not empty")) => Err(ServiceError::Conflict(
                "the organisation still has vaults or agents; delete them first".to_owned(),
            )),
            Err(StoreError::Conflict("runs the server")) => Err(ServiceError::Conflict(
                "this is the last account of the organisation that runs the server; invite somebody who takes it over first"
                    .to_owned(),
            )),
            other => Ok(other?),
        }
    }

    pub(super) async fn hash_password(&self, secret: SecretString) -> Result<String> {
        let _slot = self.password_slot().await?;
        tokio::task::spawn_blocking(move || password::hash(&secret))
            .await
            .map_err(|e| ServiceError::Internal(e.to_string()))?
            .map_err(|e| ServiceError::Internal(e.to_string()))
    }

    pub(super) async fn verify_password(&self, given: &str, hash: String) -> Result<bool> {
        if given.len() > MAX_PASSWORD_BYTES {
            return Ok(false);
        }
        let given = SecretString::from(given.to_owned());
        let _slot = self.password_slot().await?;
        tokio::task::spawn_blocking(move || password::verify(&given, &hash))
            .await
            .map_err(|e| ServiceError::Internal(e.to_string()))
    }

    pub(super) async fn password_slot(&self) -> Result<tokio::sync::SemaphorePermit<'_>> {
        self.password_slots
            .acquire()
            .await
            .map_err(|e| ServiceError::Internal(e.to_string()))
    }

    async fn profile_of(&self, user: &User) -> Result<Profile> {
        Ok(Profile {
            id: user.id.to_string(),
            email: user.email.clone(),
            display_name: user.display_name.clone(),
            auth_method: "password".to_owned(),
            role: user.role.as_str().to_owned(),
            email_verified: user.email_verified,
            marketing_emails: user.marketing_emails,
            totp_enabled: self.has_second_factor(user).await?,
            created_at: time::format(user.created_at),
            org_id: user.org_id.to_string(),
            billing_tier: "self_hosted".to_owned(),
        })
    }
}

/// Without a token the address has to be proved first.
fn signed_up(user: &User, token: Option<TokenResponse>) -> SignupResponse {
    let mut response = SignupResponse {
        message: "Account created. Confirm your address with the link in the mail, then sign in"
            .to_owned(),
        email: user.email.clone(),
        access_token: None,
        token_type: None,
        expires_in: None,
        refresh_token: None,
        user_id: user.id.to_string(),
        org_id: user.org_id.to_string(),
    };
    if let Some(token) = token {
        "Account created".clone_into(&mut response.message);
        response.access_token = Some(token.access_token);
        response.token_type = Some(token.token_type);
        response.expires_in = Some(token.expires_in);
        response.refresh_token = token.refresh_token;
    }
    response
}
