//! Servers that are not there, are slow, or are no servers of ours; readers that go away.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::shell::{BINARY, Ran, Shell, command, finish};

/// Answers every connection with these bytes, or with silence.
fn serving(answer: Option<&'static [u8]>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            match answer {
                Some(answer) => {
                    let mut request = [0; 4096];
                    let _ = stream.read(&mut request);
                    let _ = stream.write_all(answer);
                }
                None => kept.push(stream),
            }
        }
    });
    url
}

fn ask(url: &str, more: &[&str]) -> Ran {
    let home = tempfile::tempdir().unwrap();
    let mut run = command(
        BINARY,
        home.path(),
        &[("ONECLAW_TOKEN", "token"), ("ONECLAW_API_URL", url)],
    );
    run.args(["vault", "list"]).args(more);
    finish(run, "")
}

#[track_caller]
fn one_line(ran: Ran, code: i32) -> String {
    let said = ran.fails(code);
    assert_eq!(said.lines().count(), 1, "{said}");
    said
}

#[test]
fn a_server_that_is_down_gives_one_line() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let said = one_line(ask(&format!("http://{free}"), &[]), 5);
    assert!(said.contains("nothing listens at"), "{said}");
    let said = one_line(ask("http://no-such-host.invalid", &[]), 5);
    assert!(said.contains("host") || said.contains("connect"), "{said}");
}

#[test]
fn a_server_that_is_slow_gives_one_line_in_time() {
    let url = serving(None);
    let before = Instant::now();
    let said = one_line(ask(&url, &["--timeout", "1"]), 5);
    assert!(said.contains("did not answer within 1 s"), "{said}");
    assert!(before.elapsed() < Duration::from_secs(30));
}

#[test]
fn something_that_is_no_server_of_ours_gives_one_line() {
    for (answer, words) in [
        (&b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 12\r\n\r\n<html></html"[..], "a web page"),
        (b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 6\r\n\r\n<html>", "answered 502 with a web page"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{\"vaults\":", "broke off"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{\"vaults\":", "not JSON"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "broke off"),
        (b"", "broke off"),
        (b"HTTP/1.1 301 Moved\r\nlocation: https://evil.example/\r\ncontent-length: 0\r\n\r\n", "sends on to"),
    ] {
        let said = one_line(ask(&serving(Some(answer)), &[]), 5);
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn what_a_server_says_does_not_reach_the_terminal_as_it_is() {
    let body = r#"{"vaults":[{"id":"i","name":"a\u001b[2J\u009b31m\u202eb\nc","description":"","created_at":""}]}"#;
    let answer = format!(
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let url = serving(Some(answer.leak().as_bytes()));
    for format in ["--plain", "--json", "--timeout=9"] {
        let out = ask(&url, &[format]).ok();
        assert!(!out.contains(['\u{1b}', '\u{9b}', '\u{202e}']), "{out:?}");
    }
    let problem = r#"{"type":"about:blank","title":"x","status":409,"detail":"a\u001b[2J\nb"}"#;
    let answer = format!(
        "HTTP/1.1 409 Conflict\r\ncontent-length: {}\r\n\r\n{problem}",
        problem.len()
    );
    let said = one_line(ask(&serving(Some(answer.leak().as_bytes())), &[]), 1);
    assert!(said.contains("API error (409): a\\u{1b}[2J\\nb"), "{said}");
}

#[test]
fn an_approval_that_is_needed_has_a_code_of_its_own() {
    let problem = r#"{"type":"approval_required","title":"x","status":403,"detail":"a human has to agree","approval_request_id":"r-1"}"#;
    let answer = format!(
        "HTTP/1.1 403 Forbidden\r\ncontent-length: {}\r\n\r\n{problem}",
        problem.len()
    );
    let said = ask(&serving(Some(answer.leak().as_bytes())), &[]).fails(4);
    assert!(said.contains("approve r-1"), "{said}");
}

/// Answers the connections one after the other with these, each when it has read a request that ends so.
fn answering(end: &'static [u8], answers: &'static [[&'static str; 2]]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for [status, body] in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            while !request.ends_with(end) {
                let mut piece = [0; 1024];
                let length = stream.read(&mut piece).unwrap();
                request.extend_from_slice(&piece[..length]);
            }
            let head = "connection: close\r\ncontent-type: application/json\r\n";
            let length = body.len();
            let answer =
                format!("HTTP/1.1 {status}\r\n{head}content-length: {length}\r\n\r\n{body}");
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    url
}

#[test]
fn a_component_that_a_server_is_still_at_work_on_is_sent_again() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("door.wasm"), "all of it").unwrap();
    let push = |answers| {
        let url = answering(b"all of it", answers);
        let mut run = command(
            BINARY,
            home.path(),
            &[("ONECLAW_TOKEN", "token"), ("ONECLAW_API_URL", &url)],
        );
        run.args(["plugin", "push", "door.wasm"]);
        finish(run, "")
    };
    let ran = push(&[
        [
            "503 Service Unavailable\r\nretry-after: 1",
            r#"{"status": 503, "detail": "busy"}"#,
        ],
        [
            "429 Too Many Requests\r\nretry-after: 1",
            r#"{"status": 429, "detail": "busy"}"#,
        ],
        [
            "201 Created",
            r#"{"plugin": "door", "version": "0.1.0", "digest": "00ff"}"#,
        ],
    ]);
    assert!(ran.ok().contains("door 0.1.0 uploaded: 00ff"));
    // Without a word on when to, it is not.
    let ran = push(&[[
        "503 Service Unavailable",
        r#"{"status": 503, "detail": "broken"}"#,
    ]]);
    assert!(ran.fails(1).contains("broken"));
}

#[test]
fn wrong_usage_has_a_code_of_its_own() {
    let home = tempfile::tempdir().unwrap();
    for arguments in [
        &["vault", "lst"][..],
        &["vault", "get"],
        &["--json", "--plain", "vault", "ls"],
        &["audit", "ls", "--limit", "0"],
    ] {
        let mut run = command(BINARY, home.path(), &[]);
        run.args(arguments);
        finish(run, "").fails(2);
    }
    ask("https://", &[]).fails(2);
    ask("http://a/v1", &[]).fails(2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_goes_away_is_no_failure() {
    let shell = Shell::signed_in().await;
    shell.vault("v");
    let mut run: Command = command(
        BINARY,
        shell.home.path(),
        &[("ONECLAW_API_URL", &shell.app.url)],
    );
    run.args(["vault", "list", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let output = tokio::task::block_in_place(|| {
        let mut child = run.spawn().unwrap();
        drop(child.stdout.take());
        child.wait_with_output().unwrap()
    });
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn the_help_survives_a_reader_that_goes_away() {
    let home = tempfile::tempdir().unwrap();
    let mut run = command("sh", home.path(), &[]);
    run.args([
        "-c",
        "1claw completions bash | head -1; 1claw --help | head -1",
    ]);
    let ran = finish(run, "");
    assert_eq!(ran.err, "");
}
