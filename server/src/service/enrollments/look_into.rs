//! What comes after the answer: whether there is an account with the address, and who is told.

use oneclaw_core::api::CreateAgentRequest;
use oneclaw_store::{Enrollment, EnrollmentDecision, Lease, User};
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::super::Services;
use super::super::agents::keys::Admission;
use super::super::caller::{Caller, RequestContext};
use super::super::error::{Result, ServiceError};
use super::super::events::{self, EventExt as _};
use super::letters;
use crate::config::EnrollmentMode;

/// Enrolments in one look.
const BATCH: i64 = 50;

impl Services {
    /// Whether an enrolment waits to be looked into.
    ///
    /// # Errors
    /// What the database says.
    pub async fn has_received_enrollments(&self) -> Result<bool> {
        Ok(!self.store.received_enrollments(1).await?.is_empty())
    }

    /// Looks into enrolments that came in.
    ///
    /// # Errors
    /// What the database says; [`ServiceError::Conflict`] when another server does this now.
    pub async fn look_into_enrollments(&self, lease: &Lease) -> Result<()> {
        for enrollment in self.store.received_enrollments(BATCH).await? {
            self.look_into(lease, &enrollment).await?;
        }
        Ok(())
    }

    async fn look_into(&self, lease: &Lease, enrollment: &Enrollment) -> Result<()> {
        let user = match &enrollment.human_email {
            Some(email) => self.store.user_by_email(email).await?,
            None => None,
        };
        let user = user.filter(|user| user.is_active && enrollment.expires_at > self.clock.now());
        let looked = match (user, self.config.enrollment) {
            (None, _) => self
                .store
                .leave_enrollment(lease, enrollment.id)
                .await
                .map_err(ServiceError::from),
            (Some(user), EnrollmentMode::Auto) => {
                match self.let_in(enrollment, user.clone()).await {
                    // The human can make room, and decide then.
                    Err(ServiceError::LimitReached(_)) => self.ask(lease, enrollment, &user).await,
                    other => other,
                }
            }
            (Some(user), EnrollmentMode::Approval | EnrollmentMode::Off) => {
                self.ask(lease, enrollment, &user).await
            }
        };
        match looked {
            // It was decided in the meantime.
            Err(ServiceError::NotFound(_)) => Ok(()),
            // Whatever is wrong with this one must not keep the others waiting.
            Err(error @ (ServiceError::Invalid { .. } | ServiceError::Internal(_))) => {
                tracing::error!(enrollment = %enrollment.id, %error, "enrolment {} is left out", enrollment.id);
                Ok(self.store.leave_enrollment(lease, enrollment.id).await?)
            }
            other => other,
        }
    }

    /// Asks the human to decide.
    async fn ask(&self, lease: &Lease, enrollment: &Enrollment, user: &User) -> Result<()> {
        let sealed = enrollment.sealed_token.as_deref().unwrap_or_default();
        let token = self
            .keys
            .links()
            .open(enrollment.id.as_uuid().as_bytes(), sealed)
            .map_err(|e| ServiceError::Internal(e.to_string()))?;
        let url = self.enrollment_url(&String::from_utf8_lossy(&token));
        let letter = letters::asks_to_be_let_in(user, enrollment, &url);
        let mail = self.compose(Some(user.org_id), self.clock.now(), &letter)?;
        let event = oneclaw_store::NewEvent {
            actor_type: "anonymous".to_owned(),
            actor_id: String::new(),
            ..events::by_principal(
                &context_of(enrollment),
                user.org_id,
                oneclaw_core::principal::Principal::User(user.id),
                "agent.enroll",
                "enrollment",
                enrollment.id,
            )
        }
        .with_details(json!({"name": enrollment.name, "human_email": enrollment.human_email}));
        Ok(self
            .store
            .offer_enrollment(lease, enrollment.id, user.org_id, &[mail], event)
            .await?)
    }

    /// Lets the agent in without asking, and mails its key.
    async fn let_in(&self, enrollment: &Enrollment, user: User) -> Result<()> {
        let context = RequestContext {
            at: self.clock.now(),
            ..context_of(enrollment)
        };
        let to = user.clone();
        let caller = Caller::of_account(user);
        let draft = self
            .draft_agent(&context, &caller, request_of(enrollment))
            .await?;
        let letter = letters::was_let_in(
            &to,
            enrollment,
            &draft.agent,
            draft.key.text.expose_secret(),
        );
        let mail = self.compose(Some(to.org_id), context.at, &letter)?;
        let admission = Admission {
            decision: EnrollmentDecision {
                id: enrollment.id,
                org_id: to.org_id,
                by: to.id,
                at: context.at,
            },
            mails: &[mail],
        };
        match self
            .insert_agent(&context, &caller, &draft, Some(&admission))
            .await
        {
            // It was decided in the meantime.
            Err(ServiceError::Conflict(_)) => Ok(()),
            other => other,
        }
    }
}

/// The circumstances under which the agent asked.
fn context_of(enrollment: &Enrollment) -> RequestContext {
    RequestContext {
        client: enrollment.client,
        at: enrollment.created_at,
    }
}

/// The agent that an enrolment asks for: able to do nothing before somebody writes a policy.
pub(super) fn request_of(enrollment: &Enrollment) -> CreateAgentRequest {
    CreateAgentRequest {
        name: enrollment.name.clone(),
        description: Some(enrollment.description.clone()),
        auth_method: None,
        scopes: None,
        expires_at: None,
        api_key_expires_at: None,
        token_ttl_seconds: None,
        vault_ids: None,
        intents_api_enabled: None,
        environment: None,
        profile: serde_json::Map::new(),
    }
}
