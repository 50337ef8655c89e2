//! Signing in by way of a browser.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use oneclaw_tests::app::Human;
use serde_json::json;

use crate::shell::{BINARY, Shell, command};

/// A browser that keeps what it was asked to open.
const BROWSER: &str = "#!/bin/sh\nprintf %s \"$1\" > \"$HOME/opened\"\n";

/// Runs `1claw login` until it ends, and answers the code that it shows as this human does. Gives its exit code.
async fn log_in(shell: &Shell, human: &Human, answer: &str, more: &[&str]) -> Option<i32> {
    let browser = shell.home.path().join("browser");
    let mut run = command(
        BINARY,
        shell.home.path(),
        &[
            ("ONECLAW_API_URL", &shell.app.url),
            ("BROWSER", browser.to_str().unwrap()),
        ],
    );
    run.arg("login")
        .args(more)
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = run.spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let code = tokio::task::block_in_place(|| {
        let mut line = String::new();
        while !line.starts_with("and enter the code ") {
            line.clear();
            assert!(said.read_line(&mut line).unwrap() > 0);
        }
        line.trim().rsplit(' ').next().unwrap().to_owned()
    });
    let route = format!("/v1/auth/device/{answer}");
    shell
        .app
        .post(&route, &human.token, json!({"user_code": code}))
        .await
        .expect(200);
    tokio::task::block_in_place(|| {
        let mut rest = String::new();
        while said.read_line(&mut rest).unwrap() > 0 {}
        child.wait().unwrap().code()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_is_allowed_in_a_browser_signs_in_and_one_that_is_denied_does_not() {
    let shell = Shell::start().await;
    let human = shell.app.human("you").await;
    shell.file("browser", BROWSER);
    let path = shell.home.path().join("browser");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
    let quiet = ["--no-browser"];
    assert_eq!(log_in(&shell, &human, "deny", &quiet).await, Some(1));
    assert!(!shell.home.path().join("opened").exists());
    assert!(
        !shell
            .home
            .path()
            .join(".config/oneclaw/config.json")
            .exists()
    );
    assert_eq!(log_in(&shell, &human, "approve", &[]).await, Some(0));
    // The browser runs beside the command, and may be later than it.
    let begun = Instant::now();
    let opened = loop {
        match std::fs::read_to_string(shell.home.path().join("opened")) {
            Ok(page) if !page.is_empty() => break page,
            _ => assert!(begun.elapsed() < Duration::from_secs(60)),
        }
    };
    assert!(opened.contains("code="), "{opened}");
    assert_eq!(shell.json(&["whoami"])["email"], "you@example.com");
    shell.run(&["vault", "list"]).ok();
}
