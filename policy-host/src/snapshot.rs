//! Snapshots: a component whose memory at start is that of an instance which has taken its settings in.
//!
//! Wizer gives the component the means to read its own memory and globals, the instance is configured here, and Wizer
//! writes a component that begins where that instance stood. The first step depends on the plugin alone and its result
//! is compiled once; what a change of settings costs is one run of `configure` and one compilation.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use sha2::{Digest, Sha256};
use wasmtime::Store;
use wasmtime::component::{Instance, Lift, WasmList};
use wasmtime_wizer::{ComponentInstanceState, Wizer};

use crate::artefacts;
use crate::cage::{self, Budget, Cage};
use crate::catch;
use crate::engine::Shared;
use crate::error::SnapshotError;
use crate::failure::{CONFIGURE_FAILED, Failure};
use crate::plugin::Plugin;
use crate::ready::Ready;

/// The instrumentation grows the memory by one page to have room for its answer.
const SPARE_MEMORY_BYTES: u64 = 64 << 10;

/// Makes a snapshot of `plugin` with `settings`, ready to serve.
pub(crate) fn make(
    shared: &Shared,
    plugin: &Plugin,
    settings: &str,
) -> Result<Ready, SnapshotError> {
    catch::panics(|| try_make(shared, plugin, settings)).map_err(SnapshotError::Unsupported)?
}

fn try_make(shared: &Shared, plugin: &Plugin, settings: &str) -> Result<Ready, SnapshotError> {
    let wizer = Wizer::new();
    let (context, instrumented) = wizer
        .instrument_component(&plugin.bytes)
        .map_err(unsupported)?;
    let ready = match plugin.instrumented.get() {
        Some(ready) => ready,
        None => {
            let ready = compile_instrumented(shared, &instrumented).map_err(unsupported)?;
            plugin.instrumented.get_or_init(|| ready)
        }
    };

    let mut state = configure(shared, ready, settings)?;
    let snapshot = poll_once(wizer.snapshot_component(&context, &mut state))
        .ok_or_else(|| SnapshotError::Unsupported("reading the memory did not end".to_owned()))?
        .map_err(unsupported)?;
    if let Some(error) = state.error {
        return Err(SnapshotError::Unsupported(error));
    }
    compile(shared, &snapshot).map_err(unsupported)
}

fn unsupported(error: wasmtime::Error) -> SnapshotError {
    SnapshotError::Unsupported(format!("{error:#}"))
}

fn compile_instrumented(shared: &Shared, wasm: &[u8]) -> wasmtime::Result<Ready> {
    let digest = hex::encode(Sha256::digest(wasm));
    let workshop = &shared.workshop.engine;
    let component = artefacts::compile(shared.artefacts.as_ref(), workshop, &digest, wasm)?;
    Ready::new(shared.workshop.linker.instantiate_pre(&component)?)
}

/// Compiles in the workshop, on one thread, for the serving engine: both generate the same code.
fn compile(shared: &Shared, wasm: &[u8]) -> wasmtime::Result<Ready> {
    let code = shared.workshop.engine.precompile_component(wasm)?;
    let component = artefacts::revive(&shared.serving.engine, &code)?;
    component.initialize_copy_on_write_image()?;
    Ready::new(shared.serving.linker.instantiate_pre(&component)?)
}

fn configure(shared: &Shared, ready: &Ready, settings: &str) -> Result<Configuring, SnapshotError> {
    let limits = &shared.limits;
    let mut store = cage::store_with_spare_memory(
        &shared.workshop.engine,
        limits,
        Budget::configure(limits),
        SPARE_MEMORY_BYTES,
    )
    .map_err(unsupported)?;
    let taken = ready.instantiate(&mut store).and_then(|instance| {
        let taken = ready.configure(&mut store, &instance, settings)?;
        Ok((instance, taken))
    });
    match taken {
        Ok((instance, Ok(_))) => {
            // The whole memory is read as one answer.
            let bytes = limits.memory_bytes().saturating_add(SPARE_MEMORY_BYTES);
            store.set_hostcall_fuel(usize::try_from(bytes).unwrap_or(usize::MAX));
            Ok(Configuring {
                store,
                instance,
                error: None,
            })
        }
        Ok((_, Err(_))) => Err(SnapshotError::Configure(Failure::new(
            CONFIGURE_FAILED,
            "the plugin now refuses settings it had accepted",
        ))),
        Err(error) => Err(SnapshotError::Configure(Failure::of(&error, store.data()))),
    }
}

/// The configured instance, as Wizer wants to read it. It has no way to be told of an error, so the first one is kept
/// and the snapshot thrown away.
struct Configuring {
    store: Store<Cage>,
    instance: Instance,
    error: Option<String>,
}

impl Configuring {
    fn call<R, T>(
        &mut self,
        instance: &str,
        func: &str,
        read: impl FnOnce(&Store<Cage>, &R) -> T,
    ) -> Option<T>
    where
        R: Lift + 'static,
    {
        match self.try_call(instance, func, read) {
            Ok(value) => Some(value),
            Err(error) => {
                self.error.get_or_insert(format!("{error:#}"));
                None
            }
        }
    }

    fn try_call<R, T>(
        &mut self,
        instance: &str,
        func: &str,
        read: impl FnOnce(&Store<Cage>, &R) -> T,
    ) -> wasmtime::Result<T>
    where
        R: Lift + 'static,
    {
        let missing = || wasmtime::Error::msg(format!("no function `{func}` in `{instance}`"));
        let store = &mut self.store;
        let of = self
            .instance
            .get_export_index(&mut *store, None, instance)
            .ok_or_else(missing)?;
        let at = self
            .instance
            .get_export_index(&mut *store, Some(&of), func)
            .ok_or_else(missing)?;
        let function = self.instance.get_typed_func::<(), (R,)>(&mut *store, at)?;
        cage::arm(
            store,
            Budget {
                fuel: 1_000_000,
                ticks: 1000,
            },
        )?;
        let (value,) = function.call(&mut *store, ())?;
        Ok(read(store, &value))
    }
}

impl ComponentInstanceState for Configuring {
    async fn call_func_ret_list_u8(
        &mut self,
        instance: &str,
        func: &str,
        contents: impl FnOnce(&[u8]) + Send,
    ) {
        self.call(instance, func, |store, list: &WasmList<u8>| {
            contents(list.as_le_slice(store));
        });
    }

    async fn call_func_ret_s32(&mut self, instance: &str, func: &str) -> i32 {
        self.call(instance, func, |_, value| *value)
            .unwrap_or_default()
    }

    async fn call_func_ret_s64(&mut self, instance: &str, func: &str) -> i64 {
        self.call(instance, func, |_, value| *value)
            .unwrap_or_default()
    }

    async fn call_func_ret_f32(&mut self, instance: &str, func: &str) -> u32 {
        self.call(instance, func, |_, value: &f32| value.to_bits())
            .unwrap_or_default()
    }

    async fn call_func_ret_f64(&mut self, instance: &str, func: &str) -> u64 {
        self.call(instance, func, |_, value: &f64| value.to_bits())
            .unwrap_or_default()
    }
}

/// Nothing above ever waits, so one poll is enough.
fn poll_once<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}
