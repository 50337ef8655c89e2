//! Secrets as environment variables.

use std::process::{Command, Stdio};

use crate::shell::{BINARY, Shell, command};

async fn shell_with_secrets() -> Shell {
    let shell = Shell::signed_in().await;
    shell.vault("v");
    for (path, kind, value) in [
        ("api-keys/openai", "api_key", "sk-'\"$x"),
        ("db/password", "password", "two\nlines"),
        (
            "config/env",
            "env_bundle",
            "# all of them\nGREETING=\"hello world\"\nexport MODE='fast'\n",
        ),
        ("notes/private", "note", "not for programs"),
    ] {
        shell
            .with(
                &["secret", "set", path, "-v", "v", "-t", kind, "--stdin"],
                value,
                &[],
            )
            .ok();
    }
    shell
}

#[tokio::test(flavor = "multi_thread")]
async fn variables_are_pulled_in_every_format() {
    let shell = shell_with_secrets().await;
    let pull = |format: &str| {
        shell
            .run(&["env", "pull", "-v", "v", "--format", format])
            .ok()
    };
    insta::assert_snapshot!(pull("dotenv"), @r#"
    API_KEYS_OPENAI="sk-'\"\$x"
    DB_PASSWORD="two\nlines"
    GREETING="hello world"
    MODE=fast
    "#);
    insta::assert_snapshot!(pull("json"), @r#"
    {
      "API_KEYS_OPENAI": "sk-'\"$x",
      "DB_PASSWORD": "two\nlines",
      "GREETING": "hello world",
      "MODE": "fast"
    }
    "#);
    let script = "eval \"$(1claw env pull -v v --format shell)\"; printf '%s|%s|%s' \"$API_KEYS_OPENAI\" \"$DB_PASSWORD\" \"$MODE\"";
    assert_eq!(shell.sh(script, &[]).ok(), "sk-'\"$x|two\nlines|fast");
    shell.run(&["env", "pull", "-v", "v", "-o", "out.env"]).ok();
    assert_eq!(
        std::fs::read_to_string(shell.home.path().join("out.env")).unwrap(),
        pull("dotenv")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_pushed_as_one_secret_and_comes_back() {
    let shell = Shell::signed_in().await;
    shell.vault("v");
    std::fs::write(shell.home.path().join(".env"), "A=1\nB='two words'\n").unwrap();
    insta::assert_snapshot!(shell.run(&["env", "push", ".env", "-v", "v"]).ok(), @"✓ 2 variables are in `config/env`");
    let kept = shell.json(&["secret", "describe", "config/env", "-v", "v"]);
    assert_eq!(kept["type"], "env_bundle");
    insta::assert_snapshot!(shell.run(&["env", "pull", "-v", "v"]).ok(), @r#"
    A=1
    B="two words"
    "#);
    std::fs::write(shell.home.path().join(".env"), "A=1\nnonsense\n").unwrap();
    let said = shell.run(&["env", "push", ".env", "-v", "v"]).fails(2);
    assert!(said.contains("line 2"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_runs_with_the_variables_and_without_a_shell() {
    let shell = shell_with_secrets().await;
    let run = |arguments: &[&str]| {
        let mut all = vec!["env", "run", "-v", "v", "--"];
        all.extend(arguments);
        shell.run(&all)
    };
    assert_eq!(run(&["printenv", "GREETING"]).ok(), "hello world\n");
    assert_eq!(
        run(&["echo", "$GREETING", "; exit 3", "*"]).ok(),
        "$GREETING ; exit 3 *\n"
    );
    assert!(!run(&["env"]).ok().contains("not for programs"));
    assert_eq!(run(&["sh", "-c", "exit 42"]).code, 42);
    assert_eq!(run(&["sh", "-c", "kill -TERM $$"]).code, 128 + 15);
    run(&["no-such-command"]).fails(127);
    run(&["/"]).fails(126);
    let said = shell
        .run(&["env", "run", "-v", "nowhere", "--", "touch", "ran"])
        .fails(1);
    assert!(said.contains("no vault"), "{said}");
    assert!(!shell.home.path().join("ran").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_runs_gets_the_signals() {
    let shell = shell_with_secrets().await;
    let script = "trap 'echo got it; exit 7' TERM; echo ready; while :; do sleep 0.05; done";
    let mut run: Command = command(
        BINARY,
        shell.home.path(),
        &[("ONECLAW_API_URL", &shell.app.url)],
    );
    run.args(["env", "run", "-v", "v", "--", "sh", "-c", script])
        .stdout(Stdio::piped());
    let (code, rest) = tokio::task::block_in_place(|| {
        use std::io::{BufRead as _, BufReader, Read as _};
        let mut child = run.spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        let signalled = Command::new("kill")
            .args(["-TERM", &child.id().to_string()])
            .status()
            .unwrap();
        assert!(signalled.success());
        let mut rest = String::new();
        out.read_to_string(&mut rest).unwrap();
        (child.wait().unwrap().code(), rest)
    });
    assert_eq!((code, rest.as_str()), (Some(7), "got it\n"));
}
