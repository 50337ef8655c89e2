//! The decision on access: every attached plugin is asked, and the answers are combined.

use oneclaw_core::request::AccessRequest;
use sha2::{Digest, Sha256};

use crate::attachment::{self, Attachment};
use crate::combine::{Denial, Ruling, combine};
use crate::failure::{Evaluation, WRONG_PERMISSION};
use crate::permit::{Action, Permit};
use crate::sentences::NO_DECISION;

/// Asks every attached plugin and combines what they answer. A permit that follows from it is good for
/// `permit_ttl_ms` milliseconds, counted from the time of the request.
///
/// Those that are merely watched are asked last, and what they answer has no part in the ruling.
///
/// Runs on the caller's thread: a few microseconds for each plugin as a rule; the deadlines in force bound it.
#[must_use]
pub fn decide_access(
    request: AccessRequest,
    attached: &[Attachment],
    permit_ttl_ms: i64,
) -> DecidedAccess {
    let evaluations = attachment::ask(attached.iter(), |configured, mode, _| {
        configured.evaluate_access(&request, mode)
    });
    let ruling = combine(&evaluations);
    let request_digest = Sha256::digest(request.canonical_bytes()).into();
    DecidedAccess {
        request,
        request_digest,
        evaluations,
        ruling,
        permit_ttl_ms,
    }
}

/// A request together with what was decided on it. The two cannot be taken apart and put together differently.
#[derive(Debug)]
pub struct DecidedAccess {
    request: AccessRequest,
    request_digest: [u8; 32],
    evaluations: Vec<Evaluation>,
    ruling: Ruling,
    permit_ttl_ms: i64,
}

impl DecidedAccess {
    /// What was asked.
    #[must_use]
    pub fn request(&self) -> &AccessRequest {
        &self.request
    }

    /// SHA-256 of [`AccessRequest::canonical_bytes`].
    #[must_use]
    pub fn request_digest(&self) -> [u8; 32] {
        self.request_digest
    }

    /// What each plugin answered: first those whose answer counts, in the order of the attachments, then those that are
    /// merely watched.
    #[must_use]
    pub fn evaluations(&self) -> &[Evaluation] {
        &self.evaluations
    }

    /// What holds.
    #[must_use]
    pub fn ruling(&self) -> &Ruling {
        &self.ruling
    }

    /// The permit, if this was allowed and was a request for action `A`.
    ///
    /// # Errors
    /// The denial otherwise. `internal/wrong-permission` means that `A` is not what was asked for.
    #[expect(
        clippy::result_large_err,
        reason = "a denial is a value that is recorded, not an error on its way up"
    )]
    pub fn into_permit<A: Action>(self) -> Result<Permit<A>, Denial> {
        match self.ruling {
            Ruling::Deny(denial) => Err(denial),
            Ruling::RequireApproval(pending) => Err(pending
                .first()
                .map_or_else(|| Denial::by_host(NO_DECISION), Denial::until_approved)),
            Ruling::Allow(_) if self.request.permission != A::PERMISSION => {
                Err(Denial::by_host(WRONG_PERMISSION))
            }
            Ruling::Allow(_) => {
                let expires_at = self.request.at.plus_millis(self.permit_ttl_ms);
                Ok(Permit::mint(self.request, self.request_digest, expires_at))
            }
        }
    }
}
