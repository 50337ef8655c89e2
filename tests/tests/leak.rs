//! A marker secret is planted, every flow is run, and the marker is looked for everywhere it must not be: in answers,
//! errors, audit events, the log, and every file of the data directory.

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

use oneclaw_server::config::{LogConfig, LogFormat};
use oneclaw_tests::app::{PASSWORD, TestApp};
use reqwest::Method;
use serde_json::{Value, json};

const MARKER: &str = "mArKeR-8f2c51d0-never-to-be-seen";

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn assert_absent(place: &str, bytes: &[u8], needle: &str) {
    let found = bytes
        .windows(needle.len())
        .any(|window| window == needle.as_bytes());
    assert!(!found, "{place} contains {needle}");
}

fn assert_absent_below(folder: &Path, needles: &[&str]) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            assert_absent_below(&path, needles);
        } else {
            let bytes = std::fs::read(&path).unwrap();
            for needle in needles {
                assert_absent(&path.display().to_string(), &bytes, needle);
            }
        }
    }
}

#[tokio::test]
async fn the_marker_secret_is_found_nowhere() {
    let log = Captured::default();
    let writer = {
        let log = log.clone();
        move || log.clone()
    };
    let settings = LogConfig {
        format: LogFormat::Text,
        level: "trace".to_owned(),
    };
    let subscriber = oneclaw_server::telemetry::subscriber(&settings, writer, false).unwrap();
    tracing::subscriber::set_global_default(subscriber)
        .expect("this test is the only one in its process");

    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let vault = app.vault(&human).await;
    let agent = app
        .agent(
            &human,
            json!({"scopes": ["**"], "intents_api_enabled": true}),
        )
        .await;
    app.policy(
        &human,
        &vault,
        &agent,
        "open/**",
        json!({"permissions": ["read", "write"]}),
    )
    .await;
    let token = app.token(&agent).await;
    let url = |path: &str| format!("/v1/vaults/{vault}/{path}");
    let mut answers: Vec<String> = Vec::new();

    // Stored in every way there is.
    let secret = json!({"value": MARKER, "type": "private_key", "metadata": {"a": 1}, "max_access_count": 3});
    answers.push(
        app.put(&url("secrets/open/x"), &human.token, secret)
            .await
            .text,
    );
    answers.push(
        app.put(&url("secrets/open/y"), &token, json!({"value": MARKER}))
            .await
            .text,
    );
    answers.push(
        app.put(&url("secrets/closed/z"), &token, json!({"value": MARKER}))
            .await
            .text,
    );
    // Sent where it does not belong.
    answers.push(
        app.put(
            &url("secrets/open/x"),
            &human.token,
            json!({"value": [MARKER]}),
        )
        .await
        .text,
    );
    answers.push(
        app.put(
            &url("secrets/open/x"),
            &human.token,
            json!({"value": "v", "expires_at": 7, "x": MARKER}),
        )
        .await
        .text,
    );
    answers.push(
        app.put(&url("secrets/open/x"), &human.token, json!(MARKER))
            .await
            .text,
    );
    answers.push(
        app.put(&url("secrets/open/x"), MARKER, json!({"value": MARKER}))
            .await
            .text,
    );
    answers.push(
        app.post(
            "/v1/auth/token",
            "",
            json!({"email": "ops@example.com", "password": MARKER}),
        )
        .await
        .text,
    );
    answers.push(
        app.post("/v1/auth/agent-token", "", json!({"api_key": MARKER}))
            .await
            .text,
    );
    answers.push(
        app.post(
            "/v1/auth/api-key-token",
            "",
            json!({"api_key": format!("1ck_{MARKER}")}),
        )
        .await
        .text,
    );
    answers.push(
        app.post("/v1/auth/refresh", "", json!({"refresh_token": MARKER}))
            .await
            .text,
    );
    answers.push(
        app.post(
            "/v1/auth/signup",
            "",
            json!({"email": "x", "password": MARKER}),
        )
        .await
        .text,
    );
    let confirm = [("x-auth-confirm", MARKER)];
    answers.push(
        app.send_with(Method::DELETE, "/v1/auth/me", &human.token, None, &confirm)
            .await
            .text,
    );
    // Looked at in every way but the one that shows it.
    answers.push(app.get(&url("secrets"), &human.token).await.text);
    answers.push(
        app.get(&url("secret-versions/open/x"), &human.token)
            .await
            .text,
    );
    answers.push(app.read(&token, &vault, "open/x").await.text);
    for _ in 0..3 {
        assert_eq!(
            app.read(&human.token, &vault, "open/x").await.expect(200)["value"],
            MARKER
        );
    }
    answers.push(app.read(&human.token, &vault, "open/x").await.text);
    answers.push(
        app.send(
            Method::POST,
            &url("secret-version-disable/open/y/1"),
            &human.token,
            None,
        )
        .await
        .text,
    );
    answers.push(app.delete(&url("secrets/open/y"), &human.token).await.text);
    answers.push(
        app.get("/v1/audit/events?limit=1000", &human.token)
            .await
            .text,
    );
    answers.push(app.get("/v1/audit/verify", &human.token).await.text);
    answers.push(format!("{:?}", app.running));
    for (n, answer) in answers.iter().enumerate() {
        assert_absent(&format!("answer {n}"), answer.as_bytes(), MARKER);
    }

    let created: Value = app
        .post("/v1/auth/api-keys", &human.token, json!({"name": "k"}))
        .await
        .expect(201);
    let personal_key = created["api_key"].as_str().unwrap().to_owned();
    app.get("/v1/vaults", &personal_key).await.expect(200);
    let log = log.0.lock().unwrap().clone();
    assert!(log.len() > 1000, "the log was really captured");
    let dir = app.stop().await;
    let secrets = [
        MARKER,
        PASSWORD,
        &human.token,
        &agent.key,
        &token,
        &personal_key,
    ];
    for secret in secrets {
        assert_absent("the log", &log, secret);
    }
    assert_absent_below(dir.path(), &secrets);
}
