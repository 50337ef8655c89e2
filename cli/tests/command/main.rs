//! The command `1claw` as a process, against whole servers.

mod agents;
mod faults;
mod help;
mod redact;
mod shell;
mod sign_in;
mod variables;
mod vaults;
