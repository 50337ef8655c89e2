//! The audit trail, taken away and checked without the server.

use serde_json::json;

use crate::shell::Shell;

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_checked_with_the_key_alone_and_every_edit_is_found() {
    let shell = Shell::signed_in().await;
    let vault = shell.vault("v");
    for path in ["a", "b"] {
        shell
            .with(&["secret", "set", path, "-v", &vault, "--stdin"], "x", &[])
            .ok();
    }
    let checkpoint = shell.run(&["audit", "checkpoint"]).ok();
    shell.file("kept.txt", &checkpoint);
    let key = shell.run(&["audit", "key"]).ok();
    shell.file("server.key", &key);
    shell.agent("later", &[]);
    shell
        .run(&["audit", "export", "--output", "trail.jsonl"])
        .ok();
    // Nobody is asked: there is no server at this address.
    let nowhere = |arguments: &[&str]| {
        let mut all = vec![
            "audit",
            "verify",
            "--file",
            "trail.jsonl",
            "--key",
            "@server.key",
        ];
        all.extend(arguments);
        shell.with(&all, "", &[("ONECLAW_API_URL", "http://127.0.0.1:9")])
    };
    let said = nowhere(&[]).ok();
    assert!(said.contains("all are as they were recorded"), "{said}");
    nowhere(&["--checkpoint", "@kept.txt"]).ok();
    let report = nowhere(&["--json"]).json();
    assert_eq!(
        json!([report["valid"], report["first"], report["problems"]]),
        json!([true, 1, []])
    );
    let fetched = shell.run(&["audit", "verify", "--file", "trail.jsonl"]);
    assert!(fetched.err.contains("--key"), "{}", fetched.err);
    fetched.ok();

    let path = shell.home.path().join("trail.jsonl");
    let trail = std::fs::read_to_string(&path).unwrap();
    shell.file(
        "trail.jsonl",
        &trail.replacen("secret.write", "secret.read", 1),
    );
    let said = nowhere(&[]).fails(1);
    assert!(
        said.contains("the trail is not as it was recorded"),
        "{said}"
    );
    // A trail that was cut off is whole in itself; a checkpoint from before knows better.
    let early: String = trail
        .lines()
        .take(2)
        .map(|line| format!("{line}\n"))
        .collect();
    shell.file("trail.jsonl", &early);
    nowhere(&["--checkpoint", "@kept.txt"]).fails(1);
    shell.file("trail.jsonl", "no trail\n");
    nowhere(&[]).fails(1);
    let said = shell
        .run(&[
            "audit",
            "verify",
            "--file",
            "trail.jsonl",
            "--key",
            "nonsense",
        ])
        .fails(2);
    assert!(said.contains("--key"), "{said}");
}
