//! The command `1claw` as a process, against whole servers.

#[cfg(test)]
mod agents;
#[cfg(test)]
mod decisions;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod fleet;
#[cfg(test)]
mod guide;
#[cfg(test)]
mod help;
#[cfg(test)]
mod redact;
#[cfg(test)]
mod shell;
#[cfg(test)]
mod sign_in;
#[cfg(test)]
mod terminal;
#[cfg(test)]
mod variables;
#[cfg(test)]
mod vaults;
