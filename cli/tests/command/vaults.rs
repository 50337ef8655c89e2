//! Vaults, secrets, policies and the audit trail.

use serde_json::json;

use crate::redact::redacted;
use crate::shell::Shell;

#[tokio::test(flavor = "multi_thread")]
async fn vaults_are_made_shown_linked_and_deleted() {
    let shell = Shell::signed_in().await;
    insta::assert_snapshot!(shell.run(&["vault", "list"]).ok(), @"No results.");
    insta::assert_snapshot!(shell.run(&["vault", "list", "--json"]).ok(), @"[]");
    let made = shell
        .run(&["vault", "create", "production", "-d", "Keys of the fleet"])
        .ok();
    insta::assert_snapshot!(redacted(&made), @"✓ vault `production` made: <id-------------------------------->");
    insta::assert_snapshot!(redacted(&shell.run(&["vault", "ls"]).ok()), @r"
    ID                                    Name        Description        Created
    ───────────────────────────────────────────────────────────────────────────────────────────
    <id-------------------------------->  production  Keys of the fleet  <time-------------->
    ");
    insta::assert_snapshot!(redacted(&shell.run(&["vault", "ls", "--plain"]).ok()), @"<id-------------------------------->	production	Keys of the fleet	<time-------------->");
    insta::assert_snapshot!(redacted(&shell.run(&["vault", "ls", "--json"]).ok()), @r#"
    [
      {
        "id": "<id-------------------------------->",
        "name": "production",
        "description": "Keys of the fleet",
        "created_by": "<id-------------------------------->",
        "created_by_type": "user",
        "created_at": "<time-------------->",
        "org_id": "<id-------------------------------->",
        "cmek_enabled": false
      }
    ]
    "#);
    insta::assert_snapshot!(redacted(&shell.run(&["vault", "get", "production"]).ok()), @r"
    ID:          <id-------------------------------->
    Name:        production
    Description: Keys of the fleet
    Owner:       user:<id-------------------------------->
    Created:     <time-------------->
    ");
    let linked = shell.run(&["vault", "link", "production"]).ok();
    assert!(linked.contains("uses vault"), "{linked}");
    let below = shell
        .sh("mkdir -p a/b; cd a/b; 1claw secret list --json", &[])
        .ok();
    assert_eq!(below.trim(), "[]");
    insta::assert_snapshot!(redacted(&shell.run(&["vault", "unlink"]).ok()).split_once(" uses").unwrap().1, @" vault <id--------------------------------> no more");
    shell.run(&["secret", "list"]).fails(1);
    let said = shell.run(&["vault", "delete", "production"]).fails(2);
    assert!(said.contains("--yes"), "{said}");
    insta::assert_snapshot!(redacted(&shell.run(&["vault", "delete", "production", "-y"]).ok()), @"✓ vault <id--------------------------------> deleted");
    let said = shell.run(&["vault", "get", "production"]).fails(1);
    assert!(said.contains("no vault `production`"), "{said}");
    shell.vault("twice");
    shell.vault("twice");
    let said = shell.run(&["secret", "list", "-v", "twice"]).fails(1);
    assert!(said.contains("2 vaults have the name"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_written_read_rotated_and_deleted() {
    let shell = Shell::signed_in().await;
    shell.vault("v");
    let run = |arguments: &[&str], stdin: &str| {
        shell.with(arguments, stdin, &[("ONECLAW_VAULT_ID", "v")])
    };
    let set = run(&["secret", "set", "api-keys/openai", "--stdin"], "sk-one\n");
    assert_eq!(set.err, "");
    insta::assert_snapshot!(set.ok(), @"✓ `api-keys/openai` is at version 1");
    std::fs::write(shell.home.path().join("key.pem"), "-----\nkey\n-----\n").unwrap();
    run(
        &[
            "secret",
            "set",
            "keys/deploy",
            "@key.pem",
            "-t",
            "ssh_key",
            "-e",
            "2030-01-01",
        ],
        "",
    )
    .ok();
    let literal = run(&["secret", "set", "api-keys/openai", "sk-two"], "");
    assert!(literal.err.contains("warning"), "{}", literal.err);
    literal.ok();
    assert_eq!(
        run(&["secret", "get", "api-keys/openai", "--quiet"], "").ok(),
        "sk-two"
    );
    assert_eq!(
        run(&["secret", "get", "api-keys/openai", "--version", "1"], "").ok(),
        "sk-one\n"
    );
    assert_eq!(
        run(&["secret", "get", "keys/deploy", "-q"], "").ok(),
        "-----\nkey\n-----\n"
    );
    insta::assert_snapshot!(redacted(&run(&["secret", "get", "api-keys/openai", "--json"], "").ok()), @r#"
    {
      "id": "<id-------------------------------->",
      "path": "api-keys/openai",
      "type": "api_key",
      "secret_type": "api_key",
      "version": 2,
      "metadata": {},
      "created_at": "<time-------------->",
      "updated_at": "<time-------------->",
      "expires_at": null,
      "is_disabled": false,
      "access_count": 2,
      "max_access_count": null,
      "value": "sk-two",
      "created_by": "user:<id-------------------------------->",
      "cmek_encrypted": false
    }
    "#);
    insta::assert_snapshot!(redacted(&run(&["secret", "list"], "").ok()), @r"
    Path             Type     Ver  Updated               Expires
    ───────────────────────────────────────────────────────────────────────────
    api-keys/openai  api_key  2    <time-------------->
    keys/deploy      ssh_key  1    <time-------------->  <time-------------->
    ");
    insta::assert_snapshot!(redacted(&run(&["secret", "list", "--json", "--prefix", "keys/"], "").ok()), @r#"
    [
      {
        "id": "<id-------------------------------->",
        "path": "keys/deploy",
        "type": "ssh_key",
        "secret_type": "ssh_key",
        "version": 1,
        "metadata": {},
        "created_at": "<time-------------->",
        "updated_at": "<time-------------->",
        "expires_at": "<time-------------->",
        "is_disabled": false,
        "access_count": 1,
        "max_access_count": null
      }
    ]
    "#);
    insta::assert_snapshot!(redacted(&run(&["secret", "versions", "api-keys/openai"], "").ok()), @r"
    Ver  Type     Created               Expires  Disabled  Reads
    ──────────────────────────────────────────────────────────────
    2    api_key  <time-------------->           no        2
    1    api_key  <time-------------->           no        1
    ");
    insta::assert_snapshot!(redacted(&run(&["secret", "describe", "keys/deploy"], "").ok()), @r"
    ID:         <id-------------------------------->
    Path:       keys/deploy
    Type:       ssh_key
    Version:    1
    Created:    <time-------------->
    Updated:    <time-------------->
    Expires:    <time-------------->
    Reads:      1
    Disabled:   no
    ");
    run(
        &[
            "secret",
            "rotate",
            "api-keys/openai",
            "-g",
            "-l",
            "40",
            "-c",
            "alphanumeric",
        ],
        "",
    )
    .ok();
    assert_eq!(
        run(&["secret", "get", "api-keys/openai", "-q"], "")
            .ok()
            .len(),
        40
    );
    run(
        &["secret", "rotate", "api-keys/openai", "--stdin"],
        "sk-four",
    )
    .ok();
    insta::assert_snapshot!(run(&["secret", "disable", "api-keys/openai", "4", "--yes"], "").ok(), @"✓ version 4 of `api-keys/openai` disabled");
    assert_eq!(
        run(&["secret", "get", "api-keys/openai", "-q"], "")
            .ok()
            .len(),
        40
    );
    insta::assert_snapshot!(run(&["secret", "delete", "api-keys/openai", "--yes"], "").ok(), @"✓ `api-keys/openai` deleted");
    let gone = run(&["secret", "get", "api-keys/openai"], "").fails(1);
    assert!(gone.contains("API error (410)"), "{gone}");
    let odd = run(&["secret", "get", "a/../b?x#y"], "").fails(1);
    assert!(odd.contains("API error (400)"), "{odd}");
    run(&["secret", "set", "x", "v", "--stdin"], "v").fails(2);
    let empty = run(&["secret", "set", "x", "--stdin"], "").fails(1);
    assert!(empty.contains("empty"), "{empty}");
    let nobody = run(&["secret", "set", "x"], "").fails(1);
    assert!(nobody.contains("--stdin"), "{nobody}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_with_conditions_opens_what_it_says_and_a_refusal_has_a_code_of_its_own() {
    let shell = Shell::signed_in().await;
    let vault = shell.vault("v");
    let (agent, key) = shell.agent("worker-1", &["--scopes", "**"]);
    for path in ["api-keys/openai", "keys/base"] {
        shell
            .with(&["secret", "set", path, "-v", "v", "--stdin"], "x", &[])
            .ok();
    }
    let as_agent = |path: &str| {
        shell.with(
            &["secret", "get", path, "-q"],
            "",
            &[("ONECLAW_API_KEY", &key), ("ONECLAW_VAULT_ID", &vault)],
        )
    };
    let denied = as_agent("api-keys/openai").fails(3);
    assert!(
        denied.contains("Insufficient permissions") && denied.contains("decision explain"),
        "{denied}"
    );
    let create = |pattern: &str, more: &[&str]| {
        let mut all = vec![
            "policy",
            "create",
            "-v",
            "v",
            "--principal-type",
            "agent",
            "--principal-id",
            &agent,
            "--path",
            pattern,
        ];
        all.extend(more);
        shell.run(&all)
    };
    insta::assert_snapshot!(redacted(&create("api-keys/**", &[]).ok()), @"✓ policy <id--------------------------------> made: <id--------------------------------> may now read");
    assert_eq!(as_agent("api-keys/openai").ok(), "x");
    create("keys/**", &["--ip-allowlist", "10.0.0.0/8"]).ok();
    as_agent("keys/base").fails(3);
    create(
        "keys/**",
        &[
            "--permissions",
            "read,write",
            "--ip-allowlist",
            "127.0.0.1,10.0.0.0/8",
            "--time-window",
            "08:00-20:00 UTC mon",
            "--expires",
            "2030-01-01",
        ],
    )
    .ok();
    assert_eq!(as_agent("keys/base").ok(), "x");
    insta::assert_snapshot!(redacted(&shell.run(&["policy", "list", "-v", "v"]).ok()), @r"
    ID                                    Path         Principal                                   Permissions  Effect  Conditions                 Expires
    ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
    <id-------------------------------->  api-keys/**  agent:<id-------------------------------->  read         allow
    <id-------------------------------->  keys/**      agent:<id-------------------------------->  read         allow   ip_allowlist
    <id-------------------------------->  keys/**      agent:<id-------------------------------->  read, write  allow   ip_allowlist, time_window  <time-------------->
    ");
    let list = shell.json(&["policy", "list", "-v", "v"]);
    assert_eq!(
        list[2]["conditions"],
        json!({
            "ip_allowlist": ["127.0.0.1", "10.0.0.0/8"],
            "time_window": {"after": "08:00", "before": "20:00", "timezone": "UTC", "days": ["mon"]},
        })
    );
    for wrong in [
        ["--ip-allowlist", "10.0.0.0/33"],
        ["--time-window", "08:00-20:00 Mars/Base"],
    ] {
        let said = create("x", &wrong).fails(1);
        assert!(said.contains("API error (400)"), "{said}");
    }
    create("x", &["--time-window", "tomorrow"]).fails(2);
    let id = list[0]["id"].as_str().unwrap();
    insta::assert_snapshot!(redacted(&shell.run(&["policy", "delete", id, "-v", "v", "--yes"]).ok()), @"✓ policy <id--------------------------------> deleted");
    as_agent("api-keys/openai").fails(3);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trail_is_listed_filtered_and_verified() {
    let shell = Shell::signed_in().await;
    let vault = shell.vault("v");
    let (agent, key) = shell.agent("worker-1", &["--scopes", "**"]);
    shell
        .with(
            &["secret", "get", "a"],
            "",
            &[("ONECLAW_API_KEY", &key), ("ONECLAW_VAULT_ID", &vault)],
        )
        .fails(3);
    let list = shell.run(&[
        "audit",
        "list",
        "--actor-type",
        "agent",
        "--actor-id",
        &agent,
        "--limit",
        "50",
    ]);
    insta::assert_snapshot!(redacted(&list.ok()), @r"
    Time                  Action       Actor                                       Resource  Address
    ────────────────────────────────────────────────────────────────────────────────────────────────────
    <time-------------->  secret.read  agent:<id-------------------------------->  secret:a  127.0.0.1
    ");
    let events = shell.json(&["audit", "ls", "--action", "secret.read", "-v", "v"]);
    assert_eq!(events[0]["actor_id"], agent.as_str());
    assert_eq!(
        shell
            .json(&["audit", "ls", "--limit", "2"])
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let verified = shell.run(&["audit", "verify"]).ok();
    assert!(
        verified.contains("all are as they were written"),
        "{verified}"
    );
    assert_eq!(shell.json(&["audit", "verify"])["chain_valid"], true);
    shell
        .app
        .edit_database(
            "UPDATE audit_events SET action = 'secret.write' WHERE action = 'secret.read'",
        )
        .await;
    let altered = shell.run(&["audit", "verify"]).fails(1);
    assert!(altered.contains("the trail was altered"), "{altered}");
}
