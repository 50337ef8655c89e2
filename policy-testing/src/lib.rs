#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod answer;
mod ask;

use std::sync::Arc;
use std::time::Duration;

use oneclaw_core::verdict::Decision;
use oneclaw_policy_host::{
    Case, CaseAnswer, CaseWorld, CasesError, Engine, EngineError, EngineOptions, Limits, LoadError,
    Plugin, Problem, case_views, parse_cases,
};
use oneclaw_policy_sdk::{AccessPolicy, TransactionGuardrail, settings};

/// Longest that the cases of one plugin may take.
const MOST_TIME: Duration = Duration::from_secs(60);

/// A component in the cage that the server has.
#[derive(Debug)]
pub struct Sandbox {
    engine: Engine,
    plugin: Arc<Plugin>,
}

/// What is wrong with a plugin, its component or its cases.
#[derive(Debug, thiserror::Error)]
pub enum TestingError {
    /// There is no cage on this machine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The server would not take the component.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The cases cannot be read, or take too long.
    #[error(transparent)]
    Cases(#[from] CasesError),
    /// Cases that came out wrong, a line each.
    #[error("{}", .0.join("\n"))]
    Failed(Vec<String>),
}

impl Sandbox {
    /// Takes a component in, under the limits that a server has by default.
    ///
    /// # Errors
    /// What the server would say at upload.
    pub fn load(component: &[u8]) -> Result<Self, TestingError> {
        Self::load_within(component, Limits::default())
    }

    /// Takes a component in, under other limits.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_within(component: &[u8], limits: Limits) -> Result<Self, TestingError> {
        let engine = Engine::new(EngineOptions {
            limits,
            ..EngineOptions::default()
        })?;
        let plugin = engine.load(component)?;
        Ok(Self { engine, plugin })
    }

    /// The component that was taken in.
    #[must_use]
    pub fn plugin(&self) -> &Plugin {
        &self.plugin
    }

    /// Tries the cases on access. Says how many there were.
    ///
    /// # Errors
    /// [`TestingError::Failed`] with every case that is not answered as it expects, or not answered alike.
    pub fn check_access<P: AccessPolicy>(&self, cases: &[u8]) -> Result<usize, TestingError> {
        self.check(cases, CaseWorld::AccessPolicy, |case| {
            let request = case.access_request()?;
            let made = settings::parse::<P::Settings>(&case.settings_text()).and_then(P::configure);
            Ok(match made {
                Ok((policy, _)) => {
                    Native::decision(answer::access(policy.evaluate(&ask::access(&request))))
                }
                Err(problems) => Native::SettingsRefused(answer::problems(problems)),
            })
        })
    }

    /// Tries the cases on what is signed. Says how many there were.
    ///
    /// # Errors
    /// [`TestingError::Failed`] with every case that is not answered as it expects, or not answered alike.
    pub fn check_guardrail<P: TransactionGuardrail>(
        &self,
        cases: &[u8],
    ) -> Result<usize, TestingError> {
        self.check(cases, CaseWorld::TransactionGuardrail, |case| {
            let request = case.transaction_request()?;
            let made = settings::parse::<P::Settings>(&case.settings_text()).and_then(P::configure);
            Ok(match made {
                Ok((guardrail, needs)) => {
                    let queries = needs
                        .budgets
                        .into_iter()
                        .map(answer::query)
                        .collect::<Vec<_>>();
                    let views = case_views(&queries, &request.budgets);
                    let request = ask::transaction(&request, &views);
                    Native::decision(answer::transaction(guardrail.evaluate(&request)))
                }
                Err(problems) => Native::SettingsRefused(answer::problems(problems)),
            })
        })
    }

    fn check(
        &self,
        cases: &[u8],
        world: CaseWorld,
        native: impl Fn(&Case) -> Result<Native, String>,
    ) -> Result<usize, TestingError> {
        let mut cases = parse_cases(cases)?;
        cases.retain(|case| case.world == world);
        let outcomes = self.engine.try_cases(&self.plugin, &cases, MOST_TIME)?;
        let mut failures: Vec<String> = outcomes
            .into_iter()
            .filter_map(|outcome| Some(format!("{}: {}", outcome.name, outcome.failure?)))
            .collect();
        for case in &cases {
            let alike = native(case).and_then(|native| {
                let caged = self.engine.answer_case(&self.plugin, case)?;
                same(&native, &caged)
            });
            if let Err(why) = alike {
                failures.push(format!("{}: {why}", case.name));
            }
        }
        if failures.is_empty() {
            Ok(cases.len())
        } else {
            Err(TestingError::Failed(failures))
        }
    }
}

/// What the Rust code answers.
enum Native {
    Decision(Box<Decision>),
    SettingsRefused(Vec<Problem>),
}

impl Native {
    fn decision(decision: Decision) -> Self {
        Self::Decision(Box::new(decision))
    }
}

fn same(native: &Native, caged: &CaseAnswer) -> Result<(), String> {
    let differ = |native: &dyn std::fmt::Debug, caged: &dyn std::fmt::Debug| {
        Err(format!(
            "the code answers {native:?}, the component {caged:?}"
        ))
    };
    match (native, caged) {
        (Native::Decision(native), CaseAnswer::Evaluation(caged)) => match &caged.outcome {
            Ok(caged) if *caged == **native => Ok(()),
            outcome => differ(native, outcome),
        },
        (Native::SettingsRefused(native), CaseAnswer::SettingsRefused(caged)) => {
            if native == caged {
                Ok(())
            } else {
                differ(native, caged)
            }
        }
        (Native::Decision(native), CaseAnswer::SettingsRefused(problems)) => {
            differ(native, problems)
        }
        (Native::SettingsRefused(problems), CaseAnswer::Evaluation(caged)) => {
            differ(problems, &caged.outcome)
        }
    }
}
