//! Why something is not signed, in the words of the gate, and what goes into the record of it.

use oneclaw_core::amount::Amount;
use oneclaw_core::ids::EventId;
use oneclaw_core::transaction::BudgetView;
use oneclaw_core::verdict::Figures;
use oneclaw_policy_host::{Attachment, DecidedTransaction, Denial};

use super::evidence::{self, Evidence};
use crate::service::decisions::record::{self, Overruled};
use crate::service::error::{GuardrailRefusal, Result, ServiceError};

pub(super) fn refusal(
    decision: EventId,
    code: &str,
    message: &str,
    figures: Option<Figures>,
    rule: &str,
) -> ServiceError {
    ServiceError::Guardrail(Box::new(GuardrailRefusal {
        decision,
        code: code.to_owned(),
        message: message.to_owned(),
        rule: rule.to_owned(),
        figures,
    }))
}

pub(super) fn no_such_budget() -> Denial {
    Denial::by_gate(
        "internal/budget-unknown",
        "a guardrail counts by a label that this agent does not have",
    )
}

/// A plugin reserved more than there is room for, without looking at the budget itself.
pub(super) fn exceeded(
    decided: &DecidedTransaction,
    reservation: usize,
    current: Amount,
) -> Denial {
    let mut denial = Denial::by_gate("budget_exceeded", "a budget has no room left for this");
    if let Some((plugin, reservation)) = decided.reservations().nth(reservation) {
        denial.plugin.clone_from(&plugin.name);
        denial.message = format!("budget `{}` has no room left for this", reservation.budget);
        denial.figures = Some(Box::new(Figures {
            asset: reservation.asset.clone(),
            limit: reservation.limit,
            attempted: reservation.amount,
            current,
        }));
    }
    denial
}

/// A plugin with the budgets that it saw.
pub(super) type Seen<'a> = (&'a Attachment, Vec<BudgetView>);

/// What a refusal rests on; `overruled` says why, where the plugins had allowed it.
pub(super) fn signing_evidence(
    decided: &DecidedTransaction,
    seen: Vec<Seen<'_>>,
    overruled: Option<&Denial>,
) -> Result<Evidence> {
    let overruled = overruled.map(|denial| Overruled {
        code: &denial.code,
        message: &denial.message,
        figures: denial.figures.as_deref(),
    });
    let record = record::of_transaction(decided, seen.into_iter(), overruled)?;
    Ok(Evidence::new(
        evidence::of_transaction(decided),
        Some(record),
    ))
}
