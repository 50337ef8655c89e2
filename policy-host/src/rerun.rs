//! Asking again what was asked before: no permit follows from it.

use std::sync::Arc;
use std::time::Duration;

use oneclaw_core::recorded::Question;
use oneclaw_core::verdict::Decision;

use crate::attachment::Stage;
use crate::configured::{Configured, Mode};
use crate::engine::Engine;
use crate::error::{ConfigureError, LoadError};
use crate::failure::{Evaluation, Failure};
use crate::plugin::{Plugin, PluginIdentity};
use crate::priority;

/// What runs the plugins, for the record of a decision: this crate and the generation of wasmtime below it.
pub const ENGINE_VERSION: &str = concat!(
    "oneclaw-policy-host/",
    env!("CARGO_PKG_VERSION"),
    " wasmtime/48"
);

/// Why a recorded request could not be put to a plugin.
#[derive(Debug, thiserror::Error)]
pub enum RerunError {
    /// The component is none that this host runs.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// It does not take the settings.
    #[error(transparent)]
    Configure(#[from] ConfigureError),
    /// The request cannot be read.
    #[error("the request is not one that was recorded: {0}")]
    Question(String),
}

impl Engine {
    /// Puts a recorded request to a component with these settings: the component's bytes, settings as JSON, and the request
    /// as JSON with `world` and `request`. The same three give the same answer every time, on any machine.
    ///
    /// # Errors
    /// When it cannot be asked. That it fails when it is asked is an answer.
    pub fn rerun(
        &self,
        component: &[u8],
        settings: &str,
        question: &str,
    ) -> Result<Evaluation, RerunError> {
        let question: Question =
            serde_json::from_str(question).map_err(|e| RerunError::Question(e.to_string()))?;
        let plugin = self.load(component)?;
        Ok(self
            .configure_for(&plugin, settings, &question)?
            .ask(&question))
    }

    /// Tries settings on a plugin, for the organisation and the world of a recorded request.
    ///
    /// # Errors
    /// As [`Engine::configure`].
    pub fn configure_for(
        &self,
        plugin: &Arc<Plugin>,
        settings: &str,
        question: &Question,
    ) -> Result<Arc<Configured>, ConfigureError> {
        match question {
            Question::Access(request) => self.configure(plugin, request.org, settings),
            Question::Transaction(request) => {
                self.configure_guardrail(plugin, request.org, settings)
            }
        }
    }
}

impl Engine {
    /// Has the scheduler prefer every other thread to the caller's, for as long as it lives: for whoever asks again a
    /// great deal while others are served.
    pub fn give_way() {
        if let Err(error) = priority::give_way() {
            tracing::debug!(%error, "what is asked again is not asked at a low priority");
        }
    }
}

impl Evaluation {
    /// An answer that was recorded, to be combined with others. It counts.
    #[must_use]
    pub fn recorded(plugin: PluginIdentity, outcome: Result<Decision, Failure>) -> Self {
        Self {
            attachment: None,
            stage: Stage::Enforce,
            plugin: Arc::new(plugin),
            settings_digest: Arc::from(""),
            outcome,
            fuel: 0,
            elapsed: Duration::ZERO,
        }
    }
}

impl Configured {
    /// Puts a recorded request to the plugin, in a fresh instance. The budgets of a transaction are those in the request.
    #[must_use]
    pub fn ask(&self, question: &Question) -> Evaluation {
        match question {
            Question::Access(request) => self.evaluate_access(request, Mode::Fresh),
            Question::Transaction(request) => {
                self.evaluate_transaction(request, &request.budgets, Mode::Fresh)
            }
        }
    }
}
