//! One live instance of a plugin.

use oneclaw_core::verdict::Decision;
use wasmtime::Store;

use crate::adapt;
use crate::cage::{self, Budget, Cage};
use crate::failure::{Failure, TRAP};
use crate::limits::Limits;
use crate::question::Question;
use crate::ready::{Ready, Started, Taken};
use crate::world::World;

/// An instance and the store it lives in. Dropped after any failure: a component that trapped cannot be entered again.
pub(crate) struct Running {
    store: Store<Cage>,
    started: Started,
    /// Decisions made so far.
    pub(crate) decisions: u32,
}

impl Running {
    /// Starts an instance to decide in `world`, with fuel and time for `budget`.
    pub(crate) fn start(
        engine: &wasmtime::Engine,
        ready: &Ready,
        world: World,
        limits: &Limits,
        budget: Budget,
    ) -> Result<Self, Failure> {
        let mut store = cage::store(engine, limits, budget)
            .map_err(|error| Failure::new(TRAP, format!("no store: {error:#}")))?;
        match ready.start(&mut store, world) {
            Ok(started) => Ok(Self {
                store,
                started,
                decisions: 0,
            }),
            Err(error) => Err(instantiation(&error, store.data())),
        }
    }

    /// Hands settings over, with what is left of the budget it was started with.
    pub(crate) fn configure(&mut self, ready: &Ready, settings: &str) -> Result<Taken, Failure> {
        let taken = ready.configure(&mut self.store, &self.started.instance, settings);
        taken.map_err(|error| Failure::of(&error, self.store.data()))
    }

    /// Decides, with a budget of its own. Also tells the fuel that it took.
    pub(crate) fn decide(
        &mut self,
        question: Question<'_>,
        budget: Budget,
    ) -> (Result<Decision, Failure>, u64) {
        if let Err(error) = cage::arm(&mut self.store, budget) {
            return (Err(Failure::of(&error, self.store.data())), 0);
        }
        let answer = self.started.evaluate(&mut self.store, question);
        let fuel = budget
            .fuel
            .saturating_sub(self.store.get_fuel().unwrap_or(0));
        self.decisions = self.decisions.saturating_add(1);
        let outcome = answer
            .map_err(|error| Failure::of(&error, self.store.data()))
            .and_then(match question {
                Question::Access(_) => adapt::access::decision,
                Question::Transaction { .. } => adapt::transaction::decision,
            });
        (outcome, fuel)
    }
}

/// A component that cannot be started has not answered, so this is never a bad reply.
fn instantiation(error: &wasmtime::Error, cage: &Cage) -> Failure {
    match Failure::of(error, cage) {
        Failure {
            code: crate::failure::BAD_REPLY,
            ..
        } => Failure::new(
            TRAP,
            format!("the plugin cannot be started: {}", error.root_cause()),
        ),
        failure => failure,
    }
}
