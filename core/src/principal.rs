//! Who is asking.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ids::{AgentId, ParseIdError, UserId};

/// A human or an agent. Displays and parses as `user:<uuid>` or `agent:<uuid>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Principal {
    /// A human account.
    User(UserId),
    /// An agent.
    Agent(AgentId),
}

/// The kind of a principal, as written on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum PrincipalKind {
    /// `user`
    User,
    /// `agent`
    Agent,
}

impl PrincipalKind {
    /// The word used on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Agent => "agent",
        }
    }
}

impl Principal {
    /// Puts a kind and a bare id together.
    #[must_use]
    pub const fn new(kind: PrincipalKind, id: Uuid) -> Self {
        match kind {
            PrincipalKind::User => Self::User(UserId::from_uuid(id)),
            PrincipalKind::Agent => Self::Agent(AgentId::from_uuid(id)),
        }
    }

    /// Human or agent.
    #[must_use]
    pub const fn kind(&self) -> PrincipalKind {
        match self {
            Self::User(_) => PrincipalKind::User,
            Self::Agent(_) => PrincipalKind::Agent,
        }
    }

    /// The bare id.
    #[must_use]
    pub const fn uuid(&self) -> Uuid {
        match self {
            Self::User(id) => id.as_uuid(),
            Self::Agent(id) => id.as_uuid(),
        }
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind().as_str(), self.uuid())
    }
}

/// A string that is not `user:<uuid>` or `agent:<uuid>`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParsePrincipalError {
    /// Neither prefix.
    #[error("`{0}` is not a principal; write `user:<uuid>` or `agent:<uuid>`")]
    Kind(String),
    /// The part behind the colon.
    #[error(transparent)]
    Id(#[from] ParseIdError),
}

impl FromStr for Principal {
    type Err = ParsePrincipalError;

    fn from_str(input: &str) -> Result<Self, ParsePrincipalError> {
        match input.split_once(':') {
            Some(("user", id)) => Ok(Self::User(id.parse()?)),
            Some(("agent", id)) => Ok(Self::Agent(id.parse()?)),
            _ => Err(ParsePrincipalError::Kind(crate::path::excerpt(input))),
        }
    }
}

impl TryFrom<String> for Principal {
    type Error = ParsePrincipalError;

    fn try_from(input: String) -> Result<Self, ParsePrincipalError> {
        input.parse()
    }
}

impl From<Principal> for String {
    fn from(principal: Principal) -> Self {
        principal.to_string()
    }
}
