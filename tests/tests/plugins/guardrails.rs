//! Uploaded plugins before signatures: what they reserve is held or refused, and nothing of theirs signs anything.

use serde_json::json;

use crate::setup::{attach, change, enforced, hostile, two_worlds, uploaded};
use crate::signer::{SOMEBODY, Signer, refused, transfer};

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_refuses_signatures_whatever_goes_wrong_in_it() {
    let signer = Signer::new().await;
    let Signer { app, human, .. } = &signer;
    uploaded(app, human, &hostile("0.1.0")).await;
    let id = attach(app, human, enforced("0.1.0", "deny")).await;
    for (behaviour, code) in [
        ("deny", "hostile/denied"),
        ("require-approval", "approval_unavailable"),
        ("trap", "internal/trap"),
        ("spin", "internal/fuel"),
        ("flood-of-reservations", "internal/bad-reply"),
        ("reserve-once-too-often", "internal/bad-reply"),
        ("reserve-without-scope", "internal/bad-reply"),
        ("reserve-of-another", "internal/bad-reply"),
        ("megabytes-of-notes", "internal/bad-reply"),
        ("many-empty-notes", "internal/bad-reply"),
        ("forge-internal-allow", "internal/bad-reply"),
    ] {
        change(app, human, &id, json!({"settings": behaviour})).await;
        signer.refused("0", code).await;
        let event = &app.events(human, "action=transaction.denied&limit=1").await[0];
        let entry = crate::setup::entries(&event["details"], &id);
        assert_eq!(entry.len(), 1, "{event}");
    }
    let list = app
        .get(
            &format!("/v1/agents/{}/transactions", signer.agent.id),
            &signer.token,
        )
        .await
        .expect(200);
    assert_eq!(list["transactions"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_attached_for_a_chain_decides_on_that_chain_alone() {
    let signer = Signer::new().await;
    let Signer { app, human, .. } = &signer;
    let vault = app.vault(human).await;
    app.secret(human, &vault, "a", "value").await;
    uploaded(app, human, &hostile("0.1.0")).await;
    let id = attach(app, human, enforced("0.1.0", "deny")).await;
    for (chains, is_refused) in [
        (vec!["base"], [true, false]),
        (vec!["ethereum"], [false, true]),
        (vec!["ethereum", "base"], [true, true]),
    ] {
        change(app, human, &id, json!({"scope": {"chains": chains}})).await;
        for (chain, is_refused) in ["base", "ethereum"].into_iter().zip(is_refused) {
            let mut body = transfer(SOMEBODY, "0");
            body["chain"] = json!(chain);
            let reply = signer.ask("sign", &body, &[]).await;
            if is_refused {
                refused(reply, "hostile/denied");
            } else {
                reply.expect(200);
            }
        }
        // It has no say on secrets.
        app.read(&human.token, &vault, "a").await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_there_is_can_be_reserved_once_and_never_twice() {
    let signer = Signer::new().await;
    let Signer { app, human, .. } = &signer;
    uploaded(app, human, &hostile("0.1.0")).await;
    // An allow with a reservation of 2^256 - 1 out of as much: the budget holds it, and then not one more.
    let id = attach(app, human, enforced("0.1.0", "reserve-everything")).await;
    signer.sign("0").await.expect(200);
    signer.refused("0", "budget_exceeded").await;
    // What is merely watched reserves nothing.
    change(app, human, &id, json!({"mode": "shadow"})).await;
    signer.sign("0").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_of_both_worlds_holds_its_own_budget() {
    let signer = Signer::new().await;
    let Signer { app, human, .. } = &signer;
    uploaded(app, human, &two_worlds()).await;
    let limit = json!({"path": "a", "limit": "1000000000000000000"});
    let body = json!({"plugin": "two-worlds", "version": "1.0.0", "settings": limit, "mode": "enforce",
        "scope": {"chains": ["base"]}});
    attach(app, human, body).await;
    signer.sign("0.6").await.expect(200);
    signer.refused("0.6", "two-worlds/too-much").await;
    signer.sign("0.4").await.expect(200);
}
