//! The cases that a component carries.

use std::time::Duration;

use oneclaw_policy_host::{Case, CasesError, parse_cases};
use oneclaw_test_guests::{HOSTILE, TWO_WORLDS};
use serde_json::{Value, json};

use crate::common::engine;

/// A component with one more custom section.
fn with_section(component: &[u8], name: &str, content: &[u8]) -> Vec<u8> {
    fn leb(mut n: usize, out: &mut Vec<u8>) {
        loop {
            let byte = u8::try_from(n & 0x7f).unwrap();
            n >>= 7;
            out.push(if n == 0 { byte } else { byte | 0x80 });
            if n == 0 {
                return;
            }
        }
    }
    let mut section = Vec::new();
    leb(name.len(), &mut section);
    section.extend_from_slice(name.as_bytes());
    section.extend_from_slice(content);
    let mut out = component.to_vec();
    out.push(0);
    leb(section.len(), &mut out);
    out.extend_from_slice(&section);
    out
}

fn carried(cases: &Value) -> Vec<u8> {
    with_section(TWO_WORLDS, "oneclaw:cases", cases.to_string().as_bytes())
}

/// What each case of a plugin that lets `a/b` be read, and 10 wei be spent, led to.
fn outcomes(cases: &Value) -> Vec<Option<String>> {
    let plugin = engine().load(&carried(cases)).unwrap();
    let cases = plugin.cases().unwrap();
    let outcomes = engine()
        .try_cases(&plugin, &cases, Duration::from_secs(60))
        .unwrap();
    outcomes.into_iter().map(|o| o.failure).collect()
}

fn settings() -> Value {
    json!({"path": "a/b", "limit": "10"})
}

#[test]
fn cases_travel_with_the_component_and_are_tried_in_its_cage() {
    let spend = |value: &str, spent: &str, expect: Value| {
        json!({
            "name": format!("{value} after {spent}"), "world": "transaction-guardrail", "settings": settings(),
            "request": {
                "intent": {"transaction": {"value": value}},
                "budgets": [{"budget": "agent/daily", "asset": "native", "spent": spent,
                    "window": {"rolling": {"seconds": 86_400}}}],
            },
            "expect": expect,
        })
    };
    let cases = json!([
        {"name": "listed", "world": "access-policy", "settings": settings(), "request": {"path": "a/b"},
            "expect": {"verdict": "allow", "code": "two-worlds/listed"}},
        {"name": "not listed", "world": "access-policy", "settings": settings(),
            "request": {"path": "a/c", "at": "2026-11-28T00:00:00Z"}, "expect": {"verdict": "abstain"}},
        {"name": "wrong settings", "world": "access-policy", "settings": {"path": 1},
            "expect": {"verdict": "settings_refused"}},
        spend("10", "0", json!({"verdict": "allow", "reservations": [{"budget": "agent/daily", "asset": "native",
            "amount": "10", "limit": "10", "window": {"rolling": {"seconds": 86_400}}}]})),
        spend("10", "1", json!({"verdict": "deny", "code": "two-worlds/too-much"})),
    ]);
    assert_eq!(outcomes(&cases), [const { None }; 5]);
}

#[test]
fn what_differs_is_said() {
    let case = |name: &str, request: Value, expect: Value| json!({"name": name, "world": "access-policy", "settings": settings(), "request": request, "expect": expect});
    let cases = json!([
        case("verdict", json!({"path": "a/b"}), json!({"verdict": "deny"})),
        case("code", json!({"path": "a/b"}), json!({"verdict": "allow", "code": "x/y"})),
        case("field", json!({"paht": "a/b"}), json!({"verdict": "allow"})),
        case("type", json!({"path": "../b"}), json!({"verdict": "allow"})),
        {"name": "settings", "world": "access-policy", "settings": 5, "expect": {"verdict": "allow"}},
    ]);
    let said: Vec<String> = outcomes(&cases).into_iter().map(Option::unwrap).collect();
    assert_eq!(said[0], "answered allow `two-worlds/listed`, expected deny");
    assert_eq!(
        said[1],
        "answered allow `two-worlds/listed`, expected allow `x/y`"
    );
    assert_eq!(said[2], "the request has a field `paht` that there is not");
    assert!(
        said[3].starts_with("the request cannot be read:"),
        "{}",
        said[3]
    );
    assert!(
        said[4].starts_with("the plugin refuses its settings"),
        "{}",
        said[4]
    );
}

#[test]
fn a_plugin_that_fails_in_a_case_has_failed_it() {
    let plugin = engine().load(HOSTILE).unwrap();
    let case: Case = serde_json::from_value(json!({
        "name": "trap", "world": "access-policy", "settings": "trap", "expect": {"verdict": "deny"},
    }))
    .unwrap();
    let outcomes = engine()
        .try_cases(&plugin, &[case], Duration::from_secs(60))
        .unwrap();
    let failure = outcomes[0].failure.as_deref().unwrap();
    assert!(failure.contains("internal/trap"), "{failure}");
}

#[test]
fn what_is_no_list_of_cases_is_refused() {
    let refused = |text: &str| parse_cases(text.as_bytes()).unwrap_err().to_string();
    assert!(refused("{}").contains("is not a list of cases"));
    assert!(refused(&" ".repeat(600_000)).contains("has 600000 bytes"));
    let case = r#"{"name":"x","world":"access-policy","expect":{"verdict":"deny"}}"#;
    assert!(refused(&format!("[{case},{case}]")).contains("more than one case with the name `x`"));
    let nameless = format!("[{}]", case.replace("\"x\"", "\"\""));
    assert!(refused(&nameless).contains("has a case with the name"));
    let many: Vec<String> = (0..501)
        .map(|n| case.replace("\"x\"", &format!("\"{n}\"")))
        .collect();
    assert!(refused(&format!("[{}]", many.join(","))).contains("has 501 cases"));
    let twice = with_section(&carried(&json!([])), "oneclaw:cases", b"[]");
    let plugin = engine().load(&twice).unwrap();
    assert_eq!(
        plugin.cases().unwrap_err(),
        CasesError::Unreadable("is there more than once".to_owned())
    );
}

#[test]
fn a_component_without_cases_has_none() {
    assert_eq!(engine().load(HOSTILE).unwrap().cases().unwrap(), []);
}
