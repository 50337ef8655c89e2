//! Handlers, one file for each noun. A handler unpacks the request, calls one service, and packs the answer.

pub mod agents;
pub mod api_keys;
pub mod audit;
pub mod audit_sinks;
pub mod auth;
pub mod billing;
pub mod chains;
pub mod decisions;
pub mod device;
pub mod discovery;
pub mod enrollments;
pub mod fleet_guardrails;
pub mod health;
pub mod intents;
pub mod mfa;
pub mod organisation;
pub mod plugins;
pub mod policies;
pub mod recovery;
pub mod replays;
pub mod secrets;
pub mod settings;
pub mod shares;
pub mod signing_keys;
pub mod unsupported;
pub mod vaults;
