//! The words every crate of oneclaw shares: identifiers, secret paths, globs, principals, what is asked of the policy
//! engine and what it answers, and the bodies that travel over HTTP.
//!
//! Nothing here does I/O, reads a clock, or draws randomness: the crates that own those hand the results in.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod amount;
pub mod api;
pub mod audience;
pub mod clock;
pub mod conditions;
pub mod glob;
pub mod guardrails;
pub mod ids;
pub mod ip;
pub mod label;
pub mod path;
pub mod principal;
pub mod recorded;
pub mod request;
pub mod scope;
pub mod share;
pub mod template;
pub mod transaction;
pub mod verdict;
