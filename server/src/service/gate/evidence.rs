//! What a decision rested on, as it goes into the audit trail.

use oneclaw_core::transaction::{EffectKind, Intent};
use oneclaw_policy_host::{Attachment, DecidedAccess, DecidedTransaction, Evaluation, Ruling};
use serde_json::{Value, json};

/// A plugin that takes part in decisions, for the record of a listing.
pub(super) fn attached(attachment: &Attachment) -> Value {
    match attachment {
        Attachment::Ready(configured, _) => json!({
            "plugin": configured.plugin().manifest().name,
            "digest": configured.plugin().digest(),
            "settings": configured.settings_digest(),
        }),
        Attachment::Failed(name, failure) => json!({"plugin": name, "code": failure.code}),
    }
}

/// What a decision rested on. The ids of rules go to the audit trail, never to the caller.
pub(super) fn evidence(decided: &DecidedAccess) -> Value {
    let mut details = of_ruling(decided.evaluations(), decided.ruling());
    if let Some(details) = details.as_object_mut() {
        let permission = decided.request().permission.as_str();
        details.insert("permission".to_owned(), json!(permission));
        details.insert(
            DIGEST.to_owned(),
            json!(hex::encode(decided.request_digest())),
        );
    }
    details
}

/// The same for what is to be signed: what it was, and what it would do.
pub(super) fn of_transaction(decided: &DecidedTransaction) -> Value {
    let request = decided.request();
    let mut details = of_ruling(decided.evaluations(), decided.ruling());
    if let Some(details) = details.as_object_mut() {
        let mut put = |key: &str, value: Value| details.insert(key.to_owned(), value);
        put(DIGEST, json!(hex::encode(decided.request_digest())));
        put("kind", json!(request.intent.kind()));
        put("from", json!(request.sender.to_checksum(None)));
        put("signing_key", json!(request.key.secret.to_string()));
        if let Some(chain) = &request.chain {
            put("chain", json!(chain.name));
        }
        if let Some(proof) = &request.signature {
            put("intent_key_id", json!(proof.key_id));
        }
        if let Intent::Transaction(intent) = &request.intent {
            put("to", json!(intent.to.map(|to| to.to_checksum(None))));
            put("value_wei", json!(intent.value.to_string()));
            put("nonce", json!(intent.nonce));
        }
        let effects: Vec<EffectKind> = request
            .effects
            .iter()
            .take(MAX_EFFECTS)
            .map(|e| e.kind)
            .collect();
        put("effects", json!(effects));
    }
    details
}

/// Effects that are named in a record.
const MAX_EFFECTS: usize = 32;

const DIGEST: &str = "request_digest";

fn of_ruling(evaluations: &[Evaluation], ruling: &Ruling) -> Value {
    let evaluations: Vec<Value> = evaluations
        .iter()
        .map(|evaluation| {
            let mut entry = json!({
                "plugin": evaluation.plugin.name,
                "version": evaluation.plugin.version,
                "digest": evaluation.plugin.digest,
                "settings": evaluation.settings_digest,
                "fuel": evaluation.fuel,
            });
            if let (Err(failure), Some(entry)) = (&evaluation.outcome, entry.as_object_mut()) {
                entry.insert("failure".to_owned(), json!(failure.detail));
            }
            entry
        })
        .collect();
    let mut details = json!({
        "decision": "allow",
        "evaluations": evaluations,
    });
    if let Some(details) = details.as_object_mut() {
        match ruling {
            Ruling::Allow(grants) => {
                if let Some(reason) = grants.first().map(|grant| &grant.reason) {
                    details.insert("code".to_owned(), json!(reason.code));
                    if !reason.rule.is_empty() {
                        details.insert("rule".to_owned(), json!(reason.rule));
                    }
                }
            }
            Ruling::Deny(denial) => {
                for (key, value) in [
                    ("plugin", &denial.plugin),
                    ("rule", &denial.rule),
                    ("condition", &denial.condition),
                    ("message", &denial.message),
                ] {
                    if !value.is_empty() {
                        details.insert(key.to_owned(), json!(value));
                    }
                }
            }
            Ruling::RequireApproval(_) => {
                details.insert("approval".to_owned(), json!("required"));
            }
        }
    }
    details
}
