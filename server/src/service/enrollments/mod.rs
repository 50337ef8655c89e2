//! Agents that ask to be let in, by themselves: taken down here, looked into by a job, decided on by a human.
//!
//! The answer to an enrolment is made before anybody looks whether there is an account with the address that it names: the
//! request does the same work for every address, and so tells nothing about any.

mod decide;
mod letters;
mod look_into;

use oneclaw_core::api::{EnrollRequest, EnrollResponse};
use oneclaw_core::ids::EnrollmentId;
use oneclaw_crypto::random;
use oneclaw_store::{EnrollOutcome, Enrollment, EnrollmentStatus, SharedLimit};
use secrecy::ExposeSecret as _;

use super::caller::RequestContext;
use super::error::{Result, ServiceError};
use super::{Services, check};
use crate::config::EnrollmentMode;

/// Begins the token in the link of an enrolment.
const TOKEN_PREFIX: &str = "1en_";
/// How long a human has to decide, in seconds: a day.
const LIFETIME_SECONDS: i64 = 24 * 3600;
/// Between two enrolments that name one address, in milliseconds.
const PER_EMAIL_MS: i64 = 10 * 60 * 1000;
/// Enrolments at once from one network address, and the milliseconds until it may send one more.
const PER_ADDRESS: (i64, i64) = (5, 1000);
/// Most enrolments without an address that may wait at a time, on the whole server.
const MOST_LINKS: i64 = 500;
/// What to tell a client for which there is no room, in seconds.
const FULL_RETRY_SECONDS: u64 = 600;

/// The id in every answer.
const NO_AGENT: &str = "00000000-0000-0000-0000-000000000000";

impl Services {
    /// `POST /v1/agents/enroll`: for anybody.
    ///
    /// # Errors
    /// Names the field at fault; [`ServiceError::TooManyRequests`]; [`ServiceError::Forbidden`] where enrolment is off.
    pub async fn enroll(
        &self,
        context: &RequestContext,
        request: &EnrollRequest,
    ) -> Result<EnrollResponse> {
        if self.config.enrollment == EnrollmentMode::Off {
            return Err(ServiceError::Forbidden(
                "agents cannot enrol themselves on this server; ask a human to register the agent"
                    .to_owned(),
            ));
        }
        let email = match request.human_email.as_deref().map(str::trim) {
            None | Some("") => None,
            Some(text) => Some(check::email_in("human_email", text)?),
        };
        let token = self.keys.hasher().generate(TOKEN_PREFIX)?;
        let id = EnrollmentId::from_uuid(random::new_id());
        let sealed_token = match email {
            Some(_) => Some(self.seal_link(id, token.text.expose_secret())?),
            None => None,
        };
        let enrollment = Enrollment {
            id,
            token_hash: token.hash.to_vec(),
            sealed_token,
            org_id: None,
            name: check::name("name", &request.name)?,
            description: check::description(
                "description",
                request.description.as_deref().unwrap_or(""),
            )?,
            status: match email {
                Some(_) => EnrollmentStatus::Received,
                None => EnrollmentStatus::Pending,
            },
            human_email: email,
            client: context.client,
            agent_id: None,
            decided_by: None,
            decided_at: None,
            created_at: context.at,
            expires_at: context.at.plus_seconds(LIFETIME_SECONDS),
        };
        let limits = self.enrollment_limits(&enrollment);
        match self.store.enroll(&enrollment, &limits, MOST_LINKS).await? {
            EnrollOutcome::Taken => {}
            EnrollOutcome::TooMany(wait_ms) => {
                return Err(ServiceError::too_many_for(wait_ms));
            }
            EnrollOutcome::TooManyLinks => {
                return Err(ServiceError::TooManyRequests {
                    retry_after_seconds: FULL_RETRY_SECONDS,
                });
            }
        }
        Ok(EnrollResponse {
            agent_id: NO_AGENT.to_owned(),
            message: match enrollment.human_email {
                Some(_) => {
                    "Enrolment received. If there is an account with this address, its owner is asked by mail. \
                     A signed-in human can also open `approval_url`."
                }
                None => "Enrolment received. Have a signed-in human open `approval_url` to let this agent in.",
            }
            .to_owned(),
            approval_url: self.enrollment_url(token.text.expose_secret()),
        })
    }

    /// The page where a human decides.
    fn enrollment_url(&self, token: &str) -> String {
        format!("{}/enroll/{token}", self.config.public_url)
    }

    fn enrollment_limits(&self, enrollment: &Enrollment) -> Vec<SharedLimit> {
        if !self.config.rate_limits {
            return Vec::new();
        }
        let (burst, every_ms) = PER_ADDRESS;
        let mut limits = vec![SharedLimit {
            scope: "enroll/address",
            key: check::network_of(enrollment.client),
            burst,
            every_ms,
        }];
        if let Some(email) = &enrollment.human_email {
            limits.push(SharedLimit {
                scope: "enroll/email",
                key: self.email_key(email),
                burst: 1,
                every_ms: PER_EMAIL_MS,
            });
        }
        limits
    }

    /// Under what an address is counted. Strangers name whom they like: addresses are not kept for this.
    pub(super) fn email_key(&self, email: &str) -> String {
        hex::encode(self.keys.hasher().hash(email))
    }

    fn seal_link(&self, id: EnrollmentId, token: &str) -> Result<Vec<u8>> {
        self.keys
            .links()
            .seal(id.as_uuid().as_bytes(), token.as_bytes())
            .map_err(|e| ServiceError::Internal(e.to_string()))
    }
}
