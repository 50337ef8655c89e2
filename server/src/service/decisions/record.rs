//! From a decision to its record.

use std::sync::Arc;

use oneclaw_core::principal::Principal;
use oneclaw_core::recorded::{ACCESS_POLICY, TRANSACTION_GUARDRAIL};
use oneclaw_core::request::AccessRequest;
use oneclaw_core::transaction::BudgetView;
use oneclaw_core::verdict::Figures;
use oneclaw_policy_host::{
    AttachedPlugin, Attachment, DecidedAccess, DecidedTransaction, ENGINE_VERSION, Evaluation,
    Ruling,
};
use oneclaw_store::{DecisionBasis, NewDecision};
use serde::Serialize;

use super::body::{AccessBody, Answer, BasisBody, Body, ByGate, PluginBody};
use crate::service::error::{Result, ServiceError};

/// The words for what holds.
pub const ALLOW: &str = "allow";
/// See [`ALLOW`].
pub const DENY: &str = "deny";
/// See [`ALLOW`].
pub const REQUIRE_APPROVAL: &str = "require-approval";

/// The record of a decision on access.
///
/// # Errors
/// None for decisions that were made; serde asks for the possibility.
pub fn of_access(decided: &DecidedAccess, attached: &[Attachment]) -> Result<NewDecision> {
    let request = decided.request();
    let body = Body {
        access: Some(AccessBody::from(request)),
        answers: decided
            .evaluations()
            .iter()
            .map(|evaluation| answer(evaluation, &[]))
            .collect(),
        ..Body::default()
    };
    let basis = basis(ACCESS_POLICY, decided.evaluations(), attached.iter())?;
    let (verdict, code) = held(decided.ruling());
    Ok(NewDecision::new(
        (ACCESS_POLICY, verdict),
        code,
        request.principal,
        basis,
        &json(&body)?,
    )
    .at(request.vault, Some(request.path.to_string())))
}

/// The record of an access that was refused before any plugin was asked.
///
/// # Errors
/// As [`of_access`].
pub fn unasked_access(request: &AccessRequest, code: &str) -> Result<NewDecision> {
    let body = Body {
        access: Some(AccessBody::from(request)),
        ..Body::default()
    };
    let basis = basis(ACCESS_POLICY, &[], std::iter::empty())?;
    let told = (ACCESS_POLICY, DENY);
    Ok(
        NewDecision::new(told, code, request.principal, basis, &json(&body)?)
            .at(request.vault, Some(request.path.to_string())),
    )
}

/// The record of a refusal before there was a request to decide on.
///
/// # Errors
/// As [`of_access`].
pub fn unasked(
    world: &'static str,
    principal: Principal,
    code: &str,
    message: &str,
) -> Result<NewDecision> {
    let body = Body {
        gate: Some(ByGate {
            message: message.to_owned(),
            figures: None,
        }),
        ..Body::default()
    };
    let basis = basis(world, &[], std::iter::empty())?;
    let told = (world, DENY);
    Ok(NewDecision::new(
        told,
        code,
        principal,
        basis,
        &json(&body)?,
    ))
}

/// A refusal of something that the plugins allowed.
#[derive(Debug, Clone, Copy)]
pub struct Overruled<'a> {
    /// A stable word.
    pub code: &'a str,
    /// A sentence.
    pub message: &'a str,
    /// Numbers, if there are any.
    pub figures: Option<&'a Figures>,
}

/// The record of a decision on what is signed, with the budgets that each plugin saw.
///
/// # Errors
/// As [`of_access`].
pub fn of_transaction<'a>(
    decided: &DecidedTransaction,
    attached: impl Iterator<Item = (&'a Attachment, Vec<BudgetView>)>,
    overruled: Option<Overruled<'_>>,
) -> Result<NewDecision> {
    let request = decided.request();
    // Answers stand in the order in which plugins are asked: those that count come first.
    let mut attached: Vec<_> = attached.collect();
    attached.sort_by_key(|(attachment, _)| !attachment.stage.counts());
    let (attached, views): (Vec<_>, Vec<_>) = attached.into_iter().unzip();
    let body = Body {
        transaction: Some(Box::new(request.clone())),
        answers: decided
            .evaluations()
            .iter()
            .zip(&views)
            .map(|(evaluation, views)| answer(evaluation, views))
            .collect(),
        gate: overruled.map(|overruled| ByGate {
            message: overruled.message.to_owned(),
            figures: overruled.figures.cloned(),
        }),
        ..Body::default()
    };
    let basis = basis(
        TRANSACTION_GUARDRAIL,
        decided.evaluations(),
        attached.into_iter(),
    )?;
    let (verdict, code) = match overruled {
        Some(overruled) => (DENY, overruled.code),
        None => held(decided.ruling()),
    };
    Ok(NewDecision::new(
        (TRANSACTION_GUARDRAIL, verdict),
        code,
        request.principal,
        basis,
        &json(&body)?,
    )
    .at(request.key.vault, Some(request.key.path.to_string())))
}

fn held(ruling: &Ruling) -> (&'static str, &str) {
    match ruling {
        Ruling::Allow(grants) => (
            ALLOW,
            grants
                .first()
                .map_or("", |grant| grant.reason.code.as_str()),
        ),
        Ruling::Deny(denial) => (DENY, &denial.code),
        Ruling::RequireApproval(pending) => (
            REQUIRE_APPROVAL,
            pending
                .first()
                .map_or("", |pending| pending.approval.reason.code.as_str()),
        ),
    }
}

fn answer(evaluation: &Evaluation, budgets: &[BudgetView]) -> Answer {
    let decision = evaluation.outcome.as_ref().ok();
    Answer {
        verdict: decision.map(|decision| decision.verdict.clone()),
        failure: evaluation
            .outcome
            .as_ref()
            .err()
            .map(|failure| (failure.code.to_owned(), failure.detail.clone())),
        reservations: decision.map_or_else(Vec::new, |d| d.reservations.clone()),
        notes: decision.map_or_else(Vec::new, |d| d.notes.clone()),
        budgets: budgets.to_vec(),
        fuel: evaluation.fuel,
        micros: u64::try_from(evaluation.elapsed.as_micros()).unwrap_or(u64::MAX),
    }
}

fn basis<'a>(
    world: &str,
    evaluations: &[Evaluation],
    attached: impl Iterator<Item = &'a Attachment>,
) -> Result<DecisionBasis> {
    let body = BasisBody {
        world: world.to_owned(),
        engine: ENGINE_VERSION.to_owned(),
        plugins: evaluations
            .iter()
            .map(|evaluation| PluginBody {
                name: evaluation.plugin.name.clone(),
                version: evaluation.plugin.version.clone(),
                digest: evaluation.plugin.digest.clone(),
                settings: evaluation.settings_digest.to_string(),
                mode: evaluation.stage.as_str().to_owned(),
                attachment: evaluation.attachment.map(|id| id.to_string()),
            })
            .collect(),
    };
    let settings = attached
        .filter_map(|attachment| match &attachment.plugin {
            AttachedPlugin::Ready(configured, _) => Some((
                Arc::clone(configured.shared_settings_digest()),
                Arc::clone(configured.settings()),
            )),
            AttachedPlugin::Failed(..) => None,
        })
        .collect();
    Ok(DecisionBasis::new(json(&body)?, settings))
}

fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|e| ServiceError::Internal(e.to_string()))
}
