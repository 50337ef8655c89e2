//! The decision on something that is to be signed.

use oneclaw_core::transaction::{BudgetView, TransactionRequest};
use oneclaw_core::verdict::Reservation;
use sha2::{Digest, Sha256};

use crate::attachment::{self, Attachment};
use crate::combine::{Denial, Ruling, combine};
use crate::failure::{Evaluation, NO_DIGEST};
use crate::plugin::PluginIdentity;
use crate::sentences::NO_DECISION;
use crate::signing_permit::SigningPermit;

/// A plugin that has a say in what is signed, and the budgets that it sees.
#[derive(Debug, Clone)]
pub struct GuardrailAttachment {
    /// The plugin, configured by [`crate::Engine::configure_guardrail`].
    pub plugin: Attachment,
    /// One view for each of [`crate::Configured::budget_queries`], in their order. Without meaning for a plugin that is
    /// not to be had.
    pub views: Vec<BudgetView>,
}

/// Asks every attached plugin and combines what they answer. A permit that follows from it is good for
/// `permit_ttl_ms` milliseconds, counted from the time of the request.
///
/// Those that are merely watched are asked last; what they answer has no part in the ruling, and what they would reserve
/// is not reserved.
///
/// Each plugin sees the request with the budgets that it asked for itself, and never those of another. What is decided
/// on, hashed and signed is the request without any: `request.budgets` is emptied.
///
/// Runs on the caller's thread: a few microseconds for each plugin as a rule; the deadlines in force bound it.
#[must_use]
pub fn decide_transaction(
    mut request: TransactionRequest,
    attached: &[GuardrailAttachment],
    permit_ttl_ms: i64,
) -> DecidedTransaction {
    request.budgets.clear();
    let evaluations = attachment::ask(
        attached.iter().map(|attachment| &attachment.plugin),
        |configured, mode, place| {
            let views = attached
                .get(place)
                .map(|attachment| attachment.views.as_slice());
            configured.evaluate_transaction(&request, views.unwrap_or_default(), mode)
        },
    );
    let (ruling, request_digest) = match request.canonical_bytes() {
        Ok(bytes) => (combine(&evaluations), Sha256::digest(bytes).into()),
        Err(_) => (Ruling::Deny(Denial::by_host(NO_DIGEST)), [0; 32]),
    };
    DecidedTransaction {
        request,
        request_digest,
        evaluations,
        ruling,
        permit_ttl_ms,
    }
}

/// A request together with what was decided on it. The two cannot be taken apart and put together differently.
#[derive(Debug)]
pub struct DecidedTransaction {
    request: TransactionRequest,
    request_digest: [u8; 32],
    evaluations: Vec<Evaluation>,
    ruling: Ruling,
    permit_ttl_ms: i64,
}

impl DecidedTransaction {
    /// What was asked, without budgets.
    #[must_use]
    pub fn request(&self) -> &TransactionRequest {
        &self.request
    }

    /// SHA-256 of [`TransactionRequest::canonical_bytes`] of [`Self::request`].
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

    /// What is to be held in budgets before anything is signed, with the plugin that wants it. None unless everything
    /// together is allowed, and never for a plugin that is merely watched.
    pub fn reservations(&self) -> impl Iterator<Item = (&PluginIdentity, &Reservation)> {
        let is_allowed = matches!(self.ruling, Ruling::Allow(_));
        self.evaluations
            .iter()
            .filter(move |evaluation| is_allowed && evaluation.stage.counts())
            .filter_map(|evaluation| Some((&*evaluation.plugin, evaluation.outcome.as_ref().ok()?)))
            .flat_map(|(plugin, decision)| {
                decision
                    .reservations
                    .iter()
                    .map(move |reservation| (plugin, reservation))
            })
    }

    /// The permit to sign, if this was allowed. Whoever takes it has made the reservations.
    ///
    /// # Errors
    /// The denial otherwise; `approval_unavailable` for what somebody would have to approve.
    #[expect(
        clippy::result_large_err,
        reason = "a denial is a value that is recorded, not an error on its way up"
    )]
    pub fn into_permit(self) -> Result<SigningPermit, Denial> {
        match self.ruling {
            Ruling::Deny(denial) => Err(denial),
            Ruling::RequireApproval(pending) => Err(pending.first().map_or_else(
                || Denial::by_host(NO_DECISION),
                Denial::approval_unavailable,
            )),
            Ruling::Allow(_) => {
                let expires_at = self.request.at.plus_millis(self.permit_ttl_ms);
                Ok(SigningPermit::mint(
                    self.request,
                    self.request_digest,
                    expires_at,
                ))
            }
        }
    }
}
