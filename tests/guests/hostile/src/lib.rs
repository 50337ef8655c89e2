//! A plugin that misbehaves on demand. Its settings are the name of one of its [`Behaviour`]s.

mod behaviours;
#[cfg(target_family = "wasm")]
mod guest;

pub use behaviours::Behaviour;
