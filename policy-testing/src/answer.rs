//! From the words of the SDK to those of the server, as the cage takes the answers of a component.

use oneclaw_core::verdict as host;
use oneclaw_policy_host::Problem as HostProblem;
use oneclaw_policy_sdk::{
    Amount, Approval, BudgetQuery, CalendarUnit, Decision, Problem, Reason, Reservation, Verdict,
    Window,
};

pub(crate) fn access(decision: Decision) -> host::Decision {
    host::Decision {
        verdict: verdict(decision.verdict),
        reservations: decision.reservations.into_iter().map(reservation).collect(),
        notes: decision.notes,
    }
}

/// Reservations of an answer that allows nothing are dropped, as in the cage.
pub(crate) fn transaction(decision: Decision) -> host::Decision {
    let mut decision = access(decision);
    if !matches!(decision.verdict, host::Verdict::Allow(_)) {
        decision.reservations.clear();
    }
    decision
}

pub(crate) fn problems(problems: Vec<Problem>) -> Vec<HostProblem> {
    problems
        .into_iter()
        .map(|problem| HostProblem {
            pointer: problem.pointer,
            message: problem.message,
        })
        .collect()
}

pub(crate) fn query(query: BudgetQuery) -> host::BudgetQuery {
    host::BudgetQuery {
        budget: query.budget,
        asset: query.asset,
        window: window(query.window),
    }
}

fn verdict(verdict: Verdict) -> host::Verdict {
    match verdict {
        Verdict::Allow(why) => host::Verdict::Allow(reason(why)),
        Verdict::Deny(why) => host::Verdict::Deny(reason(why)),
        Verdict::RequireApproval(wanted) => host::Verdict::RequireApproval(approval(wanted)),
        Verdict::Abstain => host::Verdict::Abstain,
    }
}

fn approval(approval: Approval) -> host::Approval {
    host::Approval {
        reason: reason(approval.reason),
        approvers: approval.approvers,
        group: approval.group,
        expires_in_seconds: approval.expires_in_seconds,
    }
}

fn reason(reason: Reason) -> host::Reason {
    host::Reason {
        code: reason.code,
        message: reason.message,
        rule: reason.rule,
        condition: reason.condition,
        figures: reason.figures.map(|figures| host::Figures {
            asset: figures.asset,
            limit: amount(figures.limit),
            attempted: amount(figures.attempted),
            current: amount(figures.current),
        }),
    }
}

fn reservation(reservation: Reservation) -> host::Reservation {
    host::Reservation {
        budget: reservation.budget,
        asset: reservation.asset,
        amount: amount(reservation.amount),
        limit: amount(reservation.limit),
        window: window(reservation.window),
    }
}

fn window(window: Window) -> host::Window {
    match window {
        Window::Rolling(seconds) => host::Window::Rolling { seconds },
        Window::Calendar(calendar) => host::Window::Calendar {
            unit: match calendar.unit {
                CalendarUnit::Day => host::CalendarUnit::Day,
                CalendarUnit::Week => host::CalendarUnit::Week,
                CalendarUnit::Month => host::CalendarUnit::Month,
            },
            zone: calendar.zone,
        },
    }
}

const fn amount(amount: Amount) -> host::Amount {
    host::Amount::from_limbs(amount.limbs())
}
