//! Short ways to write a [`Decision`]. None of them is a default: an answer is always spelled out.

use crate::{Decision, Figures, Reason, Reservation, Verdict};

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

/// Grants the request, provided that there is room for every one of these in its budget.
///
/// The host takes at most 64 reservations and checks their shape: see `wit/README.md`.
#[must_use]
pub fn allow_reserving(reason: Reason, reservations: Vec<Reservation>) -> Decision {
    Decision {
        reservations,
        ..with_reason(reason, Verdict::Allow)
    }
}

/// Refuses the request with the numbers behind the refusal.
#[must_use]
pub fn deny_with_figures(reason: Reason, figures: Figures) -> Decision {
    let figures = Some(figures);
    with_reason(Reason { figures, ..reason }, Verdict::Deny)
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
    use crate::{Amount, Window};

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

    #[test]
    fn an_allow_carries_its_reservations_and_a_denial_its_figures() {
        let room = Reservation {
            budget: "agent/daily".to_owned(),
            asset: "native".to_owned(),
            amount: Amount::ONE,
            limit: Amount::MAX,
            window: Window::Rolling(86_400),
        };
        let allowed = allow_reserving(reason("limit/within"), vec![room.clone()]);
        assert_eq!(allowed.verdict, allow("limit/within").verdict);
        assert_eq!(allowed.reservations, [room]);

        let figures = Figures {
            asset: "native".to_owned(),
            limit: Amount::ONE,
            attempted: Amount::MAX,
            current: Amount::ZERO,
        };
        let refused = deny_with_figures(reason("limit/above"), figures.clone());
        assert!(matches!(refused.verdict, Verdict::Deny(why) if why.figures == Some(figures)));
    }
}
