//! The human's side: who waits, and whether they are let in.

use oneclaw_core::api::{CreateAgentResponse, Enrollment as Wire, EnrollmentList};
use oneclaw_core::clock::Timestamp;
use oneclaw_store::{Enrollment, EnrollmentDecision, EnrollmentStatus, StoreError};
use serde_json::json;

use super::super::agents::keys::Admission;
use super::super::caller::{Caller, RequestContext};
use super::super::error::{Result, ServiceError};
use super::super::events::{self, EventExt as _};
use super::super::{Services, time};
use super::TOKEN_PREFIX;
use super::look_into::request_of;

const UNKNOWN: ServiceError = ServiceError::NotFound("no such enrolment");

impl Services {
    /// `GET /v1/agents/enrollments`
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`] for agents.
    pub async fn list_enrollments(
        &self,
        context: &RequestContext,
        caller: &Caller,
    ) -> Result<EnrollmentList> {
        let org = caller.human()?.org_id;
        let pending = self.store.pending_enrollments(org, context.at).await?;
        Ok(EnrollmentList {
            enrollments: pending
                .iter()
                .map(|enrollment| wire(enrollment, context.at))
                .collect(),
        })
    }

    /// `GET /v1/agents/enrollments/{id}`, by id or by the token of its link.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`], also for what another organisation decides on; [`ServiceError::Forbidden`] for agents.
    pub async fn enrollment(
        &self,
        context: &RequestContext,
        caller: &Caller,
        name: &str,
    ) -> Result<Wire> {
        let enrollment = self.visible_enrollment(caller, name).await?;
        Ok(wire(&enrollment, context.at))
    }

    /// `POST /v1/agents/enrollments/{id}/approve`: makes the agent; the answer shows its key, this once.
    ///
    /// # Errors
    /// As [`Services::enrollment`]; [`ServiceError::Conflict`] when it was decided already; [`ServiceError::Gone`] when
    /// nobody decided in time.
    pub async fn approve_enrollment(
        &self,
        context: &RequestContext,
        caller: &Caller,
        name: &str,
    ) -> Result<CreateAgentResponse> {
        let enrollment = self.visible_enrollment(caller, name).await?;
        let decision = decision(context, caller, &enrollment)?;
        let draft = self
            .draft_agent(context, caller, request_of(&enrollment))
            .await?;
        let admission = Admission {
            decision,
            mails: &[],
        };
        self.insert_agent(context, caller, &draft, Some(&admission))
            .await?;
        self.show_new_agent(draft, context.at).await
    }

    /// `POST /v1/agents/enrollments/{id}/deny`
    ///
    /// # Errors
    /// As [`Services::approve_enrollment`].
    pub async fn deny_enrollment(
        &self,
        context: &RequestContext,
        caller: &Caller,
        name: &str,
    ) -> Result<()> {
        let enrollment = self.visible_enrollment(caller, name).await?;
        let decision = decision(context, caller, &enrollment)?;
        let event = events::by_caller(
            context,
            caller,
            "agent.enroll_deny",
            "enrollment",
            enrollment.id,
        )
        .with_details(json!({"name": enrollment.name}));
        match self.store.deny_enrollment(&decision, event).await {
            Err(StoreError::Conflict("decided")) => Err(already_decided()),
            other => Ok(other?),
        }
    }

    /// An enrolment that the caller may decide on: one of its organisation, or, by the token of its link, one that belongs
    /// to nobody yet.
    async fn visible_enrollment(&self, caller: &Caller, name: &str) -> Result<Enrollment> {
        let org = caller.human()?.org_id;
        let (found, by_link) = if name.starts_with(TOKEN_PREFIX) {
            let hash = self.keys.hasher().hash(name);
            (self.store.enrollment_by_token(&hash).await?, true)
        } else {
            let id = name
                .parse()
                .map_err(|e| ServiceError::field("enrollment_id", e))?;
            (self.store.enrollment(id).await?, false)
        };
        found
            .filter(|enrollment| match (enrollment.org_id, enrollment.status) {
                (Some(owner), _) => owner == org,
                // Whoever has the link of one that names nobody may take the agent in.
                (None, EnrollmentStatus::Pending) => by_link,
                // Not looked into, or for nobody: not to be told from what does not exist.
                (None, _) => false,
            })
            .ok_or(UNKNOWN)
    }
}

fn decision(
    context: &RequestContext,
    caller: &Caller,
    enrollment: &Enrollment,
) -> Result<EnrollmentDecision> {
    if enrollment.status != EnrollmentStatus::Pending {
        return Err(already_decided());
    }
    if enrollment.expires_at <= context.at {
        return Err(ServiceError::Gone(
            "nobody decided in time; have the agent enrol again",
        ));
    }
    let human = caller.human()?;
    Ok(EnrollmentDecision {
        id: enrollment.id,
        org_id: human.org_id,
        by: human.id,
        at: context.at,
    })
}

fn already_decided() -> ServiceError {
    ServiceError::Conflict("this enrolment has been decided already".to_owned())
}

fn wire(enrollment: &Enrollment, now: Timestamp) -> Wire {
    let is_over = enrollment.status == EnrollmentStatus::Pending && enrollment.expires_at <= now;
    Wire {
        id: enrollment.id.to_string(),
        name: enrollment.name.clone(),
        description: enrollment.description.clone(),
        human_email: enrollment.human_email.clone(),
        status: if is_over {
            "expired".to_owned()
        } else {
            enrollment.status.as_str().to_owned()
        },
        client_ip: enrollment.client.to_string(),
        agent_id: enrollment.agent_id.map(|id| id.to_string()),
        created_at: time::format(enrollment.created_at),
        expires_at: time::format(enrollment.expires_at),
    }
}
