//! Webhooks, with a real target.

use oneclaw_tests::receiver::Receiver;
use serde_json::{Value, json};

use crate::shell::Shell;

impl Shell {
    /// The newest delivery, once it has arrived.
    pub async fn delivered(&self, webhook: &str) -> Value {
        for _ in 0..1000 {
            let list = self.json(&["webhook", "deliveries", webhook, "--limit", "1"]);
            if list[0]["state"] == "delivered" {
                return list[0].clone();
            }
            // The target has it before the server has noted that; there is nothing to be told by.
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("{}", self.json(&["webhook", "deliveries", webhook]));
    }
}

/// The secret in what was printed for people.
fn shown_secret(out: &str) -> String {
    out.lines().nth(1).unwrap().trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_is_told_what_happens_with_the_secret_that_was_shown_once() {
    let shell = Shell::with_targets().await;
    let target = Receiver::start().await;
    let create = ["webhook", "create", target.url.as_str(), "--events"];
    let made = shell.run(&[create.as_slice(), &["agent.*,policy.created"]].concat());
    assert!(made.err.contains("not shown again"), "{}", made.err);
    let out = made.ok();
    let first = shown_secret(&out);
    assert!(first.starts_with("whsec_"), "{out}");
    let listed = shell.json(&["webhook", "ls"]);
    let id = listed[0]["id"].as_str().unwrap();
    assert!(out.contains(id), "{out}");
    assert_eq!(listed[0]["events"], json!(["agent.*", "policy.created"]));
    let shown = shell.json(&["webhook", "get", id]);
    assert!(shown.get("secret").is_none() && listed[0].get("secret").is_none());

    shell.vault("of no interest");
    let (agent, _) = shell.agent("worker-1", &[]);
    let received = target.received(1).await;
    assert_eq!(received[0].header("x-oneclaw-event"), "agent.created");
    assert!(received[0].is_signed_with(&first), "{received:?}");
    let event: Value = serde_json::from_str(&received[0].body).unwrap();
    assert_eq!(event["data"]["resource_id"], agent.as_str());

    // What has ended goes once more, under the same id.
    let delivery = shell.delivered(id).await;
    let delivery = delivery["id"].as_str().unwrap();
    shell.run(&["webhook", "redeliver", id, delivery]).ok();
    let received = target.received(2).await;
    for request in &received {
        assert_eq!(request.header("x-oneclaw-delivery"), delivery);
    }
    shell.delivered(id).await;

    // A new secret, without an overlap, and then one of their own beside it.
    let rotate = ["webhook", "rotate-secret", id, "--quiet"];
    let second = shell
        .run(&[rotate.as_slice(), &["--overlap", "0"]].concat())
        .ok();
    shell.agent("worker-2", &[]);
    let received = target.received(3).await;
    assert!(received[2].is_signed_with(&second) && !received[2].is_signed_with(&first));
    let own = "a secret of their own";
    let bring = [rotate.as_slice(), &["--stdin"]].concat();
    assert_eq!(shell.with(&bring, &format!("{own}\n"), &[]).ok(), own);
    shell.agent("worker-3", &[]);
    let received = target.received(4).await;
    assert!(received[3].is_signed_with(own) && received[3].is_signed_with(&second));
    assert!(shell.json(&["webhook", "get", id])["old_secret_until"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_changed_switched_off_and_deleted() {
    let shell = Shell::with_targets().await;
    let target = Receiver::start().await;
    let create = ["webhook", "create", "https://example.com/", "--events", "*"];
    let secret = shell
        .with(
            &[create.as_slice(), &["--stdin", "--quiet"]].concat(),
            "sixteen bytes or more\n",
            &[],
        )
        .ok();
    assert_eq!(secret, "sixteen bytes or more");
    let listed = shell.json(&["webhook", "list"]);
    let id = listed[0]["id"].as_str().unwrap();
    let update = |more: &[&str]| shell.json(&[["webhook", "update", id].as_slice(), more].concat());
    let off = update(&["--active", "false", "-d", "Quiet for now"]);
    assert_eq!(
        json!([off["is_active"], off["description"], off["events"]]),
        json!([false, "Quiet for now", ["*"]])
    );
    shell.vault("unheard");
    let on = update(&[
        "--active",
        "true",
        "--url",
        &target.url,
        "--events",
        "vault.created",
        "-d",
        "",
    ]);
    assert_eq!(
        json!([on["is_active"], on["description"], on["events"]]),
        json!([true, "", ["vault.created"]])
    );
    let heard = shell.vault("heard");
    let received = target.received(1).await;
    assert!(received[0].is_signed_with(&secret));
    let event: Value = serde_json::from_str(&received[0].body).unwrap();
    assert_eq!(event["data"]["resource_id"], heard.as_str());

    shell.run(&["webhook", "update", id]).fails(2);
    let asked = shell.run(&["webhook", "delete", id]).fails(2);
    assert!(asked.contains("--yes"), "{asked}");
    let said = shell.terminal(&["webhook", "delete", id], "n\n");
    assert_eq!(said.code, 1, "{}", said.out);
    let said = shell.terminal(&["webhook", "rm", id], "y\n");
    assert_eq!(said.code, 0, "{}", said.out);
    assert_eq!(shell.run(&["webhook", "list"]).ok(), "No results.\n");
    let said = shell.run(&["webhook", "show", id]).fails(1);
    assert!(said.contains("404"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_that_cannot_be_are_refused_with_what_would_be_right() {
    let shell = Shell::signed_in().await;
    let create = |url: &str, events: &str, stdin: &str| {
        let mut all = vec!["webhook", "create", url, "--events", events];
        if !stdin.is_empty() {
            all.push("--stdin");
        }
        shell.with(&all, stdin, &[])
    };
    let said = create("https://example.com/", "agent.exploded", "").fails(1);
    assert!(said.contains("policy.created"), "{said}");
    let said = create("https://127.0.0.1/", "*", "").fails(1);
    assert!(said.contains("allow_private_targets"), "{said}");
    let said = create("https://example.com/", "*", "short").fails(1);
    assert!(said.contains("16 to 255 bytes"), "{said}");
    let (_, key) = shell.agent("worker-1", &[]);
    let as_agent = [("ONECLAW_API_KEY", key.as_str())];
    shell.with(&["webhook", "list"], "", &as_agent).fails(3);
    assert_eq!(shell.json(&["webhook", "list"]), json!([]));

    let out = create("https://example.com/", "*", "").ok();
    let id = out.lines().next().unwrap().rsplit(' ').next().unwrap();
    let too_long = ["webhook", "rotate-secret", id, "--overlap", "604801"];
    let said = shell.run(&too_long).fails(1);
    assert!(said.contains("604800"), "{said}");
    shell
        .run(&["webhook", "deliveries", id, "--limit", "0"])
        .fails(2);
    // Another organisation sees nothing of it.
    shell.sign_up("other");
    assert_eq!(shell.json(&["webhook", "list"]), json!([]));
    for command in [
        &["webhook", "get", id][..],
        &["webhook", "delete", id, "--yes"],
        &["webhook", "deliveries", id],
    ] {
        let said = shell.run(command).fails(1);
        assert!(said.contains("404"), "{said}");
    }
}
