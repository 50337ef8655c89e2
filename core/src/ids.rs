//! Identifiers as newtypes, so that a vault id cannot be passed where an agent id is meant.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A string that is not a UUID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{input}` is not a UUID; write it as 8-4-4-4-12 hexadecimal digits")]
pub struct ParseIdError {
    input: String,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[cfg_attr(feature = "openapi", schema(value_type = String, format = Uuid))]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps an identifier that was drawn or stored elsewhere.
            #[must_use]
            pub const fn from_uuid(id: Uuid) -> Self {
                Self(id)
            }

            /// The bare UUID.
            #[must_use]
            pub const fn as_uuid(&self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            /// Accepts the hyphenated form only, in either case.
            fn from_str(input: &str) -> Result<Self, ParseIdError> {
                if input.len() != 36 {
                    return Err(ParseIdError { input: crate::path::excerpt(input) });
                }
                Uuid::try_parse(input)
                    .map(Self)
                    .map_err(|_| ParseIdError { input: crate::path::excerpt(input) })
            }
        }
    };
}

id!(
    /// An organisation: the tenant border.
    OrgId
);
id!(
    /// A human account.
    UserId
);
id!(
    /// An agent.
    AgentId
);
id!(
    /// A vault.
    VaultId
);
id!(
    /// A secret, that is a path in a vault; stable across versions.
    SecretId
);
id!(
    /// An access policy.
    PolicyId
);
id!(
    /// An agent that asks to be let in.
    EnrollmentId
);
id!(
    /// A personal API key.
    ApiKeyId
);
id!(
    /// An audit event.
    EventId
);
id!(
    /// A sink of the audit trail.
    SinkId
);
id!(
    /// A transaction, or another thing that was signed.
    TransactionId
);
id!(
    /// A signing key of an agent.
    SigningKeyId
);
id!(
    /// An entry in the registry of chains; not the chain id of EIP-155.
    ChainEntryId
);
id!(
    /// A plugin of an organisation, whatever its version.
    PluginId
);
id!(
    /// One version of a plugin.
    PluginVersionId
);
id!(
    /// A plugin that is attached to something.
    AttachmentId
);
id!(
    /// A key with which plugins are signed.
    PublisherId
);
id!(
    /// A share of a secret. For a link that anyone may use it is the link's only secret, so it is drawn at random.
    ShareId
);
id!(
    /// An environment variable.
    EnvVarId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_round_trips_and_anything_else_is_refused() {
        let id: VaultId = "0190a0b0-0000-7000-8000-000000000001".parse().unwrap();
        assert_eq!(id.to_string(), "0190a0b0-0000-7000-8000-000000000001");
        for bad in [
            "",
            "x",
            "0190a0b0000070008000000000000001",
            "{0190a0b0-0000-7000-8000-00000000001}",
        ] {
            assert!(bad.parse::<VaultId>().is_err(), "{bad}");
        }
    }
}
