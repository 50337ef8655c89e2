//! The oneclaw server: configuration, services, HTTP.
#![forbid(unsafe_code)]

pub mod app;
pub mod config;
pub mod http;
pub mod jobs;
pub mod mail;
pub mod service;
pub mod system_clock;
pub mod telemetry;
