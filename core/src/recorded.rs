//! Decisions as they are kept: what was asked and what was answered, in a form that can be asked again.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::ids::OrgId;
use crate::principal::Principal;
use crate::request::AccessRequest;
use crate::transaction::TransactionRequest;

/// The word for decisions on access to secrets.
pub const ACCESS_POLICY: &str = "access-policy";
/// The word for decisions on what is signed.
pub const TRANSACTION_GUARDRAIL: &str = "transaction-guardrail";

/// A request to a plugin, with everything that its answer may depend on.
///
/// As JSON it is an object with `world` and `request`, as in the cases that plugins are tested with. The budgets of a
/// transaction are those of the plugin that is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "world", content = "request")]
pub enum Question {
    /// May this be done at a path?
    #[serde(rename = "access-policy")]
    Access(AccessRequest),
    /// May this be signed?
    #[serde(rename = "transaction-guardrail")]
    Transaction(Box<TransactionRequest>),
}

impl Question {
    /// The word for its world.
    #[must_use]
    pub const fn world(&self) -> &'static str {
        match self {
            Self::Access(_) => ACCESS_POLICY,
            Self::Transaction(_) => TRANSACTION_GUARDRAIL,
        }
    }

    /// The organisation.
    #[must_use]
    pub const fn org(&self) -> OrgId {
        match self {
            Self::Access(request) => request.org,
            Self::Transaction(request) => request.org,
        }
    }

    /// On whose account.
    #[must_use]
    pub const fn principal(&self) -> Principal {
        match self {
            Self::Access(request) => request.principal,
            Self::Transaction(request) => request.principal,
        }
    }

    /// When it was asked.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        match self {
            Self::Access(request) => request.at,
            Self::Transaction(request) => request.at,
        }
    }

    /// Where the caller spoke from.
    #[must_use]
    pub const fn client(&self) -> IpAddr {
        match self {
            Self::Access(request) => request.client,
            Self::Transaction(request) => request.client,
        }
    }

    /// The bytes whose SHA-256 is the digest of the request. Budgets are no part of them: they differ from plugin to
    /// plugin.
    ///
    /// # Errors
    /// None for requests that this type can hold; serde asks for the possibility.
    pub fn canonical_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        match self {
            Self::Access(request) => Ok(request.canonical_bytes()),
            Self::Transaction(request) if request.budgets.is_empty() => request.canonical_bytes(),
            Self::Transaction(request) => {
                let mut request = request.clone();
                request.budgets.clear();
                request.canonical_bytes()
            }
        }
    }
}
