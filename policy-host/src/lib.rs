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
mod engine;
mod error;
mod failure;
mod limits;
mod permit;
mod plugin;
mod ready;
mod running;
mod sentences;
mod snapshot;
mod zones;

pub use cache::{AccessCache, AccessKey};
pub use combine::{Denial, Grant, PendingApproval, Ruling, combine};
pub use configured::{Configured, Mode};
pub use decide::{Attachment, DecidedAccess, decide_access};
pub use engine::{Engine, EngineOptions, Slots};
pub use error::{
    ConfigureError, EngineError, LimitError, LoadError, PermitError, Problem, SnapshotError,
    UnknownZone,
};
pub use failure::{Evaluation, Failure};
pub use limits::Limits;
pub use permit::{Action, DeleteSecret, MaySeal, Permit, ReadSecret, RotateSecret, WriteSecret};
pub use plugin::{Manifest, Plugin, PluginIdentity, Worlds};
pub use zones::zone_table;
