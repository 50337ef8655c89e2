//! Whom a policy is about.

use std::fmt;

use crate::ids::{AgentId, ParseIdError, UserId};
use crate::label::{LABEL, Label, LabelSelector, ParseLabelError};
use crate::path::excerpt;
use crate::principal::{Principal, PrincipalKind};

/// How every agent is written as the id of a principal.
const EVERY: &str = "*";

/// One principal, or agents of the organisation that owns the vault.
///
/// On the wire and in the database it is a kind (`user` or `agent`) and a text: an id, `*` for every agent, or
/// `label:team=red` for those that have the label, whoever has it at the time of a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Audience {
    /// One user or agent.
    One(Principal),
    /// Every agent.
    EveryAgent,
    /// Every agent with all of these labels.
    Labelled(LabelSelector),
}

/// Why text names no audience.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseAudienceError {
    /// Neither an id nor one of the words.
    #[error("{0}; `*` stands for every agent, `label:team=red` for those with a label")]
    Agent(ParseIdError),
    /// Not the id of a user.
    #[error(transparent)]
    User(ParseIdError),
    /// A broken selector.
    #[error(transparent)]
    Label(#[from] ParseLabelError),
    /// Users have no labels, and there is no policy for all of them.
    #[error("`{0}` selects agents; with `principal_type` `user` it must be the id of a user")]
    AgentsAlone(String),
}

impl Audience {
    /// Reads the two parts.
    ///
    /// # Errors
    /// Says what is wrong with the text.
    pub fn parse(kind: PrincipalKind, text: &str) -> Result<Self, ParseAudienceError> {
        let selector = text.strip_prefix(LABEL);
        match kind {
            PrincipalKind::User if text == EVERY || selector.is_some() => {
                Err(ParseAudienceError::AgentsAlone(excerpt(text)))
            }
            PrincipalKind::User => text
                .parse::<UserId>()
                .map(|id| Self::One(Principal::User(id)))
                .map_err(ParseAudienceError::User),
            PrincipalKind::Agent if text == EVERY => Ok(Self::EveryAgent),
            PrincipalKind::Agent => match selector {
                Some(selector) => Ok(Self::Labelled(selector.parse()?)),
                None => text
                    .parse::<AgentId>()
                    .map(|id| Self::One(Principal::Agent(id)))
                    .map_err(ParseAudienceError::Agent),
            },
        }
    }

    /// The first part.
    #[must_use]
    pub const fn kind(&self) -> PrincipalKind {
        match self {
            Self::One(principal) => principal.kind(),
            Self::EveryAgent | Self::Labelled(_) => PrincipalKind::Agent,
        }
    }

    /// The principal, if it is one.
    #[must_use]
    pub const fn principal(&self) -> Option<Principal> {
        match self {
            Self::One(principal) => Some(*principal),
            Self::EveryAgent | Self::Labelled(_) => None,
        }
    }

    /// Words under which a change of a policy for this audience is noted: each member looks at one of them at least.
    #[must_use]
    pub fn marks(&self) -> Vec<String> {
        match self {
            Self::Labelled(selector) => selector.labels().iter().map(Label::mark).collect(),
            Self::One(_) | Self::EveryAgent => vec![self.to_string()],
        }
    }
}

/// The second part.
impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(principal) => principal.uuid().fmt(f),
            Self::EveryAgent => f.write_str(EVERY),
            Self::Labelled(selector) => write!(f, "{LABEL}{selector}"),
        }
    }
}

impl From<Principal> for Audience {
    fn from(principal: Principal) -> Self {
        Self::One(principal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_read_as_it_is_written() {
        let id = "0190a0b0-0000-7000-8000-000000000001";
        for (kind, text) in [
            (PrincipalKind::User, id),
            (PrincipalKind::Agent, id),
            (PrincipalKind::Agent, "*"),
            (PrincipalKind::Agent, "label:stage=prod,team=red"),
        ] {
            let audience = Audience::parse(kind, text).unwrap();
            assert_eq!(audience.to_string(), text);
            assert_eq!(audience.kind(), kind);
        }
        for (kind, text) in [
            (PrincipalKind::User, "*"),
            (PrincipalKind::User, "label:team=red"),
            (PrincipalKind::Agent, "**"),
            (PrincipalKind::Agent, "label:"),
            (PrincipalKind::Agent, "label:team"),
            (PrincipalKind::Agent, "team=red"),
            (PrincipalKind::Agent, ""),
        ] {
            assert!(Audience::parse(kind, text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_selector_leaves_its_mark_under_each_label() {
        let audience = Audience::parse(PrincipalKind::Agent, "label:team=red,stage=prod").unwrap();
        assert_eq!(audience.marks(), ["label:stage=prod", "label:team=red"]);
        assert_eq!(Audience::EveryAgent.marks(), ["*"]);
    }
}
