//! What a decision rested on, as it goes into the audit trail.

use std::sync::Arc;

use oneclaw_core::ids::AttachmentId;
use oneclaw_core::transaction::{EffectKind, Intent};
use oneclaw_core::verdict::{Decision, Verdict};
use oneclaw_policy_host::{
    AttachedPlugin, Attachment, DecidedAccess, DecidedTransaction, Evaluation, Failure, Ruling,
    Stage,
};
use oneclaw_store::NewDecision;
use serde_json::{Value, json};

/// What a decision rested on: for the audit event of what is done with it, and the record that goes with that event.
#[derive(Debug, Clone)]
pub struct Evidence {
    details: Value,
    decision: Option<Arc<NewDecision>>,
}

impl Evidence {
    pub(super) fn new(details: Value, decision: Option<NewDecision>) -> Self {
        Self {
            details,
            decision: decision.map(Arc::new),
        }
    }

    /// Adds what is known by now.
    pub fn set(&mut self, key: &str, value: Value) {
        if let Some(details) = self.details.as_object_mut() {
            details.insert(key.to_owned(), value);
        }
    }

    /// The same, refused for a reason that shows only now.
    #[must_use]
    pub fn refused(mut self, code: &str) -> Self {
        self.set("decision", json!("deny"));
        self.set("code", json!(code));
        self.decision = self
            .decision
            .map(|decision| Arc::new(decision.refused(code)));
        self
    }

    /// The details of the event, and the record that is stored with it. The event vouches for the record by its digest.
    pub fn into_parts(mut self) -> (Value, Option<Arc<NewDecision>>) {
        if let Some(decision) = &self.decision {
            let digest = hex::encode(decision.digest());
            self.set("record", json!(digest));
        }
        (self.details, self.decision)
    }
}

/// A plugin that takes part in decisions, for the record of a listing.
pub(super) fn attached(attachment: &Attachment) -> Value {
    let mut entry = match &attachment.plugin {
        AttachedPlugin::Ready(configured, _) => json!({
            "plugin": configured.plugin().manifest().name,
            "digest": configured.plugin().digest(),
            "settings": configured.settings_digest(),
        }),
        AttachedPlugin::Failed(plugin, failure) => {
            json!({"plugin": plugin.name, "code": failure.code})
        }
    };
    place(&mut entry, attachment.id, attachment.stage);
    entry
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

/// Which attachment of the organisation this was, and whether its answer counted.
fn place(entry: &mut Value, id: Option<AttachmentId>, stage: Stage) {
    if let (Some(id), Some(entry)) = (id, entry.as_object_mut()) {
        entry.insert("attachment".to_owned(), json!(id.to_string()));
        entry.insert("mode".to_owned(), json!(stage.as_str()));
    }
}

/// What a plugin of the organisation answered: the ruling alone does not tell, and says nothing of those that are watched.
fn answer(entry: &mut Value, outcome: &Result<Decision, Failure>) {
    let (verdict, code) = match outcome {
        Err(failure) => ("failed", failure.code),
        Ok(decision) => match &decision.verdict {
            Verdict::Allow(reason) => ("allow", reason.code.as_str()),
            Verdict::Deny(reason) => ("deny", reason.code.as_str()),
            Verdict::RequireApproval(approval) => {
                ("require_approval", approval.reason.code.as_str())
            }
            Verdict::Abstain => ("abstain", ""),
        },
    };
    if let Some(entry) = entry.as_object_mut() {
        entry.insert("verdict".to_owned(), json!(verdict));
        if !code.is_empty() {
            entry.insert("code".to_owned(), json!(code));
        }
    }
}

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
            if evaluation.attachment.is_some() {
                answer(&mut entry, &evaluation.outcome);
            }
            place(&mut entry, evaluation.attachment, evaluation.stage);
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
