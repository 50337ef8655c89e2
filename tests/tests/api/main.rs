//! The server over HTTP, as its clients see it.

mod account;
mod agents;
mod audit;
mod bad_input;
mod conditions;
mod discovery;
mod first_success;
mod limits;
mod plugin_failures;
mod policies;
mod secrets;
mod vaults;
