//! Guests for tests, as components. Their sources are the crates beside this one.

pub use oneclaw_hostile_guest::Behaviour;

/// A plugin that misbehaves on demand; its settings are [`Behaviour::settings`].
pub static HOSTILE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/hostile.wasm"));
