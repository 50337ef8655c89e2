//! The built-in transaction guardrails.
#![forbid(unsafe_code)]
