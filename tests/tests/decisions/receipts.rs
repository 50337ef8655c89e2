//! What the server signs about its decisions.

use oneclaw_audit_proof::receipt::{ReceiptError, SignedReceipt};
use oneclaw_core::recorded::Question;
use oneclaw_core::verdict::Verdict;
use oneclaw_tests::app::TestApp;
use serde_json::{Value, json};

async fn refused(app: &TestApp) -> (oneclaw_tests::app::Human, String, String) {
    let human = app.human("owner").await;
    let vault = app.vault(&human).await;
    let agent = app.agent(&human, json!({"scopes": ["**"]})).await;
    app.policy(&human, &vault, &agent, "other/*", json!({}))
        .await;
    let token = app.token(&agent).await;
    let problem = app.read(&token, &vault, "db/password").await.problem(403);
    let id = problem["decision_id"].as_str().unwrap().to_owned();
    (human, token, id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_is_verified_offline_and_its_decision_made_again() {
    let app = TestApp::start().await;
    let (human, token, id) = refused(&app).await;
    let text = app
        .get(&format!("/v1/decisions/{id}/receipt"), &token)
        .await
        .expect(200)
        .to_string();
    let jwks = app.get("/.well-known/jwks.json", "").await.text;

    let signed = SignedReceipt::read(text.as_bytes()).unwrap();
    let key = signed.key_in(&jwks).unwrap();
    let receipt = signed.verify(&key).unwrap();
    assert_eq!(receipt.decision_id, id);
    assert_eq!(
        (receipt.verdict.as_str(), receipt.code.as_str()),
        ("deny", "policy/no-match")
    );
    let again = app
        .get(&format!("/v1/decisions/{id}/receipt"), &human.token)
        .await
        .expect(200);
    assert_eq!(again.to_string(), text);
    let altered = text.replace("policy/no-match", "policy/allowed");
    let altered = SignedReceipt::read(altered.as_bytes()).unwrap();
    assert_eq!(altered.verify(&key), Err(ReceiptError::Signature));

    // The key of receipts is published under a name of its own, and signs no token.
    let set: Value = serde_json::from_str(&jwks).unwrap();
    let kids: Vec<&str> = set["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|k| k["kid"].as_str().unwrap())
        .collect();
    assert_eq!(
        kids.iter()
            .filter(|kid| kid.starts_with("receipt-"))
            .count(),
        1
    );
    assert_eq!(
        signed.kid,
        *kids.iter().find(|kid| kid.starts_with("receipt-")).unwrap()
    );

    // With component, settings and request anybody decides again.
    let cases = app
        .get("/v1/decisions/export?as=cases&verdict=deny", &human.token)
        .await
        .expect(200);
    let case = &cases[0];
    let question = json!({"world": case["world"], "request": case["request"]}).to_string();
    let parsed: Question = serde_json::from_str(&question).unwrap();
    receipt
        .is_about(&parsed.canonical_bytes().unwrap())
        .unwrap();
    let component = oneclaw_builtin::ACCESS_POLICY;
    let answer = receipt.answer_of(component).unwrap();
    let settings = case["settings"].as_str().unwrap();
    answer.was_told(settings).unwrap();
    let engine = crate::patient_engine();
    let evaluation = engine.rerun(component, settings, &question).unwrap();
    match evaluation.outcome.unwrap().verdict {
        Verdict::Deny(reason) => assert_eq!(reason.code, answer.code),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_altered_is_signed_and_nothing_of_others_is_shown() {
    let app = TestApp::start().await;
    let (human, _, id) = refused(&app).await;
    let path = format!("/v1/decisions/{id}/receipt");
    let stranger = app.human("stranger").await;
    app.get(&path, &stranger.token).await.problem(404);
    app.get(&path, "").await.problem(401);
    app.edit_database(&format!(
        "UPDATE decisions SET verdict = 'allow' WHERE id = '{id}'"
    ))
    .await;
    app.get(&path, &human.token).await.problem(500);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exported_cases_pass_with_the_component_that_decided() {
    let app = TestApp::start().await;
    let (human, token, _) = refused(&app).await;
    app.get("/v1/decisions/export?as=cases", &token)
        .await
        .problem(403);
    app.get("/v1/decisions/export?as=pictures", &human.token)
        .await
        .problem(400);
    let text = app
        .get("/v1/decisions/export?as=cases", &human.token)
        .await
        .expect(200)
        .to_string();
    let cases = oneclaw_policy_host::parse_cases(text.as_bytes()).unwrap();
    assert!(!cases.is_empty());
    let engine = crate::patient_engine();
    let plugin = engine.load(oneclaw_builtin::ACCESS_POLICY).unwrap();
    let time = std::time::Duration::from_secs(60);
    for outcome in engine.try_cases(&plugin, &cases, time).unwrap() {
        assert_eq!(outcome.failure, None, "{}", outcome.name);
    }
}
