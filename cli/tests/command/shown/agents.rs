//! Agents, what they may, and what they sign.

use oneclaw_tests::app::PASSWORD;

use super::{Album, id};
use crate::shell::Shell;

#[tokio::test(flavor = "multi_thread")]
async fn agents_and_what_they_may() {
    let shell = Shell::signed_in().await;
    let mut album = Album::new(&shell);
    shell.vault("production");
    album.one("agent create", &["worker-1", "--scopes", "api-keys/**"], "");
    let made = album.json("agent create", &["worker-2", "--labels", "team=red"], "");
    let (agent, key) = (id(&made), made["api_key"].as_str().unwrap().to_owned());
    shell.file("agents.csv", "name,scopes\na,api-keys/**\nb,\n");
    album.one("agent create", &["--from", "agents.csv"], "");
    shell.file("more.csv", "name\nc\n");
    album.json("agent create", &["--from", "more.csv"], "");
    album.both("agent list", &[]);
    album.both("agent get", &[&agent]);
    album.one("agent update", &[&agent, "--token-ttl", "300"], "");
    album.json("agent update", &[&agent, "--tx-max-value", "0.1"], "");
    album.one("agent rotate-key", &[&agent], "");
    album.one("agent rotate-key", &[&agent, "--overlap", "60"], "");
    album.json("agent rotate-key", &[&agent], "");
    album.both("agent token", &[&agent]);
    shell
        .with(&["whoami"], "", &[("ONECLAW_API_KEY", &key)])
        .fails(1);

    album.one(
        "agent enroll",
        &["asks-1", "--email", "you@example.com"],
        "",
    );
    shell.app.clock.advance_seconds(601);
    album.json(
        "agent enroll",
        &["asks-2", "--email", "you@example.com"],
        "",
    );
    shell.waiting(2);
    let waiting = album.both("agent enrollments list", &[]);
    album.one(
        "agent enrollments approve",
        &[&id(&waiting[0]), "--yes"],
        "",
    );
    album.one("agent enrollments deny", &[&id(&waiting[1]), "--yes"], "");
    for name in ["asks-3", "asks-4"] {
        shell.app.clock.advance_seconds(601);
        shell
            .run(&["agent", "enroll", name, "--email", "you@example.com"])
            .ok();
    }
    let waiting = shell.waiting(2);
    album.json(
        "agent enrollments approve",
        &[&id(&waiting[0]), "--yes"],
        "",
    );
    album.json("agent enrollments deny", &[&id(&waiting[1]), "--yes"], "");

    let policy = |path: &'static str| {
        [
            "-v",
            "production",
            "--principal-type",
            "agent",
            "--principal-id",
            agent.as_str(),
            "--path",
            path,
        ]
    };
    let first = album.json("policy create", &policy("api-keys/**"), "");
    album.one("policy create", &policy("keys/**"), "");
    let list = album.both("policy list", &["-v", "production"]);
    album.one(
        "policy delete",
        &[&id(&first), "-v", "production", "--yes"],
        "",
    );
    let other = id(&list[1]);
    album.json("policy delete", &[&other, "-v", "production", "--yes"], "");

    album.one("guardrails set", &["--tx-max-value", "0.05"], "");
    album.json(
        "guardrails set",
        &["--label", "team=red", "--tx-max-value", "0.01"],
        "",
    );
    album.both("guardrails show", &[]);
    album.one("guardrails clear", &["--yes"], "");
    album.json("guardrails clear", &["--label", "team=red", "--yes"], "");

    album.one("agent delete", &[&agent, "--yes"], "");
    let (again, _) = shell.agent("again", &[]);
    album.json("agent delete", &[&again, "--yes"], "");
    album.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_agents_sign() {
    let shell = Shell::signed_in().await;
    let mut album = Album::new(&shell);
    let (agent, _) = shell.agent("payer", &["--intents-api", "--message-signing", "true"]);
    let agent = agent.as_str();
    album.one("agent keys create", &[agent, "--chain", "ethereum"], "");
    let (other, _) = shell.agent("other", &["--intents-api"]);
    album.json("agent keys create", &[&other], "");
    album.both("agent keys list", &[agent]);
    album.one("agent keys rotate", &[agent, "--yes"], "");
    album.json("agent keys rotate", &[agent, "--yes"], "");
    let pay = |value: &'static str| {
        [
            agent,
            "--chain",
            "sepolia",
            "--to",
            "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
            "--value",
            value,
        ]
    };
    album.one("agent tx submit", &pay("0.1"), "");
    let sent = album.json("agent tx submit", &pay("0.2"), "");
    album.one("agent tx sign", &pay("0.3"), "");
    album.json("agent tx sign", &pay("0.4"), "");
    album.both("agent tx list", &[agent]);
    album.both("agent tx get", &[agent, &id(&sent)]);
    let message = [
        agent,
        "--intent-type",
        "personal_sign",
        "--message",
        "hello",
    ];
    album.both("agent sign", &message);
    let export = [agent, "--password-stdin"];
    album.one("agent export-signing-key", &export, PASSWORD);
    album.json("agent export-signing-key", &export, PASSWORD);
    album.one("agent keys delete", &[agent, "--yes"], "");
    album.json("agent keys delete", &[&other, "--yes"], "");
    album.done();
}
