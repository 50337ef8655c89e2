//! Records of decisions: written by the gate, read by people and programs who want to know why.

pub mod body;
mod explain;
mod keep;
pub mod read;
pub mod record;
mod vouch;
