//! From what each plugin answered to what holds.

use std::sync::Arc;

use oneclaw_core::verdict::{Approval, Figures, Reason, Verdict};

use crate::failure::{Evaluation, Failure, NO_PLUGIN};
use crate::plugin::PluginIdentity;
use crate::sentences;

/// A plugin's allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Who allowed.
    pub plugin: Arc<PluginIdentity>,
    /// Why.
    pub reason: Reason,
}

/// A plugin's wish for approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingApproval {
    /// Who wants it.
    pub plugin: Arc<PluginIdentity>,
    /// Whose, and why.
    pub approval: Approval,
}

/// Why something is refused. A value and deliberately no error: `?` must not be able to skip its record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Denial {
    /// A stable word for programs.
    pub code: String,
    /// A sentence for people; never empty.
    pub message: String,
    /// The name of the plugin that decided; empty if none did.
    pub plugin: String,
    /// The rule that decided, for example a policy id; empty if none did.
    pub rule: String,
    /// The condition that failed, for example `time_window`; empty if none did.
    pub condition: String,
    /// The numbers behind the refusal, where there are any.
    pub figures: Option<Box<Figures>>,
}

/// The code of a denial of what somebody would have to approve, where nobody can.
const APPROVAL_UNAVAILABLE: &str = "approval_unavailable";

impl Denial {
    /// A denial by a plugin.
    fn by(plugin: &PluginIdentity, reason: &Reason) -> Self {
        let message = match reason.message.trim() {
            "" => sentences::denied(&plugin.name, &reason.code, &reason.condition),
            message => message.to_owned(),
        };
        Self {
            code: reason.code.clone(),
            message,
            plugin: plugin.name.clone(),
            rule: reason.rule.clone(),
            condition: reason.condition.clone(),
            figures: reason.figures.clone().map(Box::new),
        }
    }

    /// A denial because a plugin failed. The detail is for operators and stays in the evaluation.
    fn because_of(plugin: &PluginIdentity, failure: &Failure) -> Self {
        Self {
            plugin: plugin.name.clone(),
            ..Self::by_host(failure.code)
        }
    }

    /// A denial that no plugin made.
    pub(crate) fn by_host(code: &str) -> Self {
        Self {
            code: code.to_owned(),
            message: sentences::denied("", code, ""),
            plugin: String::new(),
            rule: String::new(),
            condition: String::new(),
            figures: None,
        }
    }

    /// A denial by whoever asks the plugins, for what none of them can know.
    #[must_use]
    pub fn by_gate(code: &str, message: &str) -> Self {
        Self {
            message: message.to_owned(),
            ..Self::by_host(code)
        }
    }

    /// A denial because nobody can approve of signatures, in the plugin's words and with the code
    /// `approval_unavailable`.
    pub fn approval_unavailable(pending: &PendingApproval) -> Self {
        Self {
            code: APPROVAL_UNAVAILABLE.to_owned(),
            ..Self::until_approved(pending)
        }
    }

    /// A denial for as long as nobody approves.
    pub(crate) fn until_approved(pending: &PendingApproval) -> Self {
        let reason = &pending.approval.reason;
        let message = match reason.message.trim() {
            "" => sentences::approval_needed(&pending.approval),
            message => message.to_owned(),
        };
        Self {
            message,
            ..Self::by(&pending.plugin, reason)
        }
    }
}

/// What holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ruling {
    /// At least one plugin allows, and none does anything else than allow or abstain.
    Allow(Vec<Grant>),
    /// Refused.
    Deny(Denial),
    /// Refused until every one of these is satisfied.
    RequireApproval(Vec<PendingApproval>),
}

/// Combines the answers that count. Their order does not matter.
///
/// No answers, or none but abstentions: denied. A failure is a denial and comes before any other, so that operators
/// hear of it; any denial beats any allow and any wish for approval; a wish for approval beats any allow.
#[must_use]
pub fn combine(evaluations: &[Evaluation]) -> Ruling {
    let mut failures = Vec::new();
    let mut denials = Vec::new();
    let mut approvals = Vec::new();
    let mut grants = Vec::new();
    let counted = || evaluations.iter().filter(|e| e.stage.counts());
    for evaluation in counted() {
        let plugin = &evaluation.plugin;
        match evaluation
            .outcome
            .as_ref()
            .map(|decision| &decision.verdict)
        {
            Err(failure) => failures.push(Denial::because_of(plugin, failure)),
            Ok(Verdict::Deny(reason)) => denials.push(Denial::by(plugin, reason)),
            Ok(Verdict::RequireApproval(approval)) => approvals.push(PendingApproval {
                plugin: Arc::clone(plugin),
                approval: approval.clone(),
            }),
            Ok(Verdict::Allow(reason)) => {
                grants.push(Grant {
                    plugin: Arc::clone(plugin),
                    reason: reason.clone(),
                });
            }
            Ok(Verdict::Abstain) => {}
        }
    }
    // One denial is reported; which one must not depend on the order of the plugins.
    if let Some(denial) = failures
        .into_iter()
        .min()
        .or_else(|| denials.into_iter().min())
    {
        return Ruling::Deny(denial);
    }
    if !approvals.is_empty() {
        approvals.sort_by_cached_key(|a| (Arc::clone(&a.plugin), format!("{:?}", a.approval)));
        return Ruling::RequireApproval(approvals);
    }
    if !grants.is_empty() {
        if grants.len() > 1 {
            grants.sort_by_cached_key(|g| (Arc::clone(&g.plugin), format!("{:?}", g.reason)));
        }
        return Ruling::Allow(grants);
    }
    let code = if counted().next().is_none() {
        NO_PLUGIN
    } else {
        sentences::NO_DECISION
    };
    Ruling::Deny(Denial::by_host(code))
}

#[cfg(test)]
mod tests;
