//! What held, and what would hold.

use oneclaw_core::verdict::Decision;
use oneclaw_policy_host::{Denial, Evaluation, Failure, PluginIdentity, Ruling, combine};
use serde_json::{Value, json};

use crate::service::decisions::body::{Answer, PluginBody, Recorded};
use crate::service::decisions::record::{ALLOW, DENY, REQUIRE_APPROVAL};
use crate::service::time;

/// What would hold, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// `allow`, `deny` or `require-approval`.
    pub verdict: &'static str,
    /// A stable word.
    pub code: String,
    /// A sentence; empty if there is none.
    pub message: String,
    /// The plugin that decided; empty if none did.
    pub plugin: String,
    /// The rule that decided; empty if none did.
    pub rule: String,
}

impl Held {
    /// What evaluations come to.
    pub fn of(evaluations: &[Evaluation]) -> Self {
        match combine(evaluations) {
            Ruling::Allow(grants) => grants.into_iter().next().map_or_else(
                || Self::by_nobody(ALLOW),
                |grant| Self {
                    verdict: ALLOW,
                    code: grant.reason.code,
                    message: grant.reason.message,
                    plugin: grant.plugin.name.clone(),
                    rule: grant.reason.rule,
                },
            ),
            Ruling::Deny(Denial {
                code,
                message,
                plugin,
                rule,
                ..
            }) => Self {
                verdict: DENY,
                code,
                message,
                plugin,
                rule,
            },
            Ruling::RequireApproval(pending) => pending.into_iter().next().map_or_else(
                || Self::by_nobody(REQUIRE_APPROVAL),
                |pending| Self {
                    verdict: REQUIRE_APPROVAL,
                    code: pending.approval.reason.code,
                    message: pending.approval.reason.message,
                    plugin: pending.plugin.name.clone(),
                    rule: pending.approval.reason.rule,
                },
            ),
        }
    }

    fn by_nobody(verdict: &'static str) -> Self {
        Self {
            verdict,
            code: String::new(),
            message: String::new(),
            plugin: String::new(),
            rule: String::new(),
        }
    }

    fn wire(&self) -> Value {
        json!({
            "verdict": self.verdict,
            "code": self.code,
            "message": self.message,
            "plugin": self.plugin,
            "rule": self.rule,
        })
    }
}

/// A recorded answer as an evaluation, to be combined with others.
pub fn evaluation(plugin: &PluginBody, answer: &Answer) -> Evaluation {
    let outcome = match (&answer.verdict, &answer.failure) {
        (Some(verdict), _) => Ok(Decision {
            verdict: verdict.clone(),
            reservations: answer.reservations.clone(),
            notes: Vec::new(),
        }),
        (None, Some((code, detail))) => Err(Failure::recorded(code, detail)),
        (None, None) => Err(Failure::recorded("", "no answer was recorded")),
    };
    let identity = PluginIdentity {
        name: plugin.name.clone(),
        version: plugin.version.clone(),
        digest: plugin.digest.clone(),
    };
    Evaluation::recorded(identity, outcome)
}

/// How a decision would come out beside how it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparison {
    /// The same verdict for the same reason.
    Same,
    /// The same verdict for another reason.
    OtherReason(Held, Held),
    /// Another verdict.
    Changed(Held, Held),
}

/// Compares. What the gate refused by itself stays refused, whatever plugins say.
pub fn compare(recorded: &Recorded, new: Held) -> Comparison {
    let enforced: Vec<Evaluation> = recorded
        .basis
        .plugins
        .iter()
        .zip(&recorded.answers)
        .filter(|(plugin, _)| plugin.is_enforced())
        .map(|(plugin, answer)| evaluation(plugin, answer))
        .collect();
    let old = Held::of(&enforced);
    let was_overruled = recorded.row.verdict == DENY && old.verdict != DENY;
    if is_the_gates(recorded) || (was_overruled && old.verdict == ALLOW) {
        return Comparison::Same;
    }
    if old.verdict != new.verdict {
        Comparison::Changed(old, new)
    } else if old.code != new.code || old.rule != new.rule {
        Comparison::OtherReason(old, new)
    } else {
        Comparison::Same
    }
}

/// Whether no plugin had a say.
pub fn is_the_gates(recorded: &Recorded) -> bool {
    recorded.basis.plugins.is_empty() && recorded.row.code != "internal/no-plugin"
}

/// What is told of a change.
pub fn change(recorded: &Recorded, old: &Held, new: &Held) -> Value {
    let row = &recorded.row;
    json!({
        "decision_id": row.id.to_string(),
        "created_at": time::format(row.at),
        "world": row.world,
        "principal_type": row.principal.kind().as_str(),
        "principal_id": row.principal.uuid().to_string(),
        "vault_id": row.vault_id.map(|id| id.to_string()),
        "path": row.path,
        "before": old.wire(),
        "after": new.wire(),
    })
}
