//! A plugin with the settings of one organisation.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

use oneclaw_core::ids::OrgId;
use oneclaw_core::request::AccessRequest;
use oneclaw_core::verdict::Decision;
use sha2::{Digest, Sha256};

use crate::cage::Budget;
use crate::engine::Shared;
use crate::error::{ConfigureError, Problem, SnapshotError};
use crate::failure::{CONFIGURE_FAILED, Evaluation, Failure, WRONG_ORGANISATION};
use crate::plugin::Plugin;
use crate::ready::Ready;
use crate::running::Running;
use crate::snapshot;

/// Decisions after which a warm instance is given up. Arbitrary; at 32 the cost of a fresh one is spread thin enough.
const DECISIONS_PER_WARM_INSTANCE: u32 = 32;

/// Where the instance for a decision comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// A new one for every decision. Nothing that a plugin remembers survives.
    Fresh,
    /// One that decided before, with the same settings for the same organisation, given up after 32 decisions or any
    /// failure. For plugins whose owner vouches that they keep no state.
    Warm,
}

/// A plugin with settings, for one organisation. No memory that has seen this configuration, or requests to it, is ever
/// used for another.
pub struct Configured {
    shared: Arc<Shared>,
    plugin: Arc<Plugin>,
    base: Ready,
    org: OrgId,
    settings: Box<str>,
    settings_digest: Arc<str>,
    needed_facts: Vec<String>,
    snapshot: RwLock<Option<Ready>>,
    #[expect(
        clippy::vec_box,
        reason = "an instance is large, and is moved in and out at every decision"
    )]
    warm: Mutex<Vec<Box<Running>>>,
}

impl fmt::Debug for Configured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Configured")
            .field("plugin", &self.plugin.identity)
            .field("org", &self.org)
            .field("settings_digest", &self.settings_digest)
            .field("snapshotted", &self.is_snapshotted())
            .finish_non_exhaustive()
    }
}

impl Drop for Configured {
    fn drop(&mut self) {
        let warm = self.warm.get_mut().unwrap_or_else(PoisonError::into_inner);
        for _ in warm.drain(..) {
            self.shared.leave_warm_place();
        }
    }
}

impl Configured {
    pub(crate) fn new(
        shared: &Arc<Shared>,
        plugin: &Arc<Plugin>,
        org: OrgId,
        settings: &str,
    ) -> Result<Arc<Self>, ConfigureError> {
        let Some(base) = plugin.access.clone() else {
            return Err(ConfigureError::World(plugin.identity.name.clone()));
        };
        let (bytes, limit) = (settings.len() as u64, shared.limits.settings_bytes());
        if bytes > limit {
            return Err(ConfigureError::TooLarge { bytes, limit });
        }
        let budget = Budget::configure(&shared.limits);
        let mut trial = Running::start(&shared.serving.engine, &base, &shared.limits, budget)
            .map_err(ConfigureError::Failed)?;
        let needs = match trial
            .configure(&base, settings)
            .map_err(ConfigureError::Failed)?
        {
            Ok(needs) => needs,
            Err(problems) => {
                let problems = problems
                    .into_iter()
                    .map(|p| Problem {
                        pointer: p.pointer,
                        message: p.message,
                    })
                    .collect();
                return Err(ConfigureError::Problems(problems));
            }
        };
        Ok(Arc::new(Self {
            shared: Arc::clone(shared),
            plugin: Arc::clone(plugin),
            base,
            org,
            settings: settings.into(),
            settings_digest: hex::encode(Sha256::digest(settings)).into(),
            needed_facts: needs.facts,
            snapshot: RwLock::default(),
            warm: Mutex::default(),
        }))
    }

    /// The organisation it belongs to.
    #[must_use]
    pub fn org(&self) -> OrgId {
        self.org
    }

    /// The plugin.
    #[must_use]
    pub fn plugin(&self) -> &Arc<Plugin> {
        &self.plugin
    }

    /// SHA-256 of the settings, in hexadecimal.
    #[must_use]
    pub fn settings_digest(&self) -> &str {
        &self.settings_digest
    }

    /// Keys of the facts that the plugin, with these settings, wants to be given. A hint: it may be given others.
    #[must_use]
    pub fn needed_facts(&self) -> &[String] {
        &self.needed_facts
    }

    /// Whether decisions start from memory that has taken the settings in already.
    #[must_use]
    pub fn is_snapshotted(&self) -> bool {
        self.snapshot
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some()
    }

    /// Takes the settings in once more and makes of the memory after that what every later decision starts from.
    /// Compiles, so it takes tens of milliseconds: not for the path of a request. Does nothing if it was done before.
    ///
    /// # Errors
    /// When the component does what a snapshot cannot hold. Decisions go on being made without one.
    pub fn build_snapshot(&self) -> Result<(), SnapshotError> {
        if self.is_snapshotted() {
            return Ok(());
        }
        let made = snapshot::make(&self.shared, &self.plugin, &self.settings)?;
        *self
            .snapshot
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Some(made);
        Ok(())
    }

    /// Gives the snapshot up, and with it the memory that its code takes.
    pub(crate) fn drop_snapshot(&self) {
        *self
            .snapshot
            .write()
            .unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Asks the plugin. Runs on the caller's thread, for microseconds as a rule; the deadlines in force bound it.
    ///
    /// A request of another organisation is not shown to the plugin: the outcome is `internal/wrong-organisation`.
    #[must_use]
    pub fn evaluate_access(&self, request: &AccessRequest, mode: Mode) -> Evaluation {
        let started = Instant::now();
        let (outcome, fuel) = if request.org == self.org {
            match mode {
                Mode::Fresh => self.decide_fresh(request),
                Mode::Warm => self.decide_warm(request),
            }
        } else {
            let detail = "the request is of another organisation than the plugin's settings";
            (Err(Failure::new(WRONG_ORGANISATION, detail)), 0)
        };
        Evaluation {
            plugin: Arc::clone(&self.plugin.identity),
            settings_digest: Arc::clone(&self.settings_digest),
            outcome,
            fuel,
            elapsed: started.elapsed(),
        }
    }

    fn decide_fresh(&self, request: &AccessRequest) -> (Result<Decision, Failure>, u64) {
        match self.start() {
            Ok(mut running) => running.decide(request, Budget::decision(&self.shared.limits)),
            Err(failure) => (Err(failure), 0),
        }
    }

    fn decide_warm(&self, request: &AccessRequest) -> (Result<Decision, Failure>, u64) {
        let mut running = match self
            .take_warm()
            .map_or_else(|| self.start().map(Box::new), Ok)
        {
            Ok(running) => running,
            Err(failure) => return (Err(failure), 0),
        };
        let (outcome, fuel) = running.decide(request, Budget::decision(&self.shared.limits));
        if outcome.is_ok() && running.decisions < DECISIONS_PER_WARM_INSTANCE {
            self.keep_warm(running);
        }
        (outcome, fuel)
    }

    /// An instance that has the settings and has decided nothing.
    fn start(&self) -> Result<Running, Failure> {
        let Shared {
            serving, limits, ..
        } = &*self.shared;
        if let Some(ready) = &*self.snapshot.read().unwrap_or_else(PoisonError::into_inner) {
            return Running::start(&serving.engine, ready, limits, Budget::decision(limits));
        }
        let budget = Budget::configure(limits);
        let mut running = Running::start(&serving.engine, &self.base, limits, budget)?;
        let failed = |what: String| Failure::new(CONFIGURE_FAILED, what);
        match running.configure(&self.base, &self.settings) {
            Ok(Ok(_)) => Ok(running),
            Ok(Err(_)) => Err(failed(
                "the plugin now refuses settings it had accepted".to_owned(),
            )),
            Err(failure) => Err(failed(format!(
                "the plugin failed to take in settings: {failure}"
            ))),
        }
    }

    fn take_warm(&self) -> Option<Box<Running>> {
        let running = self
            .warm
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop()?;
        self.shared.leave_warm_place();
        Some(running)
    }

    fn keep_warm(&self, running: Box<Running>) {
        if self.shared.take_warm_place() {
            self.warm
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(running);
        }
    }
}
