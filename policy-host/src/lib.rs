#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod adapt;
mod artefacts;
mod attachment;
mod audit;
mod background;
mod bindings;
mod bounds;
mod cache;
mod cage;
mod cases;
mod catch;
mod combine;
mod configured;
mod deadline;
mod decide;
mod decide_transaction;
mod engine;
mod error;
mod examine;
mod failure;
mod limits;
mod permit;
mod plugin;
mod priority;
mod question;
mod ready;
mod rerun;
mod running;
mod schema;
mod sentences;
mod signing_permit;
mod snapshot;
mod world;
mod zones;

pub use attachment::{AttachedPlugin, Attachment, Stage};
pub use background::{Background, Busy};
pub use cache::{
    AccessCache, AccessKey, CacheKey, ConfigurationCache, GuardrailCache, GuardrailKey, Revision,
};
pub use cases::{
    Case, CaseAnswer, CaseOutcome, CaseWorld, CasesError, Expectation, ExpectedVerdict,
    SECTION as CASES_SECTION, parse as parse_cases, views as case_views,
};
pub use combine::{Denial, Grant, PendingApproval, Ruling, combine};
pub use configured::{Configured, Mode};
pub use decide::{DecidedAccess, decide_access};
pub use decide_transaction::{DecidedTransaction, GuardrailAttachment, decide_transaction};
pub use engine::{Engine, EngineOptions, Slots};
pub use error::{
    ConfigureError, EngineError, LimitError, LoadError, PermitError, Problem, SnapshotError,
    UnknownZone,
};
pub use examine::ExamineError;
pub use failure::{Evaluation, Failure};
pub use limits::Limits;
pub use permit::{Action, DeleteSecret, MaySeal, Permit, ReadSecret, RotateSecret, WriteSecret};
pub use plugin::{Manifest, Plugin, PluginIdentity};
pub use rerun::{ENGINE_VERSION, RerunError};
pub use schema::{SchemaError, check_schema, validate_settings};
pub use signing_permit::SigningPermit;
pub use world::{World, Worlds};
pub use zones::zone_table;
