//! Components written by hand, for what no Rust guest would do.

use std::path::Path;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// A module with everything that world `access-policy` wants, which abstains. `%EXTRA%` is replaced by more fields,
/// `%EVALUATE%` by the body of `evaluate-access`, `%DESCRIBE%` by that of `describe`.
const MODULE: &str = r#"
(module
  %IMPORTS%
  (memory (export "memory") 1)
  (global $heap (mut i32) (i32.const 8192))
  %EXTRA%
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 15)) (i32.const -16)))
    (global.set $heap (i32.add (local.get $at) (local.get 3)))
    (local.get $at))
  (func (export "describe") (result i32) %DESCRIBE%)
  (func (export "configure") (param i32 i32) (result i32) (i32.const 1024))
  (func (export "%EVALUATE-NAME%") (param i32) (result i32) %EVALUATE%)
  ;; 1024: `ok` with no needs. 2048: `abstain` without reservations and notes.
  (data (i32.const 2048) "\03")
  ;; 3072: the manifest, as four strings.
  (data (i32.const 3072) "\00\10\00\00\05\00\00\00" "\10\10\00\00\05\00\00\00" "\20\10\00\00\00\00\00\00" "\30\10\00\00\02\00\00\00")
  (data (i32.const 4096) "plain")
  (data (i32.const 4112) "1.0.0")
  (data (i32.const 4144) "{}"))
"#;

/// What is different from the plain component.
#[derive(Clone, Copy)]
pub struct Parts<'a> {
    /// Packages besides the contract's, in WIT; and the world that is implemented.
    pub wit: &'a str,
    /// Core imports.
    pub imports: &'a str,
    /// Further fields of the module.
    pub extra: &'a str,
    /// Body of `describe`.
    pub describe: &'a str,
    /// Body of the evaluating function.
    pub evaluate: &'a str,
    /// Name of the evaluating function.
    pub evaluate_name: &'a str,
}

impl Default for Parts<'_> {
    fn default() -> Self {
        Self {
            wit: "package test:guest; world guest { include oneclaw:policy/access-policy@0.1.0; }",
            imports: "",
            extra: "",
            describe: "(i32.const 3072)",
            evaluate: "(i32.const 2048)",
            evaluate_name: "evaluate-access",
        }
    }
}

/// The component that these parts make.
pub fn component(parts: Parts<'_>) -> Vec<u8> {
    let text = MODULE
        .replace("%IMPORTS%", parts.imports)
        .replace("%EXTRA%", parts.extra)
        .replace("%DESCRIBE%", parts.describe)
        .replace("%EVALUATE%", parts.evaluate)
        .replace("%EVALUATE-NAME%", parts.evaluate_name);
    component_from(&text, parts.wit, None)
}

/// A component from a core module and a world of `wit`, which may use the contract (or `contract` in its place).
pub fn component_from(module: &str, wit: &str, contract: Option<&str>) -> Vec<u8> {
    let mut resolve = Resolve::default();
    match contract {
        Some(contract) => resolve.push_str("contract.wit", contract).unwrap(),
        None => {
            resolve
                .push_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit/policy"))
                .unwrap()
                .0
        }
    };
    let package = resolve.push_str("guest.wit", wit).unwrap();
    let world = resolve.select_world(&[package], Some("guest")).unwrap();
    let mut module = wat::parse_str(module).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default()
        .validate(true)
        .module(&module)
        .unwrap()
        .encode()
        .unwrap()
}

/// The text of the contract, as one file.
pub fn contract() -> String {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit/policy");
    let mut text = "package oneclaw:policy@0.1.0;\n".to_owned();
    for file in ["types.wit", "access.wit", "transaction.wit", "worlds.wit"] {
        let part = std::fs::read_to_string(dir.join(file)).unwrap();
        text.push_str(&part.replace("package oneclaw:policy@0.1.0;", ""));
    }
    text
}
