//! The decision.

use oneclaw_policy_sdk::AccessRequest;

use crate::index::Ending;
use crate::rules::{Policies, Rule};

/// What the policies say to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// The caller created the vault.
    Owner,
    /// The strongest policy that applies allows.
    Allowed {
        /// Its id.
        rule: &'a str,
    },
    /// The strongest policy that applies denies.
    Denied {
        /// Its id.
        rule: &'a str,
    },
    /// None applies, but some would if it were not for a condition.
    ConditionFailed {
        /// The id of the strongest of these.
        rule: &'a str,
        /// The first of its conditions that does not hold.
        condition: Condition,
    },
    /// None matches path and permission.
    NoMatch,
}

/// A condition of a policy, in the order in which they are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// The policy has expired.
    ExpiresAt,
    /// The caller's address is in none of the networks.
    IpAllowlist,
    /// The window is closed.
    TimeWindow,
    /// The caller's environment is not listed.
    EnvironmentIn,
}

impl Condition {
    /// The word used on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ExpiresAt => "expires_at",
            Self::IpAllowlist => "ip_allowlist",
            Self::TimeWindow => "time_window",
            Self::EnvironmentIn => "environment_in",
        }
    }
}

impl Policies {
    /// Answers a request by looking at the policies that the index names for its path.
    #[must_use]
    pub fn decide(&self, request: &AccessRequest) -> Outcome<'_> {
        if request.owner {
            return Outcome::Owner;
        }
        let mut search = Search::new(self, request);
        for key in self.index.keys(request.path.as_bytes(), search.ending) {
            if let Some(rules) = self.index.get(key).and_then(|run| self.rules.get(run)) {
                // Within a run the stronger come first: once one applies, or all the rest are weaker than one that
                // does, the run is done.
                for rule in rules {
                    if !search.may_still_matter(rule) || search.consider(rule) {
                        break;
                    }
                }
            }
        }
        search.outcome()
    }

    /// Answers a request by looking at every policy. The answer is that of [`decide`](Self::decide); this is the plain
    /// way that the index is measured against.
    #[must_use]
    pub fn decide_by_scan(&self, request: &AccessRequest) -> Outcome<'_> {
        if request.owner {
            return Outcome::Owner;
        }
        let mut search = Search::new(self, request);
        for rule in &self.rules {
            if search.may_still_matter(rule) {
                search.consider(rule);
            }
        }
        search.outcome()
    }
}

struct Search<'a, 'r> {
    policies: &'a Policies,
    request: &'r AccessRequest,
    /// That of the path.
    ending: Ending,
    /// The strongest rule that applies.
    applying: Option<&'a Rule>,
    /// The strongest rule that a condition alone keeps from applying.
    kept_back: Option<(&'a Rule, Condition)>,
}

impl<'a, 'r> Search<'a, 'r> {
    fn new(policies: &'a Policies, request: &'r AccessRequest) -> Self {
        Self {
            policies,
            request,
            ending: Ending::of(request.path.as_bytes()),
            applying: None,
            kept_back: None,
        }
    }

    fn may_still_matter(&self, rule: &Rule) -> bool {
        self.applying.is_none_or(|best| rule.rank < best.rank)
    }

    /// Takes a rule into account that is stronger than the strongest so far. Tells whether it applies.
    fn consider(&mut self, rule: &'a Rule) -> bool {
        if !rule.permissions.contains(self.request.permission)
            || !rule.matches(self.request.path.as_bytes(), self.ending)
        {
            return false;
        }
        let held = match &rule.conditions {
            Some(conditions) => conditions.check(self.request, &self.policies.zones),
            None => Ok(()),
        };
        match held {
            Ok(()) => {
                self.applying = Some(rule);
                true
            }
            Err(condition) => {
                if self.kept_back.is_none_or(|(best, _)| rule.rank < best.rank) {
                    self.kept_back = Some((rule, condition));
                }
                false
            }
        }
    }

    fn outcome(self) -> Outcome<'a> {
        match (self.applying, self.kept_back) {
            (Some(rule), _) if rule.allow => Outcome::Allowed { rule: rule.id() },
            (Some(rule), _) => Outcome::Denied { rule: rule.id() },
            (None, Some((rule, condition))) => Outcome::ConditionFailed {
                rule: rule.id(),
                condition,
            },
            (None, None) => Outcome::NoMatch,
        }
    }
}
