//! Cases that a component carries: requests with the answers that its author expects, tried in the cage.
//!
//! They lie in a custom section named [`SECTION`], as a JSON list of [`Case`]. A request is written as JSON in the form of
//! `AccessRequest` or `TransactionRequest`; what it leaves out is filled in from an ordinary request, so that a case says
//! what matters to it.

mod template;

use std::time::{Duration, Instant};

use oneclaw_core::request::AccessRequest;
use oneclaw_core::transaction::{BudgetView, TransactionRequest};
use oneclaw_core::verdict::{Amount, BudgetQuery, Reservation, Verdict};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use wasmparser::{Parser, Payload};

use crate::configured::Mode;
use crate::engine::Engine;
use crate::error::{ConfigureError, Problem};
use crate::failure::Evaluation;
use crate::plugin::Plugin;

/// The name of the custom section.
pub const SECTION: &str = "oneclaw:cases";
/// Most bytes of it.
const MAX_BYTES: usize = 512 << 10;
/// Most cases in it.
const MAX_CASES: usize = 500;
/// Most bytes of the name of a case.
const MAX_NAME_BYTES: usize = 128;

/// One request, and what the plugin should answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What it is about; unique among the cases of a plugin.
    pub name: String,
    /// What is to be decided.
    pub world: CaseWorld,
    /// The settings. Text is handed over as it is, anything else as JSON.
    #[serde(default)]
    pub settings: Value,
    /// What is left out is filled in.
    #[serde(default)]
    pub request: Value,
    /// The answer.
    pub expect: Expectation,
}

/// The worlds, as cases name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CaseWorld {
    /// Access to secrets.
    AccessPolicy,
    /// Everything that needs a signature.
    TransactionGuardrail,
}

/// What is expected of an answer. What is absent may be anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// The kind of answer.
    pub verdict: ExpectedVerdict,
    /// Its code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The rule that decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// What it reserves, in this order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reservations: Option<Vec<Reservation>>,
}

/// Kinds of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExpectedVerdict {
    /// Granted.
    Allow,
    /// Refused.
    Deny,
    /// Refused until somebody approves.
    RequireApproval,
    /// Not its business.
    Abstain,
    /// The settings are refused.
    SettingsRefused,
}

/// What came of a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseOutcome {
    /// Its name.
    pub name: String,
    /// What was answered instead of what was expected, or why nothing was; `None` if it was as expected.
    pub failure: Option<String>,
    /// Units of fuel that the decision took.
    pub fuel: u64,
}

/// Why cases cannot be tried.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CasesError {
    /// Too large, or no JSON list of cases.
    #[error("the section `oneclaw:cases` of the component {0}")]
    Unreadable(String),
    /// They took longer than they may.
    #[error("the component's own cases took longer than {} s", .0.as_secs())]
    TooSlow(Duration),
}

impl Plugin {
    /// The cases that the component carries; none if it carries none.
    ///
    /// # Errors
    /// When what it carries is no list of cases.
    pub fn cases(&self) -> Result<Vec<Case>, CasesError> {
        let mut found = None;
        for payload in Parser::new(0).parse_all(&self.bytes) {
            let Ok(Payload::CustomSection(section)) = payload else {
                continue;
            };
            if section.name() == SECTION && found.replace(section.data()).is_some() {
                return Err(unreadable("is there more than once"));
            }
        }
        found.map_or_else(|| Ok(Vec::new()), parse)
    }
}

/// Reads a list of cases.
///
/// # Errors
/// Says what is wrong with it, and in which case.
pub fn parse(text: &[u8]) -> Result<Vec<Case>, CasesError> {
    if text.len() > MAX_BYTES {
        let (bytes, limit) = (text.len(), MAX_BYTES);
        return Err(CasesError::Unreadable(format!(
            "has {bytes} bytes; the limit is {limit}"
        )));
    }
    let cases: Vec<Case> = serde_json::from_slice(text)
        .map_err(|error| CasesError::Unreadable(format!("is not a list of cases: {error}")))?;
    if cases.len() > MAX_CASES {
        let (count, limit) = (cases.len(), MAX_CASES);
        return Err(CasesError::Unreadable(format!(
            "has {count} cases; the limit is {limit}"
        )));
    }
    let mut names = std::collections::HashSet::new();
    for case in &cases {
        let name = oneclaw_core::path::excerpt(&case.name);
        let is_name = !case.name.trim().is_empty()
            && case.name.len() <= MAX_NAME_BYTES
            && !case.name.chars().any(char::is_control);
        if !is_name {
            return Err(CasesError::Unreadable(format!(
                "has a case with the name `{name}`; a name is one line of 1 to {MAX_NAME_BYTES} bytes"
            )));
        }
        if !names.insert(case.name.as_str()) {
            return Err(CasesError::Unreadable(format!(
                "has more than one case with the name `{name}`"
            )));
        }
    }
    Ok(cases)
}

fn unreadable(why: &str) -> CasesError {
    CasesError::Unreadable(why.to_owned())
}

impl Engine {
    /// Tries cases on a plugin, each in a fresh instance. Tens of microseconds for each as a rule; gives up after `time`.
    ///
    /// # Errors
    /// [`CasesError::TooSlow`]. What goes wrong in a case is its outcome.
    pub fn try_cases(
        &self,
        plugin: &std::sync::Arc<Plugin>,
        cases: &[Case],
        time: Duration,
    ) -> Result<Vec<CaseOutcome>, CasesError> {
        let started = Instant::now();
        let mut outcomes = Vec::with_capacity(cases.len());
        for case in cases {
            if started.elapsed() > time {
                return Err(CasesError::TooSlow(time));
            }
            let (failure, fuel) = match self.try_case(plugin, case) {
                Ok(fuel) => (None, fuel),
                Err(failure) => (Some(failure), 0),
            };
            outcomes.push(CaseOutcome {
                name: case.name.clone(),
                failure,
                fuel,
            });
        }
        Ok(outcomes)
    }

    fn try_case(&self, plugin: &std::sync::Arc<Plugin>, case: &Case) -> Result<u64, String> {
        match self.answer_case(plugin, case)? {
            CaseAnswer::Evaluation(evaluation) => {
                compare(&evaluation, &case.expect).map(|()| evaluation.fuel)
            }
            CaseAnswer::SettingsRefused(_)
                if case.expect.verdict == ExpectedVerdict::SettingsRefused =>
            {
                Ok(0)
            }
            CaseAnswer::SettingsRefused(problems) => {
                Err(ConfigureError::Problems(problems).to_string())
            }
        }
    }

    /// What a plugin answers to a case, in a fresh instance, whatever the case expects.
    ///
    /// # Errors
    /// When the request of the case cannot be read, or the plugin does not survive its settings.
    pub fn answer_case(
        &self,
        plugin: &std::sync::Arc<Plugin>,
        case: &Case,
    ) -> Result<CaseAnswer, String> {
        let settings = case.settings_text();
        let refused = |error: ConfigureError| match error {
            ConfigureError::Problems(problems) => Ok(CaseAnswer::SettingsRefused(problems)),
            other => Err(other.to_string()),
        };
        let evaluation = match case.world {
            CaseWorld::AccessPolicy => {
                let request = case.access_request()?;
                match self.configure(plugin, request.org, &settings) {
                    Ok(configured) => configured.evaluate_access(&request, Mode::Fresh),
                    Err(error) => return refused(error),
                }
            }
            CaseWorld::TransactionGuardrail => {
                let request = case.transaction_request()?;
                match self.configure_guardrail(plugin, request.org, &settings) {
                    Ok(configured) => {
                        let views = views(configured.budget_queries(), &request.budgets);
                        configured.evaluate_transaction(&request, &views, Mode::Fresh)
                    }
                    Err(error) => return refused(error),
                }
            }
        };
        Ok(CaseAnswer::Evaluation(Box::new(evaluation)))
    }
}

/// What a plugin answers to a case.
#[derive(Debug, Clone)]
pub enum CaseAnswer {
    /// It took the settings and was asked.
    Evaluation(Box<Evaluation>),
    /// It did not take the settings.
    SettingsRefused(Vec<Problem>),
}

impl Case {
    /// The settings as they are handed over.
    #[must_use]
    pub fn settings_text(&self) -> String {
        match &self.settings {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }

    /// The request on access, with what the case leaves out.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn access_request(&self) -> Result<AccessRequest, String> {
        template::access(&self.request)
    }

    /// The request to have something signed, with what the case leaves out.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn transaction_request(&self) -> Result<TransactionRequest, String> {
        template::transaction(&self.request)
    }
}

/// The budgets as a case gives them, in the order in which the plugin asked; those that it does not give are empty.
#[must_use]
pub fn views(queries: &[BudgetQuery], given: &[BudgetView]) -> Vec<BudgetView> {
    queries
        .iter()
        .map(|query| {
            given
                .iter()
                .find(|view| {
                    view.budget == query.budget
                        && view.asset == query.asset
                        && view.window == query.window
                })
                .cloned()
                .unwrap_or_else(|| BudgetView {
                    budget: query.budget.clone(),
                    asset: query.asset.clone(),
                    window: query.window.clone(),
                    spent: Amount::ZERO,
                    reserved: Amount::ZERO,
                })
        })
        .collect()
}

fn compare(evaluation: &Evaluation, expected: &Expectation) -> Result<(), String> {
    let decision = evaluation
        .outcome
        .as_ref()
        .map_err(|failure| format!("the plugin failed: {failure}"))?;
    let (verdict, reason) = match &decision.verdict {
        Verdict::Allow(reason) => (ExpectedVerdict::Allow, Some(reason)),
        Verdict::Deny(reason) => (ExpectedVerdict::Deny, Some(reason)),
        Verdict::RequireApproval(approval) => {
            (ExpectedVerdict::RequireApproval, Some(&approval.reason))
        }
        Verdict::Abstain => (ExpectedVerdict::Abstain, None),
    };
    let code = reason.map_or("", |reason| reason.code.as_str());
    let rule = reason.map_or("", |reason| reason.rule.as_str());
    let differs = verdict != expected.verdict
        || expected
            .code
            .as_deref()
            .is_some_and(|wanted| wanted != code)
        || expected
            .rule
            .as_deref()
            .is_some_and(|wanted| wanted != rule);
    if differs {
        let wanted = word(expected.verdict);
        let wanted_code = expected.code.as_deref().unwrap_or_default();
        let wanted_rule = expected.rule.as_deref().unwrap_or_default();
        return Err(format!(
            "answered {}, expected {}",
            answer(word(verdict), code, rule),
            answer(wanted, wanted_code, wanted_rule)
        ));
    }
    match &expected.reservations {
        Some(wanted) if *wanted != decision.reservations => Err(format!(
            "reserves {}, expected {}",
            shown(&decision.reservations),
            shown(wanted)
        )),
        _ => Ok(()),
    }
}

fn word(verdict: ExpectedVerdict) -> &'static str {
    match verdict {
        ExpectedVerdict::Allow => "allow",
        ExpectedVerdict::Deny => "deny",
        ExpectedVerdict::RequireApproval => "require_approval",
        ExpectedVerdict::Abstain => "abstain",
        ExpectedVerdict::SettingsRefused => "settings_refused",
    }
}

fn answer(verdict: &str, code: &str, rule: &str) -> String {
    let mut text = verdict.to_owned();
    if !code.is_empty() {
        text = format!("{text} `{code}`");
    }
    if !rule.is_empty() {
        text = format!("{text} by rule `{rule}`");
    }
    text
}

fn shown(reservations: &[Reservation]) -> String {
    let each: Vec<String> = reservations
        .iter()
        .map(|r| format!("{} {} of {} in {}", r.amount, r.asset, r.limit, r.budget))
        .collect();
    match each.as_slice() {
        [] => "nothing".to_owned(),
        each => each.join(", "),
    }
}
