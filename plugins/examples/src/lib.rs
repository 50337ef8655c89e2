//! The worked examples and the template, as components that carry their cases.

/// See its crate.
pub static TEMPLATE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/template.wasm"));
/// See its crate.
pub static CHANGE_FREEZE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/change-freeze.wasm"));
/// See its crate.
pub static OFFICE_HOURS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/office-hours.wasm"));
/// See its crate.
pub static DOLLAR_BUDGET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/dollar-budget.wasm"));
/// See its crate.
pub static VELOCITY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/velocity.wasm"));
/// See its crate.
pub static FIRST_RECIPIENT: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/first-recipient.wasm"));
/// See its crate.
pub static ORIGIN_LISTS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/origin-lists.wasm"));
/// See its crate.
pub static CEDAR_ADAPTER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/cedar-adapter.wasm"));
/// See its crate.
pub static REGO_ADAPTER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/rego-adapter.wasm"));
