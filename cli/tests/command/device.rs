//! Signing in by way of a browser.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use oneclaw_tests::app::Human;
use serde_json::json;

use crate::shell::{BINARY, Shell, command};

/// Runs `1claw login` until it ends, and answers the code that it shows as this human does. Gives its exit code.
async fn log_in(shell: &Shell, human: &Human, answer: &str) -> Option<i32> {
    let mut run = command(
        BINARY,
        shell.home.path(),
        &[("ONECLAW_API_URL", &shell.app.url)],
    );
    run.args(["login", "--no-browser"])
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
    assert_eq!(log_in(&shell, &human, "deny").await, Some(1));
    assert!(
        !shell
            .home
            .path()
            .join(".config/oneclaw/config.json")
            .exists()
    );
    assert_eq!(log_in(&shell, &human, "approve").await, Some(0));
    assert_eq!(shell.json(&["whoami"])["email"], "you@example.com");
    shell.run(&["vault", "list"]).ok();
}
