//! Shares.

use serde_json::json;

use crate::shell::Shell;

/// A secret in a vault, and the id of the secret.
fn secret(shell: &Shell) -> String {
    shell.vault("v");
    let set = [
        "secret",
        "set",
        "api-keys/openai",
        "-v",
        "v",
        "--stdin",
        "--json",
    ];
    let made = shell.with(&set, "sk-shared", &[]).json();
    made["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_shares_with_its_creator_who_accepts_or_declines() {
    let shell = Shell::signed_in().await;
    let secret = secret(&shell);
    let (agent, key) = shell.agent("worker-1", &["--scopes", "**"]);
    shell.policy("v", &agent, "**", "read");
    let create = [
        "share",
        "create",
        &secret,
        "--creator",
        "--max-access",
        "5",
        "--json",
    ];
    let made = |()| {
        shell.with(&create, "", &[("ONECLAW_API_KEY", &key)]).json()["id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let (first, second) = (made(()), made(()));
    let table = shell.run(&["share", "list", "--inbound"]).ok();
    for words in [
        "Recipient",
        "api-keys/openai",
        "creator",
        "worker-1",
        "pending",
        "0/5",
        &first,
    ] {
        assert!(table.contains(words), "{words}: {table}");
    }
    shell.run(&["share", "access", &first]).fails(3);
    shell.run(&["share", "accept", &first]).ok();
    assert_eq!(
        shell.run(&["share", "access", &first, "-q"]).ok(),
        "sk-shared"
    );
    shell.run(&["share", "decline", &second]).ok();
    let list = shell.json(&["share", "list", "--inbound"]);
    let status = |id: &str| {
        list.as_array()
            .unwrap()
            .iter()
            .find(|share| share["id"] == id)
            .unwrap()["status"]
            .clone()
    };
    assert_eq!(
        json!([status(&first), status(&second)]),
        json!(["accepted", "declined"])
    );
    assert_eq!(shell.json(&["share", "list"]), json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_with_a_passphrase_opens_for_whoever_knows_it_until_it_is_taken_back() {
    let shell = Shell::signed_in().await;
    let secret = secret(&shell);
    std::fs::write(shell.home.path().join("phrase"), "open sesame\n").unwrap();
    let made = shell.json(&[
        "share",
        "create",
        &secret,
        "--link",
        "--passphrase",
        "@phrase",
        "--expires",
        "2030-01-01",
    ]);
    let link = made["share_url"].as_str().unwrap();
    let stranger = tempfile::tempdir().unwrap();
    let access = |arguments: &[&str]| {
        let mut all = vec!["share", "access", link];
        all.extend(arguments);
        shell.with(
            &all,
            "",
            &[("ONECLAW_CONFIG_DIR", stranger.path().to_str().unwrap())],
        )
    };
    access(&[]).fails(3);
    let literal = access(&["--passphrase", "open sesame"]);
    assert!(literal.err.contains("warning"), "{}", literal.err);
    assert_eq!(literal.ok(), "sk-shared\n");
    assert_eq!(access(&["--passphrase", "@phrase", "-q"]).ok(), "sk-shared");
    let table = shell.run(&["share", "list"]).ok();
    assert!(table.contains("anyone_with_link"), "{table}");
    let id = made["id"].as_str().unwrap();
    shell.run(&["share", "revoke", id, "--yes"]).ok();
    access(&["--passphrase", "@phrase"]).fails(1);
    shell.run(&["share", "create", &secret]).fails(2);
    shell
        .run(&["share", "create", &secret, "--link", "--creator"])
        .fails(2);
    let human = shell
        .run(&["share", "create", &secret, "--creator"])
        .fails(1);
    assert!(human.contains("API error (400)"), "{human}");
}

#[tokio::test(flavor = "multi_thread")]
async fn shares_for_people_and_agents_open_for_them_and_nobody_else() {
    let shell = Shell::signed_in().await;
    let secret = secret(&shell);
    let (agent, key) = shell.agent("reader", &[]);
    let (_, other) = shell.agent("other", &[]);
    let share = |arguments: &[&str]| {
        let mut all = vec!["share", "create", &secret];
        all.extend(arguments);
        shell.json(&all)
    };
    let of = |share: &serde_json::Value| share["id"].as_str().unwrap().to_owned();

    // An agent of the organisation.
    let for_agent = of(&share(&[
        "--to",
        &format!("agent:{agent}"),
        "--max-access",
        "1",
    ]));
    let as_agent =
        |key: &str, arguments: &[&str]| shell.with(arguments, "", &[("ONECLAW_API_KEY", key)]);
    let access = ["share", "access", for_agent.as_str(), "-q"];
    as_agent(&key, &access).fails(3);
    as_agent(&key, &["share", "accept", &for_agent]).ok();
    as_agent(&other, &access).fails(3);
    assert_eq!(as_agent(&key, &access).ok(), "sk-shared");
    let used_up = as_agent(&key, &access).fails(1);
    assert!(used_up.contains("API error (410)"), "{used_up}");

    // An address that has no account yet: the share waits for whoever signs up under it.
    let for_guest = of(&share(&["--to", "guest@example.com", "--expires", "7d"]));
    let table = shell.run(&["share", "list"]).ok();
    assert!(table.contains("guest@example.com"), "{table}");
    let guest = Shell {
        app: shell.app,
        home: tempfile::tempdir().unwrap(),
    };
    guest.sign_up("guest");
    let inbound = guest.json(&["share", "list", "--inbound"]);
    assert_eq!(
        json!([inbound[0]["id"], inbound[0]["status"]]),
        json!([for_guest, "pending"])
    );
    guest.run(&["share", "accept", &for_guest]).ok();
    assert_eq!(
        guest.run(&["share", "access", &for_guest, "-q"]).ok(),
        "sk-shared"
    );
    guest.run(&["share", "access", &for_agent]).fails(3);
    assert_eq!(guest.json(&["share", "list"]), json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_for_other_networks_does_not_open_here() {
    let shell = Shell::signed_in().await;
    let secret = secret(&shell);
    let share = |networks: &str| {
        let share = shell.json(&[
            "share",
            "create",
            &secret,
            "--link",
            "--ip-allowlist",
            networks,
        ]);
        share["share_url"].as_str().unwrap().to_owned()
    };
    shell
        .run(&["share", "access", &share("10.0.0.0/8"), "-q"])
        .fails(3);
    let near = share("127.0.0.1,10.0.0.0/8");
    assert_eq!(
        shell.run(&["share", "access", &near, "-q"]).ok(),
        "sk-shared"
    );
    let said = shell
        .run(&[
            "share",
            "create",
            &secret,
            "--link",
            "--expires",
            "2020-01-01",
        ])
        .fails(1);
    assert!(said.contains("API error (400)"), "{said}");
}
