//! Signed plugins.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer as _, SigningKey};
use oneclaw_tests::app::{Human, TestApp};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::setup::{attach, enforced, hostile, upload, uploaded};

struct Publisher {
    id: String,
    key: SigningKey,
}

impl Publisher {
    async fn register(app: &TestApp, human: &Human, seed: u8) -> Self {
        let key = SigningKey::from_bytes(&[seed; 32]);
        let public = URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes());
        let body = json!({"name": "security", "public_key": public});
        let publisher = app
            .post("/v1/plugins/publishers", &human.token, body)
            .await
            .expect(201);
        assert_eq!(publisher["public_key"], public);
        let id = publisher["id"].as_str().unwrap().to_owned();
        Self { id, key }
    }

    fn query(&self, signed: &[u8]) -> String {
        let text = format!("oneclaw-plugin-v1:{}", hex::encode(Sha256::digest(signed)));
        let signature = URL_SAFE_NO_PAD.encode(self.key.sign(text.as_bytes()).to_bytes());
        format!("?publisher={}&signature={signature}", self.id)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_signatures_are_required_nothing_unsigned_is_taken_in_or_attached() {
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    uploaded(&app, &human, &hostile("0.1.0")).await;
    let publisher = Publisher::register(&app, &human, 7).await;
    let settings = json!({"signatures": "required"});
    app.put("/v1/plugins/settings", &human.token, settings)
        .await
        .expect(200);
    assert_eq!(
        app.get("/v1/plugins/settings", &human.token)
            .await
            .expect(200)["signatures"],
        "required"
    );

    let component = hostile("0.1.1");
    upload(&app, &human, &component, "").await.problem(400);
    let wrong = publisher.query(&hostile("0.1.2"));
    let problem = upload(&app, &human, &component, &wrong).await.problem(400);
    assert!(problem["fields"]["signature"].is_string(), "{problem}");
    let unsigned = enforced("0.1.0", "abstain");
    app.post("/v1/plugins/attachments", &human.token, unsigned)
        .await
        .problem(409);

    let query = publisher.query(&component);
    let version = upload(&app, &human, &component, &query).await.expect(201);
    assert_eq!(version["publisher_id"], publisher.id);
    let id = attach(&app, &human, enforced("0.1.1", "abstain")).await;

    // A key that was ended signs nothing more; what it signed goes on where it is.
    let path = format!("/v1/plugins/publishers/{}", publisher.id);
    app.delete(&path, &human.token).await.expect(204);
    app.delete(&path, &human.token).await.problem(404);
    let next = hostile("0.1.3");
    upload(&app, &human, &next, &publisher.query(&next))
        .await
        .problem(400);
    app.post(
        "/v1/plugins/attachments",
        &human.token,
        enforced("0.1.1", "abstain"),
    )
    .await
    .problem(409);
    let kept = app
        .get(&format!("/v1/plugins/attachments/{id}"), &human.token)
        .await
        .expect(200);
    assert_eq!(
        (&kept["state"], &kept["attached"]),
        (&json!("ready"), &json!(true))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn publishers_belong_to_one_organisation_and_have_real_keys() {
    let app = TestApp::start().await;
    let (ours, theirs) = (app.human("ops").await, app.human("others").await);
    let publisher = Publisher::register(&app, &ours, 9).await;
    let component = hostile("0.1.0");
    upload(&app, &theirs, &component, &publisher.query(&component))
        .await
        .problem(400);
    let path = format!("/v1/plugins/publishers/{}", publisher.id);
    app.delete(&path, &theirs.token).await.problem(404);
    let known = URL_SAFE_NO_PAD.encode(publisher.key.verifying_key().as_bytes());
    for (key, status) in [("", 400), ("AAAA", 400), (known.as_str(), 409)] {
        let body = json!({"name": "x", "public_key": key});
        app.post("/v1/plugins/publishers", &ours.token, body)
            .await
            .problem(status);
    }
    app.put(
        "/v1/plugins/settings",
        &ours.token,
        json!({"signatures": "sometimes"}),
    )
    .await
    .problem(400);
    for query in [
        format!("?publisher={}", publisher.id),
        "?signature=AAAA".to_owned(),
        "?publisher=x&signature=y".to_owned(),
    ] {
        upload(&app, &ours, &component, &query).await.problem(400);
    }
}
