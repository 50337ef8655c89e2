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

#[tokio::test(flavor = "multi_thread")]
async fn variables_of_environments_are_kept_and_run_with() {
    let shell = Shell::signed_in().await;
    shell.vault("v");
    let run = |arguments: &[&str], stdin: &str| {
        shell.with(arguments, stdin, &[("ONECLAW_VAULT_ID", "v")])
    };
    let add = ["env", "add", "DATABASE_URL", "--stdin"];
    run(
        &[&add[..], &["-e", "production,preview"]].concat(),
        "postgres://a\n",
    )
    .ok();
    let literal = run(&["env", "add", "LOG_LEVEL", "debug", "--no-sensitive"], "");
    assert_eq!(literal.err, "", "what everybody may see needs no warning");
    literal.ok();
    let shown = run(&["env", "ls"], "").ok();
    assert!(
        shown.contains("debug") && shown.contains("(hidden)") && !shown.contains("postgres"),
        "{shown}"
    );
    let twice = run(&[&add[..], &["-e", "preview"]].concat(), "postgres://b").fails(1);
    assert!(twice.contains("API error (409)"), "{twice}");
    run(
        &[&add[..], &["-e", "preview", "--overwrite"]].concat(),
        "postgres://b",
    )
    .ok();
    let print = "printf '%s|%s' \"$DATABASE_URL\" \"$LOG_LEVEL\"";
    let within = |environment: &str| {
        run(
            &["env", "run", "-e", environment, "--", "sh", "-uc", print],
            "",
        )
    };
    assert_eq!(within("production").ok(), "postgres://a|debug");
    assert_eq!(within("preview").ok(), "postgres://b|debug");
    assert_ne!(within("development").code, 0, "it has no DATABASE_URL");

    run(
        &[
            "env",
            "environments",
            "create",
            "staging",
            "--copy-from",
            "preview",
        ],
        "",
    )
    .ok();
    shell.file(".env", "DATABASE_URL=postgres://c\nEXTRA=1\n");
    run(&["env", "push", ".env", "-e", "staging"], "").ok();
    assert_eq!(within("staging").ok(), "postgres://c|debug");
    assert_eq!(within("preview").ok(), "postgres://b|debug");
    insta::assert_snapshot!(run(&["env", "pull", "-e", "staging"], "").ok(), @r"
    DATABASE_URL=postgres://c
    EXTRA=1
    LOG_LEVEL=debug
    ");
    run(&["env", "rm", "EXTRA", "-e", "staging"], "").fails(2);
    run(&["env", "rm", "EXTRA", "-e", "staging", "--yes"], "").ok();
    run(&["env", "environments", "rm", "staging", "--yes"], "").ok();
    within("staging").fails(1);
    assert_eq!(within("production").ok(), "postgres://a|debug");
}
