//! Short ways to write a [`Decision`]. None of them is a default: an answer is always spelled out.

use crate::{Decision, Reason, Verdict};

/// Grants the request. `code` is a stable word such as `policy/allowed`.
#[must_use]
pub fn allow(code: &str) -> Decision {
    with_reason(reason(code), Verdict::Allow)
}

/// Refuses the request, whatever other plugins say.
#[must_use]
pub fn deny(code: &str) -> Decision {
    with_reason(reason(code), Verdict::Deny)
}

/// Leaves the request to other plugins. If all of them abstain, it is refused.
#[must_use]
pub fn abstain() -> Decision {
    bare(Verdict::Abstain)
}

/// A reason that consists of a code. The host writes the sentence for humans unless `message` is filled in.
#[must_use]
pub fn reason(code: &str) -> Reason {
    Reason {
        code: code.to_owned(),
        message: String::new(),
        rule: String::new(),
        condition: String::new(),
        figures: None,
    }
}

/// Answers with a reason that says more than a code, for example which rule decided.
#[must_use]
pub fn with_reason(reason: Reason, verdict: fn(Reason) -> Verdict) -> Decision {
    bare(verdict(reason))
}

fn bare(verdict: Verdict) -> Decision {
    Decision {
        verdict,
        reservations: Vec::new(),
        notes: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_carry_their_code_and_nothing_else() {
        let Verdict::Allow(granted) = allow("office/open").verdict else {
            panic!("not an allow");
        };
        assert_eq!(granted, reason("office/open"));
        let Verdict::Deny(refused) = deny("office/closed").verdict else {
            panic!("not a deny");
        };
        assert_eq!(refused.code, "office/closed");
        assert!(refused.message.is_empty() && refused.rule.is_empty());
        assert_eq!(abstain().verdict, Verdict::Abstain);
    }
}
