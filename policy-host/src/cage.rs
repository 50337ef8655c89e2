//! What surrounds one instance: memory and table limits, fuel, and the deadline.

use std::sync::Arc;

use wasmtime::component::HasSelf;
use wasmtime::{ResourceLimiter, Store, StoreContextMut, UpdateDeadline};

use crate::bindings::access::oneclaw::policy as wit;
use crate::bindings::transaction::oneclaw::policy as transaction_wit;
use crate::deadline::{Deadline, Expiry, processor_time};
use crate::limits::Limits;

/// The data of a store. Holds nothing of a request: a component has no way to ask for it anyway.
pub(crate) struct Cage {
    limits: Limits,
    spare_memory_bytes: u64,
    refused: Option<String>,
    deadline: Deadline,
}

impl Cage {
    /// Why growth was refused, if it was: then that is what the trap is about.
    pub(crate) fn refused_growth(&self) -> Option<&str> {
        self.refused.as_deref()
    }
}

// The interfaces of the contract hold types alone, so there is nothing to implement.
impl wit::types::Host for Cage {}
impl wit::access_types::Host for Cage {}
impl transaction_wit::transaction_types::Host for Cage {}

pub(crate) type Linker = wasmtime::component::Linker<Cage>;

/// A linker that offers the types of the contract and nothing else.
pub(crate) fn linker(engine: &wasmtime::Engine) -> wasmtime::Result<Arc<Linker>> {
    let mut linker = Linker::new(engine);
    wit::types::add_to_linker::<_, HasSelf<_>>(&mut linker, |cage| cage)?;
    wit::access_types::add_to_linker::<_, HasSelf<_>>(&mut linker, |cage| cage)?;
    transaction_wit::transaction_types::add_to_linker::<_, HasSelf<_>>(&mut linker, |cage| cage)?;
    Ok(Arc::new(linker))
}

/// What a stretch of work may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    pub(crate) fuel: u64,
    pub(crate) ticks: u64,
}

impl Budget {
    pub(crate) fn decision(limits: &Limits) -> Self {
        Self {
            fuel: limits.fuel_per_decision(),
            ticks: limits.deadline_ms(),
        }
    }

    pub(crate) fn configure(limits: &Limits) -> Self {
        Self {
            fuel: limits.fuel_per_configure(),
            ticks: limits.configure_deadline_ms(),
        }
    }
}

/// A store with every limit in force, and fuel and deadline set for `budget`.
pub(crate) fn store(
    engine: &wasmtime::Engine,
    limits: &Limits,
    budget: Budget,
) -> wasmtime::Result<Store<Cage>> {
    store_with_spare_memory(engine, limits, budget, 0)
}

/// Like [`store`], with `spare_memory_bytes` more of memory, for instrumentation that needs room of its own.
pub(crate) fn store_with_spare_memory(
    engine: &wasmtime::Engine,
    limits: &Limits,
    budget: Budget,
    spare_memory_bytes: u64,
) -> wasmtime::Result<Store<Cage>> {
    let cage = Cage {
        limits: *limits,
        spare_memory_bytes,
        refused: None,
        deadline: Deadline::new(budget.ticks),
    };
    let mut store = Store::new(engine, cage);
    store.limiter(|cage| cage);
    store.epoch_deadline_callback(deadline_passed);
    store.set_hostcall_fuel(usize::try_from(limits.reply_bytes()).unwrap_or(usize::MAX));
    arm(&mut store, budget)?;
    Ok(store)
}

/// Fills fuel and resets the deadline, for the next stretch of work in a store.
pub(crate) fn arm(store: &mut Store<Cage>, budget: Budget) -> wasmtime::Result<()> {
    store.set_fuel(budget.fuel)?;
    store.set_epoch_deadline(budget.ticks);
    store.data_mut().deadline = Deadline::new(budget.ticks);
    Ok(())
}

fn deadline_passed(mut cx: StoreContextMut<'_, Cage>) -> wasmtime::Result<UpdateDeadline> {
    Ok(match cx.data_mut().deadline.passed(processor_time()) {
        Expiry::PutOff => UpdateDeadline::Continue(1),
        Expiry::Final => UpdateDeadline::Interrupt,
    })
}

impl ResourceLimiter for Cage {
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let limit = self
            .limits
            .memory_bytes()
            .saturating_add(self.spare_memory_bytes);
        self.grow("bytes of memory", desired, limit)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.grow("elements of a table", desired, self.limits.table_elements())
    }
}

impl Cage {
    /// Refused growth ends the instance. A guest that went on with less would only find another way to fail.
    fn grow(&mut self, of: &str, desired: usize, limit: u64) -> wasmtime::Result<bool> {
        if u64::try_from(desired).is_ok_and(|desired| desired <= limit) {
            return Ok(true);
        }
        let sentence = format!("the plugin wants {desired} {of}; the limit is {limit}");
        let error = wasmtime::Error::msg(sentence.clone());
        self.refused = Some(sentence);
        Err(error)
    }
}
