//! The worlds of the contract: what a component can be asked.

use std::fmt;

/// A world of `oneclaw:policy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum World {
    /// Access to secrets.
    AccessPolicy,
    /// Everything that needs a signature.
    TransactionGuardrail,
}

impl World {
    /// The function that decides.
    pub(crate) const fn function(self) -> &'static str {
        match self {
            Self::AccessPolicy => "evaluate-access",
            Self::TransactionGuardrail => "evaluate-transaction",
        }
    }
}

impl fmt::Display for World {
    /// What is decided on.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AccessPolicy => "access to secrets",
            Self::TransactionGuardrail => "what is signed",
        })
    }
}

/// What a plugin can decide on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Worlds {
    /// Access to secrets.
    pub access_policy: bool,
    /// Everything that needs a signature.
    pub transaction_guardrail: bool,
}

impl Worlds {
    /// Whether `world` is among them.
    #[must_use]
    pub const fn include(self, world: World) -> bool {
        match world {
            World::AccessPolicy => self.access_policy,
            World::TransactionGuardrail => self.transaction_guardrail,
        }
    }
}
