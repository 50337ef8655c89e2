//! What is signed.

use oneclaw_core::verdict::Figures;

use super::Remedy;

/// What would fit under a limit.
pub(super) fn within(figures: &Figures) -> Remedy {
    let Figures {
        asset,
        limit,
        attempted,
        current,
    } = figures;
    let room = limit.saturating_sub(*current);
    let mut ways = vec![format!(
        "at most {room} of `{asset}` fit now: the limit is {limit}, {current} count already, and {attempted} was asked for (base units)"
    )];
    if let Some(needed) = current.checked_add(*attempted) {
        ways.push(format!("the limit would have to be at least {needed}"));
    }
    if !current.is_zero() {
        ways.push(
            "later, when what counts now has left the window of the budget, there is more room"
                .to_owned(),
        );
    }
    Remedy { ways, from: None }
}

/// What would have to be different where no number is in the way.
pub(super) fn remedy(code: &str, has_request: bool) -> Remedy {
    let way = match code {
        "approval_unavailable" => {
            "a guardrail wants somebody to approve of this, which nobody can; it would have to be changed"
        }
        "internal/no-plugin" => "a guardrail plugin has to be attached",
        "internal/budget-unknown" => {
            "the agent would have to have the label by which a guardrail counts"
        }
        _ if !has_request => {
            "what the sentence says is missing or wrong has to be put right; no guardrail was asked"
        }
        _ => {
            "the request would have to keep to the rule that the sentence names, or an administrator would have to change it"
        }
    };
    Remedy::way(way)
}
