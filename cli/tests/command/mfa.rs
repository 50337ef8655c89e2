//! The second factor.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::Stdio;

use oneclaw_core::clock::Clock as _;
use oneclaw_tests::app::PASSWORD;
use totp_rs::{Algorithm, Builder, Secret};

use crate::shell::{BINARY, Shell, command};

/// What a device that knows the secret shows now.
fn code(shell: &Shell, secret: &str) -> String {
    let device = Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(6)
        .with_step_duration(30)
        .with_secret(Secret::try_from_base32(secret).unwrap())
        .build()
        .unwrap();
    let now = shell.app.clock.now().as_seconds();
    device.generate(now.try_into().unwrap()).to_string()
}

/// A second factor that was set up.
pub struct Enabled {
    /// What the device has to know.
    pub secret: String,
    /// Each is good once.
    pub codes: Vec<String>,
    /// What was printed.
    pub out: String,
}

/// Sets a second factor up.
pub fn enable(shell: &Shell, more: &[&str]) -> Enabled {
    let mut run = command(
        BINARY,
        shell.home.path(),
        &[("ONECLAW_API_URL", &shell.app.url)],
    );
    run.args(["mfa", "enable"])
        .args(more)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    tokio::task::block_in_place(|| {
        let mut child = run.spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.starts_with("  secret ") {
            line.clear();
            assert!(said.read_line(&mut line).unwrap() > 0);
        }
        let secret = line.trim().trim_start_matches("secret ").to_owned();
        let mut typing = child.stdin.take().unwrap();
        writeln!(typing, "{}", code(shell, &secret)).unwrap();
        let mut out = String::new();
        child
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut out)
            .unwrap();
        assert!(child.wait().unwrap().success(), "{out}");
        let codes: Vec<String> = match serde_json::from_str::<serde_json::Value>(&out) {
            Ok(answer) => serde_json::from_value(answer["recovery_codes"].clone()).unwrap(),
            Err(_) => out
                .lines()
                .skip(1)
                .map(|line| line.trim().to_owned())
                .collect(),
        };
        assert_eq!(codes.len(), 8, "{out}");
        Enabled { secret, codes, out }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_factor_is_asked_for_at_sign_in_until_it_is_removed() {
    let shell = Shell::signed_in().await;
    assert_eq!(shell.json(&["mfa", "status"])["enabled"], false);
    let Enabled { secret, codes, .. } = enable(&shell, &[]);
    assert_eq!(shell.json(&["mfa", "status"])["enabled"], true);
    shell.run(&["logout"]).ok();
    let login = ["login", "--email", "you@example.com", "--password-stdin"];
    let said = shell.with(&login, PASSWORD, &[]).fails(1);
    assert!(said.contains("--mfa-code"), "{said}");
    let with = |code: &str| {
        let mut all = login.to_vec();
        all.extend(["--mfa-code", code]);
        shell.with(&all, PASSWORD, &[])
    };
    with("000000").fails(1);
    shell.app.clock.advance_seconds(60);
    with(&code(&shell, &secret)).ok();
    shell.run(&["mfa", "disable", "--code", &codes[0]]).ok();
    assert_eq!(shell.json(&["mfa", "status"])["enabled"], false);
    shell.with(&login, PASSWORD, &[]).ok();
}
