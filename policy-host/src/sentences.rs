//! The sentences that a plugin left to the host. They say what kind of rule decided and never what the rule is.

use oneclaw_core::verdict::Approval;

use crate::failure::{INTERNAL, NO_DIGEST, NO_PLUGIN, WRONG_ORGANISATION, WRONG_PERMISSION};

/// The code when every plugin abstains.
pub(crate) const NO_DECISION: &str = "policy/no-decision";

/// A sentence for a denial. `plugin` and `condition` may be empty.
pub(crate) fn denied(plugin: &str, code: &str, condition: &str) -> String {
    match code {
        NO_PLUGIN => "No policy plugin is attached here, so nothing is allowed.".to_owned(),
        NO_DECISION => "No policy plugin decides on this, so it is not allowed.".to_owned(),
        WRONG_ORGANISATION => "The policy belongs to another organisation.".to_owned(),
        WRONG_PERMISSION => "The decision was on another kind of access.".to_owned(),
        NO_DIGEST => "The request cannot be recorded, so it is not allowed.".to_owned(),
        _ if code.starts_with(INTERNAL) => {
            format!("A policy plugin failed ({code}), so this is not allowed.")
        }
        "policy/no-match" => "No policy grants this access.".to_owned(),
        "policy/denied-by-rule" => "A policy denies this access.".to_owned(),
        "policy/condition-failed" => match condition {
            "expires_at" => "The policy that granted this access has expired.".to_owned(),
            "ip_allowlist" => "No policy grants this access from this address.".to_owned(),
            "time_window" => "No policy grants this access at this time.".to_owned(),
            "environment_in" => "No policy grants this access in this environment.".to_owned(),
            _ => {
                "The policy that grants this access has a condition that does not hold.".to_owned()
            }
        },
        _ if condition.is_empty() => format!("The policy plugin `{plugin}` denies this ({code})."),
        _ => format!("The policy plugin `{plugin}` denies this ({code}: {condition})."),
    }
}

/// A sentence for something that waits for approval.
pub(crate) fn approval_needed(approval: &Approval) -> String {
    let count = match approval.approvers {
        1 => "one approval".to_owned(),
        n => format!("{n} approvals"),
    };
    match approval.group.as_str() {
        "" => format!("This needs {count} first."),
        group => format!(
            "This needs {count} by `{}` first.",
            oneclaw_core::path::excerpt(group)
        ),
    }
}
