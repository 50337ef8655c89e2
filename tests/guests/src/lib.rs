//! Guests for tests, as components. Their sources are the crates beside this one.

pub use oneclaw_hostile_guest::Behaviour;

/// A plugin that misbehaves on demand; its settings are [`Behaviour::settings`].
pub static HOSTILE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/hostile.wasm"));

/// A plugin of both worlds, written with the SDK alone. Its settings are a `path` that may be read and a `limit` of wei
/// for a day.
pub static TWO_WORLDS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/two_worlds.wasm"));

/// The hostile guest under this version: it says so of itself, and its bytes differ.
///
/// # Panics
/// If the version is not as long as `0.1.0`.
#[must_use]
pub fn hostile(version: &str) -> Vec<u8> {
    with_text(HOSTILE, "0.1.0", version)
}

/// A component whose data says `to` wherever it said `from`. The version of the contract, and names of exports, stay.
///
/// # Panics
/// If the texts are not of one length, or the component does not say `from`.
#[must_use]
#[expect(
    clippy::indexing_slicing,
    reason = "the places were found in these very bytes"
)]
pub fn with_text(component: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len(), "`{from}` and `{to}` differ in length");
    let mut bytes = component.to_vec();
    let mut places = Vec::new();
    for at in 1..bytes.len() - from.len() {
        if bytes[at..].starts_with(from.as_bytes()) && bytes[at - 1] != b'@' {
            places.push(at);
        }
    }
    assert!(!places.is_empty(), "the component does not say `{from}`");
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
    bytes
}
