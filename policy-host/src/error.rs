//! What can go wrong outside a decision. Inside one, everything that goes wrong is a [`Failure`], and so a denial.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use crate::failure::Failure;
use crate::world::World;

/// A limit outside its range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is {value}; it must be from {least} to {most}")]
pub struct LimitError {
    name: &'static str,
    value: u64,
    least: u64,
    most: u64,
}

impl LimitError {
    pub(crate) fn new(name: &'static str, value: u64, range: RangeInclusive<u64>) -> Self {
        Self {
            name,
            value,
            least: *range.start(),
            most: *range.end(),
        }
    }
}

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The machine, or the configuration, cannot carry it.
    #[error("the policy engine cannot be set up: {0}")]
    Setup(String),
    /// The directory for compiled plugins cannot be made or looked at.
    #[error("the directory for compiled plugins, `{}`, cannot be used: {error}", path.display())]
    CacheDirectory {
        /// The directory.
        path: PathBuf,
        /// What the operating system says.
        error: std::io::Error,
    },
    /// Others could put machine code there for us to run.
    #[error(
        "the directory for compiled plugins, `{}`, may be written by others; set its mode to 0700",
        .0.display()
    )]
    CacheDirectoryOpenToOthers(PathBuf),
}

/// Why a component was refused. For the person who uploads it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// Larger than the limit.
    #[error("the component has {bytes} bytes; the limit is {limit}")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// More of something than any compiler of guests makes.
    #[error("the component has {count} {what}; the limit is {limit}")]
    TooMuch {
        /// Of what.
        what: String,
        /// How much.
        count: u64,
        /// The limit.
        limit: u64,
    },
    /// A core module, which has to be wrapped first.
    #[error(
        "this is a core module and not a component; wrap it, for example with `wasm-tools component new`"
    )]
    CoreModule,
    /// Written for another version of the contract.
    #[error("the component is written for `{what}`; this server speaks oneclaw:policy@0.1")]
    Version {
        /// The interface with its version.
        what: String,
    },
    /// Not a component, or not a valid one.
    #[error("this is not a valid WebAssembly component: {0}")]
    Invalid(String),
    /// It imports something that is more than types.
    #[error(
        "the component imports {what}; a policy component may import nothing but types of oneclaw:policy"
    )]
    Import {
        /// The import, and the first thing in it that is no type.
        what: String,
    },
    /// It exports neither world.
    #[error("the component exports no world of oneclaw:policy@0.1: {0}")]
    World(String),
    /// It does not fit the cage.
    #[error("the component cannot be compiled for this server: {0}")]
    Compile(String),
    /// It failed when it was asked what it is.
    #[error("the component failed when it was asked to describe itself: {0}")]
    Describe(Failure),
    /// What it says of itself is not usable.
    #[error("the component describes itself wrongly: {0}")]
    Manifest(String),
}

/// One thing that a plugin finds wrong with settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// JSON pointer (RFC 6901) into the settings.
    pub pointer: String,
    /// What would be right.
    pub message: String,
}

/// Why settings were refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigureError {
    /// The plugin does not decide on this.
    #[error("plugin `{plugin}` does not decide on {world}")]
    World {
        /// Its name.
        plugin: String,
        /// The world that it does not export.
        world: World,
    },
    /// Longer than the limit.
    #[error("the settings have {bytes} bytes; the limit is {limit}")]
    TooLarge {
        /// Their size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The plugin says what is wrong.
    #[error("the plugin refuses its settings: {}", first(.0))]
    Problems(Vec<Problem>),
    /// The plugin wants to be given what there cannot be, such as a budget without a scope in its name.
    #[error("the plugin asks for {0}")]
    Needs(String),
    /// The plugin did not survive them.
    #[error("the plugin failed to take in its settings: {0}")]
    Failed(Failure),
}

fn first(problems: &[Problem]) -> String {
    match problems {
        [] => "it does not say why".to_owned(),
        [one] => format!("`{}` {}", one.pointer, one.message),
        [one, rest @ ..] => format!(
            "`{}` {} (and {} more)",
            one.pointer,
            one.message,
            rest.len()
        ),
    }
}

/// Why there is no snapshot. The configuration goes on being served without one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The component does what a snapshot cannot hold, such as changing a table.
    #[error("the plugin cannot be snapshotted: {0}")]
    Unsupported(String),
    /// It failed while it was configured for the snapshot.
    #[error("the plugin failed to take in its settings: {0}")]
    Configure(Failure),
}

/// Why a permit does not cover what is about to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PermitError {
    /// Too late.
    #[error("the permit has expired")]
    Expired,
    /// For another organisation.
    #[error("the permit is for another organisation")]
    OtherOrganisation,
    /// For another vault.
    #[error("the permit is for another vault")]
    OtherVault,
    /// For another path.
    #[error("the permit is for another path")]
    OtherPath,
    /// For another secret, of which there may be one at the same path.
    #[error("the permit is for another secret")]
    OtherSecret,
    /// For another version of the secret.
    #[error("the permit is for another version")]
    OtherVersion,
}

/// A zone that the time zone database does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an IANA time zone, such as `Europe/Berlin`")]
pub struct UnknownZone(pub(crate) String);
