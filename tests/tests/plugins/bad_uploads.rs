//! What is not taken in, and what is said then.

use oneclaw_tests::app::{Database, TestApp};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::setup::{
    hostile, named, of_another_contract, two_worlds, upload, uploaded, with_section,
};

/// What is said of a component that is refused with 400.
async fn refused(app: &TestApp, human: &oneclaw_tests::app::Human, component: &[u8]) -> String {
    let problem = upload(app, human, component, "").await.problem(400);
    problem["detail"].as_str().unwrap().to_owned()
}

fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_component_of_this_contract_is_refused_with_the_reason() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let truncated = &hostile("0.1.0")[..20_000];
    let bomb = {
        // Each type twice the one before: a few hundred bytes that unfold to more than there is memory.
        let mut text = String::from("(component (type (tuple u8 u8))");
        for n in 0..60 {
            text.push_str(&format!("(type (tuple {n} {n}))"));
        }
        wat(&format!("{text})"))
    };
    let many = wat(&format!(
        "(component {})",
        "(type (tuple u8))".repeat(20_000)
    ));
    for (component, said) in [
        (&b"not wasm at all"[..], "not a valid WebAssembly component"),
        (&b"\0asm"[..], "not a valid WebAssembly component"),
        (&wat("(module)")[..], "a core module and not a component"),
        (truncated, "not a valid WebAssembly component"),
        (&bomb[..], "type size"),
        (&many[..], "20000 component types; the limit is 10000"),
        (&wat("(component)")[..], "exports no world"),
        (
            &wat(
                r#"(component (import "wasi:clocks/monotonic-clock@0.2.0" (instance (export "now" (func (result u64))))))"#,
            )[..],
            "wasi:clocks/monotonic-clock@0.2.0",
        ),
        (
            &of_another_contract()[..],
            "this server speaks oneclaw:policy@0.1",
        ),
    ] {
        let detail = refused(&app, &human, component).await;
        assert!(detail.contains(said), "{said}: {detail}");
    }
    let nothing = upload(&app, &human, b"", "").await.problem(400);
    assert!(
        nothing["detail"]
            .as_str()
            .unwrap()
            .contains("must be a component")
    );
    let list = app.get("/v1/plugins", &human.token).await.expect(200);
    assert_eq!(list["plugins"], json!([]), "nothing of it was kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_megabytes_are_refused_by_their_announcement() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let mut stream = tokio::net::TcpStream::connect(app.running.address)
        .await
        .unwrap();
    let head = format!(
        "POST /v1/plugins HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/wasm\r\n\
         content-length: 209715200\r\n\r\n",
        human.token
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // Not a byte of the body is sent, and the answer is there all the same.
    let mut answer = vec![0; 1024];
    let read = stream.read(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer[..read]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");

    let change =
        |config: &mut oneclaw_server::config::Config| config.plugins.component_bytes = 10_000;
    let app = TestApp::start_with(Database::Sqlite, change).await;
    let human = app.human("ops").await;
    let problem = upload(&app, &human, &hostile("0.1.0"), "")
        .await
        .problem(413);
    assert!(problem["detail"].as_str().unwrap().contains("10000 bytes"));
}

/// Uploads in chunks, without a word on how much it will be. What the server answers, which may come before the end.
async fn in_chunks(app: &TestApp, token: &str, chunks: &[&[u8]], ends: bool) -> String {
    let mut stream = tokio::net::TcpStream::connect(app.running.address)
        .await
        .unwrap();
    let head = format!(
        "POST /v1/plugins HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\
         content-type: application/wasm\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    for chunk in chunks {
        let size = format!("{:x}\r\n", chunk.len());
        let sent = [size.as_bytes(), chunk, b"\r\n"].concat();
        // The server may have heard enough.
        if stream.write_all(&sent).await.is_err() {
            break;
        }
    }
    if ends {
        stream.write_all(b"0\r\n\r\n").await.unwrap();
    }
    let (mut answer, mut part) = (Vec::new(), vec![0; 4096]);
    // A connection that is cut has said what it had to say.
    while let Ok(read @ 1..) = stream.read(&mut part).await {
        answer.extend_from_slice(&part[..read]);
    }
    String::from_utf8(answer).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_in_chunks_is_taken_up_to_the_limit_and_not_read_without_end() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let component = hostile("0.1.0");
    let chunks: Vec<&[u8]> = component.chunks(10_000).collect();
    let answer = in_chunks(&app, &human.token, &chunks, true).await;
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert!(answer.contains(r#""version":"0.1.0""#), "{answer}");
    // Twice the limit and a little more, with no end in sight: the server answers without waiting for one.
    let limit = app.running.services.config.plugins.component_bytes;
    let nothing = vec![0; 1 << 16];
    let chunks = vec![&*nothing; 2 * limit as usize / nothing.len() + 2];
    let answer = in_chunks(&app, &human.token, &chunks, false).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains(&format!("{limit} bytes")), "{answer}");
    // A little too much is read to its end, and refused.
    let larger = [component, vec![0; limit as usize]].concat();
    let chunks: Vec<&[u8]> = larger.chunks(100_000).collect();
    let answer = in_chunks(&app, &human.token, &chunks, true).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains(&format!("{limit} bytes")), "{answer}");
    let plugin = app.get("/v1/plugins/hostile", &human.token).await;
    let versions = plugin.expect(200)["versions"].clone();
    assert_eq!(versions.as_array().unwrap().len(), 1, "{versions}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_component_says_of_itself_has_to_be_true() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    for (query, field, said) in [
        ("?version=0.1.1", "version", "the component says `0.1.0`"),
        ("?name=friendly", "name", "the component says `hostile`"),
    ] {
        let problem = upload(&app, &human, &hostile("0.1.0"), query)
            .await
            .problem(400);
        let message = problem["fields"][field].as_str().unwrap();
        assert!(message.contains(said), "{problem}");
    }
    let right = upload(
        &app,
        &human,
        &hostile("0.1.0"),
        "?name=hostile&version=0.1.0",
    )
    .await;
    assert_eq!(right.expect(201)["version"], "0.1.0");
    // The claim is compared with what is there, too.
    let again = upload(&app, &human, &hostile("0.1.0"), "?version=0.1.1").await;
    again.problem(400);
    // A version that is none.
    let problem = upload(&app, &human, &named("hostile", "1.0.x"), "")
        .await
        .problem(400);
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("is not a semantic version")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_versions_do_not_collide() {
    let app = TestApp::start().await;
    let (ours, theirs) = (app.human("ops").await, app.human("others").await);
    let first = uploaded(&app, &ours, &hostile("0.1.0")).await;
    // The same digest twice is the same version.
    let again = upload(&app, &ours, &hostile("0.1.0"), "").await.expect(200);
    assert_eq!(first["id"], again["id"]);
    // The same name and version with other bytes is not.
    let other = with_section(&hostile("0.1.0"), "note", b"other bytes");
    let problem = upload(&app, &ours, &other, "").await.problem(409);
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("never changes"),
        "{problem}"
    );
    uploaded(&app, &ours, &hostile("0.1.1")).await;
    let plugin = app
        .get("/v1/plugins/hostile", &ours.token)
        .await
        .expect(200);
    let versions: Vec<&Value> = plugin["versions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| &v["version"])
        .collect();
    assert_eq!(versions, ["0.1.1", "0.1.0"]);
    // Another organisation has names of its own, and sees nothing of ours.
    app.get("/v1/plugins/hostile", &theirs.token)
        .await
        .problem(404);
    let theirs_too = uploaded(&app, &theirs, &hostile("0.1.0")).await;
    assert_ne!(theirs_too["id"], first["id"]);
    // The names of the built-in plugins, under which their budgets are kept, are taken.
    let taken = oneclaw_builtin::ACCESS_POLICY;
    let problem = upload(&app, &ours, taken, "").await.problem(409);
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("is the server's"),
        "{problem}"
    );
    let events = app.events(&ours, "action=plugin.upload").await;
    assert_eq!(events.len(), 2, "{events:?}");
    assert_eq!(events[1]["details"]["digest"], first["digest"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_uploads_at_once_one_is_new() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let component = hostile("0.1.0");
    let app = std::sync::Arc::new(app);
    let human = std::sync::Arc::new(human);
    let mut uploads = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (app, human, component) = (app.clone(), human.clone(), component.clone());
        uploads.spawn(async move {
            // An organisation's uploads take turns; who comes too early is told so.
            loop {
                let reply = upload(&app, &human, &component, "").await;
                if reply.status != StatusCode::TOO_MANY_REQUESTS {
                    return reply.status.as_u16();
                }
            }
        });
    }
    let mut statuses = uploads.join_all().await;
    statuses.sort_unstable();
    assert_eq!(
        statuses.iter().filter(|s| **s == 201).count(),
        1,
        "{statuses:?}"
    );
    assert_eq!(
        statuses.iter().filter(|s| **s == 200).count(),
        19,
        "{statuses:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_has_to_pass_its_own_cases() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let case = |name: &str, path: &str, verdict: &str| {
        json!({
            "name": name, "world": "access-policy", "settings": {"path": "a", "limit": "1"},
            "request": {"path": path}, "expect": {"verdict": verdict},
        })
    };
    let carrying =
        |cases: Value| with_section(&two_worlds(), "oneclaw:cases", cases.to_string().as_bytes());
    let wrong = carrying(json!([
        case("listed", "a", "allow"),
        case("unlisted", "b", "deny")
    ]));
    let detail = refused(&app, &human, &wrong).await;
    assert!(
        detail.contains("fails its own case `unlisted`: answered abstain, expected deny"),
        "{detail}"
    );
    let nonsense = with_section(&two_worlds(), "oneclaw:cases", b"{}");
    assert!(
        refused(&app, &human, &nonsense)
            .await
            .contains("is not a list of cases")
    );
    let right = carrying(json!([
        case("listed", "a", "allow"),
        case("unlisted", "b", "abstain")
    ]));
    let version = uploaded(&app, &human, &right).await;
    assert_eq!(version["cases"], 2);
    assert_eq!(
        version["worlds"],
        json!(["access-policy", "transaction-guardrail"])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_owners_and_admins_upload_and_see_and_agents_never() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let agent = app.agent(&human, json!({})).await;
    let token = app.token(&agent).await;
    let bytes = hostile("0.1.0");
    let sent = app
        .send_bytes("/v1/plugins", &token, "application/wasm", bytes.clone())
        .await;
    sent.problem(403);
    app.send_bytes("/v1/plugins", "", "application/wasm", bytes.clone())
        .await
        .problem(401);
    app.send_bytes("/v1/plugins", &human.token, "text/plain", bytes)
        .await
        .problem(415);
    for path in [
        "/v1/plugins",
        "/v1/plugins/attachments",
        "/v1/plugins/publishers",
        "/v1/plugins/settings",
    ] {
        app.get(path, &token).await.problem(403);
        app.get(path, "").await.problem(401);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_yanked_version_is_attached_nowhere_anew_and_a_retired_plugin_takes_no_more() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let version = uploaded(&app, &human, &hostile("0.1.0")).await;
    let base = "/v1/plugins/hostile/versions/0.1.0";
    let component = app.get(&format!("{base}/component"), &human.token).await;
    assert_eq!(component.headers["content-type"], "application/wasm");
    let body = json!({"reason": "leaks"});
    let yanked = app
        .post(&format!("{base}/yank"), &human.token, body)
        .await
        .expect(200);
    assert_eq!(
        (&yanked["id"], yanked["yanked_at"].is_string()),
        (&version["id"], true)
    );
    app.post(&format!("{base}/yank"), &human.token, json!({}))
        .await
        .problem(409);
    let attach = crate::setup::enforced("0.1.0", "allow");
    let problem = app
        .post("/v1/plugins/attachments", &human.token, attach)
        .await
        .problem(409);
    assert!(
        problem["detail"].as_str().unwrap().contains("is yanked"),
        "{problem}"
    );
    app.delete("/v1/plugins/hostile", &human.token)
        .await
        .expect(204);
    upload(&app, &human, &hostile("0.1.1"), "")
        .await
        .problem(409);
    app.delete("/v1/plugins/hostile", &human.token)
        .await
        .problem(409);
    app.delete("/v1/plugins/unknown", &human.token)
        .await
        .problem(404);
}
