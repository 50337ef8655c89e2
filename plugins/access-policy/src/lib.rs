//! The built-in access policy.
//!
//! Its settings hold the policies that can apply to one caller in one vault ([`Settings`]); `configure` turns them into
//! an index over the literal beginnings and endings of their patterns, so that a decision looks only at policies whose
//! pattern begins or ends like the path.
//!
//! A policy *applies* to a request when its pattern matches the path, it grants the permission (`write` covers delete and
//! rotate), it has not expired and all its conditions hold. Among those that apply the highest priority decides; there a
//! deny beats an allow. If none applies, the request is refused. The owner of the vault is always allowed, against deny
//! policies too, so that nobody locks himself out; other plugins may still refuse.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod conditions;
mod decide;
mod draft;
mod index;
mod matcher;
mod network;
mod pattern;
mod rules;
mod settings;
mod words;

pub use decide::{Condition, Outcome};
pub use rules::Policies;
pub use settings::Settings;

use oneclaw_policy_sdk::{
    AccessPolicy, AccessRequest, Decision, Manifest, Needs, Problem, Reason, Verdict, reply,
};

impl AccessPolicy for Policies {
    type Settings = Settings;

    fn manifest() -> Manifest {
        Manifest {
            name: "access-policy".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "Grants access to secrets by path, permission, priority and conditions."
                .to_owned(),
            settings_schema: include_str!("settings.schema.json").to_owned(),
        }
    }

    fn configure(settings: Settings) -> Result<(Self, Needs), Vec<Problem>> {
        let needs = Needs {
            budgets: Vec::new(),
            facts: Vec::new(),
        };
        Ok((settings.into_policies()?, needs))
    }

    fn evaluate(&self, request: &AccessRequest) -> Decision {
        answer(&self.decide(request))
    }
}

/// The decision that tells an outcome to the host. Messages stay empty: the host writes them.
#[must_use]
pub fn answer(outcome: &Outcome<'_>) -> Decision {
    let by_rule = |code, rule: &str| Reason {
        rule: rule.to_owned(),
        ..reply::reason(code)
    };
    match *outcome {
        Outcome::Owner => reply::allow("policy/owner"),
        Outcome::Allowed { rule } => {
            reply::with_reason(by_rule("policy/allowed", rule), Verdict::Allow)
        }
        Outcome::Denied { rule } => {
            reply::with_reason(by_rule("policy/denied-by-rule", rule), Verdict::Deny)
        }
        Outcome::ConditionFailed { rule, condition } => {
            let reason = Reason {
                condition: condition.as_str().to_owned(),
                ..by_rule("policy/condition-failed", rule)
            };
            reply::with_reason(reason, Verdict::Deny)
        }
        Outcome::NoMatch => reply::deny("policy/no-match"),
    }
}

#[cfg(feature = "component")]
oneclaw_policy_sdk::export_access_policy!(Policies);

#[cfg(test)]
mod tests;
