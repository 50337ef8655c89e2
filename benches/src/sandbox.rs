//! The built-in plugin in its sandbox.

use std::sync::Arc;

use oneclaw_core::request::AccessRequest;
use oneclaw_core::verdict::Verdict;
use oneclaw_policy_host::{Configured, Engine, Evaluation, Mode, Plugin};

use crate::workload::{Workload, org};
use crate::{ACCESS_SCAN, Result};

/// An engine with both guests loaded.
pub struct Sandbox {
    /// The engine.
    pub engine: Engine,
    /// The built-in access policy.
    pub indexed: Arc<Plugin>,
    /// The same without its index.
    pub scanning: Arc<Plugin>,
}

impl Sandbox {
    /// Sets up an engine as the server does.
    ///
    /// # Errors
    /// What the host says.
    pub fn new() -> Result<Self> {
        let engine = Engine::new(oneclaw_policy_host::EngineOptions::default())?;
        Ok(Self {
            indexed: engine.load(oneclaw_builtin::ACCESS_POLICY)?,
            scanning: engine.load(ACCESS_SCAN)?,
            engine,
        })
    }

    /// A configuration that takes its settings in anew for every decision.
    ///
    /// # Errors
    /// What the host says.
    pub fn configure(&self, plugin: &Arc<Plugin>, workload: &Workload) -> Result<Arc<Configured>> {
        Ok(self
            .engine
            .configure(plugin, org(), &workload.settings_json)?)
    }

    /// A configuration that decides from a snapshot.
    ///
    /// # Errors
    /// What the host says.
    pub fn snapshot(&self, plugin: &Arc<Plugin>, workload: &Workload) -> Result<Arc<Configured>> {
        let configured = self.configure(plugin, workload)?;
        configured.build_snapshot()?;
        Ok(configured)
    }
}

/// The answers to the requests of a workload.
pub fn answers<'a>(
    configured: &'a Configured,
    mode: Mode,
    requests: &'a [AccessRequest],
) -> impl Iterator<Item = Result<bool>> + 'a {
    requests
        .iter()
        .map(move |request| allowed(&configured.evaluate_access(request, mode)))
}

fn allowed(evaluation: &Evaluation) -> Result<bool> {
    match &evaluation.outcome {
        Ok(decision) => Ok(matches!(decision.verdict, Verdict::Allow(_))),
        Err(failure) => Err(format!("{failure:?}").into()),
    }
}
