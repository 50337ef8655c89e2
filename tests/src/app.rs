//! A whole server on a real port, and the actors that talk to it over HTTP.

use std::sync::Arc;

use oneclaw_server::app::{self, Running};
pub use oneclaw_server::config::Config;
use oneclaw_server::config::{PluginLimits, RootKeySource, Signup};
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::clock::TestClock;

/// A password that the rules accept.
pub const PASSWORD: &str = "Quartz-Lantern-58!";

/// Which database stands behind the server.
pub enum Database {
    /// A file in the server's data directory.
    Sqlite,
    /// A database of its own in the throw-away cluster of this test process.
    Postgres,
}

/// What a plugin may take on a server with this settings file.
pub fn plugin_limits(settings: &str) -> PluginLimits {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("oneclaw.toml");
    std::fs::write(&file, settings).unwrap();
    Config::load(&file, []).unwrap().plugins
}

/// A running server.
pub struct TestApp {
    /// The server.
    pub running: Running,
    /// Its clock.
    pub clock: Arc<TestClock>,
    /// Its data directory.
    pub dir: TempDir,
    /// `http://127.0.0.1:<port>`
    pub url: String,
    http: reqwest::Client,
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: reqwest::header::HeaderMap,
    /// Body as text.
    pub text: String,
}

impl Reply {
    /// The body as JSON; `null` for an empty one.
    pub fn json(&self) -> Value {
        if self.text.is_empty() {
            return Value::Null;
        }
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("not JSON ({e}): {}", self.text))
    }

    /// Asserts the status and gives the body.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self.json()
    }

    /// Asserts a problem answer with this status and gives it.
    #[track_caller]
    pub fn problem(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert_eq!(self.headers["content-type"], "application/problem+json");
        let body = self.json();
        assert_eq!(body["status"], status);
        for member in ["type", "title", "detail"] {
            assert!(
                body[member].as_str().is_some_and(|text| !text.is_empty()),
                "{member}: {body}"
            );
        }
        body
    }
}

impl TestApp {
    /// A server on SQLite, without rate limits, open to signing up.
    pub async fn start() -> Self {
        Self::start_with(Database::Sqlite, |_| {}).await
    }

    /// A server with changed settings.
    pub async fn start_with(database: Database, change: impl FnOnce(&mut Config)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = match database {
            Database::Sqlite => format!("sqlite://{}/oneclaw.db", dir.path().display()),
            Database::Postgres => crate::postgres::new_database().await,
        };
        Self::start_in(dir, &url, change).await
    }

    /// A server on an existing directory and database.
    pub async fn start_in(
        dir: TempDir,
        database_url: &str,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let clock = TestClock::new();
        let mut config = Config {
            listen: "127.0.0.1:0".parse().unwrap(),
            public_url: "http://127.0.0.1:0".to_owned(),
            data_dir: dir.path().to_owned(),
            database_url: SecretString::from(database_url.to_owned()),
            root_key: RootKeySource::File(dir.path().join("root.key")),
            signup: Signup::Open,
            rate_limits: false,
            ..Config::default()
        };
        change(&mut config);
        // Compiling the plugin is most of a start: the tests of a process share what the first of them compiled.
        compiled::copy_into(&config.data_dir);
        let running = app::start(config, Arc::clone(&clock) as _).await.unwrap();
        compiled::take_from(dir.path());
        let url = format!("http://{}", running.address);
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self {
            running,
            clock,
            dir,
            url,
            http,
        }
    }

    /// Stops the server and gives its directory back, for another one to start in.
    pub async fn stop(self) -> TempDir {
        self.running.stop().await;
        self.dir
    }

    /// Any request.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        token: &str,
        body: Option<Value>,
    ) -> Reply {
        self.send_with(method, path, token, body, &[]).await
    }

    /// Any request with more headers.
    pub async fn send_with(
        &self,
        method: Method,
        path: &str,
        token: &str,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> Reply {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        // Every official client says so on every request, body or not.
        request = request.header("content-type", "application/json");
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        Reply {
            status,
            headers,
            text: response.text().await.unwrap(),
        }
    }

    /// A body that is not JSON.
    pub async fn send_bytes(
        &self,
        path: &str,
        token: &str,
        content_type: &str,
        body: Vec<u8>,
    ) -> Reply {
        let mut request = self.http.post(format!("{}{path}", self.url));
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        let request = request.header("content-type", content_type).body(body);
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        Reply {
            status,
            headers,
            text: String::from_utf8_lossy(&response.bytes().await.unwrap()).into_owned(),
        }
    }

    /// `GET`
    pub async fn get(&self, path: &str, token: &str) -> Reply {
        self.send(Method::GET, path, token, None).await
    }

    /// `POST`
    pub async fn post(&self, path: &str, token: &str, body: Value) -> Reply {
        self.send(Method::POST, path, token, Some(body)).await
    }

    /// `PUT`
    pub async fn put(&self, path: &str, token: &str, body: Value) -> Reply {
        self.send(Method::PUT, path, token, Some(body)).await
    }

    /// `PATCH`
    pub async fn patch(&self, path: &str, token: &str, body: Value) -> Reply {
        self.send(Method::PATCH, path, token, Some(body)).await
    }

    /// `DELETE`
    pub async fn delete(&self, path: &str, token: &str) -> Reply {
        self.send(Method::DELETE, path, token, None).await
    }

    /// A human with an organisation of their own.
    pub async fn human(&self, name: &str) -> Human {
        let body = json!({"email": format!("{name}@example.com"), "password": PASSWORD});
        let signup = self.post("/v1/auth/signup", "", body).await.expect(200);
        Human {
            token: signup["access_token"].as_str().unwrap().to_owned(),
            id: signup["user_id"].as_str().unwrap().to_owned(),
            org: signup["org_id"].as_str().unwrap().to_owned(),
        }
    }

    /// A vault of a human's.
    pub async fn vault(&self, owner: &Human) -> String {
        let vault = self
            .post("/v1/vaults", &owner.token, json!({"name": "vault"}))
            .await
            .expect(201);
        vault["id"].as_str().unwrap().to_owned()
    }

    /// Stores a secret.
    pub async fn secret(&self, owner: &Human, vault: &str, path: &str, value: &str) {
        let url = format!("/v1/vaults/{vault}/secrets/{path}");
        self.put(&url, &owner.token, json!({"value": value}))
            .await
            .expect(201);
    }

    /// An agent with more fields.
    pub async fn agent(&self, owner: &Human, fields: Value) -> Agent {
        let mut body = json!({"name": "worker"});
        body.as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        let created = self
            .post("/v1/agents", &owner.token, body)
            .await
            .expect(201);
        Agent {
            id: created["agent"]["id"].as_str().unwrap().to_owned(),
            key: created["api_key"].as_str().unwrap().to_owned(),
        }
    }

    /// A policy for an agent: read at `pattern`, with more fields.
    pub async fn policy(
        &self,
        owner: &Human,
        vault: &str,
        agent: &Agent,
        pattern: &str,
        fields: Value,
    ) -> String {
        let mut body = json!({
            "secret_path_pattern": pattern,
            "principal_type": "agent",
            "principal_id": agent.id,
            "permissions": ["read"],
        });
        body.as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        let policy = self
            .post(&format!("/v1/vaults/{vault}/policies"), &owner.token, body)
            .await
            .expect(201);
        policy["id"].as_str().unwrap().to_owned()
    }

    /// Exchanges an agent's key.
    pub async fn token(&self, agent: &Agent) -> String {
        let reply = self
            .post("/v1/auth/agent-token", "", json!({"api_key": agent.key}))
            .await;
        reply.expect(200)["access_token"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Reads a secret.
    pub async fn read(&self, token: &str, vault: &str, path: &str) -> Reply {
        self.get(&format!("/v1/vaults/{vault}/secrets/{path}"), token)
            .await
    }

    /// The replay once it has come to its end, whatever that is.
    pub async fn finished_replay(&self, human: &Human, replay: &Value) -> Value {
        let path = format!("/v1/replays/{}", replay["id"].as_str().unwrap());
        for _ in 0..6000 {
            let now = self.get(&path, &human.token).await.expect(200);
            if !["queued", "running"].contains(&now["status"].as_str().unwrap()) {
                return now;
            }
            // Nothing tells a client; it asks.
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("the replay did not come to its end");
    }

    /// Changes the database behind the server's back.
    pub async fn edit_database(&self, sql: &str) {
        use sqlx::Connection as _;
        let sql = sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned()));
        let url = self.running.services.config.database_url.expose_secret();
        let changed = if url.starts_with("postgres") {
            let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
            sql.execute(&mut connection).await.unwrap().rows_affected()
        } else {
            let mut connection = sqlx::SqliteConnection::connect(url).await.unwrap();
            sql.execute(&mut connection).await.unwrap().rows_affected()
        };
        assert!(changed > 0, "nothing was changed");
    }

    /// The newest events of an organisation.
    pub async fn events(&self, human: &Human, query: &str) -> Vec<Value> {
        let list = self
            .get(&format!("/v1/audit/events?{query}"), &human.token)
            .await
            .expect(200);
        list["events"].as_array().unwrap().clone()
    }
}

mod compiled {
    //! Compiled plugins, handed from one server to the next.

    use std::path::Path;
    use std::sync::OnceLock;

    use tempfile::TempDir;

    static COMPILED: OnceLock<TempDir> = OnceLock::new();

    fn copy(from: &Path, to: &Path) {
        for entry in std::fs::read_dir(from).into_iter().flatten().flatten() {
            if entry
                .path()
                .extension()
                .is_some_and(|ending| ending == "cwasm")
            {
                std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
            }
        }
    }

    pub fn copy_into(data_dir: &Path) {
        use std::os::unix::fs::DirBuilderExt as _;
        if let Some(compiled) = COMPILED.get() {
            let to = data_dir.join("plugins");
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&to)
                .unwrap();
            copy(compiled.path(), &to);
        }
    }

    pub fn take_from(data_dir: &Path) {
        COMPILED.get_or_init(|| {
            let dir = tempfile::tempdir().unwrap();
            copy(&data_dir.join("plugins"), dir.path());
            dir
        });
    }
}

/// A human that has signed up.
pub struct Human {
    /// Access token.
    pub token: String,
    /// User id.
    pub id: String,
    /// Organisation.
    pub org: String,
}

/// An agent that was registered.
pub struct Agent {
    /// Agent id.
    pub id: String,
    /// `ocv_…`
    pub key: String,
}
