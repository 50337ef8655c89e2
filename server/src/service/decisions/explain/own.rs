//! Plugins of the organisation's own. What their rules are, they alone know: what they said is told, and what can be changed.

use oneclaw_core::verdict::{Approval, Reason, Verdict};

use super::refusers::Refuser;
use super::{Remedy, reason_of, signing};

/// What would have to be different for a plugin that was attached.
pub(super) fn remedy(refuser: Refuser<'_>) -> Remedy {
    let Some(reason) = reason_of(refuser.answer) else {
        return Remedy::default();
    };
    let name = refuser.name();
    let said = said(reason);
    let mut ways = match &refuser.answer.verdict {
        Some(Verdict::RequireApproval(approval)) => vec![approvals(&name, &said, approval)],
        _ => vec![format!(
            "the request would have to be one that plugin {name} lets pass; it refuses this one with {said}"
        )],
    };
    if let Some(figures) = &reason.figures {
        ways.extend(signing::within(figures).ways);
    }
    ways.push(format!(
        "an administrator would have to change the settings or the scope of plugin {name}, set it to `shadow`, or detach it"
    ));
    Remedy { ways, from: None }
}

fn said(reason: &Reason) -> String {
    let mut said = vec![format!("`{}`", reason.code)];
    for (what, word) in [("rule", &reason.rule), ("condition", &reason.condition)] {
        if !word.is_empty() {
            said.push(format!("{what} `{word}`"));
        }
    }
    if !reason.message.is_empty() {
        said.push(format!("\"{}\"", reason.message));
    }
    said.join(", ")
}

fn approvals(name: &str, said: &str, approval: &Approval) -> String {
    let Approval {
        approvers, group, ..
    } = approval;
    let by = match group.as_str() {
        "" => String::new(),
        group => format!(" by `{group}`"),
    };
    format!(
        "plugin {name} wants approval first ({approvers}{by}), with {said}; this server has no way to give one, so the request would have to be one for which it wants none"
    )
}
