//! What is not right is answered precisely, changes nothing, and is not repeated back or logged.

use oneclaw_tests::app::TestApp;
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Sends bytes as they are: clients tidy URLs up before they send them.
async fn raw(app: &TestApp, request: &str) -> (u16, String) {
    let mut stream = tokio::net::TcpStream::connect(app.running.address)
        .await
        .unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    (reply[9..12].parse().unwrap(), reply)
}

#[tokio::test]
async fn unknown_routes_and_bad_methods_are_problems_too() {
    let app = TestApp::start().await;
    app.get("/nothing", "").await.problem(404);
    app.get("/v1/nothing", "").await.problem(404);
    app.delete("/v1/vaults", "").await.problem(405);
    app.get("/v1/auth/google", "").await.problem(501);
}

#[tokio::test]
async fn malformed_bodies_name_what_is_wrong_and_change_nothing() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let vault = app.vault(&human).await;
    let url = format!("/v1/vaults/{vault}/secrets/a");
    for (body, detail) in [
        ("", "needs a JSON body"),
        ("{", "not JSON"),
        ("\u{0}", "not JSON"),
        ("{\"value\": \"x\"} trailing", "behind the JSON document"),
        ("[]", "must be a JSON object"),
        ("[\"x\"]", "must be a JSON object"),
        ("null", "must be"),
        ("{}", "missing field `value`"),
        ("{\"value\": 7}", "value: must be a string"),
        (
            "{\"value\": \"x\", \"max_access_count\": \"many\"}",
            "max_access_count: must be i64",
        ),
        ("{\"value\": \"x\", \"max_access_count\": 0}", "at least 1"),
        (
            "{\"value\": \"x\", \"expires_at\": \"2020-01-01T00:00:00Z\"}",
            "in the future",
        ),
        ("{\"value\": \"x\", \"expires_at\": \"soon\"}", "RFC 3339"),
        ("{\"value\": \"x\", \"type\": \"Api Key\"}", "not a type"),
        ("{\"value\": \"x\", \"metadata\": [1]}", "must be an object"),
    ] {
        let request = format!(
            "PUT {url} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            human.token,
            body.len()
        );
        let (status, reply) = raw(&app, &request).await;
        assert_eq!(status, 400, "{body}: {reply}");
        assert!(reply.contains(detail), "{body}: {reply}");
        assert!(reply.contains("application/problem+json"));
    }
    app.get(&url, &human.token).await.problem(404);
    let not_utf8 = [b"{\"value\": \"".as_slice(), &[0xff, 0xfe], b"\"}"].concat();
    let head = format!(
        "PUT {url} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        human.token,
        not_utf8.len()
    );
    let mut stream = tokio::net::TcpStream::connect(app.running.address)
        .await
        .unwrap();
    stream
        .write_all(&[head.as_bytes(), &not_utf8].concat())
        .await
        .unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    assert!(reply.starts_with("HTTP/1.1 400"), "{reply}");
}

#[tokio::test]
async fn malformed_paths_are_refused_before_anything_is_looked_up() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let vault = app.vault(&human).await;
    for path in [
        "a/../b",
        "a/./b",
        "a//b",
        "/a",
        "a/",
        "a%00b",
        "a%2F%2Fb",
        "a%ff",
        "a%20b",
        "a.b",
        "%2e%2e/b",
        "-a",
        &"x".repeat(600),
    ] {
        for method in ["GET", "PUT", "DELETE"] {
            let request = format!(
                "{method} /v1/vaults/{vault}/secrets/{path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\nconnection: close\r\ncontent-length: 15\r\n\r\n{{\"value\": \"x\" }}",
                human.token
            );
            let (status, reply) = raw(&app, &request).await;
            assert_eq!(status, 400, "{method} {path}: {reply}");
        }
    }
    for version in ["a/0", "a/-1", "a/x", "a", "a/1.5"] {
        app.get(
            &format!("/v1/vaults/{vault}/secret-version/{version}"),
            &human.token,
        )
        .await
        .problem(400);
    }
    app.get("/v1/vaults/not-a-uuid", &human.token)
        .await
        .problem(400);
    app.get("/v1/agents/not-a-uuid", &human.token)
        .await
        .problem(400);
    app.get(
        "/v1/vaults/0190a0b0-0000-7000-8000-000000000001",
        &human.token,
    )
    .await
    .problem(404);
}

#[tokio::test]
async fn a_body_of_ten_mebibytes_is_refused() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let vault = app.vault(&human).await;
    let url = format!("/v1/vaults/{vault}/secrets/a");
    app.put(
        &url,
        &human.token,
        json!({"value": "x".repeat(10 * 1024 * 1024)}),
    )
    .await
    .problem(413);
    let over = app
        .put(
            &url,
            &human.token,
            json!({"value": "x".repeat(1024 * 1024 + 1)}),
        )
        .await
        .problem(400);
    assert!(over["fields"]["value"].is_string());
    app.get(&url, &human.token).await.problem(404);
    app.put(
        &url,
        &human.token,
        json!({"value": "x".repeat(1024 * 1024)}),
    )
    .await
    .expect(201);
    let large = json!({"value": "x", "metadata": {"a": "x".repeat(17 * 1024)}});
    app.put(&url, &human.token, large).await.problem(400);
}

#[tokio::test]
async fn unusual_credentials_are_refused_without_being_repeated() {
    let app = TestApp::start().await;
    for header in [
        "Basic dXNlcjpwYXNz",
        "Bearer",
        "Bearer  ",
        "Token abc",
        "Bearer a b",
    ] {
        let headers = [("authorization", header)];
        let problem = app
            .send_with(Method::GET, "/v1/vaults", "", None, &headers)
            .await
            .problem(401);
        assert!(!problem.to_string().contains("dXNlcjpwYXNz"));
    }
}

#[tokio::test]
async fn values_of_every_shape_come_back_as_they_went() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let vault = app.vault(&human).await;
    for (n, value) in [
        "",
        "\0",
        "line\nline",
        "\u{1f980} ünï",
        "\"quoted\" \\ {\"a\":1}",
        "  spaces  ",
    ]
    .iter()
    .enumerate()
    {
        app.secret(&human, &vault, &format!("v{n}"), value).await;
        assert_eq!(
            app.read(&human.token, &vault, &format!("v{n}"))
                .await
                .expect(200)["value"],
            *value
        );
    }
}
