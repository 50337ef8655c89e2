//! The server over HTTP, as its clients see it.

mod account;
mod agents;
mod audit;
mod audit_export;
mod audit_sinks;
mod bad_input;
mod billing;
mod chains;
mod conditions;
mod device_login;
mod discovery;
mod env_vars;
mod first_success;
mod guardrail_fields;
mod ip_rules;
mod limits;
mod mfa;
mod organisation;
mod pages;
mod plugin_failures;
mod policies;
mod secrets;
mod settings;
mod shares;
mod signing_keys;
mod vaults;
