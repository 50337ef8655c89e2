//! The documents say what is true: the first success of the README runs as it stands, links lead somewhere, the guide
//! to settings knows them all, and tests that are named exist.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use oneclaw_server::config::Signup;
use oneclaw_tests::app::{Database, TestApp};
use serde_json::Value;

const STORY: &str = "## A first success in five minutes";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The shell blocks below a heading, up to the next one of its level.
fn shell_blocks(text: &str, heading: &str) -> String {
    let (_, section) = text
        .split_once(&format!("{heading}\n"))
        .unwrap_or_else(|| panic!("README.md has no `{heading}`"));
    let section = section.split("\n## ").next().unwrap();
    let blocks: Vec<&str> = section
        .split("```sh\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    blocks.concat()
}

/// Runs a script the way a reader would, with nothing in the environment that could bend it.
fn run(shell: &str, script: &str, url: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("story.sh");
    std::fs::write(&file, script).unwrap();
    Command::new(shell)
        .arg(&file)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("ONECLAW_URL", url)
        .output()
        .unwrap_or_else(|e| panic!("`{shell}` cannot be run: {e}"))
}

/// Runs a script against a server of its own, and gives what it printed and the answers among it.
async fn told(shell: &'static str, script: String) -> (String, Vec<Value>) {
    assert!(
        Command::new("curl").arg("--version").output().is_ok(),
        "the documents tell their stories with curl: run `apt-get install curl`"
    );
    let app = TestApp::start_with(Database::Sqlite, |config| config.signup = Signup::First).await;
    let url = app.url.clone();
    let output = tokio::task::spawn_blocking(move || run(shell, &script, &url))
        .await
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}\n{complaints}");
    assert_eq!(complaints, "", "{said}");
    let answers = said
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    (said, answers)
}

async fn the_first_success_works_in(shell: &'static str) {
    let (said, answers) = told(shell, shell_blocks(&read("README.md"), STORY)).await;
    let [
        ..,
        allowed,
        refused,
        trail,
        verified,
        agent,
        _,
        paid,
        over_limit,
    ] = answers.as_slice()
    else {
        panic!("too few answers:\n{said}");
    };
    assert_eq!(allowed["value"], "sk-example", "{said}");
    assert_eq!(refused["status"], 403, "{said}");
    assert_eq!(refused["reason_code"], "policy/no-match", "{said}");
    assert!(refused.get("value").is_none(), "{said}");
    let decisions: Vec<&Value> = trail["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| &event["details"]["decision"])
        .collect();
    assert_eq!(decisions, ["deny", "allow"], "{said}");
    for event in trail["events"].as_array().unwrap() {
        let by = &event["details"]["evaluations"][0]["plugin"];
        assert_eq!(by, "access-policy", "a component decided: {said}");
    }
    assert_eq!(verified["chain_valid"], true, "{said}");
    assert!(!said.contains("not for agents"), "{said}");
    assert_eq!(agent["intents_api_enabled"], true, "{said}");
    assert_eq!(paid["status"], "signed", "{said}");
    assert_eq!(over_limit["reason_code"], "value_limit", "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_success_of_the_readme_works_in_bash() {
    the_first_success_works_in("bash").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_success_of_the_readme_works_in_a_plain_posix_shell() {
    the_first_success_works_in("sh").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_policy_of_the_guide_is_taken_and_its_question_to_the_trail_answered() {
    let guide = read("docs/guides/access-policies.md");
    let guide = guide.split("## A component of your own").next().unwrap();
    let story = shell_blocks(&read("README.md"), STORY);
    let script = guide
        .split("```sh\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .fold(story, |script, block| script + block);
    let (said, answers) = told("bash", script).await;
    let [.., policy, of_all, trail] = answers.as_slice() else {
        panic!("too few answers:\n{said}");
    };
    assert_eq!(policy["secret_path_pattern"], "env/staging/**", "{said}");
    let window = &policy["conditions"]["time_window"];
    assert_eq!(window["timezone"], "Europe/Berlin", "{said}");
    let pattern = "agents/{agent-name}/**";
    assert_eq!(of_all["secret_path_pattern"], pattern, "{said}");
    assert_eq!(trail["count"], 2, "{said}");
}

#[test]
fn what_the_readme_shows_of_the_answers_is_what_they_hold() {
    let readme = read("README.md");
    for shown in [
        r#""value":"sk-example""#,
        r#""reason_code":"policy/no-match""#,
        r#"{"chain_valid":true"#,
    ] {
        assert!(readme.contains(shown), "{shown}");
    }
}

#[test]
fn no_secret_of_the_first_success_stands_on_a_command_line() {
    let script = shell_blocks(&read("README.md"), STORY);
    for line in script.lines().filter(|line| line.contains("curl ")) {
        for variable in ["$2\"", "TOKEN", "PASSWORD", "KEY", "$3"] {
            let leaks = line.contains(variable) && !line.contains("$ONECLAW_URL$2\"");
            assert!(!leaks, "{variable} in `{line}`");
        }
    }
}

/// Every Markdown file of the project.
fn documents() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name.starts_with('.') || name == "target" || name == "oneclaw-data" {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if name.ends_with(".md") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The targets of the links of a Markdown text, without code blocks.
fn links(text: &str) -> Vec<String> {
    let prose: String = text.split("```").step_by(2).collect();
    prose
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target.to_owned())
        .collect()
}

/// The fragment by which a heading is linked.
fn fragment(heading: &str) -> String {
    let kept: String = heading
        .trim_start_matches('#')
        .trim()
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .collect();
    kept.replace(' ', "-")
}

#[test]
fn every_link_between_the_documents_leads_somewhere() {
    let mut broken = Vec::new();
    for document in documents() {
        let text = std::fs::read_to_string(&document).unwrap();
        for link in links(&text) {
            if link.contains("://") || link.starts_with("mailto:") || link.starts_with("crate") {
                continue;
            }
            let (path, wanted) = link.split_once('#').unwrap_or((&link, ""));
            let target = if path.is_empty() {
                document.clone()
            } else {
                document.parent().unwrap().join(path)
            };
            let known = target.exists()
                && (wanted.is_empty()
                    || std::fs::read_to_string(&target)
                        .unwrap_or_default()
                        .lines()
                        .any(|line| line.starts_with('#') && fragment(line) == wanted));
            if !known {
                let from = document.strip_prefix(root()).unwrap().display();
                broken.push(format!("{from}: `{link}`"));
            }
        }
    }
    assert!(
        broken.is_empty(),
        "links that lead nowhere:\n{}",
        broken.join("\n")
    );
}

#[test]
fn the_guide_to_settings_names_each_of_them() {
    let guide = read("docs/guides/configuration.md");
    let mut section = String::new();
    let mut settings = BTreeSet::new();
    for line in read("server/config.default.toml").lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            section = format!("{name}.");
        } else if let Some((name, _)) = line.trim_start_matches('#').split_once(" = ")
            && line.starts_with('#')
            && !name.contains(' ')
        {
            settings.insert(format!("{section}{name}"));
        }
    }
    assert!(settings.len() >= 20, "{settings:?}");
    let missing: Vec<&String> = settings
        .iter()
        .filter(|setting| !guide.contains(&format!("`{setting}`")))
        .collect();
    assert!(
        missing.is_empty(),
        "docs/guides/configuration.md says nothing of {missing:?}"
    );
}

/// Names of tests: words joined by underscores, too many of them for anything else.
fn named_tests(text: &str) -> BTreeSet<String> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .filter(|code| code.matches('_').count() >= 3)
        .filter(|code| {
            code.bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        })
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_test_that_a_document_names_exists() {
    let mut sources = String::new();
    let mut folders = vec![root().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && !name.starts_with('.') && name != "target" {
                folders.push(path);
            } else if name.ends_with(".rs") {
                sources.push_str(&std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    let mut missing = Vec::new();
    for document in documents() {
        let text = std::fs::read_to_string(&document).unwrap();
        for name in named_tests(&text) {
            // Fields and codes are words in the sources.
            let forms = [
                format!("fn {name}"),
                format!("{name}:"),
                format!("\"{name}\""),
            ];
            if !forms.iter().any(|form| sources.contains(form)) {
                let from = document.strip_prefix(root()).unwrap().display();
                missing.push(format!("{from}: `{name}`"));
            }
        }
    }
    assert!(
        missing.is_empty(),
        "named and not to be found:\n{}",
        missing.join("\n")
    );
}
