//! Guests for tests, as components. Their sources are the crates beside this one.

pub use oneclaw_hostile_guest::Behaviour;

/// A plugin that misbehaves on demand; its settings are [`Behaviour::settings`].
pub static HOSTILE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/hostile.wasm"));

/// A plugin of both worlds, written with the SDK alone. Its settings are a `path` that may be read and a `limit` of wei
/// for a day.
pub static TWO_WORLDS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/two_worlds.wasm"));
