//! Programs without a browser that a human signs in with one (RFC 8628).

use oneclaw_core::api::{
    DeviceCodeRequest, DeviceCodeResponse, DeviceDecisionRequest, DeviceLoginStatus,
    DeviceTokenRequest, DeviceTokenResponse,
};
use oneclaw_core::clock::Timestamp;
use oneclaw_core::principal::Principal;
use oneclaw_crypto::random;
use oneclaw_store::{DeviceLogin, DevicePoll, DeviceState, StoreError};
use secrecy::ExposeSecret;
use serde_json::json;

use super::caller::{Caller, RequestContext};
use super::error::{Result, ServiceError};
use super::events::{self, EventExt};
use super::{Services, check};

/// How long a human has to approve, in seconds.
const WAIT_SECONDS: u32 = 600;
/// How long a program waits between two questions, in seconds.
const INTERVAL_SECONDS: u64 = 5;
/// How long the token of a program lasts, in seconds: a day.
pub const TOKEN_SECONDS: u64 = 86_400;

const DEVICE_PREFIX: &str = "1dc_";
const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// How often a code for the human is drawn anew because it is in use.
const DRAWS: usize = 5;

const UNKNOWN_CODE: ServiceError =
    ServiceError::NotFound("no program waits under this code; it may have expired");

/// What a human says to a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It acts as the human from now on.
    Approve,
    /// It does not.
    Deny,
}

impl Services {
    /// `POST /v1/auth/device/code`
    ///
    /// # Errors
    /// Names the field at fault; [`ServiceError::TooManyRequests`].
    pub async fn begin_device_login(
        &self,
        context: &RequestContext,
        request: &DeviceCodeRequest,
    ) -> Result<DeviceCodeResponse> {
        let client_id = check::name("client_id", &request.client_id)?;
        let email = match request.email.as_deref().filter(|email| !email.is_empty()) {
            Some(email) => Some(check::email(email)?),
            None => None,
        };
        // Taken for good: each login that is begun is kept for ten minutes.
        let _taken = self
            .throttles
            .device_login_by_address
            .attempt(&context.client.to_string(), context.at)?;
        let device = self.keys.hasher().generate(DEVICE_PREFIX)?;
        let mut login = DeviceLogin {
            user_code: String::new(),
            client_id,
            email,
            ip: context.client,
            state: DeviceState::Waiting,
            user_id: None,
            created_at: context.at,
            expires_at: context.at.plus_seconds(WAIT_SECONDS.into()),
        };
        let interval_ms = i64::try_from(INTERVAL_SECONDS * 1000).unwrap_or(i64::MAX);
        for _ in 0..DRAWS {
            random::user_code()?.clone_into(&mut login.user_code);
            let stored = self
                .store
                .put_device_login(&device.hash, &login, interval_ms)
                .await;
            match stored {
                Err(StoreError::Conflict("user_code")) => continue,
                Err(StoreError::Conflict("device logins")) => {
                    return Err(ServiceError::TooManyRequests {
                        retry_after_seconds: 60,
                    });
                }
                other => other?,
            }
            let user_code = spaced(&login.user_code);
            let page = format!("{}/cli/verify", self.config.public_url);
            return Ok(DeviceCodeResponse {
                device_code: device.text.expose_secret().to_owned(),
                verification_uri_complete: format!("{page}?code={user_code}"),
                verification_uri: page,
                user_code,
                expires_in: WAIT_SECONDS.into(),
                interval: INTERVAL_SECONDS,
            });
        }
        Err(ServiceError::Internal(
            "no code that is not in use was drawn".to_owned(),
        ))
    }

    /// `POST /v1/auth/device/token`: how it stands. What has ended is an answer and no error, for programs go on asking
    /// after an error.
    ///
    /// # Errors
    /// What the database says.
    pub async fn device_token(
        &self,
        context: &RequestContext,
        request: &DeviceTokenRequest,
    ) -> Result<DeviceTokenResponse> {
        if request.grant_type != GRANT_TYPE {
            return Ok(answer("unsupported_grant_type"));
        }
        let hash = self.keys.hasher().hash(&request.device_code);
        let user = match self.store.poll_device_login(&hash, context.at).await? {
            DevicePoll::Unknown => return Ok(answer("expired_token")),
            DevicePoll::Waiting => return Ok(answer("authorization_pending")),
            DevicePoll::TooSoon => return Ok(answer("slow_down")),
            DevicePoll::Denied => return Ok(answer("access_denied")),
            DevicePoll::Approved(user) => self.store.user(user).await?,
        };
        let Some(user) = user.filter(|user| user.is_active) else {
            return Ok(answer("access_denied"));
        };
        let principal = Principal::User(user.id);
        if let Err(refusal) = self.check_address_of(context, user.org_id, principal).await {
            return match refusal {
                ServiceError::Forbidden(_) => Ok(answer("access_denied")),
                other => Err(other),
            };
        }
        let event = events::by_principal(
            context,
            user.org_id,
            principal,
            "auth.success",
            "user",
            user.id,
        )
        .with_details(json!({"method": "device"}));
        match self.store.take_device_login(&hash, event).await {
            Err(StoreError::NotFound) => return Ok(answer("expired_token")),
            other => other?,
        }
        let token = self.issue_user_token(&user, context.at, TOKEN_SECONDS, None)?;
        Ok(DeviceTokenResponse {
            error: None,
            access_token: Some(token.access_token),
            token_type: Some(token.token_type),
            expires_in: Some(token.expires_in),
            email: Some(user.email),
            user_id: Some(user.id.to_string()),
            org_id: Some(user.org_id.to_string()),
        })
    }

    /// `GET /v1/auth/device/code/{user_code}`
    ///
    /// # Errors
    /// [`ServiceError::NotFound`]; [`ServiceError::TooManyRequests`] for who tries many.
    pub async fn device_login_status(
        &self,
        context: &RequestContext,
        user_code: &str,
    ) -> Result<DeviceLoginStatus> {
        let login = self.device_login(context, user_code).await?;
        Ok(DeviceLoginStatus {
            user_code: spaced(&login.user_code),
            status: login.state.as_str().to_owned(),
            expires_in: seconds_between(context.at, login.expires_at),
            client_id: login.client_id,
        })
    }

    /// The program that waits under a code. Codes that nothing waits under count as guesses.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`]; [`ServiceError::TooManyRequests`].
    pub async fn device_login(
        &self,
        context: &RequestContext,
        user_code: &str,
    ) -> Result<DeviceLogin> {
        let attempt = self
            .throttles
            .device_code_by_address
            .attempt(&context.client.to_string(), context.at)?;
        let code = bare(user_code).ok_or(UNKNOWN_CODE)?;
        let login = self.store.device_login(&code, context.at).await?;
        let login = login.ok_or(UNKNOWN_CODE)?;
        attempt.succeeded();
        Ok(login)
    }

    /// `POST /v1/auth/device/approve` and `…/deny`
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`] for agents; [`ServiceError::NotFound`]; [`ServiceError::Conflict`] when it has been
    /// decided, or was asked for by another account's address.
    pub async fn decide_device_login(
        &self,
        context: &RequestContext,
        caller: &Caller,
        request: &DeviceDecisionRequest,
        decision: Decision,
    ) -> Result<DeviceLoginStatus> {
        let user = caller.human()?;
        let mut login = self.device_login(context, &request.user_code).await?;
        if let Some(email) = login.email.as_deref().filter(|email| *email != user.email) {
            return Err(ServiceError::Conflict(format!(
                "the program asks for the account `{email}`, and you have signed in with another one"
            )));
        }
        let (state, action) = match decision {
            Decision::Approve => (DeviceState::Approved, "auth.device_approve"),
            Decision::Deny => (DeviceState::Denied, "auth.device_deny"),
        };
        let event = events::by_caller(
            context,
            caller,
            action,
            "device_login",
            spaced(&login.user_code),
        )
        .with_details(json!({"client_id": login.client_id, "asked_from": login.ip.to_string()}));
        let decided = self
            .store
            .decide_device_login(&login.user_code, user.id, state, event)
            .await;
        match decided {
            Err(StoreError::NotFound) => {
                return Err(ServiceError::Conflict(
                    "this login has been decided already".to_owned(),
                ));
            }
            other => other?,
        }
        login.state = state;
        Ok(DeviceLoginStatus {
            user_code: spaced(&login.user_code),
            status: state.as_str().to_owned(),
            expires_in: seconds_between(context.at, login.expires_at),
            client_id: login.client_id,
        })
    }
}

fn answer(error: &str) -> DeviceTokenResponse {
    DeviceTokenResponse {
        error: Some(error.to_owned()),
        ..DeviceTokenResponse::default()
    }
}

/// `ABCDEFGH` as humans read it.
pub fn spaced(code: &str) -> String {
    match code.split_at_checked(code.len() / 2) {
        Some((left, right)) => format!("{left}-{right}"),
        None => code.to_owned(),
    }
}

/// What a human typed, as it is stored, if it can be a code at all.
fn bare(typed: &str) -> Option<String> {
    if typed.len() > 64 {
        return None;
    }
    let code: String = typed
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .map(|c| c.to_ascii_uppercase())
        .collect();
    random::is_user_code(&code).then_some(code)
}

fn seconds_between(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.as_seconds().saturating_sub(from.as_seconds())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_as_humans_write_them() {
        for typed in ["BCDF-GHJK", "bcdfghjk", " bcdf ghjk ", "B-C-D-F-G-H-J-K"] {
            assert_eq!(bare(typed).as_deref(), Some("BCDFGHJK"), "{typed}");
        }
        for typed in [
            "",
            "BCDF",
            "BCDF-GHJA",
            "BCDF-GHJKL",
            "BCDF-GHJ1",
            &"B".repeat(100),
        ] {
            assert_eq!(bare(typed), None, "{typed}");
        }
        assert_eq!(spaced("BCDFGHJK"), "BCDF-GHJK");
    }
}
