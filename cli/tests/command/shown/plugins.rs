//! Plugins, from the first line of one to what it decided, and receipts of that.

use oneclaw_test_guests::{HOSTILE, hostile};

use super::{Album, id};
use crate::redact::redacted;
use crate::shell::Shell;

const CASES: &str = r#"[
  {
    "name": "what is to be refused is refused",
    "world": "access-policy",
    "settings": "deny",
    "request": {"path": "prod/db", "permission": "read"},
    "expect": {"verdict": "deny", "code": "hostile/denied"}
  },
  {
    "name": "what is to be left to others is",
    "world": "access-policy",
    "settings": "abstain",
    "request": {"path": "prod/db", "permission": "read"},
    "expect": {"verdict": "abstain"}
  }
]"#;

/// Numbers that a machine measures differ from run to run, and so do the widths of their columns.
fn unmeasured(out: &str) -> String {
    let mut shown = String::new();
    for (number, line) in out.lines().enumerate() {
        let text = line.trim_start();
        shown.push_str(&" ".repeat(line.len() - text.len()));
        let is_header = number == 0 && !text.starts_with('✓');
        let (mut before, mut spaces, mut in_number) = (' ', 0, false);
        for c in text.chars() {
            let continues = in_number && (c.is_ascii_digit() || c == '.');
            let starts = c.is_ascii_digit() && !before.is_alphanumeric() && !is_header;
            spaces = if c == ' ' { spaces + 1 } else { 0 };
            let is_more = continues || spaces > 2 || (c == '─' && before == '─');
            if !is_more {
                shown.push(if starts { 'N' } else { c });
            }
            in_number = continues || starts;
            before = c;
        }
        shown.push('\n');
    }
    shown
}

/// For people and for programs: a command that measures something.
fn measured(
    album: &mut Album<'_>,
    command: &str,
    arguments: &[&str],
    environment: &[(&str, &str)],
) {
    for format in [&[][..], &["--json"]] {
        let arguments = [arguments, format].concat();
        let all: Vec<&str> = command.split(' ').chain(arguments.clone()).collect();
        let out = album.shell.with(&all, "", environment).ok();
        album.put(command, &arguments, &unmeasured(&redacted(&out)));
    }
}

/// Compiling takes a while: the picture is taken where a plugin has been compiled.
pub fn building(shell: &Shell, directory: &str, environment: &[(&str, &str)]) {
    let mut album = Album::new(shell);
    measured(&mut album, "plugin build", &[directory], environment);
    album.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn plugins_on_this_machine() {
    let shell = Shell::start().await;
    let mut album = Album::new(&shell);
    std::fs::write(shell.home.path().join("hostile.wasm"), HOSTILE).unwrap();
    shell.file("cases.json", CASES);
    album.one("plugin new", &["office-door"], "");
    album.json("plugin new", &["office-gate", "--dir", "."], "");
    album.both("plugin check", &["hostile.wasm"]);
    let cases = ["hostile.wasm", "--cases", "cases.json"];
    measured(&mut album, "plugin test", &cases, &[]);
    let bench = [cases.as_slice(), &["--decisions", "10"]].concat();
    measured(&mut album, "plugin bench", &bench, &[]);
    measured(&mut album, "plugin zone", &["UTC"], &[]);
    album.one("plugin keygen", &["publisher.key"], "");
    album.json("plugin keygen", &["another.key"], "");
    album.both("plugin sign", &["hostile.wasm", "--key", "publisher.key"]);
    album.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn plugins_on_a_server_and_what_they_decided() {
    let shell = Shell::signed_in().await;
    let mut album = Album::new(&shell);
    let home = shell.home.path();
    std::fs::write(home.join("first.wasm"), HOSTILE).unwrap();
    std::fs::write(home.join("second.wasm"), hostile("0.2.0")).unwrap();
    album.one("plugin push", &["first.wasm"], "");
    album.json("plugin push", &["second.wasm"], "");
    let versions = album.json("plugin list", &[], "");
    let mut out = shell.run(&["plugin", "list"]).ok();
    for version in versions.as_array().unwrap() {
        let start: String = version["digest"]
            .as_str()
            .unwrap()
            .chars()
            .take(12)
            .collect();
        out = out.replace(&start, "<digest---->");
    }
    album.keep("plugin list", &[], &out);

    let scope = ["--scope", r#"{"paths": ["keys/**"]}"#];
    let first = ["hostile", "0.1.0", "--settings", r#""allow""#];
    album.one("plugin attach", &[first.as_slice(), &scope].concat(), "");
    let denying = ["hostile", "0.2.0", "--settings", r#""deny""#];
    album.json("plugin attach", &denying, "");
    let attached = album.both("plugin attachments", &[]);
    let (first, second) = (&id(&attached[0]), &id(&attached[1]));
    album.both("plugin status", &[first]);

    shell.vault("v");
    let set = ["secret", "set", "keys/base", "-v", "v", "--stdin"];
    shell.with(&set, "value", &[]).ok();
    let log = album.both("plugin logs", &["hostile", "0.2.0"]);
    album.both("plugin replay", &denying);
    let decision = &id(&log[0]);
    album.one("receipt get", &[decision], "");
    let receipt = album.json("receipt get", &[decision], "");
    shell.file("receipt.json", &receipt.to_string());
    album.both("receipt verify", &["receipt.json"]);

    album.one("plugin shadow", &[first, "--settings", r#""abstain""#], "");
    album.json("plugin shadow", &[first, "--version", "0.2.0"], "");
    album.one("plugin promote", &[first, "--percent", "10"], "");
    album.json("plugin promote", &[first], "");
    album.one("plugin rollback", &[first], "");
    album.json("plugin rollback", &[first, "--revision", "1"], "");
    album.one("plugin detach", &[first], "");
    album.json("plugin detach", &[second], "");
    album.done();
}
