//! What a plugin is asked, whichever world it is of.

use oneclaw_core::ids::OrgId;
use oneclaw_core::request::AccessRequest;
use oneclaw_core::transaction::{BudgetView, TransactionRequest};

use crate::world::World;

/// One request, as one plugin is to see it.
#[derive(Clone, Copy)]
pub(crate) enum Question<'a> {
    /// World `access-policy`.
    Access(&'a AccessRequest),
    /// World `transaction-guardrail`.
    Transaction {
        /// What is to be signed. Its own budgets are not shown.
        request: &'a TransactionRequest,
        /// The budgets that this plugin asked for.
        views: &'a [BudgetView],
    },
}

impl Question<'_> {
    pub(crate) fn world(&self) -> World {
        match self {
            Self::Access(_) => World::AccessPolicy,
            Self::Transaction { .. } => World::TransactionGuardrail,
        }
    }

    pub(crate) fn org(&self) -> OrgId {
        match self {
            Self::Access(request) => request.org,
            Self::Transaction { request, .. } => request.org,
        }
    }
}
