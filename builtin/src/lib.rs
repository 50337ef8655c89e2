//! The built-in plugins as components, compiled from source by this crate's build script.
//!
//! They go through the same door as anybody's plugin: the host audits, compiles and cages them like the rest.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

/// The access policy: globs, permissions, priorities, conditions and ownership. Its settings are
/// `oneclaw_core::conditions::AccessSettings` as JSON.
pub static ACCESS_POLICY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/access_policy.wasm"));

/// The transaction guardrails: lists, limits, budgets, typed data. Their settings are
/// `oneclaw_core::guardrails::GuardrailSettings` as JSON.
pub static TRANSACTION_GUARDRAILS: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/transaction_guardrails.wasm"));
