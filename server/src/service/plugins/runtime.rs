//! Where plugins of organisations are compiled and configured: off the path of requests, and bounded.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::OrgId;
use oneclaw_policy_host::{Background, Busy, Configured, Engine, Failure, Plugin, World};
use oneclaw_store::Store;
use sha2::{Digest, Sha256};
use tokio::sync::{Semaphore, oneshot};

use crate::service::error::{Result, ServiceError};

/// Uploads that may wait to be looked at.
const WAITING: usize = 16;
/// Components that are made ready at one time because a decision asks for them.
const LOADING: usize = 2;
/// How long somebody who uploads or attaches waits.
const PATIENCE: Duration = Duration::from_secs(25);

/// Makes plugins ready.
#[derive(Debug)]
pub struct PluginRuntime {
    engine: Engine,
    store: Store,
    /// What is uploaded, and what is tried before it is attached.
    workbench: Background,
    /// Snapshots, apart, so that none waits for an upload.
    snapshots: Background,
    loading: Semaphore,
    busy: Mutex<HashSet<OrgId>>,
}

/// An organisation has one piece of work on the bench at a time, so that none keeps the others waiting.
#[derive(Debug)]
struct Turn<'a> {
    runtime: &'a PluginRuntime,
    org: OrgId,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut busy = self
            .runtime
            .busy
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        busy.remove(&self.org);
    }
}

impl PluginRuntime {
    /// Starts the threads.
    ///
    /// # Errors
    /// When there are none to be had.
    pub fn new(engine: Engine, store: Store) -> std::io::Result<Self> {
        Ok(Self {
            engine,
            store,
            workbench: Background::start("plugin-workbench", WAITING)?,
            snapshots: Background::start("plugin-snapshots", 1024)?,
            loading: Semaphore::new(LOADING),
            busy: Mutex::default(),
        })
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Does long work for an organisation, at a low priority, and waits for it.
    ///
    /// # Errors
    /// [`ServiceError::TooManyRequests`] while other work of the organisation is done, [`ServiceError::StillBusy`] when
    /// too much waits or it takes too long. Work that has begun is done to its end all the same.
    pub async fn on_the_bench<T: Send + 'static>(
        self: &Arc<Self>,
        org: OrgId,
        work: impl FnOnce(&Engine) -> T + Send + 'static,
    ) -> Result<T> {
        if !self.take_turn(org) {
            return Err(ServiceError::TooManyRequests {
                retry_after_seconds: 1,
            });
        }
        let (sender, receiver) = oneshot::channel();
        let runtime = Arc::clone(self);
        let queued = self.workbench.submit(move || {
            // Held until the work is done, whether or not somebody still waits for it.
            let turn = Turn {
                runtime: &runtime,
                org,
            };
            let outcome = work(&turn.runtime.engine);
            drop(turn);
            // Nobody waits any more: then nobody needs to know.
            let _ = sender.send(outcome);
        });
        if queued == Err(Busy) {
            drop(Turn { runtime: self, org });
            return Err(busy("too many plugins wait to be compiled"));
        }
        match tokio::time::timeout(PATIENCE, receiver).await {
            Ok(Ok(outcome)) => Ok(outcome),
            Ok(Err(_)) => Err(ServiceError::Internal(
                "work on a plugin ended without a result".to_owned(),
            )),
            Err(_) => Err(busy(
                "the plugin is being compiled, and what is done of it is kept",
            )),
        }
    }

    fn take_turn(&self, org: OrgId) -> bool {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        busy.insert(org)
    }

    /// A component of an organisation, compiled. Those that are in use are found at once, others are read from the
    /// database and compiled, or found compiled on disk.
    ///
    /// # Errors
    /// Why it is not to be had.
    pub async fn load(
        &self,
        org: OrgId,
        digest: &str,
    ) -> std::result::Result<Arc<Plugin>, Failure> {
        let failed = |detail: String| Failure::new(NOT_LOADED, detail);
        let bytes = match self.store.plugin_component(org, digest).await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Err(failed("its component is not in the database".to_owned())),
            Err(error) => return Err(failed(error.to_string())),
        };
        if hex::encode(Sha256::digest(&bytes)) != digest {
            return Err(failed(
                "its component is not the one that was uploaded".to_owned(),
            ));
        }
        let _place = self.loading.acquire().await;
        let engine = self.engine.clone();
        match tokio::task::spawn_blocking(move || engine.load_aside(&bytes)).await {
            Ok(Ok(plugin)) => Ok(plugin),
            Ok(Err(error)) => Err(failed(error.to_string())),
            Err(error) => Err(failed(error.to_string())),
        }
    }

    /// Has a plugin take settings in.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn configure(
        &self,
        plugin: &Arc<Plugin>,
        world: World,
        org: OrgId,
        settings: &str,
    ) -> std::result::Result<Arc<Configured>, Failure> {
        let failed = |detail: String| Failure::new("internal/configure-failed", detail);
        let (engine, plugin) = (self.engine.clone(), Arc::clone(plugin));
        let settings = settings.to_owned();
        let work = move || configure(&engine, &plugin, world, org, &settings);
        match tokio::task::spawn_blocking(work).await {
            Ok(Ok(configured)) => Ok(configured),
            Ok(Err(error)) => Err(failed(error.to_string())),
            Err(error) => Err(failed(error.to_string())),
        }
    }

    /// Has a snapshot made of a configuration, some time.
    pub fn snapshot(&self, configured: Arc<Configured>) {
        let work = move || {
            if let Err(error) = configured.build_snapshot() {
                tracing::debug!(%error, "a plugin stays without snapshot");
            }
        };
        if self.snapshots.submit(work).is_err() {
            tracing::debug!("too many snapshots are waiting; decisions go on without");
        }
    }

    /// Compiles what was uploaded to other nodes lately. What is compiled lies on disk afterwards.
    ///
    /// # Errors
    /// What the database says.
    pub async fn catch_up(&self, now: Timestamp, progress: &mut CatchUp) -> Result<()> {
        // The clocks of nodes may differ, so that each round looks back further than the last one went.
        let since = now.plus_seconds(-LOOK_BACK_SECONDS);
        for (org, digest) in self.store.plugins_uploaded_after(since, ROUND).await? {
            if !progress.seen.insert(digest.clone()) {
                continue;
            }
            let Some(bytes) = self.store.plugin_component(org, &digest).await? else {
                continue;
            };
            let engine = self.engine.clone();
            let (sender, done) = oneshot::channel::<()>();
            let work = move || {
                let _ends_with_the_work = sender;
                if let Err(error) = engine.load_aside(&bytes) {
                    tracing::warn!(digest, %error, "an uploaded plugin cannot be made ready here");
                }
            };
            if self.workbench.submit(work).is_ok() {
                // Always an error: the other end is dropped, whether the work is done or has panicked.
                let _ = done.await;
            }
        }
        if progress.seen.len() > MOST_SEEN {
            progress.seen.clear();
        }
        Ok(())
    }
}

/// How far back a round looks, in seconds.
const LOOK_BACK_SECONDS: i64 = 300;
/// Components in a round.
const ROUND: i64 = 64;
/// Digests that are remembered from round to round.
const MOST_SEEN: usize = 10_000;

/// What was made ready already.
#[derive(Debug, Default)]
pub struct CatchUp {
    seen: HashSet<String>,
}

/// Why an attached plugin is not there.
pub(in crate::service) const NOT_LOADED: &str = "internal/plugin-not-loaded";

/// Configures for a world.
pub(super) fn configure(
    engine: &Engine,
    plugin: &Arc<Plugin>,
    world: World,
    org: OrgId,
    settings: &str,
) -> std::result::Result<Arc<Configured>, oneclaw_policy_host::ConfigureError> {
    match world {
        World::AccessPolicy => engine.configure(plugin, org, settings),
        World::TransactionGuardrail => engine.configure_guardrail(plugin, org, settings),
    }
}

fn busy(detail: &'static str) -> ServiceError {
    ServiceError::StillBusy {
        detail,
        retry_after_seconds: 5,
    }
}
