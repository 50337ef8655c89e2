//! What a component has to live up to before it may decide: it describes itself soundly, and answers its own cases as they say.

use std::sync::Arc;
use std::time::Duration;

use crate::cases::{CaseOutcome, CasesError};
use crate::engine::Engine;
use crate::plugin::Plugin;
use crate::schema::{SchemaError, check_schema};

/// Longest part of a failure that is told, in characters.
const MOST_WORDS: usize = 500;

/// Why a component may not decide.
#[derive(Debug, thiserror::Error)]
pub enum ExamineError {
    /// Databases and terminals could not show it.
    #[error("the component describes itself with NUL bytes")]
    Nul,
    /// The schema is no JSON.
    #[error("the JSON Schema of the settings is not JSON")]
    SchemaText,
    /// The schema is no schema, or an unbounded one.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// The cases cannot be read, or take too long.
    #[error(transparent)]
    Cases(#[from] CasesError),
    /// It does not do what it says it does.
    #[error("the component fails its own case `{case}`: {why}{}", and_more(*.others))]
    Failed {
        /// The first such case.
        case: String,
        /// What came out instead.
        why: String,
        /// How many others there are.
        others: usize,
    },
}

fn and_more(others: usize) -> String {
    match others {
        0 => String::new(),
        n => format!(" (and {n} more)"),
    }
}

impl Engine {
    /// Examines a component that was taken in; its cases may take `time` together. Says how many cases there are.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn examine(&self, plugin: &Arc<Plugin>, time: Duration) -> Result<usize, ExamineError> {
        let manifest = plugin.manifest();
        let texts = [&manifest.summary, &manifest.settings_schema];
        if texts.iter().any(|text| text.contains('\0')) {
            return Err(ExamineError::Nul);
        }
        let schema = serde_json::from_str(&manifest.settings_schema)
            .map_err(|_| ExamineError::SchemaText)?;
        check_schema(&schema)?;
        let cases = plugin.cases()?;
        let outcomes = self.try_cases(plugin, &cases, time)?;
        failed(&outcomes).map_or(Ok(cases.len()), Err)
    }
}

/// What is said of the cases that failed, if some did.
fn failed(outcomes: &[CaseOutcome]) -> Option<ExamineError> {
    let mut failed = outcomes
        .iter()
        .filter_map(|outcome| Some((outcome, outcome.failure.as_deref()?)));
    let (first, why) = failed.next()?;
    Some(ExamineError::Failed {
        case: first.name.clone(),
        why: why.chars().take(MOST_WORDS).collect(),
        others: failed.count(),
    })
}
