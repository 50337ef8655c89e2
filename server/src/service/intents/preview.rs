//! What would be decided, by which plugin and rule, and what of the budgets is left. Nothing is used up.

use oneclaw_core::api::{BudgetState, SignRequest, TransactionPreview};
use oneclaw_core::ids::AgentId;
use oneclaw_core::verdict::Verdict;
use oneclaw_policy_host::{Denial, Evaluation, Ruling};
use oneclaw_store::NonceWish;
use serde_json::{Value, json};

use super::super::Services;
use super::super::caller::{Caller, RequestContext};
use super::super::error::{Result, ServiceError};
use super::super::gate::Foreseen;
use super::prepare::{Obstacle, Prepared, Purpose, with_nonce};

impl Services {
    /// `POST …/transactions/preview`: takes what `…/transactions` and `…/sign` take.
    ///
    /// # Errors
    /// Names the field at fault. A refusal by the guardrails is an answer.
    pub async fn preview_intent(
        &self,
        context: &RequestContext,
        caller: &Caller,
        agent: AgentId,
        body: &SignRequest,
    ) -> Result<TransactionPreview> {
        let actor = self.actor(context, caller, agent).await?;
        let mut prepared: Prepared = match body.intent_type.as_str() {
            "" | "transaction" => {
                self.prepare_transaction(context, actor, &body.transaction, Purpose::Submit, None)
                    .await?
            }
            _ => self.prepare_other(context, actor, body, None).await?,
        };
        match prepared.nonce {
            NonceWish::Explicit(nonce) => with_nonce(&mut prepared.request, nonce),
            NonceWish::Next { at_least } => with_nonce(&mut prepared.request, at_least),
            NonceWish::None => {}
        }
        let chains = self.chain_names().await?;
        let foreseen = self
            .gate
            .foresee_intent(context, &chains, &prepared.actor.agent, prepared.request)
            .await?;
        preview(&foreseen, prepared.obstacle)
    }
}

fn preview(foreseen: &Foreseen, obstacle: Option<Obstacle>) -> Result<TransactionPreview> {
    let Foreseen { decided, views } = foreseen;
    let request = decided.request();
    let json =
        |value: serde_json::Result<Value>| value.map_err(|e| ServiceError::Internal(e.to_string()));
    let denial: Option<Denial> = match decided.ruling() {
        Ruling::Allow(_) => None,
        Ruling::Deny(denial) => Some(denial.clone()),
        Ruling::RequireApproval(pending) => pending.first().map(Denial::approval_unavailable),
    };
    let figures = denial
        .as_ref()
        .and_then(|denial| denial.figures.as_deref().cloned());
    let filled = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let allowed = matches!(decided.ruling(), Ruling::Allow(_));
    Ok(TransactionPreview {
        decision: match decided.ruling() {
            Ruling::Allow(_) => "allow",
            Ruling::Deny(_) => "deny",
            Ruling::RequireApproval(_) => "require_approval",
        }
        .to_owned(),
        reason_code: denial.as_ref().map(|denial| denial.code.clone()),
        detail: denial
            .as_ref()
            .map(|denial| denial.message.clone())
            .or_else(|| obstacle.filter(|_| allowed).map(in_the_way)),
        plugin: denial.as_ref().and_then(|denial| filled(&denial.plugin)),
        rule: denial.as_ref().and_then(|denial| filled(&denial.rule)),
        limit: figures.as_ref().map(|figures| figures.limit.to_string()),
        attempted: figures
            .as_ref()
            .map(|figures| figures.attempted.to_string()),
        current: figures.as_ref().map(|figures| figures.current.to_string()),
        intent: json(serde_json::to_value(&request.intent))?,
        from: request.sender.to_checksum(None),
        effects: json(serde_json::to_value(&request.effects))?,
        budgets: views
            .iter()
            .map(|(plugin, view)| {
                let reservation = decided.reservations().find(|(by, reservation)| {
                    by.name == *plugin
                        && reservation.budget == view.budget
                        && reservation.asset == view.asset
                });
                Ok(BudgetState {
                    plugin: plugin.clone(),
                    budget: view.budget.clone(),
                    asset: view.asset.clone(),
                    window: json(serde_json::to_value(&view.window))?,
                    spent: view.spent.to_string(),
                    reserved: view.reserved.to_string(),
                    limit: reservation.map(|(_, r)| r.limit.to_string()),
                    would_reserve: reservation.map(|(_, r)| r.amount.to_string()),
                })
            })
            .collect::<Result<_>>()?,
        evaluations: decided.evaluations().iter().map(evaluation).collect(),
    })
}

fn in_the_way(obstacle: Obstacle) -> String {
    match obstacle {
        Obstacle::WouldFail(reason) => {
            format!("the guardrails allow it, and it would fail: {reason}")
        }
        Obstacle::Reverted(reason) => {
            format!("the guardrails allow it, and the simulation reverts: {reason}")
        }
        Obstacle::NotSimulated(reason) => {
            format!("the guardrails allow it, and the simulation could not be made: {reason}")
        }
    }
}

fn evaluation(evaluation: &Evaluation) -> Value {
    let (verdict, code, rule) = match &evaluation.outcome {
        Err(failure) => ("failure", failure.code.to_owned(), String::new()),
        Ok(decision) => match &decision.verdict {
            Verdict::Allow(reason) => ("allow", reason.code.clone(), reason.rule.clone()),
            Verdict::Deny(reason) => ("deny", reason.code.clone(), reason.rule.clone()),
            Verdict::RequireApproval(approval) => (
                "require_approval",
                approval.reason.code.clone(),
                approval.reason.rule.clone(),
            ),
            Verdict::Abstain => ("abstain", String::new(), String::new()),
        },
    };
    json!({
        "plugin": evaluation.plugin.name,
        "version": evaluation.plugin.version,
        "digest": evaluation.plugin.digest,
        "verdict": verdict,
        "code": code,
        "rule": rule,
        "fuel": evaluation.fuel,
        "microseconds": u64::try_from(evaluation.elapsed.as_micros()).unwrap_or(u64::MAX),
    })
}
