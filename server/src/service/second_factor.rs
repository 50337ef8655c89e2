//! The second factor of humans: codes that change with time, and recovery codes for when the device is lost.

use oneclaw_core::api::{
    AuthSettings, MfaDisableRequest, MfaSetup, MfaStatus, MfaVerifyRequest, RecoveryCodes,
    TokenResponse, UpdateAuthSettingsRequest, UpdateProfileRequest,
};
use oneclaw_core::principal::Principal;
use oneclaw_crypto::random;
use oneclaw_crypto::totp::{SharedSecret, TotpError};
use oneclaw_store::{NewEvent, ProofKind, StoreError, User};
use secrecy::ExposeSecret;
use serde_json::json;

use super::Services;
use super::browser::BrowserSession;
use super::caller::{Caller, RequestContext};
use super::error::{Result, ServiceError};
use super::events::{self, EventExt};
use super::settings;
use super::step_up::Confirmation;

/// Recovery codes of an account.
const RECOVERY_CODES: usize = 8;
/// How long a code may take after the password, in seconds.
const CHALLENGE_SECONDS: u32 = 300;
/// Wrong codes after one password.
const CHALLENGE_GUESSES: i64 = 5;
/// Begins the token between password and code.
const CHALLENGE_PREFIX: &str = "1mf_";
/// Longest code that is looked at.
const MAX_CODE_BYTES: usize = 64;

const BAD_CHALLENGE: ServiceError = ServiceError::Unauthenticated(
    "the sign-in has expired or was tried too often; begin again with the password",
);
const WRONG_CODE: ServiceError =
    ServiceError::Unauthenticated("the code is not right, or was used before");

impl From<TotpError> for ServiceError {
    fn from(error: TotpError) -> Self {
        Self::Internal(error.to_string())
    }
}

impl Services {
    /// The second factor that signing in asks for, if one is set up.
    pub(super) async fn second_factor(&self, user: &User) -> Result<Option<SharedSecret>> {
        match self.store.second_factor(user.id).await? {
            Some(factor) if factor.confirmed_at.is_some() => {
                Ok(Some(self.unseal_factor(user, &factor.sealed_secret)?))
            }
            _ => Ok(None),
        }
    }

    fn unseal_factor(&self, user: &User, sealed: &[u8]) -> Result<SharedSecret> {
        let secret = self.keys.unseal(&factor_label(user), sealed)?;
        Ok(SharedSecret::from_bytes(secret))
    }

    /// Whether this is a code of the account that was not used before; it is used up. Wrong ones run out, and are recorded.
    pub(super) async fn is_code_of(
        &self,
        context: &RequestContext,
        user: &User,
        factor: &SharedSecret,
        code: &str,
    ) -> Result<bool> {
        let attempt = self
            .throttles
            .code_by_user
            .attempt(&user.id.to_string(), context.at)?;
        let code: String = code
            .chars()
            .take(MAX_CODE_BYTES)
            .filter(|c| !c.is_whitespace() && *c != '-')
            .collect();
        let is_right = match factor.step_of(&code, context.at.as_seconds())? {
            Some(step) => {
                let event = used(context, user, "totp");
                self.store.take_totp_step(user.id, step, event).await?
            }
            None => {
                let hash = self.recovery_hash(user, &code);
                let event = used(context, user, "recovery_code");
                self.store.take_recovery_code(user.id, &hash, event).await?
            }
        };
        if is_right {
            attempt.succeeded();
        } else {
            let event = of_user(context, user, "auth.failure")
                .with_details(json!({"method": "second_factor"}));
            self.store.record(event).await?;
        }
        Ok(is_right)
    }

    /// Recovery codes have 80 random bits, so a keyed hash protects them as it does keys.
    fn recovery_hash(&self, user: &User, code: &str) -> [u8; 32] {
        let text = format!("recovery/{}/{}", user.id, code.to_ascii_lowercase());
        self.keys.hasher().hash(&text)
    }

    /// A token between password and code, if the account asks for one.
    pub(super) async fn challenge(
        &self,
        context: &RequestContext,
        user: &User,
    ) -> Result<Option<String>> {
        if self.second_factor(user).await?.is_none() {
            return Ok(None);
        }
        let token = self.keys.hasher().generate(CHALLENGE_PREFIX)?;
        self.store
            .put_proof(
                &token.hash,
                ProofKind::Challenge,
                user.id,
                CHALLENGE_GUESSES,
                context.at.plus_seconds(CHALLENGE_SECONDS.into()),
            )
            .await?;
        Ok(Some(token.text.expose_secret().to_owned()))
    }

    /// The answer to a right password of an account that asks for a code as well.
    pub(super) fn code_wanted(mfa_token: String) -> TokenResponse {
        TokenResponse {
            access_token: String::new(),
            token_type: "Bearer".to_owned(),
            expires_in: CHALLENGE_SECONDS.into(),
            refresh_token: None,
            user_id: None,
            agent_id: None,
            vault_ids: None,
            mfa_required: Some(true),
            mfa_token: Some(mfa_token),
        }
    }

    /// The human who has shown the password before and shows a code now.
    async fn answer_challenge(
        &self,
        context: &RequestContext,
        mfa_token: &str,
        code: &str,
    ) -> Result<User> {
        let by_address = self
            .throttles
            .login_by_address
            .attempt(&context.client.to_string(), context.at)?;
        let hash = self.keys.hasher().hash(mfa_token);
        let user = self
            .store
            .guess_with_proof(&hash, ProofKind::Challenge, context.at)
            .await?
            .ok_or(BAD_CHALLENGE)?;
        let user = self.store.user(user).await?;
        let user = user.filter(|user| user.is_active).ok_or(BAD_CHALLENGE)?;
        let factor = self.second_factor(&user).await?.ok_or(BAD_CHALLENGE)?;
        if !self.is_code_of(context, &user, &factor, code).await? {
            return Err(WRONG_CODE);
        }
        by_address.succeeded();
        self.check_address_of(context, user.org_id, Principal::User(user.id))
            .await?;
        // Of two that answer at the same time with two good codes, one gets in.
        self.store
            .take_proof(&hash, ProofKind::Challenge, context.at)
            .await?
            .ok_or(BAD_CHALLENGE)?;
        Ok(user)
    }

    /// `POST /v1/auth/mfa/verify`
    ///
    /// # Errors
    /// [`ServiceError::Unauthenticated`] for a token that does not count any more and for a wrong code;
    /// [`ServiceError::TooManyRequests`] after too many wrong ones.
    pub async fn verify_second_factor(
        &self,
        context: &RequestContext,
        request: &MfaVerifyRequest,
    ) -> Result<TokenResponse> {
        let user = self
            .answer_challenge(context, &request.mfa_token, &request.code)
            .await?;
        self.record_sign_in(context, &user, "password+code").await?;
        self.open_session(context, &user, random::new_id()).await
    }

    /// The second half of signing in by browser.
    ///
    /// # Errors
    /// As [`Services::verify_second_factor`].
    pub async fn browser_verify(
        &self,
        context: &RequestContext,
        mfa_token: &str,
        code: &str,
    ) -> Result<BrowserSession> {
        let user = self.answer_challenge(context, mfa_token, code).await?;
        self.open_browser_session(context, &user, "password+code")
            .await
    }

    /// `GET /v1/auth/mfa/status`
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`] for agents.
    pub async fn second_factor_status(&self, caller: &Caller) -> Result<MfaStatus> {
        let user = caller.human()?;
        Ok(MfaStatus {
            enabled: self.has_second_factor(user).await?,
            recovery_codes_left: self.recovery_codes_left(user).await?,
        })
    }

    /// Whether signing in asks for a code.
    pub(super) async fn has_second_factor(&self, user: &User) -> Result<bool> {
        let factor = self.store.second_factor(user.id).await?;
        Ok(factor.is_some_and(|factor| factor.confirmed_at.is_some()))
    }

    async fn recovery_codes_left(&self, user: &User) -> Result<u64> {
        let left = self.store.recovery_codes_left(user.id).await?;
        Ok(u64::try_from(left).unwrap_or_default())
    }

    /// `POST /v1/auth/mfa/setup`: a fresh secret, which counts once a code was shown.
    ///
    /// # Errors
    /// [`ServiceError::Conflict`] while one is set up.
    pub async fn begin_second_factor(
        &self,
        context: &RequestContext,
        caller: &Caller,
    ) -> Result<MfaSetup> {
        let user = caller.human()?;
        let secret = SharedSecret::generate()?;
        let sealed = self.keys.seal(&factor_label(user), secret.as_bytes())?;
        let event = events::by_caller(context, caller, "mfa.setup", "user", user.id);
        match self
            .store
            .begin_second_factor(user.id, &sealed, event)
            .await
        {
            Err(StoreError::Conflict(_)) => {
                return Err(ServiceError::Conflict(
                    "a second factor is set up already; remove it first".to_owned(),
                ));
            }
            other => other?,
        }
        Ok(MfaSetup {
            otpauth_uri: secret.to_uri(&user.email)?.to_string(),
            secret: secret.to_base32()?.to_string(),
        })
    }

    /// `POST /v1/auth/mfa/verify-setup`: from now on signing in asks for codes.
    ///
    /// # Errors
    /// [`ServiceError::Invalid`] for a wrong code; [`ServiceError::Conflict`] when there is nothing to be confirmed.
    pub async fn confirm_second_factor(
        &self,
        context: &RequestContext,
        caller: &Caller,
        code: &str,
    ) -> Result<RecoveryCodes> {
        let user = caller.human()?;
        let nothing = || {
            ServiceError::Conflict(
                "there is no second factor to be confirmed; begin with POST /v1/auth/mfa/setup"
                    .to_owned(),
            )
        };
        let factor = self.store.second_factor(user.id).await?;
        let factor = factor
            .filter(|factor| factor.confirmed_at.is_none())
            .ok_or_else(nothing)?;
        let secret = self.unseal_factor(user, &factor.sealed_secret)?;
        let attempt = self
            .throttles
            .code_by_user
            .attempt(&user.id.to_string(), context.at)?;
        let step = secret
            .step_of(code.trim(), context.at.as_seconds())?
            .ok_or_else(|| {
                ServiceError::field(
                    "code",
                    "is not the code that the device shows; check the device's clock",
                )
            })?;
        attempt.succeeded();
        let codes = (0..RECOVERY_CODES)
            .map(|_| random::recovery_code())
            .collect::<std::result::Result<Vec<_>, _>>()?;
        let hashes: Vec<Vec<u8>> = codes
            .iter()
            .map(|code| self.recovery_hash(user, &code.replace('-', "")).to_vec())
            .collect();
        let event = events::by_caller(context, caller, "mfa.enable", "user", user.id);
        let confirmed = self
            .store
            .confirm_second_factor(user.id, &factor.sealed_secret, step, &hashes, event)
            .await;
        match confirmed {
            Err(StoreError::NotFound) => return Err(nothing()),
            other => other?,
        }
        Ok(RecoveryCodes {
            recovery_codes: codes.iter().map(|code| code.to_string()).collect(),
        })
    }

    /// `DELETE /v1/auth/mfa`: with a code, with a token that confirms, or with the password where a setting allows it.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] when there is none; [`ServiceError::Forbidden`] without the right proof.
    pub async fn remove_second_factor(
        &self,
        context: &RequestContext,
        caller: &Caller,
        request: &MfaDisableRequest,
        confirmation: &Confirmation,
    ) -> Result<()> {
        let user = caller.human()?;
        let factor = self
            .second_factor(user)
            .await?
            .ok_or(ServiceError::NotFound("no second factor is set up"))?;
        let code = request.code.as_ref().filter(|code| !code.is_empty());
        let password = request.password.as_ref().filter(|text| !text.is_empty());
        let proved = match (code, password) {
            (Some(code), _) => {
                if self.is_code_of(context, user, &factor, code).await? {
                    Ok(())
                } else {
                    Err(ServiceError::Forbidden(
                        "code: is not right, or was used before".to_owned(),
                    ))
                }
            }
            (None, Some(password)) if self.is_on(settings::MFA_DISABLE_WITH_PASSWORD).await? => {
                self.confirm_password(user, password, context.at, "password")
                    .await
            }
            (None, Some(_)) => Err(ServiceError::Forbidden(
                "the password alone does not remove a second factor; send `code`".to_owned(),
            )),
            (None, None) if confirmation.confirm.is_some() => {
                self.step_up(context, user, confirmation).await
            }
            (None, None) => Err(ServiceError::Forbidden(
                "send a `code` of the second factor, or a recovery code".to_owned(),
            )),
        };
        if let Err(refusal) = proved {
            if matches!(refusal, ServiceError::Forbidden(_)) {
                let about = ("user", user.id.to_string());
                self.record_unconfirmed(context, caller, "mfa.disable", about, confirmation)
                    .await?;
            }
            return Err(refusal);
        }
        let event = events::by_caller(context, caller, "mfa.disable", "user", user.id);
        Ok(self.store.remove_second_factor(user.id, event).await?)
    }

    /// `GET /v1/auth/settings`
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`] for agents.
    pub async fn auth_settings(&self, caller: &Caller) -> Result<AuthSettings> {
        let user = caller.human()?;
        self.settings_of(user).await
    }

    /// `PATCH /v1/auth/settings`
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`] for agents.
    pub async fn update_auth_settings(
        &self,
        context: &RequestContext,
        caller: &Caller,
        request: &UpdateAuthSettingsRequest,
    ) -> Result<AuthSettings> {
        let mut user = caller.human()?.clone();
        if let Some(marketing) = request.marketing_emails {
            let change = UpdateProfileRequest {
                display_name: None,
                marketing_emails: Some(marketing),
            };
            self.update_profile(context, caller, &change).await?;
            user.marketing_emails = marketing;
        }
        self.settings_of(&user).await
    }

    async fn settings_of(&self, user: &User) -> Result<AuthSettings> {
        Ok(AuthSettings {
            auth_method: "password".to_owned(),
            mfa_enabled: self.has_second_factor(user).await?,
            recovery_codes_left: self.recovery_codes_left(user).await?,
            mfa_disable_with_password: self.is_on(settings::MFA_DISABLE_WITH_PASSWORD).await?,
            marketing_emails: user.marketing_emails,
        })
    }
}

fn factor_label(user: &User) -> String {
    format!("oneclaw/second-factor/{}", user.id)
}

fn of_user(context: &RequestContext, user: &User, action: &str) -> NewEvent {
    let principal = Principal::User(user.id);
    events::by_principal(context, user.org_id, principal, action, "user", user.id)
}

fn used(context: &RequestContext, user: &User, method: &str) -> NewEvent {
    of_user(context, user, "mfa.code_used").with_details(json!({"method": method}))
}
