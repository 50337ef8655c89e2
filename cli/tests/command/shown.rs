//! What every command prints, for people and for programs, from runs against whole servers. A command that has no picture
//! here fails `every_command_has_a_picture_for_people_and_one_for_programs`.

mod agents;
pub mod plugins;
mod webhooks;

use std::collections::BTreeMap;

use oneclaw_tests::app::PASSWORD;
use serde_json::Value;

use crate::help::leaves;
use crate::redact::redacted;
use crate::shell::Shell;

/// Commands whose output is the same in every format, with the reason: one picture does.
const ALIKE: &[(&str, &str)] = &[
    ("env run", "the command that it runs prints"),
    ("audit export", "prints the lines of the export"),
    ("decision export", "prints the cases"),
    ("config get", "prints the value"),
];

/// Commands that are looked at elsewhere, with the reason.
const UNSHOWN: &[(&str, &str)] = &[
    (
        "completions",
        "prints a long script, which help.rs looks at",
    ),
    ("man", "prints a long page, which help.rs looks at"),
    (
        "auth federated-token",
        "this server exchanges no tokens, and says so with 501",
    ),
];

/// Runs commands and keeps what they print, command by command.
pub struct Album<'a> {
    shell: &'a Shell,
    environment: Vec<(&'a str, &'a str)>,
    pages: BTreeMap<String, String>,
}

impl<'a> Album<'a> {
    fn new(shell: &'a Shell) -> Self {
        Self {
            shell,
            environment: Vec::new(),
            pages: BTreeMap::new(),
        }
    }

    /// Runs `command` once, with these arguments and something on standard input, and keeps what it prints.
    fn one(&mut self, command: &str, arguments: &[&str], stdin: &str) -> String {
        let mut all: Vec<&str> = command.split(' ').collect();
        all.extend(arguments);
        let out = self.shell.with(&all, stdin, &self.environment).ok();
        self.keep(command, arguments, &out);
        out
    }

    /// A picture of what was printed elsewhere.
    fn keep(&mut self, command: &str, arguments: &[&str], out: &str) {
        self.put(command, arguments, &uncounted(&redacted(out)));
    }

    /// A picture of what is the same in every run.
    fn put(&mut self, command: &str, arguments: &[&str], shown: &str) {
        let said: Vec<String> = arguments
            .iter()
            .map(|word| {
                if word.is_empty() || word.contains([' ', '*', '"', '{']) {
                    format!("'{word}'")
                } else {
                    (*word).to_owned()
                }
            })
            .collect();
        let line = redacted(&format!("$ 1claw {command} {}", said.join(" ")));
        let page = self.pages.entry(command.to_owned()).or_default();
        page.push_str(&format!("{}\n{shown}\n", line.trim_end()));
    }

    /// For people and for programs: a command that changes nothing.
    fn both(&mut self, command: &str, arguments: &[&str]) -> Value {
        self.one(command, arguments, "");
        self.json(command, arguments, "")
    }

    /// For programs.
    fn json(&mut self, command: &str, arguments: &[&str], stdin: &str) -> Value {
        let mut all = arguments.to_vec();
        all.push("--json");
        let out = self.one(command, &all, stdin);
        if out.is_empty() {
            return Value::Null;
        }
        serde_json::from_str(&out).unwrap_or_else(|e| panic!("{command}: not JSON ({e}): {out}"))
    }

    fn done(self) {
        for (command, page) in self.pages {
            insta::assert_snapshot!(command.replace(' ', "_"), page);
        }
    }
}

/// How many requests were counted so far, and how large a component is, is not what a picture is about.
fn uncounted(out: &str) -> String {
    let mut is_next = false;
    out.split_inclusive('\n')
        .map(|line| {
            let counts = ["API Requests", "Size:", "\"requests_used\"", "\"size\""];
            let is_count = is_next || counts.iter().any(|c| line.trim_start().starts_with(c));
            is_next = line.contains("\"requests\": {");
            if is_count {
                line.replace(|c: char| c.is_ascii_digit(), "N")
            } else {
                line.to_owned()
            }
        })
        .collect()
}

#[track_caller]
fn id(value: &Value) -> String {
    let id = value["id"]
        .as_str()
        .or_else(|| value["agent"]["id"].as_str());
    id.unwrap_or_else(|| panic!("no id: {value}")).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_and_settings() {
    let shell = Shell::start().await;
    let mut album = Album::new(&shell);
    let with = |email: &'static str| ["--email", email, "--password-stdin"];
    album.one("signup", &with("first@example.com"), PASSWORD);
    album.json("signup", &with("you@example.com"), PASSWORD);
    album.one("login", &with("you@example.com"), PASSWORD);
    album.json("login", &with("you@example.com"), PASSWORD);
    album.both("whoami", &[]);
    let vault = shell.vault("production");
    album.one("config set", &["default-vault", "production"], "");
    album.json("config set", &["output-format", "table"], "");
    album.both("config list", &[]);
    album.one("config get", &["default-vault"], "");
    let made = album.json("api-key create", &["ci", "--expires", "2030-01-01"], "");
    album.one("api-key create", &["deploy"], "");
    album.both("api-key list", &[]);
    let key = made["key"]["id"].as_str().unwrap();
    album.one("api-key revoke", &[key, "--yes"], "");
    let second = shell.json(&["api-key", "create", "second"]);
    let second = second["key"]["id"].as_str().unwrap();
    album.json("api-key revoke", &[second, "--yes"], "");
    album.both("mfa status", &[]);
    album.one("logout", &[], "");
    shell
        .with(
            &["login", "--email", "you@example.com", "--password-stdin"],
            PASSWORD,
            &[],
        )
        .ok();
    album.json("logout", &[], "");
    album.done();
    assert!(!vault.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_factor() {
    let shell = Shell::signed_in().await;
    let mut album = Album::new(&shell);
    // Recovery codes are drawn by lot.
    let hidden = |out: &str, codes: &[String]| {
        codes
            .iter()
            .fold(out.to_owned(), |out, code| out.replace(code, "<code>"))
    };
    let enabled = crate::mfa::enable(&shell, &[]);
    album.keep("mfa enable", &[], &hidden(&enabled.out, &enabled.codes));
    album.one("mfa disable", &["--code", &enabled.codes[0]], "");
    let enabled = crate::mfa::enable(&shell, &["--json"]);
    album.keep(
        "mfa enable",
        &["--json"],
        &hidden(&enabled.out, &enabled.codes),
    );
    album.json("mfa disable", &["--code", &enabled.codes[0]], "");
    for page in album.pages.values_mut() {
        *page = hidden(page, &enabled.codes);
    }
    let page = album.pages.get_mut("mfa disable").unwrap();
    *page = page
        .lines()
        .map(|line| match line.split_once("--code ") {
            Some((before, rest)) => {
                let after = rest.split_once(' ').map_or("", |(_, after)| after);
                format!("{before}--code <code> {after}")
                    .trim_end()
                    .to_owned()
                    + "\n"
            }
            None => format!("{line}\n"),
        })
        .collect();
    album.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn vaults_and_what_is_in_them() {
    let shell = Shell::signed_in().await;
    let mut album = Album::new(&shell);
    album.one(
        "vault create",
        &["production", "-d", "Keys of the fleet"],
        "",
    );
    album.json("vault create", &["staging"], "");
    album.both("vault list", &[]);
    album.both("vault get", &["production"]);
    shell.run(&["vault", "link", "production"]).ok();
    let here = shell.home.path().to_str().unwrap().to_owned();
    for format in [&[][..], &["--json"]] {
        for (command, arguments) in [("vault link", &["production"][..]), ("vault unlink", &[])] {
            let mut all: Vec<&str> = command.split(' ').collect();
            all.extend(arguments.iter().chain(format));
            let out = shell.run(&all).ok().replace(&here, "<here>");
            let said: Vec<&str> = arguments.iter().chain(format).copied().collect();
            album.keep(command, &said, &out);
        }
    }
    album.one("vault delete", &["staging", "--yes"], "");
    shell.vault("staging");
    album.json("vault delete", &["staging", "--yes"], "");

    album.environment = vec![("ONECLAW_VAULT_ID", "production")];
    album.one("secret set", &["api-keys/openai", "--stdin"], "sk-one");
    album.json(
        "secret set",
        &["db/password", "--stdin", "-t", "password"],
        "p-one",
    );
    album.one("secret rotate", &["db/password", "--stdin"], "p-two");
    album.json("secret rotate", &["db/password", "--generate"], "");
    album.both("secret get", &["api-keys/openai"]);
    album.both("secret versions", &["db/password"]);
    album.both("secret describe", &["db/password"]);
    album.both("secret list", &[]);
    album.one("secret disable", &["db/password", "1", "--yes"], "");
    album.json("secret disable", &["db/password", "2", "--yes"], "");
    album.one("secret delete", &["db/password", "--yes"], "");
    let set = [
        "secret",
        "set",
        "db/password",
        "--stdin",
        "-v",
        "production",
    ];
    shell.with(&set, "p", &[]).ok();
    album.json("secret delete", &["db/password", "--yes"], "");
    shell.file(".env", "GREETING='hello world'\nMODE=fast\n");
    album.one("env push", &[".env"], "");
    album.json("env push", &[".env"], "");
    album.both("env pull", &[]);
    album.one("env run", &["--", "printenv", "API_KEYS_OPENAI"], "");
    album.one("env add", &["DATABASE_URL", "--stdin"], "postgres://a");
    album.json(
        "env add",
        &["LOG_LEVEL", "debug", "-e", "preview", "--no-sensitive"],
        "",
    );
    album.both("env list", &[]);
    album.one("env delete", &["DATABASE_URL", "--yes"], "");
    album.json("env delete", &["LOG_LEVEL", "-e", "preview", "--yes"], "");
    album.one("env environments create", &["staging"], "");
    let copy = ["qa", "--copy-from", "preview", "-d", "Tests"];
    album.json("env environments create", &copy, "");
    album.both("env environments list", &[]);
    album.one("env environments delete", &["staging", "--yes"], "");
    album.json("env environments delete", &["qa", "--yes"], "");
    album.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn shares() {
    let shell = Shell::signed_in().await;
    let mut album = Album::new(&shell);
    shell.vault("v");
    let set = ["secret", "set", "a/b", "-v", "v", "--stdin", "--json"];
    let secret = id(&shell.with(&set, "shared", &[]).json());
    let (agent, key) = shell.agent("worker-1", &["--scopes", "**"]);
    shell.policy("v", &agent, "**", "read");
    album.environment = vec![("ONECLAW_API_KEY", &key)];
    let until = ["--creator", "--expires", "2030-01-01"];
    let create: Vec<&str> = std::iter::once(secret.as_str()).chain(until).collect();
    album.one("share create", &create, "");
    let made: Vec<String> = (0..4)
        .map(|_| id(&album.json("share create", &create, "")))
        .collect();
    album.pages.retain(|_, page| {
        // One of the four is enough.
        let end = page
            .match_indices("$ 1claw")
            .nth(2)
            .map_or(page.len(), |(at, _)| at);
        page.truncate(end);
        true
    });
    album.both("share list", &["--outbound"]);
    album.environment.clear();
    album.both("share list", &["--inbound"]);
    album.one("share accept", &[&made[0]], "");
    album.json("share accept", &[&made[1]], "");
    album.one("share decline", &[&made[2]], "");
    album.json("share decline", &[&made[3]], "");
    album.both("share access", &[&made[0]]);
    album.environment = vec![("ONECLAW_API_KEY", &key)];
    album.one("share revoke", &[&made[0], "--yes"], "");
    album.json("share revoke", &[&made[1], "--yes"], "");
    album.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happened() {
    let shell = Shell::signed_in().await;
    let mut album = Album::new(&shell);
    let vault = shell.vault("v");
    let (agent, key) = shell.agent("worker-1", &["--scopes", "**"]);
    let refused = shell
        .with(
            &["secret", "get", "keys/base"],
            "",
            &[("ONECLAW_API_KEY", &key), ("ONECLAW_VAULT_ID", &vault)],
        )
        .fails(3);
    assert!(refused.contains("decision explain"), "{refused}");
    album.both(
        "audit list",
        &["--actor-type", "agent", "--actor-id", &agent],
    );
    album.both("audit verify", &[]);
    album.both("audit checkpoint", &[]);
    album.both("audit key", &[]);
    album.one("audit export", &[], "");
    let list = album.both("decision list", &["--verdict", "deny"]);
    album.both("decision explain", &[&id(&list[0])]);
    album.one("decision export", &["--as-cases"], "");
    album.both("billing status", &[]);
    album.both("billing usage", &[]);
    album.both("billing credits", &[]);
    album.both("billing ledger", &[]);
    album.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn fleets() {
    let shell = Shell::signed_in().await;
    let mut album = Album::new(&shell);
    shell.file(
        "fleet.yaml",
        "fleet: f\nvaults: [{name: v}]\nagents: [{name: a}]\npolicies: [{vault: v, path: x, agents: all}]\n",
    );
    album.both("diff", &["-f", "fleet.yaml"]);
    album.one("apply", &["-f", "fleet.yaml", "--yes"], "");
    shell.file(
        "fleet.yaml",
        "fleet: f\nagents: [{name: a, token_ttl_seconds: 300}]\n",
    );
    album.json("apply", &["-f", "fleet.yaml", "--yes"], "");
    album.both("export", &["--fleet", "f"]);
    album.done();
}

#[test]
fn every_command_has_a_picture_for_people_and_one_for_programs() {
    let pictures = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/command/snapshots");
    let mut missing = Vec::new();
    for command in leaves() {
        let is_in = |list: &[(&str, &str)]| list.iter().any(|(name, _)| *name == command);
        if is_in(UNSHOWN) {
            continue;
        }
        let file = format!("command__shown__{}.snap", command.replace(' ', "_"));
        let page = std::fs::read_to_string(pictures.join(file)).unwrap_or_default();
        let start = format!("$ 1claw {command}");
        let runs: Vec<&str> = page
            .lines()
            .filter(|line| line.starts_with(&start))
            .collect();
        let (programs, people): (Vec<&str>, Vec<&str>) =
            runs.iter().partition(|line| line.ends_with("--json"));
        if people.is_empty() || (programs.is_empty() && !is_in(ALIKE)) {
            missing.push(command);
        }
    }
    assert!(
        missing.is_empty(),
        "no picture of {missing:?}: see shown.rs"
    );
}
