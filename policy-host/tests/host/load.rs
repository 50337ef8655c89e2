//! What is taken in, and what is refused with which sentence.

use crate::common::{code, engine, options, org, patient, request, transaction};
use crate::components::{Parts, component, component_from, contract};
use oneclaw_policy_host::{
    Attachment, Engine, Limits, LoadError, Mode, SnapshotError, Worlds, decide_access,
};
use oneclaw_test_guests::HOSTILE;

fn refused(component: &[u8]) -> String {
    engine()
        .load(component)
        .map(|plugin| plugin.manifest().clone())
        .unwrap_err()
        .to_string()
}

fn refused_import(wit: &str, core_import: &str) -> String {
    refused(&component(Parts {
        wit: &format!(
            "package test:guest; world guest {{ include oneclaw:policy/access-policy@0.1.0; {wit}"
        ),
        imports: core_import,
        evaluate: "(call $imported) (i32.const 2048)",
        ..Parts::default()
    }))
}

#[test]
fn a_plain_component_is_taken_in_and_says_what_it_is() {
    let plugin = engine().load(&component(Parts::default())).unwrap();
    assert_eq!(plugin.manifest().name, "plain");
    assert_eq!(plugin.manifest().version, "1.0.0");
    assert_eq!(
        plugin.worlds(),
        Worlds {
            access_policy: true,
            transaction_guardrail: false
        }
    );
    assert_eq!(plugin.digest().len(), 64);
    let configured = engine().configure(&plugin, org(), "").unwrap();
    assert_eq!(
        code(&configured.evaluate_access(&request(), Mode::Fresh)),
        "abstain"
    );
    let decided = decide_access(
        request(),
        &[Attachment::ready(configured, Mode::Fresh)],
        1000,
    );
    let denial = decided
        .into_permit::<oneclaw_policy_host::ReadSecret>()
        .unwrap_err();
    assert_eq!(denial.code, "policy/no-decision");
}

#[test]
fn the_same_bytes_are_the_same_plugin() {
    let component = component(Parts::default());
    let (one, two) = (
        engine().load(&component).unwrap(),
        engine().load(&component).unwrap(),
    );
    assert!(std::sync::Arc::ptr_eq(&one, &two));
}

#[test]
fn a_clock_is_refused_by_name() {
    let sentence = refused_import(
        "import wasi:clocks/wall-clock@0.2.0; }
         package wasi:clocks@0.2.0 { interface wall-clock { now: func(); } }",
        r#"(import "wasi:clocks/wall-clock@0.2.0" "now" (func $imported))"#,
    );
    assert_eq!(
        sentence,
        "the component imports `wasi:clocks/wall-clock@0.2.0` (function `now`); a policy component may import \
         nothing but types of oneclaw:policy"
    );
}

#[test]
fn a_bare_function_is_refused_by_name() {
    let sentence = refused_import(
        "import phone-home: func(); }",
        r#"(import "$root" "phone-home" (func $imported))"#,
    );
    assert!(
        sentence.starts_with("the component imports the function `phone-home`;"),
        "{sentence}"
    );
}

#[test]
fn a_resource_is_refused_by_name() {
    let sentence = refused_import(
        "import test:files/types; }
         package test:files { interface types { resource file { } } }",
        r#"(import "test:files/types" "[resource-drop]file" (func $drop (param i32)))
           (func $imported (call $drop (i32.const 0)))"#,
    );
    assert!(
        sentence.starts_with("the component imports `test:files/types` (resource `file`);"),
        "{sentence}"
    );
}

#[test]
fn a_function_smuggled_into_a_package_that_looks_like_ours_is_refused() {
    let contract = contract().replace(
        "interface types {",
        "interface types { tell: func(what: u32);",
    );
    let module = r#"(module
        (import "oneclaw:policy/types@0.1.0" "tell" (func (param i32)))
        (memory (export "memory") 1)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64))
        (func (export "describe") (result i32) (i32.const 0))
        (func (export "configure") (param i32 i32) (result i32) (i32.const 0))
        (func (export "evaluate-access") (param i32) (result i32) (i32.const 0)))"#;
    let wit = "package test:guest; world guest { include oneclaw:policy/access-policy@0.1.0; }";
    let sentence = refused(&component_from(module, wit, Some(&contract)));
    assert!(
        sentence
            .starts_with("the component imports `oneclaw:policy/types@0.1.0` (function `tell`);"),
        "{sentence}"
    );
}

const ABSTAINER: &str = r#"(module
    (memory (export "memory") 1)
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 8192))
    (func (export "describe") (result i32) (i32.const 3072))
    (func (export "configure") (param i32 i32) (result i32) (i32.const 1024))
    (func (export "evaluate-access") (param i32) (result i32) (i32.const 2048))
    (data (i32.const 2048) "\03")
    (data (i32.const 3072) "\00\10\00\00\05\00\00\00" "\10\10\00\00\05\00\00\00" "\20\10\00\00\00\00\00\00" "\30\10\00\00\02\00\00\00")
    (data (i32.const 4096) "plain")
    (data (i32.const 4112) "1.0.0")
    (data (i32.const 4144) "{}"))"#;

fn of_version(version: &str) -> Vec<u8> {
    let contract = contract().replace("oneclaw:policy@0.1.0", &format!("oneclaw:policy@{version}"));
    let wit = format!(
        "package test:guest; world guest {{ include oneclaw:policy/access-policy@{version}; }}"
    );
    component_from(ABSTAINER, &wit, Some(&contract))
}

#[test]
fn a_component_made_for_a_compatible_version_of_the_contract_is_taken_in() {
    let plugin = engine().load(&of_version("0.1.7")).unwrap();
    let configured = engine().configure(&plugin, org(), "").unwrap();
    assert_eq!(
        code(&configured.evaluate_access(&request(), Mode::Fresh)),
        "abstain"
    );
}

#[test]
fn a_component_made_for_another_version_of_the_contract_is_refused_by_name() {
    let sentence = refused(&of_version("0.2.0"));
    assert!(
        sentence.starts_with("the component is written for `oneclaw:policy/types@0.2.0`")
            || sentence
                .starts_with("the component is written for `oneclaw:policy/access-types@0.2.0`"),
        "{sentence}"
    );
}

#[test]
fn an_export_of_the_right_name_and_the_wrong_type_is_refused() {
    let contract = contract().replace("at-ms: s64,", "at-ms: u64,");
    let wit = "package test:guest; world guest { include oneclaw:policy/access-policy@0.1.0; }";
    let error = engine()
        .load(&component_from(ABSTAINER, wit, Some(&contract)))
        .unwrap_err();
    assert!(
        matches!(error, LoadError::World(_) | LoadError::Compile(_)),
        "{error}"
    );
}

#[test]
fn a_component_without_our_functions_is_refused_by_the_name_of_the_first() {
    let wit = "package test:guest; world guest { export run: func(); }";
    let sentence = refused(&component_from(
        r#"(module (func (export "run")))"#,
        wit,
        None,
    ));
    assert_eq!(
        sentence,
        "the component exports no world of oneclaw:policy@0.1: it has no exported function `describe`"
    );
}

#[test]
fn a_component_of_the_transaction_world_is_recognised_and_has_no_say_in_access() {
    let plugin = engine()
        .load(&component(Parts {
            wit: "package test:guest; world guest { include oneclaw:policy/transaction-guardrail@0.1.0; }",
            evaluate_name: "evaluate-transaction",
            ..Parts::default()
        }))
        .unwrap();
    assert_eq!(
        plugin.worlds(),
        Worlds {
            access_policy: false,
            transaction_guardrail: true
        }
    );
    let error = engine().configure(&plugin, org(), "").unwrap_err();
    assert_eq!(
        error.to_string(),
        "plugin `plain` does not decide on access to secrets"
    );
    let configured = engine().configure_guardrail(&plugin, org(), "").unwrap();
    let request = transaction();
    for mode in [Mode::Fresh, Mode::Warm] {
        let evaluation = configured.evaluate_transaction(&request, &[], mode);
        assert_eq!(code(&evaluation), "abstain");
    }
    configured.build_snapshot().unwrap();
    let evaluation = configured.evaluate_transaction(&request, &[], Mode::Fresh);
    assert_eq!(code(&evaluation), "abstain");
}

#[test]
fn a_component_of_the_access_world_has_no_say_in_what_is_signed() {
    let plugin = engine().load(&component(Parts::default())).unwrap();
    let error = engine()
        .configure_guardrail(&plugin, org(), "")
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "plugin `plain` does not decide on what is signed"
    );
}

#[test]
fn a_component_may_be_of_both_worlds() {
    assert_eq!(
        engine().load(HOSTILE).unwrap().worlds(),
        Worlds {
            access_policy: true,
            transaction_guardrail: true
        }
    );
}

#[test]
fn bytes_that_are_no_component_are_refused() {
    for bytes in [&b""[..], b"\0asm", b"hello", &HOSTILE[..HOSTILE.len() / 2]] {
        let error = engine().load(bytes).map(|_| ()).unwrap_err();
        assert!(matches!(error, LoadError::Invalid(_)), "{error}");
    }
    let module = engine().load(b"\0asm\x01\0\0\0").map(|_| ());
    assert!(matches!(module, Err(LoadError::CoreModule)), "{module:?}");
}

#[test]
fn a_component_beyond_the_limit_is_not_even_looked_at() {
    let limits = Limits::default().with_component_bytes(1024).unwrap();
    let error = Engine::new(options(limits))
        .unwrap()
        .load(HOSTILE)
        .unwrap_err();
    assert_eq!(
        error,
        LoadError::TooLarge {
            bytes: HOSTILE.len() as u64,
            limit: 1024
        }
    );
}

#[test]
fn a_component_that_fails_to_describe_itself_is_refused() {
    for (describe, code) in [
        ("unreachable", "internal/trap"),
        ("(loop $l (br $l)) unreachable", "internal/fuel"),
        ("(i32.const 0xffff00)", "internal/bad-reply"),
    ] {
        let error = engine()
            .load(&component(Parts {
                describe,
                ..Parts::default()
            }))
            .unwrap_err();
        assert!(
            matches!(&error, LoadError::Describe(failure) if failure.code == code),
            "{error:?}"
        );
    }
}

#[test]
fn a_component_whose_manifest_is_unusable_is_refused() {
    // Points at zeroes: four empty strings.
    let error = engine()
        .load(&component(Parts {
            describe: "(i32.const 1024)",
            ..Parts::default()
        }))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the component describes itself wrongly: name `` is not made of lower-case words joined by hyphens"
    );
}

#[test]
fn a_component_that_wants_more_memory_or_tables_than_there_are_is_refused() {
    for extra in [
        "(table 1000000 funcref)",
        "(func $start unreachable) (start $start)",
    ] {
        let error = engine()
            .load(&component(Parts {
                extra,
                ..Parts::default()
            }))
            .unwrap_err();
        assert!(
            matches!(error, LoadError::Compile(_) | LoadError::Describe(_)),
            "{error:?}"
        );
    }
    let small = patient().with_memory_bytes(64 << 10).unwrap();
    let error = Engine::new(options(small))
        .unwrap()
        .load(HOSTILE)
        .unwrap_err();
    assert!(error.to_string().contains("memory"), "{error}");
}

/// Decides on a hand-written body, which fails with the given code, fresh and warm.
fn evaluates_to(extra: &str, evaluate: &str) -> String {
    let plugin = engine()
        .load(&component(Parts {
            extra,
            evaluate,
            ..Parts::default()
        }))
        .unwrap();
    let configured = engine().configure(&plugin, org(), "").unwrap();
    let [fresh, warm] =
        [Mode::Fresh, Mode::Warm].map(|mode| code(&configured.evaluate_access(&request(), mode)));
    assert_eq!(fresh, warm);
    crate::common::assert_alive();
    fresh
}

#[test]
fn an_answer_that_makes_no_sense_is_a_bad_reply() {
    // A verdict that does not exist.
    assert_eq!(
        evaluates_to(
            "",
            "(i32.store8 (i32.const 2048) (i32.const 9)) (i32.const 2048)"
        ),
        "internal/bad-reply"
    );
    // A pointer that is not aligned, and one beyond the memory.
    assert_eq!(evaluates_to("", "(i32.const 2049)"), "internal/bad-reply");
    assert_eq!(
        evaluates_to("", "(i32.const 0x7ffffff8)"),
        "internal/bad-reply"
    );
    // As many notes as a number can say.
    let flags = "(i32.store (i32.const 2164) (i32.const -1)) (i32.const 2048)";
    assert_eq!(
        evaluates_to(
            "",
            &format!("(memory.fill (i32.const 2049) (i32.const 255) (i32.const 256)) {flags}")
        ),
        "internal/bad-reply"
    );
}

#[test]
fn recursion_on_the_hosts_stack_is_a_failure_and_no_crash() {
    let extra = "(func $deeper (param i64) (result i64) (i64.add (call $deeper (local.get 0)) (i64.const 1)))";
    let evaluate = "(drop (call $deeper (i64.const 0))) (i32.const 2048)";
    assert_eq!(evaluates_to(extra, evaluate), "internal/stack");
}

#[test]
fn a_table_that_grows_without_end_is_a_failure() {
    let extra = "(table $t 1 funcref)";
    let evaluate = "(loop $l (drop (table.grow $t (ref.null func) (i32.const 1000))) (br $l)) (i32.const 2048)";
    assert_eq!(evaluates_to(extra, evaluate), "internal/memory");
}

#[test]
fn a_component_that_cannot_be_snapshotted_goes_on_being_served() {
    let plugin = engine()
        .load(&component(Parts {
            extra: "(table $t 4 funcref)",
            evaluate: "(table.set $t (i32.const 0) (ref.null func)) (i32.const 2048)",
            ..Parts::default()
        }))
        .unwrap();
    let configured = engine().configure(&plugin, org(), "").unwrap();
    let error = configured.build_snapshot().unwrap_err();
    assert!(
        matches!(&error, SnapshotError::Unsupported(why) if why.contains("table.set")),
        "{error}"
    );
    assert!(!configured.is_snapshotted());
    assert_eq!(
        code(&configured.evaluate_access(&request(), Mode::Fresh)),
        "abstain"
    );
}

#[test]
fn a_mutable_vector_global_makes_no_snapshot_and_no_panic() {
    let plugin = engine()
        .load(&component(Parts {
            extra: "(global $v (mut v128) (v128.const i64x2 0 0))",
            evaluate: "(global.set $v (v128.const i64x2 1 1)) (i32.const 2048)",
            ..Parts::default()
        }))
        .unwrap();
    let configured = engine().configure(&plugin, org(), "").unwrap();
    assert!(matches!(
        configured.build_snapshot(),
        Err(SnapshotError::Unsupported(_))
    ));
    assert_eq!(
        code(&configured.evaluate_access(&request(), Mode::Fresh)),
        "abstain"
    );
}
