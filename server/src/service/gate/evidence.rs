//! What a decision rested on, as it goes into the audit trail.

use oneclaw_policy_host::{Attachment, DecidedAccess, Ruling};
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
    let evaluations: Vec<Value> = decided
        .evaluations()
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
        "permission": decided.request().permission.as_str(),
        "request_digest": hex(&decided.request_digest()),
        "evaluations": evaluations,
    });
    if let Some(details) = details.as_object_mut() {
        match decided.ruling() {
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

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}
