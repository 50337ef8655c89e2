//! The help of every command, which is their reference.

use crate::shell::{BINARY, command, finish};

fn help(path: &[String]) -> String {
    let home = tempfile::tempdir().unwrap();
    let mut run = command(BINARY, home.path(), &[]);
    run.args(path).arg("--help");
    finish(run, "").ok()
}

/// The commands that a help lists.
fn subcommands(help: &str) -> Vec<String> {
    let Some((_, list)) = help.split_once("\nCommands:\n") else {
        return Vec::new();
    };
    list.lines()
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

fn collect(path: &[String], into: &mut Vec<(Vec<String>, String)>) {
    let text = help(path);
    let below = subcommands(&text);
    into.push((path.to_vec(), text));
    for name in below {
        let mut path = path.to_vec();
        path.push(name);
        collect(&path, into);
    }
}

/// Every command that does something, such as `agent list`.
pub fn leaves() -> Vec<String> {
    let mut all = Vec::new();
    collect(&[], &mut all);
    all.into_iter()
        .filter(|(_, text)| !text.contains("\nCommands:\n"))
        .map(|(path, _)| path.join(" "))
        .collect()
}

#[test]
fn every_command_has_help_with_examples() {
    let mut all = Vec::new();
    collect(&[], &mut all);
    assert!(all.len() > 40, "{}", all.len());
    let mut pages: std::collections::BTreeMap<String, String> = std::collections::BTreeMap::new();
    for (path, text) in &all {
        let name = path.join(" ");
        let is_group = text.contains("\nCommands:\n");
        assert!(
            is_group || text.contains("Examples:"),
            "`1claw {name}` shows no example"
        );
        let page = path.first().cloned().unwrap_or_else(|| "1claw".to_owned());
        pages.entry(page).or_default().push_str(&format!(
            "$ 1claw {name}{}--help\n{text}\n",
            if name.is_empty() { "" } else { " " }
        ));
    }
    for (page, text) in pages {
        insta::assert_snapshot!(format!("help_{page}"), text);
    }
}

#[test]
fn completions_and_manual_pages_know_every_command() {
    let home = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let mut run = command(BINARY, home.path(), &[]);
        run.args(["completions", shell]);
        let script = finish(run, "").ok();
        for word in ["rotate-key", "federated-token", "tx-max-value"] {
            assert!(script.contains(word), "{shell} knows no {word}");
        }
    }
    let mut run = command(BINARY, home.path(), &[]);
    run.args(["man", "--dir", "man"]);
    finish(run, "").ok();
    for page in ["1claw.1", "1claw-agent-rotate-key.1", "1claw-env-run.1"] {
        let text = std::fs::read_to_string(home.path().join("man").join(page)).unwrap();
        assert!(text.contains(".SH"), "{page}");
    }
}
