//! Plugins in JavaScript and Python, as the guide has it: built by their own tools, tried in the cage with the room that the
//! guide gives them, and deciding on a server with the limits that the guide sets.

use std::path::{Path, PathBuf};
use std::process::Command;

use oneclaw_tests::app::plugin_limits;
use serde_json::json;

use crate::shell::Shell;
use crate::tools;

const GUIDE: &str = include_str!("../../../docs/guides/other-languages.md");

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_in_javascript_decides_as_the_one_in_rust_does() {
    decides("javascript", "node_modules").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_in_python_decides_as_the_one_in_rust_does() {
    decides("python", ".venv").await;
}

async fn decides(language: &str, tools: &str) {
    let limits = plugin_limits(block("toml", "[plugins]"));
    let shell = Shell::configured(|config| config.plugins = limits).await;
    let example = copy(language);
    let component = build(&shell, &example, "change-freeze");
    template(&shell, &example, language, tools);

    // The server tries the cases that are in it.
    let version = shell.json(&["plugin", "push", &component]);
    assert_eq!(version["cases"], 11);

    shell.vault("production");
    let write = [
        "secret",
        "set",
        "db/password",
        "-v",
        "production",
        "--stdin",
    ];
    shell.with(&write, "before", &[]).ok();
    let freezes =
        json!({"freezes": [{"from": "2000-01-01T00:00:00Z", "until": "2999-01-01T00:00:00Z"}]});
    let freezes = freezes.to_string();
    let attach = ["plugin", "attach", "change-freeze", "0.1.0", "--enforce"];
    shell
        .run(&[&attach[..], &["--settings", &freezes]].concat())
        .ok();

    shell.with(&write, "after", &[]).fails(3);
    let read = [
        "secret",
        "get",
        "db/password",
        "-v",
        "production",
        "--quiet",
    ];
    assert_eq!(shell.run(&read).ok(), "before");
    let decided = shell.json(&["plugin", "logs", "change-freeze", "0.1.0"]);
    let decided: Vec<_> = decided
        .as_array()
        .unwrap()
        .iter()
        .map(|decision| (&decision["verdict"], &decision["code"]))
        .collect();
    assert_eq!(decided[1], (&json!("deny"), &json!("change-freeze/frozen")));
    assert_eq!(decided[0].0, "allow");
}

/// What `plugin new` starts is built by the tools that are there already, and refuses.
fn template(shell: &Shell, example: &Path, language: &str, tools: &str) {
    let new = ["plugin", "new", "office-door", "--lang", language];
    shell.run(&new).ok();
    let copied = Command::new("cp")
        .arg("-a")
        .arg(example.join(tools))
        .arg(shell.home.path().join("office-door"))
        .status();
    assert!(copied.unwrap().success());
    let component = build(shell, Path::new("office-door"), "office-door");
    // With the options that the guide gives.
    let command = block("sh", "1claw plugin test");
    let mut test = vec!["plugin", "test", &component];
    test.extend(command.split_whitespace().skip(4));
    let said = shell.run(&test);
    assert!(said.err.contains("2 cases passed"), "{said:?}");
}

fn build(shell: &Shell, dir: &Path, name: &str) -> String {
    let dir = dir.to_str().unwrap();
    let build = ["plugin", "build", dir];
    shell.with(&build, "", &tools::environment()).ok();
    format!("{dir}/{name}.wasm")
}

/// The block of the guide that begins so.
fn block(kind: &str, beginning: &str) -> &'static str {
    let fence = format!("```{kind}\n");
    GUIDE
        .split(&fence)
        .find(|rest| rest.starts_with(beginning))
        .and_then(|rest| rest.split("```").next())
        .unwrap_or_else(|| panic!("the guide has no block of {beginning}"))
}

/// The example, and what it is built from, in a place that lasts from one run of the tests to the next: its tools are large.
fn copy(language: &str) -> PathBuf {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let all = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("other-languages/{language}"));
    let example = format!("plugins/other-languages/{language}");
    let freeze = "plugins/examples/change-freeze";
    for dir in [&example, freeze, &format!("{freeze}/src"), "wit/policy"] {
        std::fs::create_dir_all(all.join(dir)).unwrap();
        for entry in std::fs::read_dir(repository.join(dir)).unwrap() {
            let entry = entry.unwrap();
            let is_source = entry.path().extension().is_none_or(|kind| kind != "wasm");
            if entry.file_type().unwrap().is_file() && is_source {
                std::fs::copy(entry.path(), all.join(dir).join(entry.file_name())).unwrap();
            }
        }
    }
    all.join(example)
}
