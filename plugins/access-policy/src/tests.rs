use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::time;
use jiff::tz::TimeZone;
use oneclaw_core::conditions::{AccessSettings, PolicyRule, WindowRule, ZoneTable};
use oneclaw_core::glob::PathGlob;
use oneclaw_policy_sdk::{
    AccessPolicy, AccessRequest, Id, IpAddress, Permission, Principal, PrincipalKind, Problem,
    Verdict, settings,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Condition, Outcome, Policies, Settings, answer};

/// 2026-11-23, a Monday, 12:00 UTC.
const MONDAY_NOON_MS: i64 = 1_795_435_200_000;

fn configure(settings: &Value) -> Result<Policies, Vec<Problem>> {
    settings::parse::<Settings>(&settings.to_string())?.into_policies()
}

fn policy(id: &str, pattern: &str, more: Value) -> Value {
    let mut policy = json!({
        "id": id, "pattern": pattern, "allow": true, "priority": 0, "permissions": ["read"],
    });
    let (Value::Object(fields), Value::Object(more)) = (&mut policy, more) else {
        panic!("not an object");
    };
    fields.extend(more);
    policy
}

fn utc() -> Value {
    json!({"UTC": {"transitions": [[0, 0]], "until": 4_000_000_000_i64}})
}

fn policies(list: &[Value]) -> Policies {
    configure(&json!({"policies": list, "zones": utc()})).unwrap()
}

fn read(path: &str) -> AccessRequest {
    let id = Id { high: 0, low: 1 };
    AccessRequest {
        organisation: id,
        vault: id,
        principal: Principal {
            kind: PrincipalKind::Agent,
            id,
        },
        owner: false,
        permission: Permission::Read,
        path: path.to_owned(),
        client: IpAddress {
            high: 0,
            low: 0xffff_0a01_0203,
        },
        at_ms: MONDAY_NOON_MS,
        environment: Some("production".to_owned()),
        facts: Vec::new(),
    }
}

fn to(permission: Permission, path: &str) -> AccessRequest {
    AccessRequest {
        permission,
        ..read(path)
    }
}

#[test]
fn a_policy_that_applies_grants_and_names_itself() {
    let policies = policies(&[policy("p1", "api-keys/**", json!({}))]);
    assert_eq!(
        policies.decide(&read("api-keys/openai")),
        Outcome::Allowed { rule: "p1" }
    );
    assert_eq!(policies.decide(&read("other")), Outcome::NoMatch);
}

#[test]
fn without_policies_everything_is_refused() {
    assert_eq!(policies(&[]).decide(&read("a")), Outcome::NoMatch);
}

#[test]
fn the_owner_outranks_deny_policies() {
    let policies = policies(&[policy("no", "**", json!({"allow": false}))]);
    let owner = AccessRequest {
        owner: true,
        ..read("a")
    };
    assert_eq!(policies.decide(&owner), Outcome::Owner);
    assert_eq!(policies.decide(&read("a")), Outcome::Denied { rule: "no" });
}

#[test]
fn write_covers_delete_and_rotate_but_not_read() {
    let granted = |word: &str| {
        let policies = policies(&[policy("p", "a", json!({"permissions": [word]}))]);
        [
            Permission::Read,
            Permission::Write,
            Permission::Delete,
            Permission::Rotate,
        ]
        .map(|permission| policies.decide(&to(permission, "a")) == Outcome::Allowed { rule: "p" })
    };
    assert_eq!(granted("read"), [true, false, false, false]);
    assert_eq!(granted("write"), [false, true, true, true]);
    assert_eq!(granted("delete"), [false, false, true, false]);
    assert_eq!(granted("rotate"), [false, false, false, true]);
}

#[test]
fn a_deny_of_writing_also_denies_deleting() {
    let policies = policies(&[
        policy("yes", "a", json!({"permissions": ["delete"]})),
        policy("no", "a", json!({"permissions": ["write"], "allow": false})),
    ]);
    assert_eq!(
        policies.decide(&to(Permission::Delete, "a")),
        Outcome::Denied { rule: "no" }
    );
}

#[test]
fn priority_decides_and_at_equal_priority_a_deny_does() {
    let allow = |priority: u32| policy("yes", "a/*", json!({"priority": priority}));
    let deny = |priority: u32| policy("no", "**", json!({"priority": priority, "allow": false}));
    let outcome = |list: &[Value]| match policies(list).decide(&read("a/b")) {
        Outcome::Allowed { .. } => "allowed",
        Outcome::Denied { .. } => "denied",
        _ => "neither",
    };
    assert_eq!(outcome(&[allow(1), deny(0)]), "allowed");
    assert_eq!(outcome(&[allow(1), deny(1)]), "denied");
    assert_eq!(outcome(&[deny(1), allow(1)]), "denied");
    assert_eq!(outcome(&[allow(1), deny(2)]), "denied");
    assert_eq!(outcome(&[allow(u32::MAX), deny(0)]), "allowed");
}

#[test]
fn a_deny_whose_condition_fails_does_not_deny() {
    let policies = policies(&[
        policy("yes", "a", json!({})),
        policy(
            "no",
            "a",
            json!({"priority": 9, "allow": false, "networks": ["192.0.2.0/24"]}),
        ),
    ]);
    assert_eq!(
        policies.decide(&read("a")),
        Outcome::Allowed { rule: "yes" }
    );
}

#[test]
fn the_first_condition_that_fails_is_named() {
    let failing = |more: Value| {
        let policies = policies(&[policy("p", "a", more)]);
        match policies.decide(&read("a")) {
            Outcome::ConditionFailed {
                rule: "p",
                condition,
            } => Some(condition.as_str()),
            Outcome::Allowed { rule: "p" } => None,
            other => panic!("{other:?}"),
        }
    };
    let closed = json!({"after_minute": 0, "before_minute": 1, "zone": "UTC", "days": 127});
    let open = json!({"after_minute": 0, "before_minute": 1440, "zone": "UTC", "days": 1});
    assert_eq!(
        failing(json!({"expires_at_ms": MONDAY_NOON_MS})),
        Some("expires_at")
    );
    assert_eq!(failing(json!({"expires_at_ms": MONDAY_NOON_MS + 1})), None);
    assert_eq!(
        failing(json!({"networks": ["192.0.2.0/24"]})),
        Some("ip_allowlist")
    );
    assert_eq!(
        failing(json!({"networks": ["192.0.2.0/24", "10.0.0.0/8"]})),
        None
    );
    assert_eq!(failing(json!({"time_window": closed})), Some("time_window"));
    assert_eq!(failing(json!({"time_window": open})), None);
    assert_eq!(
        failing(json!({"environments": ["staging"]})),
        Some("environment_in")
    );
    assert_eq!(
        failing(json!({"environments": ["staging", "production"]})),
        None
    );
    let everything = json!({
        "expires_at_ms": 0, "networks": ["192.0.2.0/24"], "time_window": closed,
        "environments": ["staging"],
    });
    assert_eq!(failing(everything), Some("expires_at"));
}

#[test]
fn a_caller_without_environment_is_in_none() {
    let policies = policies(&[policy("p", "a", json!({"environments": ["production"]}))]);
    let request = AccessRequest {
        environment: None,
        ..read("a")
    };
    assert_eq!(
        policies.decide(&request),
        Outcome::ConditionFailed {
            rule: "p",
            condition: Condition::EnvironmentIn
        }
    );
}

#[test]
fn the_strongest_policy_that_a_condition_kept_back_is_named() {
    let expired = |id: &str, pattern: &str, priority: u32| {
        policy(
            id,
            pattern,
            json!({"priority": priority, "expires_at_ms": 0}),
        )
    };
    let policies = policies(&[
        expired("b", "**", 5),
        expired("weak", "a/b", 1),
        expired("a", "a/*", 5),
    ]);
    assert_eq!(
        policies.decide(&read("a/b")),
        Outcome::ConditionFailed {
            rule: "a",
            condition: Condition::ExpiresAt
        }
    );
}

#[test]
fn every_problem_is_reported_where_it_is() {
    let window =
        json!({"after_minute": 1440, "before_minute": 1441, "zone": "Mars/Base", "days": 0});
    let problems = configure(&json!({
        "policies": [
            policy("fine", "a", json!({})),
            policy("", "a//b", json!({"permissions": ["read", "own"], "networks": []})),
            policy("x", "a", json!({
                "permissions": [], "networks": ["10.0.0.0/8", "10.0.0.1/8"],
                "time_window": window, "environments": [],
            })),
        ],
        "zones": {"Etc/GMT": {"transitions": [], "until": 0}},
    }))
    .unwrap_err();
    let pointers: Vec<&str> = problems.iter().map(|p| p.pointer.as_str()).collect();
    assert_eq!(
        pointers,
        [
            "/policies/1/pattern",
            "/policies/1/id",
            "/policies/1/permissions/1",
            "/policies/1/networks",
            "/policies/2/permissions",
            "/policies/2/networks/1",
            "/policies/2/time_window/after_minute",
            "/policies/2/time_window/before_minute",
            "/policies/2/time_window/days",
            "/policies/2/environments",
            "/zones/Etc~1GMT",
            "/policies/2/time_window/zone",
        ]
    );
}

#[test]
fn a_wrong_shape_is_reported_where_it_is() {
    let pointer = |settings: Value| configure(&settings).unwrap_err()[0].pointer.clone();
    assert_eq!(pointer(json!({})), "");
    assert_eq!(pointer(json!({"policies": [], "zonse": {}})), "/zonse");
    assert_eq!(pointer(json!({"policies": {}})), "/policies");
    assert_eq!(
        pointer(json!({"policies": [policy("a", "a", json!({"deny": true}))]})),
        "/policies/0/deny"
    );
    assert_eq!(
        pointer(json!({"policies": [policy("a", "a", json!({"priority": -1}))]})),
        "/policies/0/priority"
    );
    let twice = r#"{"policies": [], "policies": []}"#;
    assert!(settings::parse::<Settings>(twice).is_err());
}

#[test]
fn the_number_of_problems_is_bounded() {
    let wrong: Vec<Value> = (0..500)
        .map(|i| policy(&i.to_string(), "//", json!({})))
        .collect();
    assert_eq!(
        configure(&json!({"policies": wrong})).unwrap_err().len(),
        32
    );
}

#[test]
fn settings_with_escapes_are_read() {
    let text = r#"{"policies": [{"id": "\u0061\"b", "pattern": "a\/b", "allow": true, "priority": 0,
        "permissions": ["r\u0065ad"]}]}"#;
    let policies = settings::parse::<Settings>(text)
        .unwrap()
        .into_policies()
        .unwrap();
    assert_eq!(
        policies.decide(&read("a/b")),
        Outcome::Allowed { rule: "a\"b" }
    );
}

#[test]
fn the_schema_is_json_and_names_every_field_of_the_settings() {
    let schema: Value = serde_json::from_str(&Policies::manifest().settings_schema).unwrap();
    let settings = AccessSettings {
        policies: vec![PolicyRule {
            id: "p".to_owned(),
            pattern: "a".to_owned(),
            allow: true,
            priority: 0,
            permissions: vec!["read"],
            expires_at_ms: Some(1),
            networks: Some(vec!["10.0.0.0/8".to_owned()]),
            time_window: Some(WindowRule {
                after_minute: 0,
                before_minute: 1,
                zone: "UTC".to_owned(),
                days: 127,
            }),
            environments: Some(vec!["production".to_owned()]),
        }],
        zones: BTreeMap::from([(
            "UTC".to_owned(),
            ZoneTable {
                transitions: vec![(0, 0)],
                until: 1,
            },
        )]),
    };
    let settings = serde_json::to_value(settings).unwrap();
    assert!(configure(&settings).is_ok());
    let keys = |value: &Value| {
        value
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    let sorted = |mut keys: Vec<String>| {
        keys.sort();
        keys
    };
    for (fields, described) in [
        ("", "/properties"),
        ("/policies/0", "/properties/policies/items/properties"),
        (
            "/policies/0/time_window",
            "/properties/policies/items/properties/time_window/properties",
        ),
        (
            "/zones/UTC",
            "/properties/zones/additionalProperties/properties",
        ),
    ] {
        assert_eq!(
            sorted(keys(settings.pointer(fields).unwrap())),
            sorted(keys(schema.pointer(described).unwrap())),
            "{fields}"
        );
    }
}

#[test]
fn outcomes_are_told_as_codes_rules_and_conditions() {
    let told = |outcome| match answer(&outcome).verdict {
        Verdict::Allow(r) => ("allow", r.code, r.rule, r.condition, r.message),
        Verdict::Deny(r) => ("deny", r.code, r.rule, r.condition, r.message),
        other => panic!("{other:?}"),
    };
    let expected = |verdict, code: &str, rule: &str, condition: &str| {
        (
            verdict,
            code.to_owned(),
            rule.to_owned(),
            condition.to_owned(),
            String::new(),
        )
    };
    assert_eq!(
        told(Outcome::Owner),
        expected("allow", "policy/owner", "", "")
    );
    assert_eq!(
        told(Outcome::Allowed { rule: "p" }),
        expected("allow", "policy/allowed", "p", "")
    );
    assert_eq!(
        told(Outcome::Denied { rule: "p" }),
        expected("deny", "policy/denied-by-rule", "p", "")
    );
    assert_eq!(
        told(Outcome::ConditionFailed {
            rule: "p",
            condition: Condition::TimeWindow
        }),
        expected("deny", "policy/condition-failed", "p", "time_window")
    );
    assert_eq!(
        told(Outcome::NoMatch),
        expected("deny", "policy/no-match", "", "")
    );
}

/// The semantics spelled out once more, on the settings as the server writes them, with other people's libraries.
fn naive<'a>(settings: &'a AccessSettings, request: &AccessRequest) -> Outcome<'a> {
    if request.owner {
        return Outcome::Owner;
    }
    let word = match request.permission {
        Permission::Read => "read",
        Permission::Write => "write",
        Permission::Delete => "delete",
        Permission::Rotate => "rotate",
    };
    let mut matching: Vec<&PolicyRule> = settings
        .policies
        .iter()
        .filter(|p| PathGlob::new(&p.pattern).unwrap().matches(&request.path))
        .filter(|p| {
            p.permissions.contains(&word) || word != "read" && p.permissions.contains(&"write")
        })
        .collect();
    // Strongest first; the id makes the order complete.
    matching.sort_by_key(|p| (std::cmp::Reverse(p.priority), p.allow, &p.id));
    match matching.iter().find(|p| failing(p, request).is_none()) {
        Some(p) if p.allow => Outcome::Allowed { rule: &p.id },
        Some(p) => Outcome::Denied { rule: &p.id },
        None => match matching.first() {
            None => Outcome::NoMatch,
            Some(p) => Outcome::ConditionFailed {
                rule: &p.id,
                condition: failing(p, request).unwrap(),
            },
        },
    }
}

fn failing(policy: &PolicyRule, request: &AccessRequest) -> Option<Condition> {
    let bits = u128::from(request.client.high) << 64 | u128::from(request.client.low);
    let client = std::net::Ipv6Addr::from(bits).to_canonical();
    let expired = policy.expires_at_ms.is_some_and(|end| end <= request.at_ms);
    let outside = policy.networks.as_ref().is_some_and(|networks| {
        !networks
            .iter()
            .any(|n| n.parse::<ipnet::IpNet>().unwrap().contains(&client))
    });
    let closed = policy.time_window.as_ref().is_some_and(|window| {
        let zone = TimeZone::get(&window.zone).unwrap();
        let civil = zone.to_datetime(Timestamp::from_millisecond(request.at_ms).unwrap());
        let minute = |m: u16| time((m / 60) as i8, (m % 60) as i8, 0, 0);
        // Windows of these tests do not cross midnight; those that do have their tests beside them.
        civil.time() < minute(window.after_minute)
            || civil.time() >= minute(window.before_minute)
            || window.days >> civil.weekday().to_monday_zero_offset() & 1 == 0
    });
    let elsewhere = policy.environments.as_ref().is_some_and(|names| {
        !names
            .iter()
            .any(|name| request.environment.as_ref() == Some(name))
    });
    [
        (expired, Condition::ExpiresAt),
        (outside, Condition::IpAllowlist),
        (closed, Condition::TimeWindow),
        (elsewhere, Condition::EnvironmentIn),
    ]
    .into_iter()
    .find_map(|(failed, condition)| failed.then_some(condition))
}

fn zone_table(name: &str) -> ZoneTable {
    let zone = TimeZone::get(name).unwrap();
    let from = Timestamp::from_second(1_700_000_000).unwrap();
    let until = 2_000_000_000;
    let mut transitions = vec![(from.as_second(), zone.to_offset(from).seconds())];
    transitions.extend(
        zone.following(from)
            .take_while(|t| t.timestamp().as_second() < until)
            .map(|t| (t.timestamp().as_second(), t.offset().seconds())),
    );
    ZoneTable { transitions, until }
}

prop_compose! {
    fn any_policy()(
        pattern in "(\\*\\*|\\*|a|b|a\\*|ab)(/(\\*\\*|\\*|a|b|\\*b|ab)){0,3}",
        allow in prop::bool::weighted(0.7),
        priority in 0u32..3,
        permissions in prop::sample::subsequence(vec!["read", "write", "delete", "rotate"], 1..=4),
        expires_at_ms in prop::option::weighted(0.2, MONDAY_NOON_MS - 2..MONDAY_NOON_MS + 2),
        networks in prop::option::weighted(0.3, prop::sample::subsequence(
            vec!["10.0.0.0/8", "10.1.2.3/32", "192.0.2.0/24", "2001:db8::/32", "::/0", "0.0.0.0/0"], 1..3)),
        window in prop::option::weighted(0.3, (0u16..1439, 1u16..700, 1u8..128, prop::bool::ANY)),
        environments in prop::option::weighted(0.2, prop::sample::subsequence(vec!["production", "staging"], 1..=2)),
    ) -> PolicyRule {
        let owned = |list: Vec<&str>| list.into_iter().map(str::to_owned).collect::<Vec<_>>();
        PolicyRule {
            id: String::new(), pattern, allow, priority, permissions, expires_at_ms,
            networks: networks.map(owned),
            time_window: window.map(|(after_minute, length, days, berlin)| WindowRule {
                after_minute,
                before_minute: (after_minute + length).min(1439),
                zone: if berlin { "Europe/Berlin" } else { "UTC" }.to_owned(),
                days,
            }),
            environments: environments.map(owned),
        }
    }
}

prop_compose! {
    fn any_settings()(mut policies in prop::collection::vec(any_policy(), 0..12)) -> AccessSettings {
        for (i, policy) in policies.iter_mut().enumerate() {
            policy.id = format!("p{}", i * 7 % 12);
        }
        policies.retain(|p| PathGlob::new(&p.pattern).is_ok());
        let zones = ["UTC", "Europe/Berlin"].map(|name| (name.to_owned(), zone_table(name)));
        AccessSettings { policies, zones: zones.into() }
    }
}

prop_compose! {
    fn any_request()(
        path in "(a|b|ab|abb)(/(a|b|ab|abb)){0,3}",
        permission in prop::sample::select(vec![
            Permission::Read, Permission::Write, Permission::Delete, Permission::Rotate]),
        client in prop::sample::select(vec!["10.1.2.3", "10.9.9.9", "192.0.2.7", "2001:db8::1", "::1"]),
        environment in prop::sample::select(vec![None, Some("production"), Some("staging"), Some("test")]),
        shift in -604_800_000i64..604_800_000,
        now in any::<bool>(),
        owner in prop::bool::weighted(0.05),
    ) -> AccessRequest {
        let bits = match client.parse().unwrap() {
            std::net::IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
            std::net::IpAddr::V6(v6) => v6.to_bits(),
        };
        AccessRequest {
            permission,
            owner,
            client: IpAddress { high: (bits >> 64) as u64, low: bits as u64 },
            at_ms: MONDAY_NOON_MS + if now { 0 } else { shift },
            environment: environment.map(str::to_owned),
            ..read(&path)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn index_and_scan_agree_with_a_naive_reading(
        settings in any_settings(),
        requests in prop::collection::vec(any_request(), 1..6),
    ) {
        let policies = configure(&serde_json::to_value(&settings).unwrap()).unwrap();
        for request in &requests {
            let expected = naive(&settings, request);
            prop_assert_eq!(policies.decide(request), expected, "index: {:?}", request);
            prop_assert_eq!(policies.decide_by_scan(request), expected, "scan: {:?}", request);
        }
    }

    #[test]
    fn the_order_of_the_settings_does_not_matter(
        settings in any_settings(),
        request in any_request(),
        turn in any::<prop::sample::Index>(),
    ) {
        let mut turned = settings.clone();
        if !turned.policies.is_empty() {
            let by = turn.index(turned.policies.len());
            turned.policies.rotate_left(by);
        }
        let one = configure(&serde_json::to_value(&settings).unwrap()).unwrap();
        let other = configure(&serde_json::to_value(&turned).unwrap()).unwrap();
        prop_assert_eq!(one.decide(&request), other.decide(&request));
    }

    #[test]
    fn adding_a_deny_policy_never_opens(
        settings in any_settings(),
        request in any_request(),
        mut deny in any_policy(),
    ) {
        prop_assume!(PathGlob::new(&deny.pattern).is_ok());
        deny.allow = false;
        deny.id = "added".to_owned();
        let before = configure(&serde_json::to_value(&settings).unwrap()).unwrap();
        let mut more = settings.clone();
        more.policies.push(deny);
        let after = configure(&serde_json::to_value(&more).unwrap()).unwrap();
        let open = |p: &Policies| matches!(p.decide(&request), Outcome::Owner | Outcome::Allowed { .. });
        prop_assert!(open(&before) || !open(&after));
    }
}
