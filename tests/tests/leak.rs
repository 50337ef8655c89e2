//! A marker secret and known private keys are planted, every flow is run, and they are looked for everywhere they must not
//! be: in answers, errors, audit events, the log, and every file of the data directory.

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oneclaw_server::config::{EnrollmentMode, LogConfig, LogFormat};
use oneclaw_tests::anvil::Anvil;
use oneclaw_tests::app::{Agent, Database, Human, PASSWORD, Reply, TestApp};
use oneclaw_tests::rpc_faults::{Fault, FaultyRpc};
use reqwest::Method;
use serde_json::{Value, json};

const MARKER: &str = "mArKeR-8f2c51d0-never-to-be-seen";
/// An agent's signing key, brought in by its manager.
const IMPORTED_KEY: &str = "b71c71a67e1177ad4e901695e1b4b9ee17ae16c6668d313eac2f96dbcda3f291";
/// A private key that lies at a path like any other secret.
const KEY_AT_A_PATH: &str = "4646464646464646464646464646464646464646464646464646464646464645";
/// What a share is locked with.
const PASSPHRASE: &str = "pAsSpHrAsE-51be90ff-never-to-be-seen";
/// Part of the URL of a node, as providers hand them out.
const RPC_KEY: &str = "rPc-KeY-77aa0c41-never-to-be-seen";

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

/// A private key as somebody might write it by mistake. With `0x` before it the first two are found as well.
fn forms_of(key: &str) -> Vec<String> {
    let bytes = hex::decode(key).unwrap();
    let list = format!("{bytes:?}");
    vec![
        key.to_owned(),
        key.to_uppercase(),
        STANDARD.encode(&bytes),
        list.trim_matches(['[', ']']).to_owned(),
    ]
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

/// Keys of agents, and everything that can be done with them.
struct Signing<'a> {
    app: &'a TestApp,
    human: &'a Human,
    agent: &'a Agent,
    token: &'a str,
    vault: &'a str,
    answers: Vec<String>,
}

impl Signing<'_> {
    fn path(&self, rest: &str) -> String {
        format!("/v1/agents/{}/{rest}", self.agent.id)
    }

    async fn as_agent(&mut self, rest: &str, body: Value, status: u16) {
        let reply = self.app.post(&self.path(rest), self.token, body).await;
        self.answers.push(reply.text.clone());
        assert_eq!(reply.status, status, "{rest}: {}", reply.text);
    }

    /// What a human does with a key of the agent, who gives `password`.
    async fn carry(&self, what: &str, body: Value, password: &str) -> Reply {
        let url = self.path(&format!("signing-keys/ethereum/{what}"));
        let confirm = [("x-auth-confirm", password)];
        self.app
            .send_with(Method::POST, &url, &self.human.token, Some(body), &confirm)
            .await
    }

    async fn carry_in_vain(&mut self, what: &str, body: Value, password: &str) {
        let reply = self.carry(what, body, password).await;
        assert!(reply.status.is_client_error(), "{}", reply.text);
        self.answers.push(reply.text);
    }

    /// Has the chain for development answer at `url`.
    async fn use_node(&mut self, url: &str) {
        let chains = self
            .app
            .get("/v1/admin/chains", &self.human.token)
            .await
            .expect(200);
        let local = chains["chains"]
            .as_array()
            .unwrap()
            .iter()
            .find(|chain| chain["chain_id"] == 31337)
            .unwrap()["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let changed = json!({"rpc_urls": [url], "allow_private_rpc": true});
        // This answer shows the URL: it is the administrators' own.
        self.app
            .put(
                &format!("/v1/admin/chains/{local}"),
                &self.human.token,
                changed,
            )
            .await
            .expect(200);
    }

    async fn bring_keys_in(&mut self) -> String {
        let prefixed = format!("0x{IMPORTED_KEY}");
        let good = json!({"private_key": prefixed});
        self.carry_in_vain("import", good.clone(), MARKER).await;
        self.carry_in_vain("import", json!({"private_key": [prefixed]}), PASSWORD)
            .await;
        self.carry_in_vain(
            "import",
            json!({"private_key": format!("{prefixed}00")}),
            PASSWORD,
        )
        .await;
        self.carry_in_vain(
            "import",
            json!({"private_key": IMPORTED_KEY, "format": "base64"}),
            PASSWORD,
        )
        .await;
        self.carry_in_vain(
            "import",
            json!({"private_key": "x", "format": prefixed}),
            PASSWORD,
        )
        .await;
        self.carry_in_vain("import", json!(prefixed), PASSWORD)
            .await;
        let imported = self.carry("import", good.clone(), PASSWORD).await;
        self.answers.push(imported.text.clone());
        self.carry_in_vain("import", good, PASSWORD).await;
        self.app
            .policy(self.human, self.vault, self.agent, "keys/**", json!({}))
            .await;
        let url = format!("/v1/vaults/{}/secrets/keys/hot", self.vault);
        let key = json!({"value": format!("0x{KEY_AT_A_PATH}"), "type": "private_key"});
        let stored = self.app.put(&url, &self.human.token, key).await;
        self.answers.push(stored.text);
        let read = self.app.get(&url, self.token).await;
        self.answers.push(read.text.clone());
        assert_eq!(
            read.problem(403)["reason_code"],
            "vault/private-key-blocked"
        );
        imported.expect(201)["address"].as_str().unwrap().to_owned()
    }

    async fn sign_everything(&mut self) {
        let pay = json!({"to": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8", "value": "0.01", "chain": "localhost"});
        let at_path = |mut body: Value| {
            body["signing_key_path"] = json!("keys/hot");
            body
        };
        let message =
            json!({"intent_type": "personal_sign", "message": "hello", "chain": "localhost"});
        self.as_agent("sign", message.clone(), 403).await;
        let change = json!({"message_signing_enabled": true});
        let record = format!("/v1/agents/{}", self.agent.id);
        let changed = self.app.patch(&record, &self.human.token, change).await;
        self.answers.push(changed.text);
        for message in [message.clone(), at_path(message)] {
            self.as_agent("sign", message, 200).await;
        }
        for body in [pay.clone(), at_path(pay.clone())] {
            self.as_agent("transactions/sign", body.clone(), 200).await;
            self.as_agent("transactions/preview", body.clone(), 200)
                .await;
            // The node takes it, forgets it, and hangs up.
            self.as_agent("transactions", body, 201).await;
        }
        let lost = self.answers.last().unwrap();
        assert!(lost.contains("has not confirmed"), "{lost}");
        let list = self.path("transactions?include_signed_tx=true");
        self.answers
            .push(self.app.get(&list, self.token).await.text);
        for fault in [Fault::WrongChainId, Fault::Garbage, Fault::HttpError] {
            let node = FaultyRpc::start(fault, "http://127.0.0.1:9").await;
            let url = format!("{}/v3/{RPC_KEY}", node.url());
            self.use_node(&url).await;
            self.as_agent("transactions", pay.clone(), 503).await;
        }
    }

    async fn carry_keys_out(&mut self) {
        self.carry_in_vain("export", json!({}), MARKER).await;
        self.carry_in_vain("export", json!({}), "").await;
        self.as_agent("signing-keys/ethereum/export", json!({}), 403)
            .await;
        let exported = self.carry("export", json!({}), PASSWORD).await.expect(200);
        assert_eq!(exported["private_key"], IMPORTED_KEY);
        for (method, rest) in [
            (Method::POST, "signing-keys/ethereum/rotate"),
            (Method::DELETE, "signing-keys/ethereum"),
            (Method::GET, "signing-keys"),
            (Method::GET, ""),
        ] {
            let url = self.path(rest);
            let url = url.trim_end_matches('/');
            let reply = self.app.send(method, url, &self.human.token, None).await;
            assert!(reply.status.is_success(), "{rest}: {}", reply.text);
            self.answers.push(reply.text);
        }
    }
}

/// Environment variables, of the vault and of the organisation, in every way but those that show them.
async fn keep_variables(app: &TestApp, human: &Human, (agent, vault): (&str, &str)) -> Vec<String> {
    let vars = format!("/v1/vaults/{vault}/env-vars");
    let var = |key: &str, environments: Value| json!({"key": key, "value": MARKER, "sensitive": true, "environments": environments, "comment": "planted"});
    let post = async |url: &str, token: &str, body: Value, status: u16| {
        let reply = app.post(url, token, body).await;
        assert_eq!(reply.status, status, "{url}: {}", reply.text);
        reply.text
    };
    let owner = human.token.as_str();
    let planted = var("PLANTED", json!(["production", "preview"]));
    let shared = json!({"key": "SHARED", "value": MARKER, "sensitive": true, "vault_ids": [vault]});
    let mut answers = vec![
        post(&vars, owner, planted.clone(), 201).await,
        post(&vars, owner, planted.clone(), 409).await,
        post(&vars, agent, planted, 403).await,
        post(&vars, MARKER, var("OTHER", json!(["preview"])), 401).await,
        post(&vars, owner, var("OTHER", json!(["nowhere"])), 400).await,
        post(&vars, owner, var("no key", json!(["preview"])), 400).await,
        post(
            &vars,
            owner,
            json!({"key": "OTHER", "value": [MARKER]}),
            400,
        )
        .await,
        post(
            &vars,
            owner,
            json!({"key": "OTHER", "value": format!("{MARKER}\0")}),
            400,
        )
        .await,
        post("/v1/org/env-vars", owner, shared.clone(), 201).await,
        post("/v1/org/env-vars", owner, shared.clone(), 409).await,
        post("/v1/org/env-vars", agent, shared, 403).await,
        post(
            &format!("/v1/vaults/{vault}/environments"),
            owner,
            json!({"slug": "staging", "copy_from": "preview"}),
            201,
        )
        .await,
    ];
    let one = format!("{vars}/PLANTED");
    for (environment, status) in [("preview", 200), ("nowhere", 404)] {
        let url = format!("{one}?environment={environment}");
        let changed = app.patch(&url, owner, json!({"value": MARKER})).await;
        assert_eq!(changed.status, status, "{}", changed.text);
        answers.push(changed.text);
    }
    for (url, token) in [
        (vars.clone(), owner),
        ("/v1/org/env-vars".to_owned(), owner),
        (vars.clone(), agent),
        (one.clone(), agent),
        (format!("{vars}/resolve?environment=production"), agent),
    ] {
        answers.push(app.get(&url, token).await.text);
    }
    let resolved = format!("{vars}/resolve?environment=staging");
    let resolved = app.get(&resolved, owner).await.expect(200);
    assert_eq!(resolved["vars"]["PLANTED"], MARKER);
    let url = format!("{one}?environment=preview");
    answers.push(app.delete(&url, owner).await.text);
    answers
}

/// A share of the marker, behind a passphrase.
async fn share_secret(app: &TestApp, human: &Human, vault: &str) -> Vec<String> {
    let url = format!("/v1/vaults/{vault}/secrets/open/shared");
    let stored = app.put(&url, &human.token, json!({"value": MARKER})).await;
    let mut answers = vec![stored.text.clone()];
    let secret = stored.expect(201)["id"].as_str().unwrap().to_owned();
    let url = format!("/v1/secrets/{secret}/share");
    let good = json!({"recipient_type": "anyone_with_link", "passphrase": PASSPHRASE, "max_access_count": 1});
    let mut bad = good.clone();
    bad["max_access_count"] = json!(0);
    answers.push(app.post(&url, &human.token, bad).await.text);
    let made = app.post(&url, &human.token, good).await;
    answers.push(made.text.clone());
    let id = made.expect(201)["id"].as_str().unwrap().to_owned();
    let access = async |passphrase: &str| {
        let url = format!("/v1/share/{id}/access");
        app.post(&url, "", json!({"passphrase": passphrase})).await
    };
    answers.push(access(MARKER).await.text);
    answers.push(app.get(&format!("/v1/share/{id}"), "").await.text);
    assert_eq!(access(PASSPHRASE).await.expect(200)["value"], MARKER);
    answers.push(access(PASSPHRASE).await.text);
    answers.push(app.get("/v1/shares/outbound", &human.token).await.text);
    answers
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

    let app = TestApp::start_with(Database::Sqlite, |config| {
        config.enrollment = EnrollmentMode::Auto;
    })
    .await;
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
    let anvil = Anvil::start().await;
    let node = FaultyRpc::start(Fault::SwallowSend, anvil.url()).await;
    let mut signing = Signing {
        app: &app,
        human: &human,
        agent: &agent,
        token: &token,
        vault: &vault,
        answers: Vec::new(),
    };
    let url = format!("{}/v3/{RPC_KEY}", node.url());
    signing.use_node(&url).await;
    let address = signing.bring_keys_in().await;
    anvil.fund(&address, 1_000_000_000_000_000_000).await;
    signing.sign_everything().await;
    signing.carry_keys_out().await;
    answers.append(&mut signing.answers);
    answers.extend(keep_variables(&app, &human, (&token, &vault)).await);
    answers.extend(share_secret(&app, &human, &vault).await);

    answers.push(
        app.get("/v1/audit/events?limit=1000", &human.token)
            .await
            .text,
    );
    answers.push(app.get("/v1/audit/verify", &human.token).await.text);
    answers.push(format!("{:?}", app.running));
    let keys = [forms_of(IMPORTED_KEY), forms_of(KEY_AT_A_PATH)].concat();
    let planted = || keys.iter().map(String::as_str).chain([MARKER, PASSPHRASE]);
    for (n, answer) in answers.iter().enumerate() {
        for needle in planted().chain([RPC_KEY]) {
            assert_absent(&format!("answer {n}"), answer.as_bytes(), needle);
        }
    }

    let created: Value = app
        .post("/v1/auth/api-keys", &human.token, json!({"name": "k"}))
        .await
        .expect(201);
    let personal_key = created["api_key"].as_str().unwrap().to_owned();
    app.get("/v1/vaults", &personal_key).await.expect(200);
    // A key that is mailed stands in the mail and nowhere else.
    let enrol = json!({"name": "enrolled", "human_email": "ops@example.com"});
    app.post("/v1/agents/enroll", "", enrol).await.expect(201);
    let mailed_key = app.mail_to("ops@example.com").await.word("ocv_");
    app.mail_is_settled().await;
    std::fs::remove_dir_all(app.dir.path().join("outbox")).unwrap();
    let log = log.0.lock().unwrap().clone();
    assert!(log.len() > 1000, "the log was really captured");
    let dir = app.stop().await;
    let credentials = [
        PASSWORD,
        &human.token,
        &agent.key,
        &token,
        &personal_key,
        &mailed_key,
    ];
    let secrets: Vec<&str> = planted().chain(credentials).collect();
    // The database holds the URLs of nodes, for administrators to see.
    for secret in secrets.iter().chain([&RPC_KEY]) {
        assert_absent("the log", &log, secret);
    }
    assert_absent_below(dir.path(), &secrets);
}
