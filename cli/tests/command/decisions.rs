//! Decisions, and why they came out as they did.

use crate::shell::Shell;

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_names_its_decision_and_that_can_be_explained() {
    let shell = Shell::signed_in().await;
    let vault = shell.vault("v");
    let (agent, key) = shell.agent("worker-1", &["--scopes", "**"]);
    let environment = [
        ("ONECLAW_API_KEY", key.as_str()),
        ("ONECLAW_VAULT_ID", vault.as_str()),
    ];
    let said = shell
        .with(&["secret", "get", "keys/base"], "", &environment)
        .fails(3);
    let id = said
        .split("decision explain ")
        .nth(1)
        .unwrap()
        .split('`')
        .next()
        .unwrap();
    let explained = shell.run(&["decision", "explain", id]).ok();
    for words in [
        "Verdict:",
        "deny",
        "policy/no-match",
        "Why:",
        "keys/base",
        "access-policy",
    ] {
        assert!(explained.contains(words), "{words}: {explained}");
    }
    assert_eq!(
        shell.json(&["decision", "explain", id])["code"],
        "policy/no-match"
    );
    let listed = shell.run(&["decision", "list", "--agent", &agent]).ok();
    assert!(listed.contains(id) && listed.contains(&agent), "{listed}");
    let denied = shell.json(&["decision", "list", "--verdict", "deny", "-v", "v"]);
    assert_eq!(denied[0]["id"], id);
    shell
        .run(&[
            "decision",
            "explain",
            "0190a0b0-0000-7000-8000-000000000001",
        ])
        .fails(1);
}
