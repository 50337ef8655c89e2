//! The bodies that travel over HTTP, shared by the server and everything that talks to it.
//!
//! Names follow the published 1claw API. Unknown request fields are ignored. Times are RFC 3339 text in UTC. In an update,
//! an absent field keeps its value and `null` clears it: such fields are [`Patch`].

mod account;
mod agent;
mod audit;
mod billing;
mod chain;
mod decision;
mod enrollment;
mod env_var;
mod fleet_guardrails;
mod organisation;
mod plugin;
mod policy;
mod provisioning;
mod recovery;
mod replay;
mod secret;
mod settings;
mod share;
mod sign_in;
mod signing_key;
mod transaction;
mod vault;
mod webhook;

pub use account::*;
pub use agent::*;
pub use audit::*;
pub use billing::*;
pub use chain::*;
pub use decision::*;
pub use enrollment::*;
pub use env_var::*;
pub use fleet_guardrails::*;
pub use organisation::*;
pub use plugin::*;
pub use policy::*;
pub use provisioning::*;
pub use recovery::*;
pub use replay::*;
pub use secret::*;
pub use settings::*;
pub use share::*;
pub use sign_in::*;
pub use signing_key::*;
pub use transaction::*;
pub use vault::*;
pub use webhook::*;

use serde::{Deserialize, Deserializer};

/// A field of an update: absent (keep), `null` (clear) or a value.
pub type Patch<T> = Option<Option<T>>;

/// Text that is wiped from memory when it is no longer needed.
pub type Sensitive = zeroize::Zeroizing<String>;

/// Tells `null` from absent: use with `#[serde(default, deserialize_with = "patch")]`.
///
/// # Errors
/// Those of the inner type.
pub fn patch<'de, T, D>(deserializer: D) -> Result<Patch<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::<T>::deserialize(deserializer).map(Some)
}

/// Declares a wire body with the derives they all share.
macro_rules! body {
    ($(#[$meta:meta])* pub struct $name:ident { $($fields:tt)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub struct $name { $($fields)* }
    };
}
use body;

/// A request body with a secret in it: `Debug` shows the name of the type alone.
macro_rules! secret_body {
    ($(#[$meta:meta])* pub struct $name:ident { $($fields:tt)* }) => {
        $(#[$meta])*
        #[derive(Clone, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub struct $name { $($fields)* }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    };
}
use secret_body;

body! {
    /// The answer of `GET /v1/health`.
    pub struct Health {
        /// `healthy`, or `degraded` when a part does not work.
        pub status: String,
        /// Version of the server.
        pub version: String,
    }
}

body! {
    /// The answer of `GET /v1/health/hsm`: the state of the root key.
    pub struct KeyHealth {
        /// `ok`, `degraded` or `unavailable`.
        pub status: String,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Update {
        #[serde(default, deserialize_with = "patch")]
        field: Patch<u32>,
    }

    #[test]
    fn an_update_tells_absent_from_null() {
        let field = |json: &str| serde_json::from_str::<Update>(json).unwrap().field;
        assert_eq!(field("{}"), None);
        assert_eq!(field(r#"{"field":null}"#), Some(None));
        assert_eq!(field(r#"{"field":7}"#), Some(Some(7)));
    }
}
