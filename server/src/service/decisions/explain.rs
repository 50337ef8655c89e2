//! Why a decision came out as it did, and what would have to be different.

mod access;
mod own;
mod refusers;
mod signing;
mod window;

use oneclaw_core::api::DecisionExplanation;
use oneclaw_core::recorded::Question;
use oneclaw_core::verdict::{Figures, Reason, Verdict};
use serde_json::json;

use super::body::{Answer, PluginBody, Recorded};
use super::record::ALLOW;
use crate::service::time;
use refusers::Refuser;

/// Who decided when no plugin did.
const GATE: &str = "gate";

/// What would have to be different.
#[derive(Debug, Default)]
struct Remedy {
    ways: Vec<String>,
    from: Option<oneclaw_core::clock::Timestamp>,
}

impl Remedy {
    fn way(text: impl Into<String>) -> Self {
        Self {
            ways: vec![text.into()],
            from: None,
        }
    }
}

/// Explains a decision. `settings` are those of the plugin that comes with the server, if the reader may know them.
pub(super) fn explain(recorded: &Recorded, settings: Option<&str>) -> DecisionExplanation {
    let code = recorded.row.code.as_str();
    let decided = deciding(recorded);
    let reason = decided.and_then(|(_, answer)| reason_of(answer));
    let figures = recorded
        .gate
        .as_ref()
        .and_then(|gate| gate.figures.as_ref())
        .or_else(|| reason.and_then(|reason| reason.figures.as_ref()));
    let is_allowed = recorded.row.verdict == ALLOW;
    let remedy = if is_allowed {
        Remedy::default()
    } else {
        remedy(recorded, figures, settings)
    };
    let message = recorded
        .gate
        .as_ref()
        .map(|gate| gate.message.clone())
        .or_else(|| {
            reason
                .map(|reason| reason.message.clone())
                .filter(|m| !m.is_empty())
        })
        .unwrap_or_else(|| sentence(recorded, code));
    DecisionExplanation {
        summary: message,
        decided_by: decided.map_or_else(|| GATE.to_owned(), |(plugin, _)| plugin.name.clone()),
        rule: reason.map_or_else(String::new, |reason| reason.rule.clone()),
        condition: reason.map_or_else(String::new, |reason| reason.condition.clone()),
        figures: figures.map_or(serde_json::Value::Null, |figures| json!(figures)),
        would_allow: remedy.ways,
        allowed_from: time::format_option(remedy.from),
    }
}

/// The plugin whose answer has the code of the decision; none where the gate decided.
fn deciding(recorded: &Recorded) -> Option<(&PluginBody, &Answer)> {
    if recorded.gate.is_some() {
        return None;
    }
    recorded
        .basis
        .plugins
        .iter()
        .zip(&recorded.answers)
        .filter(|(plugin, _)| plugin.is_enforced())
        .find(|(_, answer)| {
            let said = match (&answer.verdict, &answer.failure) {
                (_, Some((code, _))) => Some(code.as_str()),
                _ => reason_of(answer).map(|reason| reason.code.as_str()),
            };
            said == Some(recorded.row.code.as_str())
        })
}

fn reason_of(answer: &Answer) -> Option<&Reason> {
    match answer.verdict.as_ref()? {
        Verdict::Allow(reason) | Verdict::Deny(reason) => Some(reason),
        Verdict::RequireApproval(approval) => Some(&approval.reason),
        Verdict::Abstain => None,
    }
}

/// What would have to be different for every plugin that refuses, or for the gate where none does.
fn remedy(recorded: &Recorded, figures: Option<&Figures>, settings: Option<&str>) -> Remedy {
    let refusers = refusers::of(recorded);
    match refusers.as_slice() {
        [] => by_code(recorded, None, figures, settings),
        [refuser] => of_one(recorded, *refuser, settings),
        several => refusers::together(several, |refuser| of_one(recorded, refuser, settings)),
    }
}

fn of_one(recorded: &Recorded, refuser: Refuser<'_>, settings: Option<&str>) -> Remedy {
    let Refuser { plugin, answer } = refuser;
    if answer.failure.is_some() {
        let again = if answer.is_reproducible() {
            "the same request fails every time until the plugin or its settings are changed"
        } else {
            "this was for want of time or room, or because the plugin could not be had: the same request may pass later"
        };
        return Remedy::way(format!("plugin `{}` has to answer: {again}", plugin.name));
    }
    // Codes mean what is said here in plugins that come with the server alone; anybody's plugin may use the same words.
    let wants_approval = matches!(answer.verdict, Some(Verdict::RequireApproval(_)));
    if plugin.attachment.is_some() || wants_approval {
        return own::remedy(refuser);
    }
    let reason = reason_of(answer);
    by_code(
        recorded,
        reason,
        reason.and_then(|reason| reason.figures.as_ref()),
        settings,
    )
}

fn by_code(
    recorded: &Recorded,
    reason: Option<&Reason>,
    figures: Option<&Figures>,
    settings: Option<&str>,
) -> Remedy {
    // The code of the decision is that of one plugin; each of the others has its own.
    let code = reason.map_or(recorded.row.code.as_str(), |reason| reason.code.as_str());
    match (&recorded.question, figures) {
        (_, Some(figures)) => signing::within(figures),
        (Some(Question::Access(request)), None) => access::remedy(request, code, reason, settings),
        (Some(Question::Transaction(_)) | None, None) => {
            signing::remedy(code, recorded.question.is_some())
        }
    }
}

fn sentence(recorded: &Recorded, code: &str) -> String {
    match &recorded.question {
        Some(Question::Access(request)) => access::sentence(request, code),
        _ if recorded.row.verdict == ALLOW => "Every guardrail lets this pass.".to_owned(),
        _ => format!("Refused with `{code}`."),
    }
}
