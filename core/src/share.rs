//! Whom a share is for.

use std::fmt;
use std::str::FromStr;

/// The kinds of recipients of a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecipientKind {
    /// The human who registered the agent that shares.
    Creator,
    /// A human of the organisation.
    User,
    /// An agent of the organisation.
    Agent,
    /// Whoever has this address, in whatever organisation.
    ExternalEmail,
    /// Whoever has the link.
    AnyoneWithLink,
}

impl RecipientKind {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Creator,
        Self::User,
        Self::Agent,
        Self::ExternalEmail,
        Self::AnyoneWithLink,
    ];

    /// The word used on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Creator => "creator",
            Self::User => "user",
            Self::Agent => "agent",
            Self::ExternalEmail => "external_email",
            Self::AnyoneWithLink => "anyone_with_link",
        }
    }
}

impl fmt::Display for RecipientKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that names no kind of recipient.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not one of `creator`, `user`, `agent`, `external_email` and `anyone_with_link`")]
pub struct ParseRecipientError(String);

impl FromStr for RecipientKind {
    type Err = ParseRecipientError;

    /// Accepts `email` for `external_email`, as some clients write it.
    fn from_str(word: &str) -> Result<Self, ParseRecipientError> {
        if word == "email" {
            return Ok(Self::ExternalEmail);
        }
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == word)
            .ok_or_else(|| ParseRecipientError(crate::path::excerpt(word)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_name_their_kind_and_nothing_else_does() {
        for kind in RecipientKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        assert_eq!("email".parse(), Ok(RecipientKind::ExternalEmail));
        for bad in ["", "Creator", "everybody", "link"] {
            assert!(bad.parse::<RecipientKind>().is_err(), "{bad}");
        }
    }
}
