//! Plugins that organisations upload: what is taken in, what is attached, what decides, and who can harm whom.

#[cfg(test)]
mod attach;
#[cfg(test)]
mod bad_attachments;
#[cfg(test)]
mod bad_uploads;
#[cfg(test)]
#[path = "../../../policy-host/tests/host/components.rs"]
mod components;
#[cfg(test)]
mod facts;
#[cfg(test)]
mod guardrails;
#[cfg(test)]
mod isolation;
#[cfg(test)]
mod mmdb;
#[cfg(test)]
mod nodes;
#[cfg(test)]
mod promotion;
#[cfg(test)]
mod publishers;
#[cfg(test)]
mod rollout;
#[cfg(test)]
mod setup;
#[cfg(test)]
mod signer;
