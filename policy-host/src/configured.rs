//! A plugin with the settings of one organisation.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

use oneclaw_core::ids::OrgId;
use oneclaw_core::request::AccessRequest;
use oneclaw_core::transaction::{BudgetView, TransactionRequest};
use oneclaw_core::verdict::{BudgetQuery, Decision};
use sha2::{Digest, Sha256};

use crate::adapt::budgets;
use crate::attachment::Stage;
use crate::cage::Budget;
use crate::engine::Shared;
use crate::error::{ConfigureError, Problem, SnapshotError};
use crate::failure::{
    CONFIGURE_FAILED, Evaluation, Failure, WRONG_BUDGETS, WRONG_ORGANISATION, WRONG_WORLD,
};
use crate::plugin::Plugin;
use crate::question::Question;
use crate::ready::Ready;
use crate::running::Running;
use crate::snapshot;
use crate::world::World;

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

/// A plugin with settings, for one organisation and one world. No memory that has seen this configuration, or requests to it, is ever
/// used for another.
pub struct Configured {
    shared: Arc<Shared>,
    plugin: Arc<Plugin>,
    world: World,
    org: OrgId,
    settings: Arc<str>,
    settings_digest: Arc<str>,
    needed_facts: Vec<String>,
    budget_queries: Vec<BudgetQuery>,
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
            .field("world", &self.world)
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
        world: World,
        org: OrgId,
        settings: &str,
    ) -> Result<Arc<Self>, ConfigureError> {
        if !plugin.worlds().include(world) {
            return Err(ConfigureError::World {
                plugin: plugin.identity.name.clone(),
                world,
            });
        }
        let (bytes, limit) = (settings.len() as u64, shared.limits.settings_bytes());
        if bytes > limit {
            return Err(ConfigureError::TooLarge { bytes, limit });
        }
        let budget = Budget::configure(&shared.limits);
        let mut trial = Running::start(
            &shared.serving.engine,
            &plugin.ready,
            world,
            &shared.limits,
            budget,
        )
        .map_err(ConfigureError::Failed)?;
        let needs = match trial
            .configure(&plugin.ready, settings)
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
        let budget_queries = match world {
            // Shown with what is signed alone, so that a component of both worlds may ask for them all the same.
            World::AccessPolicy => Vec::new(),
            World::TransactionGuardrail => {
                budgets::queries(needs.budgets).map_err(ConfigureError::Needs)?
            }
        };
        Ok(Arc::new(Self {
            shared: Arc::clone(shared),
            plugin: Arc::clone(plugin),
            world,
            org,
            settings: settings.into(),
            settings_digest: hex::encode(Sha256::digest(settings)).into(),
            needed_facts: needs.facts,
            budget_queries,
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

    /// The budgets that the plugin, with these settings, wants to see with each transaction, in this order. None in the
    /// world of access.
    #[must_use]
    pub fn budget_queries(&self) -> &[BudgetQuery] {
        &self.budget_queries
    }

    /// The same, to be held by whoever records a decision.
    #[must_use]
    pub fn shared_settings_digest(&self) -> &Arc<str> {
        &self.settings_digest
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &Arc<str> {
        &self.settings
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

    /// Makes an instance that could decide, as every decision in [`Mode::Fresh`] does, and gives it up again: for measuring.
    ///
    /// # Errors
    /// As a decision would fail.
    pub fn start_and_drop(&self) -> Result<(), Failure> {
        self.start().map(drop)
    }

    /// Gives the snapshot up, and with it the memory that its code takes.
    pub(crate) fn drop_snapshot(&self) {
        *self
            .snapshot
            .write()
            .unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Asks the plugin about access. Runs on the caller's thread, for microseconds as a rule; the deadlines in force bound
    /// it.
    ///
    /// A request of another organisation is not shown to the plugin: the outcome is `internal/wrong-organisation`. Nor is
    /// one shown to a plugin that was configured for transactions: `internal/wrong-world`.
    #[must_use]
    pub fn evaluate_access(&self, request: &AccessRequest, mode: Mode) -> Evaluation {
        self.evaluate(Question::Access(request), mode)
    }

    /// Asks the plugin about something that is to be signed, as [`Self::evaluate_access`] does about access. `views` are
    /// the budgets that it sees; those of the request are not shown.
    ///
    /// Views that are not those of [`Self::budget_queries`], one for each and in this order, are not shown to the plugin:
    /// the outcome is `internal/wrong-budgets`.
    #[must_use]
    pub fn evaluate_transaction(
        &self,
        request: &TransactionRequest,
        views: &[BudgetView],
        mode: Mode,
    ) -> Evaluation {
        self.evaluate(Question::Transaction { request, views }, mode)
    }

    fn evaluate(&self, question: Question<'_>, mode: Mode) -> Evaluation {
        let started = Instant::now();
        let (outcome, fuel) = match (self.check(question), mode) {
            (Err(failure), _) => (Err(failure), 0),
            (Ok(()), Mode::Fresh) => self.decide_fresh(question),
            (Ok(()), Mode::Warm) => self.decide_warm(question),
        };
        Evaluation {
            attachment: None,
            stage: Stage::Enforce,
            plugin: Arc::clone(&self.plugin.identity),
            settings_digest: Arc::clone(&self.settings_digest),
            outcome,
            fuel,
            elapsed: started.elapsed(),
        }
    }

    /// Whether this may be shown to the plugin at all.
    fn check(&self, question: Question<'_>) -> Result<(), Failure> {
        if question.org() != self.org {
            let detail = "the request is of another organisation than the plugin's settings";
            return Err(Failure::new(WRONG_ORGANISATION, detail));
        }
        if question.world() != self.world {
            let detail = format!("the plugin was configured to decide on {}", self.world);
            return Err(Failure::new(WRONG_WORLD, detail));
        }
        if let Question::Transaction { views, .. } = question {
            let asked = |(query, view): (&BudgetQuery, &BudgetView)| {
                query.budget == view.budget
                    && query.asset == view.asset
                    && query.window == view.window
            };
            let queries = &self.budget_queries;
            if queries.len() != views.len() || !queries.iter().zip(views).all(asked) {
                let detail = "the budgets are not those that the plugin asked for";
                return Err(Failure::new(WRONG_BUDGETS, detail));
            }
        }
        Ok(())
    }

    fn decide_fresh(&self, question: Question<'_>) -> (Result<Decision, Failure>, u64) {
        match self.start() {
            Ok(mut running) => running.decide(question, Budget::decision(&self.shared.limits)),
            Err(failure) => (Err(failure), 0),
        }
    }

    fn decide_warm(&self, question: Question<'_>) -> (Result<Decision, Failure>, u64) {
        let mut running = match self
            .take_warm()
            .map_or_else(|| self.start().map(Box::new), Ok)
        {
            Ok(running) => running,
            Err(failure) => return (Err(failure), 0),
        };
        let (outcome, fuel) = running.decide(question, Budget::decision(&self.shared.limits));
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
            let budget = Budget::decision(limits);
            return Running::start(&serving.engine, ready, self.world, limits, budget);
        }
        let base = &self.plugin.ready;
        let budget = Budget::configure(limits);
        let mut running = Running::start(&serving.engine, base, self.world, limits, budget)?;
        let failed = |what: String| Failure::new(CONFIGURE_FAILED, what);
        match running.configure(base, &self.settings) {
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
