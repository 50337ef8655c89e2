//! Fleets from files.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::Duration;

use serde_json::json;

use crate::redact::redacted;
use crate::relay::{Loss, Relay};
use crate::shell::{BINARY, Shell, command};

/// The start of a request that makes many agents.
const BULK: &str = "POST /v1/agents/bulk";

const FILE: &str = "
fleet: production
vaults:
  - name: shared
    description: Keys of the fleet
defaults:
  scopes: ['**']
  tx_allowed_chains: [base]
agents:
  - name: worker-1
    description: Reads keys
  - name: worker-2
    vaults: [shared]
    tx_max_value: 0.10
    labels: {team: red}
policies:
  - vault: shared
    path: api-keys/**
    agents: all
  - vault: shared
    path: agents/{agent-name}/**
    agents: [worker-1, worker-2]
    permissions: [read, write]
    conditions: {ip_allowlist: [127.0.0.1]}
    expires_at: 2030-01-01T00:00:00Z
";

impl Shell {
    /// Runs this and kills it when the server has done the `nth` request that makes many, before it says so.
    fn killed_at(&self, nth: usize, arguments: &[&str]) {
        let relay = Relay::start(&self.app.url, BULK, nth, Loss::Silence);
        let mut run = command(
            BINARY,
            self.home.path(),
            &[
                ("ONECLAW_API_URL", &relay.url),
                ("ONECLAW_TOKEN", &self.token()),
            ],
        );
        run.args(arguments)
            .args(["--timeout", "600"])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut child = run.spawn().unwrap();
        tokio::task::block_in_place(|| {
            relay.lost.recv_timeout(Duration::from_secs(300)).unwrap();
            child.kill().unwrap();
            child.wait().unwrap();
        });
    }

    #[track_caller]
    fn has_a_key_for_each_of(&self, count: usize) {
        let agents = self.json(&["agent", "list"]);
        let of = |agent: &serde_json::Value| agent["name"].as_str().unwrap().to_owned();
        let agents: Vec<String> = agents.as_array().unwrap().iter().map(of).collect();
        let keys = self.keys();
        let names: BTreeSet<&String> = keys.iter().map(|(name, _)| name).collect();
        assert_eq!(
            (agents.len(), keys.len(), names.len()),
            (count, count, count),
            "each agent once, each key once, none lost"
        );
        for (_, key) in keys.iter().step_by(150) {
            self.with(&["whoami"], "", &[("ONECLAW_API_KEY", key)]).ok();
        }
    }

    /// Nothing is left to do.
    #[track_caller]
    fn is_as_the_file_says(&self) {
        assert_eq!(self.json(&["diff", "-f", "fleet.yaml"]), json!([]));
    }

    /// The keys that were kept, by name.
    fn keys(&self) -> Vec<(String, String)> {
        let text = std::fs::read_to_string(self.home.path().join("fleet.keys.csv")).unwrap();
        let keys = text.lines().skip(1).map(|line| {
            let mut cells = line.split(',');
            let (name, _, key) = (cells.next().unwrap(), cells.next(), cells.next().unwrap());
            (name.to_owned(), key.to_owned())
        });
        keys.collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_becomes_what_the_file_says_and_then_nothing_is_left_to_do() {
    let shell = Shell::signed_in().await;
    shell.file("fleet.yaml", FILE);
    insta::assert_snapshot!(shell.run(&["diff", "-f", "fleet.yaml"]).ok(), @r"
      + vault shared
      + agent worker-1
      + agent worker-2
      + policy api-keys/** in shared for all agents: read
      + policy agents/worker-1/** in shared for worker-1: read, write
      + policy agents/worker-2/** in shared for worker-2: read, write

    Plan: 1 vault to make, 2 agents to register, 3 policies to make
    ");
    let asked = shell.run(&["apply", "-f", "fleet.yaml"]).fails(2);
    assert!(asked.contains("nothing was done; say --yes"), "{asked}");
    assert_eq!(shell.json(&["agent", "list"]), json!([]));
    let done = shell.run(&["apply", "-f", "fleet.yaml", "--yes"]);
    assert!(done.err.contains("2 new keys are in"), "{}", done.err);
    assert!(done.ok().contains("steps done"));
    shell.is_as_the_file_says();
    let again = shell.run(&["apply", "-f", "fleet.yaml"]).ok();
    insta::assert_snapshot!(again, @"everything is as the file says");

    let agents = shell.json(&["agent", "list", "--label", "fleet=production"]);
    assert_eq!(agents[1]["tx_max_value"], "0.1");
    assert_eq!(
        agents[1]["labels"],
        json!({"fleet": "production", "team": "red"})
    );
    let keys = shell.keys();
    shell
        .with(
            &[
                "secret",
                "set",
                "api-keys/openai",
                "-v",
                "shared",
                "--stdin",
            ],
            "sk",
            &[],
        )
        .ok();
    for (name, key) in &keys {
        let as_agent = |arguments: &[&str]| {
            shell.with(
                arguments,
                "x",
                &[
                    ("ONECLAW_API_KEY", key.as_str()),
                    ("ONECLAW_VAULT_ID", "shared"),
                ],
            )
        };
        assert_eq!(
            as_agent(&["secret", "get", "api-keys/openai", "-q"]).ok(),
            "sk"
        );
        as_agent(&["secret", "set", &format!("agents/{name}/x"), "--stdin"]).ok();
        as_agent(&["secret", "set", "agents/other/x", "--stdin"]).fails(3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_differs_is_shown_and_only_that_is_changed() {
    let shell = Shell::signed_in().await;
    let (adopted, _) = shell.agent("worker-1", &["--labels", "tier=gold", "--token-ttl", "300"]);
    shell.file("fleet.yaml", FILE);
    shell.run(&["apply", "-f", "fleet.yaml", "--yes"]).ok();
    let agent = shell.json(&["agent", "get", &adopted]);
    assert_eq!(
        agent["labels"],
        json!({"fleet": "production", "tier": "gold"})
    );
    assert_eq!(
        agent["token_ttl_seconds"], 300,
        "what the file does not speak of stays"
    );
    let changed = FILE
        .replace("tx_max_value: 0.10", "tx_max_value: 0.2")
        .replace("permissions: [read, write]", "permissions: [read]")
        .replace("[worker-1, worker-2]", "[worker-2]");
    shell.file("fleet.yaml", &changed);
    insta::assert_snapshot!(shell.run(&["diff", "-f", "fleet.yaml"]).ok(), @r"
      ~ agent worker-2
          tx_max_value: 0.1 -> 0.2
      ~ policy agents/worker-2/** in shared for worker-2
          permissions: read, write -> read
      - policy agents/worker-1/** in shared for worker-1

    Plan: 1 agent to change, 1 policy to change, 1 policy to delete
    ");
    shell
        .run(&["diff", "-f", "fleet.yaml", "--exit-code"])
        .fails(1);
    let plan = shell.json(&["diff", "-f", "fleet.yaml"]);
    insta::assert_snapshot!(redacted(&serde_json::to_string_pretty(&plan).unwrap()), @r#"
    [
      {
        "action": "change-agent",
        "id": "<id-------------------------------->",
        "name": "worker-2",
        "changes": [
          {
            "field": "tx_max_value",
            "from": "0.1",
            "to": "0.2"
          }
        ]
      },
      {
        "action": "change-policy",
        "id": "<id-------------------------------->",
        "policy": {
          "vault": "shared",
          "path": "agents/worker-2/**",
          "agents": "worker-2",
          "effect": "allow"
        },
        "changes": [
          {
            "field": "permissions",
            "from": [
              "read",
              "write"
            ],
            "to": [
              "read"
            ]
          }
        ]
      },
      {
        "action": "delete-policy",
        "id": "<id-------------------------------->",
        "policy": {
          "vault": "shared",
          "path": "agents/worker-1/**",
          "agents": "worker-1",
          "effect": "allow"
        }
      }
    ]
    "#);
    shell.run(&["apply", "-f", "fleet.yaml", "--yes"]).ok();
    shell.is_as_the_file_says();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_left_the_file_is_deactivated_only_if_somebody_agrees() {
    let shell = Shell::signed_in().await;
    shell.file("fleet.yaml", "fleet: f\nagents: [{name: a}, {name: b}]\n");
    shell.run(&["apply", "-f", "fleet.yaml", "--yes"]).ok();
    let (stranger, _) = shell.agent("stranger", &[]);
    shell.file(
        "fleet.yaml",
        "fleet: f\nagents: [{name: a, description: first}]\n",
    );
    let active = || {
        let list = shell.json(&["agent", "list", "--active", "true"]);
        let names = list
            .as_array()
            .unwrap()
            .iter()
            .map(|agent| agent["name"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    let said = shell.terminal(&["apply", "-f", "fleet.yaml"], "n\n");
    assert_eq!(said.code, 1, "{}", said.out);
    assert_eq!(active(), ["a", "b", "stranger"]);
    let said = shell.terminal(&["apply", "-f", "fleet.yaml"], "y\nn\n");
    assert!(
        said.out.contains("agent b, which is deactivated"),
        "{}",
        said.out
    );
    assert!(
        said.out
            .contains("Deactivate 1 agents that are not in the file any more?"),
        "{}",
        said.out
    );
    assert_eq!(said.code, 0, "{}", said.out);
    assert_eq!(active(), ["a", "b", "stranger"]);
    assert_eq!(shell.json(&["agent", "list"])[0]["description"], "first");
    let said = shell.terminal(&["apply", "-f", "fleet.yaml"], "y\n");
    assert_eq!(said.code, 0, "{}", said.out);
    assert_eq!(active(), ["a", "stranger"], "{stranger} is of no fleet");
    shell.is_as_the_file_says();
    shell.file("fleet.yaml", "fleet: f\nagents: [{name: a}, {name: b}]\n");
    shell.run(&["apply", "-f", "fleet.yaml", "--yes"]).ok();
    assert_eq!(
        active(),
        ["a", "b", "stranger"],
        "back in the file, it is active again"
    );
}

fn a_fleet_of(count: usize) -> String {
    let agents: String = (1..=count)
        .map(|n| format!("  - {{name: w-{n}, description: Number {n}, tx_max_value: 0.05}}\n"))
        .collect();
    format!(
        "fleet: large\nvaults: [{{name: shared}}]\npolicies:\n  - {{vault: shared, path: api-keys/**, agents: all}}\n  - {{vault: shared, path: 'agents/{{agent-name}}/**', agents: all, permissions: [read, write]}}\nagents:\n{agents}"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_agents_are_made_once_and_the_second_run_plans_nothing() {
    let shell = Shell::signed_in().await;
    shell.file("fleet.yaml", &a_fleet_of(1000));
    let apply = ["apply", "-f", "fleet.yaml", "--yes", "--timeout", "600"];
    shell.run(&apply).ok();
    let again = shell
        .run(&["apply", "-f", "fleet.yaml", "--yes", "--json"])
        .json();
    assert_eq!(again, json!([]));
    assert_eq!(
        shell.json(&["agent", "list"]).as_array().unwrap().len(),
        1000
    );
    let keys = shell.keys();
    assert_eq!(keys.len(), 1000);
    let (name, key) = &keys[999];
    let environment = [
        ("ONECLAW_API_KEY", key.as_str()),
        ("ONECLAW_VAULT_ID", "shared"),
    ];
    let path = format!("agents/{name}/x");
    shell
        .with(&["secret", "set", &path, "--stdin"], "x", &environment)
        .ok();
    shell
        .with(
            &["secret", "set", "agents/w-1/x", "--stdin"],
            "x",
            &environment,
        )
        .fails(3);

    // One that leaves the file is deactivated only if somebody agrees.
    shell.file("fleet.yaml", &a_fleet_of(999));
    let active = || {
        let list = shell.json(&["agent", "list", "--active", "true"]);
        list.as_array().unwrap().len()
    };
    for (answer, left) in [("n\n", 1000), ("y\n", 999)] {
        let said = shell.terminal(&["apply", "-f", "fleet.yaml"], answer);
        assert!(said.out.contains("Deactivate 1 agents"), "{}", said.out);
        assert_eq!(active(), left, "{}", said.out);
    }
    shell.is_as_the_file_says();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_killed_in_the_middle_is_finished_by_running_it_again() {
    let shell = Shell::signed_in().await;
    // The vault, a thousand agents, the others: the command dies before the last answer arrives.
    shell.file("fleet.yaml", &a_fleet_of(1200));
    shell.killed_at(3, &["apply", "-f", "fleet.yaml", "--yes"]);
    assert_eq!(
        shell.json(&["agent", "list"]).as_array().unwrap().len(),
        1200
    );
    assert_eq!(
        shell
            .keys()
            .iter()
            .filter(|(_, key)| !key.is_empty())
            .count(),
        1000
    );
    let finished = shell.run(&["apply", "-f", "fleet.yaml", "--yes"]).ok();
    assert!(finished.contains("200 keys to renew"), "{finished}");
    shell.is_as_the_file_says();
    shell.has_a_key_for_each_of(1200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_was_killed_in_the_middle_is_finished_by_running_it_again() {
    let shell = Shell::signed_in().await;
    let rows: String = (1..=1200).map(|n| format!("w-{n},api-keys/**\n")).collect();
    shell.file("agents.csv", &format!("name,scopes\n{rows}"));
    let create = [
        "agent",
        "create",
        "--from",
        "agents.csv",
        "--output",
        "fleet.keys.csv",
    ];
    shell.killed_at(2, &create);
    let done = shell.run(&create);
    assert!(
        done.err
            .contains("200 agents registered, 1000 were already"),
        "{}",
        done.err
    );
    done.ok();
    shell.has_a_key_for_each_of(1200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_lost_on_the_way_loses_no_key_and_makes_no_agent_twice() {
    let shell = Shell::signed_in().await;
    let relay = Relay::start(&shell.app.url, BULK, 1, Loss::Cut);
    let token = shell.token();
    let environment = [
        ("ONECLAW_API_URL", relay.url.as_str()),
        ("ONECLAW_TOKEN", &token),
    ];
    shell.file("agents.csv", "name\na\nb\n");
    let from = ["agent", "create", "--from", "agents.csv"];
    let printed = shell.with(&from, "", &environment).ok();
    relay.lost.try_recv().unwrap();
    assert_eq!(
        shell.json(&["agent", "list"]).as_array().unwrap().len(),
        2,
        "{printed}"
    );
    for line in printed.lines().skip(1) {
        let key = line.rsplit(',').next().unwrap();
        shell
            .with(&["whoami"], "", &[("ONECLAW_API_KEY", key)])
            .ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_never_arrived_is_renewed() {
    let shell = Shell::signed_in().await;
    shell.file("fleet.yaml", "fleet: f\nagents: [{name: a}]\n");
    shell.run(&["apply", "-f", "fleet.yaml", "--yes"]).ok();
    let before = shell.keys();
    // As it is when the answer to the registration is lost.
    shell.file("fleet.keys.csv", "name,id,api_key\na,,\n");
    let done = shell.run(&["apply", "-f", "fleet.yaml", "--yes"]).ok();
    insta::assert_snapshot!(done, @r"
      ~ agent a: a new key, since its first never arrived

    Plan: 1 key to renew
    ✓ 1 steps done
    ");
    let after = shell.keys();
    assert_ne!(before, after);
    shell
        .with(&["whoami"], "", &[("ONECLAW_API_KEY", &after[0].1)])
        .ok();
    shell
        .with(&["whoami"], "", &[("ONECLAW_API_KEY", &before[0].1)])
        .fails(1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_exported_says_what_there_is() {
    let shell = Shell::signed_in().await;
    shell.file("fleet.yaml", FILE);
    shell.run(&["apply", "-f", "fleet.yaml", "--yes"]).ok();
    let exported = shell.run(&["export", "--fleet", "production"]).ok();
    insta::assert_snapshot!(exported, @r#"
    fleet: production
    vaults:
    - name: shared
      description: Keys of the fleet
    agents:
    - name: worker-1
      description: Reads keys
      scopes:
      - "**"
      tx_allowed_chains:
      - base
    - name: worker-2
      scopes:
      - "**"
      vaults:
      - shared
      labels:
        team: red
      tx_max_value: "0.1"
      tx_allowed_chains:
      - base
    policies:
    - vault: shared
      path: api-keys/**
      agents: all
      permissions:
      - read
    - vault: shared
      path: agents/worker-1/**
      agents:
      - worker-1
      permissions:
      - read
      - write
      conditions:
        ip_allowlist:
        - "127.0.0.1"
      expires_at: "2030-01-01T00:00:00Z"
    - vault: shared
      path: agents/worker-2/**
      agents:
      - worker-2
      permissions:
      - read
      - write
      conditions:
        ip_allowlist:
        - "127.0.0.1"
      expires_at: "2030-01-01T00:00:00Z"
    "#);
    shell.file("fleet.yaml", &exported);
    shell.is_as_the_file_says();
    shell.agent(
        "stray",
        &["--scopes", "a/*", "--vault-ids", &shell.vault("own")],
    );
    let all = shell
        .run(&["export", "--fleet", "production", "--all"])
        .ok();
    shell.file("fleet.yaml", &all);
    let plan = shell.json(&["diff", "-f", "fleet.yaml"]);
    assert_eq!(plan[0]["changes"][0]["field"], "labels", "{plan}");
    assert_eq!(plan.as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_wrong_changes_nothing() {
    let shell = Shell::signed_in().await;
    for (text, complaint) in [
        ("fleet: f\nagnets: []\n", "agnets"),
        ("fleet: 'a b'\n", "fleet: `a b` is no name"),
        (
            "fleet: f\nagents: [{name: a}, {name: a}]\n",
            "the name stands there twice",
        ),
        (
            "fleet: f\nagents: [{name: a, colour: red}]\n",
            "agents[0] (`a`): there is no field `colour`",
        ),
        (
            "fleet: f\nagents: [{name: a, token_ttl_seconds: soon}]\n",
            "token_ttl_seconds: must be a whole number",
        ),
        (
            "fleet: f\nagents: [{name: a, labels: {fleet: g}}]\n",
            "the label `fleet` is that of the file",
        ),
        (
            "fleet: f\nagents: [{name: a, tx_max_value: 0.12345678901234567}]\n",
            "in quotes",
        ),
        (
            "fleet: f\npolicies: [{vault: v, path: x, agents: [b]}]\n",
            "there is no agent `b` in this file",
        ),
        (
            "fleet: f\npolicies: [{vault: v, path: x, agents: some}]\n",
            "write `all` or a list of names",
        ),
        (
            "fleet: f\nguardrails: {scopes: [a]}\n",
            "guardrails: `scopes` is none",
        ),
        ("a: &a [x]\nfleet: *b\n", "fleet.yaml"),
        ("", "fleet.yaml"),
    ] {
        shell.file("fleet.yaml", text);
        let said = shell.run(&["apply", "-f", "fleet.yaml", "--yes"]).fails(2);
        assert!(said.contains(complaint), "{text}{said}");
    }
    shell.file(
        "fleet.yaml",
        "fleet: f\npolicies: [{vault: v, path: x, agents: all}]\n",
    );
    let said = shell.run(&["apply", "-f", "fleet.yaml", "--yes"]).fails(1);
    assert!(said.contains("there is no vault `v`"), "{said}");
    shell.agent("twin", &[]);
    shell.agent("twin", &[]);
    shell.file("fleet.yaml", "fleet: f\nagents: [{name: twin}]\n");
    let said = shell.run(&["apply", "-f", "fleet.yaml", "--yes"]).fails(1);
    assert!(said.contains("2 agents have the name `twin`"), "{said}");
    assert_eq!(shell.json(&["vault", "list"]), json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn guardrails_of_a_fleet_are_set_changed_and_taken_away() {
    let shell = Shell::signed_in().await;
    let file =
        |guardrails: &str| format!("fleet: f\nagents: [{{name: a}}]\nguardrails: {guardrails}\n");
    let show = || shell.json(&["guardrails", "show", "--label", "fleet=f"])["guardrails"].clone();
    for (guardrails, expected) in [
        ("{tx_max_value: 0.5}", json!({"tx_max_value": "0.5"})),
        (
            "{tx_max_value: 0.2, tx_allowed_chains: [base]}",
            json!({"tx_max_value": "0.2", "tx_allowed_chains": ["base"]}),
        ),
        ("{}", json!({})),
    ] {
        shell.file("fleet.yaml", &file(guardrails));
        assert_eq!(
            shell.json(&["diff", "-f", "fleet.yaml"])[0]["action"],
            "set-guardrails"
        );
        shell.run(&["apply", "-f", "fleet.yaml", "--yes"]).ok();
        assert_eq!(show(), expected);
        shell.is_as_the_file_says();
    }
}
