//! Signing up, in and out, and which credential counts.

use std::os::unix::fs::PermissionsExt as _;

use oneclaw_tests::app::{PASSWORD, TestApp};
use serde_json::json;

use crate::redact::redacted;
use crate::shell::Shell;

#[tokio::test(flavor = "multi_thread")]
async fn signing_up_in_and_out_leaves_a_private_file_and_then_none_of_it() {
    let shell = Shell::start().await;
    shell.sign_up("you");
    let login = ["login", "--email", "you@example.com", "--password-stdin"];
    let said = shell.with(&login, &format!("{PASSWORD}\n"), &[]).ok();
    insta::assert_snapshot!(redacted(&said), @"✓ signed in to <server> as you@example.com");
    let directory = shell.home.path().join(".config/oneclaw");
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&directory), 0o700);
    assert_eq!(mode(&directory.join("config.json")), 0o600);
    let token = shell.settings()["auth"]["token"]
        .as_str()
        .unwrap()
        .to_owned();
    insta::assert_snapshot!(redacted(&shell.run(&["whoami"]).ok()), @r"
    Email:        you@example.com
    User:         <id-------------------------------->
    Organisation: <id-------------------------------->
    Server:       <server>
    Expires:      <time-------------->
    Credential:   sign-in
    ");
    insta::assert_snapshot!(redacted(&shell.run(&["whoami", "--json"]).ok()), @r#"
    {
      "email": "you@example.com",
      "user_id": "<id-------------------------------->",
      "org_id": "<id-------------------------------->",
      "api_url": "<server>",
      "expires_at": "<time-------------->",
      "credential": "sign-in"
    }
    "#);
    shell.run(&["vault", "list"]).ok();
    insta::assert_snapshot!(redacted(&shell.run(&["logout"]).ok()), @"✓ signed out of <server>");
    assert_eq!(shell.settings(), json!({}));
    let refused = shell.run(&["vault", "list"]).fails(1);
    assert!(refused.contains("1claw login"), "{refused}");
    shell.app.get("/v1/vaults", &token).await.problem(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_keeps_nothing() {
    let shell = Shell::start().await;
    shell.app.human("you").await;
    let login = ["login", "--email", "you@example.com", "--password-stdin"];
    let said = shell.with(&login, "wrong", &[]).fails(1);
    assert!(said.contains("API error (401)"), "{said}");
    assert!(
        !shell
            .home
            .path()
            .join(".config/oneclaw/config.json")
            .exists()
    );
    let said = shell.run(&["login", "--email", "you@example.com"]).fails(1);
    assert!(said.contains("--password-stdin"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_counts_before_a_key_and_a_key_before_the_sign_in() {
    let shell = Shell::signed_in().await;
    let other = shell.app.human("other").await;
    let key = shell
        .app
        .post("/v1/auth/api-keys", &other.token, json!({"name": "k"}))
        .await
        .expect(201)["api_key"]
        .as_str()
        .unwrap()
        .to_owned();
    let third = shell.app.human("third").await;
    let who = |environment: &[(&str, &str)]| {
        shell.with(&["whoami", "--json"], "", environment).json()["email"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(who(&[]), "you@example.com");
    assert_eq!(who(&[("ONECLAW_API_KEY", &key)]), "other@example.com");
    assert_eq!(
        who(&[("ONECLAW_API_KEY", &key), ("ONECLAW_TOKEN", &third.token)]),
        "third@example.com"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_is_shown_to_no_other_server() {
    let shell = Shell::signed_in().await;
    let other = TestApp::start().await;
    let said = shell
        .run(&["vault", "list", "--api-url", &other.url])
        .fails(1);
    assert!(said.contains("1claw login --api-url"), "{said}");
    // Without any word about it, the server that was signed in to is asked.
    shell
        .with(&["vault", "list"], "", &[("ONECLAW_API_URL", "")])
        .ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_that_is_over_renews_itself_once_for_all_commands() {
    let shell = Shell::signed_in().await;
    let expire = || {
        let path = shell.home.path().join(".config/oneclaw/config.json");
        let mut settings = shell.settings();
        settings["auth"]["expiresAt"] = json!("2020-01-01T00:00:00Z");
        std::fs::write(path, settings.to_string()).unwrap();
    };
    expire();
    let script = "for n in 1 2 3 4; do 1claw vault list --json & pids=\"${pids:-} $!\"; done; for p in $pids; do wait $p; done";
    shell.sh(script, &[]).ok();
    let first = shell.settings();
    assert_ne!(first["auth"]["expiresAt"], "2020-01-01T00:00:00Z");
    expire();
    let path = shell.home.path().join(".config/oneclaw/config.json");
    let mut settings = shell.settings();
    settings["auth"]["refreshToken"] = json!("nonsense");
    std::fs::write(path, settings.to_string()).unwrap();
    let said = shell.run(&["vault", "list"]).fails(1);
    assert!(
        said.contains("expired") && said.contains("1claw login"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn personal_keys_are_made_listed_and_revoked() {
    let shell = Shell::signed_in().await;
    insta::assert_snapshot!(redacted(&shell.run(&["api-key", "create", "ci", "--expires", "2030-01-01"]).ok()), @r"
    ✓ API key `ci` made: <id-------------------------------->
      <1ck_…>
    ");
    let key = shell.run(&["api-key", "create", "deploy", "--quiet"]).ok();
    assert!(key.starts_with("1ck_") && !key.ends_with('\n'), "{key}");
    shell
        .with(&["vault", "list"], "", &[("ONECLAW_API_KEY", &key)])
        .ok();
    insta::assert_snapshot!(redacted(&shell.run(&["api-key", "list"]).ok()), @r"
    ID                                    Name    Prefix        Active  Created               Expires               Last used
    ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
    <id-------------------------------->  deploy  <1ck_…>  yes     <time-------------->
    <id-------------------------------->  ci      <1ck_…>  yes     <time-------------->  <time-------------->
    ");
    let keys = shell.json(&["api-key", "list"]);
    let id = keys
        .as_array()
        .unwrap()
        .iter()
        .find(|k| k["name"] == "deploy")
        .unwrap()["id"]
        .clone();
    shell
        .run(&["api-key", "revoke", id.as_str().unwrap(), "--yes"])
        .ok();
    let said = shell
        .with(&["vault", "list"], "", &[("ONECLAW_API_KEY", &key)])
        .fails(1);
    assert!(
        said.contains("API error (401)") && said.contains("1claw login"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_kept_where_the_environment_says() {
    let shell = Shell::signed_in().await;
    let vault = shell.vault("production");
    let set = |key: &str, value: &str| shell.run(&["config", "set", key, value]);
    set("default-vault", "production").ok();
    set("output-format", "plain").ok();
    assert_eq!(
        shell.run(&["config", "get", "default-vault"]).ok().trim(),
        vault
    );
    insta::assert_snapshot!(redacted(&shell.run(&["config", "list"]).ok()), @r"
    api-url	
    output-format	plain
    default-vault	<id-------------------------------->
    ");
    insta::assert_snapshot!(redacted(&shell.run(&["config", "list", "--json"]).ok()), @r#"
    [
      {
        "key": "api-url",
        "value": null
      },
      {
        "key": "output-format",
        "value": "plain"
      },
      {
        "key": "default-vault",
        "value": "<id-------------------------------->"
      }
    ]
    "#);
    shell.run(&["secret", "list"]).ok();
    for (key, value) in [
        ("output-format", "xml"),
        ("nonsense", "x"),
        ("api-url", "vault.example.com"),
    ] {
        set(key, value).fails(2);
    }
    set("default-vault", "").ok();
    shell.run(&["secret", "list"]).fails(1);
    let elsewhere = shell.home.path().join("elsewhere");
    let said = shell
        .with(
            &["vault", "list"],
            "",
            &[("ONECLAW_CONFIG_DIR", elsewhere.to_str().unwrap())],
        )
        .fails(1);
    assert!(said.contains("not signed in"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_for_other_services_are_not_to_be_had_and_that_is_said() {
    let shell = Shell::signed_in().await;
    let exchange = ["auth", "federated-token", "-a", "https://sts.example.com"];
    let said = shell.run(&exchange).fails(1);
    assert!(said.contains("501"), "{said}");
}
