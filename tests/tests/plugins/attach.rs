//! What an attached plugin does to decisions, and to which.

use oneclaw_tests::app::TestApp;
use serde_json::{Value, json};

use crate::setup::{
    Reader, access_only, attach, change, enforced, entries, hostile, roll_back, signatures_only,
    upload, uploaded,
};

#[tokio::test(flavor = "multi_thread")]
async fn any_denial_wins_and_no_allow_of_theirs_opens_anything() {
    let app = TestApp::start().await;
    let reader = Reader::new(&app, "ops").await;
    let human = &reader.human;
    uploaded(&app, human, &hostile("0.1.0")).await;
    reader.read(&app).await.expect(200);
    for (behaviour, code) in [
        ("deny", "hostile/denied"),
        ("require-approval", "hostile/needs-approval"),
        ("trap", "internal/trap"),
        ("spin", "internal/fuel"),
        ("allocate", "internal/memory"),
        ("many-empty-notes", "internal/bad-reply"),
        ("megabyte-message", "internal/bad-reply"),
        ("forge-internal-allow", "internal/bad-reply"),
    ] {
        let id = attach(&app, human, enforced("0.1.0", behaviour)).await;
        let problem = reader.read(&app).await.problem(403);
        assert_eq!(problem["reason_code"], code, "{behaviour}");
        let details = reader.last(&app).await;
        let [entry] = entries(&details, &id)[..] else {
            panic!("{details}")
        };
        assert_eq!(
            (&entry["version"], &entry["mode"]),
            (&json!("0.1.0"), &json!("enforce"))
        );
        // The owner too: only the built-in policy knows of owners.
        app.read(&human.token, &reader.vault, "a")
            .await
            .problem(403);
        app.delete(&format!("/v1/plugins/attachments/{id}"), &human.token)
            .await
            .expect(204);
        reader.read(&app).await.expect(200);
    }
    // An allow beside the built-in policy's denial is none.
    attach(&app, human, enforced("0.1.0", "allow")).await;
    let stranger = app.agent(human, json!({"scopes": ["**"]})).await;
    let problem = app
        .read(&app.token(&stranger).await, &reader.vault, "a")
        .await
        .problem(403);
    assert_eq!(problem["reason_code"], "policy/no-match");
    reader.read(&app).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_is_asked_about_what_is_in_its_scope_alone() {
    let app = TestApp::start().await;
    let reader = Reader::new(&app, "ops").await;
    let human = &reader.human;
    let (other, other_token) = Reader::another(&app, human, &reader.vault).await;
    let labels = json!({"labels": {"team": "treasury", "stage": "prod"}});
    app.patch(&format!("/v1/agents/{}", other.id), &human.token, labels)
        .await
        .expect(200);
    app.secret(human, &reader.vault, "b/c", "value").await;
    let second = app.vault(human).await;
    app.secret(human, &second, "a", "value").await;
    uploaded(&app, human, &hostile("0.1.0")).await;
    let id = attach(&app, human, enforced("0.1.0", "deny")).await;
    // (vault, path, token)
    let requests = [
        (&reader.vault, "a", &reader.token),
        (&reader.vault, "b/c", &reader.token),
        (&reader.vault, "a", &other_token),
        (&second, "a", &human.token),
    ];
    for (scope, refused) in [
        (json!({}), [true, true, true, true]),
        (json!({"vaults": [reader.vault]}), [true, true, true, false]),
        (json!({"paths": ["b/**", "x"]}), [false, true, false, false]),
        (json!({"agents": [other.id]}), [false, false, true, false]),
        (
            json!({"vaults": [second], "agents": [other.id]}),
            [false; 4],
        ),
        (
            json!({"labels": {"team": "treasury"}}),
            [false, false, true, false],
        ),
        (
            json!({"labels": {"team": "treasury", "stage": "prod"}}),
            [false, false, true, false],
        ),
        (
            json!({"labels": {"team": "treasury", "stage": "test"}}),
            [false; 4],
        ),
        (json!({"labels": {"team": "ops"}}), [false; 4]),
    ] {
        change(&app, human, &id, json!({"scope": scope})).await;
        for ((vault, path, token), refused) in requests.iter().zip(refused) {
            let status = if refused { 403 } else { 200 };
            let reply = app.read(token, vault, path).await;
            assert_eq!(
                reply.status.as_u16(),
                status,
                "{scope} {path}: {}",
                reply.text
            );
        }
    }
    // Listings go by the same rules.
    change(&app, human, &id, json!({"scope": {"paths": ["b/**"]}})).await;
    let list = app
        .get(
            &format!("/v1/vaults/{}/secrets", reader.vault),
            &reader.token,
        )
        .await
        .expect(200);
    let paths: Vec<&Value> = list["secrets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| &s["path"])
        .collect();
    assert_eq!(paths, ["a"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_is_watched_changes_nothing_and_is_recorded() {
    let app = TestApp::start().await;
    let reader = Reader::new(&app, "ops").await;
    let human = &reader.human;
    uploaded(&app, human, &hostile("0.1.0")).await;
    let body = json!({"plugin": "hostile", "version": "0.1.0", "settings": "deny"});
    let id = attach(&app, human, body).await;
    for (behaviour, verdict, code) in [
        ("deny", "deny", json!("hostile/denied")),
        ("allow", "allow", json!("hostile/allowed")),
        ("trap", "failed", json!("internal/trap")),
        ("abstain", "abstain", Value::Null),
    ] {
        change(&app, human, &id, json!({"settings": behaviour})).await;
        reader.read(&app).await.expect(200);
        let details = reader.last(&app).await;
        let [entry] = entries(&details, &id)[..] else {
            panic!("{details}")
        };
        assert_eq!(
            (&entry["mode"], &entry["verdict"], &entry["code"]),
            (&json!("shadow"), &json!(verdict), &code)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_is_a_revision_and_going_back_is_one_call() {
    let app = TestApp::start().await;
    let reader = Reader::new(&app, "ops").await;
    let human = &reader.human;
    uploaded(&app, human, &hostile("0.1.0")).await;
    uploaded(&app, human, &hostile("0.2.0")).await;
    let id = attach(&app, human, enforced("0.1.0", "abstain")).await;
    reader.read(&app).await.expect(200);
    let changed = change(
        &app,
        human,
        &id,
        json!({"version": "0.2.0", "settings": "deny"}),
    )
    .await;
    assert_eq!(
        (&changed["revision"], &changed["fallback"]["version"]),
        (&json!(2), &json!("0.1.0"))
    );
    reader.read(&app).await.problem(403);
    let back = roll_back(&app, human, &id).await;
    assert_eq!(
        (&back["revision"], &back["version"]["version"]),
        (&json!(3), &json!("0.1.0"))
    );
    assert_eq!(back["cause"], "rollback to 1");
    reader.read(&app).await.expect(200);
    // There is nothing before the first.
    let path = format!("/v1/plugins/attachments/{id}");
    app.post(&format!("{path}/rollback"), &human.token, json!({}))
        .await
        .problem(409);
    // By name, and a detached one comes back.
    app.delete(&path, &human.token).await.expect(204);
    app.delete(&path, &human.token).await.problem(404);
    let forward = app
        .post(
            &format!("{path}/rollback"),
            &human.token,
            json!({"revision": 2}),
        )
        .await
        .expect(200);
    assert_eq!(
        (&forward["attached"], &forward["settings"]),
        (&json!(true), &json!("deny"))
    );
    reader.read(&app).await.problem(403);

    let list = app
        .get(&format!("{path}/revisions"), &human.token)
        .await
        .expect(200);
    let causes: Vec<&Value> = list["revisions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| &r["cause"])
        .collect();
    assert_eq!(
        causes,
        [
            "rollback to 2",
            "detach",
            "rollback to 1",
            "change",
            "attach"
        ]
    );
    let actions: Vec<Value> = app
        .events(human, "resource_type=attachment")
        .await
        .into_iter()
        .map(|event| event["action"].clone())
        .collect();
    assert_eq!(
        actions,
        [
            "plugin.attachment.rollback",
            "plugin.detach",
            "plugin.attachment.rollback",
            "plugin.attachment.change",
            "plugin.attach"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_asks_for_more_needs_consent() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    // Of the hostile guest, one behaviour wants to see budgets.
    uploaded(&app, &human, &hostile("0.1.0")).await;
    let id = attach(&app, &human, enforced("0.1.0", "abstain")).await;
    let path = format!("/v1/plugins/attachments/{id}");
    let more = json!({"settings": "see-budgets"});
    let problem = app.patch(&path, &human.token, more).await.problem(409);
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("the budget `agent/daily native`"),
        "{problem}"
    );
    // Attaching it once more is no way round.
    let mut again = enforced("0.1.0", "see-budgets");
    let attachments = "/v1/plugins/attachments";
    let problem = app.post(attachments, &human.token, again.clone()).await;
    assert!(
        problem.problem(409)["detail"]
            .as_str()
            .unwrap()
            .contains("the budget `agent/daily native`")
    );
    again["consent"] = json!(true);
    app.post(attachments, &human.token, again).await.expect(201);
    let consented = json!({"settings": "see-budgets", "consent": true});
    change(&app, &human, &id, consented).await;
    // From then on it is no more than before.
    change(&app, &human, &id, json!({"mode": "shadow"})).await;

    // A version that decides in another world than the one before it.
    uploaded(&app, &human, &access_only("1.0.0")).await;
    let signing = signatures_only("1.1.0");
    let problem = upload(&app, &human, &signing, "").await.problem(409);
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("`transaction-guardrail`"),
        "{problem}"
    );
    upload(&app, &human, &signing, "?consent=true")
        .await
        .expect(201);
}
