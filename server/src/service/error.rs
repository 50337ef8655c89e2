//! What can go wrong in a service, in words that know nothing of HTTP.

use oneclaw_chain::RpcError;
use oneclaw_core::conditions::ConditionError;
use oneclaw_core::ids::EventId;
use oneclaw_core::verdict::Figures;
use oneclaw_crypto::envelope::EnvelopeError;
use oneclaw_crypto::random::RandomError;
use oneclaw_store::StoreError;

/// A refusal by the gate. It stands in the audit trail already: only the gate makes these.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The audit event that records it.
    pub decision: EventId,
    /// A stable word, such as `policy/no-match`.
    pub code: String,
}

/// A refusal of something that was to be signed. It stands in the audit trail already: only the gate makes these.
#[derive(Debug, Clone)]
pub struct GuardrailRefusal {
    /// The audit event that records it.
    pub decision: EventId,
    /// A stable word, such as `value_limit`.
    pub code: String,
    /// A sentence that a human can act on.
    pub message: String,
    /// The ruleset that refused, such as `agent` or `per_chain/base`; empty if none did.
    pub rule: String,
    /// Limit, attempt and what counts already, where there are figures.
    pub figures: Option<Figures>,
}

/// Why a service did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The request cannot be meant as it stands.
    #[error("{detail}")]
    Invalid {
        /// What is wrong and what would be right.
        detail: String,
        /// The field at fault, if one is.
        field: Option<String>,
    },
    /// Nobody, or nobody any more.
    #[error("{0}")]
    Unauthenticated(&'static str),
    /// Somebody who may not.
    #[error("{0}")]
    Forbidden(String),
    /// Refused by a guardrail.
    #[error("{}", .0.message)]
    Guardrail(Box<GuardrailRefusal>),
    /// A chain that has to be asked does not answer, or not as it should.
    #[error("{0}")]
    ChainUnavailable(String),
    /// Refused by the gate.
    #[error("refused with `{}`", .0.code)]
    Denied(Refusal),
    /// The tier of the organisation has no room for one more.
    #[error("{0}")]
    LimitReached(String),
    /// Not there, or not for the caller to know of.
    #[error("{0}")]
    NotFound(&'static str),
    /// In the way of something else.
    #[error("{0}")]
    Conflict(String),
    /// Was there.
    #[error("{0}")]
    Gone(&'static str),
    /// Too often.
    #[error("too many requests; try again in {retry_after_seconds} s")]
    TooManyRequests {
        /// Whole seconds, at least 1.
        retry_after_seconds: u64,
    },
    /// Under way, but not done by now. The same again finds what is done by then.
    #[error("{detail}; try again in {retry_after_seconds} s")]
    StillBusy {
        /// With what.
        detail: &'static str,
        /// Whole seconds, at least 1.
        retry_after_seconds: u64,
    },
    /// Not offered here.
    #[error("{0}")]
    Unsupported(&'static str),
    /// Works again later.
    #[error("{0}")]
    Unavailable(String),
    /// A fault of ours.
    #[error("{0}")]
    Internal(String),
}

/// What services answer.
pub type Result<T> = std::result::Result<T, ServiceError>;

impl ServiceError {
    /// Too often, for so many more milliseconds.
    pub fn too_many_for(wait_ms: i64) -> Self {
        let seconds = wait_ms.max(1).unsigned_abs().div_ceil(1000);
        Self::TooManyRequests {
            retry_after_seconds: seconds,
        }
    }

    /// A field that cannot be meant as it stands.
    pub fn field(field: impl Into<String>, message: impl std::fmt::Display) -> Self {
        let field = field.into();
        Self::Invalid {
            detail: format!("{field}: {message}"),
            field: Some(field),
        }
    }
}

impl From<StoreError> for ServiceError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound => Self::NotFound("not found"),
            StoreError::Conflict(what) => Self::Conflict(format!("conflict: {what}")),
            StoreError::Unavailable(detail) => Self::Unavailable(detail),
            StoreError::LimitReached(reached) => {
                let more = match reached.wanted {
                    1 => String::new(),
                    wanted => format!(" {wanted} more do not fit."),
                };
                Self::LimitReached(format!(
                    "{reached}.{more} Delete what is not needed, or ask whoever runs this server for a higher tier."
                ))
            }
            StoreError::Corrupt(detail) => Self::Internal(detail),
        }
    }
}

impl From<RpcError> for ServiceError {
    fn from(error: RpcError) -> Self {
        Self::ChainUnavailable(error.to_string())
    }
}

impl From<ConditionError> for ServiceError {
    fn from(error: ConditionError) -> Self {
        Self::field(error.field, error.message)
    }
}

impl From<EnvelopeError> for ServiceError {
    fn from(error: EnvelopeError) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<RandomError> for ServiceError {
    fn from(error: RandomError) -> Self {
        Self::Internal(error.to_string())
    }
}
