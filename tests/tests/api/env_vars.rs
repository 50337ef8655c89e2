//! Environment variables: by environment and branch, resolved through the gate.

use oneclaw_tests::app::{Agent, Database, Human, Reply, TestApp};
use reqwest::Method;
use serde_json::{Value, json};

struct Stage {
    app: TestApp,
    human: Human,
    vault: String,
}

impl Stage {
    async fn new() -> Self {
        let app = TestApp::start().await;
        let human = app.human("ops").await;
        let vault = app.vault(&human).await;
        Self { app, human, vault }
    }

    fn url(&self, rest: &str) -> String {
        format!("/v1/vaults/{}/env-vars{rest}", self.vault)
    }

    async fn create(&self, body: Value) -> Reply {
        self.app.post(&self.url(""), &self.human.token, body).await
    }

    async fn set(&self, key: &str, value: &str, more: Value) -> Value {
        let mut body = json!({"key": key, "value": value});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        self.create(body).await.expect(201)
    }

    async fn get(&self, rest: &str) -> Reply {
        self.app.get(&self.url(rest), &self.human.token).await
    }

    async fn resolve(&self, token: &str, query: &str) -> Reply {
        let url = self.url(&format!("/resolve?{query}"));
        self.app.get(&url, token).await
    }

    /// What holds, by name.
    async fn vars(&self, query: &str) -> Value {
        let resolved = self.resolve(&self.human.token, query).await.expect(200);
        assert_eq!(resolved["vars"], resolved["variables"]);
        resolved["vars"].clone()
    }

    async fn agent_with(&self, pattern: &str, fields: Value) -> (Agent, String) {
        let agent = self.app.agent(&self.human, json!({})).await;
        self.app
            .policy(&self.human, &self.vault, &agent, pattern, fields)
            .await;
        let token = self.app.token(&agent).await;
        (agent, token)
    }
}

#[tokio::test]
async fn a_variable_is_made_changed_and_removed() {
    let stage = Stage::new().await;
    let more = json!({"comment": "main database", "environments": ["production", "preview"]});
    let made = stage.set("DATABASE_URL", "postgres://a", more).await;
    assert_eq!(made["environments"], json!(["preview", "production"]));
    assert_eq!(
        (&made["version"], &made["sensitive"]),
        (&json!(1), &json!(false))
    );
    assert_eq!(made["created_by"], format!("user:{}", stage.human.id));
    let read = stage.get("/DATABASE_URL").await.expect(200);
    assert_eq!(
        (&read["value"], &read["comment"]),
        (&json!("postgres://a"), &json!("main database"))
    );
    let by_id = format!("/{}", made["id"].as_str().unwrap());
    assert_eq!(stage.get(&by_id).await.expect(200)["value"], "postgres://a");

    let url = stage.url("/DATABASE_URL");
    let token = &stage.human.token;
    let change = json!({"value": "postgres://b", "sensitive": true, "comment": null});
    let changed = stage.app.patch(&url, token, change).await.expect(200);
    assert_eq!(
        (&changed["version"], &changed["value"]),
        (&json!(2), &Value::Null)
    );
    assert_eq!(changed["comment"], Value::Null);
    assert_eq!(
        stage.get("/DATABASE_URL").await.expect(200)["value"],
        "postgres://b"
    );
    let listed = stage.get("").await.expect(200);
    assert_eq!(listed["env_vars"][0]["value"], Value::Null);
    assert_eq!(listed["env_vars"][0]["key"], "DATABASE_URL");
    stage.app.delete(&url, token).await.expect(204);
    stage.get("/DATABASE_URL").await.problem(404);
    stage.app.delete(&url, token).await.problem(404);
    let events = stage.app.events(&stage.human, "limit=50").await;
    let actions: Vec<&str> = events
        .iter()
        .map(|e| e["action"].as_str().unwrap())
        .collect();
    for action in [
        "env_var.create",
        "env_var.update",
        "env_var.read",
        "env_var.list",
        "env_var.delete",
    ] {
        assert!(actions.contains(&action), "{action}: {actions:?}");
    }
    assert!(
        events
            .iter()
            .all(|event| !event.to_string().contains("postgres://"))
    );
}

#[tokio::test]
async fn a_change_in_one_environment_leaves_the_others_alone() {
    let stage = Stage::new().await;
    stage.set("LEVEL", "info", json!({})).await;
    let url = stage.url("/LEVEL?environment=development");
    let token = &stage.human.token;
    let changed = stage
        .app
        .patch(&url, token, json!({"value": "debug"}))
        .await
        .expect(200);
    assert_eq!(changed["environments"], json!(["development"]));
    for (environment, value) in [
        ("development", "debug"),
        ("preview", "info"),
        ("production", "info"),
    ] {
        let vars = stage.vars(&format!("environment={environment}")).await;
        assert_eq!(vars, json!({"LEVEL": value}));
    }
    // Now it is two variables, and which one is meant has to be said.
    stage.get("/LEVEL").await.problem(409);
    assert_eq!(
        stage.get("/LEVEL?environment=preview").await.expect(200)["value"],
        "info"
    );
    let url = stage.url("/LEVEL?environment=preview");
    stage.app.delete(&url, token).await.expect(204);
    assert_eq!(stage.vars("environment=preview").await, json!({}));
    assert_eq!(
        stage.vars("environment=production").await,
        json!({"LEVEL": "info"})
    );
    let url = stage.url("/LEVEL?environment=production");
    let wider = json!({"environments": ["production", "preview"]});
    stage.app.patch(&url, token, wider).await.expect(200);
    assert_eq!(
        stage.vars("environment=preview").await,
        json!({"LEVEL": "info"})
    );
    let wider = json!({"environments": ["production", "development"]});
    stage.app.patch(&url, token, wider).await.problem(409);
}

#[tokio::test]
async fn a_branch_outweighs_what_holds_for_all() {
    let stage = Stage::new().await;
    stage.set("API", "main", json!({})).await;
    stage
        .set(
            "API",
            "mine",
            json!({"git_branch": "feature/x", "environments": ["preview"]}),
        )
        .await;
    stage
        .set(
            "ONLY",
            "branch",
            json!({"git_branch": "feature/x", "environments": ["preview"]}),
        )
        .await;
    let query = "environment=preview&git_branch=feature/x";
    let resolved = stage.resolve(&stage.human.token, query).await.expect(200);
    assert_eq!(resolved["vars"], json!({"API": "mine", "ONLY": "branch"}));
    assert_eq!(
        resolved["sources"],
        json!({"API": "branch", "ONLY": "branch"})
    );
    assert_eq!(
        (&resolved["environment"], &resolved["git_branch"]),
        (&json!("preview"), &json!("feature/x"))
    );
    assert_eq!(resolved["resolved_at"], "2026-11-23T12:00:00Z");
    assert_eq!(
        stage.vars("environment=preview").await,
        json!({"API": "main"})
    );
    assert_eq!(
        stage.vars("environment=preview&git_branch=other").await,
        json!({"API": "main"})
    );
    assert_eq!(stage.get("/API").await.expect(200)["value"], "main");
    let branch = stage.get("/API?git_branch=feature/x").await.expect(200);
    assert_eq!(branch["value"], "mine");
}

#[tokio::test]
async fn agents_resolve_what_their_policies_let_them_read() {
    let stage = Stage::new().await;
    stage
        .set(
            "DB_URL",
            "p",
            json!({"environments": ["production"], "sensitive": true}),
        )
        .await;
    stage
        .set("OTHER_", "q", json!({"environments": ["production"]}))
        .await;
    stage
        .set("DB_URL", "d", json!({"environments": ["development"]}))
        .await;
    let (agent, token) = stage.agent_with("env/production/**", json!({})).await;
    let resolved = stage
        .resolve(&token, "environment=production")
        .await
        .expect(200);
    assert_eq!(resolved["vars"], json!({"DB_URL": "p", "OTHER_": "q"}));
    assert_eq!(
        resolved["sources"],
        json!({"DB_URL": "vault", "OTHER_": "vault"})
    );
    let events = stage
        .app
        .events(&stage.human, "action=env_var.resolve")
        .await;
    assert_eq!(events[0]["actor_id"], json!(agent.id));
    assert_eq!(events[0]["details"]["keys"], json!(["DB_URL", "OTHER_"]));

    let refused = stage
        .resolve(&token, "environment=development")
        .await
        .problem(403);
    // Nothing tells whether there is anything.
    let empty = stage
        .resolve(&token, "environment=preview")
        .await
        .problem(403);
    assert_eq!(refused["detail"], empty["detail"]);
    stage
        .app
        .get(&stage.url("/DB_URL?environment=development"), &token)
        .await
        .problem(403);
    stage
        .app
        .get(&stage.url("/NONE?environment=development"), &token)
        .await
        .problem(403);
    stage
        .app
        .get(&stage.url("/NONE?environment=production"), &token)
        .await
        .problem(404);
    let listed = stage.app.get(&stage.url(""), &token).await.expect(200);
    assert_eq!(listed["env_vars"].as_array().unwrap().len(), 2);
    // Reading is not writing.
    let body = json!({"key": "NEW", "value": "x", "environments": ["production"]});
    stage
        .app
        .post(&stage.url(""), &token, body.clone())
        .await
        .problem(403);
    let change = json!({"value": "x"});
    stage
        .app
        .patch(&stage.url("/OTHER_"), &token, change)
        .await
        .problem(403);
    stage
        .app
        .delete(&stage.url("/OTHER_"), &token)
        .await
        .problem(403);

    let (_, writer) = stage
        .agent_with(
            "env/production/*",
            json!({"permissions": ["read", "write"]}),
        )
        .await;
    stage
        .app
        .post(&stage.url(""), &writer, body)
        .await
        .expect(201);
    let everywhere = json!({"key": "WIDE", "value": "x"});
    stage
        .app
        .post(&stage.url(""), &writer, everywhere)
        .await
        .problem(403);
    let wider = json!({"environments": ["production", "development"]});
    stage
        .app
        .patch(&stage.url("/NEW"), &writer, wider)
        .await
        .problem(403);

    // An agent's own environment is the one that it gets.
    let record = format!("/v1/agents/{}", agent.id);
    let tagged = json!({"environment": "production"});
    stage
        .app
        .patch(&record, &stage.human.token, tagged)
        .await
        .expect(200);
    let token = stage.app.token(&agent).await;
    let resolved = stage.resolve(&token, "").await.expect(200);
    assert_eq!(resolved["environment"], "production");
}

#[tokio::test]
async fn environments_are_made_copied_and_removed() {
    let stage = Stage::new().await;
    let token = &stage.human.token;
    let url = format!("/v1/vaults/{}/environments", stage.vault);
    let list = stage.app.get(&url, token).await.expect(200);
    let slugs = |list: &Value| -> Vec<String> {
        let all = list["environments"].as_array().unwrap();
        all.iter()
            .map(|e| e["slug"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(slugs(&list), ["production", "preview", "development"]);
    stage
        .set("A", "1", json!({"environments": ["preview"]}))
        .await;
    let unknown = json!({"key": "B", "value": "2", "environments": ["staging"]});
    stage.create(unknown.clone()).await.problem(400);
    let body =
        json!({"slug": "staging", "description": "before production", "copy_from": "preview"});
    let made = stage.app.post(&url, token, body.clone()).await.expect(201);
    assert_eq!(
        (&made["slug"], &made["copied_from"]),
        (&json!("staging"), &json!("preview"))
    );
    assert_eq!(made["is_builtin"], false);
    stage.app.post(&url, token, body).await.problem(409);
    stage.create(unknown).await.expect(201);
    assert_eq!(
        stage.vars("environment=staging").await,
        json!({"A": "1", "B": "2"})
    );
    // A copy goes its own way.
    let change = json!({"value": "3"});
    stage
        .app
        .patch(&stage.url("/A?environment=preview"), token, change)
        .await
        .expect(200);
    assert_eq!(stage.vars("environment=staging").await["A"], "1");
    assert_eq!(
        slugs(&stage.app.get(&url, token).await.expect(200))[3],
        "staging"
    );
    for bad in [
        json!({"slug": "Staging"}),
        json!({"slug": ""}),
        json!({"slug": "x", "copy_from": "nowhere"}),
    ] {
        stage.app.post(&url, token, bad).await.problem(400);
    }
    stage
        .app
        .post(&url, token, json!({"slug": "production"}))
        .await
        .problem(409);
    stage
        .app
        .delete(&format!("{url}/staging"), token)
        .await
        .expect(204);
    stage
        .app
        .delete(&format!("{url}/staging"), token)
        .await
        .problem(404);
    stage
        .app
        .delete(&format!("{url}/production"), token)
        .await
        .problem(409);
    stage
        .resolve(token, "environment=staging")
        .await
        .problem(404);
    assert_eq!(stage.vars("environment=preview").await, json!({"A": "3"}));
}

#[tokio::test]
async fn variables_of_the_organisation_hold_where_they_are_linked() {
    let stage = Stage::new().await;
    let token = &stage.human.token;
    let other = stage.app.vault(&stage.human).await;
    let org = "/v1/org/env-vars";
    assert_eq!(
        stage.app.get(org, token).await.expect(200)["env_vars"],
        json!([])
    );
    let body = json!({"key": "REGION", "value": "eu", "vault_ids": [stage.vault]});
    let made = stage.app.post(org, token, body).await.expect(201);
    assert_eq!(made["vault_ids"], json!([stage.vault]));
    let resolved = stage
        .resolve(token, "environment=production")
        .await
        .expect(200);
    assert_eq!(resolved["vars"], json!({"REGION": "eu"}));
    assert_eq!(resolved["sources"], json!({"REGION": "shared"}));
    let elsewhere = format!("/v1/vaults/{other}/env-vars/resolve?environment=production");
    assert_eq!(
        stage.app.get(&elsewhere, token).await.expect(200)["vars"],
        json!({})
    );
    let link = json!({"vault_id": other});
    stage
        .app
        .post("/v1/org/env-vars/REGION/link", token, link.clone())
        .await
        .expect(204);
    assert_eq!(
        stage.app.get(&elsewhere, token).await.expect(200)["vars"],
        json!({"REGION": "eu"})
    );
    let listed = stage.app.get(org, token).await.expect(200);
    assert_eq!(
        listed["env_vars"][0]["vault_ids"].as_array().unwrap().len(),
        2
    );
    stage
        .app
        .post("/v1/org/env-vars/REGION/unlink", token, link.clone())
        .await
        .expect(204);
    stage
        .app
        .post("/v1/org/env-vars/REGION/unlink", token, link.clone())
        .await
        .problem(404);
    assert_eq!(
        stage.app.get(&elsewhere, token).await.expect(200)["vars"],
        json!({})
    );

    // The vault's own value outweighs it, and who may not read the former does not get the latter instead.
    stage.set("REGION", "us", json!({})).await;
    let resolved = stage
        .resolve(token, "environment=production")
        .await
        .expect(200);
    assert_eq!(resolved["sources"], json!({"REGION": "vault"}));
    stage
        .app
        .delete(&stage.url("/REGION"), token)
        .await
        .expect(204);

    // Agents need a policy where the variable lies.
    let (agent, own) = stage.agent_with("env/production/**", json!({})).await;
    assert_eq!(
        stage
            .resolve(&own, "environment=production")
            .await
            .expect(200)["vars"],
        json!({})
    );
    let shared = made["vault_id"].as_str().unwrap();
    stage
        .app
        .policy(&stage.human, shared, &agent, "env/production/**", json!({}))
        .await;
    assert_eq!(
        stage
            .resolve(&own, "environment=production")
            .await
            .expect(200)["vars"],
        json!({"REGION": "eu"})
    );
    for (method, path) in [
        (Method::GET, org),
        (Method::POST, org),
        (Method::PATCH, "/v1/org/env-vars/REGION"),
        (Method::DELETE, "/v1/org/env-vars/REGION"),
        (Method::POST, "/v1/org/env-vars/REGION/link"),
        (Method::POST, "/v1/org/env-vars/REGION/unlink"),
    ] {
        let body = json!({"key": "X", "value": "x", "vault_id": other});
        stage
            .app
            .send(method, path, &own, Some(body))
            .await
            .problem(403);
    }
    let stranger = stage.app.human("stranger").await;
    assert_eq!(
        stage.app.get(org, &stranger.token).await.expect(200)["env_vars"],
        json!([])
    );
    stage
        .app
        .post("/v1/org/env-vars/REGION/link", &stranger.token, link)
        .await
        .problem(404);
    let theirs = json!({"key": "X", "value": "x", "vault_ids": [stage.vault]});
    stage
        .app
        .post(org, &stranger.token, theirs)
        .await
        .problem(404);

    let url = "/v1/org/env-vars/REGION?environment=production";
    stage
        .app
        .patch(url, token, json!({"value": "af"}))
        .await
        .expect(200);
    stage
        .app
        .delete("/v1/org/env-vars/REGION?environment=preview", token)
        .await
        .expect(204);
}

#[tokio::test]
async fn another_organisation_finds_no_variables() {
    let stage = Stage::new().await;
    stage.set("A", "1", json!({})).await;
    let stranger = stage.app.human("stranger").await;
    let environments = format!("/v1/vaults/{}/environments", stage.vault);
    let body = || Some(json!({"key": "A", "value": "x", "slug": "x"}));
    for (method, path) in [
        (Method::GET, stage.url("")),
        (Method::POST, stage.url("")),
        (Method::GET, stage.url("/A")),
        (Method::PATCH, stage.url("/A")),
        (Method::DELETE, stage.url("/A")),
        (Method::GET, stage.url("/resolve?environment=production")),
        (Method::GET, environments.clone()),
        (Method::POST, environments.clone()),
        (Method::DELETE, format!("{environments}/x")),
    ] {
        stage
            .app
            .send(method.clone(), &path, &stranger.token, body())
            .await
            .problem(404);
        stage.app.send(method, &path, "", body()).await.problem(401);
    }
}

#[tokio::test]
async fn bad_input_names_the_field() {
    let stage = Stage::new().await;
    let with = |more: Value| {
        let mut body = json!({"key": "A", "value": "1"});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        body
    };
    for (field, body) in [
        ("key", with(json!({"key": "lower"}))),
        ("key", with(json!({"key": ""}))),
        ("key", with(json!({"key": "A".repeat(257)}))),
        ("value", with(json!({"value": "x".repeat(32 * 1024 + 1)}))),
        ("value", with(json!({"value": "a\u{0}b"}))),
        ("environments", with(json!({"environments": []}))),
        (
            "environments",
            with(json!({"environments": ["Production"]})),
        ),
        ("environments", with(json!({"environments": ["nowhere"]}))),
        ("git_branch", with(json!({"git_branch": "x".repeat(256)}))),
        ("comment", with(json!({"comment": "x".repeat(4097)}))),
        ("vault_ids", with(json!({"vault_ids": [stage.vault]}))),
    ] {
        let problem = stage.create(body.clone()).await.problem(400);
        assert!(problem["fields"][field].is_string(), "{field}: {problem}");
    }
    stage.set("A", "1", json!({})).await;
    stage
        .create(with(json!({"environments": ["preview"]})))
        .await
        .problem(409);
    stage
        .create(with(
            json!({"environments": ["preview"], "git_branch": "x"}),
        ))
        .await
        .expect(201);
    let human = &stage.human.token;
    stage.resolve(human, "").await.problem(400);
    stage.resolve(human, "environment=Bad").await.problem(400);
    stage
        .resolve(human, "environment=nowhere")
        .await
        .problem(404);
    stage.get("/lower").await.problem(400);
    stage
        .app
        .patch(&stage.url("/A"), human, json!({"environments": []}))
        .await
        .problem(400);
}

#[tokio::test]
async fn of_two_who_change_a_variable_at_once_one_is_told() {
    for database in [Database::Sqlite, Database::Postgres] {
        let app = TestApp::start_with(database, |_| {}).await;
        let human = app.human("ops").await;
        let vault = app.vault(&human).await;
        let stage = Stage { app, human, vault };
        stage.set("A", "0", json!({})).await;
        let url = stage.url("/A");
        let changes = (1..=8).map(|n| {
            stage
                .app
                .patch(&url, &stage.human.token, json!({"value": n.to_string()}))
        });
        let replies = futures_of(changes).await;
        let done: Vec<_> = replies.iter().filter(|r| r.status == 200).collect();
        assert!(!done.is_empty());
        assert!(replies.iter().all(|r| r.status == 200 || r.status == 409));
        let read = stage.get("/A").await.expect(200);
        assert_eq!(read["version"].as_u64().unwrap() as usize, done.len() + 1);
    }
}

/// Runs them side by side.
async fn futures_of(all: impl Iterator<Item = impl Future<Output = Reply>>) -> Vec<Reply> {
    let mut pending: Vec<_> = all.map(Box::pin).collect();
    let mut replies = Vec::new();
    std::future::poll_fn(|context| {
        pending.retain_mut(|future| match future.as_mut().poll(context) {
            std::task::Poll::Ready(reply) => {
                replies.push(reply);
                false
            }
            std::task::Poll::Pending => true,
        });
        if pending.is_empty() {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    replies
}
