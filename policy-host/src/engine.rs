//! The engine: how wasmtime is set up, and the thread that makes time pass for it.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use oneclaw_core::ids::OrgId;
use wasmtime::{
    Config, Enabled, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, Strategy,
    WasmFeatures,
};

use crate::artefacts::Artefacts;
use crate::cage::{self, Linker};
use crate::configured::Configured;
use crate::error::{ConfigureError, EngineError, LoadError};
use crate::limits::Limits;
use crate::plugin::{Plugin, Threads};
use crate::world::World;

/// The unit of deadlines.
const TICK: Duration = Duration::from_millis(1);

/// Deep enough for any plugin, and well below the 2 MiB that the smallest of our threads have.
const CALL_STACK_BYTES: usize = 256 << 10;

/// How much of a memory is reset by copying when an instance ends, instead of giving the pages back to the operating
/// system. More than any ordinary plugin touches, so that a decision makes no page fault.
const KEEP_RESIDENT_BYTES: usize = 1 << 20;

/// How to set an engine up.
#[derive(Debug, Clone, Default)]
pub struct EngineOptions {
    /// Where compiled plugins are kept from one start of the server to the next; `None`: nowhere. Whoever can write
    /// there can make the server run machine code of theirs: the directory must be the server's alone.
    pub cache_dir: Option<PathBuf>,
    /// What each plugin may take.
    pub limits: Limits,
    /// How many instances there is room for.
    pub slots: Slots,
}

/// Room for instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slots {
    /// Instances that may exist at one time. A slot stays fitted to the component it served last, so there should be
    /// more than threads times live configurations: refitting one costs twenty times a decision. Each reserves 4 GiB of
    /// address space (not of memory).
    pub instances: u32,
    /// Instances that may lie ready for `Mode::Warm`, over all configurations.
    pub warm: u32,
}

impl Default for Slots {
    fn default() -> Self {
        Self {
            instances: 512,
            warm: 256,
        }
    }
}

/// Compiles and runs policy components. Cheap to clone; what it holds goes when the last clone, plugin and
/// configuration of it are gone.
#[derive(Clone)]
pub struct Engine {
    pub(crate) shared: Arc<Shared>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("limits", &self.shared.limits)
            .field("slots", &self.shared.slots)
            .finish_non_exhaustive()
    }
}

pub(crate) struct Shared {
    /// Serves decisions, from a pool.
    pub(crate) serving: Bench,
    /// Makes snapshots. Apart from the pool, so that making one never takes a slot from a decision; on one thread, so
    /// that it never takes more than one processor.
    pub(crate) workshop: Bench,
    pub(crate) limits: Limits,
    pub(crate) slots: Slots,
    pub(crate) artefacts: Option<Artefacts>,
    /// By digest, so that the same bytes are compiled and fitted to slots once.
    pub(crate) plugins: Mutex<HashMap<[u8; 32], Weak<Plugin>>>,
    pub(crate) warm_idle: AtomicU32,
    _ticker: Ticker,
}

/// A wasmtime engine and the linker for it.
pub(crate) struct Bench {
    pub(crate) engine: wasmtime::Engine,
    pub(crate) linker: Arc<Linker>,
}

impl Bench {
    fn new(config: &Config) -> wasmtime::Result<Self> {
        let engine = wasmtime::Engine::new(config)?;
        let linker = cage::linker(&engine)?;
        Ok(Self { engine, linker })
    }
}

impl Engine {
    /// Sets an engine up and starts its ticker.
    ///
    /// # Errors
    /// When wasmtime refuses the configuration on this machine, when the ticker's thread cannot be started, or when the
    /// cache directory cannot be used or may be written by others.
    pub fn new(options: EngineOptions) -> Result<Self, EngineError> {
        let setup = |error: wasmtime::Error| EngineError::Setup(format!("{error:#}"));
        let mut config = config();
        config.parallel_compilation(false);
        let workshop = Bench::new(&config).map_err(setup)?;

        let mut config = self::config();
        let pool = pool(&options.limits, options.slots);
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        let serving = Bench::new(&config).map_err(setup)?;

        let artefacts = options
            .cache_dir
            .map(|dir| Artefacts::open(dir, &serving.engine))
            .transpose()?;
        let ticker = Ticker::start(vec![serving.engine.clone(), workshop.engine.clone()])
            .map_err(|error| EngineError::Setup(format!("no thread for the clock: {error}")))?;

        Ok(Self {
            shared: Arc::new(Shared {
                serving,
                workshop,
                limits: options.limits,
                slots: options.slots,
                artefacts,
                plugins: Mutex::default(),
                warm_idle: AtomicU32::new(0),
                _ticker: ticker,
            }),
        })
    }

    /// Takes a component in: checks what it imports and exports, compiles it (or finds it compiled) and asks it what it
    /// is. The same bytes give the same [`Plugin`] for as long as somebody holds it.
    ///
    /// # Errors
    /// A sentence for whoever uploads it.
    pub fn load(&self, component: &[u8]) -> Result<Arc<Plugin>, LoadError> {
        Plugin::load(&self.shared, component, Threads::All)
    }

    /// Like [`Self::load`], compiling on the caller's thread alone: for components that somebody uploads while others are
    /// served.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_aside(&self, component: &[u8]) -> Result<Arc<Plugin>, LoadError> {
        Plugin::load(&self.shared, component, Threads::One)
    }

    /// Tries settings on a plugin for an organisation, to decide on access. The result serves at once, taking the settings in for every
    /// decision, until [`Configured::build_snapshot`] has been run.
    ///
    /// # Errors
    /// When the plugin refuses the settings, or does not survive them.
    pub fn configure(
        &self,
        plugin: &Arc<Plugin>,
        org: OrgId,
        settings: &str,
    ) -> Result<Arc<Configured>, ConfigureError> {
        Configured::new(&self.shared, plugin, World::AccessPolicy, org, settings)
    }

    /// Like [`Self::configure`], to decide on what is signed.
    ///
    /// # Errors
    /// When the plugin refuses the settings, does not survive them, or asks for budgets that there cannot be.
    pub fn configure_guardrail(
        &self,
        plugin: &Arc<Plugin>,
        org: OrgId,
        settings: &str,
    ) -> Result<Arc<Configured>, ConfigureError> {
        Configured::new(
            &self.shared,
            plugin,
            World::TransactionGuardrail,
            org,
            settings,
        )
    }

    /// The limits in force.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.shared.limits
    }

    /// The room for instances.
    #[must_use]
    pub fn slots(&self) -> Slots {
        self.shared.slots
    }
}

impl Shared {
    pub(crate) fn known_plugin(&self, digest: &[u8; 32]) -> Option<Arc<Plugin>> {
        let plugins = self.plugins.lock().unwrap_or_else(PoisonError::into_inner);
        plugins.get(digest).and_then(Weak::upgrade)
    }

    pub(crate) fn remember_plugin(&self, digest: [u8; 32], plugin: &Arc<Plugin>) {
        let mut plugins = self.plugins.lock().unwrap_or_else(PoisonError::into_inner);
        plugins.retain(|_, plugin| plugin.strong_count() > 0);
        plugins.insert(digest, Arc::downgrade(plugin));
    }

    /// Takes one of the places for warm instances, if one is left. Returned by [`Self::leave_warm_place`].
    pub(crate) fn take_warm_place(&self) -> bool {
        let most = self.slots.warm;
        self.warm_idle
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |idle| {
                (idle < most).then_some(idle + 1)
            })
            .is_ok()
    }

    pub(crate) fn leave_warm_place(&self) {
        self.warm_idle.fetch_sub(1, Ordering::Relaxed);
    }
}

fn config() -> Config {
    let mut config = Config::new();
    config
        .strategy(Strategy::Cranelift)
        .cranelift_opt_level(OptLevel::Speed)
        // The same inputs give the same answer on any machine.
        .cranelift_nan_canonicalization(true)
        .wasm_relaxed_simd(false)
        .wasm_features(WasmFeatures::THREADS, false)
        .wasm_features(WasmFeatures::MEMORY64, false)
        .wasm_features(WasmFeatures::MULTI_MEMORY, false)
        .consume_fuel(true)
        .epoch_interruption(true)
        .max_wasm_stack(CALL_STACK_BYTES)
        // Nothing here is asynchronous, and support for it costs 0.3 µs a call.
        .concurrency_support(false)
        // A trap's backtrace would name functions of a plugin and nothing that an operator can use.
        .wasm_backtrace_max_frames(None);
    config
}

fn pool(limits: &Limits, slots: Slots) -> PoolingAllocationConfig {
    let bytes = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(slots.instances)
        // A number that is counted, and no room that is kept: components of other languages are linked from many modules.
        .total_core_instances(slots.instances.saturating_mul(16))
        .total_memories(slots.instances)
        .total_tables(slots.instances)
        .max_unused_warm_slots(slots.instances)
        .max_core_instances_per_component(64)
        // One memory, so that the limit on it is the limit on the component.
        .max_memories_per_component(1)
        .max_tables_per_component(4)
        .max_memory_size(bytes(limits.memory_bytes()))
        .table_elements(bytes(limits.table_elements()))
        .linear_memory_keep_resident(KEEP_RESIDENT_BYTES.min(bytes(limits.memory_bytes())))
        .table_keep_resident(64 << 10)
        // Copies the pages that were written alone. Where the kernel cannot tell which (Linux before 6.7), all are.
        .pagemap_scan(Enabled::Auto);
    pool
}

/// Advances the epoch of its engines every millisecond. Its thread ends when this is dropped.
struct Ticker {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    fn start(engines: Vec<wasmtime::Engine>) -> std::io::Result<Self> {
        let (stop, stopped) = mpsc::channel::<()>();
        let thread = std::thread::Builder::new()
            .name("policy-clock".to_owned())
            .spawn(move || {
                while stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                    for engine in &engines {
                        engine.increment_epoch();
                    }
                }
            })?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It only sleeps and counts, so there is no panic to hear of.
            let _ = thread.join();
        }
    }
}
