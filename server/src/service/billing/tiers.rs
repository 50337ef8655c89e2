//! The tiers of the published API. They hold back nothing until an administrator sets one.

use oneclaw_store::Limits;

/// The tier of everybody else.
pub const SELF_HOSTED: &str = "self_hosted";

/// Stands for no limit where a number must stand. Exact in every client's numbers.
pub const UNLIMITED: i64 = 1_000_000_000_000;

/// What comes with a tier; `None` for a name that is not one.
pub fn limits(tier: &str) -> Option<Limits> {
    let limits = |requests, vaults, secrets, agents| Limits {
        requests: Some(requests),
        vaults: Some(vaults),
        secrets: Some(secrets),
        agents: Some(agents),
    };
    Some(match tier {
        "free" => limits(1_000, 3, 50, 2),
        "pro" => limits(25_000, 25, 500, 10),
        "business" => limits(100_000, 100, 5_000, 50),
        "enterprise" | SELF_HOSTED => Limits::default(),
        _ => return None,
    })
}
