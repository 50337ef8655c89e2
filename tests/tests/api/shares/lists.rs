//! Shares in lists, in the shapes that clients read.

use serde_json::{Value, json};

use super::{Stage, id, link};

fn ids(list: &Value) -> Vec<String> {
    assert_eq!(list.as_object().unwrap().len(), 1);
    list["shares"].as_array().unwrap().iter().map(id).collect()
}

#[tokio::test]
async fn outbound_and_inbound_lists_have_every_name_that_clients_read() {
    let stage = Stage::new().await;
    let first = stage
        .shared(&stage.token, json!({"recipient_type": "creator"}))
        .await;
    stage.app.clock.advance_seconds(1);
    let second = stage
        .shared(&stage.token, json!({"recipient_type": "creator"}))
        .await;
    stage.shared(&stage.human.token, link()).await;
    let newest_first = [second, first];
    for path in [
        "/v1/shares/outbound",
        "/v1/shares",
        "/v1/shares?direction=outbound",
    ] {
        assert_eq!(
            ids(&stage.app.get(path, &stage.token).await.expect(200)),
            newest_first
        );
    }
    for path in ["/v1/shares/inbound", "/v1/shares?direction=inbound"] {
        let list = stage.app.get(path, &stage.human.token).await.expect(200);
        assert_eq!(ids(&list), newest_first);
        let item = list["shares"][0].as_object().unwrap();
        for name in [
            "id",
            "share_url",
            "secret_id",
            "vault_id",
            "secret_path",
            "recipient_type",
            "recipient_id",
            "recipient_email",
            "access_count",
            "max_access_count",
            "views",
            "max_views",
            "expires_at",
            "created_at",
            "is_expired",
            "is_accepted",
            "status",
            "created_by",
            "created_by_type",
            "created_by_name",
        ] {
            assert!(item.contains_key(name), "{name}");
        }
        assert!(!item.contains_key("value") && !item.contains_key("passphrase_hash"));
    }
    stage
        .app
        .get("/v1/shares?direction=up", &stage.token)
        .await
        .problem(400);
}

#[tokio::test]
async fn a_secret_is_named_by_its_id_or_by_its_path() {
    let stage = Stage::new().await;
    let token = &stage.human.token;
    let by_path = json!({
        "vault_id": stage.vault, "secret_path": "api-keys/openai", "expires_in_hours": 2,
        "max_views": 3, "passphrase": "p",
    });
    let made = stage
        .app
        .post("/v1/shares", token, by_path)
        .await
        .expect(201);
    assert_eq!(made["recipient_type"], "anyone_with_link");
    assert_eq!(made["expires_at"], "2026-11-23T14:00:00Z");
    assert_eq!(made["max_access_count"], 3);
    let by_id = json!({"secret_id": stage.secret, "recipient_email": "a@example.com"});
    let made = stage.app.post("/v1/shares", token, by_id).await.expect(201);
    assert_eq!(made["recipient_type"], "external_email");
    assert_eq!(made["recipient_email"], "a@example.com");
    let alias =
        json!({"recipient_type": "email", "email": "a@example.com", "ip_allowlist": ["::1"]});
    let made = stage.share(token, alias).await.expect(201);
    assert_eq!(made["recipient_type"], "external_email");
    let item = stage.item(&id(&made), token).await;
    assert_eq!(item["ip_allowlist"], json!(["::1/128"]));
    assert_eq!(item["permissions"], json!(["read"]));
}
