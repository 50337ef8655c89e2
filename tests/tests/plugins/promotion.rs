//! From shadow to enforced by way of a replay.

use oneclaw_tests::app::TestApp;
use serde_json::{Value, json};

use crate::setup::{Reader, attach, change, hostile, roll_back, uploaded};

/// A plugin in shadow that would refuse all it is asked about, and what was asked for in the meantime.
struct Stage {
    app: TestApp,
    reader: Reader,
    id: String,
}

impl Stage {
    async fn new() -> Self {
        let app = TestApp::start().await;
        let reader = Reader::new(&app, "ops").await;
        uploaded(&app, &reader.human, &hostile("0.1.0")).await;
        uploaded(&app, &reader.human, &hostile("0.2.0")).await;
        let body = json!({"plugin": "hostile", "version": "0.1.0", "settings": "deny", "scope": {"paths": ["a"]}});
        let id = attach(&app, &reader.human, body).await;
        for _ in 0..3 {
            reader.read(&app).await.expect(200);
        }
        for path in ["b", "c/d"] {
            app.read(&reader.token, &reader.vault, path)
                .await
                .problem(404);
        }
        Self { app, reader, id }
    }

    async fn replay(&self, mut attachment: Value, gate: Value) -> Value {
        attachment["id"] = json!(self.id);
        let body = json!({
            "candidate": {"attachment": attachment},
            "filter": {"agent": self.reader.agent.id},
            "gate": gate,
        });
        let human = &self.reader.human;
        let replay = self
            .app
            .post("/v1/replays", &human.token, body)
            .await
            .expect(202);
        let ended = self.app.finished_replay(human, &replay).await;
        assert_eq!(ended["status"], "done", "{ended}");
        ended
    }

    async fn refused(&self, body: Value, says: &str) {
        let path = format!("/v1/plugins/attachments/{}", self.id);
        let problem = self
            .app
            .patch(&path, &self.reader.human.token, body)
            .await
            .problem(409);
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(says), "{detail}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attachment_is_replayed_within_its_scope() {
    let stage = Stage::new().await;
    let as_it_is = stage.replay(json!({}), json!({})).await;
    assert_eq!(as_it_is["gate_passed"], Value::Null);
    assert_eq!(as_it_is["allow_to_deny"], 3, "{as_it_is}");
    assert_eq!(
        (&as_it_is["same"], &as_it_is["untouched"]),
        (&json!(0), &json!(2))
    );
    let wider = stage.replay(json!({"scope": {}}), json!({})).await;
    assert_eq!(wider["allow_to_deny"], 5, "{wider}");
    let milder = stage
        .replay(
            json!({"settings": "abstain", "version": "0.2.0"}),
            json!({}),
        )
        .await;
    assert_eq!(
        (&milder["changes"], &milder["same"]),
        (&json!(0), &json!(3))
    );
    // Labels are those that the agent has now.
    let of_red = json!({"scope": {"labels": {"team": "red"}}});
    for (team, changes, untouched) in [("blue", 0, 5), ("red", 5, 0)] {
        let agent = format!("/v1/agents/{}", stage.reader.agent.id);
        let labels = json!({"labels": {"team": team}});
        let token = &stage.reader.human.token;
        stage.app.patch(&agent, token, labels).await.expect(200);
        let replay = stage.replay(of_red.clone(), json!({})).await;
        assert_eq!(
            (&replay["allow_to_deny"], &replay["untouched"]),
            (&json!(changes), &json!(untouched)),
            "{team}: {replay}"
        );
    }

    // Once it counts, taking it out of the way shows as well.
    change(
        &stage.app,
        &stage.reader.human,
        &stage.id,
        json!({"mode": "enforce"}),
    )
    .await;
    stage.reader.read(&stage.app).await.problem(403);
    let elsewhere = stage
        .replay(
            json!({"scope": {"paths": ["b"]}}),
            json!({"no_new_allow": true}),
        )
        .await;
    assert_eq!(elsewhere["deny_to_allow"], 1, "{elsewhere}");
    assert_eq!(elsewhere["allow_to_deny"], 1, "{elsewhere}");
    assert_eq!(elsewhere["gate_passed"], false);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_it_is_demanded_only_what_was_replayed_comes_to_be_enforced() {
    let stage = Stage::new().await;
    let (app, human) = (&stage.app, &stage.reader.human);
    let settings = json!({"promotion": "replayed"});
    let settings = app
        .put("/v1/plugins/settings", &human.token, settings)
        .await
        .expect(200);
    assert_eq!(
        settings,
        json!({"signatures": "optional", "promotion": "replayed"})
    );
    let enforced =
        json!({"plugin": "hostile", "version": "0.1.0", "settings": "deny", "mode": "enforce"});
    let path = "/v1/plugins/attachments";
    app.post(path, &human.token, enforced).await.problem(409);
    stage
        .refused(json!({"mode": "enforce"}), "name it in `replay`")
        .await;

    let failed = stage.replay(json!({}), json!({"max_changes": 2})).await;
    let promotion = |replay: &Value| json!({"mode": "enforce", "replay": replay["id"]});
    stage.refused(promotion(&failed), "did not pass").await;
    let without = stage.replay(json!({}), json!({})).await;
    stage.refused(promotion(&without), "no `gate`").await;
    let of_policies = json!({"candidate": "current", "gate": {"max_changes": 9}});
    let of_policies = app
        .post("/v1/replays", &human.token, of_policies)
        .await
        .expect(202);
    let of_policies = app.finished_replay(human, &of_policies).await;
    stage
        .refused(promotion(&of_policies), "tried another")
        .await;
    let unknown = json!({"mode": "enforce", "replay": stage.id});
    let attachment = format!("{path}/{}", stage.id);
    let problem = app
        .patch(&attachment, &human.token, unknown)
        .await
        .problem(400);
    assert!(
        problem["detail"].as_str().unwrap().contains("replay"),
        "{problem}"
    );

    let passed = stage
        .replay(json!({}), json!({"max_changes": 3, "no_new_allow": true}))
        .await;
    assert_eq!(passed["gate_passed"], true);
    for other in [
        json!({"settings": "abstain"}),
        json!({"version": "0.2.0"}),
        json!({"scope": {"paths": ["b"]}}),
    ] {
        let mut body = promotion(&passed);
        body.as_object_mut()
            .unwrap()
            .extend(other.as_object().unwrap().clone());
        stage.refused(body, "tried another").await;
    }
    stage.reader.read(app).await.expect(200);
    change(app, human, &stage.id, promotion(&passed)).await;
    stage.reader.read(app).await.problem(403);
    let event = &app
        .events(human, "action=plugin.attachment.change&limit=1")
        .await[0];
    assert_eq!(event["details"]["replay"], passed["id"]);

    // What counts already needs no replay to be renamed, and neither does going back.
    change(app, human, &stage.id, json!({"name": "still the same"})).await;
    stage
        .refused(json!({"settings": "abstain"}), "name it in `replay`")
        .await;
    roll_back(app, human, &stage.id).await;
    roll_back(app, human, &stage.id).await;
    stage.reader.read(app).await.expect(200);

    // A week later too much has happened since.
    let a_week_ago = "UPDATE replays SET created_at = created_at - 8 * 24 * 60 * 60 * 1000";
    app.edit_database(a_week_ago).await;
    let late = app
        .patch(&attachment, &human.token, promotion(&passed))
        .await
        .problem(409);
    assert!(
        late["detail"].as_str().unwrap().contains("a week"),
        "{late}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draft_of_an_attachment_is_checked_like_a_change_of_it() {
    let stage = Stage::new().await;
    let (app, human) = (&stage.app, &stage.reader.human);
    for (mut attachment, status, says) in [
        (json!({"version": "9.9.9"}), 400, "9.9.9"),
        (json!({"settings": {"behaviour": 1}}), 400, "settings"),
        (json!({"scope": {"paths": ["a//b"]}}), 400, "scope.paths"),
        (json!({"digest": "ab"}), 400, "digest"),
        (json!({"mode": "enforce"}), 400, "mode"),
    ] {
        attachment["id"] = json!(stage.id);
        let body = json!({"candidate": {"attachment": attachment}});
        let problem = app
            .post("/v1/replays", &human.token, body)
            .await
            .problem(status);
        assert!(
            problem["detail"].as_str().unwrap().contains(says),
            "{problem}"
        );
    }
    let stranger = app.human("stranger").await;
    let body = json!({"candidate": {"attachment": {"id": stage.id}}});
    app.post("/v1/replays", &stranger.token, body)
        .await
        .problem(404);
}
