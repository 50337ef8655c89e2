//! Events sent to sinks as they happen: whatever becomes of the sink, none is lost.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use oneclaw_tests::app::{Database, Human, TestApp};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

/// Nothing here takes so long but a fault.
const PATIENCE: Duration = Duration::from_secs(60);

/// A sink at an address of its own, which can be killed and come back. What it takes, it keeps.
struct Receiver {
    address: std::net::SocketAddr,
    taken: watch::Sender<Vec<String>>,
    running: Option<JoinHandle<()>>,
    speaks: Speaks,
}

#[derive(Clone, Copy)]
enum Speaks {
    Http,
    Syslog,
    /// Syslog by datagrams.
    Udp,
}

impl Receiver {
    async fn start(speaks: Speaks) -> Self {
        let mut receiver = Self {
            address: "127.0.0.1:0".parse().unwrap(),
            taken: watch::Sender::new(Vec::new()),
            running: None,
            speaks,
        };
        receiver.revive().await;
        receiver
    }

    async fn revive(&mut self) {
        if let Speaks::Udp = self.speaks {
            return self.take_datagrams().await;
        }
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.address = listener.local_addr().unwrap();
        let (taken, speaks) = (self.taken.clone(), self.speaks);
        self.running = Some(tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut bytes = Vec::new();
                let messages = match speaks {
                    Speaks::Syslog => {
                        stream.read_to_end(&mut bytes).await.unwrap();
                        frames(&bytes)
                    }
                    Speaks::Http | Speaks::Udp => {
                        let body = request(&mut stream, &mut bytes).await;
                        let answer = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
                        taken.send_modify(|taken| taken.extend(body));
                        stream.write_all(answer).await.unwrap();
                        continue;
                    }
                };
                taken.send_modify(|taken| taken.extend(messages));
            }
        }));
    }

    async fn take_datagrams(&mut self) {
        let socket = UdpSocket::bind(self.address).await.unwrap();
        self.address = socket.local_addr().unwrap();
        let taken = self.taken.clone();
        self.running = Some(tokio::spawn(async move {
            let mut message = vec![0; 65_536];
            loop {
                let length = socket.recv(&mut message).await.unwrap();
                let text = String::from_utf8(message[..length].to_vec()).unwrap();
                taken.send_modify(|taken| taken.push(text));
            }
        }));
    }

    /// Dead: nobody listens any more.
    async fn kill(&mut self) {
        let running = self.running.take().unwrap();
        running.abort();
        let _ = running.await;
    }

    /// Waits until something with this text has come in.
    async fn wait_for(&self, text: &str) -> Vec<String> {
        let mut watching = self.taken.subscribe();
        let taken = watching.wait_for(|taken| taken.iter().any(|line| line.contains(text)));
        tokio::time::timeout(PATIENCE, taken)
            .await
            .unwrap()
            .unwrap()
            .clone()
    }
}

/// The lines of one request's body, and the value of its `Authorization`.
async fn request(stream: &mut tokio::net::TcpStream, bytes: &mut Vec<u8>) -> Vec<String> {
    loop {
        let mut part = [0; 4096];
        let read = stream.read(&mut part).await.unwrap();
        bytes.extend_from_slice(&part[..read]);
        let text = String::from_utf8_lossy(bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let header = |name: &str| {
            head.lines()
                .filter_map(|line| line.split_once(": "))
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.to_owned())
        };
        let length: usize = header("content-length").unwrap().parse().unwrap();
        if body.len() < length {
            continue;
        }
        assert_eq!(header("authorization").as_deref(), Some("Splunk s3cret"));
        return body.lines().map(str::to_owned).collect();
    }
}

/// Messages with their lengths before them.
fn frames(mut bytes: &[u8]) -> Vec<String> {
    let mut messages = Vec::new();
    while let Some(space) = bytes.iter().position(|byte| *byte == b' ') {
        let length: usize = std::str::from_utf8(&bytes[..space])
            .unwrap()
            .parse()
            .unwrap();
        let message = &bytes[space + 1..space + 1 + length];
        messages.push(String::from_utf8(message.to_vec()).unwrap());
        bytes = &bytes[space + 1 + length..];
    }
    messages
}

async fn start(database: Database) -> (TestApp, Human) {
    let app = TestApp::start_with(database, |config| config.allow_private_targets = true).await;
    let human = app.human("ops").await;
    (app, human)
}

async fn sink(app: &TestApp, human: &Human, body: Value) -> Value {
    app.post("/v1/audit/sinks", &human.token, body)
        .await
        .expect(201)
}

async fn state(app: &TestApp, human: &Human) -> Value {
    app.get("/v1/audit/sinks", &human.token).await.expect(200)["sinks"][0].clone()
}

/// Asks until the sink is as it should be; each question is a request of its own, so that there is nothing to wait for.
async fn until(app: &TestApp, human: &Human, is_right: impl Fn(&Value) -> bool) -> Value {
    let asking = async {
        loop {
            let state = state(app, human).await;
            if is_right(&state) {
                return state;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, asking)
        .await
        .expect("the sink never got there")
}

/// Every event of the trail came, in order, as it stands in an export; some may have come twice.
async fn assert_all(app: &TestApp, human: &Human, lines: &[String], last: &str) {
    let export = app.get("/v1/audit/export", &human.token).await.text;
    let wanted: Vec<&str> = export
        .lines()
        .filter(|line| line.contains("\"record\":\"event\""))
        .take_while(|line| !line.contains("audit.export"))
        .collect();
    let mut seen = BTreeSet::new();
    let first_times: Vec<&str> = lines
        .iter()
        .map(|line| &line[line.find("{\"action\"").unwrap()..])
        .filter(|line| seen.insert(line.to_string()))
        .collect();
    let end = wanted.iter().position(|line| line.contains(last)).unwrap();
    assert_eq!(first_times[..=end], wanted[..=end]);
}

async fn killing_a_sink_loses_nothing(database: Database, speaks: Speaks) {
    let (app, human) = start(database).await;
    let vault = app.vault(&human).await;
    let mut receiver = Receiver::start(speaks).await;
    let body = match speaks {
        Speaks::Http => json!({
            "name": "siem", "kind": "https", "target": format!("http://{}/in", receiver.address),
            "authorization": "Splunk s3cret",
        }),
        Speaks::Syslog => json!({
            "name": "siem", "kind": "syslog", "target": receiver.address.to_string(),
        }),
        Speaks::Udp => json!({
            "name": "siem", "kind": "syslog", "target": format!("udp://{}", receiver.address),
        }),
    };
    let made = sink(&app, &human, body).await;
    assert_eq!(made["has_authorization"], matches!(speaks, Speaks::Http));
    app.secret(&human, &vault, "before", "v").await;
    receiver.wait_for("before").await;

    receiver.kill().await;
    for n in 0..20 {
        app.secret(&human, &vault, &format!("while/{n}"), "v").await;
    }
    let behind = until(&app, &human, |state| state["failures"] != 0).await;
    assert!(behind["lag_events"].as_i64().unwrap() > 0, "{behind}");
    assert!(
        behind["last_error"].is_string() && behind["next_attempt_at"].is_string(),
        "{behind}"
    );
    app.clock.advance_seconds(60);
    let older = state(&app, &human).await;
    assert!(older["lag_seconds"].as_i64().unwrap() >= 60, "{older}");

    receiver.revive().await;
    app.clock.advance_seconds(600);
    receiver.wait_for("while/19").await;
    app.secret(&human, &vault, "after", "v").await;
    let lines = receiver.wait_for("\"after\"").await;
    assert_all(&app, &human, &lines, "\"after\"").await;
    let caught_up = until(&app, &human, |state| state["failures"] == 0).await;
    assert_eq!(caught_up["last_error"], Value::Null);
    if !matches!(speaks, Speaks::Http) {
        assert!(
            lines[0].starts_with(
                "<110>1 2026-11-23T12:00:00Z 127.0.0.1 oneclaw - org.create [oneclaw@32473 event=\""
            ),
            "{}",
            lines[0]
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_an_https_sink_loses_nothing_on_sqlite() {
    killing_a_sink_loses_nothing(Database::Sqlite, Speaks::Http).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_an_https_sink_loses_nothing_on_postgres() {
    killing_a_sink_loses_nothing(Database::Postgres, Speaks::Http).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_a_syslog_sink_loses_nothing() {
    killing_a_sink_loses_nothing(Database::Sqlite, Speaks::Syslog).await;
}

/// A closed port of the same machine is noticed, so here even datagrams are sent again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_datagram_sink_that_is_away_gets_what_it_missed() {
    killing_a_sink_loses_nothing(Database::Sqlite, Speaks::Udp).await;
}

/// The receiver's certificate is trusted by nobody: it gets nothing, and the sink says why.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_over_tls_sends_nothing_to_whom_it_cannot_trust() {
    let (app, human) = start(Database::Sqlite).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let receiver = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut got = Vec::new();
        // A server hello that is none; what the other side then does is end the connection.
        stream.write_all(b"not tls at all\n").await.unwrap();
        let _ = stream.read_to_end(&mut got).await;
        got
    });
    let body = json!({"name": "siem", "kind": "syslog", "target": format!("tls://{address}")});
    let made = sink(&app, &human, body).await;
    assert_eq!(made["target"], format!("tls://{address}"));
    let behind = until(&app, &human, |state| state["failures"] != 0).await;
    assert!(
        behind["last_error"].is_string() && behind["position"] == 0,
        "{behind}"
    );
    let got = receiver.await.unwrap();
    // The first record of a handshake (RFC 8446 §5.1), and nothing of the trail.
    assert_eq!(got.first(), Some(&22));
    let text = String::from_utf8_lossy(&got);
    assert!(!text.contains("org.create"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_server_goes_on_where_it_was() {
    let (app, human) = start(Database::Sqlite).await;
    let vault = app.vault(&human).await;
    sink(
        &app,
        &human,
        json!({"name": "disk", "kind": "file", "target": "trail"}),
    )
    .await;
    app.secret(&human, &vault, "one", "v").await;
    until(&app, &human, |state| {
        state["position"].as_i64().unwrap() >= 4
    })
    .await;
    app.secret(&human, &vault, "two", "v").await;
    let (token, public_url) = (human.token.clone(), app.url.clone());
    let dir = app.stop().await;
    let url = format!("sqlite://{}/oneclaw.db", dir.path().display());
    let app = TestApp::start_in(dir, &url, |config| config.public_url = public_url).await;
    // Whoever had taken the sink when the server stopped is taken for lost after two minutes.
    app.clock.advance_seconds(300);
    let human = Human { token, ..human };
    app.secret(&human, &vault, "three", "v").await;
    until(&app, &human, |state| state["lag_events"] == 0).await;
    let path = app
        .dir
        .path()
        .join(format!("audit/{}/trail.jsonl", human.org));
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    assert_all(&app, &human, &lines, "\"three\"").await;
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_that_takes_for_ever_holds_up_no_request_and_no_other_sink() {
    let (app, human) = start(Database::Sqlite).await;
    let vault = app.vault(&human).await;
    // It accepts connections and never reads.
    let deaf = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let connected = Arc::new(Notify::new());
    let (address, notify) = (deaf.local_addr().unwrap(), Arc::clone(&connected));
    tokio::spawn(async move {
        let mut kept = Vec::new();
        loop {
            kept.push(deaf.accept().await.unwrap());
            notify.notify_one();
        }
    });
    sink(
        &app,
        &human,
        json!({"name": "deaf", "kind": "syslog", "target": address.to_string()}),
    )
    .await;
    tokio::time::timeout(PATIENCE, connected.notified())
        .await
        .unwrap();
    let receiver = Receiver::start(Speaks::Syslog).await;
    sink(
        &app,
        &human,
        json!({"name": "good", "kind": "syslog", "target": receiver.address.to_string()}),
    )
    .await;
    app.secret(&human, &vault, "meanwhile", "v").await;
    receiver.wait_for("meanwhile").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_sink_gets_nothing_until_it_goes_on_and_one_from_now_gets_nothing_older() {
    let (app, human) = start(Database::Sqlite).await;
    let vault = app.vault(&human).await;
    app.secret(&human, &vault, "old", "v").await;
    let receiver = Receiver::start(Speaks::Syslog).await;
    let made = sink(
        &app,
        &human,
        json!({"name": "s", "kind": "syslog", "target": receiver.address.to_string(), "begin": "now"}),
    )
    .await;
    let url = format!("/v1/audit/sinks/{}", made["id"].as_str().unwrap());
    app.patch(&url, &human.token, json!({"is_active": false}))
        .await
        .expect(200);
    app.secret(&human, &vault, "stopped", "v").await;
    let stopped = state(&app, &human).await;
    assert_eq!(stopped["is_active"], false);
    assert!(stopped["lag_events"].as_i64().unwrap() > 0);
    app.patch(&url, &human.token, json!({"is_active": true}))
        .await
        .expect(200);
    let lines = receiver.wait_for("\"stopped\"").await;
    assert!(lines.iter().all(|line| !line.contains("\"old\"")));
    app.delete(&url, &human.token).await.expect(204);
    app.delete(&url, &human.token).await.problem(404);
    let sinks = app.get("/v1/audit/sinks", &human.token).await.expect(200);
    assert_eq!(sinks, json!({"sinks": []}));
    let actions: Vec<Value> = app.events(&human, "resource_type=audit_sink").await;
    let actions: Vec<_> = actions
        .iter()
        .map(|event| event["action"].as_str().unwrap())
        .collect();
    assert_eq!(
        actions,
        [
            "audit.sink_delete",
            "audit.sink_update",
            "audit.sink_update",
            "audit.sink_create"
        ]
    );
}

#[tokio::test]
async fn a_sink_is_for_owners_and_admins_and_goes_to_no_private_place() {
    let app = TestApp::start().await;
    let (human, other) = (app.human("ops").await, app.human("other").await);
    let agent = app.agent(&human, json!({})).await;
    let token = app.token(&agent).await;
    let file = json!({"name": "disk", "kind": "file", "target": "trail"});
    app.post("/v1/audit/sinks", &token, file.clone())
        .await
        .problem(403);
    app.get("/v1/audit/sinks", &token).await.problem(403);
    let made = sink(&app, &human, file.clone()).await;
    let url = format!("/v1/audit/sinks/{}", made["id"].as_str().unwrap());
    app.post("/v1/audit/sinks", &human.token, file)
        .await
        .problem(409);
    // Another organisation has none of it.
    let theirs = app.get("/v1/audit/sinks", &other.token).await.expect(200);
    assert_eq!(theirs, json!({"sinks": []}));
    app.patch(&url, &other.token, json!({"is_active": false}))
        .await
        .problem(404);
    app.delete(&url, &other.token).await.problem(404);
    for (body, field) in [
        (json!({"name": "", "kind": "file", "target": "x"}), "name"),
        (json!({"name": "x", "kind": "kafka", "target": "x"}), "kind"),
        (
            json!({"name": "x", "kind": "file", "target": "../../x"}),
            "target",
        ),
        (
            json!({"name": "x", "kind": "https", "target": "https://127.0.0.1/"}),
            "target",
        ),
        (
            json!({"name": "x", "kind": "https", "target": "http://logs.example.com/"}),
            "target",
        ),
        (
            json!({"name": "x", "kind": "syslog", "target": "169.254.169.254:80"}),
            "target",
        ),
        (
            json!({"name": "x", "kind": "file", "target": "x", "begin": "never"}),
            "begin",
        ),
        (
            json!({"name": "x", "kind": "file", "target": "x", "authorization": "a"}),
            "authorization",
        ),
        (
            json!({"name": "x", "kind": "https", "target": "https://logs.example.com/", "authorization": "a\nb"}),
            "authorization",
        ),
    ] {
        let problem = app
            .post("/v1/audit/sinks", &human.token, body)
            .await
            .problem(400);
        assert!(problem["fields"][field].is_string(), "{problem}");
    }
    for n in 0..15 {
        sink(
            &app,
            &human,
            json!({"name": format!("n{n}"), "kind": "file", "target": format!("n{n}")}),
        )
        .await;
    }
    let more = json!({"name": "more", "kind": "file", "target": "more"});
    app.post("/v1/audit/sinks", &human.token, more)
        .await
        .problem(409);
}
