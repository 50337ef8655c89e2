//! The command `1claw` as a process, against whole servers.

#[cfg(test)]
mod agents;
#[cfg(test)]
mod billing;
#[cfg(test)]
mod decisions;
#[cfg(test)]
mod device;
#[cfg(test)]
mod enrolment;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod fleet;
#[cfg(test)]
mod fleet_plugins;
#[cfg(test)]
mod guardrails;
#[cfg(test)]
mod guide;
#[cfg(test)]
mod help;
#[cfg(test)]
mod mfa;
#[cfg(test)]
mod other_languages;
#[cfg(test)]
mod plugins;
#[cfg(test)]
mod redact;
#[cfg(test)]
mod relay;
#[cfg(test)]
mod shares;
#[cfg(test)]
mod shell;
#[cfg(test)]
mod shown;
#[cfg(test)]
mod sign_in;
#[cfg(test)]
mod terminal;
#[cfg(test)]
mod tools;
#[cfg(test)]
mod trail;
#[cfg(test)]
mod variables;
#[cfg(test)]
mod vaults;
#[cfg(test)]
mod vendored;
#[cfg(test)]
mod webhooks;
