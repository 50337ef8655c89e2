//! The oneclaw server.
#![forbid(unsafe_code)]

pub mod config;
pub mod telemetry;
