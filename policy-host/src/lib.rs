#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod adapt;
mod artefacts;
mod audit;
mod bindings;
mod cache;
mod cage;
mod catch;
mod combine;
mod configured;
mod deadline;
mod decide;
mod decide_transaction;
mod engine;
mod error;
mod failure;
mod limits;
mod permit;
mod plugin;
mod question;
mod ready;
mod running;
mod sentences;
mod signing_permit;
mod snapshot;
mod world;
mod zones;

pub use cache::{
    AccessCache, AccessKey, CacheKey, ConfigurationCache, GuardrailCache, GuardrailKey,
};
pub use combine::{Denial, Grant, PendingApproval, Ruling, combine};
pub use configured::{Configured, Mode};
pub use decide::{Attachment, DecidedAccess, decide_access};
pub use decide_transaction::{DecidedTransaction, GuardrailAttachment, decide_transaction};
pub use engine::{Engine, EngineOptions, Slots};
pub use error::{
    ConfigureError, EngineError, LimitError, LoadError, PermitError, Problem, SnapshotError,
    UnknownZone,
};
pub use failure::{Evaluation, Failure};
pub use limits::Limits;
pub use permit::{Action, DeleteSecret, MaySeal, Permit, ReadSecret, RotateSecret, WriteSecret};
pub use plugin::{Manifest, Plugin, PluginIdentity};
pub use signing_permit::SigningPermit;
pub use world::{World, Worlds};
pub use zones::zone_table;
