//! Plugins in files of fleets.

use oneclaw_test_guests::hostile;
use serde_json::{Value, json};

use crate::shell::Shell;

impl Shell {
    async fn upload(&self, version: &str) -> Value {
        let token = self.token();
        let sent = self
            .app
            .send_bytes("/v1/plugins", &token, "application/wasm", hostile(version))
            .await;
        sent.expect(201)
    }

    fn attachments(&self) -> Vec<Value> {
        let settings = self.token();
        let list = tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current()
                .block_on(self.app.get("/v1/plugins/attachments", &settings))
        });
        let list = list.expect(200);
        list["attachments"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|one| one["attached"] == true)
            .cloned()
            .collect()
    }
}

fn file(plugins: &str) -> String {
    format!(
        "fleet: f
vaults: [{{name: shared}}]
agents:
  - {{name: a, scopes: ['**']}}
  - {{name: b, scopes: ['**']}}
plugins:
{plugins}policies:
  - {{vault: shared, path: '**', agents: all, permissions: [read, write]}}
"
    )
}

const ATTACHED: &str = "  - plugin: hostile@0.1.0
    settings: deny
    scope: {vaults: [shared], paths: ['keys/**'], agents: [b]}
    mode: enforce
";

#[tokio::test(flavor = "multi_thread")]
async fn plugins_of_a_file_decide_for_its_agents_until_they_leave_it() {
    let shell = Shell::signed_in().await;
    shell.upload("0.1.0").await;
    let second = shell.upload("0.2.0").await;
    shell.file("fleet.yaml", &file(ATTACHED));
    insta::assert_snapshot!(shell.run(&["diff", "-f", "fleet.yaml"]).ok(), @r"
      + vault shared
      + agent a
      + agent b
      + plugin hostile@0.1.0 in enforce
      + policy ** in shared for all agents: read, write

    Plan: 1 vault to make, 2 agents to register, 1 plugin to attach, 1 policy to make
    ");
    shell.run(&["apply", "-f", "fleet.yaml", "--yes"]).ok();
    let nothing_left = || assert_eq!(shell.json(&["diff", "-f", "fleet.yaml"]), json!([]));
    nothing_left();
    assert_eq!(shell.attachments()[0]["name"], "f/hostile");

    let keys = std::fs::read_to_string(shell.home.path().join("fleet.keys.csv")).unwrap();
    let key = |name: &str| {
        let line = keys.lines().find(|line| line.starts_with(name)).unwrap();
        line.rsplit(',').next().unwrap().to_owned()
    };
    let set = |name: &str, path: &str| {
        shell.with(
            &["secret", "set", path, "-v", "shared", "--stdin"],
            "x",
            &[("ONECLAW_API_KEY", &key(name))],
        )
    };
    set("a,", "keys/x").ok();
    set("b,", "other/x").ok();
    let said = set("b,", "keys/x").fails(3);
    assert!(said.contains("decision explain"), "{said}");

    let digest = second["digest"].as_str().unwrap();
    let changed = format!(
        "  - plugin: {digest}
    name: hostile
    settings: abstain
    scope: {{vaults: [shared], paths: ['keys/**'], agents: [b]}}
    mode: canary
    canary_percent: 20
  - {{plugin: hostile@0.1.0, name: watched, settings: deny}}
"
    );
    shell.file("fleet.yaml", &file(&changed));
    insta::assert_snapshot!(shell.run(&["diff", "-f", "fleet.yaml"]).ok(), @r"
      ~ plugin hostile
          version: 0.1.0 -> 0.2.0
          settings: deny -> abstain
          mode: enforce -> canary
          canary_percent: nothing -> 20
      + plugin watched, hostile@0.1.0 in shadow

    Plan: 1 plugin to attach, 1 plugin to change
    ");
    shell.run(&["apply", "-f", "fleet.yaml", "--yes"]).ok();
    nothing_left();
    let exported = shell.run(&["export", "--fleet", "f"]).ok();
    let (_, plugins) = exported.split_once("plugins:").unwrap();
    let (plugins, _) = plugins.split_once("policies:").unwrap();
    insta::assert_snapshot!(plugins.trim_start_matches('\n'), @r"
    - plugin: hostile@0.2.0
      settings: abstain
      scope:
        vaults:
        - shared
        paths:
        - keys/**
        agents:
        - b
      mode: canary
      canary_percent: 20
    - plugin: hostile@0.1.0
      name: watched
      settings: deny
      mode: shadow
    ");
    shell.file("fleet.yaml", &exported);
    nothing_left();

    // Not a word about plugins: they stay. None of them in the list: they go, if somebody agrees.
    shell.file("fleet.yaml", &file("").replace("plugins:\n", ""));
    nothing_left();
    shell.file(
        "fleet.yaml",
        &file("").replace("plugins:\n", "plugins: []\n"),
    );
    let said = shell.terminal(&["apply", "-f", "fleet.yaml"], "n\n");
    assert_eq!(said.code, 1, "{}", said.out);
    assert!(
        said.out
            .contains("Detach 2 plugins that are not in the file any more?"),
        "{}",
        said.out
    );
    assert_eq!(shell.attachments().len(), 2);
    shell.run(&["apply", "-f", "fleet.yaml", "--yes"]).ok();
    assert_eq!(shell.attachments().len(), 0);
    set("b,", "keys/x").ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn plugins_that_cannot_be_meant_change_nothing() {
    let shell = Shell::signed_in().await;
    for (entry, complaint) in [
        ("{plugin: hostile}", "as name@version, or as the SHA-256"),
        ("{plugin: '@1'}", "as name@version, or as the SHA-256"),
        (&format!("{{plugin: {}}}", "a".repeat(64)), "needs a `name`"),
        (
            "{plugin: p@1, mode: on}",
            "mode: write shadow, canary or enforce",
        ),
        ("{plugin: p@1, canary_percent: 5}", "is for the mode canary"),
        (
            "{plugin: p@1, mode: canary, canary_percent: 0}",
            "must be 1 to 100",
        ),
        (
            "{plugin: p@1, scope: {agents: [z]}}",
            "there is no agent `z`",
        ),
        (
            "{plugin: p@1, scope: {labels: {fleet: g}}}",
            "the label `fleet` is that of the file",
        ),
        ("{plugin: p@1, scope: {everything: true}}", "everything"),
        ("{plugin: p@1}, {plugin: p@2}", "`p` stands there twice"),
    ] {
        let entry: &str = entry;
        shell.file(
            "fleet.yaml",
            &format!("fleet: f\nagents: [{{name: a}}]\nplugins: [{entry}]\n"),
        );
        let said = shell.run(&["apply", "-f", "fleet.yaml", "--yes"]).fails(2);
        assert!(said.contains(complaint), "{entry}: {said}");
    }
    shell.file(
        "fleet.yaml",
        "fleet: f\nagents: [{name: a}]\nplugins: [{plugin: p@1}]\n",
    );
    let said = shell.run(&["apply", "-f", "fleet.yaml", "--yes"]).fails(1);
    assert!(said.contains("there is no plugin `p@1`"), "{said}");
    assert_eq!(shell.json(&["agent", "list"]), json!([]));
}
