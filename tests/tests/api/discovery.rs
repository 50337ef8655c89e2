//! What a stranger can see: health, keys, documentation, headers.

use oneclaw_tests::app::{Database, TestApp};
use serde_json::json;

#[tokio::test]
async fn a_token_verifies_against_the_published_keys() {
    use base64::Engine as _;
    let app = TestApp::start().await;
    let human = app.human("ops").await;
    let reply = app.get("/.well-known/jwks.json", "").await;
    assert_eq!(reply.headers["content-type"], "application/jwk-set+json");
    assert_eq!(reply.headers["cache-control"], "max-age=300");
    assert_eq!(reply.headers["access-control-allow-origin"], "*");
    let keys = reply.expect(200);
    let key = &keys["keys"][0];
    for (member, value) in [
        ("kty", "OKP"),
        ("crv", "Ed25519"),
        ("alg", "EdDSA"),
        ("use", "sig"),
    ] {
        assert_eq!(key[member], value);
    }
    let decode = |text: &str| {
        base64::prelude::BASE64_URL_SAFE_NO_PAD
            .decode(text)
            .unwrap()
    };
    let (signed, signature) = human.token.rsplit_once('.').unwrap();
    let header: serde_json::Value =
        serde_json::from_slice(&decode(signed.split_once('.').unwrap().0)).unwrap();
    assert_eq!(
        (&header["alg"], &header["kid"]),
        (&json!("EdDSA"), &key["kid"])
    );
    let public = decode(key["x"].as_str().unwrap());
    let verifying =
        ed25519_dalek::VerifyingKey::from_bytes(&public.clone().try_into().unwrap()).unwrap();
    let signature = ed25519_dalek::Signature::from_slice(&decode(signature)).unwrap();
    verifying
        .verify_strict(signed.as_bytes(), &signature)
        .unwrap();

    let bare = app.get("/v1/auth/jwt-public-key", "").await.expect(200);
    assert_eq!(
        bare["public_key_base64"],
        base64::prelude::BASE64_STANDARD.encode(public)
    );
    let discovery = app
        .get("/.well-known/openid-configuration", "")
        .await
        .expect(200);
    assert_eq!(discovery["issuer"], app.url);
    assert_eq!(
        discovery["jwks_uri"],
        format!("{}/.well-known/jwks.json", app.url)
    );
    let claims: serde_json::Value =
        serde_json::from_slice(&decode(human.token.split('.').nth(1).unwrap())).unwrap();
    assert_eq!(claims["iss"], app.url);
    assert_eq!(claims["sub"], format!("user:{}", human.id));
}

#[tokio::test]
async fn health_is_public() {
    let app = TestApp::start().await;
    assert_eq!(
        app.get("/v1/health", "").await.expect(200)["status"],
        "healthy"
    );
    assert_eq!(
        app.get("/v1/health/hsm", "").await.expect(200),
        json!({"status": "ok"})
    );
}

#[tokio::test]
async fn every_answer_has_an_id_of_ours_and_the_security_headers() {
    let app = TestApp::start().await;
    for path in ["/v1/health", "/nothing", "/docs"] {
        let reply = app
            .send_with(
                reqwest::Method::GET,
                path,
                "",
                None,
                &[("x-request-id", "forged\u{9}line")],
            )
            .await;
        assert_eq!(reply.headers["x-request-id"].len(), 36);
        assert_eq!(reply.headers["x-content-type-options"], "nosniff");
        assert_eq!(reply.headers["x-frame-options"], "DENY");
        assert!(
            reply.headers["content-security-policy"]
                .to_str()
                .unwrap()
                .contains("default-src 'none'")
        );
    }
}

#[tokio::test]
async fn only_configured_origins_may_call_from_a_browser() {
    let app = TestApp::start_with(Database::Sqlite, |config| {
        config.cors_origins = vec!["https://console.example.com".to_owned()];
    })
    .await;
    let allowed = async |origin: &str| {
        let headers = [("origin", origin), ("access-control-request-method", "PUT")];
        let reply = app
            .send_with(reqwest::Method::OPTIONS, "/v1/vaults", "", None, &headers)
            .await;
        reply.headers.get("access-control-allow-origin").cloned()
    };
    assert_eq!(
        allowed("https://console.example.com").await.unwrap(),
        "https://console.example.com"
    );
    assert_eq!(allowed("https://evil.example.com").await, None);
}

/// Set `UPDATE_OPENAPI=1` to write the file anew.
#[test]
fn the_committed_description_of_the_api_is_the_served_one() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../docs/reference/openapi.json"
    );
    let served = oneclaw_server::http::router::openapi_json() + "\n";
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(path, &served).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        served == committed,
        "docs/reference/openapi.json is out of date: run `UPDATE_OPENAPI=1 cargo test -p oneclaw-tests --test api description`"
    );
    assert!(served.contains("\"openapi\": \"3.1.0\""));
    assert!(
        !served.contains("{*"),
        "a wildcard of the router is no template of OpenAPI"
    );
    assert!(
        served.contains("tx_max_per_day"),
        "the profile fields of agents are described"
    );
}

#[tokio::test]
async fn the_documentation_page_needs_nothing_from_elsewhere() {
    let app = TestApp::start().await;
    let page = app.get("/docs", "").await;
    assert_eq!(page.status.as_u16(), 200);
    for text in [
        "/v1/vaults/{vault_id}/secrets/{path}",
        "Registers an agent",
        "SecretMeta",
        "/v1/audit/verify",
    ] {
        assert!(page.text.contains(text), "{text}");
    }
    assert!(
        !page.text.contains("<script")
            && !page.text.contains("http://")
            && !page.text.contains("https://")
    );
    assert_eq!(app.get("/docs/style.css", "").await.status.as_u16(), 200);
    let served = app.get("/v1/openapi.json", "").await.expect(200);
    assert_eq!(served["openapi"], "3.1.0");
}
