//! Humans in front of a browser: a session that a cookie names and the database holds, and tokens that bind a form to it.

use oneclaw_core::api::{JoinRequest, Sensitive};
use oneclaw_core::principal::Principal;
use oneclaw_crypto::compare;
use oneclaw_store::User;
use secrecy::ExposeSecret;
use serde_json::json;

use super::Services;
use super::caller::{Caller, Identity, RequestContext};
use super::error::Result;
use super::events::{self, EventExt};

/// Begins the cookie of a session.
const SESSION_PREFIX: &str = "1bs_";
/// Begins the cookie of a browser that nobody has signed in with yet.
const VISIT_PREFIX: &str = "1bv_";
/// How long a sign-in by browser lasts, in seconds: 12 hours. Arbitrary: a working day.
pub const SESSION_SECONDS: u32 = 12 * 3600;

/// A sign-in by browser that was just made. Its cookie exists nowhere else.
pub struct BrowserSession {
    /// What the browser keeps.
    pub cookie: Sensitive,
    /// Until when it counts, in seconds from now.
    pub seconds: u64,
}

/// What becomes of a right password.
#[derive(Debug)]
pub enum BrowserSignIn {
    /// Signed in.
    Entered(BrowserSession),
    /// The account has a second factor: this token and a code are the other half.
    CodeWanted(Sensitive),
}

impl std::fmt::Debug for BrowserSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BrowserSession")
            .field("seconds", &self.seconds)
            .finish_non_exhaustive()
    }
}

impl Services {
    /// Signs a human in by browser with address and password.
    ///
    /// # Errors
    /// Those of [`Services::log_in`].
    pub async fn browser_sign_in(
        &self,
        context: &RequestContext,
        email: &str,
        password: &str,
    ) -> Result<BrowserSignIn> {
        let user = self.prove_password(context, email, password).await?;
        if let Some(token) = self.challenge(context, &user).await? {
            return Ok(BrowserSignIn::CodeWanted(Sensitive::new(token)));
        }
        let session = self
            .open_browser_session(context, &user, "password")
            .await?;
        Ok(BrowserSignIn::Entered(session))
    }

    /// Makes the account that an invitation is for, and signs it in.
    ///
    /// # Errors
    /// Those of [`Services::join`].
    pub async fn browser_join(
        &self,
        context: &RequestContext,
        request: &JoinRequest,
    ) -> Result<BrowserSession> {
        let user = self.join(context, request).await?;
        self.open_browser_session(context, &user, "invitation")
            .await
    }

    /// A session for a human who has just proved to be one.
    pub(super) async fn open_browser_session(
        &self,
        context: &RequestContext,
        user: &User,
        method: &str,
    ) -> Result<BrowserSession> {
        let key = self.keys.hasher().generate(SESSION_PREFIX)?;
        let principal = Principal::User(user.id);
        let event = events::by_principal(
            context,
            user.org_id,
            principal,
            "auth.success",
            "user",
            user.id,
        )
        .with_details(json!({"method": method, "by": "browser"}));
        self.store
            .put_browser_session(
                &key.hash,
                user.id,
                context.at.plus_seconds(SESSION_SECONDS.into()),
                event,
            )
            .await?;
        Ok(BrowserSession {
            cookie: Sensitive::new(key.text.expose_secret().to_owned()),
            seconds: SESSION_SECONDS.into(),
        })
    }

    /// Who shows this cookie; nobody if it is not of a session, or of one that has ended. The record is read afresh.
    ///
    /// # Errors
    /// [`super::error::ServiceError::Forbidden`] at an address that the IP rules do not allow; what the database says.
    pub async fn browser_caller(
        &self,
        context: &RequestContext,
        cookie: &str,
    ) -> Result<Option<Caller>> {
        if !cookie.starts_with(SESSION_PREFIX) {
            return Ok(None);
        }
        let hash = self.keys.hasher().hash(cookie);
        let found = self.store.browser_session(&hash, context.at).await?;
        let Some((user, standing)) = found.filter(|(user, _)| user.is_active) else {
            return Ok(None);
        };
        let principal = Principal::User(user.id);
        self.check_address(context, user.org_id, principal, standing.ip_rules_revision)
            .await?;
        Ok(Some(Caller {
            identity: Identity::Human(Box::new(user)),
            token: None,
        }))
    }

    /// Ends the session of this cookie, on every node at once.
    ///
    /// # Errors
    /// What the database says.
    pub async fn browser_sign_out(
        &self,
        context: &RequestContext,
        caller: &Caller,
        cookie: &str,
    ) -> Result<()> {
        let hash = self.keys.hasher().hash(cookie);
        let user = caller.principal().uuid();
        let event = events::by_caller(context, caller, "auth.logout", "user", user);
        Ok(self.store.end_browser_session(&hash, event).await?)
    }

    /// A cookie for a browser that nobody has signed in with: forms for strangers are bound to it.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn new_visit(&self) -> Result<Sensitive> {
        let key = self.keys.hasher().generate(VISIT_PREFIX)?;
        Ok(Sensitive::new(key.text.expose_secret().to_owned()))
    }

    /// What every form carries so that no other site can send it: it follows from the cookie, and only the server can
    /// work it out.
    pub fn form_token(&self, cookie: &str) -> String {
        let hash = self.keys.hasher().hash(&format!("form/{cookie}"));
        hex::encode(hash)
    }

    /// Whether a form was made for the browser with this cookie.
    pub fn is_form_token(&self, cookie: &str, given: &str) -> bool {
        compare::equal(&self.form_token(cookie), given)
    }
}
