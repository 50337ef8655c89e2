//! Policies of one caller in one vault, and requests of that caller. The same on every run.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use oneclaw_core::clock::Timestamp;
use oneclaw_core::conditions::{AccessSettings, PolicyRule, WindowRule};
use oneclaw_core::ids::{AgentId, OrgId, VaultId};
use oneclaw_core::principal::Principal;
use oneclaw_core::request::{AccessRequest, Permission};
use oneclaw_policy_host::zone_table;
use uuid::Uuid;

use crate::Result;
use crate::paths::{self, Pattern};

/// Requests in a workload. About six in ten are allowed.
pub const REQUESTS: usize = 64;

/// 2026-11-23, a Monday, 12:00 UTC.
const MONDAY_NOON_MS: i64 = 1_795_435_200_000;

const HOUR_MS: i64 = 3_600_000;

/// The zones that windows name.
pub const ZONES: [&str; 2] = ["UTC", "Europe/Berlin"];

const NETWORKS: [&str; 4] = [
    "10.0.0.0/8",
    "10.20.0.0/16",
    "192.0.2.0/24",
    "203.0.113.0/24",
];

const ENVIRONMENTS: [&str; 3] = ["production", "staging", "development"];

/// What is decided.
pub struct Workload {
    /// The policies, as the server writes them.
    pub settings: AccessSettings,
    /// [`settings`](Self::settings) as JSON: what `configure` takes.
    pub settings_json: String,
    /// The pattern of each policy, by parts.
    pub patterns: Vec<Pattern>,
    /// What the caller asks for.
    pub requests: Vec<AccessRequest>,
}

/// The organisation of every workload.
#[must_use]
pub fn org() -> OrgId {
    OrgId::from_uuid(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001))
}

/// The vault of every workload.
#[must_use]
pub fn vault() -> VaultId {
    VaultId::from_uuid(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0002))
}

/// The `index`th caller.
#[must_use]
pub fn caller(index: u64) -> Principal {
    let base = 0x0190_0000_0000_7000_8000_0001_0000_0000;
    Principal::Agent(AgentId::from_uuid(Uuid::from_u128(
        base + u128::from(index),
    )))
}

impl Workload {
    /// So many policies of the `index`th caller, and requests of that caller.
    ///
    /// # Errors
    /// Does not happen unless a zone or path is not well-formed.
    pub fn new(policies: usize, index: u64) -> Result<Self> {
        let mut random = Random::new(index);
        let patterns: Vec<Pattern> = (0..policies).map(|_| paths::pattern(&mut random)).collect();
        let rules: Vec<PolicyRule> = patterns.iter().map(|p| rule(p, &mut random)).collect();
        let now = Timestamp::from_millis(MONDAY_NOON_MS);
        let zones = ZONES
            .map(|zone| Ok((zone.to_owned(), zone_table(zone, now)?)))
            .into_iter()
            .collect::<Result<BTreeMap<_, _>>>()?;
        let requests = (0..REQUESTS)
            .map(|_| request(&patterns, &rules, caller(index), &mut random))
            .collect::<Result<_>>()?;
        let settings = AccessSettings {
            policies: rules,
            zones,
        };
        Ok(Self {
            settings_json: serde_json::to_string(&settings)?,
            settings,
            patterns,
            requests,
        })
    }
}

fn rule(pattern: &Pattern, random: &mut Random) -> PolicyRule {
    let owned = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect();
    PolicyRule {
        id: Uuid::from_u128(u128::from(random.next()) << 64 | u128::from(random.next()))
            .to_string(),
        pattern: pattern.to_string(),
        allow: !random.one_in(10),
        priority: 0,
        permissions: random
            .pick(&[
                &["read"] as &[_],
                &["read"],
                &["read"],
                &["read", "write"],
                &["write"],
                &["read", "rotate"],
                &["delete"],
            ])
            .to_vec(),
        expires_at_ms: random
            .one_in(5)
            .then(|| MONDAY_NOON_MS + (random.below(100) as i64 - 10) * 24 * HOUR_MS),
        networks: random.one_in(3).then(|| {
            let mut networks: Vec<String> = owned(&[random.pick(&NETWORKS), "10.0.0.0/8"]);
            networks.truncate(1 + random.below(2) as usize);
            networks
        }),
        time_window: random.one_in(4).then(|| window(random)),
        environments: random
            .one_in(8)
            .then(|| owned(&["production", random.pick(&ENVIRONMENTS)])),
    }
}

/// Office hours mostly, now and then a night.
fn window(random: &mut Random) -> WindowRule {
    let minute = |hour: u64| (hour * 60) as u16;
    let (after_minute, before_minute) = if random.one_in(6) {
        (minute(20 + random.below(3)), minute(4 + random.below(3)))
    } else {
        (minute(5 + random.below(4)), minute(17 + random.below(5)))
    };
    WindowRule {
        after_minute,
        before_minute,
        zone: random.pick(&ZONES).to_owned(),
        days: random.pick(&[0b111_1111, 0b111_1111, 0b001_1111]),
    }
}

/// Mostly what some policy is about, now and then anything.
fn request(
    patterns: &[Pattern],
    rules: &[PolicyRule],
    principal: Principal,
    random: &mut Random,
) -> Result<AccessRequest> {
    let index = random.below(patterns.len() as u64) as usize;
    let target = (!random.one_in(5))
        .then(|| patterns.get(index).zip(rules.get(index)))
        .flatten();
    let (path, permission) = match target {
        Some((pattern, rule)) => (pattern.example(random), granted(rule)),
        None => (paths::any(random), Permission::Read),
    };
    let client = if random.one_in(6) {
        Ipv4Addr::new(192, 0, 2, random.below(256) as u8)
    } else {
        Ipv4Addr::new(10, 20, random.below(256) as u8, random.below(256) as u8)
    };
    Ok(AccessRequest {
        org: org(),
        vault: vault(),
        path: path.parse()?,
        permission,
        principal,
        owner: false,
        environment: (!random.one_in(10)).then(|| "production".to_owned()),
        client: IpAddr::V4(client),
        at: Timestamp::from_millis(
            MONDAY_NOON_MS + random.below(96) as i64 * HOUR_MS / 4 - 6 * HOUR_MS,
        ),
        facts: Vec::new(),
    })
}

fn granted(rule: &PolicyRule) -> Permission {
    let word = rule.permissions.last().copied();
    Permission::ALL
        .into_iter()
        .find(|permission| Some(permission.as_str()) == word)
        .unwrap_or(Permission::Read)
}

/// SplitMix64: the same numbers on every run and every machine.
pub struct Random(u64);

impl Random {
    /// A sequence of its own for each seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed ^ 0x6f6e_6563_6c61_7721)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`; 0 if `n` is 0.
    pub fn below(&mut self, n: u64) -> u64 {
        self.next().checked_rem(n).unwrap_or(0)
    }

    /// True once in `n` times.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// One of a few.
    #[expect(
        clippy::indexing_slicing,
        reason = "the index is below the length, which is not 0"
    )]
    pub fn pick<T: Copy, const N: usize>(&mut self, of: &[T; N]) -> T {
        const { assert!(N > 0, "there is one to pick") };
        of[self.below(N as u64) as usize]
    }
}
